//! `ANALYTICS.UNIQUE`: distinct users in a window, of the whole site or of one dimension value.

use testkit::calendar::{at, floor, millis, DAY, HOUR, MINUTE};
use testkit::{cmd, Connection, Reply, Server, Trace};

fn track(connection: &mut Connection, user: &str, time: i64, rest: &str) {
    let line = format!("ANALYTICS.TRACK shop view {user} AT {time} {rest}");
    assert_eq!(connection.run(&line), 1, "{line}");
}

#[track_caller]
fn unique(connection: &mut Connection, rest: &str) -> i64 {
    connection
        .run(&format!("ANALYTICS.UNIQUE shop {rest}"))
        .int()
}

#[test]
fn a_user_counts_once_however_many_events_buckets_and_sessions() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for age in [MINUTE, 30 * MINUTE, 2 * HOUR, 26 * HOUR, 5 * DAY, 40 * DAY] {
        for session in ["a", "b"] {
            track(
                &mut connection,
                "ann",
                now - age,
                &format!("SESSION {session}"),
            );
        }
    }
    for window in ["1y", "50d", "6d", "3h", "45m", "5m"] {
        assert_eq!(unique(&mut connection, window), 1, "{window}");
    }
    let range = format!("{}..{}", now - 4 * DAY, now - 2 * DAY);
    assert_eq!(unique(&mut connection, &range), 0);
}

#[test]
fn windows_are_durations_calendar_words_and_ranges() {
    let server = Server::start();
    let mut connection = server.connection();
    let zone = "America/New_York";
    connection
        .run(&format!("ANALYTICS.CREATE shop TZ {zone}"))
        .ok();
    let now = connection.now();
    let today = at(now, zone).start_of_day().expect("a day");
    let day = |days: i64| {
        let day = today.date() - jiff::Span::new().days(days);
        millis(&day.in_tz(zone).expect("a day"))
    };
    // One user for each of the last days, a moment after its midnight and one before its end.
    for days in 1..=20 {
        track(&mut connection, &format!("u{days}"), day(days), "");
        track(&mut connection, &format!("u{days}"), day(days - 1) - 1, "");
    }
    assert_eq!(unique(&mut connection, "today"), 0);
    assert_eq!(unique(&mut connection, "yesterday"), 1);
    let label = |days: i64| (today.date() - jiff::Span::new().days(days)).to_string();
    assert_eq!(
        unique(&mut connection, &format!("{}..{}", label(7), label(0))),
        7
    );
    assert_eq!(
        unique(&mut connection, &format!("{}..{}", label(20), label(10))),
        10
    );
    assert_eq!(unique(&mut connection, &format!("{}..now", label(3))), 3);
    assert_eq!(
        unique(&mut connection, &format!("{}..{}", day(5), day(3))),
        2
    );
    assert_eq!(unique(&mut connection, "1y"), 20);
    // Mondays to Sundays.
    let weekday = i64::from(today.date().weekday().to_monday_zero_offset());
    assert_eq!(unique(&mut connection, "this-week"), weekday);
    assert_eq!(unique(&mut connection, "last-week"), 7);
    let of_month = i64::from(today.date().day()) - 1;
    assert_eq!(unique(&mut connection, "This-Month"), of_month.min(20));
    assert_eq!(unique(&mut connection, "last-month"), 20 - of_month.min(20));
}

#[test]
fn of_a_bucket_at_an_edge_the_part_of_its_events_counts() {
    let server = Server::start();
    let mut connection = server.connection();
    let hour = floor(connection.now(), HOUR) - 10 * HOUR;
    track(&mut connection, "ann", hour, "");
    track(&mut connection, "bob", hour + HOUR - 1, "");
    track(&mut connection, "cleo", hour + HOUR, "");
    for (from, to, users) in [
        (0, HOUR, 2),
        (0, HOUR + 1, 3),
        // The last minute has one of two events.
        (HOUR - 1, HOUR, 1),
        (20 * MINUTE, 21 * MINUTE, 0),
        (0, 21 * MINUTE, 1),
        (20 * MINUTE, HOUR + 1, 2),
        (-1, HOUR, 2),
        (HOUR, 2 * HOUR, 1),
        (-HOUR, 0, 0),
    ] {
        let window = format!("{}..{}", hour + from, hour + to);
        assert_eq!(unique(&mut connection, &window), users, "{from}..{to}");
    }
    let minute = floor(connection.now(), MINUTE) - 10 * MINUTE;
    track(&mut connection, "dora", minute, "");
    track(&mut connection, "eve", minute + MINUTE, "");
    let window = |from: i64, to: i64| format!("{}..{}", minute + from, minute + to);
    assert_eq!(unique(&mut connection, &window(0, MINUTE)), 1);
    assert_eq!(unique(&mut connection, &window(59_000, MINUTE)), 0);
    assert_eq!(unique(&mut connection, &window(0, 1)), 1);
    assert_eq!(unique(&mut connection, &window(59_999, MINUTE + 1)), 1);
}

