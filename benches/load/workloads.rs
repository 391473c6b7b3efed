//! The module's commands, from the smallest event to the largest, next to those of `native`.

use crate::native;
use crate::workload::{Target, Workload, REFERENCE};
use testkit::bench::{Event, Requests};
use testkit::Random;

const MINUTE: i64 = 60_000;

/// Events of one pass over a workload: enough to be different, few enough to be made quickly.
pub const PASS: u64 = 50_000;

const TRACK_5: &str = "TRACK, 5 arguments: AT";
const TRACK_8: &str = "TRACK, 8 arguments: AT DIM";

/// Everything, in the order of the table. `now` is the server's clock.
pub fn all(now: i64, has_series: bool) -> Vec<Workload> {
    let minute = now - now.rem_euclid(MINUTE);
    let mut all = native::all(now, has_series);
    all.extend(nothing(minute));
    all.extend(track(minute));
    all.extend(mtrack(minute));
    all.extend(trackjson(minute));
    all
}

/// The cost of a command of any module that has as many words as a TRACK or an MTRACK.
fn nothing(minute: i64) -> Vec<Workload> {
    let alone = |command: [&str; 2]| {
        let mut random = Random::new(42);
        Requests::of(PASS, |to, _| {
            let mut words = command.map(str::to_owned).to_vec();
            words.extend(arguments(
                Event::random(&mut random),
                minute,
                Detail::Dimension,
            ));
            to.push_words(&words);
        })
    };
    let batch = |name, detail| Workload::new(name, batched(NOTHING, 100, 1, minute, detail));
    vec![
        Workload::new("a module's command that does nothing, 8", alone(NOTHING)),
        Workload::new("the same, appendonly", alone(REPLICATED)).with_aof(),
        batch("the same, 100 events", Detail::Bare),
        batch("the same, 100 events: AT", Detail::Time),
        batch("the same, 100 events: AT, 3 DIM, 2 VAL", Detail::Rich),
    ]
}

const NOTHING: [&str; 2] = ["NOOP.DO", "nothing"];
const REPLICATED: [&str; 2] = ["NOOP.REPLICATE", "nothing"];

/// The options of an event, besides its type and user.
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

/// One TRACK per event, over random sites and minutes; the last minute is the present one.
fn tracked(site: &str, sites: u64, minutes: i64, minute: i64, detail: Detail) -> Requests {
    let first = minute - (minutes - 1) * MINUTE;
    let mut random = Random::new(42);
    Requests::of(PASS, |to, _| {
        let mut words = vec![
            "ANALYTICS.TRACK".to_owned(),
            format!("{site}{}", random.below(sites)),
        ];
        let at = first + random.below((minutes * MINUTE) as u64) as i64;
        words.extend(arguments(Event::random(&mut random), at, detail));
        to.push_words(&words);
    })
}

fn track(minute: i64) -> Vec<Workload> {
    let track =
        |name, site, sites, detail| Workload::new(name, tracked(site, sites, 1, minute, detail));
    let late = tracked("late", 1, 3, minute, Detail::Dimension);
    vec![
        track("TRACK, 3 arguments", "bare", 1, Detail::Bare),
        track(TRACK_5, "time", 1, Detail::Time).at_least(Target::Rate(850e3)),
        track(TRACK_8, "dimension", 1, Detail::Dimension)
            .at_least(Target::Rate(700e3))
            .at_least(Target::Of(0.29, REFERENCE)),
        track("TRACK, 11 arguments: AT DIM VAL", "value", 1, Detail::Value)
            .at_least(Target::Rate(560e3)),
        track("TRACK, 8, on 100 sites", "hundred", 100, Detail::Dimension)
            .at_least(Target::Of(0.6, TRACK_8)),
        track(
            "TRACK, 8, on 1000 sites",
            "thousand",
            1_000,
            Detail::Dimension,
        )
        .at_least(Target::Of(0.4, TRACK_8)),
        Workload::new("TRACK, 8, over three minutes", late),
        track("TRACK, 8, appendonly", "logged", 1, Detail::Dimension)
            .with_aof()
            .at_least(Target::Of(0.6, TRACK_8)),
        track("TRACK, 8, event log", "log", 1, Detail::Dimension).after(log_of("log0")),
    ]
}

