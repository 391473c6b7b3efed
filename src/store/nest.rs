//! Which buckets have counted all that another one has; `domain::bucket::KnownIn` says what for.
//!
//! A site knows that of a bucket that it made itself, of those that it held on to by then: as long as it
//! holds on to both, every event that goes into the one goes into the other, and nobody else writes into
//! it. The hold on another bucket, or on one that was away or was imported into, gets another number, and
//! all is forgotten.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use analytics_core::time::{Granularities, Granularity};

/// The numbers of the holds on the buckets that an event goes to; 0 where there is none.
pub type Holds = [u64; Granularity::COUNT];

/// The holds that were settled last, and for each what lies around its bucket: most events go where the
/// last one went.
#[derive(Default)]
pub struct Settled {
    pub holds: Holds,
    around: [Granularities; Granularity::COUNT],
}

impl Settled {
    /// The place from which on these holds are those that were settled.
    pub fn coarsest_like(&self, holds: &Holds) -> usize {
        let mut pairs = self.holds.iter().zip(holds);
        pairs
            .rposition(|(settled, hold)| settled != hold)
            .map_or(0, |place| place + 1)
    }

    /// Another bucket of this granularity was settled, in the same coarser ones.
    pub fn turn_to(&mut self, granularity: Granularity, hold: u64, around: Granularities) {
        if let Some(place) = self.holds.get_mut(granularity.index()) {
            *place = hold;
        }
        self.set_around(granularity, around);
    }

    #[inline]
    pub fn around(&self, granularity: Granularity) -> Granularities {
        let around = self.around.get(granularity.index());
        around.copied().unwrap_or_default()
    }

    pub fn set_around(&mut self, granularity: Granularity, around: Granularities) {
        if let Some(place) = self.around.get_mut(granularity.index()) {
            *place = around;
        }
    }
}

#[derive(Default)]
pub struct Nest {
    number: Cell<u64>,
    /// The holds on buckets that have counted all that this one has.
    holds: Cell<Holds>,
    around: Cell<Granularities>,
}

impl Nest {
    pub fn number(&self) -> u64 {
        self.number.get()
    }

    /// The coarser ones that have counted all that this one has, by what was settled last. They only
    /// ever get fewer.
    #[inline]
    pub fn around(&self) -> Granularities {
        self.around.get()
    }

    /// Of a bucket of which nothing is known.
    pub fn begin(&self) {
        static LAST: AtomicU64 = AtomicU64::new(0);
        self.number.set(LAST.fetch_add(1, Relaxed) + 1);
        self.holds.set(Holds::default());
        self.around.set(Granularities::NONE);
    }

    /// Before an event goes into this bucket, of that granularity, and into those of these holds. The
    /// coarser ones that have counted, and will have, all that this one has.
    #[inline]
    pub fn settle(&self, granularity: Granularity, holds: &Holds, is_new: bool) -> Granularities {
        let mut known = self.holds.get();
        let coarser = granularity.index() + 1..;
        if is_new || known.get(coarser.clone()) != holds.get(coarser.clone()) {
            let mut around = Granularities::NONE;
            let each = known.iter_mut().zip(holds).zip(Granularity::ALL);
            for ((known, hold), other) in each.skip(coarser.start) {
                let is_kept = is_new || *known == *hold;
                *known = if is_kept { *hold } else { 0 };
                around.add_if(*known != 0, other);
            }
            self.holds.set(known);
            self.around.set(around);
        }
        self.around.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Granularity::{Day, Hour, Minute, Month, Week};

    const ALL: Holds = [1, 2, 3, 4, 5];

    fn set(granularities: &[Granularity]) -> Granularities {
        granularities.iter().copied().collect()
    }

    fn new() -> Nest {
        let nest = Nest::default();
        nest.begin();
        assert_eq!(
            nest.settle(Minute, &ALL, true),
            set(&[Hour, Day, Week, Month])
        );
        nest
    }

    #[test]
    fn a_new_bucket_lies_in_the_coarser_ones_that_are_held() {
        let nest = new();
        assert_eq!(
            nest.settle(Minute, &ALL, false),
            set(&[Hour, Day, Week, Month])
        );
        let nest = Nest::default();
        assert_eq!(nest.settle(Day, &[1, 2, 3, 0, 5], true), set(&[Month]));
        assert_eq!(nest.settle(Month, &ALL, true), Granularities::NONE);
    }

    #[test]
    fn once_an_event_went_past_it_a_bucket_is_not_around_any_more() {
        let nest = new();
        assert_eq!(
            nest.settle(Minute, &[1, 0, 3, 9, 5], false),
            set(&[Day, Month])
        );
        assert_eq!(nest.settle(Minute, &ALL, false), set(&[Day, Month]));
    }

    #[test]
    fn nothing_is_known_of_a_bucket_that_is_taken_hold_of_anew() {
        let nest = new();
        let number = nest.number();
        nest.begin();
        assert_ne!(nest.number(), number);
        assert_eq!(nest.settle(Minute, &ALL, false), Granularities::NONE);
    }
}
