//! One bucket's stretch of time.

use super::civil::{monday, Date, DayNumber};
use super::{Granularity, Range, HOUR};

/// A minute or hour of UTC, or a day, ISO week or month of a zone. Only a zone makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub(super) granularity: Granularity,
    pub(super) start: i64,
    pub(super) end: i64,
    /// The date it starts on: local for a day, week or month, and UTC for a minute or hour.
    pub(super) first_day: DayNumber,
}

impl Period {
    #[inline]
    pub const fn granularity(&self) -> Granularity {
        self.granularity
    }

    #[inline]
    pub const fn start(&self) -> i64 {
        self.start
    }

    #[inline]
    pub const fn end(&self) -> i64 {
        self.end
    }

    #[inline]
    pub const fn contains(&self, ms: i64) -> bool {
        self.start <= ms && ms < self.end
    }

    /// The date it starts on: local for a day, week or month, and UTC for a minute or hour.
    #[inline]
    pub const fn first_day(&self) -> DayNumber {
        self.first_day
    }

    pub const fn range(&self) -> Range {
        Range::new(self.start, self.end)
    }

    /// How many slots a bucket of this period has: at most [`Slots::MAX`].
    pub fn slot_count(&self) -> u8 {
        match self.granularity {
            Granularity::Minute | Granularity::Hour => 60,
            // The last one is shorter when the clocks change by half an hour.
            Granularity::Day => ((self.end - self.start + HOUR - 1) / HOUR) as u8,
            Granularity::Week | Granularity::Month => {
                (next_first_day(self.granularity, self.first_day) - self.first_day) as u8
            }
        }
    }
}

/// The first date of the period that a date is in.
pub fn first_day_of(granularity: Granularity, day: DayNumber) -> DayNumber {
    match granularity {
        Granularity::Week => monday(day),
        Granularity::Month => Date::of(day).month_start(0),
        _ => day,
    }
}

/// The first date of the period after the one that begins on `first_day`.
pub(super) fn next_first_day(granularity: Granularity, first_day: DayNumber) -> DayNumber {
    match granularity {
        Granularity::Week => first_day + 7,
        Granularity::Month => Date::of(first_day).month_start(1),
        _ => first_day + 1,
    }
}
