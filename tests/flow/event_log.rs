//! The event log: what counts is also in the stream `{site}:events`, in the same step, the same
//! everywhere; and without it nothing is.

use testkit::operations::Operations;
use testkit::state::refused_line;
use testkit::{cmd, Cluster, Connection, ManualClock, ReplicaChain, Server, State};

const STREAM: &str = "{shop}:events";

/// The entries of a stream, oldest first: their fields and values between blanks.
pub fn entries(connection: &mut Connection, stream: &str) -> Vec<String> {
    let entries = cmd!(connection, "XRANGE", stream, "-", "+");
    let line = |entry: &testkit::Reply| entry.at(1).texts().join(" ");
    entries.array().iter().map(line).collect()
}

fn len(connection: &mut Connection) -> i64 {
    cmd!(connection, "XLEN", STREAM).int()
}

fn with_log(options: &str) -> (Server, Connection) {
    // With nodes of one entry the log keeps exactly as many entries as its setting.
    let server = Server::with()
        .config("stream-node-max-entries", "1")
        .start();
    let mut connection = server.connection();
    let line = format!("ANALYTICS.CREATE shop {options}");
    connection.run(&line).ok();
    (server, connection)
}

#[test]
fn an_event_is_logged_hashed_or_as_it_came() {
    let (_server, mut connection) = with_log("LOG 100");
    let time = connection.now() - 5_000;
    let event = format!(
        "ANALYTICS.TRACK shop buy ann AT {time} VAL revenue 9.990 ID order-1 DIM country FR SESSION s1 VAL n 1e3"
    );
    assert_eq!(connection.run(&event), 1);
    assert_eq!(
        entries(&mut connection, STREAM),
        [format!(
            "event buy user-hash f084eb55a7d8ea05 time {time} session-hash 981dfa43f9f86a15 \
             id-hash 131ba1a0efe8eeb4af0c5037de234611 dim:country FR val:revenue 9.99 val:n 1000"
        )]
    );
    connection.run("ANALYTICS.ALTER shop LOGUSERS yes").ok();
    assert_eq!(connection.run(&event), 0, "a duplicate");
    assert_eq!(len(&mut connection), 1);
    let json = format!(
        r#"[{{"event":"view","user_id":7,"timestamp":{time},"session_id":"s\u0031","properties":{{"country":"DE","price":-0.5}}}},{{"event":"view","user_id":"bob","timestamp":{time}}}]"#
    );
    assert_eq!(cmd!(connection, "ANALYTICS.TRACKJSON", "shop", json), 2);
    let batch = format!(
        "ANALYTICS.MTRACK shop EVENT buy cleo SESSION x AT {time} ID a EVENT buy cleo AT {time} ID a EVENT buy dora AT {time} ID b EVENT late eve AT 5"
    );
    assert_eq!(connection.run(&batch), 2);
    assert_eq!(
        entries(&mut connection, STREAM)[1..],
        [
            format!("event view user 7 time {time} session s1 dim:country DE val:price -0.5"),
            format!("event view user bob time {time}"),
            format!("event buy user cleo time {time} session x id a"),
            format!("event buy user dora time {time} id b"),
        ]
    );
    connection.run("ANALYTICS.ALTER shop LOGUSERS no").ok();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let last = entries(&mut connection, STREAM).pop().expect("an entry");
    assert!(last.starts_with("event view user-hash f084eb55a7d8ea05 time "));
}

#[test]
fn any_bytes_are_logged_as_they_are() {
    let (_server, mut connection) = with_log("LOG 9 LOGUSERS yes");
    let odd: &[u8] = b"\0\xff\r\n dim:x";
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            odd,
            odd,
            "DIM",
            odd,
            odd,
            "SESSION",
            odd
        ),
        1
    );
    let entry = cmd!(connection, "XRANGE", STREAM, "-", "+");
    let fields = entry.at(0).at(1).array();
    for (place, expected) in [(1, odd), (3, odd), (7, odd), (9, odd)] {
        assert_eq!(fields[place].bytes(), expected, "{place}");
    }
    assert_eq!(fields[8].bytes(), [b"dim:", odd].concat());
}

