//! The large table of the small form: slots of three bytes, where an entry takes four.
//!
//! ```text
//! slots      | word | 0 | word | word | 0 | ...           0 is an empty slot
//! word       the low 24 bits of the index
//! home       (index * slots) >> 25, then slot by slot, from the last to the first, less than half of them
//!
//! spares     the last 10 slots: what no word can be, an entry with an extra above all
//!            | 0 | rank - 10 | register |
//!              23 19       14 13       0
//! ```
//!
//! The bit that is left out follows from the half of the table in which the word has its home.
//!
//! Ten spares suffice for all but one set of users in ten million. Only a set that was made for it needs
//! more steps than half of the slots.

use super::entry::{entry, has_extra, index, rank, register, MIN_EXTRA_RANK};
use super::layout::{Probe, INDEX_BITS, MAX_ENTRIES, PRECISION, REGISTERS};
use super::registers::Registers;

use std::hint::select_unpredictable;

pub(super) type Slot = [u8; 3];

/// Sizes that allocators have: 6, 8 and 10 KB.
pub(super) const CAPACITIES: [usize; 3] = [6_144 / 3, 8_192 / 3, 10_240 / 3];

const SPARES: usize = 10;

const LEFT_OUT: u32 = 1 << (INDEX_BITS - 1);
const WORD: u32 = LEFT_OUT - 1;

/// The rank of the one index whose word would be that of an empty slot.
const LOWEST_SPARE_RANK: u8 = MIN_EXTRA_RANK - 1;
const REGISTER: u32 = REGISTERS as u32 - 1;

/// How many entries a table takes: at most five in six slots.
#[inline]
pub(super) fn room(capacity: usize) -> usize {
    (capacity.saturating_sub(SPARES) * 5 / 6).min(MAX_ENTRIES)
}

#[inline]
pub(super) fn probe(table: &[Slot], entry: u32) -> Probe {
    let (slots, spares) = parts(table);
    let word = index(entry) & WORD;
    if has_extra(index(entry)) || word == 0 {
        return probe_spares(spares, slots.len(), entry);
    }
    let first = home(index(entry), slots.len());
    let mut at = first;
    let probe = loop {
        match slots.get(at).map(read) {
            Some(slot) if slot == word => break Probe::Taken(at),
            Some(0) => break Probe::Vacant(at),
            Some(_) => at += 1,
            None => at = 0,
        }
    };
    // So far from home, it would be taken for one of the other half.
    if steps(first, at, slots.len()) < slots.len() / 2 {
        probe
    } else {
        Probe::Crowded
    }
}

#[cold]
fn probe_spares(spares: &[Slot], first: usize, entry: u32) -> Probe {
    for (at, spare) in (first..).zip(spares.iter().map(read)) {
        if spare == 0 {
            return Probe::Vacant(at);
        }
        if index(entry_of_spare(spare)) == index(entry) {
            return Probe::Taken(at);
        }
    }
    Probe::Crowded
}

/// Writes an entry to the slot that a probe found.
#[inline]
pub(super) fn put(table: &mut [Slot], at: usize, entry: u32) {
    let word = if at < parts(table).0.len() {
        index(entry) & WORD
    } else {
        spare_of(entry)
    };
    if let Some(slot) = table.get_mut(at) {
        let [a, b, c, _] = word.to_le_bytes();
        *slot = [a, b, c];
    }
}

/// Replaces the entry of the same index, if that is lower; only an entry with an extra can be. Returns
/// whether it was.
#[inline]
pub(super) fn raise(table: &mut [Slot], at: usize, entry: u32) -> bool {
    let is_higher = has_extra(index(entry)) && entry_at(table, at) < Some(entry);
    if is_higher {
        put(table, at, entry);
    }
    is_higher
}

/// Adds an entry, for which there is room. Returns whether its index is new; None if this table cannot
/// hold it.
#[inline]
pub(super) fn insert(table: &mut [Slot], entry: u32) -> Option<bool> {
    match probe(table, entry) {
        Probe::Vacant(at) => {
            put(table, at, entry);
            Some(true)
        }
        Probe::Taken(at) => {
            raise(table, at, entry);
            Some(false)
        }
        Probe::Crowded => None,
    }
}

/// The entry with the index of this one.
pub(super) fn get(table: &[Slot], entry: u32) -> Option<u32> {
    match probe(table, entry) {
        Probe::Taken(at) => entry_at(table, at),
        Probe::Vacant(_) | Probe::Crowded => None,
    }
}

