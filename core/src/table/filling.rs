//! A table that is filled with entries in the order of their keys.

use super::{is_sparse, slots_of, Shape, Table};

pub struct Filling<S> {
    table: Table<S>,
    /// The slot behind the last entry.
    behind: usize,
    /// The key of the last entry.
    last: u64,
}

impl<S: Shape> Filling<S> {
    pub(super) fn new(shape: S, slots: usize) -> Filling<S> {
        Filling {
            table: Table::with_slots(shape, slots),
            behind: 0,
            last: 0,
        }
    }

    /// For so many entries that are read: None where no table of so many has so many slots.
    pub fn for_reading(shape: S, slots: u64, len: usize) -> Option<Filling<S>> {
        let slots = u32::try_from(slots).ok()? as usize;
        let is_one = slots == 0 || slots == slots_of(shape, slots * shape.width());
        let is_used = len <= slots && !is_sparse(shape, slots, len);
        (is_one && is_used).then(|| Filling::new(shape, slots))
    }

    /// Puts an entry behind all others. False where its key is not larger than theirs, or there is no room.
    pub fn push(&mut self, entry: &[u8]) -> bool {
        let key = S::key(entry);
        let slot = self.table.place(key).max(self.behind);
        let is_next = key > self.last && slot < self.table.slots;
        if is_next {
            self.table.write(slot, entry);
            self.table.len += 1;
            (self.behind, self.last) = (slot + 1, key);
        }
        is_next
    }

    pub fn finish(self) -> Table<S> {
        self.table
    }
}
