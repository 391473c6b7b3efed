//! The quantities that grow, and the requests at every step.

use testkit::bench::{user, Requests};
use testkit::Random;

/// One table.
pub struct Axis {
    pub title: &'static str,
    pub steps: &'static [u64],
    /// The requests of a step. The second number is the minute of the server's clock.
    pub point: fn(u64, i64) -> Point,
}

pub struct Point {
    /// Lines that are sent before.
    pub setup: Vec<String>,
    pub requests: Requests,
}

impl From<Requests> for Point {
    fn from(requests: Requests) -> Point {
        Point {
            setup: Vec::new(),
            requests,
        }
    }
}

pub const ALL: &[Axis] = &[
    Axis {
        title: "sites, at random",
        steps: &[1, 10, 100, 1_000, 10_000],
        point: sites,
    },
    Axis {
        title: "values of a dimension, as many kept",
        steps: &[10, 100, 1_000, 10_000, 100_000],
        point: |n, minute| values(n, 100_000, minute),
    },
    Axis {
        title: "values of a dimension, 1000 kept",
        steps: &[10, 100, 1_000, 10_000, 100_000],
        point: |n, minute| values(n, 1_000, minute),
    },
    Axis {
        title: "events a call",
        steps: &[1, 3, 10, 30, 100, 300, 1_000],
        point: events_a_call,
    },
    Axis {
        title: "minutes that a call of 1000 spreads over",
        steps: &[1, 10, 60],
        point: minutes_a_call,
    },
    Axis {
        title: "dimensions an event",
        steps: &[1, 2, 4, 8, 16],
        point: dimensions,
    },
    Axis {
        title: "values an event",
        steps: &[1, 2, 4, 8, 16],
        point: numbers,
    },
    Axis {
        title: "bytes of a user's name",
        steps: &[8, 64, 1_024],
        point: long_users,
    },
];

const PASS: u64 = 50_000;
const MINUTE: u64 = 60_000;

/// `ANALYTICS.TRACK site view userN AT ms`, and more words.
fn track(site: &str, random: &mut Random, minute: i64, more: &[String]) -> Vec<String> {
    let at = minute + random.below(MINUTE) as i64;
    let mut words = vec!["ANALYTICS.TRACK".to_owned(), site.to_owned()];
    words.extend(["view".to_owned(), user(random)]);
    words.extend(["AT".to_owned(), at.to_string()]);
    words.extend_from_slice(more);
    words
}

fn option(option: &str, name: String, value: impl ToString) -> [String; 3] {
    [option.to_owned(), name, value.to_string()]
}

fn sites(n: u64, minute: i64) -> Point {
    let mut random = Random::new(42);
    let requests = Requests::of(PASS, |to, _| {
        let site = format!("of{n}:{}", random.below(n));
        let country = option("DIM", "country".to_owned(), random.below(20));
        to.push_words(&track(&site, &mut random, minute, &country));
    });
    requests.into()
}

/// All values are equally frequent: the hardest case for keeping the most frequent ones.
fn values(n: u64, kept: u64, minute: i64) -> Point {
    let mut random = Random::new(42);
    let site = format!("values{n}");
    let requests = Requests::of(2 * PASS.max(n), |to, _| {
        let page = format!("/page/{}", random.below(n));
        let page = option("DIM", "page".to_owned(), page);
        to.push_words(&track(&site, &mut random, minute, &page));
    });
    Point {
        setup: vec![format!("ANALYTICS.CREATE {site} CAPACITY {kept}")],
        requests,
    }
}

fn batched(site: &str, batch: u64, minutes: u64, minute: i64) -> Requests {
    let mut random = Random::new(42);
    let first = minute - (minutes as i64 - 1) * MINUTE as i64;
    let calls = (PASS / batch).max(1);
    let mut requests = Requests::of(calls, |to, _| {
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), site.to_owned()];
        for _ in 0..batch {
            let at = first + random.below(minutes * MINUTE) as i64;
            words.extend(["EVENT", "view"].map(str::to_owned));
            words.extend([user(&mut random), "AT".to_owned(), at.to_string()]);
        }
        to.push_words(&words);
    });
    requests.events *= batch;
    requests
}

fn events_a_call(n: u64, minute: i64) -> Point {
    batched(&format!("batch{n}"), n, 1, minute).into()
}

fn minutes_a_call(n: u64, minute: i64) -> Point {
    // None is over before the end of the run.
    batched(&format!("over{n}"), 1_000, n, minute + 3 * MINUTE as i64).into()
}

fn dimensions(n: u64, minute: i64) -> Point {
    let mut random = Random::new(42);
    let requests = Requests::of(PASS / 2, |to, _| {
        let more: Vec<String> = (0..n)
            .flat_map(|name| option("DIM", format!("d{name}"), random.below(20)))
            .collect();
        to.push_words(&track(&format!("dims{n}"), &mut random, minute, &more));
    });
    requests.into()
}

fn numbers(n: u64, minute: i64) -> Point {
    let mut random = Random::new(42);
    let requests = Requests::of(PASS / 2, |to, _| {
        let more: Vec<String> = (0..n)
            .flat_map(|name| option("VAL", format!("v{name}"), random.below(1_000)))
            .collect();
        to.push_words(&track(&format!("vals{n}"), &mut random, minute, &more));
    });
    requests.into()
}

fn long_users(n: u64, minute: i64) -> Point {
    let mut random = Random::new(42);
    let requests = Requests::of(PASS / 5, |to, _| {
        let mut words = track(&format!("long{n}"), &mut random, minute, &[]);
        words[3] = format!("{:0>width$}", random.below(100_000), width = n as usize);
        to.push_words(&words);
    });
    requests.into()
}