/// The entries, in no order.
pub(super) fn iter(table: &[Slot]) -> impl Iterator<Item = u32> + '_ {
    let (slots, spares) = parts(table);
    let len = slots.len();
    let in_slots = (0..).zip(slots).filter_map(move |(at, slot)| {
        let word = read(slot);
        (word != 0).then(|| index_of(word, at, len))
    });
    let in_spares = spares.iter().map(read).filter(|spare| *spare != 0);
    in_slots.chain(in_spares.map(entry_of_spare))
}

/// Raises every entry's register, an empty slot's to 0. A rank does not need the bit that is left out:
/// it is that bit where it is none before.
pub(super) fn add_to(table: &[Slot], registers: &mut Registers) {
    let (slots, spares) = parts(table);
    for word in slots.iter().map(read) {
        let rank = select_unpredictable(word == 0, 0, rank(word | LEFT_OUT));
        registers.raise(register(word), rank);
    }
    for spare in spares.iter().map(read).filter(|spare| *spare != 0) {
        let entry = entry_of_spare(spare);
        registers.raise(register(entry), rank(entry));
    }
}

/// The entry of a slot that is taken.
fn entry_at(table: &[Slot], at: usize) -> Option<u32> {
    let slots = parts(table).0.len();
    let word = read(table.get(at)?);
    Some(match at < slots {
        true => index_of(word, at, slots),
        false => entry_of_spare(word),
    })
}

#[inline]
fn parts(table: &[Slot]) -> (&[Slot], &[Slot]) {
    table.split_at(table.len().saturating_sub(SPARES))
}

#[inline]
fn read(slot: &Slot) -> u32 {
    let [a, b, c] = *slot;
    u32::from_le_bytes([a, b, c, 0])
}

#[inline]
fn home(index: u32, slots: usize) -> usize {
    (index as usize * slots) >> INDEX_BITS
}

/// From one slot to another, from the last on to the first.
#[inline]
fn steps(from: usize, to: usize, slots: usize) -> usize {
    let steps = to.wrapping_sub(from);
    select_unpredictable(to < from, steps.wrapping_add(slots), steps)
}

/// Half of the slots or more from the home of the lower index with this word, it is the higher one.
#[inline]
fn index_of(word: u32, at: usize, slots: usize) -> u32 {
    let is_higher = steps(home(word, slots), at, slots) >= slots / 2;
    word | u32::from(is_higher) << (INDEX_BITS - 1)
}

fn spare_of(entry: u32) -> u32 {
    let above = rank(entry).saturating_sub(LOWEST_SPARE_RANK - 1);
    u32::from(above) << PRECISION | u32::from(register(entry))
}

fn entry_of_spare(spare: u32) -> u32 {
    match (spare >> PRECISION) as u8 + LOWEST_SPARE_RANK - 1 {
        LOWEST_SPARE_RANK => LEFT_OUT,
        rank => entry(spare & REGISTER, rank),
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::{MAX_INDEX, MAX_RANK};
    use super::*;

    #[test]
    fn an_index_is_found_from_its_home_up_to_the_last_step() {
        for capacity in CAPACITIES {
            let mut table = vec![[0; 3]; capacity];
            let slots = capacity - SPARES;
            for index in (REGISTERS as u32..=MAX_INDEX).step_by(4_999) {
                for steps in [0, 1, 300, slots / 2 - 1] {
                    let at = (home(index, slots) + steps) % slots;
                    put(&mut table, at, index);
                    assert_eq!(entry_at(&table, at), Some(index), "{steps}");
                }
            }
        }
    }

    #[test]
    fn what_no_word_can_be_is_in_the_spares() {
        let ranks = MIN_EXTRA_RANK..=MAX_RANK;
        let extras = ranks.flat_map(|rank| [0, 7, REGISTER].map(|index| entry(index, rank)));
        for entry in extras.chain([LEFT_OUT]) {
            let mut table = vec![[0; 3]; CAPACITIES[0]];
            assert_eq!(get(&table, entry), None);
            assert_eq!(insert(&mut table, entry), Some(true));
            assert_eq!(get(&table, entry), Some(entry));
            assert_eq!(iter(&table).collect::<Vec<_>>(), [entry]);
            assert_eq!(parts(&table).0.iter().map(read).max(), Some(0));
            let mut registers = Registers::zeroed();
            add_to(&table, &mut registers);
            assert_eq!(registers.ranks()[usize::from(register(entry))], rank(entry));
        }
    }
}
