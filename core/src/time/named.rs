//! Which bucket a time argument names: the one that holds the instant.
//!
//! ```text
//! 1733927400000   2024-12-11T14:30   2024-12-11T14:30Z   now      of any granularity
//! 2024-W50        2024-12                                         the week or month itself
//! ```

use super::instant::read_instant;
use super::{parse_label, Granularity, Zone, MIN_TIME};
use crate::error::{shown, Error, Result};

/// Any instant that is read elsewhere, `now`, and the names of weeks and months as their keys have
/// them. A key's name of an hour or a minute is in UTC: that is an instant with a `Z`, and without one
/// it is in the zone, as everywhere.
pub fn instant_in(granularity: Granularity, text: &[u8], zone: &Zone, now: i64) -> Result<i64> {
    let named = || match granularity {
        Granularity::Week | Granularity::Month => parse_label(granularity, text, zone),
        _ => None,
    };
    if text.eq_ignore_ascii_case(b"now") {
        return Ok(now);
    }
    let instant = read_instant(text, zone);
    let instant = instant.or_else(|| Some(named()?.start().max(MIN_TIME)));
    instant.ok_or_else(|| {
        let name = match granularity {
            Granularity::Week => ", or the name of a week such as 2024-W50",
            Granularity::Month => ", or the name of a month such as 2024-12",
            _ => "",
        };
        Error::new(format!(
            "time '{}' is not now, milliseconds since the epoch, ISO 8601 such as 2024-12-11 or \
             2024-12-11T14:30Z{name}",
            shown(text)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{period_oracle, MAX_TIME};
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_733_927_467_000;

    fn label(granularity: Granularity, text: &str, zone: &str) -> String {
        let zone = Zone::parse(zone.as_bytes()).unwrap();
        match instant_in(granularity, text.as_bytes(), &zone, NOW) {
            Ok(instant) => zone
                .period(granularity, instant)
                .unwrap()
                .label()
                .to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_instant_names_the_bucket_that_holds_it() {
        use Granularity::{Day, Hour, Minute, Month, Week};
        for (granularity, text, zone, expected) in [
            (Minute, "2024-12-11T14:30", "UTC", "2024-12-11T14:30"),
            (
                Minute,
                "2024-12-11T14:30",
                "Europe/Paris",
                "2024-12-11T13:30",
            ),
            (
                Minute,
                "2024-12-11T14:30Z",
                "Europe/Paris",
                "2024-12-11T14:30",
            ),
            (Hour, "2024-12-11T14", "UTC", "2024-12-11T14"),
            (Hour, "2024-12-11T14Z", "Asia/Kolkata", "2024-12-11T14"),
            (Hour, "NOW", "Asia/Kolkata", "2024-12-11T14"),
            (Day, "1733927467000", "UTC", "2024-12-11"),
            (Day, "2024-12-11T23:30Z", "Europe/Paris", "2024-12-12"),
            (Week, "2024-W50", "Europe/Paris", "2024-W50"),
            (Week, "2024-12-11", "UTC", "2024-W50"),
            (Month, "2024-12", "America/New_York", "2024-12"),
            (
                Month,
                "2024-12-31T23:30-05:00",
                "America/New_York",
                "2024-12",
            ),
        ] {
            assert_eq!(label(granularity, text, zone), expected, "{text}");
        }
    }

    #[test]
    fn the_error_of_a_time_names_the_forms() {
        for (granularity, text) in [
            (Granularity::Day, "2024-12"),
            (Granularity::Week, "2024-12"),
            (Granularity::Month, "2024-W50"),
            (Granularity::Week, "2024-W53"),
            (Granularity::Month, "2024-13"),
            (Granularity::Month, "99999999999999999999"),
            (Granularity::Minute, ""),
        ] {
            let refusal = label(granularity, text, "UTC");
            assert!(refusal.starts_with(&format!("time '{text}' is not now, ")));
            assert_eq!(
                refusal.contains("name of a week"),
                granularity == Granularity::Week
            );
        }
    }

    proptest! {
        #[test]
        fn weeks_and_months_are_found_by_the_names_in_their_keys(
            zone in period_oracle::zone(),
            time in period_oracle::instant(),
        ) {
            for granularity in [Granularity::Week, Granularity::Month] {
                let period = zone.period(granularity, time).unwrap();
                let found = instant_in(granularity, &period.label(), &zone, MAX_TIME).unwrap();
                prop_assert_eq!(zone.period(granularity, found), Some(period));
            }
        }
    }
}
