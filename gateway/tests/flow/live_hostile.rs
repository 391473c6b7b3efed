//! Listeners that nobody should have: wrong pages, guessed tokens, huge frames, floods, and those
//! that do not read.

use crate::gateway::{site, Gateway};
use crate::http::{get, post};
use crate::redis_server::RedisServer;
use crate::socket::{listen, try_listen, Listener};
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

#[test]
fn only_readers_from_pages_of_the_site_listen() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &["--origin", "https://shop.example"]);
    let (_, other) = site(&redis, "blog", &[]);
    site(&redis, "open", &["--public", "true"]);
    let gateway = Gateway::start(&redis);
    let status = |query: &str, headers: &[(&'static str, &str)]| {
        try_listen(&gateway, query, headers).map_or_else(|status| status, |_| 101)
    };
    let own = format!("site=shop&token={token}");
    let bearer = format!("Bearer {token}");
    assert_eq!(status(&own, &[]), 101);
    assert_eq!(status("site=shop", &[("authorization", &bearer)]), 101);
    assert_eq!(status("", &[("authorization", &bearer)]), 101);
    assert_eq!(status("site=open", &[]), 101);
    assert_eq!(status("site=shop", &[]), 401);
    assert_eq!(status("site=none", &[]), 401);
    assert_eq!(status("", &[]), 400);
    for wrong in [other.as_str(), key.as_str(), "rt_0_0", "", "%00"] {
        assert_eq!(
            status(&format!("site=shop&token={wrong}"), &[]),
            401,
            "{wrong}"
        );
    }
    assert_eq!(status(&own, &[("origin", "https://shop.example")]), 101);
    for wrong in ["https://evil.example", "null", "https://shop.example.evil"] {
        assert_eq!(status(&own, &[("origin", wrong)]), 403, "{wrong}");
        let path = format!("/api/v1/sites/shop/live?token={token}");
        let answer = get(&gateway, &path).header("origin", wrong).send();
        assert_eq!(answer.status, 403);
    }
    let plain = get(&gateway, &format!("/ws/analytics?{own}")).send();
    assert_eq!((plain.status, plain.code().as_str()), (400, "invalid"));
    // The token is nowhere in the log.
    assert!(!gateway.log().contains(&token));
}

#[test]
fn so_many_listeners_and_no_more() {
    let redis = RedisServer::start();
    let (_, token) = site(&redis, "shop", &[]);
    let settings = [
        ("LIVE__LISTENERS", "4"),
        ("LIVE__LISTENERS_PER_ADDRESS", "3"),
        ("HTTP__TRUSTED_PROXIES", "[\"127.0.0.0/8\"]"),
    ];
    let gateway = Gateway::with(&redis, &settings);
    let query = format!("token={token}");
    let from = |address: &str| try_listen(&gateway, &query, &[("x-forwarded-for", address)]);
    let mut held: Vec<Listener> = (0..3).filter_map(|_| from("1.2.3.4").ok()).collect();
    assert_eq!(held.len(), 3);
    assert_eq!(from("1.2.3.4").err(), Some(429));
    held.extend(from("1.2.3.5").ok());
    assert_eq!(held.len(), 4);
    assert_eq!(from("1.2.3.6").err(), Some(503));
    held.clear();
    let until = Instant::now() + Duration::from_secs(5);
    while from("1.2.3.4").is_err() {
        assert!(Instant::now() < until);
        thread::sleep(Duration::from_millis(20));
    }
}

/// Reads until the connection ends.
fn end_of(listener: &mut Listener) -> String {
    loop {
        if let Err(end) = listener.try_next() {
            return end;
        }
    }
}

#[test]
fn huge_frames_and_floods_end_the_connection_and_cost_redis_nothing() {
    let redis = RedisServer::start();
    let (_, token) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let mut huge = listen(&gateway, "shop", &token);
    let _ = huge.socket.send(Message::binary(vec![0; 1 << 20]));
    end_of(&mut huge);
    // A head that promises 2^40 bytes.
    let mut liar = listen(&gateway, "shop", &token);
    let head = [0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    std::io::Write::write_all(liar.socket.get_mut(), &head).expect("is sent");
    end_of(&mut liar);
    redis.ask("CONFIG RESETSTAT");
    let mut flood = listen(&gateway, "shop", &token);
    for _ in 0..1_000 {
        let message = Message::text(r#"{"type": "refresh_stats"}"#);
        if flood.socket.send(message).is_err() {
            break;
        }
    }
    let end = end_of(&mut flood);
    let closed = gateway.metric("analytics_listeners_closed_total{reason=\"flood\"}");
    assert_eq!(closed, 1.0, "{end}");
    let stats = redis.ask("INFO commandstats");
    let stats = format!("{stats:?}");
    // Within a second the figures are not asked for again, so that there may be none.
    let calls: u32 = stats
        .split_once("cmdstat_analytics.get:calls=")
        .and_then(|(_, rest)| rest.split(',').next())
        .map_or(0, |digits| digits.parse().expect("is a number"));
    assert!(calls <= 12, "{calls}");
    let mut pings = listen(&gateway, "shop", &token);
    for _ in 0..1_000 {
        if pings.socket.send(Message::Ping(Vec::new().into())).is_err() {
            break;
        }
    }
    end_of(&mut pings);
    // Others are as they were.
    let mut other = listen(&gateway, "shop", &token);
    other.say(r#"{"type": "ping"}"#);
    other.next_of("pong");
}

#[test]
fn a_listener_that_does_not_read_is_dropped_and_holds_up_nobody() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let slow: Vec<Listener> = (0..3).map(|_| listen(&gateway, "shop", &token)).collect();
    let mut other = listen(&gateway, "shop", &token);
    thread::sleep(Duration::from_millis(300));
    // Some 7 KB each, so that what the kernel holds for the slow ones is soon full.
    let mut properties = serde_json::Map::new();
    for n in 0..14 {
        properties.insert(format!("p{n}"), json!("x".repeat(500)));
    }
    let event = json!({"event": "view", "user_id": "ann", "properties": properties});
    let over = std::sync::atomic::AtomicBool::new(false);
    let closed = || gateway.metric("analytics_listeners_closed_total{reason=\"slow\"}");
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let body = event.to_string();
                post(&gateway, "/track", body).bearer(&key).send();
                thread::sleep(Duration::from_millis(20));
            }
        });
        let until = Instant::now() + Duration::from_secs(60);
        let mut longest = Duration::ZERO;
        while closed() < 3.0 {
            let begun = Instant::now();
            for _ in 0..20 {
                assert_eq!(other.next_of("view")["type"], "view");
            }
            longest = longest.max(begun.elapsed());
            assert!(Instant::now() < until, "{} are closed", closed());
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(longest < Duration::from_secs(5), "{longest:?}");
    });
    // They are given a second to take the close frame.
    let until = Instant::now() + Duration::from_secs(5);
    while gateway.metric("analytics_websocket_connections") > 1.0 {
        assert!(Instant::now() < until);
        thread::sleep(Duration::from_millis(50));
    }
    drop(slow);
}
