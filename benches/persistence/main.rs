//! The time to save and load buckets, and how long the server answers no client meanwhile.
//!
//!     cargo bench --bench persistence            everything
//!     cargo bench --bench persistence -- files   RDB and AOF, beside as many native HyperLogLogs
//!     cargo bench --bench persistence -- pauses  BGSAVE, a replica, DROP and FLUSHALL, beside as many strings

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
