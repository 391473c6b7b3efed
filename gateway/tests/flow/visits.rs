//! Visits: switched on by the settings, counted from what pages send, and asked for over HTTP.

use crate::gateway::{command, site, Gateway, ADMIN, FIREFOX};
use crate::http::{get, post, Answer};
use crate::redis_server::RedisServer;
use serde_json::{json, Value};

fn ask(gateway: &Gateway, query: &Value) -> Answer {
    post(gateway, "/api/v2/query", query.to_string())
        .header("content-type", "application/json")
        .bearer(ADMIN)
        .send()
}

fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed();
    since.map_or(0, |since| since.as_millis() as i64)
}

/// Three visits: one of two pages, and two that bounce, of which one lasts by an event that is passive.
fn events() -> Value {
    let start = now() - 600_000;
    let event = |user: &str, after: i64, page: &str| {
        json!({"event": "pageview", "user_id": user, "timestamp": start + after * 1_000,
            "page_url": page, "properties": {"country": "FR"}})
    };
    let ping = |user: &str, after: i64| {
        json!({"event": "ping", "user_id": user, "timestamp": start + after * 1_000,
            "passive": true, "page_url": "/elsewhere"})
    };
    json!([
        event("ann", 0, "/"),
        event("bob", 10, "/"),
        event("ann", 60, "/cart"),
        event("cleo", 70, "/cart"),
        ping("bob", 40),
        ping("ann", 90),
        ping("zoe", 90),
    ])
}

#[test]
fn metrics_and_dimensions_of_visits_are_answered_as_plausible_does() {
    let redis = RedisServer::start();
    let visits = "30m PATH page BY country";
    let (key, token) = site(&redis, "shop", &["--visits", visits]);
    redis.ask("ANALYTICS.ALTER shop CUBE event,country");
    let gateway = Gateway::start(&redis);
    let sent = post(&gateway, "/track", events().to_string())
        .bearer(&key)
        .send();
    assert_eq!(sent.json()["counted"], 7, "{sent:?}");

    let query = |extra: Value| {
        let mut body = json!({"site_id": "shop", "date_range": "24h"});
        let extra = extra.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(extra);
        ask(&gateway, &body)
    };
    let all = json!([
        "visits",
        "bounce_rate",
        "visit_duration",
        "views_per_visit",
        "pageviews"
    ]);
    let answer = query(json!({"metrics": all})).json();
    let expected = json!([3, 67, 40, 1.33, 4]);
    assert_eq!(answer["results"][0]["metrics"], expected, "{answer}");
    let of_visits = json!(["visits", "bounce_rate", "visit_duration"]);
    for (dimension, rows) in [
        (
            "visit:entry_page",
            json!([["/", [2, 50, 60]], ["/cart", [1, 100, 0]]]),
        ),
        (
            "visit:exit_page",
            json!([["/cart", [2, 50, 45]], ["/", [1, 100, 30]]]),
        ),
        ("visit:country", json!([["FR", [3, 67, 40]]])),
    ] {
        let body = json!({"metrics": of_visits, "dimensions": [dimension]});
        let answer = query(body).json();
        let results = answer["results"].as_array().expect("rows");
        let found: Vec<Value> = results
            .iter()
            .map(|row| json!([row["dimensions"][0], row["metrics"]]))
            .collect();
        assert_eq!(Value::from(found), rows, "{answer}");
    }
    let entered = json!([["is", "visit:entry_page", ["/"]]]);
    let body = json!({"metrics": of_visits, "filters": entered});
    let metrics = query(body).json()["results"][0]["metrics"].clone();
    assert_eq!(metrics, json!([2, 50, 60]));
    // Of several values, the sums are divided, and not the shares added.
    let both = json!([["is", "visit:exit_page", ["/", "/cart"]]]);
    let body = json!({"metrics": of_visits, "filters": both});
    let metrics = query(body).json()["results"][0]["metrics"].clone();
    assert_eq!(metrics, json!([3, 67, 40]));
    let hours = json!({"metrics": ["visits", "bounce_rate"], "dimensions": ["time:hour"]});
    let answer = query(hours).json();
    let results = answer["results"].as_array().expect("rows");
    let sum: i64 = results
        .iter()
        .filter_map(|row| row["metrics"][0].as_i64())
        .sum();
    assert_eq!(sum, 3, "{answer}");

    for (extra, said) in [
        (
            json!({"metrics": ["visitors"], "dimensions": ["visit:entry_page"]}),
            "recorded of visits",
        ),
        (
            json!({"metrics": ["views_per_visit"], "dimensions": ["visit:entry_page"]}),
            "recorded of visits",
        ),
        (
            json!({"metrics": ["visits"], "dimensions": ["visit:entry_page", "visit:country"]}),
            "one dimension at a time",
        ),
        (
            json!({"metrics": ["visits"], "dimensions": ["visit:source"]}),
            "country, entry, exit",
        ),
    ] {
        let answer = query(extra.clone());
        assert_eq!(answer.status, 400, "{extra} {answer:?}");
        assert!(answer.text.contains(said), "{extra} {answer:?}");
    }

    let path = "/api/v1/sites/shop/get?window=24h&metric=visits&metric=bounces:share\
        &metric=visit-time:avg&metric=visits@exit=/cart&metric=visits/users";
    let answer = get(&gateway, path).bearer(&token).send();
    let metrics = &answer.json()["metrics"];
    assert_eq!(metrics["visits"], 3, "{answer:?}");
    assert_eq!(metrics["bounces:share"], json!(2.0 / 3.0));
    assert_eq!(metrics["visit-time:avg"], 40.0);
    assert_eq!(metrics["visits@exit=/cart"], 2);
    assert_eq!(metrics["visits/users"], 0.75);
    let path = "/api/v1/sites/shop/top?window=24h&dimension=entry&by=bounces:share&with=visits";
    let answer = get(&gateway, path).bearer(&token).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text.contains("/cart"), "{answer:?}");
}

