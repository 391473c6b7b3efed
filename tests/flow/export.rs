//! `ANALYTICS.EXPORT`: what a bucket counts once, as a string that `PFCOUNT` and `PFMERGE` take. The
//! oracle is Redis itself: a `PFADD` of the same users.

use testkit::calendar::{buckets, DAY, HOUR, MINUTE};
use testkit::state::refused_line;
use testkit::{cmd, Arg, Connection, Reply, Server, Trace};

/// Registers of a HyperLogLog key, as Redis reads them.
#[track_caller]
pub fn registers(connection: &mut Connection, key: &str) -> Vec<i64> {
    let registers = cmd!(connection, "PFDEBUG", "GETREG", key).ints();
    assert_eq!(registers.len(), 16_384);
    registers
}

pub fn users(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|n| format!("user-{n}")).collect()
}

pub fn track(connection: &mut Connection, site: &str, users: &[String], rest: &str) {
    for users in users.chunks(1_000) {
        let events = users.iter().map(|user| format!("EVENT view {user} {rest}"));
        let events: Vec<String> = events.collect();
        let line = format!("ANALYTICS.MTRACK {site} {}", events.join(" "));
        assert_eq!(connection.run(&line), users.len() as i64);
    }
}

pub fn pfadd(connection: &mut Connection, key: &str, users: &[String]) {
    for users in users.chunks(1_000) {
        let mut words: Vec<&dyn Arg> = vec![&"PFADD", &key];
        words.extend(users.iter().map(|user| user as &dyn Arg));
        connection.call(&words).int();
    }
}

#[track_caller]
fn export(connection: &mut Connection, rest: &str) -> Vec<u8> {
    let line = format!("ANALYTICS.EXPORT shop {rest}");
    connection.run(&line).bytes().to_vec()
}

#[test]
fn an_export_has_the_registers_of_a_pfadd_of_the_same_users() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = connection.now() - 2 * HOUR;
    let mut counted = 0;
    for count in [1, 10, 500, 2_000, 2_560, 2_561, 20_000] {
        let more = users(counted, count);
        track(&mut connection, "shop", &more, &format!("AT {time}"));
        pfadd(&mut connection, "native", &more);
        counted = count;

        let string = export(&mut connection, &format!("day {time}"));
        assert_eq!(&string[..4], b"HYLL");
        cmd!(connection, "SET", "ours", string).ok();
        // One user takes what it takes in Redis.
        let theirs = cmd!(connection, "STRLEN", "native").int();
        assert!(
            (string.len() as i64 - theirs).abs() < 100,
            "{count}: {theirs}"
        );
        let pfcount = cmd!(connection, "PFCOUNT", "native").int();
        assert_eq!(cmd!(connection, "PFCOUNT", "ours"), pfcount);
        let unique = connection.run("ANALYTICS.UNIQUE shop 3d").int();
        match count {
            // Near exact, where registers are not.
            0..=2_560 => assert!((unique - count as i64).abs() <= 1, "{count}: {unique}"),
            _ => assert_eq!(unique, pfcount),
        }

        cmd!(connection, "PFADD", "other", "ann", "bob").int();
        cmd!(connection, "PFMERGE", "merged", "other", "ours").ok();
        cmd!(connection, "PFMERGE", "expected", "other", "native").ok();
        // Reading registers makes a key dense: only now.
        assert_eq!(
            registers(&mut connection, "ours"),
            registers(&mut connection, "native"),
            "{count}"
        );
        assert_eq!(
            registers(&mut connection, "merged"),
            registers(&mut connection, "expected")
        );
        cmd!(connection, "DEL", "other", "merged", "expected", "native").int();
        pfadd(&mut connection, "native", &users(0, count));
    }
}

#[test]
fn a_time_selects_the_bucket_that_contains_it() {
    let server = Server::start();
    let mut connection = server.connection();
    let zone = "Asia/Kolkata";
    connection
        .run(&format!("ANALYTICS.CREATE shop TZ {zone}"))
        .ok();
    let time = connection.now() - 10 * MINUTE;
    let event = format!("ANALYTICS.TRACK shop view ann AT {time}");
    assert_eq!(connection.run(&event), 1);
    let expected = export(&mut connection, &format!("day {time}"));
    let named = buckets("shop", zone, time).map(|bucket| bucket.key);
    for (granularity, key) in ["minute", "hour", "day", "week", "month"].iter().zip(named) {
        let label = key
            .split_once(&format!("{granularity}:"))
            .expect("a label")
            .1;
        // The keys of minutes and hours are in UTC, times without an offset in the site's zone.
        let label = match *granularity {
            "minute" | "hour" => format!("{label}Z"),
            _ => label.to_owned(),
        };
        let local = testkit::calendar::at(time, zone);
        let iso = local.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        for time in [time.to_string(), label, iso] {
            let string = export(&mut connection, &format!("{granularity} {time}"));
            assert_eq!(string, expected, "{granularity} {time}");
        }
    }
    for granularity in ["day", "WEEK", "Month"] {
        // Within ten minutes of midnight, now is another day.
        let reply = connection.run(&format!("ANALYTICS.EXPORT shop {granularity} NOW"));
        assert!(reply.is_nil() || reply.bytes() == expected);
    }
}

