//! Our own bodies in, and numbers out.

use crate::gateway::{site, Gateway};
use crate::http::{get, post};
use crate::redis_server::RedisServer;
use serde_json::json;

#[test]
fn events_are_counted_once_and_asked_for() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let body = json!({
        "event": "purchase", "user_id": "ann", "session_id": 7, "id": "order-1",
        "properties": {"country": "FR", "new": true, "revenue": 59.9, "items": [1], "no": null},
    })
    .to_string();
    let answer = post(&gateway, "/track", &body).bearer(&key).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["success"], true);
    assert_eq!(answer.json()["counted"], 1);
    let again = post(&gateway, "/track", &body).bearer(&key).send();
    assert_eq!(again.json()["counted"], 0);

    let many = json!([
        {"event": "view", "user_id": 42, "page_url": "/a"},
        {"event_type": "view", "visitor_id": "bob", "event_data": {"latency": 12}},
    ]);
    let path = "/api/v1/sites/shop/events";
    let answer = post(&gateway, path, many.to_string())
        .header("x-write-key", &key)
        .send();
    assert_eq!(answer.json()["counted"], 2);

    let path = "/api/v1/sites/shop/get?window=24h&metric=events&metric=users\
        &metric=revenue:sum@new=true&metric=latency:p95&metric=events@page=/a&metric=sessions";
    let answer = get(&gateway, path).bearer(&token).send();
    let metrics = &answer.json()["metrics"];
    assert_eq!(metrics["events"], 3, "{answer:?}");
    assert_eq!(metrics["users"], 3);
    assert_eq!(metrics["sessions"], 1);
    assert_eq!(metrics["revenue:sum@new=true"], 59.9);
    assert_eq!(metrics["latency:p95"], 12.0);
    assert_eq!(metrics["events@page=/a"], 1);
}

#[test]
fn an_event_that_is_wrong_fails_the_request_by_its_number_and_none_counts() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let now = 4_000_000_000_000_i64;
    let long = "x".repeat(1_025);
    for (body, field) in [
        (json!({"user_id": "ann"}), "event"),
        (json!({"event": "", "user_id": "ann"}), "event"),
        (json!({"event": "view"}), "user_id"),
        (json!({"event": "view", "user_id": ""}), "user_id"),
        (json!({"event": "view", "user_id": long}), "user_id"),
        (
            json!({"event": "view", "user_id": "a", "timestamp": "soon"}),
            "timestamp",
        ),
        (
            json!({"event": "view", "user_id": "a", "timestamp": now}),
            "timestamp",
        ),
        (
            json!({"event": "view", "user_id": "a", "timestamp": 5}),
            "timestamp",
        ),
        (json!({"event": 5, "user_id": "a"}), "body"),
        (json!("view"), "body"),
        (
            json!([{"event": "view", "user_id": "a"}, {"event": "view"}]),
            "[1].user_id",
        ),
        (
            json!([{"event": "view", "user_id": "a"}, {"event": "v", "user_id": "a", "timestamp": 1}]),
            "[1].timestamp",
        ),
    ] {
        let answer = post(&gateway, "/track", body.to_string())
            .bearer(&key)
            .send();
        assert_eq!(answer.status, 400, "{body} {answer:?}");
        assert_eq!(
            (answer.code().as_str(), answer.field()),
            ("invalid", field.into())
        );
    }
    assert_eq!(redis.events("shop"), 0.0);
    assert_eq!(
        post(&gateway, "/track", "[]").bearer(&key).send().json()["counted"],
        0
    );
}

#[test]
fn times_are_taken_in_every_form() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("is after 1970");
    let (seconds, ms) = (now.as_secs() - 120, now.as_millis() as u64 - 120_000);
    let iso = jiff::Timestamp::from_millisecond(ms as i64).expect("is a time");
    let body = json!([
        {"event": "view", "user_id": "a", "timestamp": seconds},
        {"event": "view", "user_id": "a", "timestamp": ms},
        {"event": "view", "user_id": "a", "timestamp": iso.to_string()},
        {"event": "view", "user_id": "a", "timestamp": seconds.to_string()},
    ]);
    let answer = post(&gateway, "/track", body.to_string())
        .bearer(&key)
        .send();
    assert_eq!(answer.json()["counted"], 4, "{answer:?}");
    assert_eq!(redis.number("ANALYTICS.GET shop 1m events"), 0.0);
    assert_eq!(redis.events("shop"), 4.0);
}

#[test]
fn the_classic_body_goes_to_the_site_of_its_page_or_to_the_default_one() {
    let redis = RedisServer::start();
    site(&redis, "shop", &["--domain", "shop.example"]);
    site(&redis, "rest", &[]);
    let gateway = Gateway::with(&redis, &[("SITES__DEFAULT", "rest")]);
    let body = json!({"event_type": "view", "visitor_id": "ann", "event_data": {"theme": "sea"}});
    let path = "/api/v1/analytics/event";
    let answer = post(&gateway, path, body.to_string()).send();
    assert_eq!(
        answer.json(),
        json!({"success": true, "message": "Event tracked"})
    );
    let page = json!({"event_type": "view", "page_url": "https://www.shop.example/a?b",
        "visitor_id": "bob"});
    let answer = post(&gateway, path, page.to_string()).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(redis.events("rest"), 1.0);
    assert_eq!(redis.events("shop"), 1.0);
    assert_eq!(redis.top("rest", "theme"), [(String::from("sea"), 1)]);
}
