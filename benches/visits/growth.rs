//! The longest command while a million visitors come: no table takes long to grow.

use testkit::{encode, Server};

use crate::{create, verdict, OPTIONS};

const VISITORS: u64 = 1_000_000;
const ROUNDS: usize = 3;
const AT_ONCE: u64 = 500;
const MINUTE: i64 = 60_000;

/// In milliseconds.
const LIMIT: f64 = 2.0;

pub fn run() {
    println!("| while {VISITORS} visitors come, the longest `TRACK` | ms, the least of {ROUNDS} rounds | target |");
    println!("|---|---|---|");
    for (name, options) in OPTIONS {
        let rounds = (0..ROUNDS).map(|_| longest(options));
        // What else the machine does makes a command longer, and none shorter.
        let longest = rounds.fold(f64::INFINITY, f64::min);
        let target = match options {
            "" => String::new(),
            _ => format!("{LIMIT}: {}", verdict(longest <= LIMIT)),
        };
        println!("| {name} | {longest:.2} | {target} |");
    }
}

/// By Redis's own statistics, without the network.
fn longest(options: &str) -> f64 {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("CONFIG SET latency-tracking-info-percentiles 100")
        .ok();
    create(&mut connection, "shop", options);
    let now = connection.now() - 10 * MINUTE;
    for first in (0..VISITORS).step_by(AT_ONCE as usize) {
        let mut requests = Vec::new();
        for visitor in first..first + AT_ONCE {
            let (user, page) = (format!("user{visitor}"), format!("/page/{}", visitor % 997));
            let at = now + (visitor * 9 * MINUTE as u64 / VISITORS) as i64;
            encode(
                &mut requests,
                &[
                    &"ANALYTICS.TRACK",
                    &"shop",
                    &"view",
                    &user,
                    &"AT",
                    &at,
                    &"DIM",
                    &"page",
                    &page,
                ],
            );
        }
        for reply in connection.exchange(&requests, AT_ONCE as usize) {
            assert_eq!(reply, 1);
        }
    }
    let field = "latency_percentiles_usec_analytics.track";
    let percentiles = connection.info("latencystats", field);
    let longest = percentiles.split("p100=").nth(1);
    let longest: Option<f64> = longest.and_then(|number| number.trim().parse().ok());
    longest.expect("the longest") / 1e3
}
