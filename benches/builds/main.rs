//! Two builds of the module side by side: a server for each, measured in turn, so that other load of the
//! machine affects both alike. It shows differences of a few percent, which two runs of another bench do
//! not.
//!
//!     BASE=old.so cargo bench --bench builds              events and queries
//!     BASE=old.so cargo bench --bench builds -- mtrack    the lines with this in their name
//!     cargo bench --bench builds -- --once                one build, briefly: the workload
//!                                                         of the profile in scripts/optimize
//!
//! `ANALYTICS_MODULE` names the other build; the default is a build of the present sources.

#[path = "../load/native.rs"]
mod native;
#[allow(dead_code)] // The targets.
#[path = "../load/workload.rs"]
mod workload;
#[path = "../load/workloads.rs"]
mod workloads;

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use testkit::bench::large_site::{self, QUESTIONS};
use testkit::bench::microseconds;
use testkit::{module_file, Server};

use workload::Workload;

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(200);
const CALLS: usize = 20;

/// What is measured of both builds.
enum Line {
    Events(Workload),
    Question(&'static str),
}

impl Line {
    fn name(&self) -> &'static str {
        match self {
            Line::Events(workload) => workload.name,
            Line::Question(question) => question,
        }
    }

    fn prepare(&self, server: &Server) {
        if let Line::Events(workload) = self {
            let prepared = workload.prepare(server);
            prepared.unwrap_or_else(|error| panic!("{}: {error}", workload.name));
        }
    }

    /// Nanoseconds of an event or of a query.
    fn measure(&self, server: &Server, length: Duration) -> f64 {
        match self {
            Line::Events(workload) => {
                let run = || {
                    testkit::bench::measure::run(server, workload.name, &workload.requests, length)
                };
                workload.around(server, run).nanoseconds
            }
            Line::Question(question) => {
                let line = format!("ANALYTICS.{question}");
                1e3 * microseconds(&mut server.connection(), &line, CALLS)
            }
        }
    }
}

fn main() {
    let filter = env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let filter = filter.unwrap_or_default().to_lowercase();
    if env::args().any(|arg| arg == "--once") {
        return once();
    }
    let Some(base) = env::var_os("BASE") else {
        eprintln!("builds: skipped, for BASE=path names no build to compare with");
        return;
    };
    let mut servers = [PathBuf::from(base), module_file().to_owned()].map(start);
    let lines = lines(&servers[0], &filter);
    let has_questions = lines.iter().any(|line| matches!(line, Line::Question(_)));
    for server in &servers {
        prepare(server, &lines, has_questions.then_some(4));
    }
    let mut rounds: Vec<Vec<[f64; 2]>> = vec![Vec::new(); lines.len()];
    for round in 0..=ROUNDS {
        for (line, rounds) in lines.iter().zip(&mut rounds) {
            eprint!("\rround {round} of {ROUNDS}: {:<70}", line.name());
            let sample = [&servers[0], &servers[1]].map(|server| line.measure(server, ROUND));
            // The first one warms up.
            if round > 0 {
                rounds.push(sample);
            }
        }
    }
    eprint!("\r{:90}\r", "");
    println!("Nanoseconds in the fastest of {ROUNDS} rounds, in turn: other work of the machine only adds.\n");
    println!("| an event, a question | base | this | of base |\n|---|---|---|---|");
    for (line, rounds) in lines.iter().zip(&rounds) {
        let fastest = |build: usize| {
            rounds
                .iter()
                .map(|round| round[build])
                .fold(f64::NAN, f64::min)
        };
        let [base, this] = [0, 1].map(fastest);
        println!(
            "| {} | {base:.0} | {this:.0} | {:.2} |",
            line.name(),
            this / base
        );
    }
    println!();
    servers.iter_mut().for_each(Server::stop);
}

/// Everything that the module does often, once: events, queries, saving and loading.
fn once() {
    let mut server = start(module_file().to_owned());
    let lines = lines(&server, "");
    prepare(&server, &lines, Some(10));
    for line in &lines {
        line.measure(&server, Duration::ZERO);
    }
    server.connection().run("DEBUG RELOAD").ok();
    // Shut down regularly, because the profile is written at exit.
    server.stop();
}

fn start(module: PathBuf) -> Server {
    // The server runs in a folder of its own.
    let module = module.canonicalize().unwrap_or(module);
    Server::with()
        .without_module()
        .config("loadmodule", &module.display().to_string())
        .config("auto-aof-rewrite-percentage", "0")
        .start()
}

/// The module's own commands, with this in their name.
fn lines(server: &Server, filter: &str) -> Vec<Line> {
    let events = workloads::all(server.connection().now(), false);
    let events = events.into_iter().filter(|it| it.name.contains("TRACK"));
    let questions = QUESTIONS.into_iter().map(Line::Question);
    let lines = events.map(Line::Events).chain(questions);
    lines
        .filter(|line| line.name().to_lowercase().contains(filter))
        .collect()
}

/// `one_in`: how sparse the site is: one minute in so many has events.
fn prepare(server: &Server, lines: &[Line], one_in: Option<u64>) {
    lines.iter().for_each(|line| line.prepare(server));
    if let Some(one_in) = one_in {
        large_site::fill(&mut server.connection(), one_in);
    }
}
