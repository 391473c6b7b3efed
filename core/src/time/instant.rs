//! An instant as users write it: milliseconds since the epoch, or ISO 8601.

use super::civil::Date;
use super::scan::Scan;
use super::{is_supported, Zone, DAY, HOUR, MINUTE, SECOND};
use crate::error::{shown, Error, Result};

/// Reads an instant. ISO times without an offset are in the zone: a repeated time is the earlier one, a
/// skipped time is the first instant after the gap, and a date alone is its first instant.
pub fn parse_instant(argument: &str, text: &[u8], zone: &Zone) -> Result<i64> {
    read_instant(text, zone).ok_or_else(|| {
        Error::new(format!(
            "{argument} '{}' is not a time: milliseconds since the epoch, or ISO 8601 such as 2024-07-04, \
             2024-07-04T10:30 or 2024-07-04T10:30:00+02:00, of the years 1 to 9999",
            shown(text)
        ))
    })
}

/// ISO 8601 only, as in `parse_instant`.
pub fn parse_iso(text: &[u8], zone: &Zone) -> Option<i64> {
    read_iso(text, zone).filter(|ms| is_supported(*ms))
}

/// Whether an ISO time has an offset, so that it is the same in every zone.
pub fn has_offset(iso: &[u8]) -> bool {
    let behind_the_date = iso.get(10..).unwrap_or_default();
    behind_the_date.iter().any(|byte| b"Zz+-".contains(byte))
}

pub(super) fn read_instant(text: &[u8], zone: &Zone) -> Option<i64> {
    read_millis(text)
        .or_else(|| read_iso(text, zone))
        .filter(|ms| is_supported(*ms))
}

