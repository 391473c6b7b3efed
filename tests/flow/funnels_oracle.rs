//! Random events of users, and what a plain `windowFunnel` says of them.

use std::collections::BTreeMap;

use crate::calls::send_in_calls;
use testkit::calendar::{DAY, HOUR, MINUTE};
use testkit::{Connection, Random};

/// A funnel, as it is given and as the oracle takes it: of each step and exclusion, a type and a page.
pub struct Funnel {
    name: &'static str,
    within: i64,
    steps: &'static [(&'static str, Option<&'static str>)],
    excludes: &'static [(&'static str, Option<&'static str>)],
    pub words: &'static str,
}

pub const FUNNELS: [Funnel; 3] = [
    Funnel {
        name: "checkout",
        within: 30 * MINUTE,
        steps: &[("view", Some("/p")), ("cart", None), ("pay", None)],
        excludes: &[("refund", None)],
        words: "checkout WITHIN 30m STEP event=view&page=/p STEP event=cart STEP event=pay \
                EXCLUDE event=refund BY country",
    },
    Funnel {
        name: "slow",
        within: 2 * DAY,
        steps: &[
            ("view", None),
            ("cart", None),
            ("cart", Some("/x")),
            ("pay", None),
        ],
        excludes: &[],
        words:
            "slow WITHIN 2d STEP event=view STEP event=cart STEP event=cart&page=/x STEP event=pay \
                BY page BY country",
    },
    Funnel {
        name: "pages",
        within: HOUR,
        steps: &[("view", None), ("view", Some("/p"))],
        excludes: &[],
        words: "pages WITHIN 1h STEP event=view STEP page=/p&event=view",
    },
];

#[derive(Clone)]
pub struct Event {
    time: i64,
    user: u64,
    kind: &'static str,
    page: Option<&'static str>,
    country: Option<&'static str>,
}

impl Event {
    pub fn words(&self) -> Vec<String> {
        let user = format!("user-{}", self.user);
        let mut words = vec![self.kind.to_owned(), user];
        words.extend(["AT".to_owned(), self.time.to_string()]);
        for (name, value) in [("page", self.page), ("country", self.country)] {
            if let Some(value) = value {
                words.extend(["DIM".to_owned(), name.to_owned(), value.to_owned()]);
            }
        }
        words
    }

    pub fn is(&self, (kind, page): &(&str, Option<&str>)) -> bool {
        self.kind == *kind && page.is_none_or(|page| self.page == Some(page))
    }
}

/// What was counted of an attempt.
#[derive(Clone)]
pub struct Attempt {
    start: i64,
    country: Option<&'static str>,
    /// Of each step that was reached, the milliseconds since the step before.
    gaps: Vec<i64>,
}

/// The attempts of one user, whose events are in order.
pub fn attempts(funnel: &Funnel, events: &[Event]) -> Vec<Attempt> {
    let is_first = |event: &&Event| event.is(&funnel.steps[0]);
    let mut starts: Vec<&Event> = Vec::new();
    for event in events.iter().filter(is_first) {
        let open = starts
            .last()
            .is_some_and(|it| event.time <= it.time + funnel.within);
        if !open {
            starts.push(event);
        }
    }
    let of = |start: &&Event| {
        let own = start.time..=start.time + funnel.within;
        Attempt {
            start: start.time,
            country: start.country,
            gaps: window_funnel(funnel, events, |time| own.contains(&time)),
        }
    };
    starts.iter().map(of).collect()
}

/// The longest chain, where the first steps are those of these times.
pub fn window_funnel(funnel: &Funnel, events: &[Event], begins: impl Fn(i64) -> bool) -> Vec<i64> {
    let mut chains: Vec<Option<(i64, i64)>> = vec![None; funnel.steps.len()];
    let mut gaps = Vec::new();
    for event in events {
        if funnel.excludes.iter().any(|it| event.is(it)) {
            chains.fill(None);
        }
        for (step, condition) in funnel.steps.iter().enumerate() {
            if !event.is(condition) || step == 0 && !begins(event.time) {
                continue;
            }
            let chain = match step {
                0 => Some((event.time, event.time)),
                _ => chains[step - 1].filter(|(first, _)| event.time <= first + funnel.within),
            };
            if let Some((first, before)) = chain {
                chains[step] = Some((first, event.time));
                if gaps.len() == step {
                    gaps.push(event.time - before);
                }
                if gaps.len() == funnel.steps.len() {
                    return gaps;
                }
            }
        }
    }
    gaps
}

#[derive(Default)]
pub struct Oracle {
    events: BTreeMap<u64, Vec<Event>>,
}

impl Oracle {
    pub fn take(&mut self, events: &[Event]) {
        for event in events {
            self.events
                .entry(event.user)
                .or_default()
                .push(event.clone());
        }
    }

    pub fn attempts(&self, funnel: &Funnel, from: i64, to: i64) -> Vec<Attempt> {
        let all = self.events.values().flat_map(|own| attempts(funnel, own));
        all.filter(|it| (from..to).contains(&it.start)).collect()
    }
}

pub fn reached<'a>(attempts: impl Iterator<Item = &'a Attempt>, steps: usize) -> Vec<i64> {
    let mut counts = vec![0; steps];
    for attempt in attempts {
        for count in counts.iter_mut().take(attempt.gaps.len()) {
            *count += 1;
        }
    }
    counts
}

