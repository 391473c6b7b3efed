//! `ANALYTICS.REPLAY`: a site out of an event log has the aggregates of the one that wrote it, and a
//! stream of anything else is refused as a whole.

use std::collections::BTreeMap;

use testkit::calendar::{DAY, HOUR, MINUTE};
use testkit::state::{assert_same_data, refused_line};
use testkit::{cmd, Arg, Connection, Random, ReplicaChain, Server, State};

use crate::event_log::entries;

const SETTINGS: &str =
    "TZ Europe/Paris CUBE event,country CUBE country,plan NOUSERS DIM page NOUSERS \
                        CAPACITY 5 RETENTION minute 2h";

/// Of every bucket of a site, by its name behind the site's: its DUMP and its expiry.
fn buckets(connection: &mut Connection, site: &str) -> BTreeMap<String, (Vec<u8>, i64)> {
    let tag = format!("{site}:");
    State::of(connection)
        .entries()
        .filter_map(|(key, dump, expiry)| {
            let key = std::str::from_utf8(key).ok()?.strip_prefix(&tag)?;
            let is_bucket = key != "events";
            is_bucket.then(|| (key.to_owned(), (dump.to_vec(), expiry)))
        })
        .collect()
}

/// One word after the other, of an event that may be late, twice, or without this and that.
fn event(random: &mut Random, now: i64) -> Vec<String> {
    let mut words = vec![
        (*random.pick(&["view", "buy", "~other"])).to_owned(),
        format!("u{}", random.below(300)),
    ];
    let mut add = |option: &[&str]| words.extend(option.iter().map(|it| (*it).to_owned()));
    let ages = [
        0,
        MINUTE,
        20 * MINUTE,
        5 * HOUR,
        3 * DAY,
        40 * DAY,
        500 * DAY,
        4_000 * DAY,
    ];
    let time = now - random.pick(&ages) - random.below(3_000) as i64;
    if !random.one_in(4) {
        add(&["AT", &time.to_string()]);
    }
    if random.one_in(3) {
        add(&["SESSION", &random.below(40).to_string()]);
    }
    if random.one_in(3) {
        add(&["ID", &random.below(60).to_string()]);
    }
    for (name, values) in [("country", 3), ("plan", 2), ("page", 40)] {
        if random.one_in(2) {
            add(&["DIM", name, &format!("{name}{}", random.below(values))]);
        }
    }
    if random.one_in(2) {
        let price = random.below(1_000_000) as f64 / 7.0 - 5_000.0;
        add(&["VAL", "price", &price.to_string()]);
    }
    if random.one_in(5) {
        add(&["VAL", "ms", &random.below(1_000).to_string()]);
    }
    words
}

/// Replays all of a stream, so many entries a call; how many events counted.
fn replay(connection: &mut Connection, site: &str, stream: &str, count: usize) -> i64 {
    let (mut counted, mut after) = (0, "0-0".to_owned());
    loop {
        let line = format!("ANALYTICS.REPLAY {site} FROM {stream} COUNT {count} AFTER {after}");
        let reply = connection.run(&line);
        counted += reply.at(0).int();
        after = reply.at(1).text().to_owned();
        if *reply.at(2) == 1 {
            return counted;
        }
    }
}

