//! The processor time of an event, next to pipelines that count events without the module.
//!
//!     cargo bench --bench load                   everything
//!     cargo bench --bench load -- mtrack         the workloads with this in their name, and PFADD
//!     cargo bench --bench load -- --alone 'TRACK, 8 arg'      without PFADD, for scripts/profile
//!     TIMESERIES_MODULE=redistimeseries.so cargo bench --bench load    with TS.ADD in the pipeline
//!
//! Starts a server of its own. Measured is the processor time of the thread that executes commands:
//! wall-clock time would include other load of the machine, and this program.

mod native;
mod table;
mod workload;
mod workloads;

use std::env;
use std::time::Duration;

use testkit::bench::Series;
use testkit::project::noop_module_file;
use testkit::{Server, ServerOptions};

use table::Table;
use workload::{Workload, REFERENCE};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(500);
const WARM_UP: Duration = Duration::from_millis(300);

fn main() {
    // Cargo passes --bench to every benchmark.
    let filter = env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let filter = filter.unwrap_or_default().to_lowercase();
    let is_alone = env::args().any(|arg| arg == "--alone");
    let server = start();
    let now = server.connection().now();
    let is_selected = |w: &Workload| {
        w.name.to_lowercase().contains(&filter) || (w.name == REFERENCE && !is_alone)
    };
    let has_series = env::var_os("TIMESERIES_MODULE").is_some();
    let workloads: Vec<Workload> = workloads::all(now, has_series)
        .into_iter()
        .filter(is_selected)
        .collect();

    let mut series: Vec<Series> = workloads.iter().map(|_| Series::default()).collect();
    for (workload, series) in workloads.iter().zip(&mut series) {
        series.missing = workload.prepare(&server).err();
    }
    for round in 0..=ROUNDS {
        // Interleaved, so that other load of the machine affects every workload alike.
        for (workload, series) in workloads
            .iter()
            .zip(&mut series)
            .filter(|(_, series)| series.missing.is_none())
        {
            eprint!("\rround {round} of {ROUNDS}: {:<42}", workload.name);
            let length = if round == 0 { WARM_UP } else { ROUND };
            let run =
                || testkit::bench::measure::run(&server, workload.name, &workload.requests, length);
            let sample = workload.around(&server, run);
            if round > 0 {
                series.samples.push(sample);
            }
        }
    }
    eprint!("\r{:60}\r", "");
    println!(
        "Medians of {ROUNDS} rounds of {} ms, in turn on one server; processor time of its main thread.\n",
        ROUND.as_millis()
    );
    Table::new(&workloads, &series).print();
    println!("\nAn event is one command, but one of the batch in MTRACK and all nine commands in the pipeline.\n");
}

fn options() -> ServerOptions {
    let mut options = Server::with()
        .config("auto-aof-rewrite-percentage", "0")
        .config("appendfsync", "everysec")
        .config("loadmodule", &noop_module_file().display().to_string());
    if let Some(file) = env::var_os("TIMESERIES_MODULE") {
        options = options.config("loadmodule", &file.to_string_lossy());
    }
    options
}

fn start() -> Server {
    options().try_start().unwrap_or_else(|log| {
        eprintln!("the module does not load, only Redis's own commands are measured:\n{log}\n");
        options().without_module().start()
    })
}
