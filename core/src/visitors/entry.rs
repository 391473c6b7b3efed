//! The visit of a visitor as bytes. Little-endian:
//!
//! ```text
//! entry:
//!   hash        8    never 0, which is an empty slot
//!   start       8    49 bits of milliseconds since the beginning of the calendar,
//!                    7 more bits of the entry path's id, 7 of the exit path's
//!   progress    8    27 bits of milliseconds from the first to the last event, 1 engaged, 36 events
//!   paths       8    32 bits of the ids of the entry and the exit path; of sites with a PATH
//!   by          4    32 bits of the id of a value, for each dimension of BY
//! ```

use super::ids::{ValueId, Visitor, HIGH_BITS, LOW_BITS};
use super::{Terms, Visit, MOST_BY, MOST_VALUES};
use crate::table;
use crate::time::{MAX_TIME, MIN_TIME};
use std::num::NonZeroU64;

const START_BITS: u32 = 49;
const TIME_BITS: u32 = 27;
/// The most events that are counted of a visit.
pub const MOST_EVENTS: u64 = (1 << (64 - TIME_BITS - 1)) - 1;

const _: () = assert!(((MAX_TIME - MIN_TIME) as u64) < 1 << START_BITS);
const _: () = assert!((super::LONGEST as u64) < 1 << TIME_BITS);
const _: () = assert!(START_BITS + 2 * HIGH_BITS <= 64);

const ID_BYTES: usize = 4;
const FIXED_BYTES: usize = 24;
const MOST_BYTES: usize = FIXED_BYTES + ID_BYTES * MOST_VALUES;

/// Which values an entry keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub path: bool,
    pub by: u8,
}

/// The entries of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub layout: Layout,
    /// The number of partitions is `1 << bits`: all hashes of one start with the same bits.
    pub bits: u32,
}

impl Shape {
    #[inline]
    pub fn of(terms: &Terms) -> Shape {
        Shape {
            layout: terms.layout,
            bits: terms.bits,
        }
    }
}

impl table::Shape for Shape {
    const BEHIND: usize = 64;
    const SMALLEST: usize = 0;

    #[inline]
    fn width(&self) -> usize {
        let Layout { path, by } = self.layout;
        FIXED_BYTES + ID_BYTES * (2 * usize::from(path) + usize::from(by))
    }

    #[inline]
    fn key(entry: &[u8]) -> u64 {
        word(entry, 0)
    }

    #[inline]
    fn place(&self, key: u64) -> u64 {
        key.checked_shl(self.bits).unwrap_or(0)
    }
}

pub type Table = table::Table<Shape>;

/// An entry under construction.
pub struct Entry {
    bytes: [u8; MOST_BYTES],
    len: usize,
}

impl Layout {
    #[inline]
    pub fn write(self, visitor: Visitor, visit: &Visit) -> Entry {
        let (entry_path, exit) = (bits(visit.entry), bits(visit.exit));
        let start = (visit.start - MIN_TIME) as u64;
        let time = start
            | entry_path >> LOW_BITS << START_BITS
            | exit >> LOW_BITS << (START_BITS + HIGH_BITS);
        let progress = visit.time() as u64
            | u64::from(visit.engaged) << TIME_BITS
            | visit.events.min(MOST_EVENTS) << (TIME_BITS + 1);
        let mut entry = Entry {
            bytes: [0; MOST_BYTES],
            len: 0,
        };
        for word in [visitor.bits(), time, progress] {
            entry.push(word.to_le_bytes());
        }
        if self.path {
            entry.push((entry_path as u32).to_le_bytes());
            entry.push((exit as u32).to_le_bytes());
        }
        for value in visit.by.iter().take(self.by.into()) {
            entry.push((bits(*value) as u32).to_le_bytes());
        }
        entry
    }

    #[inline]
    pub fn read(self, entry: &[u8]) -> Visit {
        let (time, progress) = (word(entry, 8), word(entry, 16));
        let start = start_of(time);
        let high = |at: u32| (time >> (START_BITS + at * HIGH_BITS)) & ((1 << HIGH_BITS) - 1);
        let values = entry.get(FIXED_BYTES..).unwrap_or_default();
        let low = |at: usize| {
            let value = values.get(at * ID_BYTES..).and_then(<[u8]>::first_chunk);
            value.map_or(0, |value| u64::from(u32::from_le_bytes(*value)))
        };
        let path = |at: u32| ValueId::stored(high(at) << LOW_BITS | low(at as usize));
        let (entry_path, exit) = match self.path {
            true => (path(0), path(1)),
            false => (None, None),
        };
        let first = 2 * usize::from(self.path);
        let mut by = [None; MOST_BY];
        for (position, value) in by.iter_mut().enumerate().take(self.by.into()) {
            *value = ValueId::stored(low(first + position));
        }
        Visit {
            start,
            last: start + time_of(progress),
            engaged: progress >> TIME_BITS & 1 == 1,
            events: progress >> (TIME_BITS + 1),
            entry: entry_path,
            exit,
            by,
        }
    }

    /// The visitor and the visit of an entry. None where it is none that `write` makes.
    pub fn checked(self, entry: &[u8]) -> Option<Visitor> {
        let visitor = visitor_of(entry)?;
        let visit = self.read(entry);
        let is_ours = visit.is_possible() && self.write(visitor, &visit).bytes() == entry;
        is_ours.then_some(visitor)
    }
}

impl Entry {
    #[inline]
    fn push<const N: usize>(&mut self, bytes: [u8; N]) {
        let rest = self.bytes.get_mut(self.len..);
        if let Some(target) = rest.and_then(<[u8]>::first_chunk_mut) {
            *target = bytes;
        }
        self.len += N;
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Of an entry. None of an empty slot.
pub fn visitor_of(entry: &[u8]) -> Option<Visitor> {
    NonZeroU64::new(word(entry, 0)).map(Visitor)
}

/// The time of the last event of an entry.
#[inline]
pub fn last_of(entry: &[u8]) -> i64 {
    start_of(word(entry, 8)) + time_of(word(entry, 16))
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
fn start_of(time: u64) -> i64 {
    (time & ((1 << START_BITS) - 1)) as i64 + MIN_TIME
}

#[inline]
fn time_of(progress: u64) -> i64 {
    (progress & ((1 << TIME_BITS) - 1)) as i64
}

/// The eight bytes at a place.
#[inline]
fn word(entry: &[u8], at: usize) -> u64 {
    let word = entry.get(at..).and_then(<[u8]>::first_chunk);
    word.map_or(0, |word| u64::from_le_bytes(*word))
}

#[inline]
fn bits(value: Option<ValueId>) -> u64 {
    value.map_or(0, ValueId::bits)
}
