//! `ANALYTICS.GET`, against plain code over the raw events.

use std::collections::HashSet;

use testkit::{encode, Arg, Connection, Reply, Server};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Numbers that look like chance, the same in every run.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

struct Raw {
    time: i64,
    event: &'static str,
    user: u64,
    session: Option<u64>,
    country: Option<&'static str>,
    /// In eighths: every sum of them is exact.
    latency: Option<f64>,
}

const EVENTS: [&str; 3] = ["view", "purchase", "a&b=c"];
const COUNTRIES: [&str; 4] = ["FR", "DE", "US", ""];

fn raw(chance: &mut Chance, from: i64, to: i64) -> Raw {
    let user = chance.below(900);
    Raw {
        time: from + chance.below((to - from) as u64) as i64,
        event: EVENTS[chance.below(3) as usize],
        user,
        session: (chance.below(2) == 0).then(|| user * 3 + chance.below(3)),
        country: (chance.below(5) > 0).then(|| COUNTRIES[chance.below(4) as usize]),
        latency: (chance.below(4) > 0).then(|| (chance.below(80_000) as f64 - 800.0) / 8.0),
    }
}

fn track(connection: &mut Connection, site: &str, events: &[Raw]) {
    for events in events.chunks(1_000) {
        let mut words: Vec<Box<dyn Arg>> =
            vec![Box::new("ANALYTICS.MTRACK"), Box::new(site.to_owned())];
        for raw in events {
            words.push(Box::new("EVENT"));
            words.push(Box::new(raw.event));
            words.push(Box::new(format!("user{}", raw.user)));
            words.push(Box::new("AT"));
            words.push(Box::new(raw.time));
            if let Some(session) = raw.session {
                words.push(Box::new("SESSION"));
                words.push(Box::new(session));
            }
            if let Some(country) = raw.country {
                words.push(Box::new("DIM"));
                words.push(Box::new("country"));
                words.push(Box::new(country));
            }
            if let Some(latency) = raw.latency {
                words.push(Box::new("VAL"));
                words.push(Box::new("latency"));
                words.push(Box::new(latency));
            }
        }
        let words: Vec<&dyn Arg> = words.iter().map(|word| &**word).collect();
        assert_eq!(connection.call(&words), events.len() as i64);
    }
}

/// The truth of one metric of these events.
fn truth(metric: &str, events: &[&Raw], seconds: f64) -> Option<f64> {
    let mut numbers: Vec<f64> = events.iter().filter_map(|raw| raw.latency).collect();
    numbers.sort_by(f64::total_cmp);
    let (count, n) = (events.len() as f64, numbers.len());
    let sum: f64 = numbers.iter().sum();
    Some(match metric {
        "events" => count,
        "events:rate" => count / seconds,
        "users" => events
            .iter()
            .map(|raw| raw.user)
            .collect::<HashSet<_>>()
            .len() as f64,
        "sessions" => {
            let sessions: HashSet<u64> = events.iter().filter_map(|raw| raw.session).collect();
            sessions.len() as f64
        }
        "latency:sum" => sum,
        "latency:count" => n as f64,
        "latency:rate" => n as f64 / seconds,
        "latency:avg" => (n > 0).then(|| sum / n as f64)?,
        "latency:min" => *numbers.first()?,
        "latency:max" => *numbers.last()?,
        percentile => {
            let (_, percent) = percentile.split_once(":p").expect("a percentile");
            let percent: f64 = percent.parse().expect("a number");
            let rank = (percent / 100.0 * n as f64 - 1e-9).ceil().max(1.0);
            *numbers.get(rank as usize - 1)?
        }
    })
}

