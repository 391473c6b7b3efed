//! `ANALYTICS.DROP`: the site and every bucket of it, and nothing else.

use testkit::calendar::{DAY, HOUR, MINUTE};
use testkit::state::assert_same_data;
use testkit::{cmd, wait_until, Connection, Server};

#[test]
fn a_site_goes_with_every_bucket_and_says_how_many() {
    let server = Server::with().aof().start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    let now = connection.now();
    for site in ["shop", "shop2", "{eu}shop"] {
        cmd!(connection, "ANALYTICS.CREATE", site, "TZ", "Europe/Paris").ok();
        for age in [
            0,
            30 * MINUTE,
            5 * HOUR,
            6 * DAY,
            300 * DAY,
            700 * DAY,
            1_000 * DAY,
        ] {
            cmd!(
                connection,
                "ANALYTICS.TRACK",
                site,
                "view",
                "ann",
                "AT",
                now - age
            )
            .int();
        }
        // As far ahead as may be.
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            site,
            "view",
            "ann",
            "AT",
            now + 4 * MINUTE
        )
        .int();
    }
    connection.run("SET {shop}:day:2020-01-01 mine").ok();
    connection.run("SET {shop}:other mine").ok();
    let keys = connection.keys();
    let of = |prefix: &str| keys.iter().filter(|key| key.starts_with(prefix)).count() as i64;
    let buckets = of("{shop}:") - 2;
    assert_eq!(connection.run("ANALYTICS.DROP shop"), buckets);
    let left = connection.keys();
    assert_eq!(
        left.iter().filter(|key| key.starts_with("{shop}:")).count(),
        2
    );
    assert_eq!(left.len() as i64, keys.len() as i64 - buckets - 1);
    assert!(!left.contains(&"shop".to_owned()));

    assert_eq!(connection.run("ANALYTICS.DROP shop"), 0);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1y"), 0);
    assert!(connection.run("ANALYTICS.INFO shop").is_error());
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    assert_eq!(
        *connection.run("ANALYTICS.INFO shop").get("timezone"),
        "UTC"
    );
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
}

#[test]
fn buckets_left_by_a_deleted_site_key_are_found() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    connection.run("DEL shop").int();
    assert_eq!(connection.keys().len(), 5);
    assert_eq!(connection.run("ANALYTICS.DROP shop"), 5);
    assert!(connection.keys().is_empty());
}

#[test]
fn a_key_of_another_type_under_the_name_of_a_bucket_stays() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let keys = connection.keys();
    let hour = keys
        .iter()
        .find(|key| key.contains(":hour:"))
        .expect("an hour");
    connection.run(&format!("SET {hour} mine")).ok();
    assert_eq!(connection.run("ANALYTICS.DROP shop"), 4);
    assert_eq!(connection.keys(), [hour.as_str()]);
}

#[test]
fn a_drop_takes_the_site_alone() {
    let server = Server::start();
    let mut connection = server.connection();
    for line in ["ANALYTICS.DROP", "ANALYTICS.DROP a b"] {
        let reply = connection.run(line);
        assert!(
            reply.error().contains("wrong number of arguments"),
            "{reply:?}"
        );
    }
    connection.run("ANALYTICS.CREATE shop").ok();
    assert_eq!(connection.run("ANALYTICS.DROP shop"), 0);
    assert!(connection.keys().is_empty());
}

/// So many that a thread of its own frees them.
#[test]
fn what_thousands_of_buckets_held_is_freed() {
    let server = Server::start();
    let mut connection = server.connection();
    let memory = |connection: &mut Connection| -> i64 {
        let bytes = connection.info("analytics", "analytics_memory_bytes");
        bytes.parse().expect("a number of bytes")
    };
    let empty = memory(&mut connection);
    for (line, is_sync) in [
        ("ANALYTICS.DROP shop", false),
        ("FLUSHALL SYNC", true),
        ("FLUSHDB SYNC", true),
    ] {
        connection
            .run("ANALYTICS.CREATE shop RETENTION minute 2d")
            .ok();
        let now = connection.now();
        for age in 0..2_500 {
            let at = now - age * MINUTE;
            connection
                .run(&format!(
                    "ANALYTICS.TRACK shop view ann AT {at} DIM country FR"
                ))
                .int();
        }
        assert!(memory(&mut connection) > empty + 500_000);
        let reply = connection.run(line);
        assert!(!reply.is_error(), "{reply:?}");
        assert!(connection.keys().is_empty());
        wait_until("no bucket is left", || {
            connection.info("analytics", "analytics_buckets") == "0"
        });
        // A little is kept from one command to the next.
        let is_free = |connection: &mut Connection| memory(connection) < empty + 100_000;
        if is_sync {
            assert!(is_free(&mut connection), "{line}");
        }
        wait_until("everything is freed", || is_free(&mut connection));
        assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
        assert_eq!(connection.run("ANALYTICS.DROP shop"), 5);
    }
}

/// A stream of that name that the site never wrote to is somebody else's.
#[test]
fn streams_that_the_site_did_not_write_stay() {
    let server = Server::start();
    let mut connection = server.connection();
    for site in ["shop", "quiet", "logs"] {
        for stream in ["events", "alerts"] {
            cmd!(
                connection,
                "XADD",
                format!("{{{site}}}:{stream}"),
                "1-1",
                "a",
                "b"
            );
        }
    }
    connection.run("ANALYTICS.TRACK shop view ann").int();
    // The log is on, but no event has come; rules that never fired have written nothing.
    connection.run("ANALYTICS.CREATE quiet LOG 100").ok();
    connection
        .run("ANALYTICS.ALERT quiet SET busy events 5m > 5")
        .ok();
    connection.run("ANALYTICS.CREATE logs LOG 100").ok();
    connection.run("ANALYTICS.TRACK logs view ann").int();
    connection.run("ANALYTICS.ALTER logs LOG off").ok();
    for site in ["shop", "quiet", "logs"] {
        assert!(!cmd!(connection, "ANALYTICS.DROP", site).is_error());
    }
    let mut left = connection.keys();
    left.sort();
    let expected = [
        "{logs}:alerts",
        "{quiet}:alerts",
        "{quiet}:events",
        "{shop}:alerts",
        "{shop}:events",
    ];
    assert_eq!(left, expected);
}
