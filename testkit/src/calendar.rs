//! Which buckets an event belongs to and when they expire, by jiff's own dates: what the tests
//! compare the module with.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// A bucket of a site with the default retention.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expected {
    pub key: String,
    pub expiry: i64,
}

/// The buckets of an event at this time, from the minute to the month.
pub fn buckets(site: &str, zone: &str, time: i64) -> [Expected; 5] {
    let utc = at(time, "UTC");
    let zone = TimeZone::get(zone).expect("a known zone");
    let day = Timestamp::from_millisecond(time)
        .expect("a time")
        .to_zoned(zone.clone())
        .date();
    let week = day.iso_week_date();
    let since_monday = i64::from(week.weekday().to_monday_zero_offset());
    let start = |date: Date| millis(&date.to_zoned(zone.clone()).expect("a day"));
    let bucket = |granularity: &str, label: String, expiry: i64| Expected {
        key: format!("{{{site}}}:{granularity}:{label}"),
        expiry,
    };
    let end_of_week = day - since_monday.days() + 7.days();
    let end_of_month = day.first_of_month() + 1.month();
    [
        bucket(
            "minute",
            utc.strftime("%Y-%m-%dT%H:%M").to_string(),
            floor(time, MINUTE) + MINUTE + HOUR,
        ),
        bucket(
            "hour",
            utc.strftime("%Y-%m-%dT%H").to_string(),
            floor(time, HOUR) + HOUR + 7 * DAY,
        ),
        bucket("day", day.to_string(), start(day + 1.day()) + 365 * DAY),
        bucket(
            "week",
            format!("{}-W{:02}", week.year(), week.week()),
            start(end_of_week) + 104 * 7 * DAY,
        ),
        bucket(
            "month",
            day.strftime("%Y-%m").to_string(),
            start(end_of_month + 36.months()),
        ),
    ]
}

/// Where the step of this length begins that the time is in.
pub fn floor(time: i64, length: i64) -> i64 {
    time.div_euclid(length) * length
}

pub fn at(time: i64, zone: &str) -> Zoned {
    Timestamp::from_millisecond(time)
        .expect("a time")
        .in_tz(zone)
        .expect("a known zone")
}

pub fn millis(zoned: &Zoned) -> i64 {
    zoned.timestamp().as_millisecond()
}
