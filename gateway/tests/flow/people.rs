//! Cohorts and funnels over HTTP are those of the module.

use crate::answers::same;
use crate::gateway::{command, site, Gateway, ADMIN};
use crate::http::{get, post, Answer};
use crate::redis_server::RedisServer;
use serde_json::{json, Value};

const EVENTS: &str = "ANALYTICS.MTRACK shop \
    EVENT view ann AT 2026-06-01T10:00 DIM page /pricing DIM source ads \
    EVENT form ann AT 2026-06-01T10:04 \
    EVENT view bob AT 2026-06-01T11:00 DIM page /pricing DIM source search \
    EVENT view ann AT 2026-06-02T10:00 DIM page / \
    EVENT view dora AT 2026-06-02T12:00 DIM page /pricing DIM source ads";

struct Shop {
    redis: RedisServer,
    gateway: Gateway,
}

impl Shop {
    fn new() -> Shop {
        let redis = RedisServer::start();
        site(&redis, "shop", &[]);
        redis.ask("ANALYTICS.ALTER shop TZ Europe/Paris RETENTION hour 3650d RETENTION day 3650d RETURNING 365d");
        redis.ask("ANALYTICS.FUNNEL shop SET signup WITHIN 7d STEP event=view&page=/pricing STEP event=form BY source");
        redis.ask(EVENTS);
        let gateway = Gateway::start(&redis);
        Shop { redis, gateway }
    }

    fn send(&self, path: &str) -> Answer {
        let path = format!("/api/v1/sites/shop/{path}");
        get(&self.gateway, &path).bearer(ADMIN).send()
    }

    fn ask(&self, path: &str) -> Value {
        let answer = self.send(path);
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        answer.json()
    }
}

/// The value behind this name, in a map as RESP2 has it.
fn member<'v>(map: &'v Value, name: &str) -> &'v Value {
    let map = map.as_array().expect("a map");
    let pair = map.chunks_exact(2).find(|pair| pair[0] == name);
    &pair.unwrap_or_else(|| panic!("no {name} in {map:?}"))[1]
}

/// The rows of an answer are those of a reply, with a name for each place.
fn check_rows(rows: &Value, expected: &Value, names: &[&str]) {
    let (rows, expected) = (rows.as_array().expect("rows"), expected.as_array());
    let expected = expected.expect("rows");
    assert!(!rows.is_empty());
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        for (place, name) in names.iter().enumerate() {
            assert!(
                same(&row[name], &expected[place]),
                "{name} {row} {expected}"
            );
        }
    }
}

/// Cohorts and a funnel over HTTP, beside the replies of the module.
pub fn check(http: &dyn Fn(&str) -> Value, ask: &dyn Fn(&str) -> Value) {
    for period in ["day", "week", "month"] {
        let cohorts = http(&format!("retention?window=60d&period={period}"));
        let expected = ask(&format!("RETENTION 60d {period}"));
        let names = ["time_ms", "users", "returned"];
        check_rows(&cohorts["rows"], member(&expected, "rows"), &names);
    }
    let funnel = http("funnels/goal?window=7d&by=country&limit=2");
    let expected = ask("FUNNEL_RO GET goal 7d BY country LIMIT 2");
    let steps = [
        "condition",
        "users",
        "share",
        "share_of_previous",
        "median",
        "p90",
    ];
    check_rows(&funnel["steps"], member(&expected, "rows"), &steps);
    let values = ["value", "users", "share", "error_bound"];
    check_rows(&funnel["values"], member(&expected, "values"), &values);
    assert_eq!(http("funnels")[0]["name"], "goal");
}

