//! The processor time of an event with visits, beside the same events without, in turn on one server.

use std::time::Duration;

use testkit::bench::{measure, Requests, Series};
use testkit::{Connection, Random, Server};

use crate::{create, verdict, OPTIONS};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(500);
const USERS: u64 = 100_000;
const PASS: u64 = 100_000;
const MINUTE: i64 = 60_000;

/// What an event may take more than one without visits.
const TRACK: f64 = 1.7;
const MTRACK: f64 = 2.5;

/// Events of eight arguments, alone or a hundred in a call.
fn requests(site: &str, is_batch: bool, minute: i64) -> Requests {
    let mut random = Random::new(42);
    let mut event = |words: &mut Vec<String>| {
        let at = minute + random.below(MINUTE as u64) as i64;
        let user = format!("user{}", random.below(USERS));
        let page = format!("/page/{}", random.below(100));
        words.extend(
            ["view", &user, "AT", &at.to_string(), "DIM", "page", &page].map(str::to_owned),
        );
    };
    let command = if is_batch { "MTRACK" } else { "TRACK" };
    let size = if is_batch { 100 } else { 1 };
    let mut requests = Requests::of(PASS / size, |to, _| {
        let mut words = vec![format!("ANALYTICS.{command}"), site.to_owned()];
        for _ in 0..size {
            if is_batch {
                words.push("EVENT".to_owned());
            }
            event(&mut words);
        }
        to.push_words(&words);
    });
    requests.events *= size;
    requests
}

pub fn run() {
    let server = Server::start();
    let mut connection = server.connection();
    // No event is too old while this runs, nor too far in the future.
    let minute = connection.now() + 2 * MINUTE;
    println!(
        "| nanoseconds an event | {} |",
        OPTIONS.map(|it| it.0).join(" | ")
    );
    println!("|---|{}", "---|".repeat(OPTIONS.len()));
    for (name, is_batch, limit) in [
        ("TRACK, 8 arguments: AT DIM", false, TRACK),
        ("MTRACK 100: AT DIM", true, MTRACK),
    ] {
        row(&server, &mut connection, name, is_batch, (minute, limit));
    }
    println!("\nIn parentheses: times the events without visits; at most {TRACK} and {MTRACK}.");
}

fn row(
    server: &Server,
    connection: &mut Connection,
    name: &str,
    is_batch: bool,
    (minute, limit): (i64, f64),
) {
    let sites: Vec<String> = (0..OPTIONS.len())
        .map(|number| format!("{}{number}", if is_batch { "batch" } else { "single" }))
        .collect();
    for (site, (_, options)) in sites.iter().zip(OPTIONS) {
        create(connection, site, options);
    }
    let requests: Vec<Requests> = sites
        .iter()
        .map(|site| requests(site, is_batch, minute))
        .collect();
    let mut series: Vec<Series> = sites.iter().map(|_| Series::default()).collect();
    for round in 0..=ROUNDS {
        for ((site, requests), series) in sites.iter().zip(&requests).zip(&mut series) {
            let sample = measure::run(server, site, requests, ROUND);
            if round > 0 {
                series.samples.push(sample);
            }
        }
    }
    print!("| {name} |");
    for own in &series {
        let times = 1.0 / own.rate_to(&series[0]);
        let is_met = verdict(times <= limit);
        print!(" {:.0} ({times:.2}: {is_met}) |", own.nanoseconds());
    }
    println!();
}