#[test]
fn engagement_of_a_page_makes_a_visit_longer_and_ends_no_bounce() {
    let redis = RedisServer::start();
    let settings = ["--domain", "blog.example", "--visits", "30m PATH page"];
    site(&redis, "blog", &settings);
    let gateway = Gateway::start(&redis);
    let send = |body: Value| {
        let answer = post(&gateway, "/api/event", body.to_string())
            .header("user-agent", FIREFOX)
            .header("content-type", "text/plain")
            .send();
        assert_eq!(answer.status, 202, "{body} {answer:?}");
    };
    let ask = |line: &str| redis.number(&format!("ANALYTICS.GET blog 24h {line}"));
    let url = "https://blog.example/a";
    send(json!({"n": "engagement", "u": url, "d": "blog.example", "e": 10}));
    assert_eq!(ask("visits"), 0.0);
    send(json!({"n": "pageview", "u": url, "d": "blog.example"}));
    send(json!({"n": "engagement", "u": url, "d": "blog.example", "e": 900}));
    send(json!({"n": "Play", "u": url, "d": "blog.example", "i": false}));
    assert_eq!(ask("visits"), 1.0);
    assert_eq!(ask("bounces"), 1.0);
    assert_eq!(ask("visit-events:sum"), 3.0);
    send(json!({"n": "pageview", "u": "https://blog.example/b", "d": "blog.example"}));
    assert_eq!(ask("bounces"), 0.0);
    assert_eq!(ask("visits@exit=/b"), 1.0);
    assert_eq!(ask("visits@entry=/a"), 1.0);
}

#[test]
fn the_settings_api_switches_visits_on_changes_them_and_switches_them_off() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let patch = |visits: &str| {
        post(
            &gateway,
            "/api/v1/sites/shop/settings",
            json!({"visits": visits}).to_string(),
        )
        .method("PATCH")
        .header("content-type", "application/json")
        .bearer(ADMIN)
        .send()
    };
    let track = || {
        let event = json!({"event": "view", "user_id": "ann", "page_url": "/a"});
        let answer = post(&gateway, "/track", event.to_string())
            .bearer(&key)
            .send();
        assert_eq!(answer.json()["counted"], 1, "{answer:?}");
    };
    let visits = || redis.number("ANALYTICS.GET shop 24h visits@entry=/a");
    assert_eq!(patch("30m PATH page").status, 200);
    track();
    assert_eq!(visits(), 1.0);
    // The same settings again end nothing; others do.
    assert_eq!(patch("30m path page").status, 200);
    track();
    assert_eq!(visits(), 1.0);
    assert_eq!(patch("10m PATH page VISITORS 50").status, 200);
    track();
    assert_eq!(visits(), 2.0);
    for wrong in [
        "",
        "30m PATH",
        "30m RETENTION hour",
        "30m PATH page RETENTION hour",
        "soon",
        "off PATH page",
    ] {
        let answer = patch(wrong);
        assert_eq!(answer.status, 400, "{wrong} {answer:?}");
    }
    assert_eq!(patch("off").status, 200);
    let told = command(&redis, &["site", "add", "shop", "--visits", "1m BY"]);
    assert!(told.is_err_and(|told| told.contains("visits")));
    let answer = get(&gateway, "/api/v1/sites/shop/get?window=24h&metric=visits")
        .bearer(ADMIN)
        .send();
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text.contains("counts no visits"), "{answer:?}");
}
