//! The processor time of an event with visits, people and funnels, beside the same events without, in turn on one
//! server.

use std::time::Duration;

use testkit::bench::{measure, Requests, Series};
use testkit::{Connection, Random, Server};

use crate::{create, verdict};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(500);
const USERS: u64 = 100_000;
const PASS: u64 = 100_000;
const MINUTE: i64 = 60_000;

/// What a site counts.
struct Case {
    name: &'static str,
    options: &'static str,
    has_funnels: bool,
    /// What an event may take more than one of the first case: alone, and of a hundred in a call.
    most: [Option<f64>; 2],
}

const fn case(name: &'static str, options: &'static str, most: [Option<f64>; 2]) -> Case {
    Case {
        name,
        options,
        has_funnels: false,
        most,
    }
}

const fn with_funnels(case: Case) -> Case {
    Case {
        has_funnels: true,
        ..case
    }
}

const OF_VISITS: [Option<f64>; 2] = [Some(1.7), Some(2.5)];
const CASES: [Case; 7] = [
    case("off", "", [None; 2]),
    case("`VISITS 30m`", "VISITS 30m", OF_VISITS),
    case(
        "`PATH` and two `BY`",
        "VISITS 30m PATH page BY country BY source",
        OF_VISITS,
    ),
    case(
        "`PATH` and `DIM from`",
        "VISITS 30m PATH page DIM from",
        OF_VISITS,
    ),
    case("`RETURNING 365d`", "RETURNING 365d", [Some(1.4), None]),
    with_funnels(case("two funnels of four steps", "", [Some(1.8), None])),
    with_funnels(case(
        "`PATH` and two `BY`, `RETURNING`, two funnels",
        "VISITS 30m PATH page BY country BY source RETURNING 365d",
        [Some(2.6), Some(4.5)],
    )),
];

/// Every event is a first step of one, and one event in 25 is a step of the other.
const FUNNELS: [&str; 2] = [
    "any WITHIN 1h STEP event=view STEP page=/page/1 STEP page=/page/2 STEP page=/page/3",
    "pages WITHIN 1h STEP page=/page/5 STEP page=/page/6 STEP page=/page/7 STEP page=/page/8",
];

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
    println!("| an event | ns | to one with all off | target |\n|---|---|---|---|");
    for (name, is_batch) in [
        ("`TRACK`, 8 arguments: `AT` `DIM`", false),
        ("`MTRACK` of 100: `AT` `DIM`", true),
    ] {
        rows(&server, &mut connection, name, is_batch, minute);
    }
}

fn rows(server: &Server, connection: &mut Connection, name: &str, is_batch: bool, minute: i64) {
    let sites: Vec<String> = (0..CASES.len())
        .map(|number| format!("{}{number}", if is_batch { "batch" } else { "single" }))
        .collect();
    for (site, case) in sites.iter().zip(&CASES) {
        create(connection, site, case.options);
        for funnel in FUNNELS.iter().filter(|_| case.has_funnels) {
            let line = format!("ANALYTICS.FUNNEL {site} SET {funnel}");
            assert!(!connection.run(&line).is_error(), "{line}");
        }
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
    for (own, case) in series.iter().zip(&CASES) {
        let times = 1.0 / own.rate_to(&series[0]);
        let target = case.most[usize::from(is_batch)].map_or(String::new(), |most| {
            format!("{most}: {}", verdict(times <= most))
        });
        let (name, ns) = (format!("{name}: {}", case.name), own.nanoseconds());
        println!("| {name} | {ns:.0} | {times:.2} | {target} |");
    }
}
