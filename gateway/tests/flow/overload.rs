//! More events than Redis takes: the queue is bounded, what does not fit is refused at once, and the
//! memory of the gateway stays as it is.

use crate::gateway::{site, Gateway};
use crate::http::post;
use crate::redis_server::RedisServer;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const EVENTS_A_REQUEST: u64 = 100;

fn body() -> String {
    let event = json!({"event": "e", "user_id": "a"});
    json!(vec![event; EVENTS_A_REQUEST as usize]).to_string()
}

fn pause(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

/// Waits until the site has so many events.
fn eventually_counted(redis: &RedisServer, events: f64) {
    let until = Instant::now() + Duration::from_secs(30);
    while redis.events("shop") < events && Instant::now() < until {
        pause(100);
    }
    assert_eq!(redis.events("shop"), events);
}

#[test]
fn the_queue_is_bounded_and_refuses_beyond() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let settings = [
        ("INGEST__ACKNOWLEDGE", "queued"),
        ("INGEST__QUEUE_EVENTS", "1000"),
        ("INGEST__DEADLINE", "30s"),
    ];
    let gateway = Gateway::with(&redis, &settings);
    redis.ask("CLIENT PAUSE 2500 ALL");
    let body = body();
    let (mut taken, mut refused) = (0.0, 0.0);
    for _ in 0..30 {
        let answer = post(&gateway, "/track", &body).bearer(&key).send();
        match answer.status {
            200 => taken += 100.0,
            503 => {
                assert_eq!(answer.headers["retry-after"], "1");
                assert_eq!(answer.code(), "unavailable");
                refused += 100.0;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((taken, refused), (1_000.0, 2_000.0));
    assert_eq!(gateway.dropped("queue_full"), refused);
    eventually_counted(&redis, taken);
    assert_eq!(
        post(&gateway, "/track", &body).bearer(&key).send().status,
        200
    );
}

/// Events that were sent, and those among them that were acknowledged.
#[derive(Default)]
struct Load {
    offered: AtomicU64,
    acknowledged: AtomicU64,
}

/// Sends over one connection, without a pause, until `over` is set.
fn send(gateway: &Gateway, key: &str, over: &AtomicBool, load: &Load) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let (url, bearer, body) = (
        format!("{}/track", gateway.url()),
        format!("Bearer {key}"),
        body(),
    );
    while !over.load(Ordering::Relaxed) {
        let sent = agent.post(&url).header("authorization", &bearer);
        let answer = sent.send(&body).expect("is answered");
        load.offered.fetch_add(EVENTS_A_REQUEST, Ordering::Relaxed);
        match answer.status().as_u16() {
            200 => load
                .acknowledged
                .fetch_add(EVENTS_A_REQUEST, Ordering::Relaxed),
            503 => 0,
            other => panic!("{other}"),
        };
    }
}

/// Redis answers for a tenth of the time, and the senders offer more than twice what it takes.
fn stays_as_it_is(acknowledge: &str) {
    const SENDERS: usize = 40;
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let settings = [
        ("INGEST__ACKNOWLEDGE", acknowledge),
        ("INGEST__QUEUE_EVENTS", "2000"),
        ("INGEST__DEADLINE", "30s"),
    ];
    let gateway = Gateway::with(&redis, &settings);
    let (over, load) = (AtomicBool::new(false), Load::default());
    let (mut early, mut late) = (0.0_f64, 0.0_f64);
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| send(&gateway, &key, &over, &load));
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(8) {
            redis.ask("DEBUG SLEEP 0.18");
            pause(20);
            let memory = gateway.memory_megabytes();
            // The queue is full long before: what was ever needed is held by then.
            let first_half = begun.elapsed() < Duration::from_secs(4);
            let most = if first_half { &mut early } else { &mut late };
            *most = most.max(memory);
        }
        over.store(true, Ordering::Relaxed);
    });
    let offered = load.offered.load(Ordering::Relaxed);
    let acknowledged = load.acknowledged.load(Ordering::Relaxed);
    eprintln!(
        "{acknowledge}: {offered} offered, {acknowledged} taken, {early:.1} MB, {late:.1} MB"
    );
    assert!(offered >= 2 * acknowledged, "{offered} {acknowledged}");
    assert_eq!(
        gateway.dropped("queue_full"),
        (offered - acknowledged) as f64
    );
    assert!(late <= early + 4.0, "{early} MB, then {late} MB");
    eventually_counted(&redis, acknowledged as f64);
}

#[test]
fn memory_is_flat_at_twice_the_load_that_redis_takes() {
    stays_as_it_is("counted");
    stays_as_it_is("queued");
}
