//! What is measured: the plain commands everybody knows, the pipeline that users run today, and
//! the module's commands, from the barest event to the richest.

use crate::events::{Dice, Event, Requests};
use crate::reply::Reply;
use crate::server::{wait_until, Server};

/// All others are compared with this one: it does the least that counts a distinct user.
pub const REFERENCE: &str = "PFADD";

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Events of one pass over a workload: enough to be different, few enough to be made quickly.
const PASS: u64 = 50_000;
const QUERIES: u64 = 1_000;
/// Distinct users an hour that take every sketch, Redis's and ours, to its dense form.
const DENSE_USERS: u64 = 20_000;
const HOURS: i64 = 24;

pub struct Workload {
    pub name: &'static str,
    pub requests: Requests,
    /// What must be there before.
    fill: Requests,
    aof: bool,
}

impl Workload {
    fn new(name: &'static str, requests: Requests) -> Workload {
        Workload {
            name,
            requests,
            fill: Requests::default(),
            aof: false,
        }
    }

    fn after(mut self, fill: Requests) -> Workload {
        self.fill = fill;
        self
    }

    fn with_aof(mut self) -> Workload {
        self.aof = true;
        self
    }

    /// Fills in what must be there. Fails with the error of a command that the server does not have.
    pub fn prepare(&self, server: &Server) -> Result<(), String> {
        let mut connection = server.connection();
        let filled = connection.exchange(&self.fill.bytes, self.fill.replies as usize);
        let first = &self.requests.bytes[..first_request(&self.requests.bytes)];
        let tried = connection.exchange(first, 1);
        match filled.into_iter().chain(tried).find(Reply::is_error) {
            // Redis quotes the arguments after a comma.
            Some(error) => Err(error
                .error()
                .split(',')
                .next()
                .unwrap_or_default()
                .to_owned()),
            None => Ok(()),
        }
    }

    /// Runs with the settings the workload asks for.
    pub fn around<T>(&self, server: &Server, run: impl FnOnce() -> T) -> T {
        if !self.aof {
            return run();
        }
        let mut connection = server.connection();
        connection.run("CONFIG SET appendonly yes").ok();
        wait_until("the append-only file is begun", || {
            connection.info("persistence", "aof_rewrite_in_progress") == "0"
                && connection.info("persistence", "aof_rewrite_scheduled") == "0"
        });
        let result = run();
        connection.run("CONFIG SET appendonly no").ok();
        result
    }
}

/// The length of the first request: up to the next one, which begins with a star after a line end.
fn first_request(bytes: &[u8]) -> usize {
    let next = bytes.windows(3).position(|window| window == b"\r\n*");
    next.map_or(bytes.len(), |position| position + 2)
}

/// Everything, in the order of the table. `now` is the server's clock.
pub fn all(now: i64) -> Vec<Workload> {
    let minute = now - now.rem_euclid(MINUTE);
    let mut all = plain();
    all.extend(track(minute));
    all.extend(mtrack(minute));
    all.extend(trackjson(minute));
    all.extend(queries(now));
    all
}

fn plain() -> Vec<Workload> {
    let mut dice = Dice::new();
    vec![
        Workload::new("PING", Requests::of(PASS, |to, _| to.push(&[&"PING"]))),
        Workload::new(
            "SET",
            Requests::of(PASS, |to, _| to.push(&[&"SET", &dice.user(), &"1"])),
        ),
        Workload::new(
            REFERENCE,
            Requests::of(PASS, |to, _| to.push(&[&"PFADD", &"users", &dice.user()])),
        ),
        Workload::new(
            "pipeline: 3 PFADD, 3 EXPIRE, 3 HINCRBY",
            Requests::of(PASS, |to, _| {
                let event = dice.event();
                for (granularity, ttl) in
                    [("minute", 3_600), ("hour", 604_800), ("day", 31_536_000)]
                {
                    let (users, counts) = (
                        format!("shop:users:{granularity}:1"),
                        format!("shop:counts:{granularity}:1"),
                    );
                    to.push(&[&"PFADD", &users, &event.user]);
                    to.push(&[&"EXPIRE", &users, &ttl]);
                    to.push(&[&"HINCRBY", &counts, &event.kind, &1]);
                }
            }),
        ),
    ]
}

/// How much an event says besides its type and user.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Detail {
    Bare,
    Time,
    Dimension,
    Value,
    Rich,
}

/// The arguments of one event, from its type on.
fn arguments(event: Event, at: i64, detail: Detail) -> Vec<String> {
    let mut words = vec![event.kind.to_owned(), event.user];
    let mut add = |option: &[&str]| words.extend(option.iter().map(|word| (*word).to_owned()));
    if detail >= Detail::Time {
        add(&["AT", &at.to_string()]);
    }
    if detail >= Detail::Dimension {
        add(&["DIM", "country", event.country]);
    }
    if detail >= Detail::Rich {
        add(&["DIM", "device", event.device, "DIM", "plan", event.plan]);
    }
    if detail >= Detail::Value {
        add(&["VAL", "revenue", &event.revenue]);
    }
    if detail >= Detail::Rich {
        add(&["VAL", "latency", &event.latency]);
    }
    words
}

/// One TRACK per event, in one minute, over so many sites at random.
fn tracked(site: &str, sites: u64, minute: i64, detail: Detail) -> Requests {
    let mut dice = Dice::new();
    Requests::of(PASS, |to, _| {
        let mut words = vec![
            "ANALYTICS.TRACK".to_owned(),
            format!("{site}{}", dice.below(sites)),
        ];
        let at = minute + dice.below(MINUTE as u64) as i64;
        words.extend(arguments(dice.event(), at, detail));
        to.push_words(&words);
    })
}

