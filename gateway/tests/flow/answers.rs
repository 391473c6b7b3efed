//! Answers over HTTP are those of the module over the same events, on one server and on a cluster.

use crate::cluster::Cluster;
use crate::gateway::{command, command_with, site, Gateway, ADMIN};
use crate::http::{get, post, Answer};
use crate::redis_server::RedisServer;
use serde_json::{json, Value};

/// Two pages, three countries, a goal with its kinds, clicks; users whose ids are no two alike.
fn events() -> Vec<Value> {
    let countries = ["FR", "DE", "IT"];
    let mut events = Vec::new();
    for number in 0..60_usize {
        let page = if number % 4 == 0 {
            "/a?b=1&country=FR"
        } else {
            "/b"
        };
        events.push(json!({
            "event": "pageview", "user_id": format!("user{}", number % 17),
            "session_id": format!("s{}", number % 23), "id": format!("id{number}"),
            "properties": {
                "page": page, "country": countries[number % 3], "theme": format!("t{}", number % 7),
                "latency": number, "x": (number % 5).to_string(), "y": "7",
            },
        }));
    }
    for number in 0..6_usize {
        let kind = if number < 4 {
            "motivation"
        } else {
            "anti_motivation"
        };
        events.push(json!({
            "event": "letter_generated", "user_id": format!("user{number}"),
            "properties": {"kind": kind, "revenue": 2.5},
        }));
    }
    events
}

const SETTINGS: &str = "ANALYTICS.ALTER shop TZ Europe/Paris CUBE event,country CUBE event,page \
    CUBE x,y CUBE page,x,y VAL latency LOG 1000 LOGUSERS yes \
    VISITS 30m PATH page BY country RETURNING 365d";

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// RESP2 flat maps and texts for numbers, as one would compare them by eye.
fn plain(value: &redis::Value) -> Value {
    match value {
        redis::Value::Int(number) => json!(number),
        redis::Value::Array(items) => items.iter().map(plain).collect(),
        redis::Value::BulkString(bytes) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.parse::<f64>()
                .map_or(json!(text), |number| json!(number))
        }
        redis::Value::SimpleString(text) => json!(text),
        _ => Value::Null,
    }
}

pub fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-9,
        _ => a == b,
    }
}

