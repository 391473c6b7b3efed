//! Requests that nobody should send: each a clear status, nothing counted, nothing said that should
//! not be.

use crate::gateway::{site, Gateway, ADMIN};
use crate::http::{get, post};
use crate::redis_server::RedisServer;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn bodies_that_are_no_events() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &["--domain", "shop.example"]);
    let gateway = Gateway::start(&redis);
    let deep = "[".repeat(20_000);
    let deep_properties = format!(
        "{{\"event\":\"v\",\"user_id\":\"a\",\"properties\":{{\"a\":{}",
        "{\"a\":".repeat(5_000)
    );
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"[[\"view\", \"ann\"]]".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        b"{\"event\": \"\xff\", \"user_id\": \"a\"}".to_vec(),
        b"{\"event\": \"v\", \"event\": \"w\", \"user_id\": \"a\"}".to_vec(),
        b"{\"event\": \"v\", \"user_id\": \"a\", \"properties\": []}".to_vec(),
        b"{\"event\": \"v\", \"user_id\": \"a\", \"properties\": {\"x\": 1e999}}".to_vec(),
        deep.into_bytes(),
        deep_properties.into_bytes(),
        vec![0x1f, 0x8b, 8, 0, 1, 2, 3],
    ];
    for path in [
        "/track",
        "/api/event",
        "/v1/track",
        "/v1/batch",
        "/capture",
        "/batch/",
        "/api/v1/analytics/event",
    ] {
        for body in &bodies {
            let answer = post(&gateway, path, body).bearer(&key).send();
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            assert_eq!(answer.status, 400, "{path} {shown} {answer:?}");
        }
    }
    for body in [
        json!({"event": "v", "user_id": {"$ne": null}}),
        json!({"event": "v", "user_id": 1.5}),
        json!({"event": ["v"], "user_id": "a"}),
        json!({"event": "v", "user_id": "a", "passive": "no"}),
    ] {
        let answer = post(&gateway, "/track", body.to_string())
            .bearer(&key)
            .send();
        assert_eq!(answer.status, 400, "{body} {answer:?}");
    }
    assert_eq!(redis.events("shop"), 0.0);
    assert_eq!(gateway.metric("analytics_panics_total"), 0.0);
}

#[test]
fn bodies_that_are_too_large_also_when_they_are_unpacked() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let event = json!({"event": "v", "user_id": "a", "properties": {"p": "x".repeat(2_000_000)}});
    let body = event.to_string();
    for path in ["/track", "/api/event", "/v1/batch", "/capture"] {
        let answer = post(&gateway, path, &body).bearer(&key).send();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "too_large"),
            "{path}"
        );
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(body.as_bytes()).expect("is packed");
    let packed = packed.finish().expect("is packed");
    assert!(packed.len() < 10_000);
    let said = post(&gateway, "/track", &packed)
        .bearer(&key)
        .header("content-encoding", "gzip");
    assert_eq!(said.send().status, 413);
    assert_eq!(
        post(&gateway, "/capture", &packed)
            .bearer(&key)
            .send()
            .status,
        413
    );
    // The name of an encoding is read in any case.
    let said = post(&gateway, "/track", &packed)
        .bearer(&key)
        .header("content-encoding", "GZIP");
    assert_eq!(said.send().status, 413);
    for (encoding, body) in [("gzip", b"{}".as_slice()), ("br", &packed)] {
        let said = post(&gateway, "/track", body)
            .bearer(&key)
            .header("content-encoding", encoding);
        assert_eq!(said.send().status, 400, "{encoding}");
    }
    assert_eq!(redis.events("shop"), 0.0);
}

