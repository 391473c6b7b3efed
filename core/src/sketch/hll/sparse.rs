//! The small form: a set of 25-bit entries in an open-addressing table.
//!
//! ```text
//! entries           table
//! up to 4           in the sketch itself: most sketches of a site have a few users
//! up to 1,280       slots of four bytes: `wide`
//! up to 2,560       slots of three bytes: `tight`, which take less memory and more time
//! ```
//!
//! The table follows from the entries, in whatever order they were added; except that entries chosen to
//! share a home may be in a wider table than they need.

use super::entry::index;
use super::layout::{Full, Probe, MAX_ENTRIES};
use super::order;
use super::registers::Registers;
use super::tight;
use super::wide::{self, INLINE};
use crate::memory::allocated;
use std::iter;

/// `len` counts the entries.
#[derive(Clone)]
pub(super) enum Sparse {
    Few { len: u16, slots: [u32; INLINE] },
    Many { len: u16, slots: Box<[u32]> },
    Tight { len: u16, slots: Box<[tight::Slot]> },
}

impl Default for Sparse {
    fn default() -> Sparse {
        Sparse::Few {
            len: 0,
            slots: [0; INLINE],
        }
    }
}

impl Sparse {
    pub(super) fn of(entries: &[u32]) -> Result<Sparse, Full> {
        let mut sparse = Sparse::fitting(entries.len())?;
        sparse.take(entries.iter().copied());
        Ok(sparse)
    }

    /// An empty table for so many entries.
    fn fitting(entries: usize) -> Result<Sparse, Full> {
        if entries > MAX_ENTRIES {
            return Err(Full);
        }
        let mut wide = wide::CAPACITIES.into_iter();
        if let Some(capacity) = wide.find(|c| entries <= wide::room(*c)) {
            return Ok(Sparse::wide(capacity));
        }
        let mut tight = tight::CAPACITIES.into_iter();
        let capacity = tight.find(|c| entries <= tight::room(*c)).ok_or(Full)?;
        Ok(Sparse::Tight {
            len: 0,
            slots: vec![[0; 3]; capacity].into_boxed_slice(),
        })
    }

