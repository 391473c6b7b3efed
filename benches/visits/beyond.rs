//! Twenty times as many visitors as are followed: how far each figure is off, in the standard errors that
//! `EXPLAIN` names.

use testkit::{Connection, Filler, Server};

use crate::{create, verdict};

const VISITORS: u64 = 2_000_000;
const CAPACITY: u64 = 100_000;
const MINUTE: i64 = 60_000;
/// Of their own, each with other random hashes.
const ROUNDS: usize = 3;
const LIMIT: f64 = 3.0;

/// The events of a visitor, and the seconds between two of them.
fn events_of(visitor: u64) -> (u64, i64) {
    let mixed = visitor.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    (1 + mixed % 3, 1 + (mixed / 7 % 120) as i64)
}

pub fn run() {
    println!("| {VISITORS} visitors at a capacity of {CAPACITY} | truth | named error, % | off by errors, {ROUNDS} rounds | target |");
    println!("|---|---|---|---|---|");
    let rounds: Vec<Vec<(f64, f64, f64)>> = (0..ROUNDS).map(|_| play()).collect();
    let names = ["visits", "bounces", "visit-time", "visit-events"];
    for (at, name) in names.iter().enumerate() {
        let figures = rounds.iter().map(|round| round[at]);
        let off: Vec<f64> = figures
            .clone()
            .map(|(truth, found, error)| (found - truth) / truth / error)
            .collect();
        let most = off.iter().fold(0.0, |most: f64, off| most.max(off.abs()));
        let shown: Vec<String> = off.iter().map(|off| format!("{off:+.1}")).collect();
        let (truth, _, error) = rounds[0][at];
        println!(
            "| {name} | {truth:.0} | {:.2} | {} | {LIMIT}: {} |",
            error * 100.0,
            shown.join(", "),
            verdict(most <= LIMIT)
        );
    }
}

/// Of each figure: the truth, what is answered, and the relative error that is named.
fn play() -> Vec<(f64, f64, f64)> {
    let server = Server::start();
    let mut connection = server.connection();
    create(
        &mut connection,
        "shop",
        &format!("VISITS 30m VISITORS {CAPACITY} RETENTION minute off"),
    );
    let begin = (connection.now() - 40 * MINUTE) / MINUTE * MINUTE;
    let mut truth = [0.0; 4];
    let mut filler = Filler::of_site(&mut connection, "shop");
    for visitor in 0..VISITORS {
        let (events, gap) = events_of(visitor);
        let start = begin + (visitor * 20 * MINUTE as u64 / VISITORS) as i64;
        let user = format!("user{visitor}");
        for event in 0..events as i64 {
            let at = start + event * gap * 1_000;
            filler.add(&[&"view", &user, &"AT", &at]);
        }
        let seconds = (events as i64 - 1) * gap;
        let bounces = if events == 1 { 1.0 } else { 0.0 };
        let visit = [1.0, bounces, seconds as f64, events as f64];
        truth
            .iter_mut()
            .zip(visit)
            .for_each(|(sum, one)| *sum += one);
    }
    filler.finish();
    ask(&mut connection, begin, truth)
}

fn ask(connection: &mut Connection, begin: i64, truth: [f64; 4]) -> Vec<(f64, f64, f64)> {
    let window = format!("{begin}..{}", begin + 40 * MINUTE);
    let line =
        format!("ANALYTICS.GET shop {window} visits bounces visit-time:sum visit-events:sum");
    let found = connection.run(&line);
    let explained = connection.run(&format!("ANALYTICS.EXPLAIN shop {window}"));
    assert!(explained.get("visit-sampling").double() < 0.3);
    let errors = explained.get("visit-standard-errors");
    let names = ["visits", "bounces", "visit-time", "visit-events"];
    let rows = names.iter().zip(truth).zip(found.array());
    rows.map(|((name, truth), found)| (truth, found.double(), errors.get(name).double()))
        .collect()
}