const BY_SLOTS: [&str; 8] = [
    "events",
    "events:rate",
    "latency:sum",
    "latency:count",
    "latency:rate",
    "latency:avg",
    "latency:min",
    "latency:max",
];
const BY_BUCKETS: [&str; 6] = [
    "users",
    "sessions",
    "latency:p50",
    "latency:p95",
    "latency:p99.9",
    "latency:p100",
];
const ROWS: [&str; 6] = [
    "",
    "@event=a&b=c",
    "@country=FR",
    "@country=",
    "@event=purchase&country=DE",
    "@country=US&event=view",
];

fn is_in(row: &str, raw: &Raw) -> bool {
    match row {
        "" => true,
        "@event=a&b=c" => raw.event == "a&b=c",
        "@country=FR" => raw.country == Some("FR"),
        "@country=" => raw.country == Some(""),
        "@event=purchase&country=DE" => raw.event == "purchase" && raw.country == Some("DE"),
        _ => raw.event == "view" && raw.country == Some("US"),
    }
}

#[track_caller]
fn check(connection: &mut Connection, events: &[Raw], from: i64, to: i64, metrics: &[&str]) {
    let names: Vec<String> = ROWS
        .iter()
        .flat_map(|row| metrics.iter().map(move |metric| format!("{metric}{row}")))
        .collect();
    let window = format!("{from}..{to}");
    let mut words: Vec<&dyn Arg> = vec![&"ANALYTICS.GET", &"shop", &window];
    words.extend(names.iter().map(|name| name as &dyn Arg));
    let reply = connection.call(&words);
    let seconds = (to - from) as f64 / 1_000.0;
    let mut answers = reply.array().iter();
    for row in ROWS {
        let inside = |raw: &&Raw| (from..to).contains(&raw.time) && is_in(row, raw);
        let inside: Vec<&Raw> = events.iter().filter(inside).collect();
        for metric in metrics {
            let answer = answers.next().expect("an answer per metric");
            match truth(metric, &inside, seconds) {
                None => assert!(answer.is_nil(), "{metric}{row}: {answer:?}"),
                Some(truth) => {
                    let tolerance = if metric.contains(":p") { 0.01 } else { 0.0 };
                    let off = (answer.double() - truth).abs();
                    let context = format!("{metric}{row} of {window}: {answer:?}, not {truth}");
                    assert!(off <= tolerance * truth.abs(), "{context}");
                }
            }
        }
    }
}

#[test]
fn ten_thousand_random_events_are_counted_to_the_last_digit() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop CUBE event,country")
        .ok();
    let now = connection.now();
    let hour = now.div_euclid(HOUR) * HOUR;
    let chance = &mut Chance(42);
    let mut events: Vec<Raw> = (0..8_000)
        .map(|_| raw(chance, hour - 72 * HOUR, hour))
        .collect();
    // The last 40 minutes are kept by the second.
    events.extend((0..2_000).map(|_| raw(chance, now - 40 * MINUTE, now)));
    track(&mut connection, "shop", &events);

    let around = 1_000;
    let second = now.div_euclid(around) * around;
    for _ in 0..8 {
        let from = second - (60 + chance.below(2_000) as i64) * 1_000;
        let to = from + (1 + chance.below(50) as i64) * 1_000;
        check(&mut connection, &events, from, to, &BY_SLOTS);
        let minute = now.div_euclid(MINUTE) - chance.below(35) as i64;
        check(
            &mut connection,
            &events,
            (minute - 4) * MINUTE,
            minute * MINUTE,
            &BY_BUCKETS,
        );
    }
    for _ in 0..8 {
        let from = hour / MINUTE - chance.below(70 * 60) as i64;
        let to = from + 1 + chance.below(120) as i64;
        let to = to.min(hour / MINUTE);
        if from < to {
            check(
                &mut connection,
                &events,
                from * MINUTE,
                to * MINUTE,
                &BY_SLOTS,
            );
        }
        let from = hour / HOUR - 1 - chance.below(70) as i64;
        let to = (from + 1 + chance.below(40) as i64).min(hour / HOUR);
        check(
            &mut connection,
            &events,
            from * HOUR,
            to * HOUR,
            &BY_BUCKETS,
        );
        check(&mut connection, &events, from * HOUR, to * HOUR, &BY_SLOTS);
    }
    let all = connection.run("ANALYTICS.GET shop 7d events users latency:count");
    assert_eq!(*all.at(0), 10_000);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 7d"), all.at(1).int());
}

