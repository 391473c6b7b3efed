//! `ANALYTICS.CREATE` and `ANALYTICS.ALTER`: the settings of a site.

use testkit::calendar::{buckets, DAY, HOUR, MINUTE};
use testkit::state::refused_line;
use testkit::{cmd, Connection, Reply, Server, State};

fn info(connection: &mut Connection) -> Reply {
    connection.run("ANALYTICS.INFO shop")
}

fn rows(reply: &Reply) -> Vec<Vec<String>> {
    let row = |row: &Reply| row.texts().into_iter().map(str::to_owned).collect();
    reply.array().iter().map(row).collect()
}

fn retention(connection: &mut Connection) -> Vec<String> {
    let info = info(connection);
    let fields = info.get("retention").fields();
    fields
        .iter()
        .map(|(_, kept)| kept.text().to_owned())
        .collect()
}

#[test]
fn a_site_is_made_with_the_settings_of_the_module() {
    let server = Server::with()
        .config("analytics.timezone", "Asia/Kolkata")
        .config("analytics.retention-minute", "2h")
        .config("analytics.retention-week", "off")
        .config("analytics.dimension-capacity", "50")
        .start();
    let mut connection = server.connection();
    for line in ["ANALYTICS.CREATE shop", "ANALYTICS.TRACK shop view ann"] {
        connection.run(line);
        assert_eq!(*info(&mut connection).get("timezone"), "Asia/Kolkata");
        assert_eq!(*info(&mut connection).get("capacity"), 50);
        assert_eq!(
            retention(&mut connection),
            ["2h", "1w", "365d", "off", "3y"]
        );
        connection.run("FLUSHALL").ok();
    }
    connection
        .run("CONFIG SET analytics.timezone Europe/Paris")
        .ok();
    connection
        .run("ANALYTICS.CREATE shop TZ America/New_York RETENTION week 10w RETENTION minute off")
        .ok();
    assert_eq!(*info(&mut connection).get("timezone"), "America/New_York");
    assert_eq!(
        retention(&mut connection),
        ["off", "1w", "365d", "10w", "3y"]
    );
}

#[test]
fn every_option_is_kept_and_shown() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    connection
        .run(
            "analytics.create shop tz Europe/Paris retention MINUTE 90m Dim country DIM device nousers \
             DIM event NOUSERS CUBE event,country CUBE country,device,plan NOUSERS VAL revenue val latency \
             CAPACITY 77 STRICT",
        )
        .ok();
    let shown = info(connection);
    assert_eq!(*shown.get("site"), "shop");
    assert_eq!(*shown.get("strict"), 1);
    assert_eq!(*shown.get("capacity"), 77);
    assert_eq!(*shown.get("events"), 0);
    assert!(shown.get("first-event").is_nil());
    assert_eq!(
        rows(shown.get("dimensions")),
        [
            ["event", "nousers", "declared"],
            ["country", "users", "declared"],
            ["device", "nousers", "declared"],
            ["plan", "users", "declared"]
        ]
    );
    assert_eq!(
        rows(shown.get("cubes")),
        [
            ["event,country", "users"],
            ["country,device,plan", "nousers"]
        ]
    );
    assert_eq!(
        rows(shown.get("values")),
        [["revenue", "declared"], ["latency", "declared"]]
    );
    assert_eq!(connection.keys(), ["shop"]);
    assert_eq!(connection.run("PTTL shop"), -1);
    refused_line(
        connection,
        "ANALYTICS.CREATE shop",
        &["shop", "ANALYTICS.ALTER"],
    );
}

