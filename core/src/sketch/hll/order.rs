//! Entries in the order of their indexes, as they are stored.
//!
//! An index is bits of a hash. Distributed over bins by the highest ten of them, nearly every entry is in
//! order, and the few others are a step away from their position. Where one bin has many entries, as when
//! hashes were chosen for it, they are sorted by comparison.

use super::entry::index;
use super::layout::INDEX_BITS;

const BIN_BITS: u32 = 10;
const BINS: usize = 1 << BIN_BITS;

/// Fewer are sorted by comparison in less time than bins are counted.
const FEW: usize = 64;

/// More are in one bin only when hashes were chosen for it.
const MAX_IN_BIN: u16 = 32;

pub(super) fn sort(entries: Vec<u32>) -> Vec<u32> {
    if entries.len() < FEW {
        return by_comparing(entries);
    }
    let bin = |entry: u32| (index(entry) >> (INDEX_BITS - BIN_BITS)) as usize;
    let mut bins = [0u16; BINS];
    for entry in &entries {
        if let Some(count) = bins.get_mut(bin(*entry)) {
            *count += 1;
        }
    }
    if bins.iter().any(|count| *count > MAX_IN_BIN) {
        return by_comparing(entries);
    }
    // From the number of a bin's entries to the position of the first of them.
    let mut before = 0;
    for count in &mut bins {
        before += std::mem::replace(count, before);
    }
    let mut sorted = vec![0; entries.len()];
    for entry in entries {
        if let Some(position) = bins.get_mut(bin(entry)) {
            if let Some(free) = sorted.get_mut(usize::from(*position)) {
                *free = entry;
            }
            *position += 1;
        }
    }
    for end in 2..=sorted.len() {
        step_down(sorted.get_mut(..end).unwrap_or_default());
    }
    sorted
}

fn by_comparing(mut entries: Vec<u32>) -> Vec<u32> {
    entries.sort_unstable_by_key(|entry| index(*entry));
    entries
}

/// Moves the last to its position among those before it, which are in order.
#[inline]
fn step_down(mut entries: &mut [u32]) {
    while let [.., before, last] = entries {
        if index(*before) < index(*last) {
            return;
        }
        std::mem::swap(before, last);
        let [shorter @ .., _] = entries else { return };
        entries = shorter;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::hll::entry::entry_of_hash;
    use crate::sketch::hll::layout::MAX_INDEX;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn check(indexes: impl Iterator<Item = u64>) {
        let by_index: BTreeMap<u32, u32> = indexes
            .map(entry_of_hash)
            .map(|entry| (index(entry), entry))
            .collect();
        let mut entries: Vec<u32> = by_index.values().copied().collect();
        entries.reverse();
        let middle = entries.len() / 3;
        entries.rotate_left(middle);
        assert_eq!(sort(entries), by_index.into_values().collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn any_entries_come_in_the_order_of_their_indexes(
            hashes in prop::collection::vec(any::<u64>(), 0..2_560),
        ) {
            check(hashes.into_iter());
        }
    }

    #[test]
    fn entries_chosen_to_share_a_bin_are_sorted() {
        for (first, step) in [
            (0, 1),
            (5 << 15, 1),
            (u64::from(MAX_INDEX) - 2_560, 1),
            (0, 1 << 10),
        ] {
            check((0..2_560).map(|n| first + n * step));
        }
    }
}
