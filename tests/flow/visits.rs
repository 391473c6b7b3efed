//! Visits: against an oracle over the raw events, to the last digit, in windows on slot borders; what is
//! asked about them, what is refused, and when they are forgotten.

use crate::visits_oracle::{asked, check, random_events, send, Oracle, OPTIONS};
use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::state::assert_same_data;
use testkit::{cmd, encode, Arg, Connection, Random, Server, State};

#[test]
fn visits_are_those_of_the_raw_events() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let mut random = Random::new(18);
    let zones = ["UTC", "Europe/Paris", "Australia/Lord_Howe"];
    for (number, zone) in zones.iter().enumerate() {
        let site = format!("site{number}");
        connection
            .run(&format!("ANALYTICS.CREATE {site} TZ {zone} {OPTIONS}"))
            .ok();
        let from = floor(now - 380 * DAY, HOUR);
        let events = random_events(&mut random, from, now - MINUTE, 6_000);
        let mut oracle = Oracle::default();
        let mut ids = std::collections::HashSet::new();
        for event in &events {
            // An id that comes again is the same event at the same time.
            let is_new = event.id.as_ref().is_none_or(|id| ids.insert(id.clone()));
            if is_new {
                oracle.take(event);
            }
        }
        assert!(oracle.visits.len() > 400, "{}", oracle.visits.len());
        assert!(oracle.late > 5 && oracle.steps.len() > 400);
        send(&mut connection, &site, &events, &mut random);
        let info = connection.run(&format!("ANALYTICS.INFO {site}"));
        assert_eq!(info.get("late-for-visits").int() as u64, oracle.late);
        check(
            &mut connection,
            &site,
            &oracle,
            from - DAY,
            floor(now, MINUTE) + HOUR,
        );
        for _ in 0..25 {
            let a = from + random.below((now - from) as u64) as i64;
            let length = *random.pick(&[MINUTE, HOUR, 5 * HOUR, DAY, 30 * DAY, 200 * DAY]);
            let a = floor(a, MINUTE);
            let end = a + floor(1 + random.below(length as u64) as i64, MINUTE) + MINUTE;
            check(&mut connection, &site, &oracle, a, end);
        }
    }
}

#[test]
fn partitions_expire_after_the_last_visit_and_not_before_they_are_written() {
    let mut clock = testkit::ManualClock::new();
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop VISITS 30m VISITORS 100")
        .ok();
    let now = connection.now();
    // What is back-filled is remembered from now on.
    let old = now - 5 * HOUR;
    connection.run(&format!("ANALYTICS.TRACK shop view ann AT {old}"));
    let expiry =
        |connection: &mut Connection| connection.run("PEXPIRETIME {shop}:visitors:0").int();
    assert!(expiry(&mut connection) >= now + 30 * MINUTE);
    connection.run(&format!(
        "ANALYTICS.TRACK shop view ann AT {}",
        old + MINUTE
    ));
    let window = format!("{}..{}", floor(old, HOUR), floor(old, HOUR) + 2 * HOUR);
    assert_eq!(
        asked(&mut connection, "shop", &window, ""),
        [1, 0, MINUTE, 2]
    );
    for _ in 0..4 {
        clock.step(29 * MINUTE);
        connection.run("ANALYTICS.TRACK shop view bob");
        assert!(expiry(&mut connection) >= connection.now() + 30 * MINUTE - 1_000);
    }
    let reply = connection.run("ANALYTICS.GET shop 3h visits visit-events:sum");
    assert_eq!(reply.array()[0], 1);
    assert_eq!(reply.array()[1], 4);
    clock.step(61 * MINUTE);
    assert_eq!(connection.run("EXISTS {shop}:visitors:0"), 0);
    connection.run("ANALYTICS.TRACK shop view bob");
    assert_eq!(connection.run("EXISTS {shop}:visitors:0"), 1);
    assert_eq!(connection.run("ANALYTICS.GET shop 6h visits").array()[0], 2);
}

