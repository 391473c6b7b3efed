//! Instants in milliseconds since the epoch, and how they are written and read.

use jiff::tz::TimeZone;
use jiff::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

/// An IANA name, as `Europe/Paris`. None for what is no zone.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// ISO 8601 in the zone, with milliseconds where there are any: `2026-11-30T14:00:00+01:00`.
pub fn iso(ms: i64, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => time
            .to_zoned(zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S%.f%:z")
            .to_string(),
        Err(_) => String::new(),
    }
}

/// The first instant of the local month that holds the time.
pub fn start_of_month(ms: i64, zone: &TimeZone) -> Option<i64> {
    let time = Timestamp::from_millisecond(ms).ok()?;
    let day = time.to_zoned(zone.clone()).date().first_of_month();
    Some(
        day.to_zoned(zone.clone())
            .ok()?
            .timestamp()
            .as_millisecond(),
    )
}

/// The first instant of the local day that holds the time.
pub fn start_of_day(ms: i64, zone: &TimeZone) -> Option<i64> {
    let time = Timestamp::from_millisecond(ms).ok()?;
    let day = time.to_zoned(zone.clone()).date();
    Some(
        day.to_zoned(zone.clone())
            .ok()?
            .timestamp()
            .as_millisecond(),
    )
}

/// Reads a time as `ANALYTICS.TRACKJSON` does: a number with 9 or 10 digits before the point is
/// seconds, one with 12 or 13 is milliseconds, and ISO 8601 without an offset is in the zone.
pub fn parse(text: &str, zone: &TimeZone) -> Option<i64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if number {
        let value: f64 = text.parse().ok()?;
        return match digits {
            9 | 10 => Some((value * 1_000.0).round() as i64),
            12 | 13 => Some(value.round() as i64),
            _ => None,
        };
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    Some(
        civil
            .to_zoned(zone.clone())
            .ok()?
            .timestamp()
            .as_millisecond(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_and_written_in_the_zone() {
        let paris = zone("Europe/Paris").expect("is a zone");
        let ms = 1_733_927_467_123;
        for text in [
            "1733927467123",
            "1733927467.123",
            "2024-12-11T14:31:07.123Z",
            "2024-12-11T15:31:07.123",
            "2024-12-11T15:31:07.123+01:00",
        ] {
            assert_eq!(parse(text, &paris), Some(ms), "{text}");
        }
        assert_eq!(iso(ms, &paris), "2024-12-11T15:31:07.123+01:00");
        assert_eq!(iso(ms - 123, &paris), "2024-12-11T15:31:07+01:00");
        for text in ["", "12", "now", "2024-13-01T00:00:00Z", "-5"] {
            assert_eq!(parse(text, &paris), None, "{text}");
        }
    }
}
