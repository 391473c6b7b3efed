//! A length of time as users write it: `90s 5m 24h 7d 4w 3mo 1y 500ms`.

use super::local::Local;
use super::scan::Scan;
use super::{is_supported, Zone, DAY, HOUR, MINUTE, SECOND, WEEK};
use crate::error::{shown, Error, Result};
use crate::text::nearest::{nearest, suggest};
use std::fmt;

/// A positive length, at most [`Duration::MAX_YEARS`] long: a fixed number of milliseconds, or
/// calendar months, whose length depends on where they are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Duration(Length);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Length {
    Millis(i64),
    Months(i32),
}

use Length::{Millis, Months};

/// What a unit is worth, from the shortest to the longest of each kind, and what people write in its
/// place in any case; but `M` may be either of two.
const UNITS: [(&str, Length, &[&str]); 8] = [
    ("ms", Millis(1), &["ms", "msec", "millis", "millisecond"]),
    ("s", Millis(SECOND), &["s", "sec", "second"]),
    ("m", Millis(MINUTE), &["min", "minute"]),
    ("h", Millis(HOUR), &["h", "hr", "hour"]),
    ("d", Millis(DAY), &["d", "day"]),
    ("w", Millis(WEEK), &["w", "wk", "week"]),
    ("mo", Months(1), &["mo", "mon", "month"]),
    ("y", Months(12), &["y", "yr", "year"]),
];

impl Duration {
    pub const MAX_YEARS: i32 = 1_000;
    pub const MINUTE: Duration = Duration(Millis(MINUTE));
    const MAX_MILLIS: i64 = Duration::MAX_YEARS as i64 * 366 * DAY;
    const MAX_MONTHS: i32 = Duration::MAX_YEARS * 12;

    /// A fixed length; none when it is not positive or too long.
    pub const fn of_millis(millis: i64) -> Option<Duration> {
        if 0 < millis && millis <= Duration::MAX_MILLIS {
            Some(Duration(Millis(millis)))
        } else {
            None
        }
    }

    /// Calendar months; none when they are not positive or too many.
    pub const fn of_months(months: i32) -> Option<Duration> {
        if 0 < months && months <= Duration::MAX_MONTHS {
            Some(Duration(Months(months)))
        } else {
            None
        }
    }

    /// For the constants of this crate, which are in range.
    pub(super) const fn fixed(millis: i64) -> Duration {
        Duration(Millis(millis))
    }

    pub(super) const fn months(months: i32) -> Duration {
        Duration(Months(months))
    }

    /// The length in milliseconds, if that is fixed.
    pub const fn as_millis(&self) -> Option<i64> {
        match self.0 {
            Millis(millis) => Some(millis),
            Months(_) => None,
        }
    }

    /// The length in calendar months, if it is counted in those.
    pub const fn as_months(&self) -> Option<i32> {
        match self.0 {
            Millis(_) => None,
            Months(months) => Some(months),
        }
    }

    /// A number and a unit. Units are lower case, for `M` might be a minute or a month.
    pub fn parse(text: &[u8]) -> Result<Duration> {
        Duration::read(text).ok_or_else(|| {
            if let Some(problem) = Duration::problem(text) {
                return Error::new(format!("duration '{}' is {problem}", shown(text)));
            }
            Error::new(format!(
                "duration '{}' is not a number and a unit, of ms, s, m (minutes), h, d, w, mo (months), y, \
                 such as 90s, 24h or 3mo, and at most {}y{}",
                shown(text),
                Duration::MAX_YEARS,
                Duration::guess(text, std::iter::empty())
            ))
        })
    }

    /// What is wrong with a number and a unit that are no duration.
    pub(super) fn problem(text: &[u8]) -> Option<String> {
        let mut scan = Scan::new(text);
        let digits = scan.all_digits();
        let unit = scan.rest();
        let is_unit = UNITS.iter().any(|(name, ..)| name.as_bytes() == unit);
        if digits.is_empty() || !is_unit || Duration::read(text).is_some() {
            return None;
        }
        Some(match digits.iter().all(|digit| *digit == b'0') {
            true => "zero: a duration is at least 1ms".to_owned(),
            false => format!("longer than {}y", Duration::MAX_YEARS),
        })
    }

