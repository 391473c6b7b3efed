//! Random histories of users, and what they make of new and returning users and of cohorts: counted from the raw
//! events, by the rules of the docs, as plainly as can be.

use std::collections::BTreeMap;

use crate::calls::send_in_calls;
use testkit::calendar::{at, millis, DAY, HOUR};
use testkit::{Connection, Random, Reply};

pub const HORIZON: i64 = 90;
pub const OPTIONS: &str = "RETURNING 90d DIM country CUBE country,plan DIM quiet NOUSERS \
                       RETENTION minute 3h RETENTION hour 400d";

#[derive(Clone, Debug)]
pub struct Event {
    time: i64,
    pub user: u64,
    country: Option<&'static str>,
    plan: Option<&'static str>,
}

impl Event {
    pub fn words(&self) -> Vec<String> {
        let mut words = vec!["view".to_owned(), format!("user-{}", self.user)];
        words.extend(["AT".to_owned(), self.time.to_string()]);
        for (name, value) in [("country", self.country), ("plan", self.plan)] {
            if let Some(value) = value {
                words.extend(["DIM".to_owned(), name.to_owned(), value.to_owned()]);
            }
        }
        words
    }
}

/// The number of a day of the zone, of its week's Monday, and of the first of its month.
pub fn days(time: i64, zone: &str) -> [i64; 3] {
    let date = at(time, zone).date();
    let epoch = jiff::civil::date(1970, 1, 1);
    let number = |date: jiff::civil::Date| i64::from((date - epoch).get_days());
    let weekday = i64::from(date.weekday().to_monday_zero_offset());
    let day = number(date);
    [day, day - weekday, number(date.first_of_month())]
}

/// The raw events by the rules of the docs, as plainly as can be.
#[derive(Default)]
pub struct Oracle {
    /// Of each user the days with an event, since the user was new.
    users: BTreeMap<u64, Vec<[i64; 3]>>,
    /// The events of new users.
    pub new: Vec<Event>,
    pub late: u64,
    /// By granularity, cohort and period, how many users were seen.
    cells: [BTreeMap<(i64, i64), u64>; 3],
    all: Vec<Event>,
}

impl Oracle {
    pub fn take(&mut self, event: &Event, zone: &str) {
        self.all.push(event.clone());
        let now = days(event.time, zone);
        let known = self.users.entry(event.user).or_default();
        if let Some(last) = known.last() {
            if now[0] == last[0] {
                return;
            }
            if now[0] < last[0] {
                self.late += 1;
                return;
            }
            if now[0] - last[0] > HORIZON {
                known.clear();
            }
        }
        if known.is_empty() {
            self.new.push(event.clone());
        }
        for (place, cells) in self.cells.iter_mut().enumerate() {
            if known.iter().all(|before| before[place] != now[place]) {
                let first = known.first().map_or(now[place], |first| first[place]);
                *cells.entry((first, now[place])).or_default() += 1;
            }
        }
        known.push(now);
    }

    pub fn new_in(&self, from: i64, to: i64, is_in: &dyn Fn(&Event) -> bool) -> i64 {
        let new = self.new.iter();
        let new = new.filter(|event| (from..to).contains(&event.time) && is_in(event));
        new.count() as i64
    }
}

/// Users who come often, seldom, once, and after longer than the horizon; some events are late.
pub fn random_events(random: &mut Random, from: i64, to: i64, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for number in 0..count {
        let time = from + (to - from) / count as i64 * number as i64;
        let active = 10 + 200 * number as u64 / count as u64;
        let user = match random.below(4) {
            0 => random.below(8),
            1 => active,
            2 => random.below(active),
            _ => active.saturating_sub(random.below(60)),
        };
        let late = match random.below(20) {
            0 => DAY,
            1 => HOUR,
            2 => random.below(3 * DAY as u64) as i64,
            _ => 0,
        };
        events.push(Event {
            time: (time - late).max(from),
            user,
            country: (!random.one_in(6)).then(|| *random.pick(&["FR", "DE"])),
            plan: random.one_in(2).then(|| *random.pick(&["free", "paid"])),
        });
    }
    events
}

/// Sends the events one by one and in calls of several.
pub fn send(connection: &mut Connection, site: &str, events: &[Event], random: &mut Random) {
    send_in_calls(connection, site, events.iter().map(Event::words), random);
}

