//! The visits of a site, by looking at each of its events in order.

use crate::event::Event;
use crate::oracle::{Filter, Oracle};
use std::collections::HashMap;

/// Less than this lies between two events of a visit, and a day at most between its ends.
const TIMEOUT: i64 = 30 * 60_000;
const LONGEST: i64 = 24 * 3_600_000;

pub struct Visit<'a> {
    first: &'a Event,
    last: i64,
    /// It has two events that are not passive.
    engaged: bool,
    exit: Option<&'a str>,
}

/// What is counted of some visits.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Totals {
    pub visits: u64,
    pub bounces: u64,
    /// Of all of them, in seconds.
    pub time: f64,
}

pub struct Visits<'a> {
    all: Vec<Visit<'a>>,
    /// Of each event that is a step of a path: when, from where, to where.
    steps: Vec<(i64, &'a str, &'a str)>,
}

impl Visit<'_> {
    fn value(&self, dimension: &str) -> Option<&str> {
        match dimension {
            "entry" => self.first.dimension("page"),
            "exit" => self.exit,
            name => self.first.dimension(name),
        }
    }
}

impl Totals {
    fn add(&mut self, visit: &Visit) {
        self.visits += 1;
        self.bounces += u64::from(!visit.engaged);
        self.time += (visit.last - visit.first.time) as f64 / 1_000.0;
    }
}

impl<'a> Visits<'a> {
    pub fn of(oracle: &'a Oracle) -> Visits<'a> {
        let mut all: Vec<Visit> = Vec::new();
        let mut steps = Vec::new();
        let mut under_way: HashMap<&str, usize> = HashMap::new();
        for event in &oracle.0 {
            let known = under_way.get(event.user.as_str()).copied();
            let known = known.filter(|at| {
                let visit = &all[*at];
                event.time - visit.last < TIMEOUT && event.time - visit.first.time <= LONGEST
            });
            let page = event.dimension("page");
            let before = match known {
                Some(at) => {
                    let visit = &mut all[at];
                    visit.last = event.time;
                    visit.engaged |= !event.passive;
                    let before = visit.exit.unwrap_or("~start");
                    if !event.passive {
                        visit.exit = page.or(visit.exit);
                    }
                    before
                }
                None if event.passive => continue,
                None => {
                    under_way.insert(&event.user, all.len());
                    all.push(Visit {
                        first: event,
                        last: event.time,
                        engaged: false,
                        exit: page,
                    });
                    "~start"
                }
            };
            if let Some(page) = page.filter(|_| !event.passive) {
                steps.push((event.time, before, page));
            }
        }
        Visits { all, steps }
    }

    /// Those that began in the window, with these values of their first event, entry or exit.
    fn within<'v>(
        &'v self,
        (from, to): (i64, i64),
        filter: Filter<'v>,
    ) -> impl Iterator<Item = &'v Visit<'a>> {
        self.all.iter().filter(move |visit| {
            let has = |(name, value): &(&str, &str)| visit.value(name) == Some(*value);
            (from..to).contains(&visit.first.time) && filter.iter().all(has)
        })
    }

    pub fn totals(&self, window: (i64, i64), filter: Filter) -> Totals {
        let mut totals = Totals::default();
        self.within(window, filter)
            .for_each(|visit| totals.add(visit));
        totals
    }

    /// The totals of each value of a dimension, most visits first.
    pub fn top(&self, window: (i64, i64), dimension: &str) -> Vec<(String, Totals)> {
        let mut rows: HashMap<&str, Totals> = HashMap::new();
        for visit in self.within(window, &[]) {
            if let Some(value) = visit.value(dimension) {
                rows.entry(value).or_default().add(visit);
            }
        }
        let rows = rows.into_iter();
        let mut rows: Vec<(String, Totals)> = rows
            .map(|(value, totals)| (String::from(value), totals))
            .collect();
        rows.sort_by(|a, b| b.1.visits.cmp(&a.1.visits).then_with(|| a.0.cmp(&b.0)));
        rows
    }

    /// How many events led from one page to another, most first.
    pub fn steps(&self, (from, to): (i64, i64)) -> Vec<(&'a str, &'a str, u64)> {
        let mut counts: HashMap<(&str, &str), u64> = HashMap::new();
        for (time, before, page) in &self.steps {
            if (from..to).contains(time) && before != page {
                *counts.entry((before, page)).or_default() += 1;
            }
        }
        let rows = counts.into_iter();
        let mut rows: Vec<_> = rows.map(|((a, b), count)| (a, b, count)).collect();
        rows.sort_by(|a, b| b.2.cmp(&a.2).then(a.cmp(b)));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: i64, user: &str, page: &str, passive: bool) -> Event {
        Event {
            time,
            name: "pageview",
            user: String::from(user),
            dimensions: vec![("page", String::from(page))],
            values: Vec::new(),
            passive,
        }
    }

    #[test]
    fn visits_end_after_half_an_hour_and_passive_events_make_them_longer_only() {
        let oracle = Oracle(vec![
            event(0, "ann", "/", false),
            event(10_000, "ann", "/", true),
            event(20_000, "bob", "/", true),
            event(10_000 + TIMEOUT - 1, "ann", "/b", true),
            event(10_000 + 2 * TIMEOUT, "ann", "/b", false),
            event(11_000 + 2 * TIMEOUT, "ann", "/c", false),
        ]);
        let visits = Visits::of(&oracle);
        let all = visits.totals((0, 1 << 40), &[]);
        let seconds = (10_000 + TIMEOUT - 1) as f64 / 1_000.0;
        let expected = Totals {
            visits: 2,
            bounces: 1,
            time: seconds + 1.0,
        };
        assert_eq!(all, expected);
        let exits = visits.top((0, 1 << 40), "exit");
        assert_eq!(
            exits.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(),
            ["/", "/c"]
        );
        let steps = visits.steps((0, 1 << 40));
        assert_eq!(
            steps,
            [("/b", "/c", 1), ("~start", "/", 1), ("~start", "/b", 1)]
        );
    }
}
