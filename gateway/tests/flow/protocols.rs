//! The bodies of other people's protocols, written by hand: every key and every odd form.

use crate::gateway::{site, Gateway, FIREFOX};
use crate::http::{get, post, Answer};
use crate::redis_server::RedisServer;
use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::{json, Value};
use std::io::Write;

fn plausible(gateway: &Gateway, body: &Value) -> Answer {
    post(gateway, "/api/event", body.to_string())
        .header("user-agent", FIREFOX)
        .header("content-type", "text/plain")
        .send()
}

#[test]
fn plausible_events_with_long_and_short_keys() {
    let redis = RedisServer::start();
    site(&redis, "blog", &["--domain", "blog.example"]);
    site(&redis, "all", &["--domain", "all.example"]);
    let gateway = Gateway::start(&redis);
    for body in [
        json!({"name": "pageview", "url": "https://blog.example/a?utm_source=news&utm_medium=mail",
            "domain": "blog.example", "referrer": "https://www.google.com/"}),
        json!({"n": "pageview", "u": "https://blog.example/b#x", "d": "blog.example,all.example",
            "r": "https://other.example/page", "v": 36}),
        json!({"n": "pageview", "u": "https://blog.example/c#deep", "d": "www.blog.example", "h": 1,
            "r": "https://blog.example/b"}),
        json!({"n": "Signup", "u": "https://blog.example/c", "d": "blog.example",
            "p": {"plan": "pro", "seats": 5, "trial": true, "none": null},
            "$": {"currency": "EUR", "amount": "9.50"}}),
        json!({"n": "Play", "u": "https://blog.example/c", "d": "blog.example", "i": false,
            "m": "{\"video\": \"intro\"}", "revenue": {"currency": "EUR", "amount": 0.5}}),
        json!({"n": "engagement", "u": "https://blog.example/c", "d": "blog.example", "e": 2500,
            "sd": 80}),
    ] {
        let answer = plausible(&gateway, &body);
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (202, "ok"),
            "{body} {answer:?}"
        );
        assert!(!answer.headers.contains_key("x-plausible-dropped"));
    }
    let count = |rows: &[(&str, i64)]| -> Vec<(String, i64)> {
        rows.iter()
            .map(|(name, n)| (String::from(*name), *n))
            .collect()
    };
    assert_eq!(redis.events("blog"), 6.0);
    assert_eq!(redis.events("all"), 1.0);
    assert_eq!(redis.number("ANALYTICS.UNIQUE blog 24h"), 1.0);
    assert_eq!(
        redis.top("blog", "page"),
        count(&[("/c", 3), ("/a", 1), ("/b", 1), ("/c#deep", 1)])
    );
    assert_eq!(redis.top("blog", "utm_medium"), count(&[("mail", 1)]));
    let sources = [("Direct", 1), ("news", 1), ("other.example", 1)];
    assert_eq!(redis.top("blog", "source"), count(&sources));
    assert_eq!(redis.top("blog", "plan"), count(&[("pro", 1)]));
    assert_eq!(redis.top("blog", "seats"), count(&[("5", 1)]));
    assert_eq!(redis.top("blog", "video"), count(&[("intro", 1)]));
    assert_eq!(
        redis.number("ANALYTICS.GET blog 24h revenue:sum@currency=EUR"),
        10.0
    );
    assert_eq!(
        redis.number("ANALYTICS.GET blog 24h engagement:sum@page=/c"),
        2.5
    );
    assert_eq!(
        redis.number("ANALYTICS.GET blog 24h scroll_depth:max"),
        80.0
    );
}

