//! An open-addressing table of visits in the order of their visitors' hashes.
//!
//! ```text
//! entry, in words of 32 bits:
//!   hash        2    never 0, which is an empty slot
//!   start       2    49 bits of milliseconds since the beginning of the calendar,
//!                    7 more bits of the entry path's id, 7 of the exit path's
//!   progress    2    27 bits of milliseconds from the first to the last event, 1 engaged, 36 events
//!   paths       2    32 bits of the ids of the entry and the exit path; of sites with a PATH
//!   by          1    32 bits of the id of a value, for each dimension of BY
//! ```
//!
//! An entry is at the place that its hash gives, or in a slot behind it: places rise with the hashes, and so
//! do the entries. A search ends at the first larger hash. The layout follows from the entries and the number
//! of slots alone.

use super::ids::{ValueId, Visitor, HIGH_BITS, LOW_BITS};
use super::{Visit, MOST_BY, MOST_VALUES};
use crate::memory::allocated;
use crate::time::{MAX_TIME, MIN_TIME};
use std::num::NonZeroU64;

const START_BITS: u32 = 49;
const TIME_BITS: u32 = 27;
/// The most events that are counted of a visit.
pub const MOST_EVENTS: u64 = (1 << (64 - TIME_BITS - 1)) - 1;

const _: () = assert!(((MAX_TIME - MIN_TIME) as u64) < 1 << START_BITS);
const _: () = assert!((super::LONGEST as u64) < 1 << TIME_BITS);
const _: () = assert!(START_BITS + 2 * HIGH_BITS <= 64);

const FIXED_WORDS: usize = 6;
pub const MOST_WORDS: usize = FIXED_WORDS + MOST_VALUES;

/// Which values an entry keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub path: bool,
    pub by: u8,
}

impl Layout {
    /// The words of an entry.
    pub fn words(self) -> usize {
        FIXED_WORDS + 2 * usize::from(self.path) + usize::from(self.by)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    words: Box<[u32]>,
    layout: Layout,
    /// The number of partitions is `1 << bits`: all hashes of one start with the same bits.
    bits: u32,
    len: usize,
    slots: usize,
}

/// How often a table grows until all of its entries fit.
const MOST_STEPS: usize = 4;

/// The table has no room for one more, or none near its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

/// Some slots are behind all places, so that entries of the last places stay near them.
fn places(slots: usize) -> usize {
    slots - (slots / 2).min(16) - slots / 64
}

fn most(slots: usize) -> usize {
    (slots * 9 / 10 - slots / 64).max(1)
}

/// The numbers of slots that fill a class of the allocator.
fn slots_of(layout: Layout, bytes: usize) -> usize {
    allocated(bytes) / (4 * layout.words())
}

impl Table {
    pub fn new(layout: Layout, bits: u32) -> Table {
        Table::with_slots(layout, bits, slots_of(layout, 4 * layout.words()))
    }

    fn with_slots(layout: Layout, bits: u32, slots: usize) -> Table {
        Table {
            words: vec![0; slots * layout.words()].into_boxed_slice(),
            layout,
            bits,
            len: 0,
            slots,
        }
    }

    /// For so many entries that are read one after the other: None where no table of so few has so many slots.
    pub fn for_reading(layout: Layout, bits: u32, slots: u64, len: usize) -> Option<Table> {
        let slots = usize::try_from(slots).ok()?;
        let bytes = slots.checked_mul(4 * layout.words())?;
        let smallest = Table::new(layout, bits).slots;
        let is_one = slots == slots_of(layout, bytes) && slots >= smallest;
        let is_used = slots == smallest || !Table::is_sparse(slots, len);
        (is_one && is_used && len <= slots).then(|| Table::with_slots(layout, bits, slots))
    }

