//! The memory of values: measured, moved by defragmentation, and freed by every command that deletes keys.

use testkit::calendar::{floor, HOUR};
use testkit::sites::fill_site;
use testkit::{cmd, is_valkey, wait_until, Connection, Server, State};

use crate::types::bucket;

#[test]
fn a_bucket_of_one_event_of_one_user_takes_at_most_300_bytes() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let mut sizes = Vec::new();
    // With the name of the key, which takes a little more in Valkey.
    let most = if is_valkey() { 320 } else { 300 };
    for key in connection.keys() {
        let size = cmd!(connection, "MEMORY", "USAGE", key).int();
        sizes.push(format!("{key}: {size}"));
        assert!(size <= most || key == "shop", "{sizes:?}");
        assert!(size >= 100, "{sizes:?}");
    }
    println!("{}", sizes.join("\n"));
}

#[test]
fn memory_usage_grows_to_the_dense_sketch_and_no_further() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM event NOUSERS")
        .ok();
    let time = floor(connection.now(), HOUR) - 2 * HOUR;
    let hour = bucket("shop", time, 1).key;
    let mut last = 0;
    for call in 0..30 {
        let events: Vec<String> = (0..1_000)
            .map(|n| format!("EVENT view user-{} AT {time}", call * 1_000 + n))
            .collect();
        connection
            .run(&format!("ANALYTICS.MTRACK shop {}", events.join(" ")))
            .int();
        let size = cmd!(connection, "MEMORY", "USAGE", hour).int();
        assert!(size >= last || size > 7_000, "{size} after {last}");
        last = size;
    }
    assert!((8_192..13_000).contains(&last), "{last}");
}

#[test]
fn keys_are_deleted_in_every_way() {
    let server = Server::start();
    let mut connection = server.connection();
    let clients = |server: &Server| server.connection().run("ANALYTICS.UNIQUE shop 1d").int();
    for line in ["FLUSHALL ASYNC", "FLUSHDB SYNC", "FLUSHALL"] {
        fill_site(&mut connection, "shop");
        connection.run(line).ok();
        assert_eq!(clients(&server), 0, "{line}");
    }
    for command in ["DEL", "UNLINK"] {
        fill_site(&mut connection, "shop");
        for key in connection.keys() {
            assert_eq!(cmd!(connection, command, key), 1);
        }
        assert!(connection.keys().is_empty());
    }
    let time = fill_site(&mut connection, "shop");
    let hour = bucket("shop", time, 1);
    assert_eq!(
        cmd!(connection, "SET", hour.key, "mine", "GET")
            .error()
            .split(' ')
            .next(),
        Some("WRONGTYPE")
    );
    cmd!(connection, "SET", hour.key, "mine").ok();
    assert_eq!(cmd!(connection, "DEL", hour.key), 1);
    // A bucket that is gone is made anew, and expires as it would have.
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
    assert_eq!(cmd!(connection, "PEXPIRETIME", hour.key), hour.expiry);
    // Redis's own lazy free has to be done with all of it.
    wait_until("everything is freed", || {
        connection.info("memory", "lazyfree_pending_objects") == "0"
    });
}

#[test]
fn an_expired_bucket_is_gone() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = fill_site(&mut connection, "shop");
    let day = bucket("shop", time, 2).key;
    assert_eq!(cmd!(connection, "PEXPIRE", day, 1), 1);
    wait_until("the bucket expires", || {
        cmd!(connection, "EXISTS", day) == 0
    });
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
    assert_eq!(cmd!(connection, "EXISTS", day), 1);
}

#[test]
fn active_defragmentation_moves_values_and_changes_none() {
    let server = Server::start();
    let mut connection = server.connection();
    if connection.run("CONFIG SET activedefrag yes").is_error() {
        // This server was built with another allocator.
        return;
    }
    for setting in [
        "active-defrag-ignore-bytes 1",
        "active-defrag-threshold-lower 0",
        "active-defrag-cycle-min 60",
        "active-defrag-cycle-max 75",
        "hz 100",
    ] {
        connection.run(&format!("CONFIG SET {setting}")).ok();
    }
    let mut time = 0;
    for n in 0..40 {
        time = fill_site(&mut connection, &format!("shop{n}"));
    }
    // Holes between what stays: in memory that many values of one size share.
    let tiny = |line: &dyn Fn(usize) -> String, kept: usize| -> Vec<String> {
        (0..3_000)
            .filter(|n| kept == 0 || n % kept != 0)
            .map(line)
            .collect()
    };
    connection.pipeline(&tiny(
        &|n| format!("ANALYTICS.TRACK tiny{n} view ann AT {time}"),
        0,
    ));
    connection.pipeline(&tiny(&|n| format!("ANALYTICS.DROP tiny{n}"), 3));
    for n in (0..40).filter(|n| n % 3 != 0) {
        connection.run(&format!("ANALYTICS.DROP shop{n}")).int();
    }
    // The buckets of some sites are held for their next events, which wait.
    let again = |connection: &mut Connection| {
        for n in 0..100 {
            let event = format!("ANALYTICS.TRACK tiny{} view ann AT {time}", 3 * n);
            connection.pipeline(&vec![event; 5]);
        }
        let waiting = connection.info("analytics", "analytics_events_waiting");
        waiting.parse::<i64>().expect("a number of events")
    };
    assert!(again(&mut connection) > 150);
    let before = State::of(&mut connection);
    wait_until("something has moved", || {
        let hits = connection.info("stats", "active_defrag_hits");
        hits.parse::<u64>().is_ok_and(|hits| hits > 100)
    });
    State::of(&mut connection).assert_is(&before, "the defragmented server");
    let event = cmd!(
        connection,
        "ANALYTICS.TRACK",
        "shop0",
        "view",
        "new",
        "AT",
        time
    );
    assert_eq!(event, 1);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop0 1d"), 201);
    // A site that has moved lets its events wait again.
    connection.run("CONFIG SET activedefrag no").ok();
    assert!(again(&mut connection) > 150);
}
