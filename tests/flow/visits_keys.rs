//! The keys of visits under `maxmemory` and defragmentation: what is lost with an evicted key, and what goes on.

use testkit::calendar::{buckets, floor, DAY, HOUR, MINUTE};
use testkit::{wait_until, Connection, Server, State};

/// Visits, bounces and events of visits.
fn counted(connection: &mut Connection, window: &str) -> [i64; 3] {
    let line = format!("ANALYTICS.GET shop {window} visits bounces visit-events:sum");
    let reply = connection.run(&line);
    [0, 1, 2].map(|place| reply.at(place).int())
}

/// Has the server evict what ends first, until a key is gone.
pub fn evict(connection: &mut Connection, key: &str) {
    connection
        .run("CONFIG SET maxmemory-policy volatile-ttl")
        .ok();
    connection.run("CONFIG SET maxmemory-samples 64").ok();
    wait_until("the key is evicted", || {
        let used = connection.info("memory", "used_memory");
        let used: u64 = used.parse().expect("a number of bytes");
        connection
            .run(&format!("CONFIG SET maxmemory {}", used - 40_000))
            .ok();
        // Any command that may take memory makes room first.
        connection.run("SET other 1");
        connection.run("DEL other");
        connection.run("CONFIG SET maxmemory 0").ok();
        connection.run(&format!("EXISTS {key}")) == 0
    });
}

#[test]
fn after_an_eviction_the_next_event_begins_another_visit_and_nothing_counted_is_lost() {
    let server = Server::with().config("maxmemory-clients", "0").start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop VISITS 30m PATH page VISITORS 8000 DIM event NOUSERS RETENTION minute off")
        .ok();
    let now = connection.now();
    let event = |back: i64, page: &str| {
        format!(
            "ANALYTICS.TRACK shop view ann AT {} DIM page {page}",
            now - back
        )
    };
    // Others, so that the partition is what takes the most memory, by far.
    const OTHERS: i64 = 5_000;
    let at = now - 9 * MINUTE;
    let others = (0..OTHERS).map(|other| format!("EVENT view other{other} AT {at}"));
    let others = others.collect::<Vec<_>>().join(" ");
    assert_eq!(
        connection.run(&format!("ANALYTICS.MTRACK shop {others}")),
        OTHERS
    );
    let after =
        |[visits, bounces, events]: [i64; 3]| [visits + OTHERS, bounces + OTHERS, events + OTHERS];
    assert_eq!(connection.run(&event(9 * MINUTE, "/a")), 1);
    assert_eq!(connection.run(&event(8 * MINUTE, "/b")), 1);
    assert_eq!(counted(&mut connection, "24h"), after([1, 0, 2]));
    // Of all its keys, this one ends first.
    evict(&mut connection, "{shop}:visitors:0");
    let keys = connection.keys();
    assert!(keys.iter().any(|key| key.contains(":hour:")), "{keys:?}");
    assert_eq!(counted(&mut connection, "24h"), after([1, 0, 2]));
    assert_eq!(connection.run(&event(7 * MINUTE, "/c")), 1);
    assert_eq!(counted(&mut connection, "24h"), after([2, 1, 3]));
    assert_eq!(connection.run(&event(6 * MINUTE, "/d")), 1);
    assert_eq!(counted(&mut connection, "24h"), after([2, 0, 4]));
    let exits =
        connection.run("ANALYTICS.GET shop 24h visits@exit=/b visits@exit=/d visits@entry=/c");
    assert_eq!(exits.ints(), [1, 1, 1]);
    server.wait_for_replica(&replica);
    testkit::state::assert_same_data(&mut connection, &mut replica.connection(), "the replica");
}

#[test]
fn what_follows_the_eviction_of_a_bucket_is_added_to_no_other_visits() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop VISITS 30m PATH page BY country RETENTION minute off")
        .ok();
    // In the middle of an hour that is over.
    let begun = floor(connection.now(), HOUR) - 30 * MINUTE;
    let event = |user: &str, after: i64| {
        let at = begun + after;
        format!("ANALYTICS.TRACK shop view {user} AT {at} DIM page /{user} DIM country FR")
    };
    for user in ["ann", "bob"] {
        assert_eq!(connection.run(&event(user, 0)), 1);
    }
    let [_, hour, ..] = buckets("shop", "UTC", begun);
    assert_eq!(connection.run(&format!("DEL {}", hour.key)), 1);
    let window = format!("{}..{}", floor(begun, HOUR), floor(begun, HOUR) + HOUR);
    // The visit goes on in the buckets that are left; the hour is made anew by its events, without it.
    assert_eq!(connection.run(&event("ann", MINUTE)), 1);
    assert_eq!(counted(&mut connection, &window), [0, 0, 0]);
    let day = format!("{}..{}", floor(begun, DAY), floor(begun, DAY) + DAY);
    connection
        .run("ANALYTICS.ALTER shop RETENTION hour off")
        .ok();
    assert_eq!(counted(&mut connection, &day), [2, 1, 3]);
    // One that begins in the new bucket is counted there as a whole.
    connection
        .run("ANALYTICS.ALTER shop RETENTION hour 7d")
        .ok();
    assert_eq!(connection.run(&event("cleo", 2 * MINUTE)), 1);
    assert_eq!(connection.run(&event("cleo", 3 * MINUTE)), 1);
    assert_eq!(connection.run(&event("bob", 4 * MINUTE)), 1);
    assert_eq!(counted(&mut connection, &day), [3, 0, 6]);
    let negative = connection.run(&format!(
        "ANALYTICS.GET shop {window} visits@exit=/ann visits@country=FR bounces@entry=/bob"
    ));
    assert!(
        negative.ints().iter().all(|number| *number >= 0),
        "{negative:?}"
    );
}

#[test]
fn defragmentation_moves_visits_and_changes_none() {
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
    let begun = connection.now() - 5 * MINUTE;
    const SITES: usize = 1_500;
    let event = |site: usize, user: usize, page: &str, at: i64| {
        format!("ANALYTICS.TRACK site{site} view u{user} AT {at} DIM page {page} DIM country FR")
    };
    let mut lines = Vec::new();
    for site in 0..SITES {
        lines.push(format!(
            "ANALYTICS.CREATE site{site} VISITS 30m PATH page BY country VISITORS 50 DIM from NOUSERS \
             RETENTION minute off RETENTION week off RETENTION month off"
        ));
        lines.extend((0..6).map(|user| event(site, user, &format!("/a/long/path/{user}"), begun)));
    }
    let replies = connection.pipeline(&lines);
    assert!(replies.iter().all(|reply| !reply.is_error()));
    // Holes between the values that stay, in memory that many of one size share.
    let dropped: Vec<String> = (0..SITES)
        .filter(|site| site % 3 != 0)
        .map(|site| format!("ANALYTICS.DROP site{site}"))
        .collect();
    connection.pipeline(&dropped);
    let before = State::of(&mut connection);
    wait_until("values are moved", || {
        let hits = connection.info("stats", "active_defrag_hits");
        hits.parse::<u64>().is_ok_and(|hits| hits > 500)
    });
    State::of(&mut connection).assert_is(&before, "the defragmented server");
    for site in (0..SITES).step_by(3) {
        assert_eq!(connection.run(&event(site, 3, "/b", begun + MINUTE)), 1);
        let reply = connection.run(&format!(
            "ANALYTICS.GET site{site} 24h visits bounces visits@exit=/b events@from=/a/long/path/3"
        ));
        assert_eq!(reply.ints(), [6, 5, 1, 1], "site{site}");
    }
}