#[test]
fn plausible_events_that_are_wrong_or_not_wanted() {
    let redis = RedisServer::start();
    site(
        &redis,
        "blog",
        &[
            "--domain",
            "blog.example",
            "--origin",
            "https://blog.example",
        ],
    );
    let gateway = Gateway::start(&redis);
    let good = json!({"n": "pageview", "u": "https://blog.example/", "d": "blog.example"});
    for (missing, field) in [("n", "event_name"), ("u", "url"), ("d", "domain")] {
        let mut body = good.clone();
        body[missing] = Value::Null;
        let answer = plausible(&gateway, &body);
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["errors"][field][0], "can't be blank");
    }
    assert_eq!(plausible(&gateway, &json!([])).status, 400);
    let mut unknown = good.clone();
    unknown["d"] = json!("unknown.example");
    assert_eq!(plausible(&gateway, &unknown).status, 404);
    let from = |origin: &str, name: &str, value: &str| {
        post(&gateway, "/api/event", good.to_string())
            .header("user-agent", FIREFOX)
            .header("origin", origin)
            .header(name, value)
            .send()
    };
    for origin in ["https://evil.example", "null"] {
        assert_eq!(from(origin, "x-a", "1").status, 403);
    }
    for (name, value) in [("dnt", "1"), ("sec-gpc", "1")] {
        let dropped = from("https://blog.example", name, value);
        assert_eq!((dropped.status, dropped.text.as_str()), (202, "ok"));
        assert_eq!(dropped.headers["x-plausible-dropped"], "1");
    }
    let bot = post(&gateway, "/api/event", good.to_string())
        .header("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)")
        .send();
    assert_eq!(bot.headers["x-plausible-dropped"], "1");
    assert_eq!(gateway.dropped("bot"), 1.0);
    assert_eq!(gateway.dropped("privacy"), 2.0);
    assert_eq!(gateway.dropped("forbidden"), 2.0);
    assert_eq!(gateway.dropped("unknown_domain"), 1.0);
    assert_eq!(redis.events("blog"), 0.0);
    let counted = from("https://blog.example", "dnt", "0");
    assert_eq!(counted.headers.get("x-plausible-dropped"), None);
    assert_eq!(
        counted.headers["access-control-allow-origin"],
        "https://blog.example"
    );
    assert_eq!(redis.events("blog"), 1.0);
    // Of several domains those that are no site's do not keep the event from the others.
    unknown["d"] = json!("unknown.example,blog.example");
    let both = post(&gateway, "/api/event", unknown.to_string())
        .header("user-agent", FIREFOX)
        .send();
    assert_eq!(both.status, 202, "{both:?}");
    assert_eq!(redis.events("blog"), 2.0);
}

#[test]
fn preflights_are_answered() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis);
    for path in [
        "/api/event",
        "/track",
        "/v1/track",
        "/i/v0/e/",
        "/api/v1/analytics/event",
    ] {
        let answer = post(&gateway, path, "")
            .method("OPTIONS")
            .header("origin", "https://blog.example")
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "content-type,authorization",
            )
            .send();
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(
            answer.headers["access-control-allow-origin"],
            "https://blog.example"
        );
        assert_eq!(
            answer.headers["access-control-allow-headers"],
            "content-type,authorization"
        );
        assert!(!answer
            .headers
            .contains_key("access-control-allow-credentials"));
    }
}

/// `Basic` of a user without a password; the alphabet is the usual one.
fn basic(user: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = format!("{user}:").into_bytes();
    let mut text = String::from("Basic ");
    for three in bytes.chunks(3) {
        let all = three
            .iter()
            .fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
        let all = all << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS[(all >> (18 - 6 * at) & 63) as usize];
            text.push(if at > three.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    text
}

#[test]
fn segment_calls() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "app", &[]);
    let gateway = Gateway::start(&redis);
    let send = |path: &str, body: &Value| {
        post(&gateway, path, body.to_string())
            .header("authorization", &basic(&key))
            .send()
    };
    let context = json!({
        "page": {"url": "https://app.example/p?x=1", "referrer": "https://duckduckgo.com/"},
        "campaign": {"name": "spring", "source": "mail", "medium": "email"},
        "userAgent": FIREFOX, "ip": "81.2.69.142", "library": {"name": "x", "version": "1"},
    });
    let track = json!({"event": "Bought", "messageId": "m-1", "userId": "ann", "context": context,
        "timestamp": jiff::Timestamp::now().to_string(),
        "properties": {"revenue": 12.5, "plan": "pro", "products": [{"sku": 1}]}});
    for (path, body) in [
        ("/v1/track", track.clone()),
        ("/v1/track", track),
        (
            "/v1/page",
            json!({"anonymousId": "x1", "name": "Home", "properties":
            {"url": "https://app.example/", "referrer": "", "path": "/"}}),
        ),
        ("/v1/screen", json!({"anonymousId": "x1", "name": "Start"})),
        (
            "/v1/identify",
            json!({"userId": "ann", "traits": {"email": "ann@example.com"}}),
        ),
        ("/v1/group", json!({"userId": "ann", "groupId": "g"})),
        ("/v1/alias", json!({"userId": "ann", "previousId": "x1"})),
    ] {
        let answer = send(path, &body);
        assert_eq!(answer.status, 200, "{body} {answer:?}");
        assert_eq!(answer.json(), json!({"success": true}));
    }
    let batch = json!({"batch": [
        {"type": "track", "event": "A", "userId": "bob", "messageId": "b-1"},
        {"type": "track", "event": "", "userId": "bob"},
        {"type": "track", "event": "B"},
        {"type": "nonsense", "userId": "bob"},
        {"type": "track", "event": 5, "userId": "bob"},
        "nothing",
        {"type": "track", "event": "Large", "userId": "bob", "properties": {"p": "x".repeat(40_000)}},
        {"type": "page", "anonymousId": "x2", "properties": {"url": "https://app.example/z"}},
    ], "sentAt": jiff::Timestamp::now().to_string(), "writeKey": key});
    // The key in the body will do, too.
    let answer = post(&gateway, "/v1/batch", batch.to_string()).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    let names = redis.top("app", "event");
    let expected = [
        ("pageview", 2),
        ("A", 1),
        ("Bought", 1),
        ("alias", 1),
        ("group", 1),
        ("identify", 1),
        ("screen", 1),
    ];
    let expected: Vec<_> = expected.map(|(n, c)| (String::from(n), c)).into();
    assert_eq!(names, expected);
    assert_eq!(
        redis.top("app", "utm_campaign"),
        [(String::from("spring"), 1)]
    );
    assert_eq!(redis.top("app", "plan"), [(String::from("pro"), 1)]);
    assert_eq!(redis.number("ANALYTICS.GET app 24h revenue:sum"), 12.5);
    assert_eq!(redis.number("ANALYTICS.GET app 24h events@page=/p"), 1.0);
    assert!(!format!("{:?}", redis.ask("ANALYTICS.INFO app")).contains("email"));
    assert_eq!(send("/v1/nothing", &json!({})).status, 404);
    assert_eq!(post(&gateway, "/v1/track", "{}").send().status, 401);
    let large = json!({"event": "x", "userId": "a", "properties": {"p": "x".repeat(600_000)}});
    assert_eq!(send("/v1/track", &large).status, 413);
}