#[test]
fn the_log_keeps_so_many_and_ends_when_it_is_switched_off() {
    let (_server, mut connection) = with_log("LOG 5");
    for n in 0..9 {
        let line = format!("ANALYTICS.TRACK shop e{n} ann");
        assert_eq!(connection.run(&line), 1);
    }
    let kinds = |connection: &mut Connection| -> Vec<String> {
        let entries = entries(connection, STREAM);
        let kind = |line: &String| line.split(' ').nth(1).expect("a type").to_owned();
        entries.iter().map(kind).collect()
    };
    assert_eq!(kinds(&mut connection), ["e4", "e5", "e6", "e7", "e8"]);
    let batch: String = (0..7).map(|n| format!(" EVENT b{n} ann")).collect();
    assert_eq!(connection.run(&format!("ANALYTICS.MTRACK shop{batch}")), 7);
    assert_eq!(kinds(&mut connection), ["b2", "b3", "b4", "b5", "b6"]);
    // What is there stays until the next event.
    connection.run("ANALYTICS.ALTER shop LOG 2").ok();
    assert_eq!(len(&mut connection), 5);
    assert_eq!(connection.run("ANALYTICS.TRACK shop c ann"), 1);
    assert_eq!(kinds(&mut connection), ["b6", "c"]);
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("log"), 2);
    assert_eq!(*info.get("log-users"), 0);
    for off in ["LOG off", "LOG 0"] {
        connection
            .run(&format!("ANALYTICS.ALTER shop {off} LOGUSERS yes"))
            .ok();
        assert_eq!(connection.run("ANALYTICS.TRACK shop d ann"), 1);
        assert_eq!(kinds(&mut connection), ["b6", "c"]);
        let info = connection.run("ANALYTICS.INFO shop");
        assert_eq!((info.get("log").int(), info.get("log-users").int()), (0, 1));
        connection.run("ANALYTICS.ALTER shop LOG 2").ok();
    }
}

#[test]
fn a_log_that_cannot_be_is_refused() {
    let (_server, mut connection) = with_log("");
    for (options, parts) in [
        (
            "LOG",
            &["LOG needs a number of entries, a length of time, or off"][..],
        ),
        ("LOG -1", &["LOG '-1'", "off", "1000000000"]),
        ("LOG many", &["LOG 'many'"]),
        ("LOG 1000000001", &["LOG '1000000001'"]),
        ("LOG 1 LOG 2", &["LOG is given twice"]),
        ("LOG 90d LOG 2", &["LOG is given twice"]),
        ("LOG 90d 1000000001", &["LOG '1000000001'"]),
        ("LOG 90d -1", &["LOG '-1'"]),
        ("LOG 0d", &["LOG '0d'"]),
        ("LOG 5 90d", &["unknown option '90d'"]),
        ("LOGUSERS", &["LOGUSERS needs a yes or no"]),
        ("LOGUSERS 1", &["LOGUSERS '1' is not yes or no"]),
        ("LOGUSERS yes LOGUSERS no", &["LOGUSERS is given twice"]),
    ] {
        for command in ["ALTER shop", "CREATE other"] {
            refused_line(
                &mut connection,
                &format!("ANALYTICS.{command} {options}"),
                parts,
            );
        }
    }
}

#[test]
fn a_stream_that_takes_nothing_refuses_the_event_before_it_counts() {
    let (_server, mut connection) = with_log("LOG 100");
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let events = [
        "ANALYTICS.TRACK shop view bob DIM country FR",
        "ANALYTICS.MTRACK shop EVENT view bob EVENT view cleo ID x",
        r#"ANALYTICS.TRACKJSON shop {"event":"view","user_id":"bob"}"#,
    ];
    cmd!(connection, "DEL", STREAM).int();
    cmd!(connection, "SET", STREAM, "text").ok();
    for line in events {
        refused_line(
            &mut connection,
            line,
            &[STREAM, "is not a stream", "LOG off"],
        );
    }
    cmd!(connection, "DEL", STREAM).int();
    let last = "18446744073709551615-18446744073709551615";
    cmd!(connection, "XADD", STREAM, last, "by", "hand").text();
    for line in events {
        refused_line(&mut connection, line, &[STREAM, "used up"]);
    }
    // Of a batch there is room for the first one only, and no part of it counts or stays.
    cmd!(connection, "DEL", STREAM).int();
    let before_last = "18446744073709551615-18446744073709551614";
    cmd!(connection, "XADD", STREAM, before_last, "by", "hand").text();
    connection.run("ANALYTICS.ALTER shop LOG 1").ok();
    let counted = connection.run("ANALYTICS.UNIQUE shop 1d").int();
    assert!(connection.run(events[1]).error().contains("used up"));
    assert_eq!(entries(&mut connection, STREAM), ["by hand"]);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1d"), counted);
    connection.run("ANALYTICS.ALTER shop LOG off").ok();
    assert_eq!(connection.run(events[1]), 2);
}

