//! The queries of a dashboard.

use crate::ROUNDS;
use testkit::bench::large_site::{fill, PAGES, QUESTIONS, USERS};
use testkit::bench::{median, microseconds};
use testkit::Connection;

const CALLS: usize = 50;

const HOUR: i64 = 3_600_000;

/// What is asked of windows with and without edges inside of hours.
const ASKED: [(&str, &str); 5] = [
    ("UNIQUE", ""),
    ("GET", "events"),
    ("GET", "events users latency:p95"),
    ("TOP", "page"),
    ("TOP", "page BY users"),
];

pub fn run(connection: &mut Connection) {
    fill(connection, 1);
    let buckets = connection.keys().len() - 1;
    let memory = connection.info("memory", "used_memory_human");
    let lines = QUESTIONS.map(|question| format!("ANALYTICS.{question}"));
    let mut rounds = vec![Vec::new(); lines.len()];
    for _ in 0..ROUNDS {
        for (line, round) in lines.iter().zip(&mut rounds) {
            round.push(microseconds(connection, line, CALLS));
        }
    }
    println!("A site of {USERS} users, {PAGES} pages, {buckets} buckets, {memory}:\n");
    println!("| question | microseconds |\n|---|---|");
    for (question, round) in QUESTIONS.iter().zip(rounds) {
        println!("| {question} | {:.0} |", median(round.into_iter()));
    }
    println!();
    edges(connection);
}

/// A day of whole hours beside the same day whose edges are inside of hours, in one run.
fn edges(connection: &mut Connection) {
    let hour = connection.now() / HOUR * HOUR;
    let (from, to) = (hour - 30 * HOUR, hour - 6 * HOUR);
    let windows = [
        (from, to),
        (from + HOUR / 3, to),
        (from + HOUR / 3, to - HOUR / 3),
    ];
    println!("| 24 hours, a day ago | whole hours | one edge | times | two edges | times |");
    println!("|---|---|---|---|---|---|");
    for (command, rest) in ASKED {
        let lines =
            windows.map(|(from, to)| format!("ANALYTICS.{command} site {from}..{to} {rest}"));
        let mut rounds = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            for (line, round) in lines.iter().zip(&mut rounds) {
                round.push(microseconds(connection, line.trim_end(), CALLS));
            }
        }
        let [whole, one, two] = rounds.map(|round| median(round.into_iter()));
        println!(
            "| {command} {rest} | {whole:.0} | {one:.0} | {:.2} | {two:.0} | {:.2} |",
            one / whole,
            two / whole
        );
    }
    println!();
}
