//! Pages in headless Chromium: our own script, and Plausible's tracker as it is published.

use crate::clients::{prepared, run};
use crate::gateway::{site, Gateway};
use crate::http::get;
use crate::redis_server::RedisServer;
use std::collections::HashMap;
use std::io::Write;

fn measured_by(kind: &str) {
    let redis = RedisServer::start();
    site(&redis, "blog", &["--domain", "blog.example"]);
    let gateway = Gateway::start(&redis);
    let Some(browser) = prepared("browser") else {
        return;
    };
    if !run("node", "pages.mjs", &[&gateway.url(), kind, &browser]) {
        return;
    }
    let events: HashMap<String, i64> = redis.top("blog", "event").into_iter().collect();
    assert_eq!(events.get("pageview"), Some(&2), "{events:?}");
    assert_eq!(events.get("Signup"), Some(&1), "{events:?}");
    assert_eq!(events.get("Outbound Link: Click"), Some(&1), "{events:?}");
    assert!(events.get("engagement") >= Some(&1), "{events:?}");
    assert_eq!(redis.number("ANALYTICS.UNIQUE blog 24h"), 1.0);
    let pages = "ANALYTICS.GET blog 24h events@page=/one";
    assert!(redis.number(pages) >= 1.0);
    assert_eq!(redis.number("ANALYTICS.GET blog 24h revenue:sum"), 9.5);
    assert_eq!(redis.top("blog", "plan"), [(String::from("pro"), 1)]);
    assert!(redis.number("ANALYTICS.GET blog 24h engagement:sum") > 0.5);
    assert_eq!(
        redis.number("ANALYTICS.GET blog 24h events@utm_source=news"),
        {
            // The first view, and its engagement.
            1.0 + redis.number("ANALYTICS.GET blog 24h engagement:count@page=/one")
        }
    );
}

#[test]
fn our_script_measures_a_page() {
    measured_by("script");
}

#[test]
fn plausibles_tracker_measures_a_page() {
    measured_by("tracker");
}

#[test]
fn our_script_is_less_than_two_kilobytes() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis);
    let answer = get(&gateway, "/js/script.js").send();
    assert_eq!(
        answer.headers["content-type"],
        "text/javascript; charset=utf-8"
    );
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(answer.text.as_bytes()).expect("is packed");
    let bytes = packed.finish().expect("is packed").len();
    assert!(bytes < 2_048, "{bytes} bytes");
}