#[test]
fn an_event_of_this_very_millisecond_is_in_a_window_that_ends_now() {
    let server = Server::start();
    let mut connection = server.connection();
    for n in 1..=50 {
        connection
            .run(&format!("ANALYTICS.TRACK shop view u{n}"))
            .int();
        for window in ["5s", "1m", "today", "1y"] {
            // Within a second of midnight UTC, today begins anew.
            let users = unique(&mut connection, window);
            assert!(
                users == n || window == "today" && users <= n,
                "{window}: {users}"
            );
        }
    }
}

#[test]
fn a_dimension_value_counts_the_users_that_carried_it() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for (user, rest) in [
        ("ann", "DIM country FR DIM plan pro"),
        ("ann", "DIM country DE"),
        ("bob", "DIM country FR"),
        ("cleo", ""),
    ] {
        track(&mut connection, user, now - HOUR, rest);
    }
    for (row, users) in [
        ("", 3),
        ("country FR", 2),
        ("country DE", 1),
        ("plan pro", 1),
        ("country fr", 0),
        ("country US", 0),
        ("nosuch x", 0),
        ("event view", 3),
        ("event buy", 0),
    ] {
        assert_eq!(
            unique(&mut connection, &format!("1d {row}")),
            users,
            "{row}"
        );
    }
}

#[test]
fn large_crowds_are_counted_within_the_error_of_the_sketch() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for call in 0..30 {
        let time = now - (call % 3) * 26 * HOUR - MINUTE;
        let events: Vec<String> = (0..1_000)
            .map(|n| format!("EVENT view user-{} AT {time}", call * 1_000 + n))
            .collect();
        let call = format!("ANALYTICS.MTRACK shop {}", events.join(" "));
        assert_eq!(connection.run(&call), 1_000);
    }
    // Four standard errors.
    let near = |users: i64, truth: i64| (users - truth).abs() < truth * 34 / 1_000;
    for (window, truth) in [("1y", 30_000), ("1h", 10_000), ("1h event view", 10_000)] {
        let users = unique(&mut connection, window.to_owned().as_str());
        assert!(near(users, truth), "{window}: {users}");
    }
}

#[test]
fn a_dimension_without_users_is_an_error() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM country NOUSERS DIM plan DIM event NOUSERS")
        .ok();
    connection
        .run("ANALYTICS.TRACK shop view ann DIM country FR DIM plan pro")
        .int();
    for row in ["country FR", "event view"] {
        let reply = connection.run(&format!("ANALYTICS.UNIQUE shop 1h {row}"));
        let name = row.split(' ').next().expect("a name");
        assert!(
            reply.error().starts_with("ERR ")
                && reply.error().contains("NOUSERS")
                && reply.error().contains(name),
            "{reply:?}"
        );
    }
    assert_eq!(unique(&mut connection, "1h plan pro"), 1);
    assert_eq!(unique(&mut connection, "1h"), 1);
}

