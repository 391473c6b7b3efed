//! Which buckets have counted every event of another one: `analytics_core::apply` skips what that makes
//! redundant.
//!
//! A new bucket is contained in the coarser buckets on which the site has handles at that time: as long as
//! both handles last, every event that goes into the one goes into the other, and nothing else writes into
//! it. A handle on another bucket, or on one that left its key or was imported into, gets another number,
//! and its record begins anew.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use analytics_core::time::{Granularities, Granularity};

static LAST_NUMBER: AtomicU64 = AtomicU64::new(0);

/// How many records have begun: one for each handle that is taken on a bucket whose history is unknown.
pub fn records_begun() -> u64 {
    LAST_NUMBER.load(Relaxed)
}

/// The numbers of the handles on the buckets that an event goes to; 0 where there is none.
pub type HandleNumbers = [u64; Granularity::COUNT];

/// The handles of the last path, and for each the coarser buckets that contain it: most events take the
/// path of the event before.
#[derive(Default)]
pub struct LastPath {
    pub handles: HandleNumbers,
    contained_in: [Granularities; Granularity::COUNT],
}

impl LastPath {
    /// The index from which on these handles are those of the last path.
    pub fn coarsest_like(&self, handles: &HandleNumbers) -> usize {
        let mut pairs = self.handles.iter().zip(handles);
        pairs
            .rposition(|(last, handle)| last != handle)
            .map_or(0, |index| index + 1)
    }

    /// Sets another bucket of this granularity; the coarser ones stay.
    pub fn replace(&mut self, granularity: Granularity, handle: u64, contained_in: Granularities) {
        if let Some(last) = self.handles.get_mut(granularity.index()) {
            *last = handle;
        }
        self.set_contained_in(granularity, contained_in);
    }

    #[inline]
    pub fn contained_in(&self, granularity: Granularity) -> Granularities {
        let contained_in = self.contained_in.get(granularity.index());
        contained_in.copied().unwrap_or_default()
    }

    pub fn set_contained_in(&mut self, granularity: Granularity, contained_in: Granularities) {
        if let Some(last) = self.contained_in.get_mut(granularity.index()) {
            *last = contained_in;
        }
    }
}

/// The record of one handle.
#[derive(Default)]
pub struct ContainmentRecord {
    number: u64,
    /// The handles on coarser buckets that have counted every event of this one.
    handles: HandleNumbers,
    contained_in: Granularities,
}

impl ContainmentRecord {
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The coarser granularities that contain the bucket, by the last update. An update only removes some.
    #[inline]
    pub fn contained_in(&self) -> Granularities {
        self.contained_in
    }

    /// Begins the record of a bucket whose history is unknown.
    pub fn begin(&mut self) {
        self.number = LAST_NUMBER.fetch_add(1, Relaxed) + 1;
        self.handles = HandleNumbers::default();
        self.contained_in = Granularities::NONE;
    }

    /// To be called before an event goes into this bucket and into those of `handles`. Returns the coarser
    /// granularities that contain it, including that event.
    #[inline]
    pub fn update(
        &mut self,
        granularity: Granularity,
        handles: &HandleNumbers,
        is_new: bool,
    ) -> Granularities {
        let coarser = granularity.index() + 1..;
        if is_new || self.handles.get(coarser.clone()) != handles.get(coarser.clone()) {
            let mut contained_in = Granularities::NONE;
            let each = self.handles.iter_mut().zip(handles).zip(Granularity::ALL);
            for ((known, handle), other) in each.skip(coarser.start) {
                let is_kept = is_new || *known == *handle;
                *known = if is_kept { *handle } else { 0 };
                contained_in.add_if(*known != 0, other);
            }
            self.contained_in = contained_in;
        }
        self.contained_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Granularity::{Day, Hour, Minute, Month, Week};

    const ALL: HandleNumbers = [1, 2, 3, 4, 5];

    fn set(granularities: &[Granularity]) -> Granularities {
        granularities.iter().copied().collect()
    }

    fn new() -> ContainmentRecord {
        let mut record = ContainmentRecord::default();
        record.begin();
        assert_eq!(
            record.update(Minute, &ALL, true),
            set(&[Hour, Day, Week, Month])
        );
        record
    }

    #[test]
    fn a_new_bucket_is_contained_in_the_coarser_ones_with_handles() {
        let mut record = new();
        assert_eq!(
            record.update(Minute, &ALL, false),
            set(&[Hour, Day, Week, Month])
        );
        let mut record = ContainmentRecord::default();
        assert_eq!(record.update(Day, &[1, 2, 3, 0, 5], true), set(&[Month]));
        assert_eq!(record.update(Month, &ALL, true), Granularities::NONE);
    }

    #[test]
    fn a_bucket_that_missed_an_event_contains_nothing_any_more() {
        let mut record = new();
        assert_eq!(
            record.update(Minute, &[1, 0, 3, 9, 5], false),
            set(&[Day, Month])
        );
        assert_eq!(record.update(Minute, &ALL, false), set(&[Day, Month]));
    }

    #[test]
    fn a_handle_that_is_taken_anew_begins_a_new_record() {
        let mut record = new();
        let number = record.number();
        record.begin();
        assert_ne!(record.number(), number);
        assert_eq!(record.update(Minute, &ALL, false), Granularities::NONE);
    }
}
