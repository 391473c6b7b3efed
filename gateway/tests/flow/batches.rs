//! Events of one site that one thread serves go to Redis together: what comes while a batch is under way is the next one,
//! and with `ingest.batch_wait` the first event of a batch waits for others.

use crate::gateway::{site, Gateway};
use crate::http::post;
use crate::redis_server::RedisServer;
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};

/// Sends so many requests of one event each at the same time; how long until all are answered.
fn send_together(gateway: &Gateway, key: &str, requests: usize) -> Duration {
    let begun = Instant::now();
    thread::scope(|scope| {
        for number in 0..requests {
            scope.spawn(move || {
                let body = json!({"event": "e", "user_id": number}).to_string();
                let answer = post(gateway, "/track", body).bearer(key).send();
                assert_eq!(answer.json()["counted"], 1, "{answer:?}");
            });
        }
    });
    begun.elapsed()
}

fn round_trips(gateway: &Gateway) -> f64 {
    gateway.metric("analytics_redis_operation_duration_seconds_count{operation=\"track\"}")
}

#[test]
fn a_batch_goes_when_it_is_full_or_when_its_first_event_has_waited() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let settings = [
        ("HTTP__THREADS", "1"),
        ("INGEST__BATCH_EVENTS", "10"),
        ("INGEST__BATCH_WAIT", "3s"),
    ];
    let gateway = Gateway::with(&redis, &settings);
    let full = send_together(&gateway, &key, 10);
    assert!(full < Duration::from_secs(3), "{full:?}");
    assert_eq!(round_trips(&gateway), 1.0);
    let waited = send_together(&gateway, &key, 3);
    assert!(waited >= Duration::from_secs(3), "{waited:?}");
    assert_eq!(round_trips(&gateway), 2.0);
    assert_eq!(redis.events("shop"), 13.0);
}

#[test]
fn what_comes_while_a_batch_is_under_way_is_the_next_batch() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::with(&redis, &[("HTTP__THREADS", "1")]);
    redis.ask("CLIENT PAUSE 1500 ALL");
    thread::scope(|scope| {
        scope.spawn(|| send_together(&gateway, &key, 1));
        thread::sleep(Duration::from_millis(300));
        send_together(&gateway, &key, 40);
    });
    assert_eq!(round_trips(&gateway), 2.0);
    assert_eq!(redis.events("shop"), 41.0);
}
