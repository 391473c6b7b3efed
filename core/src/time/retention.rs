//! How long the buckets of each granularity are kept.

use super::civil::Date;
use super::{is_supported, Duration, Granularity, Period, Zone, DAY, HOUR, MINUTE, WEEK};
use crate::error::{shown, Error, Result};

/// Per granularity, how long a bucket is kept after its period has ended, or that it is off.
///
/// A retention in calendar months counts whole dates, of the zone for days, weeks and months and of UTC
/// for minutes and hours: a bucket that ends on a date expires when that date has been over for so many
/// months. So a later period never expires before an earlier one, whatever months and clocks do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention([Option<Duration>; Granularity::COUNT]);

/// No more buckets of one granularity at a time than this.
const MAX_PERIODS: i64 = 100_000;

impl Default for Retention {
    fn default() -> Retention {
        Retention([
            Some(Duration::fixed(HOUR)),
            Some(Duration::fixed(7 * DAY)),
            Some(Duration::fixed(365 * DAY)),
            Some(Duration::fixed(104 * WEEK)),
            Some(Duration::months(36)),
        ])
    }
}

impl Retention {
    /// How long this granularity is kept; none when it is off.
    pub fn get(&self, granularity: Granularity) -> Option<Duration> {
        self.0.get(granularity.index()).copied().flatten()
    }

    /// The same without minutes, for what minutes do not count.
    pub fn without_minutes(&self) -> Retention {
        let mut coarse = *self;
        if let Some(minute) = coarse.0.first_mut() {
            *minute = None;
        }
        coarse
    }

    /// Sets the retention of a granularity, or switches it off.
    pub fn set(&mut self, granularity: Granularity, kept: Option<Duration>) -> Result<()> {
        if let Some(duration) = kept.filter(|kept| periods(granularity, *kept) > MAX_PERIODS) {
            return Err(Error::new(format!(
                "RETENTION {} {duration} is more than {MAX_PERIODS} buckets",
                granularity.name()
            )));
        }
        if let Some(entry) = self.0.get_mut(granularity.index()) {
            *entry = kept;
        }
        Ok(())
    }

    /// A duration, or `off`.
    pub fn parse(granularity: Granularity, text: &[u8]) -> Result<Option<Duration>> {
        if text.eq_ignore_ascii_case(b"off") {
            return Ok(None);
        }
        Duration::read(text).map(Some).ok_or_else(|| {
            Error::new(format!(
                "RETENTION {} '{}' is not off and not a duration such as 90s, 24h, 7d, 4w, 36mo or 2y{}",
                granularity.name(),
                shown(text),
                Duration::guess(text, std::iter::empty())
            ))
        })
    }

    /// Refuses a site that keeps nothing: to be called when all its options have been applied.
    pub fn check(&self) -> Result<()> {
        if self.0.iter().any(Option::is_some) {
            Ok(())
        } else {
            Err(Error::new(
                "RETENTION must leave at least one of minute, hour, day, week, month on",
            ))
        }
    }

    /// When a bucket of this period expires; none when its granularity is off.
    pub fn expiry(&self, period: &Period, zone: &Zone) -> Option<i64> {
        let duration = self.get(period.granularity)?;
        let Some(months) = duration.as_months() else {
            return duration
                .as_millis()
                .map(|kept| period.end.saturating_add(kept));
        };
        let local = &mut calendar(period.granularity, zone).local();
        let over = local.day(period.end - 1) + 1;
        Some(local.day_start(Date::of(over).plus_full_months(months)))
    }

    /// Whether a bucket of this period is kept at this time.
    pub fn is_kept(&self, period: &Period, now: i64, zone: &Zone) -> bool {
        self.expiry(period, zone).is_some_and(|expiry| expiry > now)
    }

    /// Where the first period begins that is still kept; none when the granularity is off or the clock
    /// outside of the calendar.
    pub fn kept_from(&self, granularity: Granularity, now: i64, zone: &Zone) -> Option<i64> {
        let duration = self.get(granularity)?;
        if !is_supported(now) {
            return None;
        }
        let local = &mut calendar(granularity, zone).local();
        // The last instant that is gone, if a period ended just there: the period it is in is kept.
        let gone = match duration.as_months() {
            None => duration.back(now, local),
            Some(months) => {
                let today = local.period(Granularity::Day, now).first_day;
                local.day_start(Date::of(today).plus_months(-months))
            }
        };
        Some(local.period(granularity, gone).start)
    }
}

/// Where the months of a retention are counted.
fn calendar(granularity: Granularity, zone: &Zone) -> &Zone {
    const UTC: &Zone = &Zone::UTC;
    if granularity <= Granularity::Hour {
        UTC
    } else {
        zone
    }
}

