//! The window of a query, as users write it.

use super::instant::read_instant;
use super::unit::{Named, Unit};
use super::{is_supported, Duration, Range, Zone, MAX_TIME, MIN_TIME};
use crate::error::{shown, Error, Result};
use std::fmt;

/// A window, parsed once and resolved with the clock of each query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A duration up to and with this millisecond.
    Last(Duration),
    /// The current period up to now: `today`, `this-week`, `this-month`, `this-year`.
    Current(Unit),
    /// The period before the current one: `yesterday`, `last-week`, `last-month`, `last-year`.
    Previous(Unit),
    /// A period by its name; the current one up to now.
    Named(Named),
    /// From an instant to an instant, or to now.
    Between(i64, Option<i64>),
}

use Kind::{Between, Current, Last, Previous};

const WORDS: [(&str, Kind); 8] = [
    ("today", Current(Unit::DAY)),
    ("yesterday", Previous(Unit::DAY)),
    ("this-week", Current(Unit::WEEK)),
    ("last-week", Previous(Unit::WEEK)),
    ("this-month", Current(Unit::MONTH)),
    ("last-month", Previous(Unit::MONTH)),
    ("this-year", Current(Unit::Year)),
    ("last-year", Previous(Unit::Year)),
];

impl Window {
    /// A duration that ends now, a calendar word in any case, the name of a period, or `from..to`, where
    /// `to` is not part of the window and may be `now`.
    pub fn parse(text: &[u8], zone: &Zone) -> Result<Window> {
        if let Some((from, to)) = sides(text) {
            return between(from, to, zone).map(Window);
        }
        let word = WORDS
            .iter()
            .find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(text));
        if let Some((_, kind)) = word {
            return Ok(Window(*kind));
        }
        if let Some(duration) = Duration::read(text) {
            return Ok(Window(Last(duration)));
        }
        if let Some(named) = Named::read(text, zone) {
            return named.map(|named| Window(Kind::Named(named)));
        }
        if let Some(problem) = Duration::problem(text) {
            return Err(Error::new(format!("window '{}' is {problem}", shown(text))));
        }
        let words = WORDS.iter().map(|(word, _)| word.as_bytes());
        Err(Error::new(format!(
            "window '{}' is not a duration such as 90s, 5m, 24h, 7d, 4w, 3mo or 1y, not one of today, \
             yesterday, this-week, last-week, this-month, last-month, this-year, last-year, not a period \
             such as 2024-07-04T10, 2024-07-04, 2024-W27, 2024-07 or 2024, and not from..to such as \
             2024-07-04..2024-07-05{}",
            shown(text),
            Duration::guess(text, words)
        )))
    }

    /// A window relative to now: a duration or a calendar word.
    pub fn parse_moving(text: &[u8]) -> Result<Window> {
        match Window::parse(text, &Zone::UTC) {
            Ok(Window(Kind::Named(_) | Between(..))) => Err(not_moving(text)),
            Err(_) if sides(text).is_some() => Err(not_moving(text)),
            parsed => parsed,
        }
    }

    /// How long it is, where it is a duration.
    pub fn length(&self) -> Option<Duration> {
        match self.0 {
            Last(duration) => Some(duration),
            _ => None,
        }
    }

    /// The range of the window at this time. A window up to now ends just after it, so that an event of this
    /// millisecond is inside.
    pub fn range(&self, now: i64, zone: &Zone) -> Result<Range> {
        let end = after(now)?;
        let local = &mut zone.local();
        let range = match self.0 {
            Last(duration) => Range::new(duration.back(end, local), end),
            Current(unit) => Range::new(unit.period(now, local).from, end),
            Previous(unit) => unit.previous(now, local),
            Kind::Named(named) => named.range(now, end),
            Between(from, to) => Range::new(from, to.unwrap_or(end)),
        };
        if range.is_empty() {
            return Err(Error::new("window from..now must not begin after now"));
        }
        in_the_calendar(range)
    }

    /// The range that the window is compared with. For a word that is the calendar's period before: `today`
    /// with yesterday up to the same local time, `this-month` with last month up to the same day and
    /// time, at most its end. For everything else it is the same length just before.
    pub fn before(&self, now: i64, zone: &Zone) -> Result<Range> {
        let local = &mut zone.local();
        let range = match self.0 {
            Last(_) | Between(..) => {
                let range = self.range(now, zone)?;
                Range::new(range.from.saturating_sub(range.len()), range.from)
            }
            Previous(unit) => {
                after(now)?;
                let last = unit.previous(now, local);
                unit.period(last.from.saturating_sub(1), local)
            }
            Current(unit) => {
                after(now)?;
                unit.same_part_of_the_previous(now, local)
            }
            Kind::Named(named) => named.before(now, after(now)?, local),
        };
        in_the_calendar(range)
    }
}

