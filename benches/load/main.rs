//! What an event costs the server, in processor time, next to what users run today.
//!
//!     cargo bench --bench load             everything
//!     cargo bench --bench load -- mtrack   the workloads with this in their name, and PFADD
//!
//! Starts a server of its own. Wall-clock time would measure the machine's other work and this
//! program as well; the processor time of the thread that executes commands does not.

#![allow(dead_code)] // The tests use more of the harness that is shared with them.

#[macro_use]
#[path = "../../tests/flow/client.rs"]
mod client;
#[path = "../../tests/flow/clock.rs"]
mod clock;
#[path = "../../tests/flow/module_file.rs"]
mod module_file;
#[path = "../../tests/flow/process.rs"]
mod process;
#[path = "../../tests/flow/reply.rs"]
mod reply;
#[path = "../../tests/flow/server.rs"]
mod server;

mod events;
mod measure;
mod workloads;

use std::time::Duration;

use measure::Series;
use server::{Options, Server};
use workloads::{Workload, REFERENCE};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(700);
const WARM_UP: Duration = Duration::from_millis(300);

fn main() {
    // Cargo passes --bench to every benchmark.
    let filter = std::env::args()
        .skip(1)
        .find(|arg| !arg.starts_with('-'))
        .unwrap_or_default()
        .to_lowercase();
    let server = start();
    let now = server.connection().now();
    let wanted = |w: &Workload| w.name == REFERENCE || w.name.to_lowercase().contains(&filter);
    let workloads: Vec<Workload> = workloads::all(now).into_iter().filter(wanted).collect();

    let mut series: Vec<Series> = workloads.iter().map(|_| Series::default()).collect();
    for (workload, series) in workloads.iter().zip(&mut series) {
        series.missing = workload.prepare(&server).err();
    }
    for round in 0..=ROUNDS {
        // Interleaved, so that a busy minute of the machine touches every workload alike.
        for (workload, series) in workloads
            .iter()
            .zip(&mut series)
            .filter(|(_, series)| series.missing.is_none())
        {
            eprint!("\rround {round} of {ROUNDS}: {:<40}", workload.name);
            let length = if round == 0 { WARM_UP } else { ROUND };
            let sample = workload.around(&server, || measure::run(&server, workload, length));
            if round > 0 {
                series.samples.push(sample);
            }
        }
    }
    eprint!("\r{:60}\r", "");
    print_table(&workloads, &series);
    print_smallest_bucket(&server, now);
}

fn options() -> Options {
    Server::with()
        .config("auto-aof-rewrite-percentage", "0")
        .config("appendfsync", "everysec")
}

fn start() -> Server {
    options().try_start().unwrap_or_else(|log| {
        eprintln!("the module does not load, only Redis's own commands are measured:\n{log}\n");
        options().without_module().start()
    })
}

fn print_table(workloads: &[Workload], series: &[Series]) {
    let reference = workloads
        .iter()
        .zip(series)
        .find(|(w, _)| w.name == REFERENCE)
        .map(|(_, s)| s.nanoseconds());
    println!(
        "medians of {ROUNDS} rounds of {} ms, processor time of the server's main thread\n",
        ROUND.as_millis()
    );
    println!(
        "{:<42} {:>10} {:>12} {:>9} {:>6}",
        "workload", "ns/event", "events/s", "x PFADD", "busy"
    );
    for (workload, series) in workloads.iter().zip(series) {
        if let Some(reason) = &series.missing {
            println!("{:<42} not available: {reason}", workload.name);
            continue;
        }
        let nanoseconds = series.nanoseconds();
        println!(
            "{:<42} {:>10.0} {:>12.0} {:>9.2} {:>5.0}%",
            workload.name,
            nanoseconds,
            1e9 / nanoseconds,
            nanoseconds / reference.unwrap_or(f64::NAN),
            series.busy() * 100.0,
        );
    }
    println!("\nAn event is one command, but one of the batch in MTRACK and all nine commands in the pipeline.");
}

fn print_smallest_bucket(server: &Server, now: i64) {
    let mut connection = server.connection();
    if cmd!(
        connection,
        "ANALYTICS.TRACK",
        "smallest",
        "view",
        "user1",
        "AT",
        now
    )
    .is_error()
    {
        return;
    }
    let key = connection
        .keys()
        .into_iter()
        .find(|key| key.starts_with("{smallest}:minute:"));
    if let Some(key) = key {
        println!(
            "MEMORY USAGE of a minute bucket with one event: {} bytes",
            cmd!(connection, "MEMORY", "USAGE", key).int()
        );
    }
}