#[test]
fn who_sends_a_whole_body_sees_the_answer_that_refuses_it() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::with(&redis, &[("LIMITS__FAILURES_PER_MINUTE", "0")]);
    let body = vec![b' '; 8_000_000];
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    for (method, path, key, status) in [
        ("POST", "/track", key.as_str(), 413),
        ("POST", "/api/v1/query", "", 413),
        ("PATCH", "/api/v1/sites/shop/schema", "guess", 401),
        ("PATCH", "/api/v1/sites/shop/schema", ADMIN, 413),
        ("PATCH", "/api/v1/sites/shop/settings", ADMIN, 413),
        ("PUT", "/api/v1/sites/shop/alerts/rule", ADMIN, 413),
        ("PUT", "/api/v1/sites/shop/funnels/f", ADMIN, 413),
        ("POST", "/api/v1/sites/shop/alert-targets", ADMIN, 413),
        ("POST", "/api/v1/sites/shop/secrets/keys", ADMIN, 413),
        ("POST", "/metrics", "", 405),
        ("POST", "/nothing", "", 404),
    ] {
        for _ in 0..10 {
            let sent = ureq::http::Request::builder()
                .method(method)
                .uri(format!("{}{path}", gateway.url()))
                .header("content-type", "application/json")
                .header("authorization", format!("Bearer {key}"))
                .body(body.as_slice());
            let answer = agent.run(sent.expect("is a request")).expect("is answered");
            assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        }
    }
    // Who does not stop is cut off, and who sends the body only when asked to is not asked.
    let endless = b"POST /track HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).expect("it listens");
    stream.write_all(endless).expect("is taken");
    let piece = [b"100000\r\n".as_slice(), &[b' '; 0x10_0000], b"\r\n"].concat();
    let taken = (0..100).take_while(|_| stream.write_all(&piece).is_ok());
    assert!(taken.count() < 60, "it reads 16 MiB, and sockets hold some");
    let asks = b"POST /track HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
        content-length: 5000000\r\n\r\n";
    let answer = raw(&gateway, asks);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(redis.events("shop"), 0.0);
}

#[test]
fn names_that_the_module_does_not_take_do_not_lose_the_event() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let mut properties = serde_json::Map::new();
    for number in 0..40 {
        properties.insert(format!("p{number}"), json!("x"));
        properties.insert(format!("n{number}"), json!(number));
    }
    for name in [
        "",
        "event",
        "a=b",
        "a@b",
        "events",
        "users",
        "a:b",
        "~other",
        "\r\nSET x y\r\n",
    ] {
        properties.insert(String::from(name), json!("\r\nFLUSHALL\r\n"));
        properties.insert(format!("{name}n"), json!(1));
    }
    let call = json!({"event": "v", "userId": "a", "properties": properties});
    let answer = post(&gateway, "/v1/track", call.to_string())
        .bearer(&key)
        .send();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(redis.events("shop"), 1.0);
    // More properties than a site has room for, a few each time.
    for number in 0..30 {
        let call = json!({"event": "v", "userId": "a", "properties":
            {format!("d{number}"): "x", format!("v{number}"): 1, "events": 5}});
        let answer = post(&gateway, "/v1/track", call.to_string())
            .bearer(&key)
            .send();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(redis.events("shop"), 31.0);
}

#[test]
fn guessed_keys_are_limited_and_paths_lead_nowhere() {
    let redis = RedisServer::start();
    site(&redis, "shop", &[]);
    let gateway = Gateway::with(&redis, &[("LIMITS__FAILURES_PER_MINUTE", "5")]);
    let event = r#"{"event": "v", "user_id": "a"}"#;
    let guess = |n: u32| {
        post(&gateway, "/track", event)
            .bearer(&format!("wk_{n:012x}_{n}"))
            .send()
    };
    let statuses: Vec<u16> = (0..7).map(|n| guess(n).status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    assert!(guess(8).headers.contains_key("retry-after"));
    let question = "/api/v1/sites/shop/get?window=24h&metric=events";
    assert_eq!(get(&gateway, question).bearer("rt_a_b").send().status, 429);
    assert_eq!(
        get(&gateway, "/api/v1/sites").bearer("guess").send().status,
        429
    );
    for path in [
        "/..",
        "/../../etc/passwd",
        "/js/../../../etc/passwd",
        "/js/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/sites/..%2f..%2fshop/get",
        "/api/v1/sites/%00/get?window=24h&metric=events",
        "/api/v1/sites/shop%0d%0aX:y/get?window=1h&metric=events",
    ] {
        let answer = get(&gateway, path).send();
        assert!(
            [400, 401, 404, 429].contains(&answer.status),
            "{path} {answer:?}"
        );
        assert!(!answer.text.contains("root:"));
    }
    assert_eq!(get(&gateway, "/nothing").send().code(), "not_found");
    assert_eq!(get(&gateway, "/track").send().code(), "method_not_allowed");
    assert_eq!(redis.events("shop"), 0.0);
}

#[test]
fn an_address_and_a_site_have_their_limits() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let settings = [
        ("LIMITS__ADDRESS_PER_SECOND", "2"),
        ("HTTP__TRUSTED_PROXIES", "[\"127.0.0.1/32\"]"),
    ];
    let gateway = Gateway::with(&redis, &settings);
    let event = r#"{"event": "v", "user_id": "a"}"#;
    let send = |address: &str| {
        post(&gateway, "/track", event)
            .bearer(&key)
            .header("x-forwarded-for", address)
            .send()
    };
    let refused = (0..60).filter(|_| send("1.1.1.1").status == 429).count();
    assert!(refused > 0);
    assert_eq!(gateway.dropped("rate_limited"), refused as f64);
    assert_eq!(send("2.2.2.2").status, 200);
    let counted = 61.0 - refused as f64;
    assert_eq!(redis.events("shop"), counted);
}

