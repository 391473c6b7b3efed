//! What a request costs the gateway: processor time of its process, by /proc, over a run of requests
//! from connections that stay open, on loopback, with a real Redis behind it.
//!
//!     cargo bench --profile gateway -p analytics-gateway --bench load

#[path = "common/floor.rs"]
mod floor;
#[path = "common/servers.rs"]
mod servers;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{env, thread};

use servers::{root, start, Process, Setup};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

/// The gateway with the data of user agents and countries.
fn start_with_data(settings: &[(&str, &str)]) -> Setup {
    let data = root().join("target/gateway-data");
    let file = |name: &str| data.join(name).display().to_string();
    let (agents, countries) = (file("user-agents.json"), file("countries.mmdb"));
    let mut all = vec![
        ("ENRICH__USER_AGENTS", agents.as_str()),
        ("ENRICH__COUNTRIES", countries.as_str()),
    ];
    all.extend_from_slice(settings);
    start(&all)
}

/// A request as bytes; `{n}` in it is another number each time.
struct Shape {
    head: String,
    body: String,
}

impl Shape {
    fn bytes(&self, number: usize) -> Vec<u8> {
        let body = self.body.replace("{n}", &number.to_string());
        let mut text = self.head.clone();
        if !self.body.is_empty() {
            let _ = write!(text, "content-length: {}\r\n", body.len());
        }
        text.push_str("\r\n");
        text.push_str(&body);
        text.into_bytes()
    }
}

fn post(path: &str, key: &str, body: String) -> Shape {
    Shape {
        head: format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nuser-agent: {AGENT}\r\n\
            authorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        ),
        body,
    }
}

fn get(path: &str) -> Shape {
    Shape {
        head: format!("GET {path} HTTP/1.1\r\nhost: x\r\n"),
        body: String::new(),
    }
}

/// Reads one answer; whether its status is a success.
fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    buffer.clear();
    let mut chunk = [0_u8; 8_192];
    loop {
        let read = stream.read(&mut chunk).expect("answers come");
        assert!(read > 0, "closed");
        buffer.extend_from_slice(&chunk[..read]);
        let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| {
                length.trim().parse::<usize>().expect("a number")
            });
        if buffer.len() >= end + 4 + length {
            return head.starts_with("http/1.1 2");
        }
    }
}

/// A server under measurement, and the Redis behind it.
struct Target<'a> {
    port: u16,
    server: &'a Process,
    redis: Option<&'a Process>,
}

impl Target<'_> {
    fn of(setup: &Setup) -> Target<'_> {
        Target {
            port: setup.port,
            server: &setup.gateway,
            redis: Some(&setup.redis),
        }
    }

    /// Processor time of the server and of its Redis, in milliseconds.
    fn spent(&self) -> (f64, f64) {
        let redis = self.redis.map_or(0.0, Process::processor_time);
        (self.server.processor_time(), redis)
    }
}

struct Measured {
    requests: f64,
    seconds: f64,
    server_us: f64,
    redis_us: f64,
    median_ms: f64,
    p99_ms: f64,
}

/// Sends requests over one connection, one after another; the times in milliseconds.
fn send(port: u16, shape: &Shape, first: usize, count: usize) -> Vec<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_nodelay(true).expect("can be set");
    let (mut buffer, mut times) = (Vec::new(), Vec::with_capacity(count));
    for number in first..first + count {
        let bytes = shape.bytes(number);
        let begun = Instant::now();
        stream.write_all(&bytes).expect("is taken");
        assert!(read_answer(&mut stream, &mut buffer), "{buffer:?}");
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    times
}

fn measure(target: &Target, shape: &Shape, connections: usize, each: usize) -> Measured {
    let run = |each: usize, first: usize| {
        thread::scope(|scope| {
            let sent: Vec<_> = (0..connections)
                .map(|n| scope.spawn(move || send(target.port, shape, first + n * each, each)))
                .collect();
            let times = sent.into_iter().map(|run| run.join().expect("runs"));
            times.flatten().collect::<Vec<f64>>()
        })
    };
    run(each / 10 + 1, 0);
    let before = target.spent();
    let begun = Instant::now();
    let mut times = run(each, 1_000_000);
    let seconds = begun.elapsed().as_secs_f64();
    let after = target.spent();
    times.sort_by(f64::total_cmp);
    let requests = times.len() as f64;
    Measured {
        requests,
        seconds,
        server_us: (after.0 - before.0) * 1_000.0 / requests,
        redis_us: (after.1 - before.1) * 1_000.0 / requests,
        median_ms: times[times.len() / 2],
        p99_ms: times[times.len() * 99 / 100],
    }
}

/// What a request to a server that does nothing costs, by the number of connections.
struct Floor {
    by_connections: Vec<(usize, f64)>,
}

impl Floor {
    fn measure(scale: usize) -> Floor {
        let (server, port) = floor::start();
        let target = Target {
            port,
            server: &server,
            redis: None,
        };
        let mut floor = Floor {
            by_connections: Vec::new(),
        };
        for connections in [1, 8, 32, 256] {
            let m = measure(&target, &get("/"), connections, 3_000 * scale / connections);
            floor.by_connections.push((connections, m.server_us));
            let what = format!("the floor: a bare axum server, {connections} connections");
            floor.row(&what, connections, 1.0, &m);
        }
        floor
    }

    fn row(&self, what: &str, connections: usize, events: f64, m: &Measured) {
        let known = self.by_connections.iter().find(|(n, _)| *n == connections);
        println!(
            "| {what} | {:.1} | {:.2} | {:.1} | {:.1} | {:.0} | {:.2} | {:.2} |",
            m.server_us,
            m.server_us / events,
            m.server_us / known.map_or(f64::NAN, |(_, us)| *us),
            m.redis_us,
            m.requests * events / m.seconds,
            m.median_ms,
            m.p99_ms
        );
    }
}

