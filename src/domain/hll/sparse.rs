//! The small form: a set of 25-bit entries in an open-addressing table.
//!
//! ```text
//! slots      | entry | 0 | entry | entry | 0 | ...      0 is an empty slot
//! home       (mixed index * capacity) >> 32, then slot by slot, around the end
//! capacity   5 8 12 16 24 32 48 ... 2048 3072: sizes that allocators have, at most 5/6 full
//! ```
//!
//! Most sketches of a site see a few users: the first five slots lie in the sketch itself.
//!
//! The capacity follows from the number of entries, whatever the order they came in.

use super::entry::{index, rank, register};
use super::registers::Registers;
use std::hint::select_unpredictable;

/// As many entries as 12,288 bytes hold; beyond that, registers are smaller.
pub(super) const MAX_ENTRIES: usize = 2560;

const CAPACITIES: [usize; 19] = [
    IN_PLACE, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072,
];

/// How many entries a table of this capacity takes. Less than all: a probe ends at an empty slot.
fn room(capacity: usize) -> usize {
    capacity * 5 / 6
}

/// The entries would be more than `MAX_ENTRIES`; nothing was changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

const IN_PLACE: usize = 5;

/// `len` counts the entries.
#[derive(Clone)]
pub(super) enum Sparse {
    Few { len: u16, slots: [u32; IN_PLACE] },
    Many { len: u16, slots: Box<[u32]> },
}

impl Default for Sparse {
    fn default() -> Sparse {
        Sparse::Few {
            len: 0,
            slots: [0; IN_PLACE],
        }
    }
}

enum Probe {
    Taken(usize),
    Vacant(usize),
}

impl Sparse {
    pub(super) fn with_room_for(entries: usize) -> Result<Sparse, Full> {
        let mut sparse = Sparse::default();
        sparse.make_room(entries)?;
        Ok(sparse)
    }

    fn with_capacity(capacity: usize) -> Sparse {
        if capacity <= IN_PLACE {
            return Sparse::default();
        }
        Sparse::Many {
            len: 0,
            slots: vec![0; capacity].into_boxed_slice(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Sparse::Few { len, .. } | Sparse::Many { len, .. } => usize::from(*len),
        }
    }

    #[inline]
    fn len_mut(&mut self) -> &mut u16 {
        match self {
            Sparse::Few { len, .. } | Sparse::Many { len, .. } => len,
        }
    }

    #[inline]
    fn slots(&self) -> &[u32] {
        match self {
            Sparse::Few { slots, .. } => slots,
            Sparse::Many { slots, .. } => slots,
        }
    }

    #[inline]
    fn slots_mut(&mut self) -> &mut [u32] {
        match self {
            Sparse::Few { slots, .. } => slots,
            Sparse::Many { slots, .. } => slots,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Sparse::Few { .. } => 0,
            Sparse::Many { slots, .. } => size_of_val(&**slots),
        }
    }

    /// Raises every entry's register. An empty slot raises register 0 to 0: that is quicker than a
    /// branch which no processor can foresee.
    pub(super) fn add_to(&self, registers: &mut Registers) {
        for entry in self.slots() {
            let rank = select_unpredictable(*entry == 0, 0, rank(*entry));
            registers.raise(register(*entry), rank);
        }
    }

    /// The entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots().iter().copied().filter(|entry| *entry != 0)
    }

    /// Adds an entry; of two with one index the larger rank stays. Was anything new?
    #[inline]
    pub(super) fn insert(&mut self, entry: u32) -> Result<bool, Full> {
        match self.probe(entry) {
            Probe::Taken(at) => Ok(self.raise(at, entry)),
            Probe::Vacant(at) if self.len() < room(self.slots().len()) => {
                self.fill(at, entry);
                Ok(true)
            }
            Probe::Vacant(_) => {
                self.make_room(self.len() + 1)?;
                self.insert_with_room(entry);
                Ok(true)
            }
        }
    }

    /// Takes in all the entries of another table, or none when they would be too many.
    ///
    /// Counting first means growing once. It also keeps the probes short: entries that come in the
    /// order of their homes would crowd at the front of a table that is too small for all of them.
    pub(super) fn merge(&mut self, other: &Sparse) -> Result<(), Full> {
        if self.len() == 0 {
            // A series takes most sketches alone: copied, they cost a tenth of entry by entry.
            *self = other.clone();
            return Ok(());
        }
        let new = other.iter().filter(|entry| !self.holds(*entry)).count();
        self.make_room(self.len() + new)?;
        other.iter().for_each(|entry| self.insert_with_room(entry));
        Ok(())
    }

    /// The same for a table that is only counted and never kept, so that it may be larger than its
    /// entries need: without counting first, most of the time.
    pub(super) fn absorb(&mut self, other: &Sparse) -> Result<(), Full> {
        let at_most = self.len() + other.len();
        if at_most > MAX_ENTRIES {
            return self.merge(other);
        }
        self.make_room(at_most)?;
        other.iter().for_each(|entry| self.insert_with_room(entry));
        Ok(())
    }

