//! The periods that a window is made of: days, weeks, months and years of the zone, and the names of
//! periods.
//!
//! ```text
//! 2024-12-11T14:30   2024-12-11T14   2024-12-11   2024-W50   2024-12   2024      of the zone
//! 2024-12-11T14:30Z  2024-12-11T14Z                                             in UTC, as keys have them
//! ```

use super::civil::Date;
use super::local::{day_of, Local};
use super::{parse_label, Granularity, Range, Zone, DAY, HOUR, MAX_TIME, MINUTE};
use crate::error::{shown, Error, Result};

/// A day, a week, a month or a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Of(Granularity),
    Year,
}

impl Unit {
    pub const DAY: Unit = Unit::Of(Granularity::Day);
    pub const WEEK: Unit = Unit::Of(Granularity::Week);
    pub const MONTH: Unit = Unit::Of(Granularity::Month);

    /// The period that holds an instant.
    pub fn period(self, ms: i64, local: &mut Local<'_>) -> Range {
        match self {
            Unit::Of(granularity) => local.period(granularity, ms).range(),
            Unit::Year => {
                let year = Date::of(local.day(ms)).year;
                match year_range(year, local) {
                    // Where the clocks go back across midnight, the old year's last date repeats.
                    range if ms >= range.to => year_range(year + 1, local),
                    range => range,
                }
            }
        }
    }

    /// The period before the one that holds an instant.
    pub fn previous(self, ms: i64, local: &mut Local<'_>) -> Range {
        let current = self.period(ms, local);
        self.period(current.from.saturating_sub(1), local)
    }

    /// As much of the period before as has passed of the current one, by dates and the local clock.
    pub fn same_part_of_the_previous(self, now: i64, local: &mut Local<'_>) -> Range {
        let before = self.previous(now, local);
        let to = match self {
            Unit::Year => local.plus_months(now, -12),
            Unit::Of(granularity) => {
                let current = local.period(granularity, now);
                let before = local.period(granularity, before.from);
                let time = local.time(now);
                // Where an old date comes again, the clock shows a date before the current period's first.
                let days = (day_of(time) - current.first_day).max(0);
                let same = i64::from(before.first_day + days) * DAY + time.rem_euclid(DAY);
                local.instant(same)
            }
        };
        let to = to.saturating_add(1);
        Range::new(before.from, to.clamp(before.from + 1, before.to))
    }
}

fn year_range(year: i32, local: &mut Local<'_>) -> Range {
    let start = |year| Date::checked(year, 1, 1).map_or(0, |day| i64::from(day) * DAY);
    let from = local.instant(start(year));
    let to = match year {
        ..9_999 => local.instant(start(year + 1)),
        _ => MAX_TIME + 1,
    };
    Range::new(from, to)
}

/// A period by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    pub range: Range,
    /// None for an hour or a minute.
    unit: Option<Unit>,
}

impl Named {
    /// None for a text that is no name of a period.
    pub fn read(text: &[u8], zone: &Zone) -> Option<Result<Named>> {
        let units = [Granularity::Day, Granularity::Week, Granularity::Month];
        let found = units.into_iter().find_map(|granularity| {
            let period = parse_label(granularity, text, zone)?;
            Some(Named {
                range: period.range(),
                unit: Some(Unit::Of(granularity)),
            })
        });
        let found = found.or_else(|| year(text, zone));
        found.map(Ok).or_else(|| clock(text, zone))
    }

    /// The current period ends now, behind `end`.
    pub fn range(&self, now: i64, end: i64) -> Range {
        match self.range.contains(now) {
            true => Range::new(self.range.from, end),
            false => self.range,
        }
    }

    /// The period before; of the current one as much as has passed.
    pub fn before(&self, now: i64, end: i64, local: &mut Local<'_>) -> Range {
        let Range { from, .. } = self.range;
        match (self.unit, self.range.contains(now)) {
            (Some(unit), true) => unit.same_part_of_the_previous(now, local),
            (Some(unit), false) => unit.period(from.saturating_sub(1), local),
            (None, _) => {
                let range = self.range(now, end);
                let start = from.saturating_sub(self.range.len());
                Range::new(start, start.saturating_add(range.len()))
            }
        }
    }
}

fn year(text: &[u8], zone: &Zone) -> Option<Named> {
    let is_year = text.len() == 4 && text.iter().all(u8::is_ascii_digit);
    let year = is_year.then(|| std::str::from_utf8(text).ok()?.parse().ok())??;
    (year > 0).then(|| Named {
        range: year_range(year, &mut zone.local()),
        unit: Some(Unit::Year),
    })
}

