//! Where events go, by their time: the one cache from a time to the buckets of a site's directory.
//!
//! ```text
//! minute   09:15  09:16        a table by the minute of a time; an entry may hold a path of another minute
//! path       0      1          a bucket in each granularity, and the times of its events
//! ```
//!
//! An entry is valid if the path's times contain the time; else the path is searched by its buckets.

use std::num::NonZeroU32;

use analytics_core::prefetch::{prefetch, prefetch_slice};
use analytics_core::time::{DayNumber, Granularities, Granularity, Range, MINUTE};

/// The place of a bucket in its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketIndex(NonZeroU32);

impl BucketIndex {
    pub fn new(place: usize) -> Option<BucketIndex> {
        NonZeroU32::new(u32::try_from(place).ok()?.checked_add(1)?).map(BucketIndex)
    }

    #[inline]
    pub fn of<T>(self, buckets: &[T]) -> Option<&T> {
        buckets.get(self.0.get() as usize - 1)
    }

    #[inline]
    pub fn of_mut<T>(self, buckets: &mut [T]) -> Option<&mut T> {
        buckets.get_mut(self.0.get() as usize - 1)
    }
}

/// The buckets of an event, by granularity; None where the site keeps none, or the event is too late.
pub type Buckets = [Option<BucketIndex>; Granularity::COUNT];

#[derive(Debug, Clone, Copy)]
pub struct BucketPath {
    pub buckets: Buckets,
    /// The day of all of them in the zone of the site, where that remembers people.
    pub day: DayNumber,
    /// All events of these times go there.
    pub times: Range,
    /// The command that last used it, and its number there.
    pub used: (u64, u32),
}

#[inline]
pub fn bucket_at(buckets: &Buckets, granularity: Granularity) -> Option<BucketIndex> {
    buckets.get(granularity.index()).copied().flatten()
}

/// The finest bucket on a path.
#[inline]
pub fn finest(buckets: &Buckets) -> Option<BucketIndex> {
    buckets.iter().copied().flatten().next()
}

/// Whether these paths have the same coarser buckets, and a minute each.
#[inline]
pub fn share_all_but_minute(one: &Buckets, other: &Buckets) -> bool {
    let ([minute, coarser @ ..], [other_minute, others @ ..]) = (one, other);
    minute.is_some() && other_minute.is_some() && coarser == others
}

/// Paths, and the granularities in which they do not all lead to the same bucket.
#[derive(Debug, Default)]
pub struct Split(Granularities);

impl Split {
    pub fn clear(&mut self) {
        self.0 = Granularities::NONE;
    }

    pub fn compare(&mut self, first: &Buckets, other: &Buckets) {
        for (granularity, (a, b)) in Granularity::ALL.into_iter().zip(first.iter().zip(other)) {
            self.0.add_if(a != b, granularity);
        }
    }

    #[inline]
    pub fn at(&self, granularity: Granularity) -> bool {
        self.0.has(granularity)
    }
}

#[derive(Debug, Default)]
pub struct PathCache {
    paths: Vec<BucketPath>,
    /// By minute; a power of two of them.
    table: Vec<u32>,
}

/// The number of no path.
pub const NO_PATH: u32 = u32::MAX;

/// No less than an hour has, so that each of its minutes has an entry of its own.
const SMALLEST_TABLE: usize = 64;
const LARGEST_TABLE: usize = 1 << 14;

impl PathCache {
    #[inline]
    pub fn find(&self, time: i64) -> Option<u32> {
        let path = *self.table.get(self.entry(time))?;
        let is_it = |it: &BucketPath| it.times.contains(time);
        self.paths.get(path as usize).filter(|it| is_it(it))?;
        Some(path)
    }

    /// Prefetches what is read of a path at about this time.
    #[inline]
    pub fn prefetch(&self, time: i64) {
        self.table
            .get(self.entry(time))
            .inspect(|entry| prefetch(*entry));
        prefetch_slice(&self.paths);
    }

    #[inline]
    pub fn get(&self, path: u32) -> Option<&BucketPath> {
        self.paths.get(path as usize)
    }

    #[inline]
    pub fn get_mut(&mut self, path: u32) -> Option<&mut BucketPath> {
        self.paths.get_mut(path as usize)
    }

