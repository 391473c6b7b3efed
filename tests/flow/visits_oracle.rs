//! Random events of visitors, and what they make of visits: counted from the raw events, by the rules of
//! the docs, as plainly as can be.

use std::collections::{BTreeMap, HashMap};

use crate::calls::send_in_calls;
use testkit::calendar::{DAY, MINUTE};
use testkit::{Connection, Random};

pub const TIMEOUT: i64 = 30 * MINUTE;
pub const OPTIONS: &str = "VISITS 30m PATH page BY country BY source DIM from NOUSERS \
                       CUBE from,page NOUSERS RETENTION minute 3h RETENTION hour 400d";

#[derive(Clone)]
pub struct Event {
    time: i64,
    pub user: String,
    pub session: Option<String>,
    passive: bool,
    page: Option<String>,
    country: Option<&'static str>,
    source: Option<&'static str>,
    pub id: Option<String>,
}

impl Event {
    pub fn words(&self) -> Vec<String> {
        let mut words = vec!["view".to_owned(), self.user.clone()];
        words.extend(["AT".to_owned(), self.time.to_string()]);
        if let Some(session) = &self.session {
            words.extend(["SESSION".to_owned(), session.clone()]);
        }
        if let Some(id) = &self.id {
            words.extend(["ID".to_owned(), id.clone()]);
        }
        if self.passive {
            words.push("PASSIVE".to_owned());
        }
        let dimensions = [
            ("page", self.page.as_deref()),
            ("country", self.country),
            ("source", self.source),
        ];
        for (name, value) in dimensions {
            if let Some(value) = value {
                words.extend(["DIM".to_owned(), name.to_owned(), value.to_owned()]);
            }
        }
        words
    }
}

#[derive(Clone)]
pub struct Visit {
    start: i64,
    last: i64,
    events: u64,
    actions: u64,
    pages: Vec<String>,
    country: Option<&'static str>,
    source: Option<&'static str>,
}

/// The raw events by the rules of the docs, as plainly as can be.
#[derive(Default)]
pub struct Oracle {
    pub visits: Vec<Visit>,
    /// Of each visitor, the number of the last visit.
    last: HashMap<String, usize>,
    pub late: u64,
    /// Of each event with a step of a path: the time, the page before and the page.
    pub steps: Vec<(i64, String, String)>,
}

impl Oracle {
    pub fn take(&mut self, event: &Event) {
        let visitor = match &event.session {
            Some(session) => format!("session {session}"),
            None => format!("user {}", event.user),
        };
        let time = event.time;
        if let Some(number) = self.last.get(&visitor) {
            let visit = &mut self.visits[*number];
            let goes_on = if time >= visit.last {
                time - visit.last < TIMEOUT && time - visit.start <= DAY
            } else if visit.start - time >= TIMEOUT {
                self.late += 1;
                return;
            } else {
                true
            };
            if goes_on {
                visit.events += 1;
                visit.actions += u64::from(!event.passive);
                if time >= visit.last {
                    visit.last = time;
                    if let Some(page) = event.page.clone().filter(|_| !event.passive) {
                        let before = visit.pages.last().cloned();
                        let before = before.unwrap_or_else(|| "~start".to_owned());
                        self.steps.push((time, before, page.clone()));
                        visit.pages.push(page);
                    }
                }
                return;
            }
        }
        if event.passive {
            return;
        }
        if let Some(page) = &event.page {
            self.steps.push((time, "~start".to_owned(), page.clone()));
        }
        self.last.insert(visitor, self.visits.len());
        self.visits.push(Visit {
            start: time,
            last: time,
            events: 1,
            actions: 1,
            pages: event.page.iter().cloned().collect(),
            country: event.country,
            source: event.source,
        });
    }

    /// Visits, bounces, milliseconds and events of those that began in the window and are in the row.
    fn numbers(&self, from: i64, to: i64, row: &dyn Fn(&Visit) -> bool) -> [i64; 4] {
        let visits = self.visits.iter();
        let within = visits.filter(|visit| (from..to).contains(&visit.start) && row(visit));
        within.fold([0; 4], |[visits, bounces, time, events], visit| {
            [
                visits + 1,
                bounces + i64::from(visit.actions == 1),
                time + visit.last - visit.start,
                events + visit.events as i64,
            ]
        })
    }
}

