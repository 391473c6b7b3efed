//! How far apart the points of a series are, as users write it: `10s 5m 1h 1d 2w 1mo 1y auto`.

use super::super::{Duration, Granularity, DAY, HOUR, MINUTE, SECOND, WEEK};
use super::grain::Grain;
use crate::error::{shown, Error, Result};
use std::fmt;

/// The length of cells, or `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step(pub(super) Option<Length>);

/// The length of a cell: whole seconds or calendar months.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(Duration);

/// Where cells of a length begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At every multiple of so many milliseconds since the epoch.
    Even(i64),
    /// At every so many hours of the local clock, starting over with each local day.
    Hours(i64),
    /// With every so many local days, ISO weeks or months.
    Days(i32),
    Weeks(i32),
    Months(i32),
}

/// What `auto` chooses from.
const NICE: [Length; 26] = [
    Length(Duration::fixed(SECOND)),
    Length(Duration::fixed(5 * SECOND)),
    Length(Duration::fixed(10 * SECOND)),
    Length(Duration::fixed(15 * SECOND)),
    Length(Duration::fixed(30 * SECOND)),
    Length(Duration::fixed(MINUTE)),
    Length(Duration::fixed(2 * MINUTE)),
    Length(Duration::fixed(5 * MINUTE)),
    Length(Duration::fixed(10 * MINUTE)),
    Length(Duration::fixed(15 * MINUTE)),
    Length(Duration::fixed(30 * MINUTE)),
    Length(Duration::fixed(HOUR)),
    Length(Duration::fixed(2 * HOUR)),
    Length(Duration::fixed(3 * HOUR)),
    Length(Duration::fixed(6 * HOUR)),
    Length(Duration::fixed(12 * HOUR)),
    Length(Duration::fixed(DAY)),
    Length(Duration::fixed(2 * DAY)),
    Length(Duration::fixed(WEEK)),
    Length(Duration::fixed(2 * WEEK)),
    Length(Duration::months(1)),
    Length(Duration::months(3)),
    Length(Duration::months(12)),
    Length(Duration::months(12 * 5)),
    Length(Duration::months(12 * 20)),
    Length(Duration::months(12 * 100)),
];

impl Step {
    /// Whole seconds, days, weeks, months or years, or `auto` in any case. `24h` are a day and `7d` a
    /// week: days are those of the calendar, whatever they are written in.
    pub fn parse(text: &[u8]) -> Result<Step> {
        if text.eq_ignore_ascii_case(b"auto") {
            return Ok(Step(None));
        }
        let Some(duration) = Duration::read(text) else {
            return Err(Error::new(format!(
                "step '{}' is not auto and not a duration such as 10s, 5m, 1h, 1d, 1w or 1mo{}",
                shown(text),
                Duration::guess(text, std::iter::once(&b"auto"[..]))
            )));
        };
        if duration
            .as_millis()
            .is_some_and(|millis| millis % SECOND != 0)
        {
            return Err(Error::new(format!(
                "step '{}' is not a whole number of seconds, and nothing finer is kept",
                shown(text)
            )));
        }
        Ok(Step(Some(Length(duration))))
    }
}

impl Length {
    /// The nice lengths, from the shortest to the longest.
    pub fn nice() -> &'static [Length] {
        &NICE
    }

    /// The shortest cells that buckets of a granularity can fill.
    pub const fn finest(granularity: Granularity, grain: Grain) -> Length {
        Length(match (granularity, grain) {
            (Granularity::Minute, Grain::Slot) => Duration::fixed(SECOND),
            (Granularity::Minute, Grain::Bucket) => Duration::fixed(MINUTE),
            (Granularity::Hour, Grain::Slot) => Duration::fixed(MINUTE),
            (Granularity::Hour, Grain::Bucket) => Duration::fixed(HOUR),
            (Granularity::Day, Grain::Slot) => Duration::fixed(HOUR),
            (Granularity::Week, Grain::Bucket) => Duration::fixed(WEEK),
            (Granularity::Month, Grain::Bucket) => Duration::months(1),
            (Granularity::Day | Granularity::Week | Granularity::Month, _) => Duration::fixed(DAY),
        })
    }

    pub fn pace(&self) -> Pace {
        let Some(millis) = self.0.as_millis() else {
            return Pace::Months(self.0.as_months().unwrap_or(1));
        };
        if millis % WEEK == 0 {
            Pace::Weeks((millis / WEEK) as i32)
        } else if millis % DAY == 0 {
            Pace::Days((millis / DAY) as i32)
        } else if millis % HOUR == 0 && DAY % millis == 0 {
            Pace::Hours(millis / HOUR)
        } else {
            Pace::Even(millis)
        }
    }

    /// In milliseconds; months count as the longest ones.
    pub fn at_most(&self) -> i64 {
        let months = || i64::from(self.0.as_months().unwrap_or(1)) * 31 * DAY;
        self.0.as_millis().unwrap_or_else(months)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(text: &str) -> Pace {
        Step::parse(text.as_bytes()).unwrap().0.unwrap().pace()
    }

    #[test]
    fn days_are_those_of_the_calendar_whatever_they_are_written_in() {
        assert_eq!(pace("1s"), Pace::Even(SECOND));
        assert_eq!(pace("1000ms"), Pace::Even(SECOND));
        assert_eq!(pace("90m"), Pace::Even(90 * MINUTE));
        assert_eq!(pace("60m"), Pace::Hours(1));
        assert_eq!(pace("12h"), Pace::Hours(12));
        assert_eq!(pace("5h"), Pace::Even(5 * HOUR));
        assert_eq!(pace("36h"), Pace::Even(36 * HOUR));
        assert_eq!(pace("24h"), Pace::Days(1));
        assert_eq!(pace("10d"), Pace::Days(10));
        assert_eq!(pace("14d"), Pace::Weeks(2));
        assert_eq!(pace("1mo"), Pace::Months(1));
        assert_eq!(pace("1000y"), Pace::Months(12_000));
        assert_eq!(Step::parse(b"AUTO"), Ok(Step(None)));
    }

    #[test]
    fn whatever_is_no_step_is_refused() {
        for text in ["", "0s", "-1m", "5M", "1 d", "automatic", "week"] {
            let message = Step::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(message.starts_with("step '"), "{message}");
            assert!(message.contains("is not auto and not a duration such as 10s"));
        }
        assert_eq!(
            Step::parse(b"1500ms").unwrap_err().to_string(),
            "step '1500ms' is not a whole number of seconds, and nothing finer is kept"
        );
    }

    #[test]
    fn the_nice_lengths_are_in_order() {
        assert!(Length::nice().is_sorted_by_key(Length::at_most));
    }
}