fn many(one: &str, count: usize) -> String {
    vec![one; count].join(",")
}

/// A request that is measured: how many events it has, over how many connections.
struct Row {
    what: String,
    shape: Shape,
    events: usize,
    connections: usize,
    each: usize,
}

const NATIVE: &str = r#"{"event":"view","user_id":"u{n}","properties":{"country":"FR","page":"/shoes","latency":12.5}}"#;
const PLAUSIBLE: &str = r#"{"n":"pageview","u":"https://shop.example/shoes?utm_source=news","d":"shop.example","r":"https://www.google.com/"}"#;
const SEGMENT: &str = r#"{"type":"track","event":"view","userId":"u{n}","properties":{"country":"FR","page":"/shoes","latency":12.5}}"#;
const POSTHOG: &str = r#"{"event":"view","distinct_id":"u{n}","properties":{"country":"FR","page":"/shoes","latency":12.5}}"#;
const FIVE_METRICS: &str = "/api/v1/sites/shop/get?window=24h&metric=events&metric=users\
    &metric=latency:p95&metric=latency:avg&metric=events@country=FR";

fn rows(key: &str, scale: usize) -> Vec<Row> {
    let one = |path: &str, body: &str, connections: usize| Row {
        what: format!("`POST {path}`, one event, {connections} connections"),
        shape: post(path, key, String::from(body)),
        events: 1,
        connections,
        each: 3_000 * scale / connections,
    };
    let hundred = |path: &str, body: String| Row {
        what: format!("`POST {path}`, 100 events, 8 connections"),
        shape: post(path, key, body),
        events: 100,
        connections: 8,
        each: 50 * scale,
    };
    let asking = |what: &str, path: &str, connections: usize| Row {
        what: format!("{what}, {connections} connections"),
        shape: get(path),
        events: 1,
        connections,
        each: 3_000 * scale / connections,
    };
    vec![
        asking("`GET /healthz`", "/healthz", 32),
        one("/track", NATIVE, 1),
        one("/track", NATIVE, 32),
        one("/api/event", PLAUSIBLE, 32),
        hundred("/track", format!("[{}]", many(NATIVE, 100))),
        hundred(
            "/v1/batch",
            format!("{{\"batch\":[{}]}}", many(SEGMENT, 100)),
        ),
        hundred("/batch", format!("{{\"batch\":[{}]}}", many(POSTHOG, 100))),
        asking("`GET` of five metrics", FIVE_METRICS, 8),
        asking("`GET` of five metrics", FIVE_METRICS, 32),
    ]
}

fn main() {
    floor::serve_if_asked();
    // QUICK=1 for a tenth of the requests, ROWS=track for some of the rows.
    let scale = if env::var_os("QUICK").is_some() {
        1
    } else {
        10
    };
    let wanted = env::var("ROWS").unwrap_or_default();
    println!("| request | µs a request | µs an event | times the floor | µs of Redis, a request | events/s | median ms | p99 ms |");
    println!("|---|---|---|---|---|---|---|---|");
    let floor = Floor::measure(scale);
    let setup = start_with_data(&[]);
    let target = Target::of(&setup);
    let chosen = rows(&setup.key, scale)
        .into_iter()
        .filter(|row| row.what.contains(&wanted));
    for row in chosen {
        let m = measure(&target, &row.shape, row.connections, row.each);
        floor.row(&row.what, row.connections, row.events as f64, &m);
    }
    let memory = setup.gateway.memory_megabytes();
    drop(setup);
    if !wanted.is_empty() {
        return;
    }
    for wait in ["100ms", "0s"] {
        let setup = start_with_data(&[("INGEST__BATCH_WAIT", wait)]);
        let shape = post("/track", &setup.key, String::from(NATIVE));
        let m = measure(&Target::of(&setup), &shape, 256, 10 * scale);
        let what = format!("`POST /track`, one event, 256 connections, batch_wait {wait}");
        floor.row(&what, 256, 1.0, &m);
    }
    println!("\nmemory of the gateway: {memory:.0} MB");
    overload(scale);
}

/// Twice what Redis takes, for a while: Redis answers a tenth of the time.
fn overload(scale: usize) {
    let setup = start_with_data(&[
        ("INGEST__QUEUE_EVENTS", "20000"),
        ("INGEST__ACKNOWLEDGE", "queued"),
    ]);
    let event = r#"{"event":"view","user_id":"u{n}","properties":{"country":"FR"}}"#;
    let body = format!("[{}]", many(event, 100));
    let shape = post("/track", &setup.key, body);
    let pause = format!("CLIENT PAUSE {} ALL", 300 * scale);
    let mut redis = TcpStream::connect(("127.0.0.1", setup.redis_port)).expect("it listens");
    let mut highest = Vec::new();
    for _ in 0..3 {
        redis
            .write_all(format!("{pause}\r\n").as_bytes())
            .expect("is taken");
        let until = Instant::now() + Duration::from_millis(250 * scale as u64);
        let mut most: f64 = 0.0;
        let mut stream = TcpStream::connect(("127.0.0.1", setup.port)).expect("it listens");
        let (mut buffer, mut number) = (Vec::new(), 0);
        while Instant::now() < until {
            stream.write_all(&shape.bytes(number)).expect("is taken");
            read_answer(&mut stream, &mut buffer);
            number += 1;
            most = most.max(setup.gateway.memory_megabytes());
        }
        highest.push(format!("{most:.0} MB"));
        thread::sleep(Duration::from_millis(100 * scale as u64));
    }
    println!(
        "\nmemory with Redis stopped and a queue of 20,000 events, three times: {}",
        highest.join(", ")
    );
}