/// Asks both sides; `ask` is a command of the module without the site.
fn check(gateway: &Gateway, ask: &dyn Fn(&str) -> Value) {
    let http = |path: &str| -> Value {
        let path = format!("/api/v1/sites/shop/{path}");
        let answer = get(gateway, &path).bearer(ADMIN).send();
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        answer.json()
    };
    // A day that is over does not move while it is asked for.
    let window = "7d";
    assert_eq!(http("unique?window=7d")["users"], ask("UNIQUE 7d"));
    let french = http("unique?window=7d&dimension=country&value=FR");
    assert_eq!(french["users"], ask("UNIQUE 7d country FR"));
    let metrics = [
        "events",
        "users",
        "sessions",
        "latency:p95",
        "latency:avg",
        "revenue:sum",
        "users@country=FR",
        "events@event=pageview&country=DE",
        "users@event=pageview&country=DE/users@country=DE",
        "(events@page=/a?b=1&&country=FR)/events",
        "events/(events@country=/api/users)",
        "visits",
        "bounces:share",
        "visit-events:avg",
        "visits@country=FR",
        "visits@entry=/b",
        "users:new",
        "users:returning@country=DE",
        "funnel:goal:users",
        "nothing:max",
    ];
    let query: String = metrics
        .iter()
        .map(|m| format!("&metric={}", encode(m)))
        .collect();
    let numbers = http(&format!("get?window={window}{query}"));
    let expected = ask(&format!("GET {window} {}", metrics.join(" ")));
    for (place, metric) in metrics.iter().enumerate() {
        let number = &numbers["metrics"][metric];
        assert!(
            same(number, &expected[place]),
            "{metric} {numbers} {expected}"
        );
    }
    let several = http(&format!("get?window=1h&window={window}{query}"));
    assert_eq!(several[0]["window"], "1h");
    assert_eq!(several[1], numbers);
    let table = http("top?window=7d&dimension=country&with=users&with=latency:sum/users");
    let expected = ask("TOP 7d country WITH users latency:sum/users");
    for (place, row) in table.as_array().expect("rows").iter().enumerate() {
        for (column, name) in ["value", "events", "share", "error_bound", "users"]
            .into_iter()
            .chain(["latency:sum/users"])
            .enumerate()
        {
            assert!(same(&row[name], &expected[place][column]), "{row}");
        }
    }
    let rows = http("range?window=today&step=1d&metric=events&metric=latency:p95");
    let expected = ask("RANGE today 1d events latency:p95");
    let columns =
        http("range?window=today&step=1d&metric=events&metric=latency:p95&format=columns");
    for (place, row) in rows.as_array().expect("rows").iter().enumerate() {
        assert_eq!(row["time_ms"], expected[0][place][0]);
        assert_eq!(row["events"], expected[0][place][1]);
        assert!(same(&row["latency:p95"], &expected[1][place][1]));
        let iso: jiff::Timestamp = row["time"].as_str().expect("iso").parse().expect("a time");
        assert_eq!(row["time_ms"], iso.as_millisecond());
        assert_eq!(columns["time"][place], row["time"]);
        assert_eq!(columns["metrics"]["events"][place], row["events"]);
    }
    for (path, words) in [
        ("top?window=7d&dimension=country", "TOP 7d country"),
        (
            "top?window=7d&dimension=theme&by=users&limit=3",
            "TOP 7d theme BY users LIMIT 3",
        ),
        (
            "top?window=7d&dimension=country&where=event:pageview&by=users",
            "TOP 7d country WHERE event pageview BY users",
        ),
        (
            "top?window=7d&dimension=country&by=events@event%3Dpageview/users&limit=2",
            "TOP 7d country BY events@event=pageview/users LIMIT 2",
        ),
        (
            "top?window=7d&dimension=event,country&by=latency:sum",
            "TOP 7d event,country BY latency:sum",
        ),
    ] {
        let (rows, expected) = (http(path), ask(words));
        let expected = expected.as_array().expect("rows");
        assert_eq!(
            rows.as_array().map(Vec::len),
            Some(expected.len()),
            "{path}"
        );
        for (row, expected) in rows.as_array().expect("rows").iter().zip(expected) {
            if let Some(parts) = expected[0].as_array() {
                assert_eq!(&row["value:event"], &parts[0]);
                assert_eq!(&row["value:country"], &parts[1]);
            } else if rows[0].get("value").is_some() {
                assert_eq!(row["value"], expected[0]);
            }
            assert!(same(&row["share"], &expected[2]), "{row} {expected}");
            assert!(same(&row["error_bound"], &expected[3]), "{row} {expected}");
        }
    }
    let rows = http("compare?window=today&metric=events&metric=users");
    let expected = ask("COMPARE today events users");
    for (row, expected) in rows
        .as_array()
        .expect("rows")
        .iter()
        .zip(expected.as_array().expect("rows"))
    {
        assert_eq!(json!([row["now"], row["before"], row["change"]]), *expected);
    }
    let dashboard = http("dashboard");
    assert_eq!(dashboard["today"]["events"], ask("GET today events")[0]);
    assert_eq!(dashboard["active-users"]["7d"], ask("UNIQUE 7d"));
    assert_eq!(http("info")["events"], 66);
    assert_eq!(http("info")["timezone"], "Europe/Paris");
    assert_eq!(http("explain?window=7d")["found"], ask("EXPLAIN 7d")[17]);
    assert_eq!(http("alerts")[0]["name"], "slow");
    assert_eq!(http("live-metrics")[0]["name"], "main");

    let events = http("events?limit=3&offset=1");
    assert_eq!(events.as_array().map(Vec::len), Some(3));
    assert_eq!(events[0]["event"], "letter_generated");
    assert_eq!(events[0]["dimensions"]["kind"], "anti_motivation");
    assert_eq!(events[0]["values"]["revenue"], 2.5);
    // The site does not show ids as they came.
    assert_ne!(events[0]["user"], "user4");

    let batch = json!({"site": "shop", "queries": [
        {"query": "get", "window": "7d", "metric": ["events", "users"]},
        {"query": "get", "window": "soon", "metric": "events"},
        {"query": "unique", "window": "7d"},
        {"query": "events", "limit": 2},
        {"query": "nothing"},
    ]});
    let answer = ask_json(gateway, "/api/v1/query", &batch);
    let results = &answer.json()["results"];
    assert_eq!(results[0]["data"]["metrics"]["events"], 66, "{answer:?}");
    assert_eq!(results[1]["error"]["code"], "refused");
    assert_eq!(results[2]["data"]["users"], ask("UNIQUE 7d"));
    assert_eq!(results[3]["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(results[4]["error"]["field"], "query");
    crate::people::check(&http, ask);
    classic(gateway, ask);
    plausible(gateway, ask);
}

fn ask_json(gateway: &Gateway, path: &str, body: &Value) -> Answer {
    post(gateway, path, body.to_string())
        .header("content-type", "application/json")
        .bearer(ADMIN)
        .send()
}

fn classic(gateway: &Gateway, ask: &dyn Fn(&str) -> Value) {
    let http = |path: &str| {
        let sign = if path.contains('?') { '&' } else { '?' };
        let answer = get(gateway, &format!("{path}{sign}site=shop"))
            .bearer(ADMIN)
            .send();
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        answer.json()
    };
    let users = ask("UNIQUE 7d");
    assert_eq!(http("/metrics/unique-users?window=7d")["count"], users);
    let series = http("/metrics/timeseries?metric=latency&aggregation=sum&bucket=3600");
    let sum: f64 = series["data"]
        .as_array()
        .expect("points")
        .iter()
        .filter_map(|point| point["value"].as_f64())
        .sum();
    assert_eq!(json!(sum), ask("GET 7d latency:sum")[0]);
    assert_eq!(series["metric"], "latency:sum");
    assert!(http("/metrics/events-per-sec")["data"].is_array());
    assert_eq!(http("/metrics/latency")["granularity"], "1m");
    let now = http("/dashboard/realtime");
    assert_eq!(now["unique_users"]["last_7d"], users);
    assert_eq!(now["errors"]["count_last_minute"], 0);
    assert!(http("/stats/memory")["timeseries_keys_count"].as_i64() >= Some(5));

    let month = &http("/api/v1/analytics/stats?period=month")["data"];
    assert_eq!(month["total_events"], 66);
    assert_eq!(month["letters_generated"], 6);
    assert_eq!(month["conversion_rate"], json!(6.0 / 17.0));
    let themes = &http("/api/v1/analytics/themes?limit=2")["data"];
    assert_eq!(themes[0], json!({"theme": "t0", "views": 9}));
    assert_eq!(themes.as_array().map(Vec::len), Some(2));
    let letters = &http("/api/v1/analytics/letters?period=month")["data"];
    assert_eq!(
        (&letters["motivation"], &letters["anti_motivation"]),
        (&json!(4), &json!(2))
    );
    let timeline = http("/api/v1/analytics/timeline?limit=2&offset=10");
    assert_eq!(
        timeline["meta"],
        json!({"limit": 2, "offset": 10, "count": 2})
    );
    assert_eq!(timeline["data"][0]["event_type"], "pageview");
    let heatmap = http("/api/v1/analytics/heatmap");
    assert_eq!(heatmap["data"][0]["count"], 12);
    let page = encode("/a?b=1&country=FR");
    let heatmap = http(&format!("/api/v1/analytics/heatmap?page_url={page}"));
    let clicks: i64 = heatmap["data"]
        .as_array()
        .expect("cells")
        .iter()
        .filter_map(|cell| cell["count"].as_i64())
        .sum();
    assert_eq!(clicks, 15);
}

fn plausible(gateway: &Gateway, ask: &dyn Fn(&str) -> Value) {
    let results = |extra: Value| {
        let mut body = json!({"site_id": "shop", "date_range": "month"});
        body.as_object_mut()
            .expect("an object")
            .extend(extra.as_object().expect("one").clone());
        let answer = ask_json(gateway, "/api/v2/query", &body);
        (answer.status, answer.json())
    };
    let users = ask("UNIQUE this-month");
    let (_, whole) = results(json!({"metrics": ["visitors", "pageviews", "events", "percentage"]}));
    assert_eq!(
        whole["results"][0]["metrics"],
        json!([users, 60, 66, 100]),
        "{whole}"
    );
    let (_, pages) = results(json!({"metrics": ["pageviews"], "dimensions": ["event:page"]}));
    assert_eq!(
        pages["results"],
        json!([
            {"dimensions": ["/b"], "metrics": [45]},
            {"dimensions": ["/a?b=1&country=FR"], "metrics": [15]},
        ])
    );
    let page = json!([["is", "event:page", ["/a?b=1&country=FR"]]]);
    let (_, one) = results(json!({"metrics": ["pageviews"], "filters": page}));
    assert_eq!(one["results"][0]["metrics"], json!([15]));
    let goal = json!([["is", "event:goal", ["letter_generated"]]]);
    let (_, one) = results(json!({"metrics": ["visitors", "events"], "filters": goal}));
    assert_eq!(one["results"][0]["metrics"], json!([6, 6]));
    let two = json!([["is", "visit:country", ["FR", "DE"]]]);
    let (_, sum) = results(json!({"metrics": ["events"], "filters": two}));
    assert_eq!(sum["results"][0]["metrics"], json!([40]));
    assert_eq!(
        results(json!({"metrics": ["visitors"], "filters": two})).0,
        400
    );
    let (_, days) = results(
        json!({"metrics": ["events"], "dimensions": ["time:day", "visit:country"],
        "order_by": [["visit:country", "asc"]], "pagination": {"limit": 2}, "include": {"total_rows": true}}),
    );
    assert_eq!(days["meta"]["total_rows"], 3, "{days}");
    assert_eq!(days["results"][0]["dimensions"][1], "DE");
    for (extra, said) in [
        (
            json!({"metrics": ["visitors"], "dimensions": ["visit:country", "event:page"]}),
            "CUBE",
        ),
        (
            json!({"metrics": ["visitors"], "dimensions": ["visit:city"]}),
            "visit:city",
        ),
        (
            json!({"metrics": ["visitors"], "filters": [["matches", "event:page", ["x"]]]}),
            "matches",
        ),
        (
            json!({"metrics": ["visitors"], "order_by": [["events", "asc"]]}),
            "order_by",
        ),
        (json!({"metrics": []}), "metrics"),
        (
            json!({"metrics": ["visitors"], "date_range": "9d"}),
            "date_range",
        ),
    ] {
        let (status, answer) = results(extra.clone());
        assert_eq!(status, 400, "{extra} {answer}");
        assert!(
            answer["error"]
                .as_str()
                .is_some_and(|error| error.contains(said)),
            "{answer}"
        );
    }
}

const RULES: [&str; 3] = [
    "ALERT shop SET slow latency:p95 5m > 800",
    "LIVE shop SET main 1s events",
    "FUNNEL shop SET goal WITHIN 7d STEP event=pageview STEP event=letter_generated BY country",
];

#[test]
fn answers_are_those_of_the_module() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &["--tz", "Europe/Paris"]);
    redis.ask(SETTINGS);
    for rule in RULES {
        redis.ask(&format!("ANALYTICS.{rule}"));
    }
    let gateway = Gateway::start(&redis);
    let body = Value::from(events()).to_string();
    let sent = post(&gateway, "/track", body).bearer(&key).send();
    assert_eq!(sent.json()["counted"], 66, "{sent:?}");
    check(&gateway, &|words| {
        let (name, rest) = words.split_once(' ').expect("has a window");
        plain(&redis.ask(&format!("ANALYTICS.{name} shop {rest}")))
    });
}

