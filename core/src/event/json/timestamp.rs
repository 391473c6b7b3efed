//! The time of an event in JSON. The digits before a number's point decide its unit:
//!
//! ```text
//!  9 or 10   seconds        1973-03-03T09:46:40Z to 2286-11-20T17:46:39Z, fractions allowed
//! 12 or 13   milliseconds   the same years; what is finer is cut off
//! any other  refused: 11 might be either, 15 and 16 are microseconds, 8 and 14 written-out dates
//! ```
//!
//! A string holds such a number, or ISO 8601.

use super::number::{number, Number};
use crate::error::{shown, Error, Result};
use crate::time::{has_offset, parse_iso, Zone};

pub fn of_number(number: &Number) -> Result<i64> {
    let whole_digits = number.whole_digits();
    let power = match whole_digits {
        9 | 10 => Some(3),
        12 | 13 => Some(0),
        _ => None,
    };
    let time = power
        .filter(|_| !number.negative)
        .and_then(|power| number.scaled(power));
    time.ok_or_else(|| {
        let hint = match whole_digits {
            11 => ": it might be either",
            15 | 16 => ": divide microseconds by 1000",
            18 | 19 => ": divide nanoseconds by 1000000",
            _ => "",
        };
        Error::new(format!(
            "timestamp {} is not a time: 9 or 10 digits before the point are seconds since the \
             epoch, 12 or 13 milliseconds{hint}",
            shown(number.text)
        ))
    })
}

/// The instant, and whether it is the same in every zone.
pub fn of_text(text: &[u8], zone: &Zone) -> Result<(i64, bool)> {
    if let Ok((number, [])) = number(text) {
        return Ok((of_number(&number)?, true));
    }
    let time = parse_iso(text, zone).ok_or_else(|| {
        Error::new(format!(
            "timestamp '{}' is not a time: ISO 8601 such as 2024-07-04T10:30:00Z, or seconds or milliseconds \
             since the epoch",
            shown(text)
        ))
    })?;
    Ok((time, has_offset(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_instant;

    fn time(text: &str, zone: &Zone) -> std::result::Result<(i64, bool), String> {
        of_text(text.as_bytes(), zone).map_err(|error| error.to_string())
    }

    #[test]
    fn the_number_of_digits_decides_between_seconds_and_milliseconds() {
        for (text, expected) in [
            ("100000000", 100_000_000_000),
            ("9999999999", 9_999_999_999_000),
            ("9999999999.9999999999999999999", 9_999_999_999_999),
            ("100000000000", 100_000_000_000),
            ("9999999999999", 9_999_999_999_999),
            ("9999999999999.99", 9_999_999_999_999),
            ("1733927467", 1_733_927_467_000),
            ("1733927467.123", 1_733_927_467_123),
            ("1733927467.123999", 1_733_927_467_123),
            ("1733927467.0004", 1_733_927_467_000),
            ("1.733927467123e9", 1_733_927_467_123),
            ("1.733927467123E+12", 1_733_927_467_123),
            ("1733927467123000e-3", 1_733_927_467_123),
        ] {
            assert_eq!(time(text, &Zone::UTC), Ok((expected, true)), "{text}");
            let (number, _) = number(text.as_bytes()).unwrap();
            assert_eq!(of_number(&number), Ok(expected), "{text}");
        }
        for text in [
            "0",
            "-1",
            "5",
            "99999999",
            "99999999.9",
            "10000000000",
            "17339274670",
            "99999999999.9",
            "10000000000000",
            "20240704103000",
            "1733927467123000",
            "1733927467123000000",
            "-1733927467",
            "1e400",
            "1e-400",
            "1e8000000000000000000000",
            "20240704",
        ] {
            let error = time(text, &Zone::UTC).unwrap_err();
            let rule = "9 or 10 digits before the point are seconds since the epoch, 12 or 13 milliseconds";
            assert!(error.contains(rule), "{error}");
        }
        for (text, hint) in [
            ("17339274670", "either"),
            ("1733927467123456", "microseconds"),
            ("1733927467123456789", "nanoseconds"),
        ] {
            let error = time(text, &Zone::UTC).unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn iso_times_are_those_of_the_other_commands() {
        let paris = Zone::parse(b"Europe/Paris").unwrap();
        for (text, timed) in [
            ("2024-07-04", false),
            ("2024-07-04T10:30", false),
            ("2024-07-04 10:30:15.123", false),
            ("2024-07-04T10:30:15.123Z", true),
            ("2024-07-04T10:30:15.123456+02:00", true),
            ("1969-12-31T23:59-0500", true),
        ] {
            let expected = parse_instant("AT", text.as_bytes(), &paris).unwrap();
            assert_eq!(time(text, &paris), Ok((expected, timed)), "{text}");
        }
        for text in [
            "",
            "now",
            "*",
            "2024-02-30",
            "2024-07-04T25:00",
            "007",
            "1733927467 ",
            "+1733927467",
            "0x5",
        ] {
            let error = time(text, &Zone::UTC).unwrap_err();
            assert!(error.contains("is not a time: ISO 8601"), "{error}");
        }
    }
}