#[test]
fn a_bad_window_is_an_error_whether_or_not_there_is_a_site() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    for window in [
        "",
        "soon",
        "5",
        "5M",
        "0s",
        "-5m",
        "5m5s",
        "1e3s",
        "99999999999999999999y",
        "..",
        "2024-07-05..2024-07-04",
        "5..5",
        "2024-07-04..",
        "..2024-07-04",
        "2024-13-01..2024-14-01",
        "9999-01-01..now",
        "a\0b",
        "\u{fffd}",
        "2024-07-04..2024-07-05..2024-07-06",
        "99999999999999999..999999999999999999",
    ] {
        for site in ["shop", "nosuch"] {
            for command in ["ANALYTICS.UNIQUE", "ANALYTICS.EXPLAIN"] {
                let reply = cmd!(connection, command, site, window);
                let part = match (command, site) {
                    ("ANALYTICS.EXPLAIN", "nosuch") => "nosuch",
                    _ => "window",
                };
                assert!(
                    matches!(&reply, Reply::Error(line) if line.starts_with("ERR ") && line.contains(part)),
                    "{command} {site} {window:?}: {reply:?}"
                );
            }
        }
    }
    assert_eq!(connection.run("ANALYTICS.UNIQUE nosuch 1h"), 0);
    assert_eq!(
        connection.run("ANALYTICS.UNIQUE nosuch today country FR"),
        0
    );
    for line in [
        "ANALYTICS.UNIQUE shop",
        "ANALYTICS.UNIQUE shop 1h country",
        "ANALYTICS.UNIQUE shop 1h country FR more",
    ] {
        assert!(
            connection
                .run(line)
                .error()
                .contains("wrong number of arguments"),
            "{line}"
        );
    }
}

const READS: [&str; 6] = [
    "ANALYTICS.UNIQUE shop 1y",
    "ANALYTICS.UNIQUE shop 90m event view",
    "ANALYTICS.UNIQUE shop yesterday country FR",
    "ANALYTICS.UNIQUE nosuch 1h",
    "ANALYTICS.EXPLAIN shop 2h",
    "ANALYTICS.INFO shop",
];

#[test]
fn a_question_changes_nothing() {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    let now = connection.now();
    for age in [0, 2 * HOUR, 3 * DAY] {
        track(&mut connection, "ann", now - age, "DIM country FR");
    }
    let before = Trace::of(&mut connection);
    for line in READS {
        assert!(!connection.run(line).is_error(), "{line}");
    }
    assert_eq!(Trace::of(&mut connection), before);
}

#[test]
fn a_replica_answers_and_refuses_events() {
    let master = Server::start();
    let replica = Server::with().replica_of(&master).start();
    let (mut ours, mut theirs) = (master.connection(), replica.connection());
    let now = ours.now();
    for age in [0, 2 * HOUR, 3 * DAY] {
        track(&mut ours, "ann", now - age, "DIM country FR");
    }
    master.wait_for_replica(&replica);
    for line in READS.into_iter().filter(|line| line.contains("UNIQUE")) {
        assert_eq!(theirs.run(line), ours.run(line), "{line}");
    }
    assert!(!theirs.run("ANALYTICS.EXPLAIN shop 2h").is_error());
    assert_eq!(*theirs.run("ANALYTICS.INFO shop").get("events"), 3);
    for line in [
        "TRACK shop view ann",
        "MTRACK shop EVENT view ann",
        "CREATE x",
        "ALTER shop STRICT",
        "DROP shop",
    ] {
        let reply = theirs.run(&format!("ANALYTICS.{line}"));
        assert!(reply.error().starts_with("READONLY "), "{line}: {reply:?}");
    }
}

#[test]
fn a_user_who_may_only_read_may_ask() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.TRACK shop view ann DIM country FR")
        .int();
    const ASK: &str = "+analytics.unique +analytics.explain +analytics.info";
    // The last one may read keys, but not write to them.
    for (name, rules) in [
        ("commands", format!("~* {ASK}")),
        ("one-site", format!("~shop {ASK}")),
        ("read-keys", "%R~* +@all".to_owned()),
    ] {
        connection
            .run(&format!("ACL SETUSER {name} on nopass {rules}"))
            .ok();
        let mut reader = server.connection();
        reader.run(&format!("AUTH {name} x")).ok();
        for line in READS.into_iter().filter(|line| line.contains("shop")) {
            let reply = reader.run(line);
            assert!(!reply.is_error(), "{name}: {line}: {reply:?}");
        }
        for line in [
            "TRACK shop view ann",
            "MTRACK shop EVENT view ann",
            "CREATE x",
            "ALTER shop STRICT",
            "DROP shop",
        ] {
            let reply = reader.run(&format!("ANALYTICS.{line}"));
            assert!(
                reply.error().starts_with("NOPERM "),
                "{name}: {line}: {reply:?}"
            );
        }
    }
    let mut reader = server.connection();
    reader.run("AUTH one-site x").ok();
    assert!(reader
        .run("ANALYTICS.UNIQUE other 1h")
        .error()
        .starts_with("NOPERM "));
}
