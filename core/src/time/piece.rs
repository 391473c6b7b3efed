//! A bucket of a cover, and how much of it belongs to the window.
//!
//! ```text
//! window                       [ 9:22:10 ............................ 10:00 )
//! hour of 9:00    0 ........... 22 ...... 29 ......................... 60
//!                 |   outside   |  piece   |  minutes of their own     |
//!                               '-------------- inside ----------------'
//! ```
//!
//! Events and sums are kept by slot: a piece counts its own slots. Users, sessions and percentiles are
//! kept by bucket. Of a bucket that reaches beyond the window, the piece and what is outside are
//! the residue: what no other piece counts. The part of it in the window is estimated by its events.

use super::{Period, Range};

/// A whole bucket, or some adjacent slots of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    pub period: Period,
    /// The slots to count, from and up to: all of them, for a whole bucket.
    pub first_slot: u8,
    pub end_slot: u8,
    /// The slots inside the window, from and up to. Those that the piece does not count, other pieces do.
    pub(super) inside: (u8, u8),
    pub(super) reaches_outside: bool,
    /// The number of a bucket that is cut, in its cover, from 1; 0 for one that is not.
    pub(super) number: u8,
    /// A bit for the number of each cut bucket that contains this one, with none in between.
    pub(super) within: u32,
    /// The slots of this cut bucket that the piece of a longer one counts. The bit of that one, where it is
    /// cut, and whether it reaches beyond the window.
    pub(super) shared: (u8, u8),
    pub(super) borrower: u32,
    pub(super) borrower_is_edge: bool,
    /// The slots of this bucket that are also of a longer one, which is cut and does not contain all of it, and
    /// that one's bit.
    pub(super) crossing: (u8, u8),
    pub(super) crosses: u32,
    /// The parts of the first slot and of the last one that lie inside the window, by time.
    pub(super) head: f64,
    pub(super) tail: f64,
    /// The part of the residue that lies inside the window, by time.
    pub(super) part: f64,
}

impl Piece {
    pub fn whole(period: Period) -> Piece {
        Piece::of_slots(period, 0, period.slot_count())
    }

    /// Some slots of a bucket, all of which is inside the window.
    pub fn of_slots(period: Period, first_slot: u8, end_slot: u8) -> Piece {
        Piece {
            period,
            first_slot,
            end_slot,
            inside: (0, period.slot_count()),
            reaches_outside: false,
            number: 0,
            within: 0,
            shared: (0, 0),
            borrower: 0,
            borrower_is_edge: false,
            crossing: (0, 0),
            crosses: 0,
            head: 1.0,
            tail: 1.0,
            part: 1.0,
        }
    }

    /// Whether the whole bucket counts: its totals are then those of its slots.
    pub fn is_whole(&self) -> bool {
        self.first_slot == 0 && self.end_slot == self.period.slot_count()
    }

    pub fn slots(&self) -> std::ops::Range<u8> {
        self.first_slot..self.end_slot
    }

    /// Where a bucket is cut, its number in the cover.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The cut buckets that contain this one, with none in between: a bit for each number.
    pub fn within(&self) -> u32 {
        self.within
    }

    /// The slots of this bucket that the piece of a longer one counts: where midnight is inside an hour.
    pub fn shared(&self) -> std::ops::Range<u8> {
        self.shared.0..self.shared.1
    }

    /// The bit of that longer one, if it is cut.
    pub fn borrower(&self) -> u32 {
        self.borrower
    }

    /// Whether that longer one reaches beyond the window.
    pub fn borrower_is_edge(&self) -> bool {
        self.borrower_is_edge
    }

    /// The slots of this bucket that are also of a longer one, which is cut and does not contain all of it:
    /// those of a week that begins in the month before.
    pub fn crossing(&self) -> std::ops::Range<u8> {
        self.crossing.0..self.crossing.1
    }

    /// The bit of that longer one.
    pub fn crosses(&self) -> u32 {
        self.crosses
    }

    /// Whether it is cut inside its first or last slot.
    pub fn is_trimmed(&self) -> bool {
        self.head < 1.0 || self.tail < 1.0
    }

    /// The first and the last slot, each with its part outside the window.
    pub fn trims(&self) -> [(u8, f64); 2] {
        let last = self.end_slot.saturating_sub(1);
        [(self.first_slot, 1.0 - self.head), (last, 1.0 - self.tail)]
    }

    /// Whether the bucket has more than the slots inside the window: all of it is more than was asked for.
    pub fn reaches_outside(&self) -> bool {
        self.reaches_outside
    }

    /// The slots before the window, and those after it.
    pub(super) fn outside(&self) -> [std::ops::Range<u8>; 2] {
        [0..self.inside.0, self.inside.1..self.period.slot_count()]
    }

    /// The part of the residue that lies inside the window, by time: for a bucket without events.
    pub fn part_by_time(&self) -> f64 {
        self.part
    }

    /// The same, without the parts of slots outside the window.
    pub fn trimmed_part_by_time(&self) -> f64 {
        let slots = f64::from(self.end_slot.saturating_sub(self.first_slot));
        let outside = 2.0 - self.head - self.tail;
        match slots > 0.0 {
            true => self.part * (1.0 - outside / slots).max(0.0),
            false => self.part,
        }
    }

    /// Whether all of another bucket is inside this one.
    pub(super) fn contains(&self, other: &Piece) -> bool {
        self.period.start() <= other.period.start()
            && other.period.end() <= self.period.end()
            && self.period.granularity() > other.period.granularity()
    }
}

/// The part of a range that is in another one; all, where it is empty.
pub(super) fn part_of(range: Range, inside: Range) -> f64 {
    match range.len() {
        0 => 1.0,
        len => inside.common(range).len() as f64 / len as f64,
    }
}