/// In the order of time.
pub fn random_events(random: &mut Random, from: i64, to: i64, count: usize) -> Vec<Event> {
    let mut times: Vec<i64> = (0..count)
        .map(|_| from + random.below((to - from) as u64) as i64)
        .collect();
    times.sort_unstable();
    let mut last: Vec<Option<Event>> = vec![None; 40];
    let mut events = Vec::new();
    for time in times {
        let user = random.below(40);
        let kinds: [&'static str; 6] = ["view", "view", "cart", "pay", "other", "refund"];
        let mut event = Event {
            time,
            user,
            kind: kinds[random.below(6) as usize],
            page: random.one_in(2).then(|| *random.pick(&["/p", "/x", "/"])),
            country: (!random.one_in(6)).then(|| *random.pick(&["FR", "DE", "IN"])),
        };
        if event.kind == "refund" && !random.one_in(4) {
            event.kind = "cart";
        }
        // At the borders of the durations, where that is in order.
        let before = last[user as usize].as_ref().filter(|_| random.one_in(5));
        if let Some(before) = before {
            let funnel = random.pick(&FUNNELS);
            let edge = before.time + funnel.within + random.below(2) as i64;
            event.time = edge.min(time);
        }
        last[user as usize] = Some(event.clone());
        events.push(event);
    }
    events
}

/// Sends the events one by one and in calls of several.
pub fn send(connection: &mut Connection, site: &str, events: &[Event], random: &mut Random) {
    send_in_calls(connection, site, events.iter().map(Event::words), random);
}

pub fn make(connection: &mut Connection, site: &str, options: &str) {
    connection
        .run(&format!("ANALYTICS.CREATE {site} {options}"))
        .ok();
    for line in set_lines(site) {
        assert_eq!(connection.run(&line).text(), "OK", "{line}");
    }
}

/// The commands that set the funnels.
pub fn set_lines(site: &str) -> Vec<String> {
    let line = |funnel: &Funnel| format!("ANALYTICS.FUNNEL {site} SET {}", funnel.words);
    FUNNELS.iter().map(line).collect()
}

pub fn within_one_percent(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 0.01 * expected + 1e-9
}

pub fn check(connection: &mut Connection, site: &str, oracle: &Oracle, from: i64, to: i64) {
    for funnel in &FUNNELS {
        let steps = funnel.steps.len();
        let all = oracle.attempts(funnel, from, to);
        let expected = reached(all.iter(), steps);
        let name = funnel.name;
        let by = if name == "pages" {
            ""
        } else {
            "BY country LIMIT 9"
        };
        let line = format!("ANALYTICS.FUNNEL_RO {site} GET {name} {from}..{to} {by}");
        let reply = connection.run(&line);
        let rows = reply.get("rows").array();
        let found: Vec<i64> = rows.iter().map(|row| row.array()[1].int()).collect();
        assert_eq!(found, expected, "{line}");
        assert_eq!(reply.get("sampling").double(), 1.0);
        assert_eq!(reply.get("late").int(), 0);
        for (step, row) in rows.iter().enumerate() {
            let row = row.array();
            let share = |of: i64| expected[step] as f64 / of as f64;
            match expected[0] {
                0 => assert!(row[2].is_nil()),
                all => assert!((row[2].double() - share(all)).abs() < 1e-12),
            }
            match step.checked_sub(1).map(|before| expected[before]) {
                None | Some(0) => assert!(row[3].is_nil()),
                Some(before) => assert!((row[3].double() - share(before)).abs() < 1e-12),
            }
        }
        let metrics = format!(
            "ANALYTICS.GET {site} {from}..{to} funnel:{name}:users funnel:{name} funnel:{name}:step2 \
             funnel:{name}:share"
        );
        let numbers = connection.run(&metrics);
        let numbers = numbers.array();
        assert_eq!(numbers[0], expected[0], "{metrics}");
        assert_eq!(numbers[1], expected[steps - 1], "{metrics}");
        assert_eq!(numbers[2], expected[1], "{metrics}");
        assert_eq!(numbers[3].is_nil(), expected[0] == 0);
        if by.is_empty() {
            continue;
        }
        let values = reply.get("values").array();
        for country in ["FR", "DE", "IN"] {
            let own = all.iter().filter(|it| it.country == Some(country));
            let expected = reached(own, steps);
            let row = values.iter().find(|row| row.array()[0].text() == country);
            let found = row.map_or(vec![0; steps], |row| {
                row.array()[1].array().iter().map(|it| it.int()).collect()
            });
            assert_eq!(found, expected, "{line}: {country}");
            let metric = format!("funnel:{name}:step2@country={country}");
            let line = format!("ANALYTICS.GET {site} {from}..{to} {metric}");
            assert_eq!(connection.run(&line).array()[0], expected[1], "{line}");
        }
    }
}

/// Over all events: the median and the 90th percentile of each step, within 1 %.
pub fn check_times(connection: &mut Connection, site: &str, oracle: &Oracle, from: i64, to: i64) {
    for funnel in &FUNNELS {
        let all = oracle.attempts(funnel, from, to);
        let line = format!("ANALYTICS.FUNNEL {site} GET {} {from}..{to}", funnel.name);
        let reply = connection.run(&line);
        for (step, row) in reply.get("rows").array().iter().enumerate() {
            let row = row.array();
            if step == 0 {
                assert!(row[4].is_nil() && row[5].is_nil());
                continue;
            }
            let mut gaps: Vec<i64> = { all.iter() }
                .filter_map(|it| it.gaps.get(step).copied())
                .collect();
            gaps.sort_unstable();
            assert!(gaps.len() > 20, "{line}");
            for (found, q) in [(&row[4], 0.5), (&row[5], 0.9)] {
                let rank = (q * gaps.len() as f64 - 1e-9).ceil() as usize;
                let expected = gaps[rank - 1] as f64 / 1_000.0;
                let found = found.double();
                assert!(
                    within_one_percent(found, expected),
                    "{line}: {found}, not {expected}"
                );
            }
        }
    }
}