    fn wide(capacity: usize) -> Sparse {
        if capacity <= INLINE {
            return Sparse::default();
        }
        Sparse::Many {
            len: 0,
            slots: vec![0; capacity].into_boxed_slice(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Sparse::Few { len, .. } | Sparse::Many { len, .. } | Sparse::Tight { len, .. } => {
                usize::from(*len)
            }
        }
    }

    #[inline]
    fn len_mut(&mut self) -> &mut u16 {
        match self {
            Sparse::Few { len, .. } | Sparse::Many { len, .. } | Sparse::Tight { len, .. } => len,
        }
    }

    /// None in a tight table.
    #[inline]
    fn slots(&self) -> &[u32] {
        match self {
            Sparse::Few { slots, .. } => slots,
            Sparse::Many { slots, .. } => slots,
            Sparse::Tight { .. } => &[],
        }
    }

    #[inline]
    fn room(&self) -> usize {
        match self {
            Sparse::Tight { slots, .. } => tight::room(slots.len()),
            _ => wide::room(self.slots().len()),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Sparse::Few { .. } => 0,
            Sparse::Many { slots, .. } => allocated(size_of_val(&**slots)),
            Sparse::Tight { slots, .. } => allocated(size_of_val(&**slots)),
        }
    }

    /// Raises every entry's register.
    pub(super) fn add_to(&self, registers: &mut Registers) {
        match self {
            Sparse::Tight { slots, .. } => tight::add_to(slots, registers),
            _ => wide::add_to(self.slots(), registers),
        }
    }

    /// Passes the entries to `take` by ascending index.
    pub(super) fn in_order(&self, take: impl FnOnce(&[u32])) {
        match self {
            Sparse::Few { len, slots } => {
                let mut few = *slots;
                // Empty slots come first, before an entry of index 0.
                few.sort_unstable_by_key(|slot| (index(*slot), *slot));
                let empty = INLINE.saturating_sub(usize::from(*len));
                take(few.get(empty..).unwrap_or_default());
            }
            Sparse::Many { slots, .. } => take(&order::sort(wide::collect(slots))),
            Sparse::Tight { slots, .. } => take(&order::sort(tight::iter(slots).collect())),
        }
    }

    /// The entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let tight: &[tight::Slot] = match self {
            Sparse::Tight { slots, .. } => slots,
            _ => &[],
        };
        wide::iter(self.slots()).chain(tight::iter(tight))
    }

    /// Adds an entry; of two with one index the larger rank stays. Returns whether anything changed.
    #[inline]
    pub(super) fn insert(&mut self, entry: u32) -> Result<bool, Full> {
        let (len, slots) = match self {
            Sparse::Few { len, slots } => (len, &mut slots[..]),
            Sparse::Many { len, slots } => (len, &mut slots[..]),
            Sparse::Tight { .. } => return self.insert_tight(entry),
        };
        match wide::probe(slots, entry) {
            Probe::Taken(at) => Ok(wide::raise(slots, at, entry)),
            Probe::Vacant(at) if usize::from(*len) < wide::room(slots.len()) => {
                *len += 1;
                wide::put(slots, at, entry);
                Ok(true)
            }
            Probe::Vacant(_) | Probe::Crowded => self.grow_and_insert(entry),
        }
    }

    #[inline(never)]
    fn insert_tight(&mut self, entry: u32) -> Result<bool, Full> {
        if let Sparse::Tight { len, slots } = self {
            match tight::probe(slots, entry) {
                Probe::Taken(at) => return Ok(tight::raise(slots, at, entry)),
                Probe::Vacant(at) if usize::from(*len) < tight::room(slots.len()) => {
                    *len += 1;
                    tight::put(slots, at, entry);
                    return Ok(true);
                }
                Probe::Vacant(_) | Probe::Crowded => {}
            }
        }
        self.grow_and_insert(entry)
    }

    /// Inserts an entry that is new and has no room in this table.
    #[cold]
    fn grow_and_insert(&mut self, entry: u32) -> Result<bool, Full> {
        self.make_room(self.len() + 1)?;
        self.take(iter::once(entry));
        Ok(true)
    }

    /// Adds all the entries of another table, or none when they would be too many.
    ///
    /// Counting first means growing once. It also keeps the probes short: entries that come in the
    /// order of their homes would fill the front of a table that is too small for all of them.
    pub(super) fn merge(&mut self, other: &Sparse) -> Result<(), Full> {
        if self.len() == 0 {
            // In a series most sketches are not merged with another: a copy costs a tenth of entry by entry.
            *self = other.clone();
            return Ok(());
        }
        let new = match other {
            Sparse::Tight { slots, .. } => self.count_new(tight::iter(slots)),
            _ => self.count_new(wide::iter(other.slots())),
        };
        self.make_room(self.len() + new)?;
        self.take_all(other);
        Ok(())
    }

    /// The same for a table that is only counted and never kept, so that it may be larger than its
    /// entries need: without counting first, most of the time, and wide, which is quicker.
    pub(super) fn absorb(&mut self, other: &Sparse) -> Result<(), Full> {
        let at_most = self.len() + other.len();
        if let Sparse::Tight { .. } = self {
            self.move_to(Sparse::wide(wide::WIDEST));
        }
        if at_most > MAX_ENTRIES {
            return self.merge(other);
        }
        if at_most > self.room() {
            let mut wide = wide::CAPACITIES.into_iter();
            let fitting = wide.find(|c| at_most <= wide::room(*c));
            self.move_to(Sparse::wide(fitting.unwrap_or(wide::WIDEST)));
        }
        self.take_all(other);
        Ok(())
    }

    /// Removes the entries but keeps the memory.
    pub(super) fn clear(&mut self) {
        if self.len() > 0 {
            match self {
                Sparse::Few { slots, .. } => slots.fill(0),
                Sparse::Many { slots, .. } => slots.fill(0),
                Sparse::Tight { slots, .. } => slots.fill([0; 3]),
            }
            *self.len_mut() = 0;
        }
    }

    fn count_new(&self, entries: impl Iterator<Item = u32>) -> usize {
        let is_taken = |probe| matches!(probe, Probe::Taken(_));
        match self {
            Sparse::Tight { slots, .. } => entries
                .filter(|entry| !is_taken(tight::probe(slots, *entry)))
                .count(),
            _ => {
                let slots = self.slots();
                entries
                    .filter(|entry| !is_taken(wide::probe(slots, *entry)))
                    .count()
            }
        }
    }

    /// Adds the entries of another table, for which there is room.
    fn take_all(&mut self, other: &Sparse) {
        match other {
            Sparse::Tight { slots, .. } => self.take(tight::iter(slots)),
            _ => self.take(wide::iter(other.slots())),
        }
    }

    fn take(&mut self, mut entries: impl Iterator<Item = u32>) {
        let mut crowded = None;
        if let Sparse::Tight { len, slots } = self {
            crowded = entries.find(|entry| match tight::insert(slots, *entry) {
                Some(is_new) => {
                    *len += u16::from(is_new);
                    false
                }
                None => true,
            });
            if crowded.is_none() {
                return;
            }
            self.move_to(Sparse::wide(wide::WIDEST));
        }
        // From here on it is wide.
        let (len, slots) = match self {
            Sparse::Few { len, slots } => (len, &mut slots[..]),
            Sparse::Many { len, slots } => (len, &mut slots[..]),
            Sparse::Tight { .. } => return,
        };
        for entry in crowded.into_iter().chain(entries) {
            *len += u16::from(wide::insert(slots, entry));
        }
    }

    #[cold]
    fn make_room(&mut self, entries: usize) -> Result<(), Full> {
        if entries > self.room() {
            self.move_to(Sparse::fitting(entries)?);
        }
        Ok(())
    }

    /// Moves the entries to an empty table that has room for them.
    fn move_to(&mut self, table: Sparse) {
        let old = std::mem::replace(self, table);
        self.take_all(&old);
    }
}