#[test]
fn past_the_capacity_what_is_scaled_is_within_the_error_that_is_named() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop VISITS 30m BY country VISITORS 2000 RETENTION minute off")
        .ok();
    let now = floor(connection.now() - 20 * MINUTE, MINUTE);
    let mut random = Random::new(1);
    const USERS: u64 = 40_000;
    let (mut visits, mut events, mut bounces) = (0f64, 0f64, 0f64);
    for call in 0..USERS / 100 {
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), "shop".to_owned()];
        for user in call * 100..call * 100 + 100 {
            let time = now + (user * 600_000 / USERS) as i64;
            let count = 1 + random.below(3);
            (visits, events) = (visits + 1.0, events + count as f64);
            bounces += f64::from(count == 1);
            for event in 0..count {
                let at = (time + event as i64 * 1_000).to_string();
                let user = format!("user-{user}");
                words.extend(
                    ["EVENT", "view", &user, "AT", &at, "DIM", "country", "FR"].map(str::to_owned),
                );
            }
        }
        let mut request = Vec::new();
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &args);
        assert!(!connection.exchange(&request, 1)[0].is_error());
    }
    let info = connection.run("ANALYTICS.INFO shop");
    assert!(info.get("visitors").int() <= 2_000);
    assert!(info.get("visitor-sampling").double() < 0.1);
    let window = format!("{now}..{}", now + HOUR);
    let explained = connection.run(&format!("ANALYTICS.EXPLAIN shop {window}"));
    assert!(explained.get("visit-sampling").double() < 0.2);
    let errors = explained.get("visit-standard-errors").clone();
    for row in ["", "@country=FR"] {
        let [counted, unreturned, _, of_events] = asked(&mut connection, "shop", &window, row);
        for (name, found, truth) in [
            ("visits", counted, visits),
            ("bounces", unreturned, bounces),
            ("visit-events", of_events, events),
        ] {
            let error = errors.get(name).double();
            assert!(error > 0.0 && error < 0.2, "{name}: {error}");
            let off = (found as f64 - truth).abs() / truth;
            assert!(
                off <= 3.0 * error,
                "{name}: {found}, not {truth}: {off}, {error}"
            );
        }
    }
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let server = Server::start();
    let mut connection = server.connection();
    let refused = |connection: &mut Connection, line: &str, why: &str| {
        let before = State::of(connection);
        let reply = connection.run(line);
        let error = reply.error();
        assert!(error.contains(why), "{line}: {error}");
        State::of(connection).assert_is(&before, line);
    };
    connection.run("ANALYTICS.CREATE plain DIM country").ok();
    connection
        .run("ANALYTICS.CREATE shop VISITS 30m PATH page BY country")
        .ok();
    for (line, why) in [
        ("ANALYTICS.CREATE x VISITS", "VISITS needs a timeout"),
        ("ANALYTICS.CREATE x VISITS 0s", "duration"),
        ("ANALYTICS.CREATE x VISITS 25h", "from 1s to 24h"),
        ("ANALYTICS.CREATE x VISITS 1mo", "months"),
        ("ANALYTICS.CREATE x VISITS 30m PATH", "PATH of VISITS needs a word"),
        ("ANALYTICS.CREATE x VISITS 30m PATH a PATH b", "PATH"),
        ("ANALYTICS.CREATE x VISITS 30m BY a BY a", "given twice"),
        ("ANALYTICS.CREATE x VISITS 30m BY a BY b BY c BY d BY e", "at most 4"),
        ("ANALYTICS.CREATE x VISITS 30m PATH entry", "derived"),
        ("ANALYTICS.CREATE x VISITS 30m VISITORS 0", "VISITORS '0'"),
        ("ANALYTICS.CREATE x VISITS 30m PATH page DIM exit", "derived"),
        ("ANALYTICS.CREATE x VISITS 30m SEED 00112233445566778899aabbccddeeff 5", "replication"),
        ("ANALYTICS.CREATE x VISITS off SEED 00112233445566778899aabbccddeeff 5", "SEED"),
        ("ANALYTICS.CREATE x VISITS 30m RETENTION hour off RETENTION day off RETENTION week off RETENTION month off", "RETENTION must leave one"),
        ("ANALYTICS.TRACK shop view ann DIM from /", "derived"),
        ("ANALYTICS.TRACK shop view ann DIM entry /", "derived"),
        ("ANALYTICS.TRACK shop view ann PASSIVE PASSIVE", "PASSIVE"),
        ("ANALYTICS.TRACKJSON shop {\"event\":\"a\",\"user_id\":\"b\",\"passive\":1}", "true or false"),
        ("ANALYTICS.ALTER shop FORGET DIM country", "change VISITS first"),
        ("ANALYTICS.CREATE x VAL visits", "counted already"),
        ("ANALYTICS.GET plain 1h visits", "counts no visits"),
        ("ANALYTICS.GET shop 1h visits@plan=pro", "by: country, entry, exit"),
        ("ANALYTICS.GET shop 1h visits@country=FR&page=/", "one dimension"),
        ("ANALYTICS.GET shop 1h visit-time", "sum or avg"),
        ("ANALYTICS.GET shop 1h bounces:avg", "no aggregate 'avg'"),
        ("ANALYTICS.GET shop 1h events@exit=/", "dimension of visits"),
        ("ANALYTICS.TOP shop 1h exit BY users", "dimension of visits"),
        ("ANALYTICS.TOP shop 1h page BY visits", "by: country, entry, exit"),
        ("ANALYTICS.RANGE shop 1h 10s visits", ""),
    ] {
        refused(&mut connection, line, why);
    }
}

