//! Ratios of two metrics, in every command that takes a metric, against plain code over the raw events.

use std::collections::HashSet;
use std::time::Duration;

use testkit::{cmd, Connection, Random, Reply, Server};

struct Raw {
    event: &'static str,
    status: &'static str,
    user: u64,
    ms: f64,
}

/// A site with random events of the last minutes, which are returned.
fn shop(connection: &mut Connection, random: &mut Random) -> Vec<Raw> {
    connection
        .run("ANALYTICS.CREATE shop CUBE event,status VAL ms")
        .ok();
    let now = connection.now();
    (0..300)
        .map(|_| {
            let raw = Raw {
                event: ["view", "buy"][random.below(2) as usize],
                status: ["2xx", "5xx", "a/events"][random.below(3) as usize],
                user: random.below(80),
                ms: random.below(1_000) as f64,
            };
            let line = format!(
                "ANALYTICS.TRACK shop {} u{} AT {} DIM status {} VAL ms {}",
                raw.event,
                raw.user,
                now - random.below(240_000) as i64,
                raw.status,
                raw.ms
            );
            assert_eq!(connection.run(&line), 1);
            raw
        })
        .collect()
}

fn users<'r>(events: impl Iterator<Item = &'r Raw>) -> f64 {
    events.map(|raw| raw.user).collect::<HashSet<_>>().len() as f64
}

/// Each ratio, and what it is of these events.
fn ratios(events: &[Raw]) -> Vec<(&'static str, Option<f64>)> {
    let of = |keep: fn(&Raw) -> bool| events.iter().filter(move |raw| keep(raw));
    let count = |keep: fn(&Raw) -> bool| of(keep).count() as f64;
    let all = events.len() as f64;
    let sum: f64 = events.iter().map(|raw| raw.ms).sum();
    vec![
        (
            "events@status=5xx/events",
            Some(count(|it| it.status == "5xx") / all),
        ),
        (
            "users@event=buy/users",
            Some(users(of(|it| it.event == "buy")) / users(events.iter())),
        ),
        (
            "events@event=buy&status=5xx/events@event=buy",
            Some(
                count(|it| it.event == "buy" && it.status == "5xx") / count(|it| it.event == "buy"),
            ),
        ),
        ("ms:sum/users", Some(sum / users(events.iter()))),
        (
            "(events@status=a/events)/events",
            Some(count(|it| it.status == "a/events") / all),
        ),
        (
            "events/(events@status=a/events)",
            Some(all / count(|it| it.status == "a/events")),
        ),
        ("events/events@event=never", None),
        ("ms:avg@event=never/events", None),
        ("events@event=never/events", Some(0.0)),
    ]
}

fn number(reply: &Reply) -> Option<f64> {
    (!reply.is_nil()).then(|| reply.double())
}

#[test]
fn a_ratio_is_that_of_the_raw_events_in_every_command() {
    let server = Server::start();
    let mut connection = server.connection();
    let events = shop(&mut connection, &mut Random::new(7));
    let ratios = ratios(&events);
    let metrics: Vec<&str> = ratios.iter().map(|(metric, _)| *metric).collect();
    let expected: Vec<Option<f64>> = ratios.iter().map(|(_, ratio)| *ratio).collect();
    let metrics = metrics.join(" ");
    for resp3 in [false, true] {
        if resp3 {
            connection.hello3();
        }
        let got = connection.run(&format!("ANALYTICS.GET shop 1h {metrics}"));
        let got: Vec<Option<f64>> = got.array().iter().map(number).collect();
        assert_eq!(got, expected);
        // The whole is one step of the series.
        let got = connection.run(&format!("ANALYTICS.RANGE shop today 1y {metrics}"));
        for (series, expected) in got.array().iter().zip(&expected) {
            assert_eq!(number(series.at(0).at(1)), *expected);
        }
        let got = connection.run(&format!("ANALYTICS.COMPARE shop 1h {metrics}"));
        for (row, expected) in got.array().iter().zip(&expected) {
            assert_eq!(number(row.at(0)), *expected);
            assert!(row.at(1).is_nil() && row.at(2).is_nil(), "nothing before");
        }
    }
    // A series has the ratio of each step, and null where there were no events.
    let series = "ANALYTICS.RANGE shop 10m 1m events@status=5xx/events events@status=5xx events";
    let series = connection.run(series);
    let mut empty = 0;
    for step in 0..series.at(0).array().len() {
        let [ratio, of, per] = [0, 1, 2].map(|metric| series.at(metric).at(step).at(1));
        empty += usize::from(per.int() == 0);
        let expected = (per.int() > 0).then(|| of.int() as f64 / per.int() as f64);
        assert_eq!(number(ratio), expected);
    }
    assert!((1..10).contains(&empty), "{empty}");
}

