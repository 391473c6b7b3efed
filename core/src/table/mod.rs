//! An open-addressing table of entries of one length, in the order of their keys.
//!
//! ```text
//! slots:  entry, or zeros, each of `Shape::width` bytes      16 slots, and one in `Shape::BEHIND`, are behind
//!                                                            all places
//! ```
//!
//! An entry is at the place that its key gives, or in a slot behind it: places rise with the keys, and so do
//! the entries. A search ends at the first larger key, and a key of 0 is an empty slot. Which slot an entry is
//! in follows from the entries and the number of slots alone. A table of a few slots has one place: it is a list.
//!
//! A table grows by a class of the allocator, and shrinks where most slots are empty. `room.rs` has what bounds a
//! table: which entries are given up.

mod filling;
mod room;
#[cfg(test)]
mod tests;

pub use filling::Filling;
pub use room::{is_followed, Bound, Shortage};

use crate::memory::allocated;
use crate::prefetch::prefetch;

/// What the entries of a table are like.
pub trait Shape: Copy {
    /// One in so many slots is behind all places, so that entries of the last places stay near them.
    const BEHIND: usize;
    /// The fewest bytes of a table that is not empty.
    const SMALLEST: usize;

    /// The bytes of an entry.
    fn width(&self) -> usize;

    /// The key of an entry: its first bytes, and 0 of zeros.
    fn key(entry: &[u8]) -> u64;

    /// The key as a part of `1 << 64`: so far from the first place to behind the last is its place.
    fn place(&self, key: u64) -> u64;