/// Text that `parse` reads as the same window, in any zone.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Last(duration) => duration.fmt(f),
            Kind::Named(named) => write!(f, "{}..{}", named.range.from, named.range.to),
            Between(from, Some(to)) => write!(f, "{from}..{to}"),
            Between(from, None) => write!(f, "{from}..now"),
            kind => {
                let word = WORDS.iter().find(|(_, known)| *known == kind);
                f.write_str(word.map_or("", |(word, _)| word))
            }
        }
    }
}

/// `from..to`, cut at the first two dots: an instant has at most one in a row.
fn sides(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let dots = text.windows(2).position(|pair| pair == b"..")?;
    let (from, rest) = text.split_at_checked(dots)?;
    Some((from, rest.strip_prefix(b"..")?))
}

fn between(from: &[u8], to: &[u8], zone: &Zone) -> Result<Kind> {
    let side = |name: &str, accepted: &str, text: &[u8]| {
        read_instant(text, zone).ok_or_else(|| {
            Error::new(format!(
                "window: its {name} '{}' is not milliseconds since the epoch{accepted} or ISO 8601 such as \
                 2024-07-04 or 2024-07-04T10:30Z, of the years 1 to 9999",
                shown(text)
            ))
        })
    };
    let from = side("from", "", from)?;
    if to.eq_ignore_ascii_case(b"now") {
        return Ok(Between(from, None));
    }
    let to = side("to", ", now", to)?;
    if to <= from {
        return Err(Error::new(
            "window from..to must have its from before its to, such as 2024-07-04..2024-07-05",
        ));
    }
    Ok(Between(from, Some(to)))
}

/// The end of a window up to now.
fn after(now: i64) -> Result<i64> {
    if is_supported(now) {
        Ok(now + 1)
    } else {
        Err(Error::new("the clock is outside of the years 1 to 9999"))
    }
}

fn in_the_calendar(range: Range) -> Result<Range> {
    if MIN_TIME <= range.from && range.to <= MAX_TIME + 1 {
        Ok(range)
    } else {
        Err(Error::new("window reaches outside of the years 1 to 9999"))
    }
}

