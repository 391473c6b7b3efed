//! Periods, labels and slots against a slow reading of the calendar that only jiff's own local dates go
//! into, at odd instants of odd zones.

use super::civil::Date;
use super::*;
use jiff::tz::TimeZone;
use jiff::Timestamp;
use proptest::prelude::*;

pub const ZONES: [&str; 15] = [
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Monrovia",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "America/Juneau",
    "Pacific/Kwajalein",
    "Africa/Casablanca",
];

/// Instants next to a change of some zone.
const ODD: [&str; 19] = [
    "2024-03-31T01:00:00Z",
    "2024-10-27T01:00:00Z",
    "2024-03-10T07:00:00Z",
    "2024-11-03T06:00:00Z",
    "2024-04-06T15:00:00Z",
    "2024-10-05T15:30:00Z",
    "2011-12-30T10:00:00Z",
    "2006-10-29T02:31:00Z",
    "1987-04-05T03:31:00Z",
    "1972-01-07T00:44:30Z",
    "1985-12-31T18:30:00Z",
    "2018-11-04T03:00:00Z",
    "2018-02-18T02:00:00Z",
    "2024-04-25T22:00:00Z",
    "1867-10-19T00:31:13Z",
    "1969-09-30T13:00:00Z",
    "1993-08-21T12:00:00Z",
    "2020-12-31T23:00:00Z",
    "1970-01-01T00:00:00Z",
];

pub fn zone() -> impl Strategy<Value = Zone> {
    prop::sample::select(&ZONES[..]).prop_map(|name| Zone::parse(name.as_bytes()).unwrap())
}