#[test]
fn counts_are_integers_other_numbers_doubles_and_what_was_not_measured_null() {
    let server = Server::start();
    let mut connection = server.connection();
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop buy ada VAL price 2.5 SESSION 1"),
        1
    );
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop buy bob VAL price 5"),
        1
    );
    let query = "ANALYTICS.GET shop 1h events users sessions price:count price:sum price:avg \
                 price:p50 price:max weight:sum weight:avg weight:p99 events@country=FR events:rate";
    let two = connection.run(query);
    assert!((two.at(6).double() - 2.5).abs() <= 0.025, "{two:?}");
    let bulk = |text: &str| Reply::Bulk(text.into());
    let rate = two.at(12).double();
    assert_eq!(rate, 2.0 / 3600.0);
    assert_eq!(
        two.array()[..12],
        [
            Reply::Int(2),
            Reply::Int(2),
            Reply::Int(1),
            Reply::Int(2),
            bulk("7.5"),
            bulk("3.75"),
            two.at(6).clone(),
            bulk("5"),
            bulk("0"),
            Reply::Nil,
            Reply::Nil,
            Reply::Int(0),
        ]
    );
    connection.hello3();
    let three = connection.run(query);
    assert_eq!(three.at(0), &Reply::Int(2));
    assert_eq!(three.at(4), &Reply::Double(7.5));
    assert_eq!(three.at(8), &Reply::Double(0.0));
    assert!(three.at(9).is_nil());
    assert_eq!(three.at(12), &Reply::Double(rate));
}

#[test]
fn a_site_that_does_not_exist_has_counted_nothing() {
    let server = Server::start();
    let mut connection = server.connection();
    let reply = connection.run(
        "ANALYTICS.GET nosite today events users price:sum price:avg events@event=a&country=b \
         events@country=b&event=a events:rate",
    );
    assert_eq!(reply.array()[..2], [Reply::Int(0), Reply::Int(0)]);
    assert_eq!(reply.at(2).double(), 0.0);
    assert!(reply.at(3).is_nil());
    assert_eq!(reply.array()[4..6], [Reply::Int(0), Reply::Int(0)]);
    assert_eq!(reply.at(6).double(), 0.0);
    assert!(connection.keys().is_empty());
}

#[test]
fn errors_teach() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM agent NOUSERS DIM country CUBE event,country")
        .ok();
    for (line, error) in [
        (
            "ANALYTICS.GET shop 1h",
            "ERR wrong number of arguments for 'analytics.get' command",
        ),
        (
            "ANALYTICS.GET shop soon events",
            "ERR window 'soon' is not a duration",
        ),
        (
            "ANALYTICS.GET nosite soon events",
            "ERR window 'soon' is not a duration",
        ),
        (
            "ANALYTICS.GET nosite 1h latency",
            "ERR metric 'latency': a value needs an aggregate",
        ),
        (
            "ANALYTICS.GET shop 1h events usres",
            "ERR metric 'usres': a value needs an aggregate",
        ),
        ("ANALYTICS.GET shop 1h usres", "or did you mean users?"),
        (
            "ANALYTICS.GET shop 1h users@agent=x",
            "ERR metric 'users@agent=x': dimension 'agent' is declared NOUSERS",
        ),
        (
            "ANALYTICS.GET shop 1h events@agent=x&country=FR",
            "'agent,country' is not a cube of this site, which has: event,country",
        ),
        (
            "ANALYTICS.UNIQUE shop 1h agent x",
            "ERR dimension 'agent' is declared NOUSERS",
        ),
    ] {
        let reply = connection.run(line);
        assert!(reply.error().contains(error), "{line}: {reply:?}");
    }
    let many = format!("ANALYTICS.GET shop 1h {}", "events ".repeat(65));
    assert_eq!(
        connection.run(&many).error(),
        "ERR 65 metrics are too many: a query has at most 64"
    );
    connection.run("SET text 1").ok();
    for command in ["GET", "COMPARE", "TOP", "UNIQUE"] {
        let reply = connection.run(&format!("ANALYTICS.{command} text 1h events"));
        if command != "UNIQUE" {
            assert!(reply.error().starts_with("WRONGTYPE"), "{reply:?}");
        }
    }
    assert!(connection
        .run("ANALYTICS.DASHBOARD text")
        .error()
        .starts_with("WRONGTYPE"));
}

