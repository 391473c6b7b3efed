//! Listeners: web sockets and server-sent events, over one subscription a gateway.

use crate::gateway::{site, Gateway};
use crate::http::{get, post};
use crate::redis_server::RedisServer;
use crate::socket::{listen, try_listen};
use serde_json::{json, Value};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

fn send(gateway: &Gateway, key: &str, body: &Value) {
    let answer = post(gateway, "/track", body.to_string()).bearer(key).send();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Waits until the gateways have heard that there are listeners.
fn until_heard() {
    thread::sleep(Duration::from_millis(300));
}

fn subscribers(redis: &RedisServer) -> f64 {
    match redis.ask("PUBSUB NUMSUB analytics-gateway:live") {
        redis::Value::Array(reply) => match reply.get(1) {
            Some(redis::Value::Int(count)) => *count as f64,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_listener_gets_figures_heartbeats_events_and_answers() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &["--goal", "buy"]);
    let gateway = Gateway::with(&redis, &[("LIVE__HEARTBEAT", "500ms")]);
    send(&gateway, &key, &json!({"event": "buy", "user_id": "bob"}));
    let query = format!("token={token}");
    let mut listener = try_listen(&gateway, &query, &[]).expect("it may listen");
    let first = listener.next();
    assert_eq!(first["type"], "initial_stats");
    for (figure, value) in [
        ("current_visitors", 1),
        ("unique_today", 1),
        ("total_events", 1),
        ("letters_today", 1),
    ] {
        assert_eq!(first["data"][figure], value, "{figure}");
    }
    until_heard();
    let event = json!({"event": "view", "user_id": "ann",
        "properties": {"page": "/a", "theme": "sea", "price": 5.5}});
    send(&gateway, &key, &event);
    let shown = listener.next_of("view");
    assert_eq!(shown["page_url"], "/a");
    assert_eq!(shown["data"], json!({"theme": "sea", "price": 5.5}));
    assert!(shown["timestamp"].as_i64() > Some(1_700_000_000_000));
    assert!(shown["time"]
        .as_str()
        .is_some_and(|time| time.contains('T')));
    assert_eq!(shown.get("sampled"), None);
    let visitor = shown["visitor_id"].as_str().expect("there is one");
    assert_eq!(visitor.len(), 32);
    assert!(!shown.to_string().contains("ann"));
    send(&gateway, &key, &event);
    assert_eq!(listener.next_of("view")["visitor_id"], visitor);
    listener.say(r#"{"type": "ping"}"#);
    assert!(listener.next_of("pong")["time"].as_i64() > Some(1_700_000_000));
    listener.say(r#"{"type": "refresh_stats"}"#);
    assert!(listener.next_of("refresh_stats")["data"].is_object());
    let beat = listener.next_of("heartbeat");
    assert_eq!(beat["data"].as_object().map(|data| data.len()), Some(5));
    listener.say("[]");
    assert_eq!(listener.next_of("error")["error"]["code"], "invalid");
    assert_eq!(gateway.metric("analytics_websocket_connections"), 1.0);
    listener.socket.close(None).expect("is closed");
    while listener.try_next().is_ok() {}
    gateway.eventually_metric("analytics_websocket_connections", 0.0);
}

#[test]
fn every_gateway_shows_the_events_of_all_over_one_subscription() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &[]);
    let (other_key, _) = site(&redis, "blog", &[]);
    let (a, b) = (Gateway::start(&redis), Gateway::start(&redis));
    let mut listeners: Vec<_> = [&a, &a, &b, &b, &b]
        .into_iter()
        .map(|gateway| listen(gateway, "shop", &token))
        .collect();
    until_heard();
    assert_eq!(subscribers(&redis), 2.0);
    for (n, gateway) in [&a, &b].into_iter().enumerate() {
        send(
            gateway,
            &other_key,
            &json!({"event": "hidden", "user_id": "x"}),
        );
        send(gateway, &key, &json!({"event": "view", "user_id": n}));
    }
    for listener in &mut listeners {
        for _ in 0..2 {
            assert_eq!(listener.next()["type"], "view");
        }
    }
}

#[test]
fn a_site_with_a_log_shows_what_other_clients_send_and_ids_if_it_wants_to() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &["--clear-ids", "true"]);
    redis.ask("ANALYTICS.ALTER shop LOG 1000 LOGUSERS yes");
    let gateway = Gateway::start(&redis);
    let mut listener = listen(&gateway, "shop", &token);
    until_heard();
    redis.ask("ANALYTICS.TRACK shop buy ann DIM page /cart DIM country FR VAL price 3");
    let event = listener.next_of("buy");
    assert_eq!(event["visitor_id"], "ann");
    assert_eq!(event["page_url"], "/cart");
    assert_eq!(event["data"], json!({"country": "FR", "price": 3.0}));
    // One that comes through the gateway is shown once.
    send(&gateway, &key, &json!({"event": "view", "user_id": "bob"}));
    send(&gateway, &key, &json!({"event": "last", "user_id": "bob"}));
    assert_eq!(listener.next()["type"], "view");
    assert_eq!(listener.next()["type"], "last");
    // More than are read at once: what is skipped is counted.
    let mut words = String::from("ANALYTICS.MTRACK shop");
    for n in 0..400 {
        words.push_str(&format!(" EVENT many u{n}"));
    }
    redis.ask(&words);
    let mut told = 0;
    while told < 400 {
        told += listener.next_of("many")["sampled"].as_u64().unwrap_or(1);
        if told >= 395 {
            break;
        }
    }
    assert!((395..=400).contains(&told), "{told}");
}

