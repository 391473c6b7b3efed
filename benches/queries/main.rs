//! The time of queries in the server.
//!
//!     cargo bench --bench queries              everything
//!     cargo bench --bench queries -- dense     the distinct counts beside PFCOUNT
//!     cargo bench --bench queries -- site      the queries of one large site
//!     cargo bench --bench queries -- filtered  rows of one value of another dimension
//!
//! The figures are Redis's own, `INFO commandstats`: the time inside a command, without the network.

use testkit::Server;

mod dense;
mod filtered;
mod site;

const ROUNDS: usize = 5;

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let filter = filter.unwrap_or_default();
    println!("Microseconds a call by INFO commandstats, medians of {ROUNDS} rounds.\n");
    // A server for each, so that caches and memory are those of its queries.
    if "dense".contains(&filter) {
        dense::run(&mut Server::start().connection());
    }
    if "site".contains(&filter) {
        site::run(&mut Server::start().connection());
    }
    if "filtered".contains(&filter) {
        filtered::run(&mut Server::start().connection());
    }
}