/// About the number of buckets of that retention.
fn periods(granularity: Granularity, kept: Duration) -> i64 {
    const MONTH: i64 = 30 * DAY;
    let length = match granularity {
        Granularity::Minute => MINUTE,
        Granularity::Hour => HOUR,
        Granularity::Day => DAY,
        Granularity::Week => WEEK,
        Granularity::Month => MONTH,
    };
    let millis = kept
        .as_millis()
        .unwrap_or_else(|| i64::from(kept.as_months().unwrap_or(0)) * MONTH);
    millis / length
}

#[cfg(test)]
mod tests {
    use super::super::period_oracle::{instant, zone};
    use super::super::{MAX_TIME, MIN_TIME};
    use super::*;
    use proptest::prelude::*;

    fn expiry(granularity: Granularity, label: &str) -> String {
        let zone = Zone::parse(b"Europe/Paris").unwrap();
        let period = super::super::parse_label(granularity, label.as_bytes(), &zone).unwrap();
        let expiry = Retention::default().expiry(&period, &zone).unwrap();
        jiff::Timestamp::from_millisecond(expiry)
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_bucket_expires_so_long_after_its_period_has_ended() {
        for (granularity, label, expected) in [
            (
                Granularity::Minute,
                "2024-12-11T14:30",
                "2024-12-11T15:31:00Z",
            ),
            (Granularity::Hour, "2024-12-11T14", "2024-12-18T15:00:00Z"),
            (Granularity::Day, "2024-12-11", "2025-12-11T23:00:00Z"),
            (Granularity::Week, "2024-W50", "2026-12-13T23:00:00Z"),
            (Granularity::Month, "2024-12", "2027-12-31T23:00:00Z"),
            (Granularity::Month, "2024-06", "2027-06-30T22:00:00Z"),
        ] {
            assert_eq!(expiry(granularity, label), expected);
        }
    }

    #[test]
    fn a_granularity_may_be_off_but_not_all_of_them() {
        let mut retention = Retention::default();
        let day = Zone::UTC.period(Granularity::Day, 0).unwrap();
        retention.set(Granularity::Day, None).unwrap();
        assert_eq!(retention.expiry(&day, &Zone::UTC), None);
        assert!(!retention.is_kept(&day, i64::MIN, &Zone::UTC));
        assert!(retention.check().is_ok());
        for granularity in Granularity::ALL {
            retention.set(granularity, None).unwrap();
        }
        assert!(retention.check().is_err());
    }

    #[test]
    fn a_retention_is_a_duration_or_off_and_has_a_bound() {
        let parse = |text: &str| Retention::parse(Granularity::Minute, text.as_bytes());
        assert_eq!(parse("OFF"), Ok(None));
        assert_eq!(parse("2h"), Ok(Duration::of_millis(2 * HOUR)));
        assert_eq!(
            parse("0").unwrap_err().to_string(),
            "RETENTION minute '0' is not off and not a duration such as 90s, 24h, 7d, 4w, 36mo or 2y"
        );
        let mut retention = Retention::default();
        assert_eq!(
            retention
                .set(Granularity::Minute, Duration::of_millis(70 * DAY))
                .unwrap_err()
                .to_string(),
            "RETENTION minute 10w is more than 100000 buckets"
        );
        assert!(retention
            .set(Granularity::Minute, Duration::of_millis(69 * DAY))
            .is_ok());
        assert!(retention
            .set(Granularity::Month, Duration::of_months(12_000))
            .is_ok());
    }

    #[test]
    fn nothing_overflows_at_the_ends_of_the_calendar() {
        let mut longest = Retention::default();
        longest
            .set(Granularity::Month, Duration::of_months(12_000))
            .unwrap();
        longest
            .set(Granularity::Week, Duration::of_months(12_000))
            .unwrap();
        for granularity in Granularity::ALL {
            for now in [MIN_TIME, MAX_TIME] {
                let period = Zone::UTC.period(granularity, now).unwrap();
                assert!(longest.expiry(&period, &Zone::UTC).unwrap() > now);
                assert!(longest.kept_from(granularity, now, &Zone::UTC).unwrap() <= now);
            }
            assert_eq!(longest.kept_from(granularity, i64::MAX, &Zone::UTC), None);
        }
    }

    proptest! {
        #[test]
        fn kept_from_is_where_what_is_kept_begins(
            zone in zone(),
            now in instant(),
            millis in 1..100_000 * MINUTE,
            months in 1..50i32,
            in_months: bool,
        ) {
            let kept = if in_months { Duration::of_months(months) } else { Duration::of_millis(millis) };
            let retention = Retention([kept; Granularity::COUNT]);
            for granularity in Granularity::ALL {
                let from = retention.kept_from(granularity, now, &zone).unwrap();
                let Some(first) = zone.period(granularity, from) else { continue };
                prop_assert_eq!(first.start(), from);
                prop_assert!(retention.is_kept(&first, now, &zone));
                let Some(gone) = first.previous(&zone) else { continue };
                prop_assert!(!retention.is_kept(&gone, now, &zone));
                let (before, after) = (retention.expiry(&gone, &zone), retention.expiry(&first, &zone));
                prop_assert!(before <= after);
            }
        }
    }
}