#[test]
fn bad_options_are_named_and_make_no_site() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    let many = |option: &str, count: usize| {
        (0..count)
            .map(|n| format!("{option} n{n} "))
            .collect::<String>()
    };
    let cubes: String = (0..17).map(|n| format!("CUBE event,c{n} ")).collect();
    let long = "x".repeat(129);
    let cases: Vec<(String, Vec<&str>)> = vec![
        ("TZ Mars/Olympus".into(), vec!["Mars/Olympus"]),
        ("TZ".into(), vec!["TZ", "zone"]),
        ("RETENTION".into(), vec!["RETENTION", "granularity"]),
        ("RETENTION second 1h".into(), vec!["second", "minute, hour, day, week, month"]),
        ("RETENTION minute".into(), vec!["RETENTION", "duration"]),
        ("RETENTION minute soon".into(), vec!["minute", "soon"]),
        ("RETENTION minute 0s".into(), vec!["minute", "0s"]),
        ("RETENTION minute -1h".into(), vec!["minute", "-1h"]),
        ("RETENTION minute 1000y".into(), vec!["minute", "100000"]),
        ("RETENTION day 99999999999999999999d".into(), vec!["day"]),
        ("RETENTION minute off RETENTION hour off RETENTION day off RETENTION week off RETENTION month off".into(), vec!["at least one"]),
        ("DIM".into(), vec!["DIM"]),
        ("DIM a=b".into(), vec!["a=b"]),
        ("DIM a,b".into(), vec!["a,b"]),
        (format!("DIM {long}"), vec!["dimension", "128"]),
        (format!("VAL {long}"), vec!["value", "128"]),
        ("VAL users".into(), vec!["users"]),
        ("VAL a@b".into(), vec!["a@b"]),
        ("CUBE country".into(), vec!["country", "two to four"]),
        ("CUBE a,b,c,d,e".into(), vec!["a,b,c,d,e", "two to four"]),
        ("CUBE a,a".into(), vec!["a,a"]),
        ("CUBE a,".into(), vec!["dimension", "empty"]),
        ("CUBE a,b CUBE b,a".into(), vec!["b,a", "a,b"]),
        ("CAPACITY 0".into(), vec!["CAPACITY", "0"]),
        ("CAPACITY 100001".into(), vec!["CAPACITY", "100000"]),
        ("CAPACITY many".into(), vec!["CAPACITY", "many"]),
        ("NONSENSE".into(), vec!["NONSENSE", "TZ zone"]),
        ("VAL ok 5".into(), vec!["5"]),
        (many("DIM", 33), vec!["DIM", "one too many", "32"]),
        (many("VAL", 33), vec!["VAL", "one too many", "32"]),
        (cubes, vec!["CUBE", "16"]),
    ];
    for (options, parts) in &cases {
        refused_line(
            connection,
            &format!("ANALYTICS.CREATE shop {options}"),
            parts,
        );
    }
    assert!(connection.keys().is_empty());
    connection.run("ANALYTICS.CREATE shop").ok();
    connection
        .run("ANALYTICS.TRACK shop view ann DIM country FR")
        .int();
    for (options, parts) in &cases {
        refused_line(
            connection,
            &format!("ANALYTICS.ALTER shop STRICT {options}"),
            parts,
        );
    }
    refused_line(
        connection,
        "ANALYTICS.ALTER nosuch STRICT",
        &["nosuch", "ANALYTICS.CREATE"],
    );
    assert!(connection
        .run("ANALYTICS.CREATE")
        .error()
        .contains("wrong number"));
    assert!(connection
        .run("ANALYTICS.ALTER")
        .error()
        .contains("wrong number"));
}

#[test]
fn the_zone_is_fixed_once_the_first_event_is_in() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    connection.run("ANALYTICS.CREATE shop TZ Europe/Paris").ok();
    connection.run("ANALYTICS.ALTER shop TZ Asia/Tokyo").ok();
    assert_eq!(*info(connection).get("timezone"), "Asia/Tokyo");
    let time = connection.now();
    cmd!(
        connection,
        "ANALYTICS.TRACK",
        "shop",
        "view",
        "ann",
        "AT",
        time
    )
    .int();
    let keys = connection.keys();
    for bucket in buckets("shop", "Asia/Tokyo", time) {
        assert!(keys.contains(&bucket.key), "{keys:?}");
    }
    refused_line(
        connection,
        "ANALYTICS.ALTER shop TZ Europe/Paris",
        &["TZ", "Asia/Tokyo"],
    );
    connection
        .run("ANALYTICS.ALTER shop TZ Asia/Tokyo STRICT")
        .ok();
}

#[test]
fn altered_settings_apply_from_the_next_event_on() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM country STRICT")
        .ok();
    refused_line(
        connection,
        "ANALYTICS.TRACK shop view ann DIM plan pro",
        &["plan"],
    );
    connection
        .run("ANALYTICS.ALTER shop DIM plan VAL revenue")
        .ok();
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop view ann DIM plan pro VAL revenue 5"),
        1
    );
    refused_line(
        connection,
        "ANALYTICS.TRACK shop view ann DIM other x",
        &["other"],
    );
    connection.run("ANALYTICS.ALTER shop NOSTRICT").ok();
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop view bob DIM other x"),
        1
    );
    assert_eq!(
        rows(info(connection).get("dimensions"))[1..],
        [
            ["country", "users", "declared"],
            ["plan", "users", "declared"],
            ["other", "users", "learned"]
        ]
    );
    connection
        .run("ANALYTICS.ALTER shop DIM other CUBE event,other")
        .ok();
    assert_eq!(
        rows(info(connection).get("dimensions"))[3],
        ["other", "users", "declared"]
    );
    // Nothing to change is no error.
    connection.run("ANALYTICS.ALTER shop").ok();
}