/// An hour or a minute: of the zone, or with a `Z` in UTC.
fn clock(text: &[u8], zone: &Zone) -> Option<Result<Named>> {
    let (label, is_utc) = match text.strip_suffix(b"Z") {
        Some(label) => (label, true),
        None => (text, false),
    };
    let lengths = [(Granularity::Hour, HOUR), (Granularity::Minute, MINUTE)];
    let (time, len) = lengths.into_iter().find_map(|(granularity, len)| {
        let period = parse_label(granularity, label, &Zone::UTC)?;
        Some((period.range().from, len))
    })?;
    let range = match is_utc {
        true => Range::new(time, time + len),
        false => {
            let mut local = zone.local();
            Range::new(local.instant(time), local.instant(time + len))
        }
    };
    if range.is_empty() {
        return Some(Err(Error::new(format!(
            "window '{}': the clocks of {} skip this time",
            shown(text),
            zone.name()
        ))));
    }
    Some(Ok(Named { range, unit: None }))
}

#[cfg(test)]
mod tests {
    use super::super::{period_oracle, Window};
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> i64 {
        let timestamp: jiff::Timestamp = text.parse().unwrap();
        timestamp.as_millisecond()
    }

    /// The range of a window and the one that it is compared with.
    fn ranges(zone: &str, window: &str, now: &str) -> (Range, Range) {
        let zone = Zone::parse(zone.as_bytes()).unwrap();
        let window = Window::parse(window.as_bytes(), &zone).unwrap();
        let now = at(now);
        let range = window.range(now, &zone).unwrap();
        (range, window.before(now, &zone).unwrap())
    }

    #[test]
    fn a_period_is_named_as_dates_and_keys_are() {
        let now = "2026-03-10T12:00:00Z";
        for (zone, name, from, to, before) in [
            (
                "UTC",
                "2024",
                "2024-01-01T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "2023-01-01T00:00:00Z",
            ),
            (
                "Asia/Kolkata",
                "2024",
                "2023-12-31T18:30:00Z",
                "2024-12-31T18:30:00Z",
                "2022-12-31T18:30:00Z",
            ),
            (
                "UTC",
                "2024-03",
                "2024-03-01T00:00:00Z",
                "2024-04-01T00:00:00Z",
                "2024-02-01T00:00:00Z",
            ),
            (
                "Europe/Paris",
                "2024-03",
                "2024-02-29T23:00:00Z",
                "2024-03-31T22:00:00Z",
                "2024-01-31T23:00:00Z",
            ),
            (
                "UTC",
                "2026-W09",
                "2026-02-23T00:00:00Z",
                "2026-03-02T00:00:00Z",
                "2026-02-16T00:00:00Z",
            ),
            (
                "Europe/Paris",
                "2024-03-31",
                "2024-03-30T23:00:00Z",
                "2024-03-31T22:00:00Z",
                "2024-03-29T23:00:00Z",
            ),
            (
                "Asia/Kolkata",
                "2024-12-11T14",
                "2024-12-11T08:30:00Z",
                "2024-12-11T09:30:00Z",
                "2024-12-11T07:30:00Z",
            ),
            (
                "Asia/Kolkata",
                "2024-12-11T14Z",
                "2024-12-11T14:00:00Z",
                "2024-12-11T15:00:00Z",
                "2024-12-11T13:00:00Z",
            ),
            (
                "Asia/Kolkata",
                "2024-12-11T14:30",
                "2024-12-11T09:00:00Z",
                "2024-12-11T09:01:00Z",
                "2024-12-11T08:59:00Z",
            ),
            (
                "UTC",
                "2024-12-11T14:30Z",
                "2024-12-11T14:30:00Z",
                "2024-12-11T14:31:00Z",
                "2024-12-11T14:29:00Z",
            ),
            // The hour that comes twice is both of them.
            (
                "Europe/Paris",
                "2024-10-27T02",
                "2024-10-27T00:00:00Z",
                "2024-10-27T02:00:00Z",
                "2024-10-26T22:00:00Z",
            ),
        ] {
            let (range, compared) = ranges(zone, name, now);
            assert_eq!(range, Range::new(at(from), at(to)), "{name}");
            assert_eq!(compared, Range::new(at(before), at(from)), "{name}");
        }
    }

