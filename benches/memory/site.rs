//! A site of 50,000 users a day whose default retention is full.

use crate::{buckets, usage};
use testkit::{Connection, Filler, Random};

const USERS_A_DAY: u64 = 50_000;
/// The number of all users, of which those of a day are a part.
const USERS: u64 = 500_000;
const PAGES: u64 = 100;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Of the site-level aggregates.
const TARGET: f64 = 6e6;

const GRANULARITIES: [&str; 5] = ["minute", "hour", "day", "week", "month"];

/// A site: how often each user comes a day, its options, and whether events say which page.
struct Case {
    name: &'static str,
    options: &'static str,
    events_a_user: u64,
    has_page: bool,
    target: Option<f64>,
}

const CASES: [Case; 4] = [
    Case {
        name: "site level, one event a user and day",
        options: "DIM event NOUSERS",
        events_a_user: 1,
        has_page: false,
        target: Some(TARGET),
    },
    Case {
        name: "site level, 10 events",
        options: "DIM event NOUSERS",
        events_a_user: 10,
        has_page: false,
        target: Some(TARGET),
    },
    Case {
        name: "and an event type of all users",
        options: "",
        events_a_user: 1,
        has_page: false,
        target: None,
    },
    Case {
        name: "site level, and 100 pages, `NOUSERS`",
        options: "DIM event NOUSERS DIM page NOUSERS",
        events_a_user: 1,
        has_page: true,
        target: None,
    },
];

pub fn run(connection: &mut Connection) {
    print!("| a site of {USERS_A_DAY} users a day, retention full |");
    GRANULARITIES.iter().for_each(|name| print!(" {name} |"));
    println!(
        " MB | target |\n|---|{}",
        "---|".repeat(GRANULARITIES.len() + 2)
    );
    for case in &CASES {
        connection.run("FLUSHALL").ok();
        connection
            .run(&format!("ANALYTICS.CREATE shop {}", case.options))
            .ok();
        fill(connection, case);
        print(connection, case);
    }
    println!("\nPer granularity: buckets x mean bytes.");
}

fn print(connection: &mut Connection, case: &Case) {
    let keys = buckets(connection, "shop");
    let mut total = 0;
    print!("| {} |", case.name);
    for granularity in GRANULARITIES {
        let keys = keys
            .iter()
            .filter(|key| key.starts_with(&format!("{{shop}}:{granularity}:")));
        let bytes: Vec<i64> = keys.map(|key| usage(connection, key)).collect();
        let sum: i64 = bytes.iter().sum();
        print!(" {} x {} |", bytes.len(), sum / bytes.len().max(1) as i64);
        total += sum;
    }
    let megabytes = total as f64 / 1e6;
    let target = match case.target {
        Some(target) if total as f64 <= target => format!("{} MB: met", target / 1e6),
        Some(target) => format!("{} MB: missed", target / 1e6),
        None => String::new(),
    };
    println!(" {megabytes:.2} | {target} |");
}

/// Three years, a year and a week back. What lies further back than a year is in weeks and months
/// only, and more than a week in nothing finer than days: those hold registers after some thousands
/// of users, and take what they take from then on. So the fewer users far back change nothing.
fn fill(connection: &mut Connection, case: &Case) {
    let now = connection.now();
    let today = now.div_euclid(DAY) * DAY;
    let mut random = Random::new(42);
    let mut filler = Filler::of_site(connection, "shop");
    for back in (0..=3 * 366).rev() {
        if back % 50 == 0 {
            eprint!("\rfilling: {back} days to go   ");
        }
        let events = match back {
            367.. => 1_000,
            9.. => 5_000,
            _ => USERS_A_DAY * case.events_a_user,
        };
        // Each day has users of its own out of all.
        let first = (back as u64 * 7_919) % (USERS - USERS_A_DAY);
        for event in 0..events {
            let user = format!("user{}", first + event % USERS_A_DAY);
            let at = today - back * DAY + random.below(DAY as u64) as i64;
            if at > now {
                continue;
            }
            if case.has_page {
                let page = format!("/page/{}", random.below(PAGES));
                filler.add(&[&"view", &user, &"AT", &at, &"DIM", &"page", &page]);
            } else {
                filler.add(&[&"view", &user, &"AT", &at]);
            }
        }
    }
    filler.finish();
    eprint!("\r{:40}\r", "");
}
