//! What is found out of a visitor: browser, country, source, id.

use crate::gateway::{command, site, Gateway, FIREFOX};
use crate::http::post;
use crate::redis_server::RedisServer;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files of scripts/gateway-data, or None where they cannot be had.
fn data() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join("target/gateway-data");
    let fetched = Command::new(root.join("scripts/gateway-data"))
        .arg(&folder)
        .status();
    match fetched {
        Ok(status) if status.success() => Some(folder),
        _ => {
            eprintln!("skipped: scripts/gateway-data cannot fetch its files here");
            None
        }
    }
}

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
    (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 \
    (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1";
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
    (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36";

fn view(gateway: &Gateway, agent: &str, address: &str) -> u16 {
    let body = json!({"n": "pageview", "u": "https://blog.example/", "d": "blog.example"});
    post(gateway, "/api/event", body.to_string())
        .header("user-agent", agent)
        .header("x-forwarded-for", address)
        .send()
        .status
}

#[test]
fn browser_system_device_and_country_are_found() {
    let Some(data) = data() else { return };
    let redis = RedisServer::start();
    site(&redis, "blog", &["--domain", "blog.example"]);
    let agents = data.join("user-agents.json").display().to_string();
    let countries = data.join("countries.mmdb").display().to_string();
    let gateway = Gateway::with(
        &redis,
        &[
            ("ENRICH__USER_AGENTS", &agents),
            ("ENRICH__COUNTRIES", &countries),
            ("HTTP__TRUSTED_PROXIES", "[\"127.0.0.1/32\"]"),
        ],
    );
    for (agent, address) in [
        (FIREFOX, "8.8.8.8"),
        (IPHONE, "193.0.6.139"),
        (IPAD, "193.0.6.139, 127.0.0.1"),
        (CHROME, "2001:67c:2e8::1"),
        (CHROME, "192.168.1.1"),
    ] {
        assert_eq!(view(&gateway, agent, address), 202);
    }
    let top = |dimension: &str| {
        let rows = redis.top("blog", dimension).into_iter();
        rows.map(|(name, n)| format!("{name} {n}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(top("browser"), "Chrome 2, Safari 2, Firefox 1");
    assert_eq!(top("os"), "Windows 2, iOS 2, Linux 1");
    assert_eq!(top("device"), "Desktop 3, Mobile 1, Tablet 1");
    assert_eq!(top("country"), "NL 3, US 1");
    let status = view(
        &gateway,
        "AhrefsSiteAudit (desktop) (+http://ahrefs.com/robot/)",
        "8.8.8.8",
    );
    assert_eq!((status, gateway.dropped("bot")), (202, 1.0));
}

#[test]
fn files_that_are_missing_are_said_and_harmless() {
    let redis = RedisServer::start();
    site(&redis, "blog", &["--domain", "blog.example"]);
    let settings = [
        ("ENRICH__USER_AGENTS", "/no/a"),
        ("ENRICH__COUNTRIES", "/no/b"),
    ];
    let gateway = Gateway::with(&redis, &settings);
    assert_eq!(view(&gateway, FIREFOX, "8.8.8.8"), 202);
    assert_eq!(redis.events("blog"), 1.0);
    let log = gateway.log();
    assert!(
        log.contains("/no/a") && log.contains("events go without country"),
        "{log}"
    );
}

#[test]
fn a_forwarded_address_is_believed_of_trusted_proxies_only() {
    for (trusted, users) in [("[]", 1.0), ("[\"127.0.0.0/8\"]", 3.0)] {
        let redis = RedisServer::start();
        site(&redis, "blog", &["--domain", "blog.example"]);
        let gateway = Gateway::with(&redis, &[("HTTP__TRUSTED_PROXIES", trusted)]);
        for forged in ["1.1.1.1", "2.2.2.2", "3.3.3.3", "9.9.9.9, 3.3.3.3"] {
            assert_eq!(view(&gateway, FIREFOX, forged), 202);
        }
        assert_eq!(redis.number("ANALYTICS.UNIQUE blog 24h"), users);
    }
}

#[test]
fn derived_ids_are_the_same_on_every_gateway_and_keep_nothing_of_the_visitor() {
    for mode in ["daily", "monthly"] {
        derives_ids(mode);
    }
}

fn derives_ids(mode: &str) {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "blog", &["--domain", "blog.example", "--ids", mode]);
    command(
        &redis,
        &["site", "add", "other", "--domain", "other.example"],
    )
    .expect("is made");
    redis.ask("ANALYTICS.ALTER blog LOG 1000 LOGUSERS yes");
    let proxies = [("HTTP__TRUSTED_PROXIES", "[\"127.0.0.1/32\"]")];
    let gateways = [
        Gateway::with(&redis, &proxies),
        Gateway::with(&redis, &proxies),
    ];
    for gateway in &gateways {
        view(gateway, FIREFOX, "81.2.69.142");
        view(gateway, CHROME, "81.2.69.142");
        let body = json!({"event": "buy", "user_id": "ann@example.com"}).to_string();
        let answer = post(gateway, "/track", body).bearer(&key).send();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(redis.events("blog"), 6.0);
    assert_eq!(redis.number("ANALYTICS.UNIQUE blog 24h"), 3.0);
    let log = format!("{:?}", redis.ask("XRANGE {blog}:events - +"));
    for kept in ["81.2.69.142", "ann@example.com", "Mozilla"] {
        assert!(!log.contains(kept), "{kept}");
        assert!(
            gateways.iter().all(|gateway| !gateway.log().contains(kept)),
            "{kept}"
        );
    }
    let salts = format!("{:?}", redis.ask("HKEYS {analytics-gateway}:salts"));
    assert_eq!(salts.matches("day:").count(), 2, "{salts}");
    assert_eq!(salts.matches("month:").count(), 2, "{salts}");
}
