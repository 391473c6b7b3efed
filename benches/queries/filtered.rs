//! `TOP ... WHERE` reads the rows of a cube: beside `TOP` of the cube itself, and of one dimension.

use crate::ROUNDS;
use testkit::bench::{median, microseconds, Event};
use testkit::filler::Filler;
use testkit::random::Random;
use testkit::Connection;

const CALLS: usize = 50;
const EVENTS: u64 = 400_000;
const PAGES: u64 = 1_000;
const DAY: i64 = 86_400_000;

const QUESTIONS: [&str; 5] = [
    "TOP site 24h page",
    "TOP site 24h country,page",
    "TOP site 24h page WHERE country FR",
    "TOP site 24h page WHERE country FR BY users",
    "TOP site 24h page WHERE country FR WITH users latency:p95",
];

pub fn run(connection: &mut Connection) {
    connection
        .run("ANALYTICS.CREATE site DIM country CAPACITY 300 DIM page CUBE country,page CAPACITY 20000 VAL latency")
        .ok();
    let now = connection.now();
    let mut random = Random::new(7);
    let mut filler = Filler::of_site(connection, "site");
    for _ in 0..EVENTS {
        let at = now - random.below(DAY as u64) as i64;
        let user = format!("user{}", random.below(EVENTS / 4));
        let page = format!("/page/{}", random.below(PAGES));
        let event = Event::random(&mut random);
        filler.add(&[
            &event.kind,
            &user,
            &"AT",
            &at,
            &"DIM",
            &"country",
            &event.country,
            &"DIM",
            &"page",
            &page,
            &"VAL",
            &"latency",
            &event.latency,
        ]);
    }
    filler.finish();
    let mut rounds = [const { Vec::new() }; QUESTIONS.len()];
    for _ in 0..ROUNDS {
        for (question, round) in QUESTIONS.iter().zip(&mut rounds) {
            round.push(microseconds(
                connection,
                &format!("ANALYTICS.{question}"),
                CALLS,
            ));
        }
    }
    println!("{EVENTS} events of a day, {PAGES} pages, and a cube of countries and pages:\n");
    println!("| question | microseconds |\n|---|---|");
    for (question, round) in QUESTIONS.iter().zip(rounds) {
        println!("| {question} | {:.0} |", median(round.into_iter()));
    }
    println!();
}
