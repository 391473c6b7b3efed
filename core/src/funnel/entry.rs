//! The attempts of a user as bytes. Little-endian; times of an attempt are milliseconds since its beginning, in
//! 4 bytes where the funnel's duration allows it and else in 5.
//!
//! ```text
//! entry:     key 5 | attempt 8 | by 4 each | times | [previous] | zeros up to the length of the entry
//! attempt:   anchor 49 bits, since the beginning of the calendar | reached - 1: 3 | live: 3 | same: 7
//!            | has previous: 1
//! same:      a bit for each live level whose chain began with that of the level below (the lowest: with the
//!            attempt)
//! times:     for each live level: when its chain began, unless that is the same | its own time, but for the
//!            lowest
//! previous:  reached - 1: 3 bits, live: 3, same: 7, in 2 bytes | by 4 each | milliseconds from its beginning to
//!            that of the current one | times
//! ```
//!
//! Entries have one of a few lengths, so that few tables hold them.

use super::attempt::{Attempt, Attempts, Level, Rules, MOST_LEVELS};
use super::{MOST_BY, MOST_STEPS};
use crate::table;
use crate::time::{MAX_TIME, MIN_TIME};
use crate::visitors::ValueId;

const KEY_BYTES: usize = 5;
pub const KEY_BITS: u32 = 8 * KEY_BYTES as u32;
const ATTEMPT_BYTES: usize = 8;
const PREVIOUS_BYTES: usize = 2;
const ID_BYTES: usize = 4;

const ANCHOR_BITS: u32 = 49;
const COUNT_BITS: u32 = 3;

const _: () = assert!(((MAX_TIME - MIN_TIME) as u64) < 1 << ANCHOR_BITS);
const _: () = assert!(MOST_STEPS <= 1 << COUNT_BITS);
const _: () = assert!(ANCHOR_BITS + 2 * COUNT_BITS + (MOST_LEVELS as u32) < 64);

/// The lengths of what follows the values of `BY`, in times.
pub const LENGTHS: [usize; 11] = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/// The longest entry.
pub const MOST_BYTES: usize = KEY_BYTES + ATTEMPT_BYTES + ID_BYTES * MOST_BY + 5 * 32;

/// How the entries of a funnel are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    time_bytes: usize,
    by: usize,
}

/// Entries of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub width: usize,
}

impl table::Shape for Shape {
    const BEHIND: usize = 64;
    const SMALLEST: usize = 0;

    #[inline]
    fn width(&self) -> usize {
        self.width
    }

    #[inline]
    fn key(entry: &[u8]) -> u64 {
        // Entries are longer than a word.
        let word = entry
            .first_chunk()
            .map_or(0, |word| u64::from_le_bytes(*word));
        word & ((1 << KEY_BITS) - 1)
    }

    #[inline]
    fn place(&self, key: u64) -> u64 {
        key << (u64::BITS - KEY_BITS)
    }
}

pub type Table = table::Table<Shape>;

/// An entry under construction.
pub struct Entry {
    bytes: [u8; MOST_BYTES],
    len: usize,
    /// The index of its length.
    pub class: usize,
}

impl Layout {
    pub fn of(rules: &Rules) -> Layout {
        let longest = 2 * rules.within;
        Layout {
            time_bytes: if longest >> 32 == 0 { 4 } else { 5 },
            by: usize::from(rules.by),
        }
    }

    fn head(self) -> usize {
        KEY_BYTES + ATTEMPT_BYTES + ID_BYTES * self.by
    }

    /// The bytes of the entries of a class.
    fn width(self, class: usize) -> usize {
        self.head() + self.time_bytes * LENGTHS.get(class).copied().unwrap_or(0)
    }

    /// The entries of a class.
    pub fn shape(self, class: usize) -> Shape {
        Shape {
            width: self.width(class),
        }
    }

    pub fn write(self, key: u64, attempts: &Attempts) -> Entry {
        let mut entry = Entry {
            bytes: [0; MOST_BYTES],
            len: 0,
            class: 0,
        };
        entry.push(key, KEY_BYTES);
        let Attempts { current, previous } = attempts;
        let anchor = (current.anchor - MIN_TIME) as u64;
        let progress = progress_of(current) | u64::from(previous.is_some()) << 13;
        entry.push(anchor | progress << ANCHOR_BITS, ATTEMPT_BYTES);
        self.push_values(&mut entry, current);
        self.push_times(&mut entry, current);
        if let Some(previous) = previous {
            entry.push(progress_of(previous), PREVIOUS_BYTES);
            self.push_values(&mut entry, previous);
            let between = current.anchor - previous.anchor;
            entry.push(between as u64, self.time_bytes);
            self.push_times(&mut entry, previous);
        }
        let classes = 0..LENGTHS.len();
        let class = { classes }.find(|class| self.width(*class) >= entry.len);
        entry.class = class.unwrap_or(LENGTHS.len() - 1);
        entry.len = self.width(entry.class);
        entry
    }