fn track(minute: i64) -> Vec<Workload> {
    vec![
        Workload::new("TRACK event user", tracked("bare", 1, minute, Detail::Bare)),
        Workload::new(
            "TRACK event user AT",
            tracked("time", 1, minute, Detail::Time),
        ),
        Workload::new(
            "TRACK event user AT DIM",
            tracked("dimension", 1, minute, Detail::Dimension),
        ),
        Workload::new(
            "TRACK event user AT DIM VAL",
            tracked("value", 1, minute, Detail::Value),
        ),
        Workload::new(
            "TRACK event user AT, 100 sites",
            tracked("hundred", 100, minute, Detail::Time),
        ),
        Workload::new(
            "TRACK event user AT, 1000 sites",
            tracked("thousand", 1_000, minute, Detail::Time),
        ),
        Workload::new(
            "TRACK event user AT, appendonly",
            tracked("logged", 1, minute, Detail::Time),
        )
        .with_aof(),
    ]
}

/// Batches of so many events, over so many minutes at random.
fn batched(site: &str, batch: u64, minutes: u64, minute: i64, detail: Detail) -> Requests {
    let mut dice = Dice::new();
    // No later than four minutes from now, as the future ends in five; so none gets too old while
    // this runs.
    let first =
        minute - (minutes as i64 - 1).max(0) * MINUTE + if minutes > 1 { 3 * MINUTE } else { 0 };
    let mut requests = Requests::of(PASS / batch, |to, _| {
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), site.to_owned()];
        for _ in 0..batch {
            let at = first + dice.below(minutes * MINUTE as u64) as i64;
            words.push("EVENT".to_owned());
            words.extend(arguments(dice.event(), at, detail));
        }
        to.push_words(&words);
    });
    requests.events *= batch;
    requests
}

fn mtrack(minute: i64) -> Vec<Workload> {
    vec![
        Workload::new("MTRACK 100", batched("plain", 100, 1, minute, Detail::Bare)),
        Workload::new(
            "MTRACK 100 AT",
            batched("batch", 100, 1, minute, Detail::Time),
        ),
        Workload::new(
            "MTRACK 1000 AT",
            batched("large", 1_000, 1, minute, Detail::Time),
        ),
        Workload::new(
            "MTRACK 100 AT over 60 minutes",
            batched("spread", 100, 60, minute, Detail::Time),
        ),
        Workload::new(
            "MTRACK 100 AT 3 DIM 2 VAL",
            batched("rich", 100, 1, minute, Detail::Rich),
        ),
    ]
}

/// The body of an event as a collector sends it, with all that it can say.
fn body(event: &Event, at: i64) -> String {
    format!(
        "{{\"event\":\"{}\",\"user_id\":\"{}\",\"timestamp\":{at},\"properties\":{{\"country\":\"{}\",\"device\":\"{}\",\
         \"plan\":\"{}\",\"revenue\":{},\"latency\":{}}}}}",
        event.kind, event.user, event.country, event.device, event.plan, event.revenue, event.latency
    )
}

fn trackjson(minute: i64) -> Vec<Workload> {
    let requests = |site: &str, batch: u64| {
        let mut dice = Dice::new();
        let mut requests = Requests::of(PASS / batch, |to, _| {
            let bodies = (0..batch).map(|_| {
                let at = minute + dice.below(MINUTE as u64) as i64;
                body(&dice.event(), at)
            });
            let array = format!("[{}]", bodies.collect::<Vec<_>>().join(","));
            to.push(&[&"ANALYTICS.TRACKJSON", &site, &array]);
        });
        requests.events *= batch;
        requests
    };
    vec![
        Workload::new("TRACKJSON 1 AT 3 DIM 2 VAL", requests("json", 1)),
        Workload::new("TRACKJSON 100 AT 3 DIM 2 VAL", requests("bodies", 100)),
    ]
}

fn queries(now: i64) -> Vec<Workload> {
    // A day long, but never a whole day of the calendar, which one bucket would answer.
    let mut end = now - now.rem_euclid(HOUR);
    if end.rem_euclid(DAY) == 0 {
        end -= HOUR;
    }
    let start = end - HOURS * HOUR;
    let users =
        |hour: i64| (0..DENSE_USERS as i64).map(move |n| format!("user{}", hour * 5_000 + n));

    let mut buckets = Requests::default();
    let mut keys = Requests::default();
    for hour in 0..HOURS {
        let at = (start + hour * HOUR).to_string();
        for batch in users(hour).collect::<Vec<_>>().chunks(1_000) {
            let mut words = vec!["ANALYTICS.MTRACK".to_owned(), "dense".to_owned()];
            words.extend(
                batch
                    .iter()
                    .flat_map(|user| ["EVENT", "view", user, "AT", &at].map(str::to_owned)),
            );
            buckets.push_words(&words);
            let mut words = vec!["PFADD".to_owned(), format!("dense:{hour}")];
            words.extend_from_slice(batch);
            keys.push_words(&words);
        }
    }
    let window = format!("{start}..{end}");
    let mut pfcount = vec!["PFCOUNT".to_owned()];
    pfcount.extend((0..HOURS).map(|hour| format!("dense:{hour}")));
    vec![
        Workload::new(
            "UNIQUE of 24 dense hours, a query",
            Requests::of(QUERIES, |to, _| {
                to.push(&[&"ANALYTICS.UNIQUE", &"dense", &window]);
            }),
        )
        .after(buckets),
        Workload::new(
            "PFCOUNT of 24 dense keys, a query",
            Requests::of(QUERIES, |to, _| to.push_words(&pfcount)),
        )
        .after(keys),
    ]
}
