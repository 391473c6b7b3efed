//! Alerts out: to a real HTTP server and a real SMTP server of the tests.

use crate::gateway::{command, site, Gateway, ADMIN};
use crate::http::{get, post};
use crate::receivers::{HttpReceiver, SmtpReceiver};
use crate::redis_server::RedisServer;
use base64::prelude::{Engine, BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{json, Value};
use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

const QUICK: [(&str, &str); 3] = [
    ("ALERTS__POLL", "50ms"),
    ("ALERTS__TIMEOUT", "300ms"),
    ("ALERTS__RETRY", "400ms"),
];

/// An alert as the module appends it.
fn fire(redis: &RedisServer, rule: &str) {
    redis.ask(&format!(
        "XADD {{shop}}:alerts * rule {rule} state firing value 901.5 threshold 800 window 5m \
         severity page metric latency:p95 op > time 1796029237758"
    ));
}

fn add(gateway: &Gateway, kind: &str, address: &str) -> Value {
    let body = json!({"kind": kind, "address": address}).to_string();
    let path = "/api/v1/sites/shop/alert-targets";
    let answer = post(gateway, path, body)
        .header("content-type", "application/json")
        .bearer(ADMIN)
        .send();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

fn wait_for(what: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !what() {
        assert!(Instant::now() < until, "it does not happen");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_rule_that_fires_reaches_a_webhook_signed_slack_and_mail() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    let (web, slack, mail) = (
        HttpReceiver::start(),
        HttpReceiver::start(),
        SmtpReceiver::start(),
    );
    let smtp = format!("smtp://127.0.0.1:{}", mail.port);
    let mut settings = QUICK.to_vec();
    settings.extend([
        ("ALERTS__SMTP", smtp.as_str()),
        ("ALERTS__FROM", "Analytics <analytics@example.com>"),
    ]);
    let gateway = Gateway::with(&redis, &settings);
    let made = add(&gateway, "webhook", &web.url());
    let secret = made["secret"].as_str().expect("is shown once");
    add(&gateway, "slack", &slack.url());
    add(&gateway, "email", "ops@example.com");
    redis.ask("ANALYTICS.ALERT shop SET surge events 5m > 0 EVERY 1s SEVERITY page");
    let event = json!({"event": "view", "user_id": "ann"}).to_string();
    post(&gateway, "/track", event).bearer(&key).send();
    wait_for(|| web.count() == 1 && slack.count() == 1 && mail.count() == 1);
    let request = web.requests().remove(0);
    let body: Value = serde_json::from_str(&request.body).expect("is JSON");
    for (name, value) in [
        ("site", json!("shop")),
        ("rule", json!("surge")),
        ("state", json!("firing")),
        ("value", json!(1.0)),
        ("threshold", json!(0.0)),
        ("severity", json!("page")),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    let headers = &request.headers;
    let signed = format!(
        "{}.{}.{}",
        headers["webhook-id"], headers["webhook-timestamp"], request.body
    );
    let secret = secret.strip_prefix("whsec_").expect("has its prefix");
    let secret = BASE64_STANDARD.decode(secret).expect("is base64");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).expect("is a key");
    mac.update(signed.as_bytes());
    let code = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(headers["webhook-signature"], format!("v1,{code}"));
    let message: Value = serde_json::from_str(&slack.requests()[0].body).expect("is JSON");
    let text = message["text"].as_str().expect("is a text");
    assert!(text.starts_with("*[firing] shop: surge*"), "{text}");
    assert!(text.contains("&gt;"), "{text}");
    let letter = mail.letters().remove(0);
    assert!(letter.contains("RCPT TO:<ops@example.com>"), "{letter}");
    assert!(letter.contains("Subject: [firing] shop: surge"), "{letter}");
    assert!(letter.contains("Severity: page"), "{letter}");
    let sent = |kind: &str| {
        let name = format!("analytics_alerts_total{{kind=\"{kind}\",outcome=\"sent\"}}");
        gateway.metric(&name)
    };
    wait_for(|| {
        ["webhook", "slack", "email"]
            .iter()
            .all(|kind| sent(kind) == 1.0)
    });
    // Neither secrets nor whole URLs are shown again.
    let shown = get(&gateway, "/api/v1/sites/shop/alert-targets")
        .bearer(ADMIN)
        .send();
    assert!(
        !shown.text.contains("whsec_") && !shown.text.contains("/hook"),
        "{shown:?}"
    );
    assert_eq!(shown.json().as_array().map(Vec::len), Some(3));
}

#[test]
fn of_three_gateways_each_alert_is_sent_once() {
    let redis = RedisServer::start();
    site(&redis, "shop", &[]);
    let web = HttpReceiver::start();
    let gateways: Vec<Gateway> = (0..3).map(|_| Gateway::with(&redis, &QUICK)).collect();
    add(&gateways[0], "webhook", &web.url());
    for n in 0..60 {
        fire(&redis, &format!("r{n}"));
        thread::sleep(Duration::from_millis(10));
    }
    wait_for(|| web.count() >= 60);
    thread::sleep(Duration::from_millis(1_500));
    let mut rules = HashMap::<String, u32>::new();
    for request in web.requests() {
        let body: Value = serde_json::from_str(&request.body).expect("is JSON");
        *rules.entry(body["rule"].to_string()).or_default() += 1;
    }
    assert_eq!(rules.len(), 60);
    assert!(rules.values().all(|count| *count == 1), "{rules:?}");
}

#[test]
fn what_is_not_taken_is_sent_again_and_given_up_after_so_many_times() {
    let redis = RedisServer::start();
    site(&redis, "shop", &[]);
    let (web, other) = (HttpReceiver::start(), HttpReceiver::start());
    let mut settings = QUICK.to_vec();
    settings.push(("ALERTS__ATTEMPTS", "3"));
    let gateway = Gateway::with(&redis, &settings);
    add(&gateway, "webhook", &web.url());
    add(&gateway, "slack", &other.url());
    web.answer_with(&[500, 0, 200]);
    fire(&redis, "slow");
    // The other target has it at once.
    wait_for(|| other.count() == 1);
    wait_for(|| web.count() == 3);
    let requests = web.requests();
    let id = &requests[0].headers["webhook-id"];
    assert!(requests.iter().all(|r| r.headers["webhook-id"] == *id));
    // After 400 ms and after 800 ms; a busy machine takes note of a request late.
    assert!(requests[1].at - requests[0].at >= Duration::from_millis(250));
    assert!(requests[2].at - requests[1].at >= Duration::from_millis(650));
    web.answer_with(&[500, 503, 404, 200]);
    fire(&redis, "lost");
    let dead = "analytics_alerts_total{kind=\"webhook\",outcome=\"dead\"}";
    wait_for(|| gateway.metric(dead) == 1.0);
    thread::sleep(Duration::from_millis(1_500));
    assert_eq!((web.count(), other.count()), (6, 2));
    let kept = format!(
        "{:?}",
        redis.ask("XRANGE {analytics-gateway}:dead-alerts - +")
    );
    assert!(kept.contains("lost") && kept.contains("404"), "{kept}");
}

#[test]
fn a_gateway_that_dies_leaves_its_alerts_to_the_others_and_redis_may_restart() {
    let mut redis = RedisServer::with_file();
    site(&redis, "shop", &[]);
    let web = HttpReceiver::start();
    let first = Gateway::with(&redis, &[("ALERTS__POLL", "50ms")]);
    add(&first, "webhook", &web.url());
    web.answer_with(&[0]);
    fire(&redis, "slow");
    wait_for(|| web.count() == 1);
    // It is killed while the webhook does not answer.
    drop(first);
    let second = Gateway::with(&redis, &QUICK);
    wait_for(|| web.count() == 2);
    redis.kill();
    thread::sleep(Duration::from_millis(300));
    redis.start_again();
    second.wait_until_ready();
    fire(&redis, "later");
    wait_for(|| web.count() == 3);
    thread::sleep(Duration::from_millis(1_000));
    assert_eq!(web.count(), 3);
}

#[test]
fn targets_are_checked_and_removed_with_their_group() {
    let redis = RedisServer::start();
    site(&redis, "shop", &[]);
    let web = HttpReceiver::start();
    let gateway = Gateway::with(&redis, &QUICK);
    let path = "/api/v1/sites/shop/alert-targets";
    for body in [
        json!({"kind": "webhook", "address": "ftp://x"}),
        json!({"kind": "slack", "address": "nothing"}),
        json!({"kind": "email", "address": "a@example.com"}),
        json!({"kind": "pigeon", "address": "a"}),
    ] {
        let answer = post(&gateway, path, body.to_string())
            .header("content-type", "application/json")
            .bearer(ADMIN)
            .send();
        assert_eq!(answer.status, 400, "{body} {answer:?}");
    }
    assert_eq!(get(&gateway, path).send().status, 401);
    let added = command(&redis, &["site", "alerts", "shop", "webhook", &web.url()]);
    let added = added.expect("is added");
    let (id, secret) = added.split_once('\n').expect("id and secret");
    assert!(secret.starts_with("whsec_"));
    let listed = command(&redis, &["site", "alerts", "shop"]).expect("is listed");
    assert_eq!(listed, format!("{id}\twebhook\thttp://127.0.0.1/..."));
    fire(&redis, "slow");
    wait_for(|| web.count() == 1);
    let removed = get(&gateway, &format!("{path}/{id}"))
        .method("DELETE")
        .bearer(ADMIN)
        .send();
    assert_eq!(removed.status, 204, "{removed:?}");
    fire(&redis, "slow");
    thread::sleep(Duration::from_millis(500));
    assert_eq!(web.count(), 1);
    let groups = format!("{:?}", redis.ask("XINFO GROUPS {shop}:alerts"));
    assert!(!groups.contains(id), "{groups}");
}