pub fn check_new(connection: &mut Connection, site: &str, oracle: &Oracle, from: i64, to: i64) {
    let window = format!("{from}..{to}");
    let mut compare = |row: &str, is_in: &dyn Fn(&Event) -> bool| {
        let line = format!("ANALYTICS.GET {site} {window} users:new{row} users:new:rate{row}");
        let reply = connection.run(&line);
        let expected = oracle.new_in(from, to, is_in);
        assert_eq!(reply.array()[0], expected, "{line}");
    };
    compare("", &|_| true);
    compare("@country=FR", &|event| event.country == Some("FR"));
    compare("@plan=paid", &|event| event.plan == Some("paid"));
    compare("@country=DE&plan=free", &|event| {
        event.country == Some("DE") && event.plan == Some("free")
    });
    compare("@event=view", &|_| true);
    let top = format!("ANALYTICS.TOP {site} {window} country BY users:new WITH users:returning");
    for row in connection.run(&top).array() {
        let row = row.array();
        let country = row[0].text().to_owned();
        let is_in = |event: &Event| event.country == Some(country.as_str());
        assert_eq!(row[1], oracle.new_in(from, to, &is_in), "{top}");
    }
}

/// Every cell of the matrix from the first event until now, and what the reply says of itself.
pub fn check_cohorts(
    connection: &mut Connection,
    site: &str,
    oracle: &Oracle,
    zone: &str,
    now: i64,
) {
    for reply in check_cells(connection, site, oracle, zone, now) {
        assert_eq!(*reply.get("late"), oracle.late as i64);
    }
}

/// Every cell of the matrix from the first event until now; the replies by day, week and month.
pub fn check_cells(
    connection: &mut Connection,
    site: &str,
    oracle: &Oracle,
    zone: &str,
    now: i64,
) -> Vec<Reply> {
    let mut replies = Vec::new();
    let from = oracle.all.iter().map(|event| event.time).min().unwrap() - 40 * DAY;
    for (place, name) in ["day", "week", "month"].iter().enumerate() {
        let line = format!("ANALYTICS.RETENTION {site} {from}..now {name}");
        let reply = connection.run(&line);
        let rows = reply.get("rows").array();
        let mut cells = oracle.cells[place].clone();
        let mut checked = 0;
        let starts: Vec<i64> = rows.iter().map(|row| row.array()[0].int()).collect();
        for row in rows {
            let [start, users, returned] = row.array() else {
                panic!("{row:?}");
            };
            let cohort = days(start.int(), zone)[place];
            assert_eq!(
                days(start.int(), zone)[0],
                cohort,
                "{line}: begins {start:?}"
            );
            let returned = returned.array();
            let later = starts.iter().filter(|other| **other >= start.int());
            assert_eq!(1 + returned.len(), later.clone().count(), "{line}");
            for (period, count) in later.zip(std::iter::once(users).chain(returned)) {
                let key = (cohort, days(*period, zone)[place]);
                let expected = cells.remove(&key).unwrap_or(0) as i64;
                assert_eq!(*count, expected, "{line}: {key:?}");
                checked += i64::from(expected > 0);
            }
        }
        assert!(cells.is_empty(), "{line}: {cells:?}");
        assert!(checked > 10, "{checked}");
        assert_eq!(*reply.get("horizon"), HORIZON * DAY);
        assert_eq!(reply.get("sampling").double(), 1.0);
        assert!(reply.get("since").is_nil());
        assert!(starts.iter().all(|start| *start <= now));
        replies.push(reply);
    }
    replies
}

/// Those who return, in windows of one day, week and month.
pub fn check_returning(
    connection: &mut Connection,
    site: &str,
    oracle: &Oracle,
    zone: &str,
    time: i64,
) {
    let zoned = at(time, zone);
    let day = zoned.date();
    let monday = day - jiff::Span::new().days(i64::from(day.weekday().to_monday_zero_offset()));
    let first = day.first_of_month();
    let ends = [
        (day, day.tomorrow().unwrap()),
        (monday, monday + jiff::Span::new().days(7)),
        (first, first.last_of_month().tomorrow().unwrap()),
    ];
    for (place, (from, to)) in ends.into_iter().enumerate() {
        let start =
            |date: jiff::civil::Date| millis(&date.to_zoned(zoned.time_zone().clone()).unwrap());
        let (from, to) = (start(from), start(to));
        let line =
            format!("ANALYTICS.GET {site} {from}..{to} users:returning users:returning:share");
        let period = days(from, zone)[place];
        let seen = oracle.cells[place]
            .iter()
            .filter(|((_, seen), _)| *seen == period);
        let all: u64 = seen.clone().map(|(_, count)| count).sum();
        let returning = seen.filter(|((first, _), _)| *first != period);
        let returning: u64 = returning.map(|(_, count)| count).sum();
        let reply = connection.run(&line);
        assert_eq!(reply.array()[0], returning as i64, "{line}");
        if all > 0 {
            let share = reply.array()[1].double();
            assert!(
                (share - returning as f64 / all as f64).abs() < 1e-9,
                "{line}"
            );
            let explain = connection.run(&format!("ANALYTICS.EXPLAIN {site} {from}..{to}"));
            assert_eq!(*explain.get("people").get("returning"), "counted");
        }
    }
}