#[test]
fn a_replayed_log_gives_equal_aggregates() {
    for (seed, users) in [(1, "no"), (2, "yes"), (3, "no")] {
        let server = Server::start();
        let mut connection = server.connection();
        let line = format!("ANALYTICS.CREATE {{s}}shop {SETTINGS} LOG 100000 LOGUSERS {users}");
        connection.run(&line).ok();
        let (mut random, now) = (Random::new(seed), connection.now());
        let mut counted = 0;
        for _ in 0..300 {
            let mut words = vec!["ANALYTICS.MTRACK".to_owned(), "{s}shop".to_owned()];
            for _ in 0..1 + random.below(10) {
                words.push("EVENT".to_owned());
                words.extend(event(&mut random, now));
            }
            let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
            counted += connection.call(&args).int();
        }
        let stream = "{s}shop:events";
        assert_eq!(cmd!(connection, "XLEN", stream), counted);
        let expected = buckets(&mut connection, "{s}shop");
        assert!(expected.len() > 12, "{}", expected.len());

        for (site, count, log) in [("{s}one", 10_000, ""), ("{s}two", 7, "LOG 100000")] {
            let line = format!("ANALYTICS.CREATE {site} {SETTINGS} {log} LOGUSERS yes");
            connection.run(&line).ok();
            assert_eq!(replay(&mut connection, site, stream, count), counted);
            let found = buckets(&mut connection, site);
            for (key, bucket) in &expected {
                assert!(found.get(key) == Some(bucket), "seed {seed}: {key}");
            }
            assert_eq!(found.len(), expected.len());
            let info = connection.run(&format!("ANALYTICS.INFO {site}"));
            let first = connection.run("ANALYTICS.INFO {s}shop");
            for field in [
                "events",
                "first-event",
                "last-event",
                "dimensions",
                "values",
            ] {
                assert_eq!(info.get(field), first.get(field), "{field}");
            }
        }
        // What is hashed stays so, what is not is as it was.
        assert_eq!(
            entries(&mut connection, "{s}two:events"),
            entries(&mut connection, stream)
        );
    }
}

#[test]
fn a_call_reads_a_bounded_number_of_entries_and_replies_where_it_ended() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = connection.now() - MINUTE;
    for n in 1..=5 {
        let id = format!("{n}-{n}");
        cmd!(
            connection,
            "XADD",
            "log",
            id,
            "event",
            "view",
            "user",
            format!("u{n}"),
            "time",
            time.to_string()
        )
        .text();
    }
    let mut call = |rest: &str| {
        let reply = connection.run(&format!("ANALYTICS.REPLAY shop FROM log {rest}"));
        (
            reply.at(0).int(),
            reply.at(1).text().to_owned(),
            reply.at(2).int(),
        )
    };
    assert_eq!(call("COUNT 2"), (2, "2-2".to_owned(), 0));
    assert_eq!(call("after 2-2 count 3"), (3, "5-5".to_owned(), 1));
    assert_eq!(call("AFTER 5-5"), (0, "5-5".to_owned(), 1));
    assert_eq!(call("AFTER 4 COUNT 1"), (1, "4-4".to_owned(), 0));
    let end = "18446744073709551615-18446744073709551615";
    assert_eq!(call(&format!("AFTER {end}")), (0, end.to_owned(), 1));
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h"), 5);
    assert_eq!(*connection.run("ANALYTICS.GET shop 1h events").at(0), 6);
}

/// What there is of a large log in one call ends after 10,000 entries.
#[test]
fn a_call_is_bounded() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE {a}b LOG 100000").ok();
    let events: String = (0..6_000).map(|n| format!(" EVENT view u{n}")).collect();
    for _ in 0..2 {
        assert_eq!(
            connection.run(&format!("ANALYTICS.MTRACK {{a}}b{events}")),
            6_000
        );
    }
    let reply = connection.run("ANALYTICS.REPLAY {a}c FROM {a}b:events");
    assert_eq!((reply.at(0).int(), reply.at(2).int()), (10_000, 0));
    let after = reply.at(1).text();
    let reply = connection.run(&format!(
        "ANALYTICS.REPLAY {{a}}c FROM {{a}}b:events AFTER {after}"
    ));
    assert_eq!((reply.at(0).int(), reply.at(2).int()), (2_000, 1));
}

#[test]
fn ids_count_once_and_late_events_not_at_all() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = connection.now() - MINUTE;
    let line = format!("XADD log * event view user ann id x time {time}");
    connection.run(&line).text();
    connection.run(&line).text();
    connection
        .run(&format!(
            "XADD log * user bob event view time {}",
            time - 4_000 * DAY
        ))
        .text();
    assert_eq!(*connection.run("ANALYTICS.REPLAY shop FROM log").at(0), 1);
    let again = "ANALYTICS.REPLAY shop FROM log AFTER 0-0";
    assert_eq!(*connection.run(again).at(0), 0);
    let track = format!("ANALYTICS.TRACK shop view ann ID x AT {time}");
    assert_eq!(connection.run(&track), 0);
}