fn read_millis(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

fn read_iso(text: &[u8], zone: &Zone) -> Option<i64> {
    let mut scan = Scan::new(text);
    let year = scan.digits(4)?;
    scan.one_of(b"-")?;
    let month = scan.digits(2)?;
    scan.one_of(b"-")?;
    let day = Date::checked(year, month, scan.digits(2)?)?;
    let mut time = i64::from(day) * DAY;
    if scan.is_at_end() {
        return Some(zone.local().instant(time));
    }
    scan.one_of(b"Tt ")?;
    time += read_time_of_day(&mut scan)?;
    if scan.is_at_end() {
        return Some(zone.local().instant(time));
    }
    let offset = read_offset(&mut scan)?;
    scan.is_at_end().then_some(time - offset)
}

/// `10`, `10:30`, `10:30:15` or `10:30:15.123`; what is finer than a millisecond is cut off.
fn read_time_of_day(scan: &mut Scan<'_>) -> Option<i64> {
    let mut time = HOUR * up_to(23, scan.digits(2)?)?;
    if scan.one_of(b":").is_none() {
        return Some(time);
    }
    time += MINUTE * up_to(59, scan.digits(2)?)?;
    if scan.one_of(b":").is_none() {
        return Some(time);
    }
    time += SECOND * up_to(59, scan.digits(2)?)?;
    if scan.one_of(b".").is_none() {
        return Some(time);
    }
    let fraction = scan.all_digits();
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let millis = fraction.iter().zip([100, 10, 1]);
    Some(
        time + millis
            .map(|(digit, worth)| i64::from(digit - b'0') * worth)
            .sum::<i64>(),
    )
}

/// `Z`, `+02`, `+02:00` or `+0200`.
fn read_offset(scan: &mut Scan<'_>) -> Option<i64> {
    let sign = match scan.one_of(b"Zz+-")? {
        b'+' => 1,
        b'-' => -1,
        _ => return Some(0),
    };
    let mut offset = HOUR * up_to(23, scan.digits(2)?)?;
    if !scan.is_at_end() {
        let _ = scan.one_of(b":");
        offset += MINUTE * up_to(59, scan.digits(2)?)?;
    }
    Some(sign * offset)
}

fn up_to(max: i32, number: i32) -> Option<i64> {
    (number <= max).then_some(i64::from(number))
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_TIME, MIN_TIME};
    use super::*;
    use proptest::prelude::*;

    fn paris() -> Zone {
        Zone::parse(b"Europe/Paris").unwrap()
    }

    fn read(text: &str, zone: &Zone) -> Option<i64> {
        read_instant(text.as_bytes(), zone)
    }

    fn utc(text: &str) -> Option<i64> {
        Some(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn numbers_are_milliseconds() {
        assert_eq!(read("1720000000000", &paris()), Some(1_720_000_000_000));
        assert_eq!(read("-5", &paris()), Some(-5));
        assert_eq!(read("20240704", &paris()), Some(20_240_704));
    }

    #[test]
    fn iso_times_without_an_offset_are_in_the_zone() {
        for (text, expected) in [
            ("2024-07-04", "2024-07-03T22:00:00Z"),
            ("2024-07-04T10", "2024-07-04T08:00:00Z"),
            ("2024-07-04T10:30", "2024-07-04T08:30:00Z"),
            ("2024-07-04 10:30", "2024-07-04T08:30:00Z"),
            ("2024-07-04T10:30:15", "2024-07-04T08:30:15Z"),
            ("2024-07-04t10:30:15.5", "2024-07-04T08:30:15.5Z"),
            ("2024-07-04T10:30:15.123999", "2024-07-04T08:30:15.123Z"),
            ("2024-07-04T10Z", "2024-07-04T10:00:00Z"),
            ("2024-07-04T10:30z", "2024-07-04T10:30:00Z"),
            ("2024-07-04T10:30:00-05:30", "2024-07-04T16:00:00Z"),
            ("2024-07-04T10:30+0530", "2024-07-04T05:00:00Z"),
            ("2024-07-04T10-05", "2024-07-04T15:00:00Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(read(text, &paris()), utc(expected), "{text}");
            let is_local = read(text, &paris()) != read(text, &Zone::UTC);
            assert_eq!(has_offset(text.as_bytes()), !is_local, "{text}");
        }
        assert_eq!(parse_iso(b"1720000000000", &paris()), None);
    }

    #[test]
    fn a_time_in_a_gap_is_its_end_and_a_repeated_time_is_the_first() {
        assert_eq!(
            read("2024-03-31T02:30", &paris()),
            utc("2024-03-31T01:00:00Z")
        );
        assert_eq!(
            read("2024-10-27T02:30", &paris()),
            utc("2024-10-27T00:30:00Z")
        );
        let apia = Zone::parse(b"Pacific/Apia").unwrap();
        assert_eq!(read("2011-12-30T15:00", &apia), read("2011-12-31", &apia));
    }

    #[test]
    fn whatever_is_no_time_is_refused() {
        for text in [
            "",
            "-",
            "+5",
            "5.0",
            "now",
            "2024-07",
            "2024-7-4",
            "2024-02-30",
            "2024-07-04T",
            "2024-07-04T24",
            "2024-07-04T10:60",
            "2024-07-04T10:30:60",
            "2024-07-04T10:30:15.",
            "2024-07-04T10:30:15.1234567890",
            "2024-07-04T10:30+",
            "2024-07-04T10:30+24:00",
            "2024-07-04T10:30+02:",
            "2024-07-04T10:30Zx",
            "2024-07-04Z",
            "0000-12-31",
            "99999999999999999",
            "9223372036854775807",
            "9223372036854775808",
            "2024-07-04T10:3",
            "２０２４-07-04",
        ] {
            assert_eq!(read(text, &paris()), None, "{text}");
        }
        let message = parse_instant("AT", b"\xff\n", &Zone::UTC)
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("AT '\\xff\\n' is not a time"),
            "{message}"
        );
    }

    #[test]
    fn the_calendar_is_the_years_1_to_9999() {
        assert_eq!(read(&MIN_TIME.to_string(), &Zone::UTC), Some(MIN_TIME));
        assert_eq!(read(&(MIN_TIME - 1).to_string(), &Zone::UTC), None);
        assert_eq!(read("9999-12-29T23:59:59.999Z", &Zone::UTC), Some(MAX_TIME));
        assert_eq!(read("9999-12-31", &Zone::UTC), None);
    }

    proptest! {
        #[test]
        fn what_jiff_writes_is_read(ms in MIN_TIME..=MAX_TIME) {
            let timestamp = jiff::Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(read(&timestamp.to_string(), &Zone::UTC), Some(ms));
            let local = timestamp.to_zoned(jiff::tz::TimeZone::get("Asia/Kolkata").unwrap());
            let kolkata = Zone::parse(b"Asia/Kolkata").unwrap();
            if ms > 0 {
                prop_assert_eq!(read(&local.datetime().to_string(), &kolkata), Some(ms));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9:.+Z-]*") {
            let _ = read_instant(&bytes, &Zone::UTC);
            let _ = read_instant(text.as_bytes(), &Zone::UTC);
        }
    }
}
