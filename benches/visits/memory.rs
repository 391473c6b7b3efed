//! The memory of a million visitors at once, and of sites without events.

use testkit::{cmd, Connection, Filler, Server};

use crate::{create, megabytes, verdict, visit, OPTIONS};

const VISITORS: u64 = 1_000_000;
const MINUTE: i64 = 60_000;

/// In bytes: without PATH and BY, and with PATH and two BY.
const LIMITS: [Option<i64>; 4] = [None, Some(36_000_000), Some(56_000_000), None];

fn used(connection: &mut Connection) -> i64 {
    let used = connection.info("memory", "used_memory");
    used.parse().expect("a number of bytes")
}

fn partitions(connection: &mut Connection) -> Vec<String> {
    let mut keys = connection.keys();
    keys.retain(|key| key.contains(":visitors:"));
    keys
}

pub fn run() {
    println!("| {VISITORS} visitors at once | partitions | MB by `MEMORY USAGE` | MB by `used_memory` | target |");
    println!("|---|---|---|---|---|");
    for ((name, options), limit) in OPTIONS.into_iter().zip(LIMITS).skip(1) {
        // A partition has room for no more than its part, which hashes do not fill evenly.
        let server = Server::start();
        let mut connection = server.connection();
        create(&mut connection, "shop", options);
        let now = connection.now() - 10 * MINUTE;
        let mut filler = Filler::of_site(&mut connection, "shop");
        for visitor in 0..VISITORS {
            let after = (visitor * 9 * MINUTE as u64 / VISITORS) as i64;
            visit(&mut filler, visitor, now + after);
        }
        filler.finish();
        let followed = connection.run("ANALYTICS.INFO shop").get("visitors").int();
        assert_eq!(followed as u64, VISITORS);
        let keys = partitions(&mut connection);
        let usage: i64 = keys
            .iter()
            .map(|key| cmd!(connection, "MEMORY", "USAGE", key, "SAMPLES", 0).int())
            .sum();
        let before = used(&mut connection);
        for key in &keys {
            assert_eq!(cmd!(connection, "DEL", key), 1);
        }
        let freed = before - used(&mut connection);
        let target = limit.map_or(String::new(), |limit| {
            let is_met = verdict(usage.max(freed) <= limit);
            format!("{} MB: {is_met}", megabytes(limit))
        });
        println!(
            "| {name} | {} | {:.1} | {:.1} | {target} |",
            keys.len(),
            megabytes(usage),
            megabytes(freed)
        );
    }
}

const SITES: i64 = 10_000;

/// Sites that have counted events and are left alone: with visits they take their settings more.
pub fn idle() {
    println!("| {SITES} sites, none with events | bytes a site |\n|---|---|");
    let server = Server::start();
    let mut connection = server.connection();
    for (name, options) in OPTIONS {
        let before = used(&mut connection);
        let lines: Vec<String> = (0..SITES)
            .map(|site| {
                format!("ANALYTICS.CREATE site{site} DIM page DIM country DIM source {options}")
            })
            .collect();
        for reply in connection.pipeline(&lines) {
            reply.ok();
        }
        assert_eq!(connection.run("DBSIZE"), SITES);
        let bytes = (used(&mut connection) - before) / SITES;
        println!("| {name} | {bytes} |");
        connection.run("FLUSHALL SYNC").ok();
    }
}