#[test]
fn hostile_entries_are_refused_by_their_id_and_change_nothing() {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    let now = connection.now();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let good = format!("event view user ann time {now}");
    let future = format!("event view user ann time {}", now + HOUR);
    let long = format!("{good} dim:a {}", "x".repeat(513));
    let longer = format!("{good} dim:a {}", "x".repeat(3_000));
    let many: String = (0..17).map(|n| format!(" dim:d{n} x")).collect();
    let (many, more) = (format!("{good}{many}"), format!("{good}{many}{many}{many}"));
    let nameless = format!("{good} dim:{} x", "x".repeat(129));
    let cases = [
        ("some thing", "field 'some'"),
        ("event view time 1733927467000", "no field 'user'"),
        ("user ann time 1733927467000", "no field 'event'"),
        ("event view user ann", "no field 'time'"),
        ("event view user ann time now", "time: 'now'"),
        ("event view user-hash 12 time 5", "16 hex digits"),
        ("event view user ann user bob time 5", "is given twice"),
        ("event view user ann time 5 id-hash 0", "32 hex digits"),
        ("event view user ann time 5 dim:a 1 dim:a 2", "given twice"),
        ("event view user ann time 5 val:a much", "finite number"),
        ("event view user ann time 5 val:users 1", "users"),
        ("event view user ann time 5 dim:event x", "built in"),
        (&future, "in the future"),
        (&long, "512 bytes"),
        (&longer, "too long"),
        (&many, "one too many"),
        (&more, "more than an event has"),
        (&nameless, "128 bytes"),
    ];
    for (fields, part) in cases {
        cmd!(connection, "DEL", "log").int();
        connection.run(&format!("XADD log 1-1 {good}")).text();
        connection.run(&format!("XADD log 2-7 {fields}")).text();
        for site in ["shop", "new"] {
            let line = format!("ANALYTICS.REPLAY {site} FROM log");
            refused_line(&mut connection, &line, &["entry 2-7: ", part]);
        }
        // What comes before it can be had.
        let reply = connection.run("ANALYTICS.REPLAY other FROM log COUNT 1 AFTER 0-0");
        assert_eq!((reply.at(0).int(), reply.at(2).int()), (1, 0));
    }
    connection.run("ANALYTICS.CREATE strict STRICT").ok();
    cmd!(connection, "DEL", "log").int();
    connection
        .run(&format!("XADD log 1-1 {good} dim:a x"))
        .text();
    refused_line(
        &mut connection,
        "ANALYTICS.REPLAY strict FROM log",
        &["is strict"],
    );
}