/// Switches the event log of a site on.
fn log_of(site: &str) -> Requests {
    Requests::of(1, |to, _| {
        to.push(&[&"ANALYTICS.TRACK", &site, &"view", &"ann"]);
        to.push(&[&"ANALYTICS.ALTER", &site, &"LOG", &"10000"]);
    })
}

/// Commands of `batch` events each, over random ones of the last `minutes`.
fn batched(command: [&str; 2], batch: u64, minutes: u64, minute: i64, detail: Detail) -> Requests {
    let mut random = Random::new(42);
    // No later than four minutes from now, as the future ends in five; so none gets too old while
    // this runs.
    let first =
        minute - (minutes as i64 - 1).max(0) * MINUTE + if minutes > 1 { 3 * MINUTE } else { 0 };
    let mut requests = Requests::of(PASS / batch, |to, _| {
        let mut words = command.map(str::to_owned).to_vec();
        for _ in 0..batch {
            let at = first + random.below(minutes * MINUTE as u64) as i64;
            words.push("EVENT".to_owned());
            words.extend(arguments(Event::random(&mut random), at, detail));
        }
        to.push_words(&words);
    });
    requests.events *= batch;
    requests
}

fn mtrack(minute: i64) -> Vec<Workload> {
    let mtrack = |name, site, batch, minutes, detail| {
        let command = ["ANALYTICS.MTRACK", site];
        Workload::new(name, batched(command, batch, minutes, minute, detail))
    };
    vec![
        mtrack("MTRACK 100", "plain", 100, 1, Detail::Bare).at_least(Target::Rate(3.5e6)),
        mtrack("MTRACK 1000", "bare", 1_000, 1, Detail::Bare).at_least(Target::Rate(4e6)),
        mtrack("MTRACK 100: AT", "batch", 100, 1, Detail::Time),
        mtrack("MTRACK 1000: AT", "large", 1_000, 1, Detail::Time),
        mtrack(
            "MTRACK 100: AT, over an hour",
            "spread",
            100,
            60,
            Detail::Time,
        )
        .at_least(Target::Rate(2.2e6)),
        mtrack(
            "MTRACK 1000: AT, over an hour",
            "wide",
            1_000,
            60,
            Detail::Time,
        ),
        mtrack("MTRACK 100: AT, 3 DIM, 2 VAL", "rich", 100, 1, Detail::Rich)
            .at_least(Target::Rate(400e3)),
    ]
}

/// The JSON of an event, with every member.
fn body(event: &Event, at: i64) -> String {
    format!(
        "{{\"event\":\"{}\",\"user_id\":\"{}\",\"timestamp\":{at},\"properties\":{{\"country\":\"{}\",\"device\":\"{}\",\
         \"plan\":\"{}\",\"revenue\":{},\"latency\":{}}}}}",
        event.kind, event.user, event.country, event.device, event.plan, event.revenue, event.latency
    )
}

fn trackjson(minute: i64) -> Vec<Workload> {
    let requests = |site: &str, batch: u64| {
        let mut random = Random::new(42);
        let mut requests = Requests::of(PASS / batch, |to, _| {
            let bodies = (0..batch).map(|_| {
                let at = minute + random.below(MINUTE as u64) as i64;
                body(&Event::random(&mut random), at)
            });
            let array = format!("[{}]", bodies.collect::<Vec<_>>().join(","));
            to.push(&[&"ANALYTICS.TRACKJSON", &site, &array]);
        });
        requests.events *= batch;
        requests
    };
    vec![
        Workload::new("TRACKJSON: AT, 3 DIM, 2 VAL", requests("json", 1)),
        Workload::new("TRACKJSON 100: AT, 3 DIM, 2 VAL", requests("bodies", 100))
            .at_least(Target::Rate(500e3)),
    ]
}
