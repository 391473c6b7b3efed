//! How long the server answers no client: with 100,000 buckets, beside as many strings of the same size.

use std::thread;
use std::time::Duration;

use crate::probe::longest_pause;
use testkit::bench::{median, Event, Requests};
use testkit::{cmd, wait_until, Connection, Filler, Random, Server};

/// With the hours of the same events, 100,000 buckets: no site may keep more minutes.
const MINUTES: usize = 98_400;
const KEYS: usize = MINUTES + MINUTES / 60;
const ROUNDS: usize = 5;
/// Milliseconds beyond what Redis itself takes.
const TARGET: f64 = 10.0;
const MINUTE: i64 = 60_000;

const OPERATIONS: [(&str, Operation); 6] = [
    ("nothing", |_, _| thread::sleep(Duration::from_millis(300))),
    ("BGSAVE", background_save),
    ("start of a replica", start_of_replica),
    ("DROP, UNLINK of as many", |server, drop| {
        server.connection().exchange(drop, 1);
    }),
    ("FLUSHALL SYNC", |server, _| {
        server.connection().run("FLUSHALL SYNC").ok();
    }),
    ("FLUSHALL ASYNC", |server, _| {
        server.connection().run("FLUSHALL ASYNC").ok();
    }),
];

/// The second argument is the encoded request that drops all keys.
type Operation = fn(&Server, &[u8]);

pub fn run() {
    println!(
        "Milliseconds that a second client waits at most for a PING, medians of {ROUNDS} rounds.\n"
    );
    for events in [1, 20] {
        let (buckets, drop) = (Server::start(), site_request());
        let bytes = fill_buckets(&mut buckets.connection(), events);
        let ours = measure(&buckets, &drop);
        std::mem::drop(buckets);
        let strings = Server::start();
        fill_strings(&mut strings.connection(), bytes);
        let theirs = measure(&strings, &unlink_request());
        println!("| {KEYS} keys of {bytes} bytes, buckets of {events} events | buckets | strings | target |");
        println!("|---|---|---|---|");
        for (((name, _), ours), theirs) in OPERATIONS.iter().zip(ours).zip(theirs) {
            let is_met = ours - theirs <= TARGET;
            let verdict = if is_met { "met" } else { "missed" };
            println!("| {name} | {ours:.1} | {theirs:.1} | {TARGET} more: {verdict} |");
        }
        println!();
    }
}

fn measure(server: &Server, drop: &[u8]) -> Vec<f64> {
    let mut connection = server.connection();
    connection.run("SAVE").ok();
    let medians = OPERATIONS.iter().map(|(name, operation)| {
        let pauses: Vec<f64> = (0..ROUNDS)
            .map(|round| {
                eprint!("\r{name}: round {round} of {ROUNDS}   ");
                let pause = longest_pause(server, || operation(server, drop));
                if connection.run("DBSIZE").int() < KEYS as i64 {
                    connection.run("DEBUG RELOAD NOSAVE").ok();
                }
                pause
            })
            .collect();
        median(pauses.into_iter())
    });
    let medians = medians.collect();
    eprint!("\r{:50}\r", "");
    medians
}

fn background_save(server: &Server, _: &[u8]) {
    let mut connection = server.connection();
    connection.run("BGSAVE");
    wait_until("the save is over", || {
        connection.info("persistence", "rdb_bgsave_in_progress") == "0"
    });
}

fn start_of_replica(server: &Server, _: &[u8]) {
    let replica = Server::with().replica_of(server).start();
    server.wait_for_replica(&replica);
}

/// Fills `KEYS` buckets of one site with `events` events each; returns the bytes of a bucket.
fn fill_buckets(connection: &mut Connection, events: usize) -> usize {
    connection
        .run("ANALYTICS.CREATE shop RETENTION minute 69d RETENTION hour 69d RETENTION day off RETENTION week off RETENTION month off")
        .ok();
    let last = connection.now().div_euclid(MINUTE) * MINUTE;
    let mut random = Random::new(42);
    let mut filler = Filler::of_site(connection, "shop");
    for minute in 0..MINUTES {
        for _ in 0..events {
            let at = last - minute as i64 * MINUTE + random.below(MINUTE as u64) as i64;
            let event = Event::random(&mut random);
            filler.add(&[
                &event.kind,
                &event.user,
                &"AT",
                &at,
                &"DIM",
                &"country",
                &event.country,
            ]);
        }
    }
    filler.finish();
    let keys = connection.keys();
    let some = keys.iter().filter(|key| key.starts_with('{')).step_by(997);
    let bytes: Vec<i64> = some
        .map(|key| cmd!(connection, "MEMORY", "USAGE", key).int())
        .collect();
    bytes.iter().sum::<i64>() as usize / bytes.len()
}

fn name(key: usize) -> String {
    format!("{{shop}}:minute:2024-12-11T{key:08}")
}

/// The bytes of a key and its object besides the string itself.
const AROUND: usize = 128;
/// Buckets expire, so do the strings. In seconds.
const MONTHS: i64 = 69 * 86_400;

fn fill_strings(connection: &mut Connection, bytes: usize) {
    let value = vec![b'x'; bytes.saturating_sub(AROUND).max(1)];
    for keys in (0..KEYS).collect::<Vec<_>>().chunks(1_000) {
        let mut requests = Requests::default();
        for key in keys {
            requests.push(&[&"SET", &name(*key), &value, &"EX", &MONTHS]);
        }
        connection.exchange(&requests.bytes, keys.len());
    }
}

fn site_request() -> Vec<u8> {
    let mut request = Requests::default();
    request.push(&[&"ANALYTICS.DROP", &"shop"]);
    request.bytes
}

fn unlink_request() -> Vec<u8> {
    let mut words = vec!["UNLINK".to_owned()];
    words.extend((0..KEYS).map(name));
    let mut request = Requests::default();
    request.push_words(&words);
    request.bytes
}
