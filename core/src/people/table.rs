//! An open-addressing table of users in the order of their keys.
//!
//! ```text
//! entry, 64 bits:  key 36, never 0 | first day 14 | last day 14        0 is an empty slot
//! ```
//!
//! The key is the part of the user's hash below the bits of the partition. An entry is at the place that
//! its key gives, or in a slot behind it: places rise with the keys, and so do the entries. The layout
//! follows from the entries and the number of slots alone.

use crate::memory::allocated;

pub const KEY_BITS: u32 = 36;
pub const DAY_BITS: u32 = 14;
const _: () = assert!(KEY_BITS + 2 * DAY_BITS == u64::BITS);

/// The largest day of an entry.
pub const MOST_DAY: i32 = (1 << DAY_BITS) - 1;

/// A user, and the days since the base of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub key: u64,
    pub first: i32,
    pub last: i32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    slots: Box<[u64]>,
    len: usize,
}

/// The table has no room for one more, or none near its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

/// How often a table grows until all of its entries fit.
const MOST_STEPS: usize = 4;

/// The smallest table, in bytes.
const SMALLEST: usize = 64;

/// Some slots are behind all places, so that entries of the last places stay near them.
fn places(slots: usize) -> usize {
    slots - (slots / 2).min(16) - slots / 128
}

fn most(slots: usize) -> usize {
    slots - slots / 32
}

/// The slots that fill the class of the allocator for so many bytes.
fn slots_of(bytes: usize) -> usize {
    allocated(bytes.max(SMALLEST)) / size_of::<u64>()
}

fn next(slots: usize) -> usize {
    slots_of((slots + 1) * size_of::<u64>())
}

impl Entry {
    #[inline]
    fn bits(self) -> u64 {
        let days = (self.first as u64) << DAY_BITS | self.last as u64;
        self.key << (2 * DAY_BITS) | days
    }

    /// None for 0.
    #[inline]
    fn of(bits: u64) -> Option<Entry> {
        let day = |bits: u64| (bits & MOST_DAY as u64) as i32;
        (bits != 0).then(|| Entry {
            key: bits >> (2 * DAY_BITS),
            first: day(bits >> DAY_BITS),
            last: day(bits),
        })
    }
}

impl Table {
    /// For so many entries that are read one after the other: None where no table of so few has so many slots.
    pub fn for_reading(slots: u64, len: usize) -> Option<Table> {
        let slots = usize::try_from(slots).ok()?;
        let bytes = slots.checked_mul(size_of::<u64>())?;
        let is_one = slots == 0 || slots == slots_of(bytes);
        let is_used = slots <= slots_of(0) || !Table::is_sparse(slots, len);
        (is_one && is_used && len <= slots).then(|| Table::with_slots(slots))
    }

    fn with_slots(slots: usize) -> Table {
        Table {
            slots: vec![0; slots].into_boxed_slice(),
            len: 0,
        }
    }

    /// Whether so few entries have a smaller table.
    fn is_sparse(slots: usize, len: usize) -> bool {
        len < most(slots) / 4
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Whether it takes no more entries without growing.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len >= most(self.slots())
    }

    /// Whether it would be full again soon.
    pub fn is_nearly_full(&self) -> bool {
        let most = most(self.slots());
        self.len >= most - most / 8
    }

    pub fn heap_bytes(&self) -> usize {
        allocated(size_of_val(&*self.slots))
    }

    #[inline]
    fn place(&self, key: u64) -> usize {
        ((u128::from(key) * places(self.slots()) as u128) >> KEY_BITS) as usize
    }

    #[inline]
    fn bits(&self, slot: usize) -> u64 {
        self.slots.get(slot).copied().unwrap_or(0)
    }

    /// The first slot from its place on that is empty or has no smaller key.
    #[inline]
    fn search(&self, key: u64) -> usize {
        let place = self.place(key);
        let behind = self.slots.get(place..).unwrap_or_default();
        // Keys are in the upper bits, so that entries are in the order of whole numbers.
        let least = key << (2 * DAY_BITS);
        let before = behind.iter().take_while(|bits| (1..least).contains(*bits));
        place + before.count()
    }

    #[inline]
    pub fn find(&self, key: u64) -> Option<Entry> {
        Entry::of(self.bits(self.search(key))).filter(|entry| entry.key == key)
    }