    fn push_values(self, entry: &mut Entry, attempt: &Attempt) {
        for value in attempt.by.iter().take(self.by) {
            entry.push(value.map_or(0, ValueId::bits), ID_BYTES);
        }
    }

    fn push_times(self, entry: &mut Entry, attempt: &Attempt) {
        let mut below = attempt.anchor;
        let mut push = |time: i64| entry.push((time - attempt.anchor) as u64, self.time_bytes);
        let levels = attempt.levels.iter().take(usize::from(attempt.live));
        for (number, level) in levels.enumerate() {
            if level.first != below {
                push(level.first);
            }
            if number > 0 {
                push(level.last);
            }
            below = level.first;
        }
    }

    /// None where the bytes are none that `write` makes of anything.
    pub fn read(self, bytes: &[u8]) -> Option<Attempts> {
        let mut rest = bytes.get(KEY_BYTES..)?;
        let word = take(&mut rest, ATTEMPT_BYTES)?;
        let anchor = (word & ((1 << ANCHOR_BITS) - 1)) as i64 + MIN_TIME;
        let progress = word >> ANCHOR_BITS;
        let current = self.read_attempt(&mut rest, progress, |_| Some(anchor))?;
        let previous = match progress >> 13 & 1 {
            0 => None,
            _ => {
                let progress = take(&mut rest, PREVIOUS_BYTES)?;
                let between = |rest: &mut &[u8]| take(rest, self.time_bytes);
                let anchor =
                    |rest: &mut &[u8]| between(rest).map(|between| anchor - between as i64);
                Some(self.read_attempt(&mut rest, progress, anchor)?)
            }
        };
        Some(Attempts { current, previous })
    }

    fn read_attempt(
        self,
        rest: &mut &[u8],
        progress: u64,
        anchor: impl FnOnce(&mut &[u8]) -> Option<i64>,
    ) -> Option<Attempt> {
        let mut attempt = Attempt {
            anchor: 0,
            reached: (progress & 7) as u8 + 1,
            live: (progress >> 3 & 7) as u8,
            levels: [Level::default(); MOST_LEVELS],
            by: [None; MOST_BY],
        };
        let same = progress >> 6 & 0x7f;
        for value in attempt.by.iter_mut().take(self.by) {
            *value = ValueId::stored(take(rest, ID_BYTES)?);
        }
        attempt.anchor = anchor(rest)?;
        let mut below = attempt.anchor;
        let mut time = || Some(attempt.anchor + take(rest, self.time_bytes)? as i64);
        let levels = attempt.levels.iter_mut().take(usize::from(attempt.live));
        for (number, level) in levels.enumerate() {
            level.first = match same >> number & 1 {
                1 => below,
                _ => time()?,
            };
            level.last = match number {
                0 => level.first,
                _ => time()?,
            };
            below = level.first;
        }
        Some(attempt)
    }
}

/// Reached, live and same.
fn progress_of(attempt: &Attempt) -> u64 {
    let mut same = 0;
    let mut below = attempt.anchor;
    let levels = attempt.levels.iter().take(usize::from(attempt.live));
    for (number, level) in levels.enumerate() {
        same |= u64::from(level.first == below) << number;
        below = level.first;
    }
    u64::from(attempt.reached.saturating_sub(1)) | u64::from(attempt.live) << 3 | same << 6
}

impl Entry {
    fn push(&mut self, number: u64, bytes: usize) {
        let end = self.len + bytes;
        if let Some(target) = self.bytes.get_mut(self.len..end) {
            for (target, byte) in target.iter_mut().zip(number.to_le_bytes()) {
                *target = byte;
            }
        }
        self.len = end;
    }

    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Takes a number off the bytes.
#[inline]
fn take(rest: &mut &[u8], bytes: usize) -> Option<u64> {
    let (head, behind) = rest.split_at_checked(bytes)?;
    *rest = behind;
    Some(number(head))
}

/// At most 8 bytes.
#[inline]
fn number(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().rev();
    digits.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Attempts {
    /// Whether events could have made them.
    pub fn are_possible(&self, rules: &Rules) -> bool {
        let Attempts { current, previous } = self;
        let is_before = |previous: &Attempt| {
            previous.live > 0
                && previous.reached < rules.steps
                && previous.is_possible(rules)
                && current.anchor - previous.anchor > rules.within
        };
        current.is_possible(rules) && previous.as_ref().is_none_or(is_before)
    }
}

impl Attempt {
    fn is_possible(&self, rules: &Rules) -> bool {
        let live = usize::from(self.live);
        let levels = self.levels.get(..live).unwrap_or(&[]);
        let end = self.anchor.saturating_add(rules.within);
        let are_in_order = levels.iter().all(|level| {
            let first = level.first;
            (self.anchor..=end).contains(&first)
                && (first..=first + rules.within).contains(&level.last)
        }) && levels.is_sorted_by(|a, b| a.first >= b.first);
        (MIN_TIME..=MAX_TIME).contains(&self.anchor)
            && (1..=rules.steps).contains(&self.reached)
            && self.live <= self.reached
            && (self.reached < rules.steps || self.live == 0)
            && are_in_order
    }
}
