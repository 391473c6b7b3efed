//! The cost of ten thousand rules on a thousand sites, on a server under load.
//!
//!     cargo bench --bench alerts
//!
//! The figures are those of `INFO analytics`: the time in the timer, on the thread that executes commands.
//! The rules are evaluated at their default interval.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{encode, Arg, Connection, Server};

const SITES: usize = 1_000;
const ROUND: Duration = Duration::from_secs(60);

/// Of each site: metric, window, op, threshold. Some of them fire and resolve as events come in.
const RULES: [&str; 10] = [
    "events 5m > 1000000",
    "events 5m < 1",
    "events@country=FR 5m > 1000000",
    "events:rate@event=buy 5m > 50",
    "users 1h > 1000000",
    "latency:p95 5m > 1000",
    "latency:avg 5m > 50",
    "revenue:sum 1h < -1",
    "events 5m change> 100000",
    "revenue:sum@country=DE today change< -90",
];

fn main() {
    let server = Server::start();
    let mut connection = server.connection();
    fill(&mut connection);
    let idle = measure(&server, "without load", &AtomicU64::new(0));
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let busy = thread::scope(|scope| {
        scope.spawn(|| load(server.connection(), &stop, &sent));
        let busy = measure(&server, "under load", &sent);
        stop.store(true, Relaxed);
        busy
    });
    let worst = idle.max(busy);
    println!("\n{worst:.3} % of a core at most, the aim is 1 %");
}

fn fill(connection: &mut Connection) {
    for site in 0..SITES {
        let mut lines: Vec<String> = (0..120).map(|age| event(site, age, "AT *")).collect();
        // Some minutes and hours have buckets of their own.
        let now = connection.now();
        for age in [60_000, 120_000, 180_000, 240_000, 3_600_000, 7_200_000] {
            lines.push(event(site, age as usize, &format!("AT {}", now - age)));
        }
        for (number, rule) in RULES.iter().enumerate() {
            lines.push(format!("ANALYTICS.ALERT s{site} SET r{number} {rule}"));
        }
        for reply in connection.pipeline(&lines) {
            assert!(!reply.is_error(), "{}", reply.error());
        }
    }
}

fn event(site: usize, number: usize, time: &str) -> String {
    let (kind, country) = (["view", "buy"][number % 2], ["FR", "DE", "US"][number % 3]);
    format!(
        "ANALYTICS.TRACK s{site} {kind} user{number} {time} DIM country {country} \
         VAL latency {} VAL revenue {}",
        number % 97,
        number % 13
    )
}

/// Events for all sites, as fast as the server takes them.
fn load(mut connection: Connection, stop: &AtomicBool, sent: &AtomicU64) {
    let mut number = 0;
    while !stop.load(Relaxed) {
        let mut request = Vec::new();
        for _ in 0..100 {
            number += 7;
            let line = event(number % SITES, number, "AT *");
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
            encode(&mut request, &args);
        }
        connection.exchange(&request, 100);
        sent.fetch_add(100, Relaxed);
    }
}

/// Gives the share of a core in percent.
fn measure(server: &Server, what: &str, sent: &AtomicU64) -> f64 {
    let mut connection = server.connection();
    let mut figures = || {
        [
            "ticks",
            "evaluations",
            "tick_usec_total",
            "deferred",
            "messages",
        ]
        .map(|name| {
            let figure = connection.info("analytics", &format!("analytics_alert_{name}"));
            figure.parse::<u64>().expect("a figure")
        })
    };
    let (before, events, cpu) = (figures(), sent.load(Relaxed), server.cpu_time());
    let started = Instant::now();
    thread::sleep(ROUND);
    let (after, wall) = (figures(), started.elapsed().as_secs_f64());
    let [ticks, evaluations, micros, deferred, messages] =
        [0, 1, 2, 3, 4].map(|place| (after[place] - before[place]) as f64);
    let share = micros / wall / 10_000.0;
    let busy = (server.cpu_time() - cpu).as_secs_f64() / wall * 100.0;
    let events = (sent.load(Relaxed) - events) as f64 / wall;
    println!(
        "{} rules on {SITES} sites, {what}: {events:.0} events/s, the server {busy:.2} % busy",
        SITES * RULES.len()
    );
    println!(
        "  {:>10.0} evaluations a second, {messages:.0} messages in {wall:.0} s",
        evaluations / wall
    );
    println!("  {:>10.2} us an evaluation", micros / evaluations);
    println!(
        "  {:>10.1} us a tick of {:.1} a second, {deferred:.0} deferred",
        micros / ticks,
        ticks / wall
    );
    let worst = connection.info("analytics", "analytics_alert_tick_usec_max");
    println!("  {worst:>10} us the longest tick so far");
    println!("  {share:>10.3} % of a core");
    share
}
