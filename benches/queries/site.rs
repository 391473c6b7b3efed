//! The queries of a dashboard.

use crate::ROUNDS;
use testkit::bench::large_site::{fill, PAGES, QUESTIONS, USERS};
use testkit::bench::{median, microseconds};
use testkit::Connection;

const CALLS: usize = 50;

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
}
