//! What a question costs the server, on a site with a million users and every granularity full.
//!
//!     cargo bench --bench queries
//!
//! The figures are Redis's own, `INFO commandstats`: the time inside a command, without the network.

#![allow(dead_code)] // The tests use more of the harness that is shared with them.

#[macro_use]
#[path = "../../tests/flow/client.rs"]
mod client;
#[path = "../../tests/flow/clock.rs"]
mod clock;
#[path = "../../tests/flow/module_file.rs"]
mod module_file;
#[path = "../../tests/flow/process.rs"]
mod process;
#[path = "../../tests/flow/reply.rs"]
mod reply;
#[path = "../../tests/flow/server.rs"]
mod server;

#[path = "../load/events.rs"]
mod events;

use client::Connection;
use events::{Dice, Requests};
use server::Server;

const USERS: u64 = 1_000_000;
const PAGES: u64 = 1_000;
const CALLS: usize = 200;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const QUESTIONS: [&str; 12] = [
    "ANALYTICS.UNIQUE site 24h",
    "ANALYTICS.UNIQUE site 7d",
    "ANALYTICS.UNIQUE site 365d",
    "ANALYTICS.UNIQUE site 24h country FR",
    "ANALYTICS.GET site 24h events users revenue:sum latency:p95 users@country=FR",
    "ANALYTICS.RANGE site 24h 1m events",
    "ANALYTICS.RANGE site 30d 1d users latency:p95",
    "ANALYTICS.TOP site 24h page",
    "ANALYTICS.TOP site 24h page BY users",
    "ANALYTICS.COMPARE site today events users",
    "ANALYTICS.DASHBOARD site",
    "PFCOUNT d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 d10 d11 d12 d13 d14 d15 d16 d17 d18 d19 d20 d21 d22 d23",
];

fn main() {
    let server = Server::start();
    let mut connection = server.connection();
    fill(&mut connection);
    let buckets = connection.keys().len() - 1 - 24;
    let memory = connection.info("memory", "used_memory_human");
    println!("{buckets} buckets, {memory}\n");
    println!("{:<82} {:>10}", "question", "us a call");
    for question in QUESTIONS {
        connection.run("CONFIG RESETSTAT").ok();
        if connection.run(question).is_error() {
            println!("{question:<82} not available");
            continue;
        }
        for _ in 0..CALLS {
            connection.run(question);
        }
        let command = question
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_lowercase();
        let stats = connection.info("commandstats", &format!("cmdstat_{command}"));
        let usec = stats
            .split("usec_per_call=")
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        let shown: String = question.chars().take(80).collect();
        println!("{shown:<82} {:>10}", usec.unwrap_or("?"));
    }
}

/// A year of days, a week of hours and an hour of minutes, each with enough users for registers.
fn fill(connection: &mut Connection) {
    let now = connection.now();
    let mut dice = Dice::new();
    let call = |connection: &mut Connection, events: &[Vec<String>]| {
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), "site".to_owned()];
        words.extend(events.iter().flatten().cloned());
        let mut request = Requests::default();
        request.push_words(&words);
        let reply = connection.exchange(&request.bytes, 1);
        assert!(!reply[0].is_error(), "{}", reply[0].error());
    };
    let stretches = [
        (366 * DAY, 366 * 8_000, false),
        (8 * DAY, 8 * 24 * 4_000, true),
        (2 * HOUR, 120 * 2_000, true),
    ];
    for (length, count, with_page) in stretches {
        for done in (0..count).step_by(1_000) {
            eprint!(
                "\rfilling: {:>3} % of {} d ",
                done * 100 / count,
                length / DAY
            );
            let events: Vec<Vec<String>> = (0..1_000)
                .map(|_| {
                    let at = now - dice.below(length as u64) as i64;
                    let user = format!("user{}", dice.below(USERS));
                    let event = dice.event();
                    let mut words: Vec<String> = [
                        "EVENT",
                        event.kind,
                        &user,
                        "AT",
                        &at.to_string(),
                        "SESSION",
                        &user,
                        "DIM",
                        "country",
                        event.country,
                        "VAL",
                        "revenue",
                        &event.revenue,
                        "VAL",
                        "latency",
                        &event.latency,
                    ]
                    .map(str::to_owned)
                    .into();
                    if with_page {
                        let page = format!("/page/{}", dice.below(PAGES));
                        words.extend(["DIM".to_owned(), "page".to_owned(), page]);
                    }
                    words
                })
                .collect();
            call(connection, &events);
        }
    }
    eprint!("\r{:40}\r", "");
    for key in 0..24 {
        let mut words = vec!["PFADD".to_owned(), format!("d{key}")];
        words.extend((0..20_000).map(|_| format!("user{}", dice.below(USERS))));
        let mut request = Requests::default();
        request.push_words(&words);
        connection.exchange(&request.bytes, 1);
    }
}
