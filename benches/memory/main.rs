//! The memory of a site, by `MEMORY USAGE`.
//!
//!     cargo bench --bench memory            everything
//!     cargo bench --bench memory -- rows    the tables with this in their name: bucket, rows, site

use testkit::{cmd, Connection, Server};

mod rows;
mod site;

/// The largest size of a bucket with one event of one user.
const SMALLEST: i64 = 300;

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let filter = filter.unwrap_or_default();
    println!("Bytes by MEMORY USAGE, with what Redis keeps around a value and a key.\n");
    let server = Server::start();
    let mut connection = server.connection();
    if "bucket".contains(&filter) {
        smallest(&mut connection);
    }
    if "rows".contains(&filter) {
        rows::run(&mut connection);
    }
    if "site".contains(&filter) {
        site::run(&mut connection);
    }
}

fn smallest(connection: &mut Connection) {
    println!("| a bucket with one event of one user | bytes | target |\n|---|---|---|");
    for (name, options, event) in [
        (
            "site-level only, DIM event NOUSERS",
            "DIM event NOUSERS",
            "view ann",
        ),
        ("as sites are by default", "", "view ann"),
        ("and a session", "", "view ann SESSION s"),
        ("and a dimension", "", "view ann DIM country FR"),
        (
            "and a dimension without users",
            "DIM country NOUSERS",
            "view ann DIM country FR",
        ),
        ("and a value", "", "view ann VAL revenue 9.99"),
        ("and an id", "", "view ann ID one"),
    ] {
        connection.run("FLUSHALL").ok();
        connection
            .run(&format!("ANALYTICS.CREATE shop {options}"))
            .ok();
        let counted = connection.run(&format!("ANALYTICS.TRACK shop {event}"));
        assert_eq!(counted, 1);
        let bytes: Vec<i64> = buckets(connection, "shop")
            .iter()
            .map(|key| usage(connection, key))
            .collect();
        // Minutes and months differ in nothing but the names of their keys.
        let most = bytes.iter().copied().max().unwrap_or(0);
        let target = match event {
            "view ann" if most <= SMALLEST => format!("{SMALLEST}: met"),
            "view ann" => format!("{SMALLEST}: missed"),
            _ => String::new(),
        };
        println!("| {name} | {most} | {target} |");
    }
    println!();
}

fn usage(connection: &mut Connection, key: &str) -> i64 {
    cmd!(connection, "MEMORY", "USAGE", key).int()
}

fn buckets(connection: &mut Connection, site: &str) -> Vec<String> {
    let mut keys = connection.keys();
    keys.retain(|key| key.starts_with(&format!("{{{site}}}:")));
    keys
}
