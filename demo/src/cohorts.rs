//! Who comes back, by looking at each event of everybody: the period of the first event, and every
//! later one with an event.

use crate::calendar::{Calendar, ZONE};
use crate::oracle::Oracle;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Period {
    Week,
    Month,
}

/// Those whose first event is in one period, and how many of them have one in each period after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    pub start: i64,
    pub users: u64,
    pub returned: Vec<u64>,
}

impl Period {
    fn start(self, date: Date) -> Date {
        let back = match self {
            Period::Week => i64::from(date.weekday().to_monday_zero_offset()),
            Period::Month => i64::from(date.day()) - 1,
        };
        date - back.days()
    }

    fn next(self, start: Date) -> Date {
        match self {
            Period::Week => start + 7.days(),
            Period::Month => start + 1.month(),
        }
    }
}

impl Cohort {
    /// Those of all periods from that of the first event to that of `until`.
    pub fn all(oracle: &Oracle, calendar: &Calendar, period: Period, until: i64) -> Vec<Cohort> {
        let zone = TimeZone::get(ZONE).expect("the zone is built in");
        let date = |time| {
            let instant = Timestamp::from_millisecond(time).expect("is a time");
            period.start(instant.to_zoned(zone.clone()).date())
        };
        let Some(first) = oracle.0.first() else {
            return Vec::new();
        };
        let mut places = BTreeMap::new();
        let (mut start, last) = (date(first.time), date(until));
        while start <= last {
            places.insert(start, places.len());
            start = period.next(start);
        }
        let mut cohorts: Vec<Cohort> = places
            .iter()
            .map(|(start, place)| Cohort {
                start: calendar.of(*start),
                users: 0,
                returned: vec![0; places.len() - 1 - place],
            })
            .collect();
        // Of each user: the period of the first event, and the latest one with an event.
        let mut seen: HashMap<&str, (usize, usize)> = HashMap::new();
        for event in &oracle.0 {
            let place = places[&date(event.time)];
            match seen.get_mut(event.user.as_str()) {
                None => {
                    seen.insert(&event.user, (place, place));
                    cohorts[place].users += 1;
                }
                Some((begun, latest)) if *latest < place => {
                    *latest = place;
                    cohorts[*begun].returned[place - *begun - 1] += 1;
                }
                Some(_) => {}
            }
        }
        cohorts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn somebody_is_in_one_cohort_and_comes_back_once_in_a_period() {
        let calendar = Calendar::new(1_796_036_400_000, 60);
        let at = |date: &str| calendar.of(date.parse().expect("is a date")) + 3_600_000;
        let event = |date: &str, user: &str| Event {
            time: at(date),
            name: "pageview",
            user: String::from(user),
            dimensions: Vec::new(),
            values: Vec::new(),
            passive: false,
        };
        // The 26th of October 2026 is a Monday, the 1st of November a Sunday.
        let oracle = Oracle(vec![
            event("2026-10-26", "ann"),
            event("2026-11-01", "ann"),
            event("2026-11-01", "bob"),
            event("2026-11-02", "bob"),
            event("2026-11-08", "bob"),
            event("2026-11-09", "ann"),
            event("2026-11-10", "cleo"),
        ]);
        let of = |period| {
            let all = Cohort::all(&oracle, &calendar, period, at("2026-11-17"));
            all.into_iter()
                .map(|it| (it.users, it.returned))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of(Period::Week),
            [
                (2, vec![1, 1, 0]),
                (0, vec![0, 0]),
                (1, vec![0]),
                (0, vec![])
            ]
        );
        assert_eq!(of(Period::Month), [(1, vec![1]), (2, vec![])]);
    }
}
