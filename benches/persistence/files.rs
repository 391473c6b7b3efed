//! RDB files and rewritten AOFs: megabytes of buckets a second, beside as many native HyperLogLogs.

use std::time::Duration;

use crate::data::{buckets, native, Kind, KINDS};
use testkit::bench::median;
use testkit::{wait_until, Connection, Server};

const ROUNDS: usize = 3;
/// Megabytes a second.
const TARGET: f64 = 200.0;

type Fill = fn(&mut Connection, Kind) -> f64;

/// Seconds of processor time for all keys, and how many megabytes those are in memory.
struct Figures {
    megabytes: f64,
    seconds: [f64; OPERATIONS.len()],
}

const OPERATIONS: [&str; 4] = [
    "RDB save",
    "RDB save, rdbcompression no",
    "RDB load",
    "AOF load",
];

pub fn run() {
    println!("Processor time of the server's main thread, medians of {ROUNDS} rounds; megabytes are those of MEMORY USAGE.\n");
    println!("| keys | of | MB | native MB | MB/s | native MB/s | times as fast | target |");
    println!("|---|---|---|---|---|---|---|---|");
    let idle = time_of_start();
    for kind in KINDS {
        eprint!("\rsaving and loading: {:<40}", kind.name);
        let (ours, theirs) = (measure(kind, buckets, idle), measure(kind, native, idle));
        eprint!("\r{:70}\r", "");
        for (place, operation) in OPERATIONS.iter().enumerate() {
            let (seconds, native) = (ours.seconds[place], theirs.seconds[place]);
            let (speed, ratio) = (ours.megabytes / seconds, native / seconds);
            // A native key has no rows, so it is not compared with buckets that have.
            let is_met = speed >= TARGET && (ratio >= 1.0 || kind.is_rich);
            println!(
                "| {operation}: {} | {} | {:.0} | {:.0} | {speed:.0} | {:.0} | {ratio:.2} | {} |",
                kind.keys,
                kind.name,
                ours.megabytes,
                theirs.megabytes,
                theirs.megabytes / native,
                if is_met { "met" } else { "missed" },
            );
        }
    }
    println!("\nTarget: {TARGET} MB/s, and as fast as as many native keys (those of the last kind hold no rows).\n");
}

/// The time of a start without data.
fn time_of_start() -> f64 {
    let mut server = Server::start();
    server.restart();
    server.cpu_time().as_secs_f64()
}

fn measure(kind: Kind, fill: Fill, idle: f64) -> Figures {
    let mut server = Server::start();
    let megabytes = fill(&mut server.connection(), kind) / 1e6;
    // The default comes last, because its file is the one to be loaded.
    let plain = rounds(|| time_of_save(&server, "no"));
    let save = rounds(|| time_of_save(&server, "yes"));
    let load = rounds(|| time_of_load(&mut server) - idle);
    drop(server);

    let mut server = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        .start();
    fill(&mut server.connection(), kind);
    rewrite(&mut server.connection());
    let aof = rounds(|| time_of_load(&mut server) - idle);
    Figures {
        megabytes,
        seconds: [save, plain, load, aof],
    }
}

fn time_of_save(server: &Server, compression: &str) -> f64 {
    let mut connection = server.connection();
    connection
        .run(&format!("CONFIG SET rdbcompression {compression}"))
        .ok();
    let before = server.cpu_time();
    connection.run("SAVE").ok();
    (server.cpu_time() - before).as_secs_f64()
}

fn rounds(mut round: impl FnMut() -> f64) -> f64 {
    median((0..ROUNDS).map(|_| round()).collect::<Vec<_>>().into_iter())
}

/// The time of a start that loads everything.
pub fn time_of_load(server: &mut Server) -> f64 {
    let keys = server.connection().run("DBSIZE").int();
    server.restart();
    assert_eq!(server.connection().run("DBSIZE"), keys, "all is loaded");
    server
        .cpu_time()
        .max(Duration::from_micros(1))
        .as_secs_f64()
}

fn rewrite(connection: &mut Connection) {
    connection.run("BGREWRITEAOF");
    wait_until("the AOF is rewritten", || {
        connection.info("persistence", "aof_rewrite_in_progress") == "0"
            && connection.info("persistence", "aof_rewrite_scheduled") == "0"
    });
}
