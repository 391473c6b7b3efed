//! The memory of a site, by its traffic and the options of its events: the figures of docs/operators.md.
//!
//!     cargo bench --bench sizes
//!
//! One bucket of every granularity is filled with a period of traffic and measured with MEMORY USAGE;
//! the sum is that of as many buckets as the default retention keeps.

use jiff::ToSpan;
use testkit::bench::{Event, Requests};
use testkit::calendar::{at, floor, millis, DAY, HOUR, MINUTE};
use testkit::{cmd, Connection, Random, Server};

/// Of each user, spread over one visit.
const EVENTS_A_DAY: u64 = 5;
/// Beyond this every sketch is full, and the memory does not grow any more.
const MOST_EVENTS: u64 = 2_000_000;
const EVENTS_A_CALL: usize = 1_000;
const PAGES: u64 = 200;

const TRAFFIC: [u64; 3] = [1_000, 50_000, 1_000_000];

/// A granularity, how many of its buckets are kept, what part of a day's events fall into one, and how
/// many events there are for every user in it.
struct Grain {
    name: &'static str,
    kept: i64,
    days: f64,
    events_a_user: u64,
}

const GRAINS: [Grain; 5] = [
    grain("minute", 61, 1.0 / 1440.0, 1),
    grain("hour", 7 * 24 + 1, 1.0 / 24.0, EVENTS_A_DAY),
    grain("day", 366, 1.0, EVENTS_A_DAY),
    // Users come back: four times as many in a week as in a day, ten times as many in a month.
    grain("week", 105, 7.0, EVENTS_A_DAY * 7 / 4),
    grain("month", 37, 30.0, EVENTS_A_DAY * 30 / 10),
];

const fn grain(name: &'static str, kept: i64, days: f64, events_a_user: u64) -> Grain {
    Grain {
        name,
        kept,
        days,
        events_a_user,
    }
}

/// What events carry, and the settings that go with it.
struct Load {
    name: &'static str,
    settings: &'static str,
    words: fn(&mut Random) -> Vec<String>,
}

const LOADS: [Load; 6] = [
    Load {
        name: "events of 10 types, NOUSERS for them",
        settings: "DIM event NOUSERS",
        words: |_| Vec::new(),
    },
    Load {
        name: "events of 10 types",
        settings: "",
        words: |_| Vec::new(),
    },
    Load {
        name: "... and sessions",
        settings: "",
        words: |random| words(&["SESSION", &format!("s{}", random.below(1 << 40))]),
    },
    Load {
        name: "... and 20 countries",
        settings: "",
        words: |random| words(&["DIM", "country", Event::random(random).country]),
    },
    Load {
        name: "... and 200 pages, NOUSERS",
        settings: "DIM page NOUSERS",
        words: |random| words(&["DIM", "page", &format!("/page/{}", random.below(PAGES))]),
    },
    Load {
        name: "... and one value",
        settings: "",
        words: |random| words(&["VAL", "latency", &Event::random(random).latency]),
    },
];

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn main() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    print!("{:<38} {:>12}", "events", "users a day");
    GRAINS
        .iter()
        .for_each(|grain| print!(" {:>10}", grain.name));
    println!(" {:>12}", "all, MB");
    for load in &LOADS {
        for users in TRAFFIC {
            eprint!("\r{}, {users} users a day ", load.name);
            let of = |grain| size(&mut connection, now, load, users, grain);
            let sizes: Vec<i64> = GRAINS.iter().map(of).collect();
            let all: i64 = GRAINS.iter().zip(&sizes).map(|(g, s)| g.kept * s).sum();
            eprint!("\r{:60}\r", "");
            print!("{:<38} {users:>12}", load.name);
            sizes.iter().for_each(|size| print!(" {size:>10}"));
            println!(" {:>12.2}", all as f64 / 1e6);
        }
    }
}

/// The bytes of one bucket after a whole period of traffic.
fn size(connection: &mut Connection, now: i64, load: &Load, users: u64, grain: &Grain) -> i64 {
    let others = GRAINS.iter().filter(|other| other.name != grain.name);
    let off: String = others
        .map(|other| format!(" RETENTION {} off", other.name))
        .collect();
    connection
        .run(&format!("ANALYTICS.CREATE site {}{off}", load.settings))
        .ok();
    let (start, length) = last_whole(grain.name, now);
    let in_period = (users * EVENTS_A_DAY) as f64 * grain.days;
    let count = (in_period as u64).clamp(1, MOST_EVENTS);
    // All users of the period, even where fewer of its events are made.
    let crowd = (in_period as u64 / grain.events_a_user).max(1);
    let mut random = Random::new(42);
    for first in (0..count).step_by(EVENTS_A_CALL) {
        let mut request = words(&["ANALYTICS.MTRACK", "site"]);
        for n in first..count.min(first + EVENTS_A_CALL as u64) {
            let user = if count < MOST_EVENTS {
                n / grain.events_a_user
            } else {
                random.below(crowd)
            };
            let time = start + random.below(length as u64) as i64;
            request.extend(words(&[
                "EVENT",
                Event::random(&mut random).kind,
                &format!("user{user}"),
                "AT",
                &time.to_string(),
            ]));
            request.extend((load.words)(&mut random));
        }
        let mut bytes = Requests::default();
        bytes.push_words(&request);
        let reply = connection.exchange(&bytes.bytes, 1);
        assert!(!reply[0].is_error(), "{}", reply[0].error());
    }
    let keys = connection.keys();
    let buckets: Vec<&String> = keys.iter().filter(|key| *key != "site").collect();
    assert_eq!(buckets.len(), 1, "a period is one bucket: {buckets:?}");
    let size = cmd!(connection, "MEMORY", "USAGE", buckets[0]).int();
    connection.run("ANALYTICS.DROP site");
    size
}

/// When the last period of this granularity began that is over, and how long it was.
fn last_whole(granularity: &str, now: i64) -> (i64, i64) {
    let fixed = |length: i64, offset: i64| (floor(now - offset, length) + offset - length, length);
    match granularity {
        "minute" => fixed(MINUTE, 0),
        "hour" => fixed(HOUR, 0),
        "day" => fixed(DAY, 0),
        // 1970 began on a Thursday.
        "week" => fixed(7 * DAY, 4 * DAY),
        _ => {
            let midnight = at(now, "UTC").start_of_day().expect("a day");
            let this = midnight.first_of_month().expect("a month");
            let last = &this - 1.month();
            (millis(&last), millis(&this) - millis(&last))
        }
    }
}