impl PartialEq for Sparse {
    fn eq(&self, other: &Sparse) -> bool {
        let get = |entry| match other {
            Sparse::Tight { slots, .. } => tight::get(slots, entry),
            _ => wide::get(other.slots(), entry),
        };
        self.len() == other.len() && self.iter().all(|entry| get(entry) == Some(entry))
    }
}

impl Eq for Sparse {}

#[cfg(test)]
mod tests {
    use super::super::entry::{entry, has_extra, index};
    use super::super::layout::MAX_INDEX;
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn any_entry() -> impl Strategy<Value = u32> {
        prop_oneof![
            (0..40u32, 12..=51u8).prop_map(|(index, rank)| entry(index, rank)),
            (0..=MAX_INDEX).prop_filter("an extra", |index| !has_extra(*index)),
            (MAX_INDEX - 40..=MAX_INDEX),
        ]
    }

    /// Few, or so many that two of them need a large table.
    fn entries() -> impl Strategy<Value = Vec<u32>> {
        let usual = (0..=MAX_INDEX).prop_filter("an extra", |index| !has_extra(*index));
        let large = prop_oneof![
            99 => usual,
            1 => (0..16u32, 12..=51u8).prop_map(|(index, rank)| entry(index, rank)),
        ];
        prop_oneof![vec(any_entry(), 0..300), vec(large, 500..1_250)]
    }

    fn table(entries: &[u32]) -> Sparse {
        let mut sparse = Sparse::default();
        for entry in entries {
            sparse.insert(*entry).unwrap();
        }
        sparse
    }