#[test]
fn cohorts_and_funnels_have_their_rows_by_name() {
    let shop = Shop::new();
    let cohorts = shop.ask("retention?window=2026-06-01..2026-06-03&period=day");
    assert_eq!(cohorts["horizon_ms"], 365 * 86_400_000_i64);
    assert_eq!(
        (&cohorts["sampling"], &cohorts["late"]),
        (&json!(1.0), &json!(0))
    );
    let rows = cohorts["rows"].as_array().expect("rows");
    assert_eq!(rows[0]["time"], "2026-06-01T00:00:00+02:00");
    assert_eq!(rows[0]["time_ms"], 1_780_264_800_000_i64);
    assert_eq!(rows[0]["users"], 2);
    assert_eq!(rows[0]["returned"][0], 1);
    assert_eq!((&rows[1]["users"], rows.len()), (&json!(1), 2));

    let funnels = shop.ask("funnels");
    assert_eq!(funnels[0]["name"], "signup");
    let funnel = shop.ask("funnels/signup?window=2026-06&by=source");
    assert_eq!(funnel["within"], "1w");
    assert_eq!(funnel["counts"]["from"], "2026-06-01T00:00:00+02:00");
    assert_eq!(funnel["open"], false);
    let step = json!({"condition": "event=form", "users": 1, "share": 1.0 / 3.0, "share_of_previous": 1.0 / 3.0});
    for (name, value) in step.as_object().expect("an object") {
        assert_eq!(funnel["steps"][1][name], *value, "{funnel}");
    }
    let median = funnel["steps"][1]["median"].as_f64().expect("seconds");
    assert!((median / 240.0 - 1.0).abs() < 0.01, "{median}");
    assert_eq!(funnel["steps"][0]["users"], 3);
    assert_eq!(
        funnel["values"][0],
        json!({"value": "ads", "users": [2, 1], "share": 0.5, "error_bound": 0})
    );
    // Without a dimension there are no values.
    let whole = shop.ask("funnels/signup?window=2026-06");
    assert_eq!(whole.get("values"), None);
    assert_eq!(whole["steps"], funnel["steps"]);
}

#[test]
fn they_are_asked_in_a_batch_and_refused_as_others_are() {
    let shop = Shop::new();
    let queries = json!({"site": "shop", "queries": [
        {"query": "retention", "window": "2026-06-01..2026-06-03", "period": "day"},
        {"query": "funnel", "name": "signup", "window": "2026-06"},
        {"query": "funnels"},
        {"query": "get", "window": "2026-06-02", "metric": ["users:new", "users:returning", "funnel:signup:users"]},
        {"query": "funnel", "name": "other", "window": "2026-06"},
    ]});
    let answer = post(&shop.gateway, "/api/v1/query", queries.to_string())
        .header("content-type", "application/json")
        .bearer(ADMIN)
        .send();
    let results = answer.json()["results"].clone();
    let result = |place: usize| results[place]["data"].clone();
    assert_eq!(
        result(0),
        shop.ask("retention?window=2026-06-01..2026-06-03&period=day")
    );
    assert_eq!(result(1), shop.ask("funnels/signup?window=2026-06"));
    assert_eq!(result(2)[0]["name"], "signup");
    let numbers = json!({"users:new": 1, "users:returning": 1, "funnel:signup:users": 1});
    assert_eq!(result(3)["metrics"], numbers);
    let error = results[4]["error"]["message"].as_str().expect("a message");
    assert!(error.contains("other"), "{error}");

    for path in [
        "retention?window=30d",
        "retention?window=30d&period=year",
        "retention?window=30d&period=day&metric=events",
        "funnels?window=30d",
        "funnels/signup",
        "funnels/signup?window=30d&by=country",
        "funnels/signup?window=30d&by=source&limit=-1",
        "funnels/sign%00up?window=30d",
    ] {
        assert_eq!(shop.send(path).status, 400, "{path}");
    }
    let path = "/api/v1/sites/shop/funnels/signup?window=30d";
    assert_eq!(get(&shop.gateway, path).send().status, 401);
    assert_eq!(
        shop.redis.ask("PING"),
        redis::Value::SimpleString("PONG".into())
    );
}

fn change(shop: &Shop, method: &'static str, path: &str, body: Value, token: &str) -> Answer {
    let path = format!("/api/v1/sites/shop/{path}");
    post(&shop.gateway, &path, body.to_string())
        .method(method)
        .header("content-type", "application/json")
        .bearer(token)
        .send()
}