#[cold]
fn not_moving(text: &[u8]) -> Error {
    Error::new(format!(
        "window '{}' does not go with the clock: give a duration such as 5m, or one of today, \
         yesterday, this-week, last-week, this-month, last-month, this-year, last-year",
        shown(text)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::DAY;
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> i64 {
        let timestamp: jiff::Timestamp = text.parse().unwrap();
        timestamp.as_millisecond()
    }

    fn paris() -> Zone {
        Zone::parse(b"Europe/Paris").unwrap()
    }

    fn window(text: &str) -> Window {
        Window::parse(text.as_bytes(), &paris()).unwrap()
    }

    /// The range and what it is compared with, in Paris.
    fn ranges(text: &str, now: &str) -> (Range, Range) {
        let (window, now) = (window(text), at(now));
        (
            window.range(now, &paris()).unwrap(),
            window.before(now, &paris()).unwrap(),
        )
    }

    fn range(from: &str, to: &str) -> Range {
        Range::new(at(from), at(to))
    }

    /// Up to and with the instant.
    fn through(from: &str, last: &str) -> Range {
        Range::new(at(from), at(last) + 1)
    }

    #[test]
    fn a_duration_ends_with_this_very_millisecond() {
        let now = at("2024-07-04T10:00:00Z");
        let minute = window("60s").range(now, &paris()).unwrap();
        assert!(minute.contains(now) && !minute.contains(now + 1));
        assert_eq!(minute.len(), 60_000);
        let before = window("60s").before(now, &paris()).unwrap();
        assert_eq!(before, Range::new(minute.from - 60_000, minute.from));
    }

    #[test]
    fn months_are_calendar_months_of_the_zone() {
        let (month, before) = ranges("1mo", "2024-03-31T10:00:00Z");
        assert_eq!(
            month,
            Range::new(
                at("2024-02-29T11:00:00Z") + 1,
                at("2024-03-31T10:00:00Z") + 1
            )
        );
        assert_eq!((before.len(), before.to), (month.len(), month.from));
    }

    #[test]
    fn days_of_a_duration_are_24_hours() {
        let (day, _) = ranges("1d", "2024-03-31T10:00:00Z");
        assert_eq!(day.len(), DAY);
    }

    #[test]
    fn today_is_compared_with_yesterday_up_to_the_same_local_time() {
        let (today, yesterday) = ranges("today", "2024-03-31T10:00:00Z");
        assert_eq!(
            today,
            through("2024-03-30T23:00:00Z", "2024-03-31T10:00:00Z")
        );
        assert_eq!(
            yesterday,
            through("2024-03-29T23:00:00Z", "2024-03-30T11:00:00Z")
        );
    }

    #[test]
    fn yesterday_is_a_whole_local_day() {
        let (yesterday, before) = ranges("Yesterday", "2024-04-01T10:00:00Z");
        assert_eq!(
            yesterday,
            range("2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z")
        );
        assert_eq!(
            before,
            range("2024-03-29T23:00:00Z", "2024-03-30T23:00:00Z")
        );
    }

    #[test]
    fn weeks_begin_on_monday() {
        let (this, last) = ranges("this-week", "2024-07-04T10:00:00Z");
        assert_eq!(
            this,
            through("2024-06-30T22:00:00Z", "2024-07-04T10:00:00Z")
        );
        assert_eq!(
            last,
            through("2024-06-23T22:00:00Z", "2024-06-27T10:00:00Z")
        );
        let (last, before) = ranges("last-week", "2024-07-04T10:00:00Z");
        assert_eq!(last, range("2024-06-23T22:00:00Z", "2024-06-30T22:00:00Z"));
        assert_eq!(
            before,
            range("2024-06-16T22:00:00Z", "2024-06-23T22:00:00Z")
        );
    }

    #[test]
    fn a_month_is_compared_with_no_more_than_the_month_before() {
        let (_, february) = ranges("this-month", "2024-03-29T12:00:00Z");
        assert_eq!(
            february,
            through("2024-01-31T23:00:00Z", "2024-02-29T12:00:00Z")
        );
        let (_, february) = ranges("this-month", "2024-03-30T10:00:00Z");
        assert_eq!(
            february,
            range("2024-01-31T23:00:00Z", "2024-02-29T23:00:00Z")
        );
        let (last, before) = ranges("LAST-MONTH", "2024-03-30T10:00:00Z");
        assert_eq!(last, range("2024-01-31T23:00:00Z", "2024-02-29T23:00:00Z"));
        assert_eq!(
            before,
            range("2023-12-31T23:00:00Z", "2024-01-31T23:00:00Z")
        );
    }

    #[test]
    fn the_day_after_a_skipped_date_is_compared_with_the_day_before_it() {
        let apia = Zone::parse(b"Pacific/Apia").unwrap();
        let today = Window::parse(b"today", &apia).unwrap();
        let now = at("2011-12-30T12:00:00Z");
        assert_eq!(
            today.before(now, &apia).unwrap(),
            through("2011-12-29T10:00:00Z", "2011-12-29T12:00:00Z")
        );
    }

    #[test]
    fn from_to_is_the_range_between_both() {
        let now = "2024-07-04T10:00:00Z";
        let (day, before) = ranges("2024-07-04..2024-07-05", now);
        assert_eq!(day, range("2024-07-03T22:00:00Z", "2024-07-04T22:00:00Z"));
        assert_eq!(
            before,
            range("2024-07-02T22:00:00Z", "2024-07-03T22:00:00Z")
        );
        let (millis, _) = ranges("-5..10", now);
        assert_eq!(millis, Range::new(-5, 10));
        let (fractions, _) = ranges("2024-07-04T10:00:00.5Z..2024-07-04T10:00:01Z", now);
        assert_eq!(fractions.len(), 500);
        let (to_now, _) = ranges("2024-07-04..NOW", now);
        assert_eq!(to_now, through("2024-07-03T22:00:00Z", now));
    }

    #[test]
    fn an_error_names_the_window_and_what_is_accepted() {
        for text in [
            "", "5", "tomorrow", "..", "5..", "..5", "10..5", "5..5", "1..2..3", "x..now", "now..5",
        ] {
            let message = Window::parse(text.as_bytes(), &paris())
                .unwrap_err()
                .to_string();
            assert!(message.starts_with("window"), "{message}");
            assert!(message.contains("2024-07-04"), "{message}");
        }
        let future = window("2025-01-01..now").range(at("2024-07-04T10:00:00Z"), &paris());
        assert_eq!(
            future.unwrap_err().to_string(),
            "window from..now must not begin after now"
        );
    }

    #[test]
    fn a_window_stays_in_the_calendar() {
        let near = at("0001-06-01T00:00:00Z");
        assert!(window("1y").range(near, &paris()).is_err());
        assert!(window("6mo").range(near, &paris()).is_err());
        assert!(window("4mo").range(near, &paris()).is_ok());
        assert!(window("4mo").before(near, &paris()).is_err());
        for word in ["yesterday", "today", "last-month", "this-week"] {
            assert!(window(word).before(MIN_TIME, &paris()).is_err());
            assert!(window(word).range(i64::MIN, &paris()).is_err());
            assert!(window(word).before(i64::MAX, &paris()).is_err());
            assert!(window(word).range(MAX_TIME, &paris()).is_ok());
        }
    }

    #[test]
    fn a_window_is_read_back_as_it_is_shown() {
        for text in [
            "5m",
            "90s",
            "3mo",
            "today",
            "Last-Week",
            "-5..10",
            "2024-07-04..now",
        ] {
            let window = Window::parse(text.as_bytes(), &paris()).unwrap();
            let shown = window.to_string();
            assert_eq!(Window::parse(shown.as_bytes(), &Zone::UTC), Ok(window));
            let moves = !text.contains("..");
            assert_eq!(Window::parse_moving(text.as_bytes()).is_ok(), moves);
        }
    }

    proptest! {
        #[test]
        fn the_window_of_comparison_is_before_the_window(
            zone in super::super::period_oracle::zone(),
            now in super::super::period_oracle::instant(),
            word in 0..WORDS.len(),
        ) {
            let window = Window(WORDS[word].1);
            let (Ok(range), Ok(before)) = (window.range(now, &zone), window.before(now, &zone)) else {
                return Ok(());
            };
            prop_assert!(!range.is_empty() && !before.is_empty());
            prop_assert!(before.to <= range.from);
            prop_assert!(!before.contains(range.from) && range.from <= now);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, text in "[0-9a-z.:T-]{0,20}\\.\\.[0-9a-z.:T-]{0,20}") {
            let _ = Window::parse(&bytes, &Zone::UTC);
            let _ = Window::parse(text.as_bytes(), &paris());
        }
    }
}
