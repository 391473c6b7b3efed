//! Distinct counts over a number of dense buckets, beside `PFCOUNT` over as many dense keys that hold the
//! same users.

use crate::ROUNDS;
use testkit::bench::{median, microseconds};
use testkit::{Connection, Filler};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// In every bucket and key: well past what takes either sketch to its dense form.
const USERS: i64 = 10_000;
/// That are new in each: the rest were in the one before.
const NEW_USERS: i64 = 2_500;

const TARGET: f64 = 20.0;

struct Case {
    site: &'static str,
    step: i64,
    buckets: i64,
    calls: usize,
}

const CASES: [Case; 3] = [
    Case {
        site: "hours",
        step: HOUR,
        buckets: 24,
        calls: 400,
    },
    Case {
        site: "hours",
        step: HOUR,
        buckets: 168,
        calls: 100,
    },
    Case {
        site: "days",
        step: DAY,
        buckets: 365,
        calls: 50,
    },
];

pub fn run(connection: &mut Connection) {
    let now = connection.now();
    // One granularity each, so that the window is not answered from fewer coarser buckets.
    connection
        .run("ANALYTICS.CREATE hours RETENTION minute off RETENTION hour 9d RETENTION day off RETENTION week off RETENTION month off DIM event NOUSERS")
        .ok();
    connection
        .run("ANALYTICS.CREATE days RETENTION minute off RETENTION hour off RETENTION day 366d RETENTION week off RETENTION month off DIM event NOUSERS")
        .ok();
    fill(connection, &CASES[1], now);
    fill(connection, &CASES[2], now);
    println!("| distinct users of | UNIQUE | PFCOUNT | times | target |\n|---|---|---|---|---|");
    for case in &CASES {
        let end = now.div_euclid(case.step) * case.step;
        let window = format!("{}..{end}", end - case.buckets * case.step);
        expect_buckets(connection, case, &window);
        let unique = format!("ANALYTICS.UNIQUE {} {window}", case.site);
        let mut pfcount = "PFCOUNT".to_owned();
        for place in 0..case.buckets {
            pfcount += &format!(" {}:{place}", case.site);
        }
        let rounds: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|_| {
                (
                    microseconds(connection, &unique, case.calls),
                    microseconds(connection, &pfcount, case.calls),
                )
            })
            .collect();
        let ratio = median(rounds.iter().map(|(ours, theirs)| theirs / ours));
        println!(
            "| {} dense {} | {:.1} | {:.0} | {ratio:.1} | {TARGET}: {} |",
            case.buckets,
            case.site,
            median(rounds.iter().map(|(ours, _)| *ours)),
            median(rounds.iter().map(|(_, theirs)| *theirs)),
            if ratio >= TARGET { "met" } else { "missed" }
        );
    }
    println!();
}

/// The buckets that end by now, the last of them first, and keys with the same users.
fn fill(connection: &mut Connection, case: &Case, now: i64) {
    let end = now.div_euclid(case.step) * case.step;
    for place in 0..case.buckets {
        eprint!("\rfilling {}: {place} of {}   ", case.site, case.buckets);
        let at = end - (place + 1) * case.step;
        let users = || (0..USERS).map(|user| format!("user{}", place * NEW_USERS + user));
        let mut filler = Filler::of_site(connection, case.site);
        users().for_each(|user| filler.add(&[&"view", &user, &"AT", &at]));
        filler.finish();
        let mut filler = Filler::of_hll(connection, &format!("{}:{place}", case.site));
        users().for_each(|user| filler.add(&[&user]));
        filler.finish();
    }
    eprint!("\r{:50}\r", "");
}

/// Checks that the window is answered from exactly this many buckets.
fn expect_buckets(connection: &mut Connection, case: &Case, window: &str) {
    let explained = connection.run(&format!("ANALYTICS.EXPLAIN {} {window}", case.site));
    assert_eq!(*explained.get("found"), case.buckets, "buckets of {window}");
}
