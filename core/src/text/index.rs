//! Finds the row of a value: an open-addressing table of row numbers, by the values' hashes. Their key is
//! secret, so that no client can choose values that share a slot.
//!
//! ```text
//! slot   | 15 bits of the hash | 17 bits: row number + 1 |      0 is an empty slot
//! ```
//!
//! Those bits exclude almost every other row before it is read.

use crate::memory::allocated;

/// Until then a scan over the rows is as fast, and an index would double a small bucket.
const ROWS_WITHOUT_INDEX: usize = 8;

const ROW_BITS: u32 = 17;
const ROW: u32 = (1 << ROW_BITS) - 1;

/// At most half of the slots are taken.
#[derive(Debug, Clone, Default)]
pub struct Index {
    slots: Box<[u32]>,
}

impl Index {
    /// For rows with these hashes, in row order.
    pub fn build(hashes: impl ExactSizeIterator<Item = u64>) -> Index {
        let rows = hashes.len();
        if rows <= ROWS_WITHOUT_INDEX {
            return Index::default();
        }
        let mut index = Index {
            slots: vec![0; (rows * 2).next_power_of_two() * 2].into_boxed_slice(),
        };
        for (row, hash) in hashes.enumerate() {
            index.insert(hash, row);
        }
        index
    }

    /// Whether there is one: without it, the rows are searched.
    #[inline]
    pub fn is_built(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Whether one more row needs a new, larger index.
    #[inline]
    pub fn is_full(&self, rows: usize) -> bool {
        rows >= ROWS_WITHOUT_INDEX.max(self.slots.len() / 2)
    }

    pub fn insert(&mut self, hash: u64, row: usize) {
        let start = self.start(hash);
        let (before, after) = self.slots.split_at_mut(start);
        if let Some(slot) = after.iter_mut().chain(before).find(|slot| **slot == 0) {
            *slot = tag(hash) | (row as u32 + 1);
        }
    }

    /// The first row that may have this hash and that `is_it` accepts.
    #[inline]
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(usize) -> bool) -> Option<usize> {
        let mut at = self.start(hash);
        loop {
            let slot = *self.slots.get(at)?;
            let row = (slot & ROW).checked_sub(1)? as usize;
            if slot & !ROW == tag(hash) && is_it(row) {
                return Some(row);
            }
            at += 1;
            if at == self.slots.len() {
                at = 0;
            }
        }
    }

    #[inline]
    fn start(&self, hash: u64) -> usize {
        (hash >> 32) as usize & self.slots.len().wrapping_sub(1)
    }

    /// Whether a table of so many rows can be indexed.
    pub const fn reaches(rows: usize) -> bool {
        rows < ROW as usize
    }

    pub fn heap_bytes(&self) -> usize {
        allocated(size_of_val(&*self.slots))
    }
}

/// The highest bits: the ones below choose the slot.
#[inline]
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32 & !ROW
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::tests::colliding_texts;
    use crate::text::Text;

    #[test]
    fn values_chosen_to_collide_are_in_different_slots() {
        let hashes: Vec<u64> = colliding_texts(16)
            .map(|text| Text::new(&text).hash)
            .collect();
        let index = Index::build(hashes.into_iter());
        let runs = index.slots.split(|slot| *slot == 0).map(<[u32]>::len);
        assert_eq!(runs.clone().sum::<usize>(), 1 << 16);
        let longest_run = runs.max().unwrap();
        assert!(longest_run < 1_000, "{longest_run}");
    }
}
