//! The paths of a cache whose events, or visits that begin there, may wait, and their buckets.

use super::path_cache::{BucketIndex, Buckets};
use analytics_core::prefetch::prefetch_slice;

#[derive(Default)]
pub struct TakenPaths {
    /// By the number of a path in the cache: the last call with an event on it. None where the path is not
    /// taken.
    calls: Vec<Option<u64>>,
    count: usize,
    used: Vec<BucketIndex>,
}

const MOST: usize = 64;

impl TakenPaths {
    /// Takes a path. False where that would be too many.
    pub fn take(&mut self, number: u32, buckets: &Buckets, call: u64) -> bool {
        if self.takes(number) {
            return true;
        }
        if self.count >= MOST {
            return false;
        }
        let place = number as usize;
        if self.calls.len() <= place {
            self.calls.resize(place + 1, None);
        }
        if let Some(last) = self.calls.get_mut(place) {
            *last = Some(call);
        }
        self.count += 1;
        for index in buckets.iter().copied().flatten() {
            if !self.used.contains(&index) {
                self.used.push(index);
            }
        }
        true
    }

    /// Prefetches what `takes` reads.
    #[inline]
    pub fn prefetch(&self) {
        prefetch_slice(&self.calls);
    }

    #[inline]
    pub fn takes(&self, number: u32) -> bool {
        self.calls.get(number as usize).is_some_and(Option::is_some)
    }

    /// Sets the last call of a path. Returns whether it was another one.
    #[inline]
    pub fn enter_call(&mut self, call: u64, number: u32) -> bool {
        let last = self.calls.get_mut(number as usize).and_then(Option::as_mut);
        last.is_some_and(|last| std::mem::replace(last, call) != call)
    }

    /// The buckets of all of them.
    pub fn used(&self) -> &[BucketIndex] {
        &self.used
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn clear(&mut self) {
        self.calls.clear();
        self.count = 0;
        self.used.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(place: usize) -> Buckets {
        [Some(place), None, None, None, Some(1_000)].map(|it| it.and_then(BucketIndex::new))
    }

    #[test]
    fn no_more_than_the_most_are_taken_and_their_buckets_are_there_once() {
        let mut paths = TakenPaths::default();
        assert!(paths.is_empty());
        for number in 0..MOST as u32 {
            assert!(paths.take(3 * number, &buckets(number as usize), 0));
        }
        assert!(!paths.take(1, &buckets(999), 0) && !paths.takes(1));
        assert!(paths.take(3, &buckets(999), 0) && paths.takes(3));
        assert_eq!(paths.used().len(), MOST + 1);
        paths.clear();
        assert!(paths.is_empty() && !paths.takes(3) && paths.used().is_empty());
    }

    #[test]
    fn the_first_event_of_a_call_is_found_once_a_path() {
        let mut paths = TakenPaths::default();
        assert!(paths.take(0, &buckets(0), 7) && paths.take(1, &buckets(1), 7));
        let set = [(7, 0), (8, 0), (8, 0), (8, 1), (8, 2)];
        let found = set.map(|(call, number)| paths.enter_call(call, number));
        assert_eq!(found, [false, true, false, true, false]);
    }
}
