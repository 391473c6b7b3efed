//! The effects of an import beside the value: replicas, the AOF, transactions, keyspace events.

use testkit::calendar::{buckets, DAY, HOUR, MINUTE};
use testkit::replicas::other_settings;
use testkit::state::assert_same_data;
use testkit::{cmd, Clock, Connection, Server};

use crate::export::users;
use crate::import::{import, import_as, native, GRANULARITIES, TYPED};

/// Imports of every kind, and events around them.
fn mixture(connection: &mut Connection) {
    let now = connection.now();
    let small = native(connection, &users(0, 50));
    let large = native(connection, &users(20, 9_000));
    for (rest, what, string, row) in [
        ("minute now", "users", &small, ""),
        ("day now", "sessions", &large, ""),
        (
            &format!("hour {}", now - 3 * HOUR),
            "users",
            &large,
            "country FR",
        ),
        (
            &format!("day {}", now - 300 * DAY),
            "users",
            &small,
            "country DE",
        ),
        (
            &format!("day {}", now - 300 * DAY),
            "users",
            &large,
            "event buy",
        ),
        ("week now", "users", &large, "country FR event buy"),
        ("month now", "users", &small, "page /"),
        (
            &format!("minute {}", now - 30 * MINUTE),
            "users",
            &small,
            "",
        ),
    ] {
        let reply = import_as(connection, rest, what, string, row);
        assert_eq!(reply, 1, "{rest} {row}");
        connection
            .run("ANALYTICS.TRACK shop view ann DIM country IT")
            .int();
    }
}

#[test]
fn replicas_with_other_clocks_and_settings_agree() {
    let master = Server::start();
    let replicas: Vec<Server> = [-400 * DAY, 0, 400 * DAY]
        .map(|ahead| {
            other_settings()
                .replica_of(&master)
                .clock(Clock::ahead(ahead))
                .start()
        })
        .into();
    let mut connection = master.connection();
    let string = native(&mut connection, &users(0, 30));
    // The site is made by an import.
    assert_eq!(import(&mut connection, "day now", &string), 1);
    connection
        .run("ANALYTICS.ALTER shop CUBE event,country")
        .ok();
    mixture(&mut connection);
    let script = "return redis.call('ANALYTICS.IMPORT', KEYS[1], 'day', 'now', 'users', ARGV[1])";
    let string = native(&mut connection, &users(70_000, 70_100));
    assert_eq!(cmd!(connection, "EVAL", script, 1, "shop", string), 1);
    for replica in &replicas {
        master.wait_for_replica(replica);
        let mut theirs = replica.connection();
        let exports =
            GRANULARITIES.map(|it| format!("ANALYTICS.EXPORT shop {it} {}", connection.now()));
        if replica.port() == replicas[1].port() {
            assert_same_data(&mut connection, &mut theirs, "the replica");
            for export in exports {
                assert_eq!(theirs.run(&export), connection.run(&export));
            }
        } else {
            // Keys that are over by its clock are hidden there, not gone: digests do not contain expiry times.
            assert_eq!(theirs.digest_of_all(), connection.digest_of_all());
        }
    }
}

#[test]
fn an_aof_gives_it_back_and_so_does_its_rewrite() {
    let mut server = Server::with().aof().start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop TZ Europe/Paris CUBE event,country")
        .ok();
    mixture(&mut connection);
    connection.run("DEL native").int();
    let before = connection.digest_of_all();
    server.restart();
    let mut connection = server.connection();
    assert_eq!(connection.digest_of_all(), before);
    for preamble in ["no", "yes"] {
        cmd!(
            connection,
            "CONFIG",
            "SET",
            "aof-use-rdb-preamble",
            preamble
        )
        .ok();
        connection.run("BGREWRITEAOF").text();
        testkit::wait_until("the log is rewritten", || {
            connection.info("persistence", "aof_rewrite_in_progress") == "0"
                && connection.info("persistence", "aof_rewrite_scheduled") == "0"
        });
        server.restart();
        connection = server.connection();
        assert_eq!(connection.digest_of_all(), before, "{preamble}");
    }
}

#[test]
fn one_keyspace_event_and_transactions_see_what_changed() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("CONFIG SET notify-keyspace-events KEA").ok();
    let mut listener = server.connection();
    listener.run("PSUBSCRIBE __key*__:*").array();
    let (mut watching, mut other) = (server.connection(), server.connection());
    for key in [("shop", &mut watching), ("other", &mut other)] {
        key.1.run(&format!("WATCH {}", key.0)).ok();
        key.1.run("MULTI").ok();
        key.1.run("PING").text();
    }
    assert_eq!(import(&mut connection, "day now", TYPED.as_bytes()), 1);
    assert_eq!(import(&mut connection, "day now", TYPED.as_bytes()), 0);
    assert!(watching.run("EXEC").is_nil());
    assert!(!other.run("EXEC").is_nil());
    connection.run("SET last 1").ok();
    let mut events = Vec::new();
    loop {
        let message = listener.receive().expect("a message");
        let (channel, text) = (
            message.at(2).text().to_owned(),
            message.at(3).text().to_owned(),
        );
        if text == "last" || channel.ends_with(":last") {
            break;
        }
        events.push((channel, text));
    }
    let of_the_site = (
        "__keyspace@0__:shop".to_owned(),
        "analytics.import".to_owned(),
    );
    assert!(events.contains(&of_the_site), "{events:?}");
    let ours = events.iter().filter(|(_, text)| text == "analytics.import");
    assert_eq!(ours.count(), 1, "{events:?}");

    // In a transaction, and for a client that tracks keys.
    let bucket = buckets("shop", "UTC", connection.now())[2].key.clone();
    let mut watching = server.connection();
    cmd!(watching, "WATCH", bucket).ok();
    connection.run("MULTI").ok();
    let string = b"HYLL\x01___________\xff~~A|".to_vec();
    import(&mut connection, "day now", &string).text();
    connection.run("ANALYTICS.UNIQUE shop today").text();
    let replies = connection.run("EXEC");
    assert_eq!(*replies.at(0), 1);
    assert!(replies.at(1).int() > 0);
    watching.run("MULTI").ok();
    assert!(watching.run("EXEC").is_nil());
}