    pub(super) fn read(text: &[u8]) -> Option<Duration> {
        let mut scan = Scan::new(text);
        let digits = scan.all_digits();
        let count: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let unit = scan.rest();
        let (_, worth, _) = { UNITS.iter() }.find(|(name, ..)| name.as_bytes() == unit)?;
        match worth {
            Millis(millis) => Duration::of_millis(count.checked_mul(*millis)?),
            Months(months) => Duration::of_months(i32::try_from(count).ok()?.checked_mul(*months)?),
        }
    }

    /// The end of the error about a text that is none of these words and no length: `; did you mean 5m?`,
    /// or nothing.
    pub(super) fn guess<'w>(text: &'w [u8], words: impl Iterator<Item = &'w [u8]>) -> String {
        match (nearest(text, words), Duration::meant(text)) {
            (Some(word), _) => suggest(word),
            (None, Some(length)) => suggest(length.as_bytes()),
            (None, None) => String::new(),
        }
    }

    /// A length whose unit is spelled in another form.
    fn meant(text: &[u8]) -> Option<String> {
        let mut scan = Scan::new(text);
        let digits = String::from_utf8_lossy(scan.all_digits());
        let unit = scan.rest().to_ascii_lowercase();
        let one = unit.strip_suffix(b"s").unwrap_or(&unit);
        let is_it = |name: &&str| [&unit, one].contains(&name.as_bytes());
        let (unit, ..) = { UNITS.iter() }.find(|(.., names)| names.iter().any(is_it))?;
        let meant = format!("{digits}{unit}");
        (meant.len() <= 20 && Duration::read(meant.as_bytes()).is_some()).then_some(meant)
    }

    /// The instant this long before, if the calendar reaches there. Months end at most on the last day
    /// of their month, at the same local time.
    pub fn before(&self, ms: i64, zone: &Zone) -> Option<i64> {
        is_supported(ms)
            .then(|| self.back(ms, &mut zone.local()))
            .filter(|before| is_supported(*before))
    }

    /// The instant this long after, if the calendar reaches there.
    pub fn after(&self, ms: i64, zone: &Zone) -> Option<i64> {
        is_supported(ms)
            .then(|| self.on(ms, &mut zone.local()))
            .filter(|after| is_supported(*after))
    }

    pub(super) fn back(&self, ms: i64, local: &mut Local<'_>) -> i64 {
        match self.0 {
            Millis(millis) => ms.saturating_sub(millis),
            Months(months) => local.plus_months(ms, -months),
        }
    }

    pub(super) fn on(&self, ms: i64, local: &mut Local<'_>) -> i64 {
        match self.0 {
            Millis(millis) => ms.saturating_add(millis),
            Months(months) => local.plus_months(ms, months),
        }
    }
}

