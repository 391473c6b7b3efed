//! The files of the page: how they are kept by browsers, and who may read what it begins with.

use crate::clients::prepared;
use crate::gateway::{command, site, Gateway, ADMIN};
use crate::http::{get, post};
use crate::redis_server::RedisServer;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

#[test]
fn files_are_kept_for_good_and_the_index_is_asked_for_each_time() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis);
    let index = get(&gateway, "/").send();
    assert_eq!(index.status, 200);
    assert_eq!(index.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(index.headers["cache-control"], "no-cache");
    let policy = &index.headers["content-security-policy"];
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let same = get(&gateway, "/")
        .header("if-none-match", &index.headers["etag"])
        .send();
    assert_eq!((same.status, same.text.as_str()), (304, ""));

    let script = index
        .text
        .split('"')
        .find(|it| it.ends_with("dist/page.js"));
    let script = format!("/{}", script.expect("is in the index"));
    let answer = get(&gateway, &script).send();
    assert_eq!(
        answer.headers["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert!(answer.headers["cache-control"].contains("immutable"));
    let version = script.split('/').nth(2).expect("has a version");
    let older = get(&gateway, &script.replace(version, "0123456789abcdef")).send();
    assert_eq!(older.headers["cache-control"], "no-cache");
    assert_eq!(older.text, answer.text);
    for path in [
        "/page/x/../../Cargo.toml",
        "/page/x/js/main.js",
        "/page/x/package.json",
        "/page/x/%2e%2e/index.html",
    ] {
        assert_eq!(get(&gateway, path).send().status, 404, "{path}");
    }
}

#[test]
fn the_page_begins_with_the_sites_that_whoever_opens_it_may_read() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "closed", &[]);
    let gateway = Gateway::start(&redis);
    let start = |query: &str, token: &str| {
        let request = get(&gateway, &format!("/api/v1/page{query}"));
        let request = if token.is_empty() {
            request
        } else {
            request.bearer(token)
        };
        let answer = request.send();
        let body = answer.json();
        (
            answer.status,
            body["sites"].clone(),
            body["site"].clone(),
            body["operator"].clone(),
        )
    };
    let refused = (
        401,
        serde_json::Value::Null,
        serde_json::Value::Null,
        serde_json::Value::Null,
    );
    assert_eq!(start("", ""), refused);
    assert_eq!(start("?site=closed", ""), refused);
    assert_eq!(start("?site=none", ""), refused);
    assert_eq!(start("", &key), refused);
    assert_eq!(start("", "rt_000000000000_00"), refused);
    let own = (200, json!(["closed"]), "closed".into(), false.into());
    assert_eq!(start("", &token), own);
    assert_eq!(start("?site=closed", &token), own);
    assert_eq!(start("?site=other", &token), refused);

    command(&redis, &["site", "add", "open", "--public", "true"]).expect("is made");
    gateway.eventually(|| get(&gateway, "/api/v1/page"), 200);
    assert_eq!(
        start("", ""),
        (200, json!(["open"]), "open".into(), false.into())
    );
    assert_eq!(start("?site=closed", ""), refused);
    let both = json!(["closed", "open"]);
    assert_eq!(
        start("?site=open", &token),
        (200, both.clone(), "open".into(), false.into())
    );
    assert_eq!(start("", ADMIN), (200, both, "closed".into(), true.into()));
    assert_eq!(start("?site=none", ADMIN).0, 404);
    assert_eq!(get(&gateway, "/api/v1/page?sit=open").send().status, 400);
}

#[test]
fn the_script_is_made_of_its_sources_and_the_pinned_packages() {
    if prepared("node").is_none() {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/page-scripts");
    let output = Command::new(script).arg("--check").output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(69) => eprintln!("skipped: {said}"),
        status => assert_eq!(status, Some(0), "{said}"),
    }
}

