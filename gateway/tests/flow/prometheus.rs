//! The figures of `/metrics`: what they count, and that Prometheus reads them. `promtool` checks the
//! text, and a Prometheus server scrapes it.

use crate::gateway::{site, Gateway};
use crate::http::{get, post};
use crate::redis_server::{folder, free_port, RedisServer};
use serde_json::{json, Value};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn figures_are_what_happened_and_prometheus_can_read_them() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &["--prometheus", "true", "--goal", "buy"]);
    let (quiet, _) = site(&redis, "quiet", &[]);
    let gateway = Gateway::start(&redis);
    let mut events: Vec<_> = (0..60)
        .map(|n| json!({"event": format!("e{n}"), "user_id": "ann"}))
        .collect();
    events.push(json!({"event": "buy", "user_id": "bob"}));
    let first =
        json!([{"event": "pageview", "user_id": "ann"}, {"event": "buy", "user_id": "bob"}]);
    for body in [first, json!(events)] {
        let answer = post(&gateway, "/track", body.to_string())
            .bearer(&key)
            .send();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let event = json!({"event": "secret", "user_id": "x"}).to_string();
    post(&gateway, "/track", event).bearer(&quiet).send();
    get(&gateway, "/api/v1/sites/a-site-of-somebody/get").send();
    get(&gateway, "/a-path-of-somebody").send();
    let metric = |name: &str| gateway.metric(name);
    assert_eq!(
        metric("analytics_events_total{site=\"shop\",event=\"buy\"}"),
        2.0
    );
    // Beyond 50 names, one row for the rest.
    assert_eq!(
        metric("analytics_events_total{site=\"shop\",event=\"~other\"}"),
        12.0
    );
    assert_eq!(metric("analytics_page_views_total{site=\"shop\"}"), 1.0);
    assert_eq!(metric("analytics_current_visitors{site=\"shop\"}"), 2.0);
    assert_eq!(
        metric("analytics_visitors{site=\"shop\",window=\"24h\"}"),
        2.0
    );
    assert_eq!(metric("analytics_conversion_rate{site=\"shop\"}"), 0.5);
    let requests = "analytics_request_duration_seconds_count{endpoint=\"/track\",\
        method=\"POST\",status=\"200\"}";
    assert_eq!(metric(requests), 3.0);
    let text = get(&gateway, "/metrics").send();
    assert_eq!(
        text.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    for hidden in ["quiet", "secret", "somebody"] {
        assert!(!text.text.contains(hidden), "{hidden}");
    }
    check_with_promtool(&text.text);
}

fn check_with_promtool(text: &str) {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = spawned else {
        eprintln!("skipped: promtool is not installed (Debian: prometheus)");
        return;
    };
    let mut input = promtool.stdin.take().expect("is piped");
    input.write_all(text.as_bytes()).expect("is read");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// A Prometheus server that scrapes a gateway five times a second; dropped, it ends.
struct Prometheus {
    port: u16,
    process: Child,
}

impl Prometheus {
    /// None where the program is not installed.
    fn start(folder: &Path, gateway: &Gateway) -> Option<Prometheus> {
        let config = json!({"scrape_configs": [{
            "job_name": "gateway", "scrape_interval": "200ms", "scrape_timeout": "200ms",
            "static_configs": [{"targets": [format!("127.0.0.1:{}", gateway.port)]}],
        }]});
        let file = folder.join("prometheus.yml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string()).expect("can be written");
        let port = free_port();
        let spawned = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = spawned.ok()?;
        Some(Prometheus { port, process })
    }

    /// The number of a series that one scrape has stored; None while there is none.
    fn number(&self, query: &str) -> Option<f64> {
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let mut answer = ureq::get(url).query("query", query).call().ok()?;
        let answer: Value = answer.body_mut().read_json().ok()?;
        let value = &answer["data"]["result"][0]["value"][1];
        value.as_str()?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_prometheus_server_scrapes_every_figure() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &["--prometheus", "true", "--goal", "buy"]);
    let gateway = Gateway::start(&redis);
    let events = json!([
        {"event": "pageview", "user_id": "ann"},
        {"event": "pageview", "user_id": "bob"},
        {"event": "buy", "user_id": "bob"},
    ]);
    let answer = post(&gateway, "/track", events.to_string())
        .bearer(&key)
        .send();
    assert_eq!(answer.status, 200, "{answer:?}");
    let folder = folder();
    let Some(prometheus) = Prometheus::start(&folder, &gateway) else {
        eprintln!("skipped: prometheus is not installed (Debian: prometheus)");
        return;
    };
    for (query, number) in [
        ("up", 1.0),
        ("analytics_events_total{site=\"shop\",event=\"buy\"}", 1.0),
        ("analytics_page_views_total{site=\"shop\"}", 2.0),
        ("analytics_current_visitors{site=\"shop\"}", 2.0),
        ("analytics_visitors{site=\"shop\",window=\"24h\"}", 2.0),
        ("analytics_conversion_rate{site=\"shop\"}", 0.5),
        ("analytics_queue_events", 0.0),
        (
            "analytics_request_duration_seconds_bucket{endpoint=\"/track\",le=\"+Inf\"}",
            1.0,
        ),
        (
            "analytics_redis_operation_duration_seconds_count{operation=\"track\"}",
            1.0,
        ),
    ] {
        let until = Instant::now() + Duration::from_secs(30);
        while prometheus.number(query) != Some(number) {
            let found = prometheus.number(query);
            assert!(Instant::now() < until, "{query}: {found:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }
    drop(prometheus);
    let _ = std::fs::remove_dir_all(folder);
}