#[test]
fn a_ratio_is_watched_and_published() {
    let server = Server::start();
    let mut connection = server.connection();
    let events = shop(&mut connection, &mut Random::new(8));
    let expected = ratios(&events)[0].1.expect("events");
    let rule = "ANALYTICS.ALERT shop SET errors events@status=5xx/events 1h > 0.05 EVERY 1s";
    connection.run(rule).ok();
    let tested = connection.run("ANALYTICS.ALERT shop TEST errors");
    assert_eq!(tested.get("value").double(), expected);
    connection
        .run("ANALYTICS.ALERT shop SET none events/events@event=never 1h < 1 EVERY 1s")
        .ok();
    let tested = connection.run("ANALYTICS.ALERT shop TEST none");
    assert!(tested.get("value").is_nil() && *tested.get("holds") == 0);
    let mut subscriber = server.connection();
    subscriber.run("SUBSCRIBE analytics:live:{shop}:main analytics:alerts:{shop}");
    subscriber.receive().expect("the second channel");
    connection
        .run("ANALYTICS.LIVE shop SET main 1s WINDOW 1h events@status=5xx/events events/events@event=never")
        .ok();
    std::thread::sleep(Duration::from_millis(100));
    let mut texts = Vec::new();
    while texts.len() < 2 {
        let message = subscriber
            .receive()
            .expect("a message")
            .at(2)
            .text()
            .to_owned();
        if !texts.iter().any(|it: &String| it[..22] == message[..22]) {
            texts.push(message);
        }
    }
    texts.sort();
    let live = format!(
        "\"metrics\":{{\"events@status=5xx/events\":{expected:?},\"events/events@event=never\":null}}"
    );
    assert!(texts[0].contains(&live), "{texts:?}");
    let alert = format!("\"value\":{expected:?},\"threshold\":0.05");
    assert!(texts[1].contains(&alert), "{texts:?}");
}

#[test]
fn a_value_with_a_slash_is_a_value_or_an_error_and_never_silently_a_ratio() {
    let server = Server::start();
    let mut connection = server.connection();
    for page in [
        "/events",
        "/api/users",
        "/api/users",
        "/api",
        "google/users",
    ] {
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "DIM",
            "page",
            page
        )
        .int();
    }
    for (metric, count) in [
        ("events@page=/events", 1),
        ("(events@page=/api/users)", 2),
        ("(events@page=google/users)", 1),
        ("events@page=/api", 1),
    ] {
        let reply = connection.run(&format!("ANALYTICS.GET shop 1h {metric}"));
        assert_eq!(*reply.at(0), count, "{metric}");
    }
    for (metric, ratio) in [
        ("events@page=google/users", 0.0),
        ("(events@page=/api)/users", 1.0),
        ("events@page=/api/(users)", 1.0),
        ("(events@page=/api/users)/(events@page=/events)", 2.0),
    ] {
        let reply = connection.run(&format!("ANALYTICS.GET shop 1h {metric}"));
        assert_eq!(reply.at(0).double(), ratio, "{metric}");
    }
    for command in [
        "GET shop 1h",
        "RANGE shop 1h 1m",
        "COMPARE shop 1h",
        "LIVE shop SET x 5s",
    ] {
        let line = format!("ANALYTICS.{command} events@page=/api/users");
        let error = connection.run(&line);
        assert_eq!(
            error.error(),
            "ERR metric 'events@page=/api/users': it may end with a value or be a ratio: write \
             (events@page=/api/users) for the value, (events@page=/api)/users for the ratio"
        );
    }
}