    #[test]
    fn the_last_capacity_holds_the_most_entries() {
        assert_eq!(wide::room(wide::WIDEST), MAX_ENTRIES);
        let last = tight::CAPACITIES.last();
        assert_eq!(last.map(|c| tight::room(*c)), Some(MAX_ENTRIES));
        assert!(wide::CAPACITIES.iter().all(|c| wide::room(*c) < *c));
    }

    #[test]
    fn one_entry_too_many_changes_nothing() {
        let mut sparse = Sparse::default();
        let scattered = |i: u32| 20_000 + i.wrapping_mul(12_345_679) % (MAX_INDEX - 20_000);
        for i in 0..MAX_ENTRIES as u32 {
            assert_eq!(sparse.insert(scattered(i)), Ok(true));
        }
        assert_eq!(sparse.heap_bytes(), 10_240);
        assert_eq!(sparse.insert(16_384), Err(Full));
        assert_eq!(sparse.insert(20_000), Ok(false));
        let before = sparse.clone();
        assert_eq!(sparse.merge(&table(&[20_000, 16_384])), Err(Full));
        assert!(sparse == before);
        assert_eq!(sparse.merge(&table(&[20_000, scattered(1)])), Ok(()));
        assert!(sparse == before);
    }

    #[test]
    fn nothing_is_allocated_for_nothing() {
        assert_eq!(Sparse::default().heap_bytes(), 0);
        assert_eq!(table(&[20_000, 30_000, 40_000, 50_000]).heap_bytes(), 0);
        assert_eq!(table(&[1, 2, 3, 4, 5].map(|i| i * 10_000)).heap_bytes(), 32);
    }

    #[test]
    fn entries_that_no_tight_table_holds_get_a_wide_one() {
        let at_one_home = 20_000..21_980;
        let with_an_extra = (0..20)
            .map(|index| entry(index, 12))
            .chain((1..1_981).map(|n| n * 16_400));
        for crowd in [at_one_home.collect::<Vec<_>>(), with_an_extra.collect()] {
            let forwards = table(&crowd);
            let backwards: Vec<u32> = crowd.iter().rev().copied().collect();
            let mut merged = table(&backwards[..1_300]);
            merged.merge(&table(&crowd)).unwrap();
            for sparse in [&forwards, &table(&backwards), &merged] {
                assert_eq!(sparse.len(), crowd.len());
                assert_eq!(sparse.heap_bytes(), 12_288);
                assert!(*sparse == forwards);
            }
        }
    }

    #[test]
    fn an_entry_of_index_0_is_no_empty_slot() {
        for entries in [&[entry(0, 12)][..], &[entry(0, 51), 20_000, 40_000]] {
            let mut held = Vec::new();
            table(entries).in_order(|entries| held = entries.to_vec());
            assert_eq!(held, entries);
        }
    }

    proptest! {
        #[test]
        fn a_table_holds_what_a_map_holds(
            left in entries(),
            right in entries(),
        ) {
            let mut oracle = BTreeMap::new();
            let mut sparse = Sparse::default();
            for entry in &left {
                let kept = oracle.entry(index(*entry)).or_insert(0);
                prop_assert_eq!(sparse.insert(*entry).unwrap(), *kept < *entry);
                *kept = (*kept).max(*entry);
            }
            for entry in &right {
                let kept = oracle.entry(index(*entry)).or_insert(0);
                *kept = (*kept).max(*entry);
            }
            sparse.merge(&table(&right)).unwrap();
            let mut held = Vec::new();
            sparse.in_order(|entries| held = entries.to_vec());
            prop_assert_eq!(held.len(), sparse.len());
            prop_assert_eq!(held, oracle.into_values().collect::<Vec<_>>());

            let all: Vec<u32> = right.iter().chain(&left).copied().collect();
            let again = table(&all);
            prop_assert!(again == sparse);
            prop_assert_eq!(again.heap_bytes(), sparse.heap_bytes());
        }
    }
}
