//! An open-addressing table of entries of one length, in the order of their keys.
//!
//! An entry is at the place that its key gives, or in a slot behind it: places rise with the keys, and so do
//! the entries. A search ends at the first larger key, and a key of 0 is an empty slot. Which slot an entry is
//! in follows from the entries and the number of slots alone.

use super::entry::{number, KEY_BITS, KEY_BYTES};
use crate::memory::allocated;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    bytes: Box<[u8]>,
    /// The bytes of an entry.
    width: usize,
    len: usize,
    slots: usize,
}

/// The table has no room for one more, or none near its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

/// How often a table grows until all of its entries fit.
const MOST_STEPS: usize = 2;

/// With so few slots, all entries are at one place: the table is a list, in which each has room.
const FEW: usize = 32;

/// Some slots are behind all places, so that entries of the last places stay near them.
fn places(slots: usize) -> usize {
    match slots {
        0..=FEW => slots.min(1),
        _ => slots - 16 - slots / 64,
    }
}

fn most(slots: usize) -> usize {
    slots * 9 / 10 - slots / 64
}

/// The number of slots that fills a class of the allocator.
fn slots_of(width: usize, bytes: usize) -> usize {
    allocated(bytes) / width.max(1)
}

impl Table {
    /// Without a slot.
    pub fn new(width: usize) -> Table {
        Table::with_slots(width, 0)
    }

    fn with_slots(width: usize, slots: usize) -> Table {
        Table {
            bytes: vec![0; slots * width].into_boxed_slice(),
            width,
            len: 0,
            slots,
        }
    }

    /// For so many entries that are read one after the other: None where no table of so few has so many slots.
    pub fn for_reading(width: usize, slots: u64, len: usize) -> Option<Table> {
        let slots = usize::try_from(slots).ok()?;
        let bytes = slots.checked_mul(width)?;
        let is_one = slots == slots_of(width, bytes);
        let is_used = slots <= Table::slots_for(width, 1) || !is_sparse(slots, len);
        (is_one && is_used && len <= slots).then(|| Table::with_slots(width, slots))
    }

