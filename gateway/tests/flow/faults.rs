//! Nothing lost, nothing doubled: Redis killed, slow, full and read-only under load, the gateway told
//! to stop. What was acknowledged is counted once; what was not is an error to the client.

use crate::gateway::{site, Gateway};
use crate::http::post;
use crate::redis_server::RedisServer;
use serde_json::json;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Events by number: sent, acknowledged, refused.
#[derive(Default)]
struct Book {
    acknowledged: Mutex<HashSet<u64>>,
    refused: Mutex<HashSet<u64>>,
}

const SENDERS: u64 = 8;

/// Sends events, each by a user of its own, until `over` is set or the gateway is gone.
fn send(gateway_port: u16, key: &str, sender: u64, over: &AtomicBool, book: &Book) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let url = format!("http://127.0.0.1:{gateway_port}/track");
    let mut number = sender;
    while !over.load(Ordering::Relaxed) {
        // One, or a few at once.
        let numbers: Vec<u64> = (0..1 + number % 3).map(|i| number + i * SENDERS).collect();
        number += numbers.len() as u64 * SENDERS;
        let events = numbers
            .iter()
            .map(|n| json!({"event": "e", "user_id": n.to_string()}));
        let body = json!(events.collect::<Vec<_>>()).to_string();
        let answer = agent
            .post(&url)
            .header("authorization", &format!("Bearer {key}"))
            .send(body);
        let list = match &answer {
            Ok(answer) if answer.status() == 200 => &book.acknowledged,
            Ok(answer) => {
                assert_eq!(answer.status(), 503);
                assert!(answer.headers().contains_key("retry-after"));
                &book.refused
            }
            Err(_) => &book.refused,
        };
        list.lock().expect("is whole").extend(numbers);
    }
}

/// Has events sent while something happens; the book, when all is over.
fn under_load(gateway: &Gateway, key: &str, what: impl FnOnce()) -> Book {
    load_on(gateway.port, key, what)
}

/// The same of a gateway that may end meanwhile.
fn load_on(port: u16, key: &str, what: impl FnOnce()) -> Book {
    let (book, over) = (Book::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (book, over) = (&book, &over);
            scope.spawn(move || send(port, key, sender, over, book));
        }
        what();
        over.store(true, Ordering::Relaxed);
    });
    book
}

/// Every acknowledged event is counted once, and nothing that was not sent. The users tell which,
/// for below 2,560 they are counted exactly; of the refused some may have counted.
fn check(redis: &RedisServer, book: &Book) {
    let acknowledged = book.acknowledged.lock().expect("is whole").len() as f64;
    let refused = book.refused.lock().expect("is whole").len() as f64;
    let events = redis.events("shop");
    let users = redis.number("ANALYTICS.UNIQUE shop 24h");
    eprintln!("{acknowledged} acknowledged, {refused} refused, {events} counted, {users} users");
    assert!(acknowledged > 0.0);
    assert!(
        events >= acknowledged,
        "{events} of {acknowledged} acknowledged are counted"
    );
    assert!(
        events <= acknowledged + refused,
        "{events}: some are counted twice"
    );
    if users < 2_560.0 {
        assert!(
            (events - users).abs() <= 1.0 + users / 500.0,
            "{events} events, {users} users"
        );
    }
    if refused == 0.0 {
        assert_eq!(events, acknowledged);
    }
}

