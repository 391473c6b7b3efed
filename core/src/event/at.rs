//! The time of an event as a word: a number of seconds or milliseconds since the epoch, or ISO 8601.

use super::json::{number, Number};
use crate::error::Result;
use crate::text::numeral::parse_integer;
use crate::time::{is_supported, parse_instant, Zone};

/// The instant, and whether it is the same in every zone. 9 or 10 digits before the point are seconds, as in
/// JSON; with 12 or 13, too, a fraction may follow.
#[inline]
pub fn parse_at(word: &[u8], zone: &Zone) -> Result<(i64, bool)> {
    match parse_integer(word) {
        Some(time) if !is_in_seconds(word) && is_supported(time) => Ok((time, true)),
        _ => parse_other(word, zone),
    }
}

fn is_in_seconds(digits: &[u8]) -> bool {
    matches!(digits.len(), 9 | 10) && digits.first() != Some(&b'-')
}

#[inline(never)]
fn parse_other(word: &[u8], zone: &Zone) -> Result<(i64, bool)> {
    if let Some(time) = parse_integer(word).filter(|_| is_in_seconds(word)) {
        return Ok((time * 1_000, true));
    }
    let is_plain = word
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if let (true, Ok((number, []))) = (is_plain && word.contains(&b'.'), number(word)) {
        if let Some(time) = of_fraction(&number) {
            return Ok((time, true));
        }
    }
    Ok((parse_instant("AT", word, zone)?, false))
}

fn of_fraction(number: &Number) -> Option<i64> {
    match number.whole_digits() {
        9 | 10 => number.scaled(3),
        12 | 13 => number.scaled(0),
        _ => None,
    }
}

/// A time in digits that `parse_at` reads as milliseconds.
pub fn millis(time: i64) -> String {
    format!("{time:012}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{MAX_TIME, MIN_TIME};
    use proptest::prelude::*;

    fn time(word: &str) -> Option<(i64, bool)> {
        parse_at(word.as_bytes(), &Zone::UTC).ok()
    }

    #[test]
    fn nine_or_ten_digits_are_seconds_and_other_numbers_milliseconds() {
        for (word, expected) in [
            ("1702300800", 1_702_300_800_000),
            ("999999999", 999_999_999_000),
            ("9999999999", 9_999_999_999_000),
            ("1702300800.5", 1_702_300_800_500),
            ("1702300800.123999", 1_702_300_800_123),
            ("1702300800000", 1_702_300_800_000),
            ("1702300800000.9", 1_702_300_800_000),
            ("170230080000", 170_230_080_000),
            ("001702300800", 1_702_300_800),
            ("12345678901", 12_345_678_901),
            ("99999999", 99_999_999),
            ("5", 5),
            ("0", 0),
            ("-5", -5),
            ("-1702300800", -1_702_300_800),
        ] {
            assert_eq!(time(word), Some((expected, true)), "{word}");
        }
        assert_eq!(time("2024-07-04"), Some((1_720_051_200_000, false)));
        for word in [
            "1702300800.",
            ".5",
            "5.5",
            "17023008001.5",
            "1702300800.5.5",
            "1702300800,5",
            "1.7023008e9",
            "-1702300800.5",
            "+1702300800",
            "0x5",
            "",
            "now",
            "1702300800 ",
            "99999999999999999",
            "01702300800.5",
        ] {
            assert_eq!(time(word), None, "{word}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_as_milliseconds_is_read_as_them(time in prop_oneof![
            MIN_TIME..MAX_TIME, -20_000_000_000i64..20_000_000_000, -2_000i64..2_000
        ]) {
            let word = millis(time);
            prop_assert_eq!(parse_at(word.as_bytes(), &Zone::UTC).ok(), Some((time, true)));
        }
    }
}
