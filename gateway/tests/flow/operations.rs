//! What an operator looks at: health, logs, settings, rights in Redis, TLS.

use crate::gateway::{command, command_with, site, Gateway, ADMIN, FIREFOX};
use crate::http::{get, post};
use crate::redis_server::RedisServer;
use serde_json::json;
use std::process::{Command, Stdio};

#[test]
fn without_redis_it_starts_says_so_and_goes_on_when_it_is_there() {
    let mut redis = RedisServer::with_file();
    let (key, _) = site(&redis, "shop", &[]);
    let settings = [
        ("REDIS__CONNECTION_TIMEOUT", "200ms"),
        ("REDIS__RESPONSE_TIMEOUT", "500ms"),
    ];
    redis.kill();
    let gateway = Gateway::unready(&redis, &settings);
    let alive = gateway.eventually_up(|| get(&gateway, "/healthz"));
    assert_eq!(alive.status, 200);
    let event = r#"{"event": "view", "user_id": "ann"}"#;
    for answer in [
        get(&gateway, "/readyz").send(),
        post(&gateway, "/track", event).bearer(&key).send(),
        get(&gateway, "/api/v1/sites/shop/get?window=1h&metric=events").send(),
    ] {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (503, "unavailable")
        );
    }
    redis.start_again();
    gateway.wait_until_ready();
    assert_eq!(
        post(&gateway, "/track", event).bearer(&key).send().status,
        200
    );
}

#[test]
fn logs_are_json_if_they_are_to_be() {
    let redis = RedisServer::start();
    let gateway = Gateway::with(&redis, &[("LOG__FORMAT", "json")]);
    let log = gateway.log();
    assert!(log.lines().count() > 0);
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("is JSON");
        assert!(line["fields"]["message"].is_string());
    }
}

#[test]
fn settings_that_are_wrong_are_named() {
    let redis = RedisServer::start();
    for (name, value, said) in [
        ("HTTP__LISTEN", "here", "http.listen"),
        ("INGEST__DEADLINE", "soon", "ingest.deadline"),
        ("INGEST__BATCH_EVENTS", "0", "ingest.batch_events"),
        ("REDIS__URLS", "[]", "redis.urls"),
        ("SITES__ADMIN_TOKEN", "short", "sites.admin_token"),
        ("HTTP__TLS_KEY", "/x", "http.tls_certificate"),
        ("HTTP__THREADS", "1000", "http.threads"),
        ("HTTP__NOTHING", "1", "nothing"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_analytics-gateway"))
            .arg("check")
            .env(format!("ANALYTICS_GATEWAY_{name}"), value)
            .output()
            .expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(
            !output.status.success() && error.contains(said),
            "{name}: {error}"
        );
    }
    command(&redis, &["check"]).expect("the defaults are valid");
}

#[test]
fn a_user_of_redis_with_few_rights_is_enough() {
    let redis = RedisServer::start();
    let commands = "+analytics.create +analytics.help +analytics.track +analytics.mtrack \
        +analytics.get +get +hget +hvals +hgetall +hset +hsetnx +hdel +incr +eval +ping";
    let keys = "~{analytics-gateway}:* ~shop ~{shop}:*";
    redis.ask(&format!(
        "ACL SETUSER gate on >secret resetkeys {keys} -@all {commands}"
    ));
    let urls = format!("[\"redis://gate:secret@127.0.0.1:{}\"]", redis.port);
    let settings = [("REDIS__URLS", urls.as_str())];
    command_with(&settings, &["site", "add", "shop"]).expect("is made");
    let key = command_with(&settings, &["site", "key", "shop"]).expect("is made");
    let wrong = command_with(&settings, &["site", "add", "blog"]).expect_err("is not allowed");
    assert!(!wrong.contains("secret"), "{wrong}");
    let gateway = Gateway::with(&redis, &settings);
    let body = json!([{"event": "view", "user_id": "a"}, {"event": "view", "user_id": "b"}]);
    let answer = post(&gateway, "/track", body.to_string())
        .bearer(&key)
        .send();
    assert_eq!(answer.json()["counted"], 2, "{answer:?}");
    let path = "/api/v1/sites/shop/get?window=1h&metric=users";
    assert_eq!(
        get(&gateway, path).bearer(ADMIN).send().json()["metrics"]["users"],
        2
    );
    assert!(!gateway.log().contains("secret"));
}

#[test]
fn over_tls() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let folder = crate::redis_server::folder();
    let path = |name: &str| folder.join(name).display().to_string();
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x",
        ])
        .args([
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            &path("key.pem"),
        ])
        .args(["-out", &path("cert.pem")])
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: openssl makes no certificate here");
        return;
    }
    let (certificate, private) = (path("cert.pem"), path("key.pem"));
    let settings = [
        ("HTTP__TLS_CERTIFICATE", certificate.as_str()),
        ("HTTP__TLS_KEY", private.as_str()),
    ];
    let gateway = Gateway::unready(&redis, &settings);
    let url = format!("https://127.0.0.1:{}/track", gateway.port);
    let header = format!("authorization: Bearer {key}");
    let body = r#"{"event": "view", "user_id": "ann"}"#;
    let mut said = String::new();
    for _ in 0..100 {
        let output = Command::new("curl")
            .args([
                "-s",
                "--cacert",
                &certificate,
                "-H",
                &header,
                "-A",
                FIREFOX,
                "-d",
                body,
                &url,
            ])
            .output();
        let Ok(output) = output else {
            eprintln!("skipped: curl is not installed");
            return;
        };
        said = String::from_utf8_lossy(&output.stdout).into_owned();
        if said.contains("success") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(said.contains("\"counted\":1"), "{said}");
    let _ = std::fs::remove_dir_all(folder);
}