#[test]
fn every_question_about_visits_is_answered() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop VISITS 30m PATH page BY country LOG 1000")
        .ok();
    let now = connection.now();
    let at = |back: i64| now - back;
    for (user, back, page) in [
        ("ann", 5 * MINUTE, "/"),
        ("ann", 4 * MINUTE, "/cart"),
        ("bob", 3 * MINUTE, "/"),
        ("cleo", 2 * MINUTE, "/cart"),
    ] {
        let line = format!(
            "ANALYTICS.TRACK shop view {user} AT {} DIM page {page} DIM country FR",
            at(back)
        );
        assert_eq!(connection.run(&line), 1);
    }
    let json = format!(
        "[{{\"event\":\"ping\",\"user_id\":\"bob\",\"timestamp\":{},\"passive\":true}}]",
        at(MINUTE)
    );
    assert_eq!(cmd!(connection, "ANALYTICS.TRACKJSON", "shop", &json), 1);
    let get = connection.run(
        "ANALYTICS.GET shop 24h visits bounces bounces:share visit-time:sum visit-time:avg \
         visit-events:sum visit-events:avg visits:rate visits/users events",
    );
    let numbers: Vec<f64> = get.array().iter().map(|number| number.double()).collect();
    let expected = [3.0, 2.0, 2.0 / 3.0, 180.0, 60.0, 5.0, 5.0 / 3.0];
    assert_eq!(numbers[..7], expected);
    assert_eq!(numbers[8..], [1.0, 5.0]);
    let compare = connection.run("ANALYTICS.COMPARE shop 24h visits");
    assert_eq!(compare.array()[0].array()[0], 3);
    let range = connection.run("ANALYTICS.RANGE shop 2h 1h visits bounces events");
    let sum = |metric: usize| -> i64 {
        range.array()[metric]
            .array()
            .iter()
            .map(|point| point.array()[1].int())
            .sum()
    };
    assert_eq!([sum(0), sum(1), sum(2)], [3, 2, 5]);
    let top = connection.run("ANALYTICS.TOP shop 24h entry BY bounces:share LIMIT 1");
    assert_eq!(top.array()[0].array()[0].text(), "/cart");
    assert_eq!(top.array()[0].array()[1].double(), 1.0);
    assert_eq!(top.array()[1].array()[0].text(), "~other");
    let dashboard = connection.run("ANALYTICS.DASHBOARD shop");
    assert!(dashboard.get("visits").get("visits").int() <= 3);
    assert!(!dashboard.get("top").get("exit").is_nil());
    let explained = connection.run("ANALYTICS.EXPLAIN shop 24h");
    assert_eq!(explained.get("visit-sampling").double(), 1.0);
    let errors = explained.get("visit-standard-errors");
    assert_eq!(errors.get("visit-time").double(), 0.0);
    // The log has what makes the same visits of a new site.
    connection
        .run("ANALYTICS.CREATE again VISITS 30m PATH page BY country")
        .ok();
    let replayed = connection.run("ANALYTICS.REPLAY again FROM {shop}:events");
    assert!(!replayed.is_error(), "{replayed:?}");
    let window = format!(
        "{}..{}",
        floor(at(HOUR), MINUTE),
        floor(now, MINUTE) + MINUTE
    );
    for row in ["", "@entry=/", "@exit=/cart", "@country=FR"] {
        let ours = asked(&mut connection, "shop", &window, row);
        assert_eq!(asked(&mut connection, "again", &window, row), ours, "{row}");
    }
    // A rule and live metrics of visits.
    for line in [
        "ANALYTICS.ALERT shop SET quiet visits 1h < 1",
        "ANALYTICS.ALERT shop SET bounced bounces:share@entry=/ 1h > 0.9",
        "ANALYTICS.LIVE shop SET main 1s visits bounces:share",
    ] {
        let reply = connection.run(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
    }
}

#[test]
fn without_visits_no_partition_is_made_and_alter_drops_them() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.TRACK shop view ann PASSIVE")
        .int();
    let partitions =
        |connection: &mut Connection| cmd!(connection, "KEYS", "*:visitors:*").array().len();
    assert_eq!(partitions(&mut connection), 0);
    connection.run("ANALYTICS.ALTER shop VISITS 30m").ok();
    // A passive event begins no visit.
    connection
        .run("ANALYTICS.TRACK shop view ann PASSIVE")
        .int();
    assert_eq!(partitions(&mut connection), 0);
    connection.run("ANALYTICS.TRACK shop view ann").int();
    assert_eq!(partitions(&mut connection), 1);
    connection.run("ANALYTICS.ALTER shop VISITS 30m").ok();
    assert_eq!(partitions(&mut connection), 1, "nothing has changed");
    connection.run("ANALYTICS.ALTER shop VISITS 31m").ok();
    assert_eq!(partitions(&mut connection), 0);
    connection.run("ANALYTICS.TRACK shop view ann").int();
    connection.run("ANALYTICS.ALTER shop VISITS off").ok();
    assert_eq!(partitions(&mut connection), 0);
    connection.run("ANALYTICS.TRACK shop view ann").int();
    assert_eq!(partitions(&mut connection), 0);
    assert_same_data(
        &mut connection,
        &mut server.connection(),
        "another connection",
    );
}