#[test]
fn posthog_bodies() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "app", &[]);
    let gateway = Gateway::start(&redis);
    let one = json!({"api_key": key, "event": "$pageview", "distinct_id": "ann", "uuid": "u-1",
        "properties": {"$current_url": "https://app.example/home", "$session_id": "s1",
            "$raw_user_agent": FIREFOX, "$referrer": "$direct", "$lib": "web", "plan": "pro",
            "price": 3.5}});
    let batch = json!({"api_key": key, "sent_at": jiff::Timestamp::now().to_string(), "batch": [
        {"event": "signed up", "distinct_id": 7, "uuid": "u-2", "properties": {"ok": true}},
        {"event": "$snapshot", "distinct_id": 7, "properties": {}},
        {"event": "$pageleave", "properties": {"distinct_id": "ann"}},
        {"event": "", "distinct_id": 7},
    ]});
    let array = json!([{"event": "js", "properties": {"token": key, "distinct_id": "ann"}}]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed
        .write_all(array.to_string().as_bytes())
        .expect("is packed");
    let packed = packed.finish().expect("is packed");
    for (path, body) in [
        ("/capture/", one.to_string().into_bytes()),
        ("/capture", one.to_string().into_bytes()),
        ("/batch/", batch.to_string().into_bytes()),
        ("/i/v0/e/?compression=gzip-js", packed.clone()),
    ] {
        let answer = post(&gateway, path, body).send();
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        assert_eq!(answer.json(), json!({"status": 1}));
    }
    let answer = post(&gateway, "/e/", &packed)
        .header("content-encoding", "gzip")
        .send();
    assert_eq!(answer.status, 200, "{answer:?}");
    // Older scripts send a form.
    for inner in [array.to_string().as_bytes(), &packed] {
        let form = url::form_urlencoded::Serializer::new(String::from("ip=1&"))
            .append_pair("data", &BASE64_STANDARD.encode(inner))
            .finish();
        let answer = post(&gateway, "/e/?compression=base64", form).send();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(post(&gateway, "/e/", "data=%%%").send().status, 400);
    let v1 = json!({"batch": [{"event": "new", "uuid": "u-9", "distinct_id": "ann",
        "session_id": "s1", "properties": {"a": "b"}}]});
    let answer = post(&gateway, "/i/v1/analytics/events", v1.to_string())
        .bearer(&key)
        .send();
    assert_eq!(answer.json(), json!({"results": {}}));
    let expected = [
        ("js", 4),
        ("new", 1),
        ("pageleave", 1),
        ("pageview", 1),
        ("signed up", 1),
    ];
    let expected: Vec<_> = expected.map(|(n, c)| (String::from(n), c)).into();
    assert_eq!(redis.top("app", "event"), expected);
    assert_eq!(redis.top("app", "page"), [(String::from("/home"), 1)]);
    assert_eq!(redis.number("ANALYTICS.GET app 24h price:sum"), 3.5);
    assert_eq!(redis.number("ANALYTICS.UNIQUE app 24h"), 2.0);
    assert_eq!(
        post(&gateway, "/flags/?v=2", "{}").send().json()["flags"],
        json!({})
    );
    assert_eq!(
        get(&gateway, "/array/x/config").send().json()["surveys"],
        false
    );
    assert_eq!(post(&gateway, "/batch", "{}").send().status, 401);
}