#[test]
fn a_refused_command_logs_nothing() {
    let (_server, mut connection) = with_log("LOG 100 STRICT VAL price");
    for line in [
        "ANALYTICS.TRACK shop view ann DIM country FR",
        "ANALYTICS.MTRACK shop EVENT view ann EVENT view ann VAL price much",
        "ANALYTICS.TRACK shop view ann AT 99999999999999",
    ] {
        refused_line(&mut connection, line, &[]);
    }
    assert_eq!(cmd!(connection, "EXISTS", STREAM), 0);
}

#[test]
fn the_log_is_part_of_the_same_step() {
    let (server, mut connection) = with_log("LOG 100 LOGUSERS yes");
    let mut other = server.connection();
    cmd!(connection, "WATCH", STREAM).ok();
    other.run("ANALYTICS.TRACK shop view ann").int();
    connection.run("MULTI").ok();
    connection.run("ANALYTICS.TRACK shop view bob");
    assert!(connection.run("EXEC").is_nil());
    // A blocked reader is woken.
    other.run("CONFIG SET notify-keyspace-events Kt").ok();
    let mut subscriber = server.connection();
    subscriber.run("SUBSCRIBE __keyspace@0__:{shop}:events");
    other
        .send(b"XREAD BLOCK 0 STREAMS {shop}:events $\r\n")
        .expect("a server");
    testkit::wait_until("the reader is blocked", || {
        connection.info("clients", "blocked_clients") == "1"
    });
    connection.run("MULTI").ok();
    connection.run("ANALYTICS.TRACK shop view bob");
    connection.run("ANALYTICS.MTRACK shop EVENT view cleo EVENT view dora");
    connection.run("EXEC").array();
    assert!(other.receive().is_ok());
    for _ in 0..2 {
        let message = subscriber.receive().expect("a message");
        assert_eq!(message.at(2).text(), "xadd");
    }
    let script = "for i = 1, 3 do redis.call('ANALYTICS.TRACK', KEYS[1], 'lua', 'u' .. i) end";
    cmd!(connection, "EVAL", script, "1", "shop");
    let users: Vec<String> = entries(&mut connection, STREAM)
        .iter()
        .map(|line| line.split(' ').nth(3).expect("a user").to_owned())
        .collect();
    assert_eq!(users, ["ann", "bob", "cleo", "dora", "u1", "u2", "u3"]);
    connection.run("ANALYTICS.DROP shop").int();
    assert_eq!(cmd!(connection, "DBSIZE"), 0);
}

/// One entry at a time, whatever the command, trimmed at every one of them.
fn busy(connection: &mut Connection) {
    let time = connection.now() - 200_000;
    for n in 0..40 {
        let at = time + n * 1_000;
        let lines = [
            format!("ANALYTICS.TRACK shop view u{n} ID {} AT {at}", n / 2),
            format!("ANALYTICS.TRACK shop view u{n} SESSION s DIM country FR"),
            format!(
                "ANALYTICS.MTRACK shop EVENT a u{n} ID x{n} EVENT b u{n} ID x{n} EVENT c u{n} AT 5 \
                 EVENT d u{n} AT {at}"
            ),
            "MULTI".to_owned(),
            format!("ANALYTICS.TRACK shop buy u{n} VAL price {n}.5"),
            format!("ANALYTICS.TRACK shop view u{n} AT {at}"),
            "EXEC".to_owned(),
        ];
        connection.pipeline(&lines);
        let script = "return redis.call('ANALYTICS.TRACK', KEYS[1], 'lua', ARGV[1])";
        cmd!(connection, "EVAL", script, "1", "shop", format!("u{n}"));
    }
}