/// Bytes as they are, and what comes back until the other side closes.
fn raw(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("can be set");
    stream.write_all(bytes).expect("is taken");
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn clients_that_are_slow_or_speak_no_http_are_let_go() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let settings = [
        ("HTTP__HEADER_TIMEOUT", "1s"),
        ("HTTP__REQUEST_TIMEOUT", "1s"),
    ];
    let gateway = Gateway::with(&redis, &settings);
    let begun = Instant::now();
    assert!(!raw(&gateway, b"POST /track HTTP/1.1\r\nhost: x\r\nx-slow: ").contains("200"));
    // Nothing at all, and the begin of what HTTP/2 begins with.
    for silent in [&b""[..], b"PRI * HT"] {
        assert_eq!(raw(&gateway, silent), "");
    }
    let body = raw(
        &gateway,
        b"POST /track HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{",
    );
    assert!(body.starts_with("HTTP/1.1 4"), "{body}");
    let slow = format!("POST /track?key={key} HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{{");
    let slow = raw(&gateway, slow.as_bytes());
    assert!(slow.starts_with("HTTP/1.1 408"), "{slow}");
    assert!(raw(&gateway, b"\x16\x03\x01\x02\x00nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    let two_lengths = b"POST /track HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\
        content-length: 3\r\n\r\n{}x";
    assert!(raw(&gateway, two_lengths).starts_with("HTTP/1.1 400"));
    let huge = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "a".repeat(1_000_000)
    );
    assert!(
        raw(&gateway, huge.as_bytes()).contains("431") || raw(&gateway, huge.as_bytes()).is_empty()
    );
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(get(&gateway, "/healthz").send().status, 200);
}

#[test]
fn no_secret_and_no_visitor_is_in_the_log() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &[]);
    let gateway = Gateway::with(&redis, &[("LOG__LEVEL", "trace,hyper=info,h2=info")]);
    let event =
        r#"{"event": "v", "user_id": "ann@example.com", "properties": {"a": "secret-value"}}"#;
    let answer = post(&gateway, &format!("/track?key={key}"), event).send();
    assert_eq!(answer.status, 200);
    let path = format!("/api/v1/sites/shop/get?window=24h&metric=events&token={token}");
    assert_eq!(get(&gateway, &path).send().status, 200);
    post(&gateway, "/track", event)
        .bearer("wk_guess_guess")
        .send();
    let log = gateway.log();
    for secret in [
        &key[4..],
        &token[4..],
        "ann@example.com",
        "secret-value",
        "guess_guess",
    ] {
        assert!(!log.contains(secret), "{secret} {log}");
    }
}

#[test]
fn answers_have_the_headers_of_data() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis);
    for path in ["/healthz", "/nothing", "/metrics", "/api/openapi.json"] {
        let headers = get(&gateway, path).send().headers;
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert!(headers["content-security-policy"].contains("default-src 'none'"));
        assert!(!headers.contains_key("server"));
    }
}