    /// The buckets of the path that the last command used.
    pub fn last_used(&self) -> Option<Buckets> {
        let last = self.paths.iter().max_by_key(|path| path.used.0);
        last.map(|path| path.buckets)
    }

    /// The path to these buckets, which events of `time` take. It may be there already, found by another
    /// minute, unless one of its buckets is new.
    pub fn put(
        &mut self,
        time: i64,
        (buckets, day): (Buckets, DayNumber),
        times: Range,
        is_new: bool,
    ) -> u32 {
        let is_it = |it: &BucketPath| it.buckets == buckets && it.day == day;
        let found = self.paths.iter().rposition(|it| !is_new && is_it(it));
        let path = match found {
            Some(path) => path as u32,
            None => {
                self.paths.push(BucketPath {
                    buckets,
                    day,
                    times,
                    used: (0, 0),
                });
                self.grow();
                self.paths.len() as u32 - 1
            }
        };
        let entry = self.entry(time);
        if let Some(entry) = self.table.get_mut(entry) {
            *entry = path;
        }
        path
    }

    pub fn clear(&mut self) {
        *self = PathCache::default();
    }

    #[inline]
    fn entry(&self, time: i64) -> usize {
        time.div_euclid(MINUTE) as usize & self.table.len().wrapping_sub(1)
    }

    fn grow(&mut self) {
        let len = (2 * self.paths.len()).next_power_of_two();
        let len = len.clamp(SMALLEST_TABLE, LARGEST_TABLE);
        if self.table.len() >= len {
            return;
        }
        self.table.clear();
        self.table.resize(len, NO_PATH);
        for path in 0..self.paths.len() {
            let entry = self.paths.get(path).map(|it| self.entry(it.times.from));
            if let Some(entry) = entry.and_then(|entry| self.table.get_mut(entry)) {
                *entry = path as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * MINUTE;

    fn minute(number: i64) -> Range {
        Range::new(number * MINUTE, (number + 1) * MINUTE)
    }

    fn buckets(minute: usize) -> Buckets {
        [minute, 90, 91, 92, 93].map(BucketIndex::new)
    }

    #[test]
    fn a_minute_is_found_by_any_of_its_times_and_by_no_other() {
        let mut paths = PathCache::default();
        assert_eq!(paths.find(0), None);
        for number in [0, 63, -1, 64] {
            let Range { from, to } = minute(number);
            let path = paths.put(
                from + 7,
                (buckets(number as usize & 0xff), 0),
                minute(number),
                false,
            );
            for time in [from, from + 1, to - 1] {
                assert_eq!(paths.find(time), Some(path), "{time}");
            }
            for time in [from - 1, to, from + HOUR, from + 64 * MINUTE] {
                assert_ne!(paths.find(time), Some(path), "{time}");
            }
        }
    }

    #[test]
    fn a_path_over_an_hour_is_there_once() {
        let mut paths = PathCache::default();
        let hour = Range::new(0, HOUR);
        for number in 0..60 {
            assert_eq!(paths.put(number * MINUTE, (buckets(1), 0), hour, false), 0);
        }
        assert_eq!(paths.paths.len(), 1);
        assert_eq!(paths.find(59 * MINUTE), Some(0));
        assert_eq!(paths.find(HOUR), None);
    }

    #[test]
    fn each_of_many_minutes_is_found() {
        let mut paths = PathCache::default();
        for number in 0..5_000 {
            let path = paths.put(
                number * MINUTE,
                (buckets(number as usize), 0),
                minute(number),
                true,
            );
            assert_eq!(path, number as u32);
        }
        for number in 0..5_000 {
            assert_eq!(paths.find(number * MINUTE), Some(number as u32));
        }
    }

    #[test]
    fn paths_are_split_where_their_buckets_differ() {
        let mut split = Split::default();
        split.compare(&buckets(1), &buckets(1));
        split.compare(&buckets(1), &buckets(2));
        let found = Granularity::ALL.map(|granularity| split.at(granularity));
        assert_eq!(found, [true, false, false, false, false]);
        assert!(share_all_but_minute(&buckets(1), &buckets(2)));
        let mut late = buckets(1);
        late[0] = None;
        assert!(!share_all_but_minute(&late, &buckets(1)));
        assert_eq!(finest(&late), BucketIndex::new(90));
    }
}