    /// Whether so few entries have a smaller table.
    fn is_sparse(slots: usize, len: usize) -> bool {
        len < most(slots) / 4
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn slots(&self) -> usize {
        self.slots
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether it takes no more entries without growing.
    pub fn is_full(&self) -> bool {
        self.len >= most(self.slots)
    }

    /// Whether it would be full again soon.
    pub fn is_nearly_full(&self) -> bool {
        let most = most(self.slots);
        self.len >= (most - most / 8).max(1)
    }

    pub fn bits(&self) -> u32 {
        self.bits
    }

    pub fn heap_bytes(&self) -> usize {
        allocated(size_of_val(&*self.words))
    }

    #[inline]
    fn place(&self, hash: u64) -> usize {
        let within = hash.checked_shl(self.bits).unwrap_or(0);
        ((u128::from(within) * places(self.slots) as u128) >> 64) as usize
    }

    #[inline]
    fn entry(&self, slot: usize) -> Option<&[u32]> {
        let stride = self.layout.words();
        self.words.get(slot * stride..(slot + 1) * stride)
    }

    /// 0 for an empty slot, or behind the last.
    #[inline]
    fn hash(&self, slot: usize) -> u64 {
        self.entry(slot).map_or(0, |entry| word(entry, 0))
    }

    /// The first slot from its place on that is empty or has no smaller hash.
    #[inline]
    fn search(&self, hash: u64) -> usize {
        let mut slot = self.place(hash);
        while slot < self.slots && (1..hash).contains(&self.hash(slot)) {
            slot += 1;
        }
        slot
    }

    #[inline]
    pub fn find(&self, visitor: Visitor) -> Option<Visit> {
        let slot = self.search(visitor.bits());
        let entry = self.entry(slot)?;
        (word(entry, 0) == visitor.bits()).then(|| read(entry, self.layout))
    }

    /// Puts the visit of a visitor, in place of the one before.
    pub fn put(&mut self, visitor: Visitor, visit: &Visit) -> Result<(), Full> {
        let hash = visitor.bits();
        let slot = self.search(hash);
        if self.hash(slot) != hash || slot >= self.slots {
            if self.len >= self.slots {
                return Err(Full);
            }
            self.make_room(slot)?;
            self.len += 1;
        }
        self.write(slot, hash, visit);
        Ok(())
    }

    /// Moves the entries from this slot to the next empty one by a slot.
    fn make_room(&mut self, slot: usize) -> Result<(), Full> {
        let mut empty = slot;
        while empty < self.slots && self.hash(empty) != 0 {
            empty += 1;
        }
        if empty >= self.slots {
            return Err(Full);
        }
        let stride = self.layout.words();
        let (from, to) = (slot * stride, empty * stride);
        if let Some(moved) = self.words.get_mut(from..to + stride) {
            moved.copy_within(..to - from, stride);
        }
        Ok(())
    }

    fn write(&mut self, slot: usize, hash: u64, visit: &Visit) {
        let stride = self.layout.words();
        if let Some(entry) = self.words.get_mut(slot * stride..(slot + 1) * stride) {
            write(entry, self.layout, hash, visit);
        }
    }

    /// The entries in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = (Visitor, Visit)> + '_ {
        let entries = self.words.chunks_exact(self.layout.words());
        entries.filter_map(|entry| {
            let visitor = NonZeroU64::new(word(entry, 0))?;
            Some((Visitor(visitor), read(entry, self.layout)))
        })
    }

    /// The words of the entries, in the order of their hashes.
    pub fn raw_entries(&self) -> impl Iterator<Item = &[u32]> + '_ {
        let entries = self.words.chunks_exact(self.layout.words());
        entries.filter(|entry| word(entry, 0) != 0)
    }

    /// Puts an entry behind all others. None where it is none that `put` could have written.
    pub fn push_raw(&mut self, entry: &[u32], last: Option<Visitor>) -> Option<Visitor> {
        let hash = word(entry, 0);
        let visitor = Visitor(NonZeroU64::new(hash)?);
        let visit = read(entry, self.layout);
        let is_next = last.is_none_or(|last| {
            last < visitor && last.partition(self.bits) == visitor.partition(self.bits)
        });
        if !is_next || !visit.is_possible() || self.is_another(entry, hash, &visit) {
            return None;
        }
        self.put(visitor, &visit).ok()?;
        Some(visitor)
    }

    /// Whether a visit is written as other words than these.
    fn is_another(&self, entry: &[u32], hash: u64, visit: &Visit) -> bool {
        let mut again = [0; MOST_WORDS];
        write(&mut again, self.layout, hash, visit);
        again.get(..entry.len()) != Some(entry)
    }

    /// Keeps the entries for which `keep` is true, in a table that suits their number: one that has grown by
    /// a step where it would be full, and a smaller one where most slots would be empty.
    pub fn rebuild(&mut self, mut keep: impl FnMut(Visitor, &Visit) -> bool) {
        let kept: Vec<(Visitor, Visit)> = self
            .iter()
            .filter(|(who, visit)| keep(*who, visit))
            .collect();
        let mut slots = self.slots;
        if Table::is_sparse(slots, kept.len()) {
            slots = Table::new(self.layout, self.bits).slots;
            while most(slots) < kept.len() + kept.len() / 2 {
                slots = self.next(slots);
            }
        }
        self.fill_from(slots, &kept);
    }