#[test]
fn the_stream_is_the_same_bytes_on_replicas() {
    let chain = ReplicaChain::start();
    let mut connection = chain.master.connection();
    connection.run("ANALYTICS.CREATE shop LOG 33").ok();
    busy(&mut connection);
    assert!((33..=133).contains(&len(&mut connection)));
    chain.assert_agree("a log of 33");
    connection
        .run("ANALYTICS.ALTER shop LOG 7 LOGUSERS yes")
        .ok();
    busy(&mut connection);
    assert!((7..=107).contains(&len(&mut connection)));
    chain.assert_agree("a log of 7");
    // A batch of which a part was taken back.
    let before_last = "18446744073709551615-18446744073709551613";
    cmd!(connection, "XADD", STREAM, before_last, "by", "hand").text();
    let batch = "ANALYTICS.MTRACK shop EVENT a ann EVENT b ann EVENT c ann";
    assert!(connection.run(batch).is_error());
    chain.assert_agree("a stream that is used up");
    connection.run("ANALYTICS.DROP shop").int();
    chain.assert_agree("the drop");
}

#[test]
fn the_stream_is_the_same_bytes_after_the_aof() {
    let mut server = Server::with().aof().start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE shop LOG 33").ok();
    busy(&mut connection);
    let expected = State::of(&mut connection);
    server.kill();
    server.start_again();
    let mut connection = server.connection();
    State::of(&mut connection).assert_is(&expected, "the AOF");
    busy(&mut connection);
    assert!((33..=133).contains(&len(&mut connection)));
    connection.run("DEBUG RELOAD").ok();
    assert!((33..=133).contains(&len(&mut connection)));
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("log"), 33);
}

#[test]
fn random_commands_agree_with_a_log() {
    let chain = ReplicaChain::start();
    let mut connection = chain.master.connection();
    let now = connection.now();
    let mut mixed = Operations::new(7, now);
    for site in testkit::operations::SITES {
        connection
            .run(&format!("ANALYTICS.CREATE {site} LOG 20"))
            .ok();
    }
    mixed.run(&mut connection, 400);
    chain.assert_agree("random commands");
}

#[test]
fn a_site_with_a_hash_tag_logs_beside_it_and_a_renamed_one_under_its_new_name() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE {eu}shop LOG 5").ok();
    connection.run("ANALYTICS.TRACK {eu}shop view ann").int();
    assert_eq!(cmd!(connection, "XLEN", "{eu}shop:events"), 1);
    connection.run("RENAME {eu}shop store").ok();
    connection.run("ANALYTICS.TRACK store view ann").int();
    assert_eq!(cmd!(connection, "XLEN", "{eu}shop:events"), 1);
    assert_eq!(cmd!(connection, "XLEN", "{store}:events"), 1);
}

#[test]
fn what_is_dropped_of_a_site_is_its_stream_and_nothing_else_of_that_name() {
    let (_server, mut connection) = with_log("LOG 5");
    connection.run("ANALYTICS.TRACK shop view ann").int();
    assert_eq!(connection.run("ANALYTICS.DROP shop"), 5);
    assert_eq!(cmd!(connection, "EXISTS", STREAM), 0);
    cmd!(connection, "SET", STREAM, "text").ok();
    connection.run("ANALYTICS.CREATE shop").ok();
    assert_eq!(connection.run("ANALYTICS.DROP shop"), 0);
    assert_eq!(cmd!(connection, "GET", STREAM), "text");
}

#[test]
fn an_event_refused_for_want_of_memory_is_not_logged() {
    let (_server, mut connection) = with_log("LOG 5");
    connection.run("CONFIG SET maxmemory 1").ok();
    let reply = connection.run("ANALYTICS.TRACK shop view ann");
    assert!(reply.error().starts_with("OOM"), "{}", reply.error());
    let reply = connection.run("ANALYTICS.REPLAY copy FROM {shop}:events");
    assert!(reply.error().starts_with("OOM"), "{}", reply.error());
    connection.run("CONFIG SET maxmemory 0").ok();
    assert_eq!(cmd!(connection, "EXISTS", STREAM), 0);
}

