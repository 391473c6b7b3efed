//! What a request costs the gateway: processor time of its process, by /proc, over a run of requests
//! from connections that stay open, on loopback, with a real Redis behind it.
//!
//!     cargo bench --profile gateway -p analytics-gateway --bench load

#[path = "common/servers.rs"]
mod servers;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{env, thread};

use servers::{root, start, Setup};

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

struct Measured {
    requests: f64,
    seconds: f64,
    gateway_us: f64,
    redis_us: f64,
    median_ms: f64,
    p99_ms: f64,
}

fn measure(setup: &Setup, shape: &Shape, connections: usize, each: usize) -> Measured {
    let run = |each: usize, first: usize| {
        thread::scope(|scope| {
            let sent: Vec<_> = (0..connections)
                .map(|connection| {
                    scope.spawn(move || {
                        let mut stream =
                            TcpStream::connect(("127.0.0.1", setup.port)).expect("it listens");
                        stream.set_nodelay(true).expect("can be set");
                        let (mut buffer, mut times) = (Vec::new(), Vec::with_capacity(each));
                        for number in 0..each {
                            let bytes = shape.bytes(first + connection * each + number);
                            let begun = Instant::now();
                            stream.write_all(&bytes).expect("is taken");
                            assert!(read_answer(&mut stream, &mut buffer), "{buffer:?}");
                            times.push(begun.elapsed().as_secs_f64() * 1_000.0);
                        }
                        times
                    })
                })
                .collect();
            let times = sent.into_iter().map(|run| run.join().expect("runs"));
            times.flatten().collect::<Vec<f64>>()
        })
    };
    run(each / 10 + 1, 0);
    let before = (setup.gateway.processor_time(), setup.redis.processor_time());
    let begun = Instant::now();
    let mut times = run(each, 1_000_000);
    let seconds = begun.elapsed().as_secs_f64();
    let after = (setup.gateway.processor_time(), setup.redis.processor_time());
    times.sort_by(f64::total_cmp);
    let requests = times.len() as f64;
    Measured {
        requests,
        seconds,
        gateway_us: (after.0 - before.0) * 1_000.0 / requests,
        redis_us: (after.1 - before.1) * 1_000.0 / requests,
        median_ms: times[times.len() / 2],
        p99_ms: times[times.len() * 99 / 100],
    }
}

fn row(what: &str, events: f64, m: &Measured) {
    println!(
        "| {what} | {:.1} | {:.2} | {:.1} | {:.0} | {:.2} | {:.2} |",
        m.gateway_us,
        m.gateway_us / events,
        m.redis_us,
        m.requests * events / m.seconds,
        m.median_ms,
        m.p99_ms
    );
}

fn many(one: &str, count: usize) -> String {
    vec![one; count].join(",")
}

fn main() {
    // `cargo bench` says so.
    let quick = env::var_os("QUICK").is_some();
    let scale = if quick { 1 } else { 10 };
    println!(
        "| request | us a request | us an event | us of Redis | events/s | median ms | p99 ms |"
    );
    println!("|---|---|---|---|---|---|---|");
    let setup = start_with_data(&[]);
    let key = &setup.key;
    let native = r#"{"event":"view","user_id":"u{n}","properties":{"country":"FR","page":"/shoes","latency":12.5}}"#;
    let plausible = r#"{"n":"pageview","u":"https://shop.example/shoes?utm_source=news","d":"shop.example","r":"https://www.google.com/"}"#;
    let segment = r#"{"type":"track","event":"view","userId":"u{n}","properties":{"country":"FR","page":"/shoes","latency":12.5}}"#;
    let posthog = r#"{"event":"view","distinct_id":"u{n}","properties":{"country":"FR","page":"/shoes","latency":12.5}}"#;
    for connections in [1, 32] {
        let what = format!("`POST /track`, one event, {connections} connections");
        let shape = post("/track", key, String::from(native));
        row(
            &what,
            1.0,
            &measure(&setup, &shape, connections, 2_000 * scale / connections),
        );
    }
    let shape = post("/api/event", key, String::from(plausible));
    row(
        "`POST /api/event`, a page view, 32 connections",
        1.0,
        &measure(&setup, &shape, 32, 60 * scale),
    );
    for (what, path, body) in [
        (
            "`POST /track`, 100 events",
            "/track",
            format!("[{}]", many(native, 100)),
        ),
        (
            "`POST /v1/batch`, 100 events",
            "/v1/batch",
            format!("{{\"batch\":[{}]}}", many(segment, 100)),
        ),
        (
            "`POST /batch`, 100 events",
            "/batch",
            format!("{{\"batch\":[{}]}}", many(posthog, 100)),
        ),
    ] {
        row(
            what,
            100.0,
            &measure(&setup, &post(path, key, body), 8, 50 * scale),
        );
    }
    let path = "/api/v1/sites/shop/get?window=24h&metric=events&metric=users&metric=latency:p95\
        &metric=latency:avg&metric=events@country=FR";
    row(
        "`GET` of five metrics, 8 connections",
        1.0,
        &measure(&setup, &get(path), 8, 100 * scale),
    );
    println!(
        "\nmemory of the gateway: {:.0} MB",
        setup.gateway.memory_megabytes()
    );
    drop(setup);

    let setup = start_with_data(&[("INGEST__BATCH_WAIT", "100ms")]);
    let shape = post("/track", &setup.key, String::from(native));
    println!();
    row(
        "`POST /track`, one event, 256 connections, batch_wait 100ms",
        1.0,
        &measure(&setup, &shape, 256, 10 * scale),
    );
    drop(setup);
    let setup = start_with_data(&[]);
    let shape = post("/track", &setup.key, String::from(native));
    row(
        "the same, batch_wait 0s",
        1.0,
        &measure(&setup, &shape, 256, 10 * scale),
    );
    drop(setup);
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
