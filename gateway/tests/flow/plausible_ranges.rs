//! Ranges of Plausible's Stats API that the module keeps only in longer buckets.

use crate::gateway::{site, Gateway, ADMIN};
use crate::http::post;
use crate::redis_server::RedisServer;
use serde_json::{json, Value};

#[test]
fn plausible_ranges_may_cut_buckets_and_steps_may_not_be_finer_than_they() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "shop", &[]);
    site(&redis, "empty", &[]);
    let gateway = Gateway::start(&redis);
    let of_site = |site: &str, extra: Value| {
        let mut body = json!({"site_id": site, "metrics": ["visitors", "events"]});
        body.as_object_mut()
            .expect("an object")
            .extend(extra.as_object().expect("one").clone());
        let request = post(&gateway, "/api/v2/query", body.to_string());
        let answer = request
            .header("content-type", "application/json")
            .bearer(ADMIN)
            .send();
        (answer.status, answer.json())
    };
    let results = |extra: Value| of_site("shop", extra);
    let hours = json!({"date_range": "24h", "dimensions": ["time:hour"]});
    let (status, empty) = of_site("empty", hours.clone());
    assert_eq!((status, &empty["results"]), (200, &json!([])), "{empty}");

    // Minutes are kept for an hour, hours for a week: the first of the last 24 hours is cut.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("is after 1970").as_millis() as i64;
    let minutes_ago = [1, 5, 70, 600, 1_300, 1_436, 1_445, 1_500];
    let mut events: Vec<Value> = minutes_ago
        .iter()
        .map(|minutes| json!({"event": "e", "user_id": minutes, "timestamp": now - minutes * 60_000}))
        .collect();
    // Of 2024 months are kept, with their days.
    let old = [
        ("a", 1_720_089_000_000_i64),
        ("b", 1_720_099_000_000),
        ("c", 1_720_200_000_000),
    ];
    events
        .extend(old.map(|(user, time)| json!({"event": "e", "user_id": user, "timestamp": time})));
    let sent = post(&gateway, "/track", Value::from(events).to_string())
        .bearer(&key)
        .send();
    assert_eq!(sent.json()["counted"], 11, "{sent:?}");
    let (status, answer) = results(hours);
    assert_eq!(status, 200, "{answer}");
    let rows = answer["results"].as_array().expect("rows");
    let events = rows.iter().filter_map(|row| row["metrics"][1].as_i64());
    assert_eq!(events.sum::<i64>(), 6, "{answer}");
    let warnings = &answer["meta"]["metric_warnings"];
    assert_eq!(warnings["events"], Value::Null, "{answer}");
    let (_, whole) = results(json!({"date_range": "24h"}));
    assert_eq!(whole["results"][0]["metrics"][1], 6, "{whole}");
    let (_, whole) = results(json!({"date_range": "all"}));
    assert_eq!(whole["results"][0]["metrics"], json!([11, 11]), "{whole}");

    let cut = json!(["2024-07-04T10:00:00Z", "2024-07-04T13:00:00Z"]);
    let (status, answer) = results(json!({"date_range": cut}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["results"][0]["metrics"][1], 2, "{answer}");
    let warnings = &answer["meta"]["metric_warnings"];
    assert_eq!(warnings["events"]["code"], "widened", "{answer}");
    assert_eq!(warnings["visitors"]["code"], "estimated", "{answer}");
    for (metrics, step, expected) in [
        (json!(["events"]), "time:hour", 400),
        (json!(["events"]), "time:day", 200),
        (json!(["visitors"]), "time:day", 400),
        (json!(["visitors"]), "time:month", 200),
    ] {
        let asked = json!({"metrics": metrics, "date_range": ["2024-07-01", "2024-07-09"], "dimensions": [step]});
        let (status, answer) = results(asked);
        assert_eq!(status, expected, "{metrics} {step} {answer}");
        let error = answer["error"].as_str().unwrap_or_default();
        assert_eq!(error.contains("RETENTION"), expected == 400, "{answer}");
    }
}
