//! The time of an event as JSON has it. A number's digits before the point say what it counts:
//!
//! ```text
//!  9 or 10   seconds        1973-03-03T09:46:40Z to 2286-11-20T17:46:39Z, fractions allowed
//! 12 or 13   milliseconds   the same years; what is finer is cut off
//! any other  refused: 11 might be either, 15 and 16 are microseconds, 8 and 14 written-out dates
//! ```
//!
//! A string holds such a number, or ISO 8601.

use super::number::{number, Number};
use crate::domain::error::{shown, Error, Result};
use crate::domain::time::{has_offset, parse_iso, Zone};

pub fn of_number(number: &Number) -> Result<i64> {
    let places = number.places();
    let power = match places {
        9 | 10 => Some(3),
        12 | 13 => Some(0),
        _ => None,
    };
    let time = power
        .filter(|_| !number.negative)
        .and_then(|power| number.scaled(power));
    time.ok_or_else(|| {
        let hint = match places {
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