    /// Grows by a step, or by more where an entry would be too far from its place.
    pub fn grow(&mut self) {
        let all: Vec<(Visitor, Visit)> = self.iter().collect();
        self.fill_from(self.next(self.slots), &all);
    }

    /// Fills so many slots, or some more. Hashes that would need many times more are none of a secret
    /// seed: what does not fit then is dropped.
    fn fill_from(&mut self, mut slots: usize, entries: &[(Visitor, Visit)]) {
        for _ in 0..MOST_STEPS {
            if self.fill(slots, entries, false) == entries.len() {
                return;
            }
            slots = self.next(slots);
        }
        self.fill(slots, entries, true);
    }

    fn next(&self, slots: usize) -> usize {
        slots_of(self.layout, 4 * self.layout.words() * (slots + 1))
    }

    /// Returns how many fit.
    fn fill(&mut self, slots: usize, entries: &[(Visitor, Visit)], is_last: bool) -> usize {
        let mut table = Table::with_slots(self.layout, self.bits, slots);
        let mut behind = 0;
        for (visitor, visit) in entries {
            let slot = table.place(visitor.bits()).max(behind);
            if slot >= slots {
                break;
            }
            table.write(slot, visitor.bits(), visit);
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

impl Visit {
    /// Whether a command could have made it.
    fn is_possible(&self) -> bool {
        MIN_TIME <= self.start
            && self.last <= MAX_TIME
            && self.time() <= super::LONGEST
            && self.events > u64::from(self.engaged)
            && self.entry.is_some() == self.exit.is_some()
    }
}

#[inline]
fn word(entry: &[u32], at: usize) -> u64 {
    let half = |at: usize| u64::from(entry.get(at).copied().unwrap_or(0));
    half(at) | half(at + 1) << 32
}

fn read(entry: &[u32], layout: Layout) -> Visit {
    let (time, progress) = (word(entry, 2), word(entry, 4));
    let start = (time & ((1 << START_BITS) - 1)) as i64 + MIN_TIME;
    let high = |at: u32| (time >> (START_BITS + at * HIGH_BITS)) & ((1 << HIGH_BITS) - 1);
    let low = |at: usize| u64::from(entry.get(FIXED_WORDS + at).copied().unwrap_or(0));
    let path = |at: u32| ValueId::stored(high(at) << LOW_BITS | low(at as usize));
    let (entry_path, exit) = match layout.path {
        true => (path(0), path(1)),
        false => (None, None),
    };
    let first = 2 * usize::from(layout.path);
    let mut by = [None; MOST_BY];
    for (position, value) in by.iter_mut().enumerate().take(layout.by.into()) {
        *value = ValueId::stored(low(first + position));
    }
    Visit {
        start,
        last: start + (progress & ((1 << TIME_BITS) - 1)) as i64,
        engaged: progress >> TIME_BITS & 1 == 1,
        events: progress >> (TIME_BITS + 1),
        entry: entry_path,
        exit,
        by,
    }
}

#[inline]
fn write(entry: &mut [u32], layout: Layout, hash: u64, visit: &Visit) {
    let (entry_path, exit) = (bits(visit.entry), bits(visit.exit));
    let start = (visit.start - MIN_TIME) as u64;
    let time =
        start | entry_path >> LOW_BITS << START_BITS | exit >> LOW_BITS << (START_BITS + HIGH_BITS);
    let progress = visit.time() as u64
        | u64::from(visit.engaged) << TIME_BITS
        | visit.events.min(MOST_EVENTS) << (TIME_BITS + 1);
    let [a, b, c, d, e, f, values @ ..] = entry else {
        return;
    };
    for ((low, high), word) in [(a, b), (c, d), (e, f)]
        .into_iter()
        .zip([hash, time, progress])
    {
        (*low, *high) = (word as u32, (word >> 32) as u32);
    }
    let mut values = values.iter_mut();
    if layout.path {
        for (path, target) in [entry_path, exit].into_iter().zip(values.by_ref()) {
            *target = path as u32;
        }
    }
    for (target, value) in values.zip(visit.by).take(layout.by.into()) {
        *target = bits(value) as u32;
    }
}

#[inline]
fn bits(value: Option<ValueId>) -> u64 {
    value.map_or(0, ValueId::bits)
}
