//! What a question about visits takes in the server, and the same question to ClickHouse over the same
//! events, in one process.

use std::fmt::Write;
use std::process::Command;

use testkit::bench::{median, microseconds};
use testkit::{Connection, Filler, Random, Server};

use crate::verdict;

const EVENTS: u64 = 170_000;
const VISITORS: u64 = 20_000;
const PAGES: u64 = 1_000;
const ROUNDS: usize = 5;
const CALLS: usize = 200;
const HOUR: i64 = 3_600_000;

/// The question, the most microseconds that it may take, and its name for ClickHouse.
const QUESTIONS: [(&str, f64, &str); 2] = [
    (
        "GET shop 24h visits bounces:share visit-time:avg",
        60.0,
        "whole",
    ),
    ("TOP shop 24h entry BY bounces:share", 2_000.0, "entry"),
];

pub fn run() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run(&format!(
            "ANALYTICS.CREATE shop VISITS 30m PATH page CAPACITY {PAGES}"
        ))
        .ok();
    let rows = fill(&mut connection);
    let click = click_house(&rows);
    let visits = connection.run("ANALYTICS.GET shop 24h visits").at(0).int();
    println!("| {EVENTS} events of a day, {visits} visits | microseconds | target | ClickHouse, microseconds |");
    println!("|---|---|---|---|");
    for (question, limit, name) in QUESTIONS {
        let line = format!("ANALYTICS.{question}");
        let rounds = (0..ROUNDS).map(|_| microseconds(&mut connection, &line, CALLS));
        let taken = median(rounds);
        let theirs = click.iter().find(|(other, ..)| other == name);
        let theirs = theirs.map_or("not measured".to_owned(), |(_, taken, counted)| {
            assert_eq!(*counted, visits, "ClickHouse counts other visits");
            format!("{taken:.0}")
        });
        let is_met = verdict(taken <= limit);
        println!("| `{question}` | {taken:.0} | {limit}: {is_met} | {theirs} |");
    }
}

/// Events of the last day, in the order of time: the rows that ClickHouse gets.
fn fill(connection: &mut Connection) -> String {
    let end = connection.now() - 60_000;
    let begin = end - 23 * HOUR;
    let mut random = Random::new(42);
    let mut filler = Filler::of_site(connection, "shop");
    let mut rows = String::new();
    for event in 0..EVENTS {
        let at = begin + (event * 23 * HOUR as u64 / EVENTS) as i64;
        // Most visitors come for some minutes.
        let spell = event / 500;
        let visitor = (spell * 37 + random.below(60)) % VISITORS;
        let page = random.below(PAGES);
        let (user, path) = (format!("user{visitor}"), format!("/page/{page}"));
        filler.add(&[&"view", &user, &"AT", &at, &"DIM", &"page", &path]);
        writeln!(rows, "{user}\t{at}\t{path}").expect("a text takes more");
    }
    filler.finish();
    rows
}

/// The name of each question, what it takes, and how many visits there are by its answer.
fn click_house(rows: &str) -> Vec<(String, f64, i64)> {
    let Some(python) = std::env::var_os("CHDB_PYTHON") else {
        return Vec::new();
    };
    let file = std::env::temp_dir().join(format!("visits-{}.tsv", std::process::id()));
    std::fs::write(&file, rows).expect("a file of events");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/visits/clickhouse.py");
    let output = Command::new(python).arg(script).arg(&file).output();
    let _ = std::fs::remove_file(&file);
    let output = output.expect("Python starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        Some((
            name,
            words.next()?.parse().ok()?,
            words.next()?.parse().ok()?,
        ))
    };
    text.lines().filter_map(line).collect()
}