#[test]
fn hostile_arguments_are_refused() {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE shop LOG 5").ok();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    cmd!(connection, "SET", "text", "x").ok();
    for (rest, parts) in [
        ("shop FORM {shop}:events", &["'FORM'", "FROM stream"][..]),
        ("new FROM gone", &["FROM 'gone'", "no such stream"]),
        ("shop FROM {shop}:events", &["log of the site itself"]),
        ("new FROM {shop}:events COUNT 0", &["COUNT '0'", "10000"]),
        ("new FROM {shop}:events COUNT 10001", &["COUNT '10001'"]),
        ("new FROM {shop}:events COUNT x", &["COUNT 'x'"]),
        ("new FROM {shop}:events COUNT", &["COUNT ''"]),
        (
            "new FROM {shop}:events COUNT 1 COUNT 1",
            &["COUNT is given twice"],
        ),
        ("new FROM {shop}:events AFTER x", &["AFTER 'x'"]),
        ("new FROM {shop}:events AFTER 1-", &["AFTER '1-'"]),
        ("new FROM {shop}:events AFTER -1", &["AFTER '-1'"]),
        ("new FROM {shop}:events AFTER 1-2-3", &["AFTER '1-2-3'"]),
        (
            "new FROM {shop}:events AFTER 18446744073709551616",
            &["AFTER"],
        ),
        (
            "new FROM {shop}:events AFTER 1 AFTER 1",
            &["AFTER is given twice"],
        ),
        (
            "new FROM {shop}:events BEFORE 1",
            &["'BEFORE'", "COUNT n", "AFTER"],
        ),
        ("new FROM {shop}:events CLOCK x", &["CLOCK"]),
        ("{new} FROM {shop}:events", &["{new}"]),
    ] {
        refused_line(&mut connection, &format!("ANALYTICS.REPLAY {rest}"), parts);
    }
    for rest in [
        "new FROM text",
        "text FROM {shop}:events",
        "new FROM shop",
        "shop FROM shop",
    ] {
        let reply = connection.run(&format!("ANALYTICS.REPLAY {rest}"));
        assert!(reply.error().starts_with("WRONGTYPE"), "{rest}");
    }
    // To rebuild a site out of its own log, the log is off meanwhile.
    cmd!(connection, "DEL", "shop").int();
    for key in connection.keys() {
        if key.contains(":2") {
            cmd!(connection, "DEL", key).int();
        }
    }
    let reply = connection.run("ANALYTICS.REPLAY shop FROM {shop}:events");
    assert_eq!(*reply.at(0), 1);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h"), 1);
}

#[test]
fn replicas_and_the_aof_count_the_same() {
    let chain = ReplicaChain::of(Server::with().aof());
    let mut connection = chain.master.connection();
    let now = connection.now();
    let line = format!("ANALYTICS.CREATE {{s}}shop {SETTINGS} LOG 100000");
    connection.run(&line).ok();
    let mut random = Random::new(9);
    for _ in 0..200 {
        let words = event(&mut random, now).join(" ");
        connection
            .run(&format!("ANALYTICS.TRACK {{s}}shop {words}"))
            .int();
    }
    // Some of it twice, into sites that log or not, that are new or not; in MULTI and in Lua.
    connection
        .run("ANALYTICS.CREATE {s}two LOG 50 RETENTION minute 1h")
        .ok();
    connection.run("MULTI").ok();
    for site in ["{s}one", "{s}two", "{s}two"] {
        connection.run(&format!(
            "ANALYTICS.REPLAY {site} FROM {{s}}shop:events COUNT 60"
        ));
    }
    connection.run("EXEC").array();
    let script = "return redis.call('ANALYTICS.REPLAY', KEYS[1], 'FROM', KEYS[2])";
    cmd!(
        connection,
        "EVAL",
        script,
        "2",
        "{s}three",
        "{s}shop:events"
    )
    .array();
    // What the stream becomes afterwards does not matter.
    cmd!(connection, "DEL", "{s}shop:events").int();
    chain.assert_agree("replays");
    let expected = State::of(&mut connection);
    let mut master = chain.master;
    master.kill();
    master.start_again();
    State::of(&mut master.connection()).assert_is(&expected, "the AOF");
}

#[test]
fn both_keys_are_declared_to_the_server() {
    let server = Server::start();
    let mut connection = server.connection();
    let keys = connection.run("COMMAND GETKEYS ANALYTICS.REPLAY shop FROM log COUNT 5");
    assert_eq!(keys.texts(), ["shop", "log"]);
    let keys = connection.run("COMMAND GETKEYSANDFLAGS ANALYTICS.REPLAY shop FROM log");
    assert_eq!(keys.at(0).at(1).texts(), ["RW", "update"]);
    assert_eq!(keys.at(1).at(1).texts(), ["RO", "access"]);

    let now = connection.now();
    connection
        .run(&format!("XADD log * event view user ann time {now}"))
        .text();
    for (rules, allowed) in [
        (&["~shop"][..], false),
        (&["~shop", "%W~log"], false),
        (&["%R~shop", "%R~log"], false),
        (&["~shop", "%R~log"], true),
    ] {
        let mut args: Vec<&dyn Arg> = vec![
            &"ACL", &"SETUSER", &"user", &"reset", &"on", &">secret", &"+@all",
        ];
        args.extend(rules.iter().map(|rule| rule as &dyn Arg));
        connection.call(&args).ok();
        let mut user = server.connection();
        user.run("AUTH user secret").ok();
        let reply = user.run("ANALYTICS.REPLAY shop FROM log");
        assert_eq!(!reply.is_error(), allowed, "{rules:?}");
    }
}