#[test]
fn answers_of_a_cluster_are_those_of_the_module() {
    let cluster = Cluster::start();
    let settings = cluster.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    command_with(&settings, &["site", "add", "shop", "--tz", "Europe/Paris"]).expect("is made");
    let key = command_with(&settings, &["site", "key", "shop"]).expect("is made");
    cluster.ask(SETTINGS);
    for rule in RULES {
        cluster.ask(&format!("ANALYTICS.{rule}"));
    }
    let gateway = Gateway::with(&cluster.nodes[0], &settings);
    let body = Value::from(events()).to_string();
    let sent = post(&gateway, "/track", body).bearer(&key).send();
    assert_eq!(sent.json()["counted"], 66, "{sent:?}");
    check(&gateway, &|words| {
        let (name, rest) = words.split_once(' ').expect("has a window");
        plain(&cluster.ask(&format!("ANALYTICS.{name} shop {rest}")))
    });
}

#[test]
fn hostile_parameters_are_a_clear_400() {
    let redis = RedisServer::start();
    command(&redis, &["site", "add", "shop", "--public", "true"]).expect("is made");
    let gateway = Gateway::start(&redis);
    let long = "x".repeat(5_000);
    let many = "&metric=events".repeat(65);
    let paths = [
        "/api/v1/sites/shop/get",
        "/api/v1/sites/shop/get?window=24h",
        "/api/v1/sites/shop/get?window=24h&metric=events&mertic=users",
        "/api/v1/sites/shop/get?metric=events",
        "/api/v1/sites/shop/get?window=24h&metric=events&metric=WINDOW&metric=1h&metric=events",
        "/api/v1/sites/shop/compare?window=24h&window=1h&metric=events",
        "/api/v1/sites/shop/top?window=24h&dimension=a&with=LIMIT&with=5",
        "/api/v1/sites/shop/top?window=24h&dimension=a&where=country",
        "/api/v1/sites/shop/get?window=%ff&metric=events",
        "/api/v1/sites/shop/get?window=24h%20events&metric=events",
        "/api/v1/sites/shop/get?window=-1h&metric=events",
        "/api/v1/sites/shop/range?window=7d&step=1s&metric=events",
        "/api/v1/sites/shop/range?window=24h&metric=events&format=xml",
        "/api/v1/sites/shop/top?window=24h&dimension=a&limit=-5",
        "/api/v1/sites/shop/top?window=24h&dimension=a&limit=99999999999999999999",
        "/api/v1/sites/shop/events?limit=100000",
        "/api/v1/sites/shop/events?offset=18446744073709551615",
        "/api/v1/sites/shop/unique?window=24h&dimension=country",
        "/api/v1/analytics/stats?site=shop",
        "/api/v1/analytics/stats?site=shop&period=year",
        "/api/v1/analytics/themes?site=shop&limit=21",
        "/api/v1/analytics/timeline?site=shop&limit=101",
        "/api/v1/analytics/heatmap?site=shop&hours=169",
        "/metrics/timeseries?site=shop&metric=events&from=5",
        "/metrics/timeseries?site=shop&metric=latency:p95&aggregation=avg",
    ];
    let long = [
        format!("/api/v1/sites/shop/get?window={long}&metric=events"),
        format!("/api/v1/sites/shop/get?window=24h{many}"),
    ];
    for path in paths.into_iter().chain(long.iter().map(String::as_str)) {
        let answer = get(&gateway, path).send();
        assert_eq!(answer.status, 400, "{path} {answer:?}");
        assert!(!answer.code().is_empty());
    }
    let queries: Vec<Value> = (0..65).map(|_| json!({"query": "info"})).collect();
    for body in [
        json!({"site": "shop", "queries": queries}),
        json!({"site": "shop"}),
        json!([]),
        json!({"site": "shop", "queries": [{"window": "24h"}]}),
    ] {
        assert_eq!(
            ask_json(&gateway, "/api/v1/query", &body).status,
            400,
            "{body}"
        );
    }
    let visits = json!({"site_id": "shop", "metrics": ["bounce_rate"], "date_range": "month"});
    let answer = ask_json(&gateway, "/api/v2/query", &visits);
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text.contains("counts no visits"), "{answer:?}");
    assert_eq!(gateway.metric("analytics_panics_total"), 0.0);
}
