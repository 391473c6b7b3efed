//! Commands of Redis itself, and pipelines that count events without the module.

use crate::workload::{Workload, REFERENCE};
use crate::workloads::PASS;
use testkit::bench::{user, Event, Requests, Stamps};
use testkit::Random;

/// `now`: the server's clock. `has_series`: RedisTimeSeries is loaded.
pub fn all(now: i64, has_series: bool) -> Vec<Workload> {
    let mut all = plain();
    all.push(Workload::new(
        "pipeline: 3 PFADD, 3 EXPIRE, 3 HINCRBY",
        pipeline(|to, event, counts, _| {
            to.push(&[&"HINCRBY", &format!("shop:{counts}"), &event.kind, &1]);
        }),
    ));
    if has_series {
        all.push(Workload::new(
            "pipeline: 3 PFADD, 3 EXPIRE, 3 TS.ADD",
            with_series("shop:apart", now, 1),
        ));
        all.push(Workload::new(
            "the same, 100 events a millisecond",
            with_series("shop:dense", now, 100),
        ));
    }
    all
}

fn plain() -> Vec<Workload> {
    let mut random = Random::new(42);
    vec![
        Workload::new("PING", Requests::of(PASS, |to, _| to.push(&[&"PING"]))),
        Workload::new(
            "SET",
            Requests::of(PASS, |to, _| to.push(&[&"SET", &user(&mut random), &"1"])),
        ),
        Workload::new(
            REFERENCE,
            Requests::of(PASS, |to, _| {
                to.push(&[&"PFADD", &"users", &user(&mut random)])
            }),
        ),
    ]
}

/// The commands of one event, for each of the usual three steps of time. `count` adds what counts
/// events, in the key of that name and at that number of the event.
fn pipeline(mut count: impl FnMut(&mut Requests, &Event, &str, u64)) -> Requests {
    let mut random = Random::new(42);
    Requests::of(PASS, |to, n| {
        let event = Event::random(&mut random);
        for (granularity, ttl) in [("minute", 3_600), ("hour", 604_800), ("day", 31_536_000)] {
            let users = format!("shop:users:{granularity}:1");
            to.push(&[&"PFADD", &users, &event.user]);
            to.push(&[&"EXPIRE", &users, &ttl]);
            count(to, &event, &format!("counts:{granularity}:1"), n);
        }
    })
}

/// `a_millisecond` events share a timestamp. Samples of one time are added up, since events are counted.
fn with_series(prefix: &str, now: i64, events_a_millisecond: u64) -> Requests {
    let mut requests = pipeline(|to, _, counts, n| {
        let (key, at) = (
            format!("{prefix}:{counts}"),
            now + (n / events_a_millisecond) as i64,
        );
        to.push(&[&"TS.ADD", &key, &at, &1, &"ON_DUPLICATE", &"SUM"]);
    });
    let length = (PASS / events_a_millisecond) as i64;
    requests.stamps = Some(Stamps::of(&requests.bytes, now, length));
    requests
}