    /// The fewest slots, in which so many entries leave some room.
    fn slots_for(width: usize, len: usize) -> usize {
        let mut slots = 0;
        while len > 0 && most(slots) < len + len / 4 {
            slots = next(width, slots);
        }
        slots
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Whether it takes no more entries without growing.
    pub fn is_full(&self) -> bool {
        self.len >= most(self.slots)
    }

    /// Whether it would be full again soon.
    pub fn is_nearly_full(&self) -> bool {
        let most = most(self.slots);
        self.len >= most - most / 8
    }

    pub fn heap_bytes(&self) -> usize {
        allocated(self.bytes.len())
    }

    #[inline]
    fn place(&self, key: u64) -> usize {
        ((u128::from(key) * places(self.slots) as u128) >> KEY_BITS) as usize
    }

    #[inline]
    fn entry(&self, slot: usize) -> Option<&[u8]> {
        self.bytes.get(slot * self.width..(slot + 1) * self.width)
    }

    /// 0 for an empty slot, or behind the last.
    #[inline]
    fn key(&self, slot: usize) -> u64 {
        self.entry(slot).map_or(0, key_of)
    }

    /// The first slot from its place on that is empty or has no smaller key.
    #[inline]
    fn search(&self, key: u64) -> usize {
        let mut slot = self.place(key);
        while slot < self.slots && (1..key).contains(&self.key(slot)) {
            slot += 1;
        }
        slot
    }

    #[inline]
    pub fn find(&self, key: u64) -> Option<&[u8]> {
        if self.len == 0 {
            return None;
        }
        let entry = self.entry(self.search(key))?;
        (key_of(entry) == key).then_some(entry)
    }

    /// Puts an entry, in place of the one of the same key.
    pub fn put(&mut self, entry: &[u8]) -> Result<(), Full> {
        let key = key_of(entry);
        let slot = self.search(key);
        if self.key(slot) != key || slot >= self.slots {
            if self.len >= self.slots {
                return Err(Full);
            }
            self.make_room(slot)?;
            self.len += 1;
        }
        self.write(slot, entry);
        Ok(())
    }

    /// Moves the entries from this slot to the next empty one by a slot.
    fn make_room(&mut self, slot: usize) -> Result<(), Full> {
        let mut empty = slot;
        while empty < self.slots && self.key(empty) != 0 {
            empty += 1;
        }
        if empty >= self.slots {
            return Err(Full);
        }
        let (from, to) = (slot * self.width, empty * self.width);
        if let Some(moved) = self.bytes.get_mut(from..to + self.width) {
            moved.copy_within(..to - from, self.width);
        }
        Ok(())
    }

    fn write(&mut self, slot: usize, entry: &[u8]) {
        let range = slot * self.width..(slot + 1) * self.width;
        if let Some(target) = self.bytes.get_mut(range) {
            for (target, byte) in target.iter_mut().zip(entry) {
                *target = *byte;
            }
        }
    }

    /// Removes the entry of a key. Those behind it that are not at their places move by a slot.
    pub fn remove(&mut self, key: u64) {
        let slot = self.search(key);
        if key == 0 || self.key(slot) != key {
            return;
        }
        let mut end = slot + 1;
        while end < self.slots && self.key(end) != 0 && self.place(self.key(end)) < end {
            end += 1;
        }
        let (from, to) = (slot * self.width, end * self.width);
        if let Some(moved) = self.bytes.get_mut(from..to) {
            moved.copy_within(self.width.., 0);
            let stays = moved.len() - self.width;
            moved.iter_mut().skip(stays).for_each(|byte| *byte = 0);
        }
        self.len -= 1;
        if self.is_sparse() {
            self.retain(|_| true);
        }
    }

    /// Whether so few entries have a smaller table.
    fn is_sparse(&self) -> bool {
        is_sparse(self.slots, self.len) && self.slots > Table::slots_for(self.width, 1)
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + '_ {
        let entries = self.bytes.chunks_exact(self.width.max(1));
        entries.filter(|entry| key_of(entry) != 0)
    }

    /// Keeps the entries for which `keep` is true, and fewer slots where most would be empty.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8]) -> bool) {
        let kept: Vec<&[u8]> = self.iter().filter(|entry| keep(entry)).collect();
        if kept.len() == self.len && !self.is_sparse() {
            return;
        }
        let slots = match is_sparse(self.slots, kept.len()) {
            true => Table::slots_for(self.width, kept.len()).min(self.slots),
            false => self.slots,
        };
        *self = Table::filled(self.width, slots, &kept);
    }

    /// Grows by a step, or by more where an entry would be too far from its place.
    pub fn grow(&mut self) {
        let all: Vec<&[u8]> = self.iter().collect();
        *self = Table::filled(self.width, next(self.width, self.slots), &all);
    }

    /// Fills so many slots, or some more. Keys that would need many times more are none of a secret
    /// seed: what does not fit then is dropped.
    fn filled(width: usize, mut slots: usize, entries: &[&[u8]]) -> Table {
        for _ in 0..MOST_STEPS {
            let table = Table::fill(width, slots, entries);
            if table.len == entries.len() {
                return table;
            }
            slots = next(width, slots);
        }
        Table::fill(width, slots, entries)
    }

    fn fill(width: usize, slots: usize, entries: &[&[u8]]) -> Table {
        let mut table = Table::with_slots(width, slots);
        let mut behind = 0;
        for entry in entries {
            let slot = table.place(key_of(entry)).max(behind);
            if slot >= slots {
                break;
            }
            table.write(slot, entry);
            table.len += 1;
            behind = slot + 1;
        }
        table
    }
}

fn next(width: usize, slots: usize) -> usize {
    slots_of(width, width * (slots + 1))
}

fn is_sparse(slots: usize, len: usize) -> bool {
    len < most(slots) / 2
}

#[inline]
pub fn key_of(entry: &[u8]) -> u64 {
    // Longer entries are read as a word.
    match entry.first_chunk() {
        Some(word) => u64::from_le_bytes(*word) & ((1 << KEY_BITS) - 1),
        None => number(entry.get(..KEY_BYTES).unwrap_or_default()),
    }
}
