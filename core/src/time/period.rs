//! One bucket's stretch of time.

use super::civil::DayNumber;
use super::local::{next_first_day, Local};
use super::{is_supported, Granularity, Range, Slots, Zone, HOUR};

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

    pub const fn range(&self) -> Range {
        Range::new(self.start, self.end)
    }

    /// The period that begins where this one ends.
    pub fn next(&self, zone: &Zone) -> Option<Period> {
        zone.period(self.granularity, self.end)
    }

    /// The period that ends where this one begins.
    pub fn previous(&self, zone: &Zone) -> Option<Period> {
        // Part of the very first period lies before the calendar; nothing before it does count.
        let last = self.start.saturating_sub(1);
        is_supported(last).then(|| zone.local().period(self.granularity, last))
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

    /// Where the slots begin and end.
    pub fn slots(&self, zone: &Zone) -> Slots {
        self.slots_in(&mut zone.local())
    }

    pub(super) fn slots_in(&self, local: &mut Local<'_>) -> Slots {
        Slots::new(self, local)
    }
}