#[test]
fn users_that_were_not_counted_cannot_be_counted_later() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    connection.run("ANALYTICS.CREATE shop DIM country NOUSERS DIM event NOUSERS CUBE event,country NOUSERS").ok();
    connection.run("ANALYTICS.ALTER shop DIM country").ok();
    connection
        .run("ANALYTICS.ALTER shop DIM country NOUSERS")
        .ok();
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop view ann DIM country FR"),
        1
    );
    for options in ["DIM country", "DIM event", "CUBE event,country"] {
        refused_line(
            connection,
            &format!("ANALYTICS.ALTER shop {options}"),
            &["NOUSERS"],
        );
    }
    connection
        .run("ANALYTICS.ALTER shop DIM country NOUSERS DIM plan")
        .ok();
    connection.run("ANALYTICS.ALTER shop DIM plan NOUSERS").ok();
}

fn expiry(connection: &mut Connection, key: &str) -> i64 {
    cmd!(connection, "PEXPIRETIME", key).int()
}

#[test]
fn a_new_retention_moves_the_expiry_of_the_buckets_that_are_there() {
    let server = Server::start();
    let connection = &mut server.connection();
    let now = connection.now();
    let times = [
        now - 2 * MINUTE,
        now - 40 * MINUTE,
        now - 3 * DAY,
        now - 40 * DAY,
    ];
    for time in times {
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "AT",
            time
        )
        .int();
    }
    let before = State::of(connection);
    connection
        .run("ANALYTICS.ALTER shop RETENTION minute 20m RETENTION hour 9d RETENTION day 20d RETENTION month off")
        .ok();
    let mut expected = std::collections::BTreeMap::new();
    for time in times {
        let [minute, hour, day, week, _] = buckets("shop", "UTC", time);
        for (bucket, moved) in [
            (minute, -40 * MINUTE),
            (hour, 2 * DAY),
            (day, -345 * DAY),
            (week, 0),
        ] {
            if bucket.expiry > now && bucket.expiry + moved > now {
                expected.insert(bucket.key, bucket.expiry + moved);
            }
        }
    }
    expected.insert("shop".to_owned(), -1);
    let after = State::of(connection);
    let found: std::collections::BTreeMap<String, i64> = after
        .entries()
        .map(|(key, _, expiry)| (String::from_utf8_lossy(key).into_owned(), expiry))
        .collect();
    assert_eq!(found, expected);
    for (key, dump, _) in after.entries().filter(|(key, _, _)| *key != b"shop") {
        let same = before
            .entries()
            .any(|(name, value, _)| name == key && value == dump);
        assert!(same, "{}: another value", key.escape_ascii());
    }
    // New events go by the new retention.
    let time = now - 30 * DAY;
    cmd!(
        connection,
        "ANALYTICS.TRACK",
        "shop",
        "view",
        "bob",
        "AT",
        time
    )
    .int();
    let [_, _, day, week, month] = buckets("shop", "UTC", time);
    assert_eq!(expiry(connection, &day.key), -2);
    assert_eq!(expiry(connection, &week.key), week.expiry);
    assert_eq!(expiry(connection, &month.key), -2);
}

#[test]
fn the_events_of_the_current_period_go_by_the_new_retention_at_once() {
    let server = Server::start();
    let connection = &mut server.connection();
    let time = connection.now();
    let track = |connection: &mut Connection| {
        assert_eq!(
            cmd!(
                connection,
                "ANALYTICS.TRACK",
                "shop",
                "view",
                "ann",
                "AT",
                time
            ),
            1
        );
    };
    track(connection);
    let [minute, hour, ..] = buckets("shop", "UTC", time);
    connection
        .run("ANALYTICS.ALTER shop RETENTION hour off RETENTION minute 3h")
        .ok();
    track(connection);
    assert_eq!(expiry(connection, &hour.key), -2);
    assert_eq!(expiry(connection, &minute.key), minute.expiry + 2 * HOUR);
    connection
        .run("ANALYTICS.ALTER shop RETENTION hour 1d")
        .ok();
    track(connection);
    assert_eq!(expiry(connection, &hour.key), hour.expiry - 6 * DAY);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h"), 1);
}

#[test]
fn a_longer_retention_does_not_bring_back_expired_buckets() {
    let server = Server::start();
    let connection = &mut server.connection();
    let start = testkit::calendar::floor(connection.now(), HOUR) - 5 * HOUR;
    // Too late for its minute: the hour has it.
    let time = start + 10 * MINUTE;
    cmd!(
        connection,
        "ANALYTICS.TRACK",
        "shop",
        "view",
        "ann",
        "AT",
        time
    )
    .int();
    let window = format!("{start}..{}", start + 30 * MINUTE);
    let unique = format!("ANALYTICS.UNIQUE shop {window}");
    assert_eq!(connection.run(&unique), 1);
    connection
        .run("ANALYTICS.ALTER shop RETENTION minute 24h")
        .ok();
    assert_eq!(
        connection.run(&unique),
        1,
        "after the minutes' retention grew"
    );
}