#[test]
fn rows_are_named_by_dimensions_and_values_and_sessions_by_their_name() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop CUBE event,country CUBE event,country,plan")
        .ok();
    let time = connection.now() - HOUR;
    for line in [
        "buy ann DIM country FR DIM plan pro SESSION s1",
        "buy bob DIM country FR SESSION s2",
        "view cleo DIM country FR SESSION s3",
        "buy dora DIM country DE SESSION s3",
    ] {
        let line = format!("ANALYTICS.TRACK shop {line} AT {time}");
        assert_eq!(connection.run(&line), 1);
    }
    for (row, expected) in [
        ("", vec!["ann", "bob", "cleo", "dora"]),
        ("users", vec!["ann", "bob", "cleo", "dora"]),
        ("sessions", vec!["s1", "s2", "s3"]),
        ("country FR", vec!["ann", "bob", "cleo"]),
        ("USERS country DE", vec!["dora"]),
        ("sessions country DE", vec!["s3"]),
        ("event buy", vec!["ann", "bob", "dora"]),
        ("event buy country FR", vec!["ann", "bob"]),
        ("country FR event buy", vec!["ann", "bob"]),
        ("sessions country FR event view", vec!["s3"]),
        ("plan pro event buy country FR", vec!["ann"]),
    ] {
        let string = export(&mut connection, &format!("hour {time} {row}"));
        cmd!(connection, "SET", "ours", string).ok();
        let mut words: Vec<&dyn Arg> = vec![&"PFADD", &"native"];
        words.extend(expected.iter().map(|user| user as &dyn Arg));
        connection.call(&words).int();
        let ours = registers(&mut connection, "ours");
        assert_eq!(ours, registers(&mut connection, "native"), "{row}");
        connection.run("DEL native").int();
    }
}

#[test]
fn nothing_counted_is_null() {
    let server = Server::start();
    let mut connection = server.connection();
    let null = |connection: &mut Connection, line: &str| {
        let reply = connection.run(&format!("ANALYTICS.EXPORT {line}"));
        assert!(reply.is_nil(), "{line}: {reply:?}");
    };
    null(&mut connection, "nosuch day now");
    null(&mut connection, "nosuch minute 2001-01-01 country FR");
    let time = connection.now() - 2 * DAY;
    let event = format!("ANALYTICS.TRACK shop view ann AT {time} DIM country FR");
    assert_eq!(connection.run(&event), 1);
    for rest in [
        format!("day {}", time - 3 * DAY),
        format!("day {}", time + 40 * DAY),
        format!("day {time} country DE"),
        format!("day {time} nosuch x"),
        format!("day {time} event buy"),
        format!("day {time} sessions"),
        format!("day {time} sessions country FR"),
        "day 9999-01-01".to_owned(),
    ] {
        null(&mut connection, &format!("shop {rest}"));
    }
    connection.hello3();
    null(&mut connection, "shop day 9999-01-01");
}

#[test]
fn an_impossible_query_names_the_reason() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM plan NOUSERS CUBE country,page NOUSERS RETENTION week off")
        .ok();
    connection
        .run("ANALYTICS.TRACK shop view ann DIM country FR DIM page /")
        .int();
    let old = connection.now() - 3 * HOUR;
    for (rest, parts) in [
        ("year now", &["year", "minute, hour, day, week, month"][..]),
        ("day soon", &["time 'soon'", "ISO 8601"]),
        ("week 2024-12", &["time '2024-12'", "2024-W50"]),
        ("month 2024-W50", &["time '2024-W50'", "such as 2024-12"]),
        ("day 99999999999999999999", &["time"]),
        (
            "day now country",
            &["country", "neither users nor sessions"],
        ),
        ("day now plan pro", &["plan", "NOUSERS"]),
        ("day now country FR page /", &["country,page", "NOUSERS"]),
        (
            "day now country FR plan pro",
            &["country,plan", "not a cube"],
        ),
        ("day now country FR country DE", &["country", "twice"]),
        ("day now a 1 b 2 c 3 d 4 e 5", &["at most 4"]),
        ("day now a,b x", &["a,b"]),
        ("week now", &["RETENTION week is off"]),
        (&format!("minute {old}"), &["minute", "has expired", "1h"]),
        (
            "hour 2001-01-01",
            &["hour 2001-01-01T00", "has expired", "1w"],
        ),
    ] {
        refused_line(connection, &format!("ANALYTICS.EXPORT shop {rest}"), parts);
    }
    for line in ["", "shop", "shop day"] {
        let reply = connection.run(&format!("ANALYTICS.EXPORT {line}"));
        assert!(reply.error().contains("wrong number of arguments"));
    }
    connection.run("SET string x").ok();
    let reply = connection.run("ANALYTICS.EXPORT string day now");
    assert!(reply.error().starts_with("WRONGTYPE "), "{reply:?}");
}

#[test]
fn an_export_changes_nothing_and_is_answered_by_replicas_and_readers() {
    let server = Server::with().aof().start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    let time = connection.now() - HOUR;
    track(
        &mut connection,
        "shop",
        &users(0, 3_000),
        &format!("AT {time}"),
    );
    let lines = [
        format!("ANALYTICS.EXPORT shop month {time}"),
        "ANALYTICS.EXPORT shop day 2099-01-01".to_owned(),
        "ANALYTICS.EXPORT nosuch day now".to_owned(),
    ];
    let before = Trace::of(&mut connection);
    let mut watcher = server.connection();
    watcher.run("WATCH shop").ok();
    let answers: Vec<Reply> = lines.iter().map(|line| connection.run(line)).collect();
    assert_eq!(Trace::of(&mut connection), before);
    watcher.run("MULTI").ok();
    watcher.run("PING").text();
    assert!(!watcher.run("EXEC").is_nil());

    connection
        .run("ACL SETUSER reader on nopass %R~* +analytics.export")
        .ok();
    let mut reader = server.connection();
    reader.run("AUTH reader x").ok();
    server.wait_for_replica(&replica);
    let mut theirs = replica.connection();
    for (line, answer) in lines.iter().zip(answers) {
        assert_eq!(theirs.run(line), answer);
        assert_eq!(reader.run(line), answer);
    }
}
