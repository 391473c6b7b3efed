//! The official packages of the protocols, as their makers publish them, pointed at the gateway.
//! Their programs are in `tests/clients`; `scripts/gateway-clients` installs them.

use crate::gateway::{site, Gateway};
use crate::redis_server::RedisServer;
use serde_json::{json, Value};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What runs programs of this language with the packages, or None where they cannot be had.
pub fn prepared(language: &str) -> Option<String> {
    let output = Command::new(root().join("scripts/gateway-clients"))
        .arg(language)
        .output()
        .expect("the script is there");
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        eprintln!("skipped: {}", why.trim());
        assert_eq!(output.status.code(), Some(69), "{why}");
        return None;
    }
    Some(String::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Runs a program of `tests/clients`; what it prints is only of interest when it fails.
pub fn run(language: &str, program: &str, words: &[&str]) -> bool {
    let Some(home) = prepared(language) else {
        return false;
    };
    let mut command = match language {
        "python" => {
            let mut command = Command::new(home);
            command.arg(root().join("gateway/tests/clients").join(program));
            command
        }
        _ => {
            let mut command = Command::new("node");
            command.args(["--preserve-symlinks", "--preserve-symlinks-main"]);
            command.arg(Path::new(&home).join("clients").join(program));
            command
        }
    };
    let output = command.args(words).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    true
}

/// Runs the program of a client against a site of its own. Each sends 50 purchases of 10 users with
/// the revenues 0 to 49, one page view and one identify, under the names that its protocol gives.
fn all_is_counted(language: &str, program: &str, events: [&str; 3], page: &str) {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "app", &[]);
    let gateway = Gateway::start(&redis);
    if !run(language, program, &[&gateway.url(), &key]) {
        return;
    }
    let rows = redis.top("app", "event").into_iter();
    let counted: Vec<String> = rows
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    assert_eq!(counted, events);
    assert_eq!(redis.number("ANALYTICS.GET app 24h revenue:sum"), 1225.0);
    assert_eq!(redis.number("ANALYTICS.UNIQUE app 24h"), 10.0);
    assert_eq!(redis.top("app", "page"), [(String::from(page), 1)]);
}

#[test]
fn segment_for_node() {
    let events = ["Bought 50", "identify 1", "pageview 1"];
    all_is_counted("node", "segment.mjs", events, "/");
}

#[test]
fn segment_for_python() {
    let events = ["Bought 50", "identify 1", "pageview 1"];
    all_is_counted("python", "segment_app.py", events, "/");
}

#[test]
fn posthog_for_node() {
    let events = ["bought 50", "$identify 1", "pageview 1"];
    all_is_counted("node", "posthog.mjs", events, "/home");
}

/// What wscat prints: it connects, sends one message, shows what comes and closes after two seconds.
fn said_by_wscat(home: &str, url: &str, message: &str) -> Vec<Value> {
    let program = Path::new(home).join("node_modules/wscat/bin/wscat");
    let options = ["--no-color", "--connect", url, "--wait", "2", "--execute"];
    let mut wscat = Command::new("node")
        .arg(program)
        .args(options)
        .arg(message)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    // It ends with its input, so that this stays open.
    let input = wscat.stdin.take();
    let output = wscat.wait_with_output().expect("it ends");
    drop(input);
    let text = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text} {why}");
    let messages = text.lines().map(serde_json::from_str);
    messages
        .collect::<Result<_, _>>()
        .unwrap_or_else(|_| panic!("only messages are printed: {text}"))
}

#[test]
fn wscat_holds_the_protocol_of_listeners() {
    let Some(home) = prepared("node") else {
        return;
    };
    let redis = RedisServer::start();
    let (_, token) = site(&redis, "shop", &[]);
    let gateway = Gateway::with(&redis, &[("LIVE__HEARTBEAT", "500ms")]);
    let url = format!(
        "ws://127.0.0.1:{}/ws/analytics?site=shop&token={token}",
        gateway.port
    );
    for (asked, answer) in [("ping", "pong"), ("refresh_stats", "refresh_stats")] {
        let message = json!({"type": asked}).to_string();
        let said = said_by_wscat(&home, &url, &message);
        let kinds: Vec<&str> = said.iter().filter_map(|m| m["type"].as_str()).collect();
        assert_eq!(kinds.first(), Some(&"initial_stats"), "{said:?}");
        assert!(kinds.contains(&answer), "{said:?}");
        assert!(kinds.contains(&"heartbeat"), "{said:?}");
    }
    // A client that closes in order is gone from the figures.
    gateway.eventually_metric("analytics_websocket_connections", 0.0);
}