    #[test]
    fn the_current_period_ends_now_and_so_does_the_one_that_it_is_compared_with() {
        let now = "2026-03-10T12:34:56Z";
        let same =
            |name: &str, word: &str| assert_eq!(ranges("UTC", name, now), ranges("UTC", word, now));
        same("2026-03-10", "today");
        same("2026-W11", "this-week");
        same("2026-03", "this-month");
        same("2026", "this-year");
        same("2025", "last-year");
        same("2026-02", "last-month");
        let (range, before) = ranges("UTC", "2026-03-10T12", now);
        assert_eq!(range, Range::new(at("2026-03-10T12:00:00Z"), at(now) + 1));
        assert_eq!(
            before,
            Range::new(at("2026-03-10T11:00:00Z"), at("2026-03-10T11:34:56Z") + 1)
        );
        let (range, before) = ranges("UTC", "this-year", "2024-02-29T06:00:00Z");
        assert_eq!(
            range,
            Range::new(at("2024-01-01T00:00:00Z"), at("2024-02-29T06:00:00Z") + 1)
        );
        assert_eq!(
            before,
            Range::new(at("2023-01-01T00:00:00Z"), at("2023-02-28T06:00:00Z") + 1)
        );
        let (_, before) = ranges("UTC", "this-year", "2024-12-31T23:59:59.999Z");
        assert_eq!(
            before,
            Range::new(at("2023-01-01T00:00:00Z"), at("2024-01-01T00:00:00Z"))
        );
        // A period of the future has not begun.
        let (range, _) = ranges("UTC", "2026-04", now);
        assert_eq!(
            range,
            Range::new(at("2026-04-01T00:00:00Z"), at("2026-05-01T00:00:00Z"))
        );
    }

    #[test]
    fn a_name_of_no_period_is_refused() {
        let paris = Zone::parse(b"Europe/Paris").unwrap();
        let refusal = |text: &str| {
            let refused = Window::parse(text.as_bytes(), &paris).unwrap_err();
            refused.to_string()
        };
        for text in [
            "0000",
            "20244",
            "202",
            "2024-13",
            "2024-W53",
            "2024-02-30",
            "2024-7",
            "2024-W5",
            "2024-12-11T24",
            "2024-12-11T14:60",
            "2024-12-11T14:30:15",
            "2024-12-11T14+01:00",
            "2024-12-11t14",
            "2024Z",
            "2024-12-11Z",
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains("not a period such as"), "{refusal}");
        }
        assert_eq!(
            refusal("2024-03-31T02"),
            "window '2024-03-31T02': the clocks of Europe/Paris skip this time"
        );
        assert_eq!(refusal("1001y"), "window '1001y' is longer than 1000y");
        for text in ["2024", "2024-03", "2024-03-31T03Z"] {
            let refused = Window::parse_moving(text.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(refused.contains("does not go with the clock"), "{refused}");
        }
        assert!(Window::parse_moving(b"This-Year").is_ok());
    }

    proptest! {
        /// Every bucket's label is the name of its period, in every zone.
        #[test]
        fn labels_of_keys_are_names(zone in period_oracle::zone(), time in period_oracle::instant()) {
            for granularity in Granularity::ALL {
                let period = zone.period(granularity, time).unwrap();
                let suffix = if granularity <= Granularity::Hour { "Z" } else { "" };
                let name = format!("{}{suffix}", period.label());
                let named = Named::read(name.as_bytes(), &zone).unwrap().unwrap();
                prop_assert_eq!(named.range, period.range());
            }
        }

        /// A year is the months of its twelve names, and years follow each other.
        #[test]
        fn a_year_is_its_months(zone in period_oracle::zone(), year in 2i32..9_999) {
            let named = |name: String| Named::read(name.as_bytes(), &zone).unwrap().unwrap().range;
            let whole = named(format!("{year:04}"));
            prop_assert_eq!(whole.from, named(format!("{year:04}-01")).from);
            let mut end = whole.from;
            for month in 1..=12 {
                let month = named(format!("{year:04}-{month:02}"));
                prop_assert_eq!(month.from, end);
                end = month.to;
            }
            prop_assert_eq!(end, whole.to);
            let local = &mut zone.local();
            for ms in [whole.from, whole.to - 1] {
                prop_assert_eq!(Unit::Year.period(ms, local), whole);
            }
        }

        #[test]
        fn any_bytes_are_a_name_or_none(bytes: Vec<u8>, text in "[0-9]{4}-?W?[0-9T:Z-]{0,12}") {
            let zone = Zone::parse(b"Asia/Kolkata").unwrap();
            for text in [&bytes[..], text.as_bytes()] {
                let _ = Named::read(text, &zone);
                let _ = Window::parse(text, &zone);
            }
        }
    }
}