#[test]
fn a_replay_goes_on_where_the_last_one_of_its_stream_ended() {
    let mut server = Server::with().aof().start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    let time = connection.now() - MINUTE;
    let add = |connection: &mut Connection, stream: &str, n: i64, time: i64| {
        let line = format!("XADD {stream} {n}-1 event view user u{n} time {time}");
        connection.run(&line).text().to_owned()
    };
    for n in 1..=10 {
        add(&mut connection, "log", n, time);
        add(&mut connection, "other", n, time);
    }
    let next = |connection: &mut Connection, rest: &str| {
        let reply = connection.run(&format!("ANALYTICS.REPLAY shop FROM {rest}"));
        (
            reply.at(0).int(),
            reply.at(1).text().to_owned(),
            reply.at(2).int(),
        )
    };
    let ended = |counted: i64, id: &str, is_last: i64| (counted, id.to_owned(), is_last);
    assert_eq!(next(&mut connection, "log COUNT 3"), ended(3, "3-1", 0));
    assert_eq!(next(&mut connection, "other COUNT 2"), ended(2, "2-1", 0));
    assert_eq!(next(&mut connection, "log COUNT 3"), ended(3, "6-1", 0));
    // In a transaction, after a restart, on a replica that took over the data.
    let replies = connection.pipeline(&["MULTI", "ANALYTICS.REPLAY shop FROM log COUNT 1", "EXEC"]);
    assert_eq!(replies[2].at(0).at(1).text(), "7-1");
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    server.restart();
    let mut connection = server.connection();
    assert_eq!(next(&mut connection, "log"), ended(3, "10-1", 1));
    assert_eq!(next(&mut connection, "log"), ended(0, "10-1", 1));
    assert_eq!(next(&mut connection, "other"), ended(8, "10-1", 1));
    // Events that are too late are read, and not again.
    for n in 11..=14 {
        add(&mut connection, "log", n, time - 5_000 * DAY);
    }
    assert_eq!(next(&mut connection, "log COUNT 2"), ended(0, "12-1", 0));
    assert_eq!(next(&mut connection, "log COUNT 2"), ended(0, "14-1", 1));
    // AFTER begins elsewhere, and moves it as well.
    assert_eq!(
        next(&mut connection, "log AFTER 1-1 COUNT 2"),
        ended(2, "3-1", 0)
    );
    assert_eq!(next(&mut connection, "log COUNT 1"), ended(1, "4-1", 0));
    // A new stream under the name is not taken for the old one.
    connection.run("DEL log").int();
    add(&mut connection, "log", 2, time);
    refused_line(
        &mut connection,
        "ANALYTICS.REPLAY shop FROM log",
        &["ended at 4-1", "AFTER 0-0"],
    );
    assert_eq!(next(&mut connection, "log AFTER 0-0"), ended(1, "2-1", 1));
    // Another site has its own, and a new site of the name none.
    let reply = connection.run("ANALYTICS.REPLAY store FROM other COUNT 1");
    assert_eq!(reply.at(1).text(), "1-1");
    connection.run("ANALYTICS.DROP shop").int();
    assert_eq!(next(&mut connection, "other COUNT 1"), ended(1, "1-1", 0));
    // Of more streams than sixteen, the one that was replayed longest ago begins again.
    for n in 0..16 {
        let stream = format!("s{n}");
        add(&mut connection, &stream, 1, time);
        assert_eq!(next(&mut connection, &stream), ended(1, "1-1", 1));
    }
    assert_eq!(next(&mut connection, "s0"), ended(0, "1-1", 1));
    assert_eq!(next(&mut connection, "other COUNT 1"), ended(1, "1-1", 0));
}