#[test]
fn while_a_slot_moves_no_second_stream_is_made() {
    let cluster = Cluster::of_masters(2);
    let slot = cmd!(cluster.connection(0), "CLUSTER", "KEYSLOT", "shop").int();
    let from = cluster.owner(slot);
    let to = 1 - from;
    let (mut giver, mut receiver) = (cluster.connection(from), cluster.connection(to));
    giver.run("ANALYTICS.CREATE shop LOG 50").ok();
    assert_eq!(giver.run("ANALYTICS.TRACK shop view ann"), 1);
    cluster.open_slot(slot, from, to);
    cluster.migrate(&[STREAM], from, to);
    for line in ["ANALYTICS.TRACK shop view bob", "ANALYTICS.DROP shop"] {
        let reply = giver.run(line);
        assert!(reply.error().starts_with("TRYAGAIN"), "{}", reply.error());
    }
    let rest = giver.keys();
    cluster.migrate(&rest, from, to);
    receiver.run("ASKING").ok();
    assert_eq!(receiver.run("ANALYTICS.TRACK shop view bob"), 1);
    cluster.close_slot(slot, from, to);
    assert_eq!(cmd!(receiver, "XLEN", STREAM), 2);
}

/// The log belongs to the site, as its buckets do: a user who may count events may write its log.
#[test]
fn the_log_needs_no_rights_of_its_own() {
    let (server, mut connection) = with_log("LOG 5");
    connection
        .run("ACL SETUSER user on >secret ~shop +@all")
        .ok();
    let mut user = server.connection();
    user.run("AUTH user secret").ok();
    assert_eq!(user.run("ANALYTICS.TRACK shop view ann"), 1);
    assert!(cmd!(user, "XLEN", STREAM).error().starts_with("NOPERM"));
    assert_eq!(len(&mut connection), 1);
}

#[test]
fn a_log_by_age_keeps_what_is_younger_and_no_more_than_its_number() {
    let mut clock = ManualClock::new();
    let server = Server::with()
        .aof()
        .manual_clock(&clock)
        .config("stream-node-max-entries", "1")
        .start();
    let replica = Server::with()
        .manual_clock(&clock)
        .config("stream-node-max-entries", "7")
        .replica_of(&server)
        .start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE shop LOG 10m").ok();
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(
        (info.get("log").int(), info.get("log-age").text()),
        (0, "10m")
    );
    let kinds = |connection: &mut Connection| -> Vec<String> {
        let all = entries(connection, STREAM);
        let kind = |entry: &String| entry.split(' ').nth(1).expect("a type").to_owned();
        all.iter().map(kind).collect()
    };
    for n in 0..15 {
        assert_eq!(connection.run(&format!("ANALYTICS.TRACK shop e{n} ann")), 1);
        clock.step(60_000);
    }
    // The last came a minute ago, at its time those of ten minutes were kept.
    let left: Vec<String> = (4..15).map(|n| format!("e{n}")).collect();
    assert_eq!(kinds(&mut connection), left);
    // Nothing goes without an event.
    clock.step(3_600_000);
    assert_eq!(len(&mut connection), 11);
    connection.run("ANALYTICS.ALTER shop LOG 1h 3").ok();
    for n in 15..20 {
        let call = format!("ANALYTICS.MTRACK shop EVENT e{n} ann EVENT f{n} ann");
        assert_eq!(connection.run(&call), 2);
    }
    assert_eq!(kinds(&mut connection), ["f18", "e19", "f19"]);
    clock.step(3_600_001);
    assert_eq!(connection.run("ANALYTICS.TRACK shop last ann"), 1);
    assert_eq!(kinds(&mut connection), ["last"]);
    server.wait_for_replica(&replica);
    let mut theirs = replica.connection();
    assert_eq!(kinds(&mut theirs), ["last"]);
    assert_eq!(theirs.dump("shop"), connection.dump("shop"));
    connection.run("ANALYTICS.ALTER shop LOG off").ok();
    let info = connection.run("ANALYTICS.INFO shop");
    assert!(info.get("log-age").is_nil() && *info.get("log") == 0);
}
