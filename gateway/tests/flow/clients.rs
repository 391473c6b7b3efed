//! The official packages of the protocols, as their makers publish them, pointed at the gateway.
//! Their programs are in `tests/clients`; `scripts/gateway-clients` installs them.

use crate::gateway::{site, Gateway};
use crate::redis_server::RedisServer;
use std::path::{Path, PathBuf};
use std::process::Command;

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

fn events(redis: &RedisServer, site: &str) -> Vec<String> {
    let rows = redis.top(site, "event").into_iter();
    rows.map(|(name, count)| format!("{name} {count}"))
        .collect()
}

#[test]
fn segment_for_node() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "app", &[]);
    let gateway = Gateway::start(&redis);
    if run("node", "segment.mjs", &[&gateway.url(), &key]) {
        assert_eq!(
            events(&redis, "app"),
            ["Bought 50", "identify 1", "pageview 1"]
        );
        assert_eq!(redis.number("ANALYTICS.GET app 24h revenue:sum"), 1225.0);
        assert_eq!(redis.number("ANALYTICS.UNIQUE app 24h"), 10.0);
    }
}

#[test]
fn segment_for_python() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "app", &[]);
    let gateway = Gateway::start(&redis);
    if run("python", "segment_app.py", &[&gateway.url(), &key]) {
        assert_eq!(
            events(&redis, "app"),
            ["Bought 50", "identify 1", "pageview 1"]
        );
        assert_eq!(redis.number("ANALYTICS.GET app 24h revenue:sum"), 1225.0);
        assert_eq!(redis.number("ANALYTICS.UNIQUE app 24h"), 10.0);
    }
}

#[test]
fn posthog_for_node() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "app", &[]);
    let gateway = Gateway::start(&redis);
    if run("node", "posthog.mjs", &[&gateway.url(), &key]) {
        assert_eq!(
            events(&redis, "app"),
            ["bought 50", "$identify 1", "pageview 1"]
        );
        assert_eq!(redis.number("ANALYTICS.GET app 24h revenue:sum"), 1225.0);
        assert_eq!(redis.top("app", "page"), [(String::from("/home"), 1)]);
    }
}
