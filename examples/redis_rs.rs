//! Events in, answers out, with redis-rs.
//!
//! ```sh
//! cargo run --example redis_rs
//! ```
//!
//! `REDIS_HOST` and `REDIS_PORT` name the server; with `REDIS_CLUSTER=1` it is a node of a cluster.

use std::collections::HashMap;
use std::env;

use redis::cluster::{cluster_pipe, ClusterClient};
use redis::{cmd, Client, Cmd, ConnectionLike, RedisResult};

const SITE: &str = "example:redis-rs";

const EVENTS: [&str; 5] = [
    "view ann DIM country FR DIM page /shoes",
    "view bob DIM country DE DIM page /hats",
    "view cleo DIM country FR DIM page /hats",
    "purchase ann DIM country FR VAL revenue 59.9 VAL latency 132 ID order-1001",
    // Sent twice by mistake: its ID counts once.
    "purchase ann DIM country FR VAL revenue 59.9 VAL latency 132 ID order-1001",
];

fn main() -> RedisResult<()> {
    let variable = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let host = variable("REDIS_HOST", "127.0.0.1");
    let port = variable("REDIS_PORT", "6379");
    let url = format!("redis://{host}:{port}/?protocol=resp3");

    // The site is the first argument, which is where redis-rs looks for the key of a command. Either
    // pipeline is one round trip for all events.
    if env::var_os("REDIS_CLUSTER").is_some() {
        let mut client = ClusterClient::new([url])?.get_connection()?;
        let mut pipeline = cluster_pipe();
        for event in EVENTS {
            pipeline.add_command(track(event));
        }
        let counted = pipeline.query(&mut client)?;
        ask_everything(&mut client, counted)
    } else {
        let mut client = Client::open(url)?.get_connection()?;
        let mut pipeline = redis::pipe();
        for event in EVENTS {
            pipeline.add_command(track(event));
        }
        let counted = pipeline.query(&mut client)?;
        ask_everything(&mut client, counted)
    }
}

fn command(name: &str, words: &[&str]) -> Cmd {
    let mut command = cmd(name);
    command.arg(SITE).arg(words);
    command
}

fn track(event: &str) -> Cmd {
    let words: Vec<&str> = event.split(' ').collect();
    command("ANALYTICS.TRACK", &words)
}

fn ask_everything(client: &mut impl ConnectionLike, counted: Vec<u64>) -> RedisResult<()> {
    let sum: u64 = counted.iter().sum();
    println!("counted {sum} of {} events", EVENTS.len());

    let users: u64 = command("ANALYTICS.UNIQUE", &["24h"]).query(client)?;
    println!("{users} users in the last 24 hours");

    // What was not measured is null: None.
    let metrics = ["24h", "events", "revenue:sum", "latency:p95"];
    let (events, revenue, latency): (u64, f64, Option<f64>) =
        command("ANALYTICS.GET", &metrics).query(client)?;
    let latency = latency.unwrap_or(f64::NAN);
    println!("events {events}, revenue {revenue:.2}, p95 latency {latency}");

    let series: Vec<Vec<(i64, u64)>> =
        command("ANALYTICS.RANGE", &["1h", "1m", "events"]).query(client)?;
    let sum: u64 = series.iter().flatten().map(|(_time, count)| count).sum();
    println!("events by minute add up to {sum}");

    let rows: Vec<(String, u64, f64, u64)> =
        command("ANALYTICS.TOP", &["24h", "page"]).query(client)?;
    let pages = rows
        .iter()
        .map(|(page, count, share, _error)| format!("{page} {count} ({:.0}%)", share * 100.0));
    println!("top pages: {}", pages.collect::<Vec<_>>().join(", "));

    let dashboard: HashMap<String, redis::Value> =
        command("ANALYTICS.DASHBOARD", &[]).query(client)?;
    let active = dashboard
        .get("active-users")
        .cloned()
        .unwrap_or(redis::Value::Nil);
    let active: HashMap<String, u64> = redis::from_redis_value(active)?;
    let users = active.get("5m").copied().unwrap_or_default();
    println!("active in the last 5 minutes: {users}");

    command("ANALYTICS.DROP", &[]).query(client)
}
