//! What a question costs the server.
//!
//!     cargo bench --bench queries              everything
//!     cargo bench --bench queries -- dense     the distinct counts beside PFCOUNT
//!     cargo bench --bench queries -- site      the questions about one large site
//!
//! The figures are Redis's own, `INFO commandstats`: the time inside a command, without the network.

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

#[path = "../harness/dice.rs"]
mod dice;
#[path = "../harness/events.rs"]
mod events;
#[path = "../harness/fill.rs"]
mod fill;
#[path = "../harness/large_site.rs"]
mod large_site;
#[path = "../harness/measure.rs"]
mod measure;

mod dense;
mod site;

use server::Server;

const ROUNDS: usize = 5;

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let filter = filter.unwrap_or_default();
    println!("Microseconds a call by INFO commandstats, medians of {ROUNDS} rounds.\n");
    // A server of its own for each: caches and memory are those of its questions.
    if "dense".contains(&filter) {
        dense::run(&mut Server::start().connection());
    }
    if "site".contains(&filter) {
        site::run(&mut Server::start().connection());
    }
}