/// Near an odd instant, in an ordinary century, or anywhere.
pub fn instant() -> impl Strategy<Value = i64> {
    let odd = (
        prop::sample::select(&ODD[..]),
        -2 * DAY..2 * DAY,
        any::<bool>(),
    );
    let odd = odd.prop_map(|(odd, away, near)| {
        let odd: Timestamp = odd.parse().unwrap();
        odd.as_millisecond() + if near { away / 100 } else { away }
    });
    let year_end = (1900..2400i64, -8 * DAY..8 * DAY).prop_map(|(year, away)| {
        let jan_1: Timestamp = format!("{year}-01-01T00:00:00Z").parse().unwrap();
        jan_1.as_millisecond() + away
    });
    prop_oneof![
        4 => odd,
        2 => year_end,
        2 => -30_000 * DAY..60_000 * DAY,
        1 => MIN_TIME..=MAX_TIME,
    ]
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn jiff_zone(zone: &Zone) -> TimeZone {
    jiff::tz::TimeZoneDatabase::bundled()
        .get(zone.name())
        .unwrap()
}

/// The label of the local time at an instant, as strftime has it.
fn strftime(granularity: Granularity, ms: i64, zone: &TimeZone) -> String {
    let (format, zone) = match granularity {
        Granularity::Minute => ("%Y-%m-%dT%H:%M", &TimeZone::UTC),
        Granularity::Hour => ("%Y-%m-%dT%H", &TimeZone::UTC),
        Granularity::Day => ("%Y-%m-%d", zone),
        Granularity::Week => ("%G-W%V", zone),
        Granularity::Month => ("%Y-%m", zone),
    };
    at(ms).to_zoned(zone.clone()).strftime(format).to_string()
}

/// Labels sort like time, so the period of an instant is the greatest label reached up to it. No date is
/// repeated after more than two days, so that earlier labels need not be tried.
fn slow_label(granularity: Granularity, ms: i64, zone: &TimeZone) -> String {
    let changes = zone
        .preceding(at(ms))
        .map(|change| change.timestamp().as_millisecond() - 1)
        .take_while(|change| ms - change < 2 * DAY)
        .map(|change| strftime(granularity, change, zone));
    changes
        .chain([strftime(granularity, ms, zone)])
        .max()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_period_is_exactly_the_instants_of_its_label(zone in zone(), ms in instant()) {
        let slow = jiff_zone(&zone);
        for granularity in Granularity::ALL {
            let period = zone.period(granularity, ms).unwrap();
            prop_assert!(period.contains(ms));
            let label = period.label().to_string();
            prop_assert_eq!(&label, &slow_label(granularity, ms, &slow));
            for (inside, instant) in [
                (true, period.start()),
                (true, period.end() - 1),
                (false, period.start() - 1),
                (false, period.end()),
            ] {
                if is_supported(instant) {
                    let there = slow_label(granularity, instant, &slow);
                    prop_assert_eq!(there == label, inside, "{} at {}", label, at(instant));
                }
            }
        }
    }

    #[test]
    fn periods_follow_each_other_and_their_labels_sort_like_time(zone in zone(), ms in instant()) {
        for granularity in Granularity::ALL {
            let period = zone.period(granularity, ms).unwrap();
            if let Some(next) = period.next(&zone) {
                prop_assert_eq!(next.start(), period.end());
                prop_assert!(next.label().as_str() > period.label().as_str());
                prop_assert_eq!(next.previous(&zone), Some(period));
            }
            if let Some(previous) = period.previous(&zone) {
                prop_assert_eq!(previous.end(), period.start());
                prop_assert_eq!(previous.next(&zone), Some(period));
            }
        }
    }

    #[test]
    fn a_label_is_read_back_as_its_period(zone in zone(), ms in instant()) {
        for granularity in Granularity::ALL {
            let period = zone.period(granularity, ms).unwrap();
            let label = period.label();
            prop_assert_eq!(label.len(), [16, 13, 10, 8, 7][granularity.index()]);
            prop_assert_eq!(parse_label(granularity, &label, &zone), Some(period));
            for other in Granularity::ALL {
                prop_assert_eq!(parse_label(other, &label, &zone).is_some(), other == granularity);
            }
        }
    }

    #[test]
    fn what_reads_as_a_label_is_one(zone in zone(), text in "[0-9]{4}-(W?[0-9]{2}|[01][0-9]-[0-3][0-9](T[0-2][0-9](:[0-5][0-9])?)?)") {
        for granularity in Granularity::ALL {
            if let Some(period) = parse_label(granularity, text.as_bytes(), &zone) {
                prop_assert_eq!(period.label().to_string(), text.as_str());
                prop_assert_eq!(zone.period(granularity, period.end().min(MAX_TIME + 1) - 1), Some(period));
            }
        }
    }

    #[test]
    fn slots_partition_their_period(zone in zone(), ms in instant()) {
        for granularity in Granularity::ALL {
            let period = zone.period(granularity, ms).unwrap();
            let slots = period.slots(&zone);
            prop_assert!(usize::from(slots.count()) <= Slots::MAX);
            let mut edge = period.start();
            for slot in 0..slots.count() {
                let bounds = slots.bounds(slot);
                prop_assert_eq!(bounds.from, edge);
                prop_assert!(bounds.from <= bounds.to);
                if !bounds.is_empty() {
                    prop_assert_eq!(slots.of(bounds.from), slot);
                    prop_assert_eq!(slots.of(bounds.to - 1), slot);
                }
                edge = bounds.to;
            }
            prop_assert_eq!(edge, period.end());
            prop_assert!(slots.bounds(slots.count()).is_empty());
            prop_assert!(slots.bounds(slots.of(ms)).contains(ms));
            if granularity >= Granularity::Week && is_supported(period.start()) {
                let day = zone.period(Granularity::Day, ms).unwrap();
                prop_assert_eq!(slots.bounds(slots.of(ms)), day.range());
            }
        }
    }
}

fn period(zone: &str, granularity: Granularity, label: &str) -> Option<Period> {
    let zone = Zone::parse(zone.as_bytes()).unwrap();
    parse_label(granularity, label.as_bytes(), &zone)
}

fn hours(zone: &str, day: &str) -> f64 {
    let day = period(zone, Granularity::Day, day).unwrap();
    (day.end() - day.start()) as f64 / HOUR as f64
}

#[test]
fn days_are_as_long_as_the_clocks_make_them() {
    assert_eq!(hours("Europe/Paris", "2024-03-31"), 23.0);
    assert_eq!(hours("Europe/Paris", "2024-10-27"), 25.0);
    assert_eq!(hours("Australia/Lord_Howe", "2024-10-06"), 23.5);
    assert_eq!(hours("Australia/Lord_Howe", "2024-04-07"), 24.5);
    assert_eq!(hours("Africa/Monrovia", "1972-01-07"), 24.0 - 44.5 / 60.0);
    assert_eq!(hours("America/Juneau", "1867-10-19"), 48.0);
}

#[test]
fn a_day_without_a_midnight_starts_at_the_first_instant_of_its_date() {
    let day = period("America/Sao_Paulo", Granularity::Day, "2018-11-04").unwrap();
    assert_eq!(at(day.start()).to_string(), "2018-11-04T03:00:00Z");
    assert_eq!(day.slot_count(), 23);
}

#[test]
fn where_the_old_date_repeats_the_new_day_continues() {
    // At 00:01 on the 29th the clocks went back to 23:01 on the 28th.
    let day = period("America/St_Johns", Granularity::Day, "2006-10-29").unwrap();
    assert_eq!(at(day.start()).to_string(), "2006-10-29T02:30:00Z");
    assert_eq!(day.slot_count(), 25);
}

#[test]
fn a_skipped_date_is_no_day_and_an_empty_slot() {
    assert_eq!(period("Pacific/Apia", Granularity::Day, "2011-12-30"), None);
    let month = period("Pacific/Apia", Granularity::Month, "2011-12").unwrap();
    let slots = month.slots(&Zone::parse(b"Pacific/Apia").unwrap());
    assert_eq!(slots.count(), 31);
    assert_eq!(slots.bounds(29).len(), 0);
    assert_eq!(slots.of(slots.bounds(30).from), 30);
    assert_eq!(month.end() - month.start(), 30 * DAY);
}

#[test]
fn labels_are_strict() {
    use Granularity::{Day, Hour, Minute, Month, Week};
    for (granularity, text) in [
        (Week, "2021-W53"),
        (Week, "2021-W00"),
        (Week, "2021-w01"),
        (Week, "2021-W1"),
        (Month, "2021-13"),
        (Month, "2021-1"),
        (Month, "+021-01"),
        (Day, "2023-02-29"),
        (Day, "2023-02-28 "),
        (Day, "0000-12-31"),
        (Hour, "2023-02-28T24"),
        (Hour, "2023-02-28 23"),
        (Minute, "2023-02-28T23:60"),
        (Minute, ""),
    ] {
        assert_eq!(period("UTC", granularity, text), None, "{text}");
    }
    assert!(period("UTC", Week, "2020-W53").is_some());
}

#[test]
fn the_first_and_the_last_periods_have_ordinary_labels() {
    for name in ZONES {
        let zone = Zone::parse(name.as_bytes()).unwrap();
        for granularity in Granularity::ALL {
            let first = zone.period(granularity, MIN_TIME).unwrap().label();
            assert!(first.as_str().starts_with("0001-"), "{first}");
            let last = zone.period(granularity, MAX_TIME).unwrap();
            assert!(last.label().as_str().starts_with("9999-"), "{last:?}");
            assert!(Date::of(last.first_day).month >= 12);
        }
    }
}