    /// Forgets the entries but keeps the memory.
    pub(super) fn clear(&mut self) {
        if self.len() > 0 {
            self.slots_mut().fill(0);
            *self.len_mut() = 0;
        }
    }

    fn holds(&self, entry: u32) -> bool {
        matches!(self.probe(entry), Probe::Taken(_))
    }

    #[inline]
    fn probe(&self, entry: u32) -> Probe {
        let slots = self.slots();
        let mut at = home(entry, slots.len());
        loop {
            match slots.get(at) {
                Some(0) => return Probe::Vacant(at),
                Some(slot) if index(*slot) == index(entry) => return Probe::Taken(at),
                Some(_) => at += 1,
                None => at = 0,
            }
        }
    }

    fn insert_with_room(&mut self, entry: u32) {
        match self.probe(entry) {
            Probe::Taken(at) => {
                self.raise(at, entry);
            }
            Probe::Vacant(at) => self.fill(at, entry),
        }
    }

    #[inline]
    fn raise(&mut self, at: usize, entry: u32) -> bool {
        match self.slots_mut().get_mut(at) {
            Some(slot) if *slot < entry => {
                *slot = entry;
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn fill(&mut self, at: usize, entry: u32) {
        if let Some(slot) = self.slots_mut().get_mut(at) {
            *slot = entry;
            *self.len_mut() += 1;
        }
    }

    #[cold]
    fn make_room(&mut self, entries: usize) -> Result<(), Full> {
        if entries <= room(self.slots().len()) {
            return Ok(());
        }
        let fitting = CAPACITIES.into_iter().find(|c| entries <= room(*c));
        let larger = Sparse::with_capacity(fitting.ok_or(Full)?);
        let old = std::mem::replace(self, larger);
        old.iter().for_each(|entry| self.insert_with_room(entry));
        Ok(())
    }
}

impl PartialEq for Sparse {
    fn eq(&self, other: &Sparse) -> bool {
        let same = |entry| match other.probe(entry) {
            Probe::Taken(at) => other.slots().get(at) == Some(&entry),
            Probe::Vacant(_) => false,
        };
        self.len() == other.len() && self.iter().all(same)
    }
}

impl Eq for Sparse {}

#[inline]
fn home(entry: u32, capacity: usize) -> usize {
    const GOLDEN: u32 = 0x9e37_79b1;
    let mixed = index(entry).wrapping_mul(GOLDEN);
    ((u64::from(mixed) * capacity as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::super::entry::{entry, has_extra, MAX_INDEX};
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

    fn table(entries: &[u32]) -> Sparse {
        let mut sparse = Sparse::default();
        for entry in entries {
            sparse.insert(*entry).unwrap();
        }
        sparse
    }

    #[test]
    fn the_last_capacity_holds_the_most_entries() {
        assert_eq!(CAPACITIES.last().map(|c| room(*c)), Some(MAX_ENTRIES));
        assert!(CAPACITIES.iter().all(|c| room(*c) < *c));
    }

    #[test]
    fn one_entry_too_many_changes_nothing() {
        let mut sparse = Sparse::default();
        for i in 0..MAX_ENTRIES as u32 {
            assert_eq!(sparse.insert(20_000 + i * 7919), Ok(true));
        }
        assert_eq!(sparse.heap_bytes(), 12_288);
        assert_eq!(sparse.insert(16_384), Err(Full));
        assert_eq!(sparse.insert(20_000), Ok(false));
        let before = sparse.clone();
        assert_eq!(sparse.merge(&table(&[20_000, 16_384])), Err(Full));
        assert!(sparse == before);
        assert_eq!(sparse.merge(&table(&[20_000, 27_919])), Ok(()));
        assert!(sparse == before);
    }

    #[test]
    fn nothing_is_allocated_for_nothing() {
        assert_eq!(Sparse::default().heap_bytes(), 0);
        assert_eq!(table(&[20_000, 30_000, 40_000, 50_000]).heap_bytes(), 0);
        assert_eq!(table(&[1, 2, 3, 4, 5].map(|i| i * 10_000)).heap_bytes(), 32);
    }

    proptest! {
        #[test]
        fn a_table_holds_what_a_map_holds(
            left in vec(any_entry(), 0..300),
            right in vec(any_entry(), 0..300),
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
            let mut held: Vec<u32> = sparse.iter().collect();
            held.sort_unstable_by_key(|entry| index(*entry));
            prop_assert_eq!(held.len(), sparse.len());
            prop_assert_eq!(held, oracle.into_values().collect::<Vec<_>>());

            let all: Vec<u32> = right.iter().chain(&left).copied().collect();
            let again = table(&all);
            prop_assert!(again == sparse);
            prop_assert_eq!(again.heap_bytes(), sparse.heap_bytes());
        }
    }
}
