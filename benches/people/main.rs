//! What remembering people and following funnels costs: memory of users, of attempts and of cohorts, and questions
//! beside ClickHouse.
//!
//!     cargo bench --bench people                  everything
//!     cargo bench --bench people -- memory        the tables with this in their name: memory, questions5m,
//!                                                 questions50m (5 and 50 million events)
//!     CHDB_PYTHON=python cargo bench --bench people -- questions
//!                                                 with the same questions to ClickHouse, by a Python that has the
//!                                                 package chdb

mod click_house;
mod events;
mod memory;
mod questions;

const TABLES: [(&str, fn()); 3] = [
    ("memory", memory::run),
    ("questions5m", || questions::run(5)),
    ("questions50m", || questions::run(50)),
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

fn verdict(is_met: bool) -> &'static str {
    match is_met {
        true => "met",
        false => "missed",
    }
}
