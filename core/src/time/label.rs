//! The text of a period, as in a bucket's key.
//!
//! ```text
//! minute 2024-12-11T14:30    hour 2024-12-11T14    day 2024-12-11    week 2024-W50    month 2024-12
//! ```

use super::civil::{iso_monday, iso_week, Date, DayNumber};
use super::scan::Scan;
use super::{Granularity, Period, Zone, DAY, HOUR, MAX_TIME, MINUTE, MIN_TIME};
use std::fmt;
use std::ops::Deref;

/// The longest is a minute's: `2024-12-11T14:30`.
const LONGEST: usize = 16;

/// A short text without an allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Label {
    bytes: [u8; LONGEST],
    len: u8,
}

impl Label {
    const EMPTY: Label = Label {
        bytes: [0; LONGEST],
        len: 0,
    };

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self).unwrap_or_default()
    }

    #[inline]
    fn put<const N: usize>(&mut self, text: [u8; N]) {
        let rest = self.bytes.get_mut(usize::from(self.len)..);
        if let Some(target) = rest.and_then(|rest| rest.first_chunk_mut()) {
            *target = text;
            self.len += N as u8;
        }
    }

    #[inline]
    fn year(&mut self, year: i32) {
        let ([a, b], [c, d]) = (two_digits(year / 100), two_digits(year % 100));
        self.put([a, b, c, d]);
    }

    #[inline]
    fn after(&mut self, separator: u8, number: i32) {
        let [a, b] = two_digits(number);
        self.put([separator, a, b]);
    }
}

/// Of a number below a hundred.
#[inline]
fn two_digits(number: i32) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

impl Deref for Label {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Period {
    pub fn label(&self) -> Label {
        let mut label = Label::EMPTY;
        if self.granularity == Granularity::Week {
            let (year, week) = iso_week(self.first_day);
            label.year(year);
            label.put([b'-']);
            label.after(b'W', week);
            return label;
        }
        let date = Date::of(self.first_day);
        label.year(date.year);
        label.after(b'-', date.month);
        if self.granularity == Granularity::Month {
            return label;
        }
        label.after(b'-', date.day);
        let time = self.start.rem_euclid(DAY);
        if self.granularity <= Granularity::Hour {
            label.after(b'T', (time / HOUR) as i32);
        }
        if self.granularity == Granularity::Minute {
            label.after(b':', (time % HOUR / MINUTE) as i32);
        }
        label
    }
}

/// The period of which `text` is the label, if the zone has it: dates that were skipped there, and
/// any other spelling, are none.
pub fn parse_label(granularity: Granularity, text: &[u8], zone: &Zone) -> Option<Period> {
    let mut local = zone.local();
    let mut scan = Scan::new(text);
    let year = scan.digits(4)?;
    scan.one_of(b"-")?;
    let start = match granularity {
        Granularity::Week => {
            scan.one_of(b"W")?;
            local.day_start(iso_monday(year, scan.digits(2)?)?)
        }
        Granularity::Month => local.day_start(Date::checked(year, scan.digits(2)?, 1)?),
        Granularity::Day => local.day_start(day(year, &mut scan)?),
        Granularity::Hour => i64::from(day(year, &mut scan)?) * DAY + hour(&mut scan)?,
        Granularity::Minute => {
            let hour = i64::from(day(year, &mut scan)?) * DAY + hour(&mut scan)?;
            scan.one_of(b":")?;
            hour + i64::from(scan.digits(2)?) * MINUTE
        }
    };
    let period = local.period(granularity, start);
    let is_in_the_calendar = period.start <= MAX_TIME && period.end > MIN_TIME;
    (is_in_the_calendar && *period.label() == *text).then_some(period)
}

fn day(year: i32, scan: &mut Scan<'_>) -> Option<DayNumber> {
    let month = scan.digits(2)?;
    scan.one_of(b"-")?;
    Date::checked(year, month, scan.digits(2)?)
}

fn hour(scan: &mut Scan<'_>) -> Option<i64> {
    scan.one_of(b"T")?;
    Some(i64::from(scan.digits(2)?) * HOUR)
}