fn pause(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

#[test]
fn redis_is_killed_and_comes_back() {
    let mut redis = RedisServer::with_file();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let book = under_load(&gateway, &key, || {
        for _ in 0..3 {
            pause(300);
            redis.kill();
            pause(300);
            redis.start_again();
        }
        pause(500);
    });
    assert!(gateway.metric("analytics_retries_total") > 0.0);
    check(&redis, &book);
    // All were waited for.
    assert_eq!(book.refused.lock().expect("is whole").len(), 0);
}

#[test]
fn redis_stays_away_for_longer_than_the_deadline() {
    let mut redis = RedisServer::with_file();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::with(&redis, &[("INGEST__DEADLINE", "500ms")]);
    let book = under_load(&gateway, &key, || {
        pause(300);
        redis.kill();
        pause(2_500);
        redis.start_again();
        pause(1_500);
    });
    check(&redis, &book);
    assert!(!book.refused.lock().expect("is whole").is_empty());
    assert_eq!(gateway.metric("analytics_queue_events"), 0.0);
}

#[test]
fn redis_is_read_only_full_and_slow() {
    let redis = RedisServer::with_file();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let book = under_load(&gateway, &key, || {
        pause(200);
        redis.ask("REPLICAOF 127.0.0.1 1");
        pause(400);
        redis.ask("REPLICAOF NO ONE");
        pause(200);
        redis.ask("CONFIG SET maxmemory 1");
        pause(400);
        redis.ask("CONFIG SET maxmemory 0");
        pause(200);
        redis.ask("CLIENT PAUSE 700 ALL");
        pause(1_200);
        redis.ask("DEBUG SLEEP 0.5");
        pause(300);
    });
    check(&redis, &book);
    assert_eq!(book.refused.lock().expect("is whole").len(), 0);
}

#[test]
fn a_reply_that_does_not_come_in_time_counts_once() {
    let redis = RedisServer::with_file();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::with(&redis, &[("REDIS__RESPONSE_TIMEOUT", "200ms")]);
    let book = under_load(&gateway, &key, || {
        for _ in 0..4 {
            pause(200);
            redis.ask("CLIENT PAUSE 450 ALL");
            pause(700);
        }
    });
    assert!(gateway.metric("analytics_retries_total") > 0.0);
    check(&redis, &book);
    assert_eq!(book.refused.lock().expect("is whole").len(), 0);
}

#[test]
fn asked_to_stop_it_finishes_what_it_has_taken() {
    let redis = RedisServer::with_file();
    let (key, _) = site(&redis, "shop", &[]);
    let mut gateway = Gateway::start(&redis);
    let book = load_on(gateway.port, &key, || {
        pause(400);
        // Redis does not answer at the moment at which the gateway is told.
        redis.ask("CLIENT PAUSE 800 ALL");
        pause(100);
        let begun = Instant::now();
        let status = gateway.stop();
        let took = begun.elapsed();
        assert!(status.success(), "{status:?}");
        assert!(
            took > Duration::from_millis(400),
            "it did not wait: {took:?}"
        );
        assert!(took < Duration::from_secs(15), "{took:?}");
    });
    check(&redis, &book);
    let acknowledged = book.acknowledged.lock().expect("is whole").len() as f64;
    assert_eq!(redis.events("shop"), acknowledged);
    assert!(gateway.log().contains("stopped"));
}

#[test]
fn what_is_acknowledged_early_is_counted_before_the_end() {
    let redis = RedisServer::with_file();
    let (key, _) = site(&redis, "shop", &[]);
    let mut gateway = Gateway::with(&redis, &[("INGEST__ACKNOWLEDGE", "queued")]);
    redis.ask("CLIENT PAUSE 1000 ALL");
    for number in 0..200 {
        let body = json!({"event": "e", "user_id": number}).to_string();
        let answer = post(&gateway, "/track", body).bearer(&key).send();
        assert_eq!(answer.status, 200);
    }
    assert!(gateway.stop().success());
    assert_eq!(redis.events("shop"), 200.0);
}

#[test]
fn a_gateway_that_is_killed_has_counted_what_it_acknowledged() {
    let redis = RedisServer::with_file();
    let (key, _) = site(&redis, "shop", &[]);
    let mut gateway = Gateway::start(&redis);
    let book = load_on(gateway.port, &key, || {
        pause(500);
        gateway.kill();
        pause(100);
    });
    check(&redis, &book);
    assert!(!book.refused.lock().expect("is whole").is_empty());
}

#[test]
fn without_enough_replicas_nothing_is_acknowledged() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let settings = [
        ("INGEST__REPLICAS", "1"),
        ("INGEST__DEADLINE", "700ms"),
        ("REDIS__RESPONSE_TIMEOUT", "400ms"),
    ];
    let gateway = Gateway::with(&redis, &settings);
    let body = json!({"event": "e", "user_id": "ann", "id": "1"}).to_string();
    let send = || post(&gateway, "/track", body.clone()).bearer(&key).send();
    let answer = send();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(gateway.dropped("deadline") > 0.0);
    let master = format!("127.0.0.1 {}", redis.port);
    let replica = RedisServer::with(&["--replicaof", &master, "--repl-diskless-sync-delay", "0"]);
    let until = Instant::now() + Duration::from_secs(20);
    while send().status != 200 {
        assert!(Instant::now() < until, "the replica does not confirm");
    }
    assert_eq!(redis.events("shop"), 1.0);
    assert_eq!(replica.events("shop"), 1.0);
}