/// In the longest unit that divides it.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |worth: Length| match (self.0, worth) {
            (Millis(length), Millis(unit)) if length % unit == 0 => Some(length / unit),
            (Months(length), Months(unit)) if length % unit == 0 => Some(i64::from(length / unit)),
            _ => None,
        };
        let longest = UNITS
            .iter()
            .rev()
            .find_map(|(name, worth, _)| Some((count(*worth)?, name)));
        longest.map_or(Ok(()), |(count, name)| write!(f, "{count}{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Duration {
        Duration::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn each_unit_has_its_length() {
        for (text, millis) in [
            ("500ms", 500),
            ("90s", 90_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("4w", 4 * 604_800_000),
        ] {
            assert_eq!(parsed(text).as_millis(), Some(millis), "{text}");
        }
        assert_eq!(parsed("3mo").as_months(), Some(3));
        assert_eq!(parsed("1000y").as_months(), Some(12_000));
    }

    #[test]
    fn a_duration_is_shown_in_its_longest_unit() {
        for (text, shown) in [
            ("90s", "90s"),
            ("60s", "1m"),
            ("7d", "1w"),
            ("36mo", "3y"),
            ("1500ms", "1500ms"),
            ("365d", "365d"),
        ] {
            assert_eq!(parsed(text).to_string(), shown);
        }
    }

    #[test]
    fn whatever_is_no_duration_is_refused() {
        for text in ["", "5", "m", "5M", "-5m", "+5m", "1.5h", "5 m", "5min"] {
            let message = Duration::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains("such as 90s"), "{message}");
        }
        assert!(Duration::parse(b"5\xff").is_err());
    }

    #[test]
    fn a_length_that_is_out_of_range_is_said_to_be_so() {
        for (text, says) in [
            ("0s", "duration '0s' is zero: a duration is at least 1ms"),
            (
                "000mo",
                "duration '000mo' is zero: a duration is at least 1ms",
            ),
            ("1001y", "duration '1001y' is longer than 1000y"),
            ("12001mo", "duration '12001mo' is longer than 1000y"),
            ("366001d", "duration '366001d' is longer than 1000y"),
            (
                "99999999999999999999s",
                "duration '99999999999999999999s' is longer than 1000y",
            ),
        ] {
            let refusal = Duration::parse(text.as_bytes()).unwrap_err();
            assert_eq!(refusal.to_string(), says);
        }
        assert!(Duration::parse(b"366000d").is_ok());
    }

    #[test]
    fn a_unit_in_other_words_is_guessed() {
        for (text, meant) in [
            ("5min", "5m"),
            ("5 min", ""),
            ("24H", "24h"),
            ("36Hours", "36h"),
            ("2DAYS", "2d"),
            ("1month", "1mo"),
            ("10secs", "10s"),
            ("90s ", ""),
            ("5M", ""),
            ("0min", ""),
            ("min", ""),
            ("5\u{fc}", ""),
        ] {
            let message = Duration::parse(text.as_bytes()).unwrap_err().to_string();
            let guess = message.split("; did you mean ").nth(1).unwrap_or_default();
            assert_eq!(guess.trim_end_matches('?'), meant, "{text}");
        }
    }

    #[test]
    fn months_are_counted_in_the_calendar_of_the_zone() {
        let paris = Zone::parse(b"Europe/Paris").unwrap();
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let month = parsed("1mo");
        // 31 March, noon: a month before is 29 February, noon, an hour further from UTC.
        assert_eq!(
            month.before(at("2024-03-31T10:00:00Z"), &paris),
            Some(at("2024-02-29T11:00:00Z"))
        );
        assert_eq!(
            month.after(at("2024-01-31T11:00:00Z"), &paris),
            Some(at("2024-02-29T11:00:00Z"))
        );
        // 02:30 does not exist on 31 March: the first instant after the gap.
        assert_eq!(
            month.after(at("2024-02-29T01:30:00Z"), &paris),
            Some(at("2024-03-29T01:30:00Z"))
        );
        assert_eq!(
            parsed("2mo").after(at("2024-01-31T01:30:00Z"), &paris),
            Some(at("2024-03-31T01:00:00Z"))
        );
        assert_eq!(
            parsed("1d").before(at("2024-03-31T10:00:00Z"), &paris),
            Some(at("2024-03-30T10:00:00Z"))
        );
    }

    #[test]
    fn the_calendar_ends_somewhere() {
        assert_eq!(
            parsed("1s").before(super::super::MIN_TIME, &Zone::UTC),
            None
        );
        assert_eq!(
            parsed("1mo").after(super::super::MAX_TIME, &Zone::UTC),
            None
        );
        assert_eq!(parsed("1mo").before(i64::MIN, &Zone::UTC), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(millis in 1..=Duration::MAX_MILLIS, months in 1..=Duration::MAX_MONTHS) {
            for duration in [Duration::of_millis(millis), Duration::of_months(months)] {
                prop_assert_eq!(Duration::parse(duration.unwrap().to_string().as_bytes()).ok(), duration);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Duration::parse(&bytes);
        }
    }
}
