//! `ANALYTICS.ALERT` and `ANALYTICS.LIVE` as commands: what they reply, refuse and replicate.

use testkit::state::{assert_same_data, refused_line};
use testkit::{wait_until, Connection, Reply, Server, Trace};

const RULE: &str =
    "ANALYTICS.ALERT shop SET late latency:p95@event=buy 5m > 250.5 CLEAR 200 FOR 1m \
    REPEAT 1h SEVERITY page";

fn site() -> (Server, Connection) {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop VAL latency VAL price DIM a CUBE a,b")
        .ok();
    (server, connection)
}

fn line(reply: &Reply) -> String {
    let fields = reply.fields().into_iter();
    let fields = fields.map(|(name, value)| format!("{name}={value:?}").replace('"', ""));
    fields.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_rule_is_shown_as_it_was_set() {
    let (_server, mut connection) = site();
    connection.run(RULE).ok();
    connection
        .run("ANALYTICS.ALERT shop SET quiet events 1h < 1")
        .ok();
    connection.run("ANALYTICS.ALERT shop PAUSE quiet").ok();
    let expected = [
        "name=late metric=latency:p95@event=buy window=5m op=> threshold=250.5 clear=200 for=1m \
         every=10s repeat=1h severity=page paused=0 state=ok since=(nil) sent=(nil)",
        "name=quiet metric=events window=1h op=< threshold=1 clear=(nil) for=(nil) every=1m \
         repeat=(nil) severity=warning paused=1 state=ok since=(nil) sent=(nil)",
    ];
    for resp3 in [false, true] {
        if resp3 {
            connection.hello3();
        }
        for command in ["ANALYTICS.ALERT", "ANALYTICS.ALERT_RO"] {
            let late = connection.run(&format!("{command} shop GET late"));
            assert_eq!(matches!(late, Reply::Map(_)), resp3);
            assert_eq!(line(&late), expected[0]);
            let all = connection.run(&format!("{command} shop list"));
            let all: Vec<String> = all.array().iter().map(line).collect();
            assert_eq!(all, expected);
        }
        assert!(connection.run("ANALYTICS.ALERT shop GET other").is_nil());
        assert!(connection.run("ANALYTICS.ALERT nosuch GET other").is_nil());
        assert!(connection
            .run("ANALYTICS.ALERT nosuch LIST")
            .array()
            .is_empty());
    }
    assert_eq!(connection.run("ANALYTICS.ALERT shop DEL late"), 1);
    assert_eq!(connection.run("ANALYTICS.ALERT shop DEL late"), 0);
}

#[test]
fn live_metrics_are_shown_as_they_were_set() {
    let (_server, mut connection) = site();
    connection
        .run("ANALYTICS.LIVE shop SET main 5s events users")
        .ok();
    connection
        .run("ANALYTICS.LIVE shop SET day 60s WINDOW today price:sum")
        .ok();
    let all = connection.run("ANALYTICS.LIVE_RO shop LIST");
    let all: Vec<String> = all.array().iter().map(line).collect();
    let expected = [
        "name=day every=1m window=today metrics={price:sum}",
        "name=main every=5s window=5s metrics={events, users}",
    ];
    assert_eq!(
        all.iter()
            .map(|it| it.replace(['[', '{'], "{").replace([']', '}'], "}"))
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(connection.run("ANALYTICS.LIVE shop DEL main"), 1);
    assert_eq!(connection.run("ANALYTICS.LIVE shop DEL main"), 0);
    assert_eq!(connection.run("ANALYTICS.LIVE shop LIST").array().len(), 1);
    assert!(connection
        .run("ANALYTICS.LIVE nosuch LIST")
        .array()
        .is_empty());
}

#[test]
fn what_is_refused_changes_nothing() {
    let (_server, mut connection) = site();
    connection.run(RULE).ok();
    for (line, parts) in [
        (
            "ALERT shop MAKE x",
            &["unknown option 'MAKE': expected SET name metric"][..],
        ),
        (
            "ALERT_RO shop SET x events 5m > 1",
            &["unknown option 'SET': expected GET name, LIST, TEST name"],
        ),
        ("ALERT shop SET x", &["SET needs a name, a metric"]),
        ("ALERT shop SET x events 5m >", &["SET needs"]),
        (
            "ALERT shop SET x events@a=1&b=2 5m > 1 FOR",
            &["FOR needs a duration"],
        ),
        (
            "ALERT shop SET x events@event=1&event=2 5m > 1",
            &["metric"],
        ),
        (
            "ALERT shop SET x events 5m > 1 EVERY 500ms",
            &["EVERY '500ms'"],
        ),
        (
            "ALERT shop SET x events 2024-07-04..now > 1",
            &["go with the clock"],
        ),
        ("ALERT shop PAUSE x", &["no rule 'x'"]),
        ("ALERT shop RESUME x", &["no rule 'x'"]),
        ("ALERT shop TEST x", &["no rule 'x'"]),
        ("ALERT shop STATE late ok", &["STATE"]),
        (
            "ALERT nosuch SET x events 5m > 1",
            &["site 'nosuch' does not exist"],
        ),
        ("ALERT a}b SET x events 5m > 1", &["hash tag"]),
        ("ALERT a}b LIST", &["hash tag"]),
        (
            "LIVE shop MAKE x",
            &["unknown option 'MAKE': expected SET name every"],
        ),
        ("LIVE_RO shop SET", &["unknown option 'SET': expected LIST"]),
        ("LIVE shop SET x 5s", &["window '5s' needs a metric"]),
        ("LIVE shop SET x 5s events events", &["given twice"]),
        ("LIVE shop SET x 5d events", &["every '5d'"]),
        (
            "LIVE nosuch SET x 5s events",
            &["site 'nosuch' does not exist"],
        ),
    ] {
        refused_line(&mut connection, &format!("ANALYTICS.{line}"), parts);
    }
    for line in [
        "ALERT shop",
        "ALERT shop DEL",
        "ALERT shop DEL a b",
        "LIVE shop DEL",
        "LIVE shop LIST x",
    ] {
        let reply = connection.run(&format!("ANALYTICS.{line}"));
        assert!(
            reply.error().contains("wrong number of arguments"),
            "{line}: {reply:?}"
        );
    }
    connection.run("SET string x").ok();
    for line in [
        "ALERT string LIST",
        "ALERT string SET x events 5m > 1",
        "LIVE string LIST",
    ] {
        let before = Trace::of(&mut connection);
        let reply = connection.run(&format!("ANALYTICS.{line}"));
        assert!(reply.error().starts_with("WRONGTYPE"), "{line}: {reply:?}");
        assert_eq!(Trace::of(&mut connection), before, "{line}");
    }
}

#[test]
fn a_site_has_so_many_rules_and_live_metrics() {
    let (_server, mut connection) = site();
    for n in 0..100 {
        connection
            .run(&format!("ANALYTICS.ALERT shop SET r{n} events 5m < 0"))
            .ok();
    }
    for n in 0..32 {
        connection
            .run(&format!("ANALYTICS.LIVE shop SET f{n} 5s events"))
            .ok();
    }
    refused_line(
        &mut connection,
        "ANALYTICS.ALERT shop SET x events 5m < 0",
        &["rule 'x'", "at most 100"],
    );
    refused_line(
        &mut connection,
        "ANALYTICS.LIVE shop SET x 5s events",
        &["live metric 'x'", "at most 32"],
    );
    connection
        .run("ANALYTICS.ALERT shop SET r5 users 5m < 0")
        .ok();
    connection.run("ANALYTICS.LIVE shop SET f5 6s events").ok();
}

#[test]
fn a_question_changes_nothing_and_is_answered_by_a_replica() {
    let (server, mut connection) = site();
    connection.run(RULE).ok();
    let replica = Server::with().replica_of(&server).start();
    server.wait_for_replica(&replica);
    let mut reader = replica.connection();
    let mut other = server.connection();
    for question in [
        "ALERT_RO shop GET late",
        "ALERT_RO shop LIST",
        "ALERT_RO shop TEST late",
        "LIVE_RO shop LIST",
    ] {
        let line = format!("ANALYTICS.{question}");
        connection.run("WATCH shop").ok();
        let before = Trace::of(&mut other);
        assert_eq!(reader.run(&line), other.run(&line));
        assert_eq!(Trace::of(&mut other), before);
        let replies = connection.pipeline(&["MULTI", "PING", "EXEC"]);
        assert_eq!(replies[2].array().len(), 1, "{line} breaks a WATCH");
    }
    assert!(reader.run(RULE).error().starts_with("READONLY"));
    let line = "EVAL return(redis.call('ANALYTICS.ALERT_RO',KEYS[1],'LIST')) 1 shop";
    assert_eq!(reader.run(line).array().len(), 1);
}

#[test]
fn every_change_is_the_same_on_a_replica_with_other_settings() {
    let (server, mut connection) = site();
    let replica = Server::with()
        .config("analytics.timezone", "Asia/Tokyo")
        .replica_of(&server)
        .start();
    for line in [
        RULE,
        "ANALYTICS.ALERT shop SET quiet events 1h < 1",
        "ANALYTICS.ALERT shop PAUSE quiet",
        "ANALYTICS.ALERT shop SET late events 1h >= 0 EVERY 1s",
        "ANALYTICS.ALERT shop SET late latency:p95@event=buy 5m > 250.5 CLEAR 200 FOR 1m EVERY 2m",
        "ANALYTICS.LIVE shop SET main 5s events",
        "ANALYTICS.LIVE shop SET day 1h WINDOW today users",
        "ANALYTICS.LIVE shop DEL main",
        "ANALYTICS.ALERT shop RESUME quiet",
        "ANALYTICS.ALERT shop DEL late",
        "EVAL return(redis.call('ANALYTICS.ALERT',KEYS[1],'SET','x','events','5m','<','0')) 1 shop",
    ] {
        assert!(!connection.run(line).is_error(), "{line}");
        if line.contains(">= 0") {
            wait_until("it fires", || {
                let rule = connection.run("ANALYTICS.ALERT shop GET late");
                rule.get("state").text() == "firing"
            });
        }
        server.wait_for_replica(&replica);
        assert_same_data(&mut connection, &mut replica.connection(), line);
    }
    // It fired, and was replaced.
    assert_eq!(connection.run("XLEN {shop}:alerts"), 2);
}

#[test]
fn memory_usage_counts_rules_and_live_metrics() {
    let (_server, mut connection) = site();
    let usage = |connection: &mut Connection| connection.run("MEMORY USAGE shop").int();
    let value = "x".repeat(100);
    connection
        .run(&format!("ANALYTICS.ALTER shop VAL {value}"))
        .ok();
    let before = usage(&mut connection);
    for n in 0..50 {
        let rule = format!("ANALYTICS.ALERT shop SET r{n} {value}:sum 5m < 0");
        connection.run(&rule).ok();
    }
    let with_rules = usage(&mut connection);
    assert!((50 * 200..50 * 600).contains(&(with_rules - before)));
    connection
        .run(&format!(
            "ANALYTICS.LIVE shop SET f 5s {value}:sum {value}:avg"
        ))
        .ok();
    assert!(usage(&mut connection) > with_rules + 200);
}