#[test]
fn the_operator_changes_what_is_counted_and_nobody_else() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &["--public", "true"]);
    let gateway = Gateway::start(&redis);
    let schema = |body: &str, token: &str| {
        let request = post(&gateway, "/api/v1/sites/shop/schema", body).method("PATCH");
        request
            .header("content-type", "application/json")
            .bearer(token)
            .send()
    };
    let cubes = r#"{"cubes": ["country,page"], "values": ["price"], "retention": {"hour": "30d"}, "log": 500}"#;
    for wrong in [token.as_str(), key.as_str(), "x"] {
        assert_eq!(schema(cubes, wrong).status, 401);
    }
    let info = schema(cubes, ADMIN).json();
    assert_eq!(info["cubes"], json!([["country,page", "users"]]));
    assert_eq!(info["log"], 500);
    assert_eq!(info["retention"]["hour"], "30d");
    for (body, code) in [
        ("{}", "invalid"),
        ("[]", "invalid"),
        (r#"{"cube": ["a,b"]}"#, "invalid"),
        (r#"{"cubes": ["a"]}"#, "refused"),
        (
            r#"{"cubes": ["country,device"], "retention": {"hour": "soon"}}"#,
            "refused",
        ),
    ] {
        let answer = schema(body, ADMIN);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, code),
            "{body}"
        );
    }
    // What was refused has changed nothing.
    assert_eq!(
        schema(r#"{"log": 0}"#, ADMIN).json()["cubes"],
        info["cubes"]
    );
    let missing = post(&gateway, "/api/v1/sites/none/schema", cubes).method("PATCH");
    let missing = missing
        .header("content-type", "application/json")
        .bearer(ADMIN);
    assert_eq!(missing.send().status, 404);
}

#[test]
fn rules_are_made_over_http_and_readers_see_what_they_sent() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &[]);
    let gateway = Gateway::start(&redis);
    let sent = post(&gateway, "/track", r#"{"event": "view", "user_id": "ann"}"#);
    assert_eq!(sent.bearer(&key).send().status, 200);
    let rule = |method, body: &str, token: &str| {
        let request = post(&gateway, "/api/v1/sites/shop/alerts/busy", body).method(method);
        let request = request.header("content-type", "application/json");
        request.bearer(token).send().status
    };
    let busy = r#"{"metric": "events", "window": "5m", "op": ">", "threshold": 0, "every": "1s", "severity": "page"}"#;
    assert_eq!(rule("PUT", busy, &token), 401);
    assert_eq!(rule("PUT", r#"{"metric": "events"}"#, ADMIN), 400);
    assert_eq!(rule("PUT", &busy.replace("5m", "soon"), ADMIN), 400);
    assert_eq!(rule("PUT", busy, ADMIN), 204);
    let history = || {
        let path = "/api/v1/sites/shop/alert-history?limit=5";
        get(&gateway, path).bearer(&token).send().json()
    };
    for _ in 0..100 {
        if history().as_array().is_some_and(|rows| !rows.is_empty()) {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    let sent = history();
    assert_eq!(sent[0]["rule"], "busy");
    assert_eq!(sent[0]["state"], "firing");
    assert_eq!(
        (&sent[0]["value"], &sent[0]["threshold"]),
        (&json!(1.0), &json!(0.0))
    );
    assert!(sent[0]["time"].as_str().is_some_and(|time| time.len() > 20));
    let refused = get(&gateway, "/api/v1/sites/shop/alert-history").send();
    assert_eq!(refused.status, 401);
    assert_eq!(rule("DELETE", "", &token), 401);
    assert_eq!(rule("DELETE", "", ADMIN), 204);
    assert_eq!(rule("DELETE", "", ADMIN), 404);
    assert_eq!(history()[0]["state"], "cancelled");
}

#[test]
fn a_listener_may_have_the_figures_without_the_events() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &["--public", "true"]);
    let gateway = Gateway::with(&redis, &[("LIVE__HEARTBEAT", "300ms")]);
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).expect("connects");
    let request = "GET /api/v1/sites/shop/live?events=false HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("is sent");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.next().is_some_and(|line| line.contains("200")));
    thread::sleep(Duration::from_millis(400));
    let sent = post(&gateway, "/track", r#"{"event": "view", "user_id": "ann"}"#);
    assert_eq!(sent.bearer(&key).send().status, 200);
    let messages = lines.filter(|line| line.starts_with("data:"));
    for message in messages {
        assert!(!message.contains("visitor_id"), "{message}");
        if message.contains(r#""total_events":1"#) {
            return;
        }
    }
    panic!("no heartbeat has the event");
}
