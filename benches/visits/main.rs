//! What visits, people and funnels cost: processor time of events, memory, questions, the longest step of a
//! partition that grows; and how far the answers are off beyond the capacity.
//!
//!     cargo bench --bench visits               everything
//!     cargo bench --bench visits -- memory     the tables with this in their name: events, memory,
//!                                              questions, partition, idle, beyond
//!     CHDB_PYTHON=python cargo bench --bench visits -- questions
//!                                              with the same questions to ClickHouse, by a Python that
//!                                              has the package chdb

mod beyond;
mod events;
mod memory;
mod partition;
mod questions;

use testkit::{Connection, Filler};

const TABLES: [(&str, fn()); 6] = [
    ("events", events::run),
    ("memory", memory::run),
    ("questions", questions::run),
    ("partition", partition::run),
    ("idle", memory::idle),
    ("beyond", beyond::run),
];

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let filter = filter.unwrap_or_default();
    for (name, run) in TABLES {
        if name.contains(&filter) {
            run();
            println!();
        }
    }
}

/// What a site counts of visits, as it is named in the tables.
const OPTIONS: [(&str, &str); 4] = [
    ("off", ""),
    ("`VISITS 30m`", "VISITS 30m"),
    (
        "`PATH` and two `BY`",
        "VISITS 30m PATH page BY country BY source",
    ),
    ("`PATH` and `DIM from`", "VISITS 30m PATH page DIM from"),
];

fn create(connection: &mut Connection, site: &str, options: &str) {
    let line = format!("ANALYTICS.CREATE {site} DIM page DIM country DIM source {options}");
    connection.run(&line).ok();
}

/// One event of a visitor, with every dimension.
fn visit(filler: &mut Filler, visitor: u64, at: i64) {
    let (page, user) = (format!("/page/{}", visitor % 997), format!("user{visitor}"));
    let country = ["FR", "DE", "US", "IN", "BR"][visitor as usize % 5];
    let source = ["search", "ads", "mail"][visitor as usize % 3];
    filler.add(&[
        &"view", &user, &"AT", &at, &"DIM", &"page", &page, &"DIM", &"country", &country, &"DIM",
        &"source", &source,
    ]);
}

fn verdict(is_met: bool) -> &'static str {
    match is_met {
        true => "met",
        false => "missed",
    }
}

fn megabytes(bytes: i64) -> f64 {
    bytes as f64 / 1e6
}