#[test]
fn the_settings_api_remembers_users_with_visits_and_forgets_them() {
    let shop = Shop::new();
    let patch = |body: Value| change(&shop, "PATCH", "settings", body, ADMIN);
    let info = || shop.ask("info");
    assert_eq!(patch(json!({"returning": "off"})).status, 200);
    assert_eq!(info()["returning"], Value::Null);
    let answer = shop.send("retention?window=30d&period=week");
    assert_eq!(answer.status, 400, "{answer:?}");
    let both = json!({"returning": "90d", "visits": "30m PATH page"});
    assert_eq!(patch(both).status, 200);
    assert_eq!(info()["returning"][0], "90d");
    assert_eq!(info()["visits"][0], "30m");
    let before = info();
    for (returning, visits) in [
        ("", "off"),
        ("365d RETENTION", "off"),
        ("365d RETENTION hour", "off"),
        ("365d PATH page", "off"),
        ("1d", "off"),
        ("soon", "off"),
        ("off VISITORS 5", "off"),
        // What is right beside it does not change either.
        ("off", "30m PATH"),
    ] {
        let answer = patch(json!({"returning": returning, "visits": visits}));
        assert_eq!(answer.status, 400, "{returning} {answer:?}");
        assert_eq!(info()["returning"], before["returning"], "{returning}");
        assert_eq!(info()["visits"], before["visits"], "{returning}");
    }
    let told = command(&shop.redis, &["site", "add", "club", "--returning", "365d"]);
    told.expect("is made");
    let club = format!("{:?}", shop.redis.ask("ANALYTICS.INFO club"));
    assert!(club.contains("365d"), "{club}");
}

#[test]
fn the_settings_api_sets_changes_and_removes_funnels() {
    let shop = Shop::new();
    let put =
        |name: &str, body: Value| change(&shop, "PUT", &format!("funnels/{name}"), body, ADMIN);
    let buy = |by: &[&str]| {
        json!({
            "within": "1h", "steps": ["event=view&page=/pricing", "event=STEP"],
            "exclude": ["event=logout"], "by": by,
        })
    };
    let set = |body: Value| {
        let answer = put("buy", body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["funnel"].clone()
    };
    assert_eq!(set(buy(&["source"])), "OK");
    assert_eq!(set(buy(&["source"])), "unchanged");
    assert_eq!(set(buy(&[])), "begun anew");
    let listed = shop.ask("funnels");
    let buy_now = listed
        .as_array()
        .expect("a list")
        .iter()
        .find(|it| it["name"] == "buy");
    let buy_now = buy_now.expect("is listed");
    assert_eq!(buy_now["within"], "1h");
    assert_eq!(
        buy_now["steps"],
        json!(["event=view&page=/pricing", "event=STEP"])
    );
    assert_eq!(buy_now["exclude"], json!(["event=logout"]));
    assert_eq!(buy_now["by"], json!([]));
    shop.redis
        .ask("ANALYTICS.MTRACK shop EVENT view eve DIM page /pricing EVENT STEP eve");
    let steps = shop.ask("funnels/buy?window=24h")["steps"].clone();
    assert_eq!(
        (&steps[0]["users"], &steps[1]["users"]),
        (&json!(1), &json!(1))
    );

    let one = json!({"within": "1h", "steps": ["event=view"]});
    let many: Vec<String> = (0..40).map(|number| format!("event=e{number}")).collect();
    for (name, body) in [
        ("one", one),
        ("many", json!({"within": "1h", "steps": many})),
        (
            "long",
            json!({"within": "900d", "steps": ["event=a", "event=b"]}),
        ),
        (
            "none",
            json!({"within": "1h", "steps": ["event=a", "view"]}),
        ),
        ("a%20b", buy(&[])),
        (
            "extra",
            json!({"within": "1h", "steps": ["event=a", "event=b"], "from": 1}),
        ),
    ] {
        let answer = put(name, body);
        assert_eq!(answer.status, 400, "{name} {answer:?}");
    }
    let names = |funnels: Value| -> Vec<Value> {
        funnels
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["name"].clone())
            .collect()
    };
    assert_eq!(names(shop.ask("funnels")).len(), 2);
    let remove = || change(&shop, "DELETE", "funnels/buy", json!({}), ADMIN).status;
    assert_eq!((remove(), remove()), (204, 404));
    assert_eq!(names(shop.ask("funnels")), ["signup"]);
    for (method, body) in [("PUT", buy(&[])), ("DELETE", json!({}))] {
        assert_eq!(
            change(&shop, method, "funnels/buy", body, "wrong").status,
            401
        );
    }
    let missing = post(
        &shop.gateway,
        "/api/v1/sites/none/funnels/buy",
        buy(&[]).to_string(),
    )
    .method("PUT")
    .header("content-type", "application/json")
    .bearer(ADMIN)
    .send();
    assert_eq!(missing.status, 404, "{missing:?}");
}