    /// Puts an entry, in place of the one before of its key.
    pub fn put(&mut self, entry: Entry) -> Result<(), Full> {
        let slot = self.search(entry.key);
        let is_there = Entry::of(self.bits(slot)).is_some_and(|it| it.key == entry.key);
        if !is_there {
            self.make_room(slot)?;
            self.len += 1;
        }
        if let Some(target) = self.slots.get_mut(slot) {
            *target = entry.bits();
        }
        Ok(())
    }

    /// Moves the entries from this slot to the next empty one by a slot.
    fn make_room(&mut self, slot: usize) -> Result<(), Full> {
        let behind = self.slots.get_mut(slot..).unwrap_or_default();
        let empty = behind.iter().position(|bits| *bits == 0).ok_or(Full)?;
        if let Some(moved) = behind.get_mut(..=empty) {
            moved.copy_within(..empty, 1);
        }
        Ok(())
    }

    /// Removes the entry of a key. False where there is none.
    pub fn remove(&mut self, key: u64) -> bool {
        let slot = self.search(key);
        if Entry::of(self.bits(slot)).is_none_or(|entry| entry.key != key) {
            return false;
        }
        // Those behind that are not at their places move back.
        let moves =
            |at: &usize| Entry::of(self.bits(*at)).is_some_and(|entry| self.place(entry.key) < *at);
        let end = (slot + 1..self.slots()).take_while(moves).last();
        let end = end.unwrap_or(slot);
        if let Some(moved) = self.slots.get_mut(slot..=end) {
            moved.copy_within(1.., 0);
        }
        if let Some(last) = self.slots.get_mut(end) {
            *last = 0;
        }
        self.len -= 1;
        true
    }

    /// Gives back the slots of entries that were removed, where most are empty.
    pub fn shrink(&mut self) {
        if Table::is_sparse(self.slots(), self.len) && self.slots() > slots_of(0) {
            self.rebuild(Some);
        }
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + '_ {
        self.slots.iter().filter_map(|bits| Entry::of(*bits))
    }

    /// The entries as they are, in the order of their keys.
    pub fn raw_entries(&self) -> impl Iterator<Item = u64> + '_ {
        self.slots.iter().copied().filter(|bits| *bits != 0)
    }

    /// Puts an entry behind all others. None where it is none that `put` could have written.
    pub fn push_raw(&mut self, bits: u64, last: u64) -> Option<Entry> {
        let entry = Entry::of(bits)?;
        if entry.key <= last || entry.first > entry.last {
            return None;
        }
        self.put(entry).ok()?;
        Some(entry)
    }

    /// Keeps what `change` leaves of the entries, whose keys stay, in a table that suits their number: one
    /// that has grown by a step where it would be full, and a smaller one where most slots would be empty.
    pub fn rebuild(&mut self, change: impl FnMut(Entry) -> Option<Entry>) {
        let kept: Vec<Entry> = self.iter().filter_map(change).collect();
        let mut slots = self.slots();
        if Table::is_sparse(slots, kept.len()) {
            slots = slots_of(0);
            while most(slots) < kept.len() + kept.len() / 2 {
                slots = next(slots);
            }
        }
        self.fill_from(slots, &kept);
    }

    /// Grows by a step, or by more where an entry would be too far from its place.
    pub fn grow(&mut self) {
        let all: Vec<Entry> = self.iter().collect();
        self.fill_from(next(self.slots()), &all);
    }

    /// Fills so many slots, or some more. Keys that would need many times more are none of a secret
    /// seed: what does not fit then is dropped.
    fn fill_from(&mut self, mut slots: usize, entries: &[Entry]) {
        for _ in 0..MOST_STEPS {
            if self.fill(slots, entries, false) == entries.len() {
                return;
            }
            slots = next(slots);
        }
        self.fill(slots, entries, true);
    }

    /// Returns how many fit.
    fn fill(&mut self, slots: usize, entries: &[Entry], is_last: bool) -> usize {
        let mut table = Table::with_slots(slots);
        let mut behind = 0;
        for entry in entries {
            let slot = table.place(entry.key).max(behind);
            let Some(target) = table.slots.get_mut(slot) else {
                break;
            };
            *target = entry.bits();
            table.len += 1;
            behind = slot + 1;
        }
        let len = table.len;
        if len == entries.len() || is_last {
            *self = table;
        }
        len
    }
}
