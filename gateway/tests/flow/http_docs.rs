//! The examples of docs/http-api.md, run by the shell: each answer has the shape and the numbers that
//! the page shows, but for times and the texts that it leaves out.

use crate::gateway::{site, Gateway};
use crate::http::post;
use crate::redis_server::RedisServer;
use serde_json::{json, Value};
use std::path::Path;
use std::process::Command;

/// Each command of the page with the lines that follow it.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut examples: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            examples.push((String::from(command), String::new()));
        } else if let (true, Some((_, shown))) = (inside, examples.last_mut()) {
            shown.push_str(line.trim_end());
            shown.push('\n');
        }
    }
    examples
}

/// Whether the answer is what is shown: times move, and the accuracy with the buckets at hand.
fn matches(shown: &Value, answer: &Value) -> bool {
    const MOVES: [&str; 5] = ["time", "time_ms", "period_key", "accuracy", "granularity"];
    match (shown, answer) {
        (Value::Object(shown), Value::Object(answer)) => {
            shown.keys().eq(answer.keys())
                && shown.iter().all(|(name, value)| {
                    MOVES.contains(&name.as_str()) || matches(value, &answer[name])
                })
        }
        (Value::Array(shown), Value::Array(answer)) => {
            shown.len() == answer.len() && shown.iter().zip(answer).all(|(a, b)| matches(a, b))
        }
        (Value::String(shown), _) if shown == "..." => true,
        (shown, answer) => shown == answer,
    }
}

#[test]
fn every_example_answers_what_the_page_shows() {
    let redis = RedisServer::start();
    let (key, token) = site(&redis, "shop", &["--tz", "Europe/Paris"]);
    redis.ask("ANALYTICS.ALTER shop CUBE event,country CUBE event,page LOG 1000");
    let gateway = Gateway::start(&redis);
    let event = |user: &str, country: &str, page: &str, latency: u32| {
        json!({"event": "pageview", "user_id": user,
            "properties": {"country": country, "page": page, "latency": latency}})
    };
    let body = json!([
        event("ann", "FR", "/shoes", 10),
        event("ann", "FR", "/hats", 20),
        event("bob", "DE", "/hats", 30)
    ]);
    let sent = post(&gateway, "/track", body.to_string())
        .bearer(&key)
        .send();
    assert_eq!(sent.json()["counted"], 3);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/http-api.md");
    let examples = examples(&std::fs::read_to_string(page).expect("the page is there"));
    assert!(examples.len() >= 10);
    for (command, shown) in examples {
        let here = command.replace("http://localhost:8080", &gateway.url());
        let output = Command::new("bash")
            .args(["-c", &here])
            .env("H", format!("Authorization: Bearer {token}"))
            .output()
            .expect("bash is installed");
        let answer = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        match (serde_json::from_str(&shown), serde_json::from_str(&answer)) {
            (Ok(shown), Ok(answer)) => assert!(matches(&shown, &answer), "{command}\n{answer}"),
            _ => {
                let head = |text: &str| text.lines().next().map(String::from);
                assert_eq!(head(&shown), head(&answer), "{command}");
                assert_eq!(shown.lines().count(), answer.lines().count(), "{command}");
            }
        }
    }
}