/// All of the queries here: what they have in common.
#[test]
fn a_query_changes_nothing() {
    let server = Server::start();
    let (mut connection, mut other) = (server.connection(), server.connection());
    for user in 0..50 {
        let line = format!("ANALYTICS.TRACK shop buy {user} DIM page {user} VAL price {user}");
        assert_eq!(connection.run(&line), 1);
    }
    let queries = [
        "ANALYTICS.GET shop 30d events users price:p95@page=7",
        "ANALYTICS.COMPARE shop today events users",
        "ANALYTICS.TOP shop 24h page BY users LIMIT 3",
        "ANALYTICS.DASHBOARD shop",
        "ANALYTICS.UNIQUE shop 1y",
    ];
    let digest = connection.digest_of_all();
    let keys = connection.keys();
    let dirty = connection.info("persistence", "rdb_changes_since_last_save");
    other.run("WATCH shop").ok();
    for query in queries {
        assert!(!connection.run(query).is_error());
    }
    assert_eq!(connection.digest_of_all(), digest);
    assert_eq!(connection.keys(), keys);
    assert_eq!(
        connection.info("persistence", "rdb_changes_since_last_save"),
        dirty
    );
    other.run("MULTI").ok();
    other.run("PING");
    assert!(!other.run("EXEC").is_nil());
    connection
        .run("ACL SETUSER reader on nopass %R~shop +@all -@write")
        .ok();
    connection.run("AUTH reader x").ok();
    for query in queries {
        let reply = connection.run(query);
        assert!(!reply.is_error(), "{query}: {reply:?}");
    }
}

#[test]
fn any_bytes_are_answered_or_refused() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop CUBE event,country VAL price")
        .ok();
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop buy ada DIM country FR VAL price 1"),
        1
    );
    let words: [&[u8]; 20] = [
        b"events",
        b"users",
        b":",
        b"@",
        b"=",
        b"&",
        b"&&",
        b"country",
        b"event",
        b"price",
        b"p99",
        b"p",
        b"99999999999",
        b".",
        b"..",
        b"\0",
        b"\xff",
        b",",
        b"BY",
        b"-1",
    ];
    let chance = &mut Chance(7);
    let (mut requests, mut count) = (Vec::new(), 0);
    for command in ["GET", "COMPARE", "TOP", "UNIQUE", "DASHBOARD"] {
        for _ in 0..400 {
            let mut text = || -> Vec<u8> {
                let len = chance.below(7);
                (0..len)
                    .flat_map(|_| words[chance.below(20) as usize].to_vec())
                    .collect()
            };
            let name = format!("ANALYTICS.{command}");
            let (a, b, c) = (text(), text(), text());
            encode(&mut requests, &[&name, &"shop", &"1h", &a, &b, &c]);
            encode(&mut requests, &[&name, &"shop", &a, &b]);
            encode(&mut requests, &[&name, &b, &"1h", &a]);
            encode(&mut requests, &[&name, &a]);
            count += 4;
        }
    }
    connection.exchange(&requests, count);
    assert_eq!(connection.run("ANALYTICS.GET shop 1h events").ints(), [1]);
}
