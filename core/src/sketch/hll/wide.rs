//! The usual table of the small form: slots of four bytes, each the entry itself.
//!
//! ```text
//! slots      | entry | 0 | entry | entry | 0 | ...      0 is an empty slot
//! home       (mixed index * capacity) >> 32, then slot by slot, from the last on to the first
//! ```
//!
//! The key that mixes is secret: Redis's hash is public, and users chosen to share a home would make
//! every look-up slow. It has no effect on stored bytes, which are in the order of the entries.

use super::entry::{index, rank, register};
use super::layout::Probe;
use super::registers::Registers;
use crate::hash::mixing_key;
use std::hint::select_unpredictable;

/// In the sketch itself: slots for four entries.
pub(super) const INLINE: usize = 5;

/// Sizes that allocators have.
pub(super) const CAPACITIES: [usize; 19] = [
    INLINE, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 320, 384, 448, 512, 768, 1024, 1536,
];

/// Holds any entries, also those that a tight table cannot.
pub(super) const WIDEST: usize = 3072;

/// How many entries a table takes: five in six slots. Less than all: a probe ends at an empty slot.
#[inline]
pub(super) fn room(capacity: usize) -> usize {
    capacity * 5 / 6
}

#[inline]
pub(super) fn probe(slots: &[u32], entry: u32) -> Probe {
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

/// Writes an entry to the slot that a probe found.
#[inline]
pub(super) fn put(slots: &mut [u32], at: usize, entry: u32) {
    if let Some(slot) = slots.get_mut(at) {
        *slot = entry;
    }
}

/// Writes an entry over the one with its index, if that is lower. Returns whether it was.
#[inline]
pub(super) fn raise(slots: &mut [u32], at: usize, entry: u32) -> bool {
    match slots.get_mut(at) {
        Some(slot) if *slot < entry => {
            *slot = entry;
            true
        }
        _ => false,
    }
}

/// Adds an entry, for which there is room. Returns whether its index is new.
#[inline]
pub(super) fn insert(slots: &mut [u32], entry: u32) -> bool {
    match probe(slots, entry) {
        Probe::Vacant(at) => {
            put(slots, at, entry);
            true
        }
        Probe::Taken(at) => {
            raise(slots, at, entry);
            false
        }
        Probe::Crowded => false,
    }
}

/// The entry with the index of this one.
pub(super) fn get(slots: &[u32], entry: u32) -> Option<u32> {
    match probe(slots, entry) {
        Probe::Taken(at) => slots.get(at).copied(),
        Probe::Vacant(_) | Probe::Crowded => None,
    }
}

/// The entries, in no order.
pub(super) fn iter(slots: &[u32]) -> impl Iterator<Item = u32> + '_ {
    slots.iter().copied().filter(|entry| *entry != 0)
}

/// The same at once. Which slots are empty, no processor can foresee: each is written, and the next one
/// over it if it was.
pub(super) fn collect(slots: &[u32]) -> Vec<u32> {
    let mut entries = vec![0; slots.len()];
    let mut len = 0;
    for slot in slots {
        if let Some(free) = entries.get_mut(len) {
            *free = *slot;
        }
        len += usize::from(*slot != 0);
    }
    entries.truncate(len);
    entries
}

/// Raises every entry's register. An empty slot raises register 0 to 0: that is quicker than a
/// branch which no processor can foresee.
pub(super) fn add_to(slots: &[u32], registers: &mut Registers) {
    for entry in slots {
        let rank = select_unpredictable(*entry == 0, 0, rank(*entry));
        registers.raise(register(*entry), rank);
    }
}

#[inline]
fn home(entry: u32, capacity: usize) -> usize {
    let mixed = index(entry).wrapping_mul(mixing_key());
    ((u64::from(mixed) * capacity as u64) >> 32) as usize
}
