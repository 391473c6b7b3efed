//! What it takes to save and load buckets, and for how long the server answers nobody meanwhile.
//!
//!     cargo bench --bench persistence            everything
//!     cargo bench --bench persistence -- files   RDB and AOF, beside as many native HyperLogLogs
//!     cargo bench --bench persistence -- pauses  BGSAVE, a replica, DROP and FLUSHALL, beside as many strings

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
#[path = "../harness/measure.rs"]
mod measure;

mod data;
mod files;
mod log;
mod pauses;
mod probe;

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let filter = filter.unwrap_or_default();
    if "files".contains(&filter) {
        files::run();
        log::run();
    }
    if "pauses".contains(&filter) {
        pauses::run();
    }
}