pub fn random_events(random: &mut Random, from: i64, to: i64, count: usize) -> Vec<Event> {
    let gaps = [0, 1, 20_000, 3 * MINUTE, 25 * MINUTE];
    let mut time = from;
    let mut last: HashMap<u64, i64> = HashMap::new();
    let mut events: Vec<Event> = Vec::new();
    while events.len() < count {
        // Bursts with pauses in between, so that a year is crossed.
        time += random.pick(&gaps) / 4;
        if random.one_in(40) {
            time += (to - from) / count as i64 * 40;
        }
        let user = random.below(60);
        let edge = last.get(&user).copied();
        let at = match (edge, random.below(12)) {
            // At the edges of the timeout.
            (Some(edge), 0) => edge + TIMEOUT - 1,
            (Some(edge), 1) => edge + TIMEOUT,
            // A little late, or too late.
            (Some(edge), 2) => edge - random.below(40) as i64 * MINUTE,
            _ => time + random.below(1_000) as i64,
        };
        let at = at.clamp(from, to);
        let latest = edge.map_or(at, |edge| edge.max(at));
        last.insert(user, latest);
        time = time.max(latest - 10 * MINUTE).min(to);
        let mut event = Event {
            time: at,
            user: format!("user-{user}"),
            session: (user % 7 == 3).then(|| format!("session-{}", user + random.below(2))),
            passive: random.one_in(5),
            page: (!random.one_in(4)).then(|| format!("/{}", random.below(9))),
            country: (!random.one_in(6)).then(|| *random.pick(&["FR", "DE", "IN"])),
            source: random.one_in(2).then(|| *random.pick(&["ads", "mail"])),
            id: random.one_in(10).then(|| format!("id-{}", events.len())),
        };
        if random.one_in(50) && !events.is_empty() {
            let old = random.pick(&events).clone();
            if old.id.is_some() && (time - old.time).abs() < MINUTE {
                event = old;
            }
        }
        events.push(event);
    }
    events
}

/// Sends the events one by one and in calls of several.
pub fn send(connection: &mut Connection, site: &str, events: &[Event], random: &mut Random) {
    send_in_calls(connection, site, events.iter().map(Event::words), random);
}

/// The four sums of a row.
pub fn asked(connection: &mut Connection, site: &str, window: &str, row: &str) -> [i64; 4] {
    let line = format!(
        "ANALYTICS.GET {site} {window} visits{row} bounces{row} visit-time:sum{row} visit-events:sum{row}"
    );
    let reply = connection.run(&line);
    let [visits, bounces, time, events] = reply.array() else {
        panic!("{line}: {reply:?}");
    };
    let time = (time.double() * 1_000.0).round() as i64;
    [visits.int(), bounces.int(), time, events.int()]
}

pub fn check(connection: &mut Connection, site: &str, oracle: &Oracle, from: i64, to: i64) {
    let window = format!("{from}..{to}");
    let mut compare = |row: &str, is_in: &dyn Fn(&Visit) -> bool| {
        let found = asked(connection, site, &window, row);
        let expected = oracle.numbers(from, to, is_in);
        assert_eq!(found, expected, "{site} {window} {row}");
    };
    compare("", &|_| true);
    compare("@country=FR", &|visit| visit.country == Some("FR"));
    compare("@source=mail", &|visit| visit.source == Some("mail"));
    compare("@entry=/1", &|visit| {
        visit.pages.first().is_some_and(|it| it == "/1")
    });
    compare("@exit=/2", &|visit| {
        visit.pages.last().is_some_and(|it| it == "/2")
    });
    compare("@exit=/3", &|visit| {
        visit.pages.last().is_some_and(|it| it == "/3")
    });
    let mut exits: BTreeMap<&str, i64> = BTreeMap::new();
    for visit in &oracle.visits {
        if let Some(page) = visit
            .pages
            .last()
            .filter(|_| (from..to).contains(&visit.start))
        {
            *exits.entry(page).or_default() += 1;
        }
    }
    let top = connection.run(&format!("ANALYTICS.TOP {site} {window} exit LIMIT 100"));
    let rows = top.array().iter().map(|row| {
        let row = row.array();
        (row[0].text().to_owned(), row[1].int())
    });
    let rows: BTreeMap<String, i64> = rows.collect();
    let expected: BTreeMap<String, i64> = exits
        .into_iter()
        .map(|(page, visits)| (page.to_owned(), visits))
        .collect();
    assert_eq!(rows, expected, "{site} {window}");
    let steps = oracle.steps.iter().filter(|(time, before, page)| {
        (from..to).contains(time) && before == "~start" && page == "/4"
    });
    let line = format!("ANALYTICS.GET {site} {window} events@from=~start&page=/4");
    let steps = steps.count() as i64;
    assert_eq!(connection.run(&line).array()[0], steps, "{line}");
    let from_two = oracle
        .steps
        .iter()
        .filter(|(time, before, page)| (from..to).contains(time) && before == "/2" && page == "/4");
    let line = format!("ANALYTICS.GET {site} {window} events@from=/2&page=/4");
    let from_two = from_two.count() as i64;
    assert_eq!(connection.run(&line).array()[0], from_two, "{line}");
}