    /// The most entries of so many slots.
    fn most(slots: usize) -> usize {
        (slots * 9 / 10 - slots / 64).max(slots.min(1))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<S> {
    bytes: Box<[u8]>,
    shape: S,
    len: usize,
    slots: usize,
}

/// How often a table grows for one entry. Keys that need more are none of a secret seed.
const MOST_STEPS: usize = 4;

/// With so few slots, all entries are at one place: the table is a list, in which each has room.
const FEW_SLOTS: usize = 32;

fn places<S: Shape>(slots: usize) -> usize {
    match slots {
        0..=FEW_SLOTS => slots.min(1),
        _ => slots - 16 - slots / S::BEHIND,
    }
}

/// The number of slots that fills a class of the allocator.
fn slots_of<S: Shape>(shape: S, bytes: usize) -> usize {
    allocated(bytes.max(S::SMALLEST)) / shape.width().max(1)
}

fn next<S: Shape>(shape: S, slots: usize) -> usize {
    slots_of(shape, shape.width() * (slots + 1))
}

/// The fewest slots, in which so many entries leave some room.
fn slots_for<S: Shape>(shape: S, len: usize) -> usize {
    let mut slots = 0;
    while S::most(slots) < len + len / 4 {
        slots = next(shape, slots);
    }
    slots
}

/// Whether so few entries have a smaller table.
fn is_sparse<S: Shape>(shape: S, slots: usize, len: usize) -> bool {
    len < S::most(slots) / 2 && slots > slots_for(shape, 1)
}

impl<S: Shape> Table<S> {
    /// Without a slot.
    pub fn new(shape: S) -> Table<S> {
        Table::with_slots(shape, 0)
    }

    fn with_slots(shape: S, slots: usize) -> Table<S> {
        Table {
            bytes: vec![0; slots * shape.width()].into_boxed_slice(),
            shape,
            len: 0,
            slots,
        }
    }

    pub fn shape(&self) -> S {
        self.shape
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Whether it takes no more entries without growing.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len >= S::most(self.slots)
    }

    /// Whether it would be full again soon.
    pub fn is_nearly_full(&self) -> bool {
        let most = S::most(self.slots);
        self.len >= (most - most / 8).max(most.min(1))
    }

    pub fn heap_bytes(&self) -> usize {
        allocated(self.bytes.len())
    }

    #[inline]
    fn place(&self, key: u64) -> usize {
        ((u128::from(self.shape.place(key)) * places::<S>(self.slots) as u128) >> 64) as usize
    }

    #[inline]
    fn entry(&self, slot: usize) -> Option<&[u8]> {
        let width = self.shape.width();
        self.bytes.get(slot * width..(slot + 1) * width)
    }

    /// 0 for an empty slot, or behind the last.
    #[inline]
    fn key(&self, slot: usize) -> u64 {
        self.entry(slot).map_or(0, S::key)
    }

    /// The first slot from its place on that is empty or has no smaller key.
    #[inline]
    fn search(&self, key: u64) -> usize {
        let mut slot = self.place(key);
        while (1..key).contains(&self.key(slot)) {
            slot += 1;
        }
        slot
    }

    /// The entry of a key, and its slot.
    #[inline]
    pub fn find(&self, key: u64) -> Option<(usize, &[u8])> {
        let slot = self.search(key);
        let entry = self.entry(slot)?;
        (S::key(entry) == key).then_some((slot, entry))
    }

    /// Prefetches what is read first to find this key.
    #[inline]
    pub fn prefetch(&self, key: u64) {
        if let Some(entry) = self.entry(self.place(key)) {
            prefetch(entry);
        }
    }

    /// Puts an entry, in place of the one of the same key. False where there is no room near its place, in a
    /// larger table neither.
    #[inline]
    pub fn put(&mut self, entry: &[u8]) -> bool {
        let key = S::key(entry);
        let slot = self.search(key);
        match self.key(slot) == key {
            true => self.write(slot, entry),
            false => return self.insert(slot, entry),
        }
        true
    }

    #[inline(never)]
    fn insert(&mut self, mut slot: usize, entry: &[u8]) -> bool {
        for _ in 0..MOST_STEPS {
            if self.make_room(slot) {
                self.write(slot, entry);
                self.len += 1;
                return true;
            }
            if !self.grow() {
                return false;
            }
            slot = self.search(S::key(entry));
        }
        false
    }

    /// Moves the entries from this slot to the next empty one by a slot. False where none is empty.
    fn make_room(&mut self, slot: usize) -> bool {
        let mut empty = slot;
        while self.key(empty) != 0 {
            empty += 1;
        }
        let width = self.shape.width();
        let moved = self.bytes.get_mut(slot * width..(empty + 1) * width);
        let has_room = moved.is_some();
        if let Some(moved) = moved {
            moved.copy_within(..(empty - slot) * width, width);
        }
        has_room
    }

    /// Writes an entry into a slot that is empty, or has the same key.
    #[inline]
    pub fn write(&mut self, slot: usize, entry: &[u8]) {
        let width = self.shape.width();
        let target = self.bytes.get_mut(slot * width..(slot + 1) * width);
        if let Some((target, entry)) = target.zip(entry.get(..width)) {
            target.copy_from_slice(entry);
        }
    }

    /// Removes the entry of a key. False where there is none.
    pub fn remove(&mut self, key: u64) -> bool {
        let slot = self.search(key);
        if key == 0 || self.key(slot) != key {
            return false;
        }
        // Those behind that are not at their places move back.
        let mut end = slot + 1;
        while self.key(end) != 0 && self.place(self.key(end)) < end {
            end += 1;
        }
        let width = self.shape.width();
        if let Some(moved) = self.bytes.get_mut(slot * width..end * width) {
            moved.copy_within(width.., 0);
            let left = moved.len() - width;
            moved.iter_mut().skip(left).for_each(|byte| *byte = 0);
        }
        self.len -= 1;
        self.shrink();
        true
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + '_ {
        let entries = self.bytes.chunks_exact(self.shape.width().max(1));
        entries.filter(|entry| S::key(entry) != 0)
    }

    /// Changes the entries, whose keys stay, and keeps those for which `change` is true; fewer slots, too, where
    /// most would be empty. The entries that are left move back: none has a place behind it.
    pub fn retain(&mut self, mut change: impl FnMut(&mut [u8]) -> bool) {
        let width = self.shape.width();
        let mut behind = 0;
        for slot in 0..self.slots {
            let range = slot * width..(slot + 1) * width;
            let Some(entry) = self.bytes.get_mut(range.clone()) else {
                break;
            };
            let key = S::key(entry);
            if key == 0 {
                continue;
            }
            if !change(entry) {
                entry.fill(0);
                self.len -= 1;
                continue;
            }
            let target = self.place(key).max(behind);
            behind = target + 1;
            if target < slot {
                self.bytes.copy_within(range.clone(), target * width);
                if let Some(entry) = self.bytes.get_mut(range) {
                    entry.fill(0);
                }
            }
        }
        self.shrink();
    }

    /// Takes fewer slots where most are empty. Keys that have no room there are none of a secret seed, and are
    /// dropped.
    fn shrink(&mut self) {
        while is_sparse(self.shape, self.slots, self.len) {
            let mut slots = slots_for(self.shape, self.len);
            let mut filled = self.filled(slots);
            while filled.len < self.len {
                slots = next(self.shape, slots);
                if is_sparse(self.shape, slots, self.len) {
                    break;
                }
                filled = self.filled(slots);
            }
            if filled.slots >= self.slots {
                return;
            }
            *self = filled;
        }
    }

    /// Grows by a step, or by more where an entry would be too far from its place. False where it cannot.
    pub fn grow(&mut self) -> bool {
        let mut slots = self.slots;
        for _ in 0..MOST_STEPS {
            slots = next(self.shape, slots);
            if is_sparse(self.shape, slots, self.len) {
                return false;
            }
            let filled = self.filled(slots);
            if filled.len == self.len {
                *self = filled;
                return true;
            }
        }
        false
    }

    /// The entries in so many slots, as far as there is room.
    fn filled(&self, slots: usize) -> Table<S> {
        let mut filling = Filling::new(self.shape, slots);
        self.iter().all(|entry| filling.push(entry));
        filling.finish()
    }
}