#[test]
fn more_than_fifty_a_second_are_a_sample_that_counts_them_all() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let mut listener = listen(&gateway, "shop", &token);
    until_heard();
    let events: Vec<Value> = (0..500)
        .map(|n| json!({"event": "view", "user_id": n}))
        .collect();
    let begun = Instant::now();
    for _ in 0..4 {
        send(&gateway, &key, &json!(events));
    }
    let (mut shown, mut told) = (0, 0);
    while told < 2_000 {
        let event = listener.next_of("view");
        shown += 1;
        told += event["sampled"].as_u64().unwrap_or(1);
    }
    let seconds = begun.elapsed().as_secs() + 1;
    assert_eq!(told, 2_000);
    assert!(shown <= 50 * seconds, "{shown} in {seconds} s");
}

#[test]
fn server_sent_events_say_the_same() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &[]);
    let gateway = Gateway::with(&redis, &[("LIVE__HEARTBEAT", "500ms")]);
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).expect("it listens");
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).expect("is set");
    let request = format!(
        "GET /api/v1/sites/shop/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("is sent");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("HTTP/1.1 200 OK"));
    let mut messages = lines.filter_map(|line| {
        let json = line.strip_prefix("data: ")?;
        serde_json::from_str::<Value>(json).ok()
    });
    let mut next = |kind: &str| messages.find(|message| message["type"] == kind);
    assert!(next("initial_stats").is_some_and(|m| m["data"].is_object()));
    assert!(next("heartbeat").is_some_and(|m| m["data"].is_object()));
    send(&gateway, &key, &json!({"event": "view", "user_id": "ann"}));
    assert!(next("view").is_some());
    assert_eq!(gateway.metric("analytics_event_streams"), 1.0);
    let refused = get(&gateway, "/api/v1/sites/shop/live").send();
    assert_eq!(refused.status, 401);
    let refused = get(&gateway, "/api/v1/sites/shop/live?token=rt_a_b").send();
    assert_eq!(refused.status, 401);
}

#[test]
fn redis_goes_and_comes_back_while_somebody_listens() {
    let mut redis = RedisServer::with_file();
    let (key, token) = site(&redis, "shop", &[]);
    let settings = [
        ("LIVE__HEARTBEAT", "300ms"),
        ("REDIS__CONNECTION_TIMEOUT", "300ms"),
        ("REDIS__RESPONSE_TIMEOUT", "500ms"),
    ];
    let gateway = Gateway::with(&redis, &settings);
    let mut listener = listen(&gateway, "shop", &token);
    redis.kill();
    thread::sleep(Duration::from_millis(1_200));
    // A new listener gets a clear answer; those that are connected stay.
    let query = format!("token={token}");
    assert_eq!(try_listen(&gateway, &query, &[]).err(), Some(503));
    listener.say(r#"{"type": "refresh_stats"}"#);
    assert_eq!(listener.next_of("error")["error"]["code"], "unavailable");
    redis.start_again();
    gateway.wait_until_ready();
    // A heartbeat shows that it is asked again, and the subscription comes back by itself.
    listener.next_of("heartbeat");
    let until = Instant::now() + Duration::from_secs(10);
    while subscribers(&redis) < 1.0 {
        assert!(Instant::now() < until);
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(Duration::from_millis(700));
    send(&gateway, &key, &json!({"event": "view", "user_id": "ann"}));
    listener.next_of("view");
}

#[test]
fn asked_to_stop_it_closes_its_listeners_at_once() {
    let redis = RedisServer::start();
    let (_, token) = site(&redis, "shop", &[]);
    let mut gateway = Gateway::start(&redis);
    let mut listener = listen(&gateway, "shop", &token);
    let begun = Instant::now();
    assert!(gateway.stop().success());
    assert!(begun.elapsed() < Duration::from_secs(5));
    let end = loop {
        match listener.try_next() {
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    assert!(end.contains("stopping"), "{end}");
}
