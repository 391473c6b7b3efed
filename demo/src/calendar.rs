//! The days of the demo: its last one holds the end, in the zone of its sites.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

pub const ZONE: &str = "Europe/Berlin";
pub const HOUR: i64 = 3_600_000;
/// The last day has e to the power of this times what the same day a year before has.
const GROWTH: f64 = 3.2;

pub struct Calendar {
    zone: TimeZone,
    last: Date,
    pub days: u64,
}

impl Calendar {
    /// So many days up to and with that of this instant.
    pub fn new(until: i64, days: u64) -> Calendar {
        let zone = TimeZone::get(ZONE).expect("the zone is built in");
        let instant = Timestamp::from_millisecond(until).expect("is a time");
        let last = instant.to_zoned(zone.clone()).date();
        Calendar { zone, last, days }
    }

    pub fn date(&self, day: u64) -> Date {
        let back = self.days as i64 - 1 - day as i64;
        self.last - back.days()
    }

    /// The first millisecond of a day, counted from the first of the demo.
    pub fn start(&self, day: u64) -> i64 {
        self.of(self.date(day))
    }

    pub fn of(&self, date: Date) -> i64 {
        let start = date
            .to_zoned(self.zone.clone())
            .expect("the zone has the day");
        start.timestamp().as_millisecond()
    }

    /// The hour of the day, from 0 to 23.
    pub fn hour(&self, time: i64) -> usize {
        let instant = Timestamp::from_millisecond(time).expect("is a time");
        instant.to_zoned(self.zone.clone()).hour() as usize
    }

    /// How far the site has grown by this day: 1 on the last.
    pub fn grown(&self, day: u64) -> f64 {
        let back = (self.days - 1).saturating_sub(day);
        (-GROWTH * back as f64 / 365.0).exp()
    }

    /// The day of the demo that lies so many days before its last.
    pub fn back(&self, days: u64) -> u64 {
        (self.days - 1).saturating_sub(days)
    }
}
