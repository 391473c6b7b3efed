//! What is known of people on replicas, in files and in copies: the same bytes.

use crate::people_oracle::{random_events, send, OPTIONS};
use testkit::calendar::{DAY, HOUR, MINUTE};
use testkit::state::assert_same_data;
use testkit::{cmd, Random, Server, State};

#[test]
fn calls_that_are_cut_otherwise_give_the_same_people() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    connection
        .run(&format!(
            "ANALYTICS.CREATE a VISITS 30m {OPTIONS} CAPACITY 5"
        ))
        .ok();
    // The seeds go along.
    for copy in ["b", "c", "d"] {
        assert_eq!(cmd!(connection, "COPY", "a", copy), 1);
    }
    let mut random = Random::new(5);
    // Live events, which wait, and days before them.
    let mut events = random_events(&mut random, now - 40 * DAY, now - HOUR, 700);
    events.extend(random_events(&mut random, now - 20 * MINUTE, now, 600));
    for site in ["a", "b"] {
        for event in &events {
            let event = std::slice::from_ref(event);
            send(&mut connection, site, event, &mut random);
        }
    }
    send(&mut connection, "c", &events, &mut random);
    for calls in events.chunks(400) {
        send(&mut connection, "d", calls, &mut Random::new(2));
    }
    let mut digest = |key: &str| {
        cmd!(connection, "DEBUG", "DIGEST-VALUE", key).array()[0]
            .text()
            .to_owned()
    };
    let mut compared = 0;
    let keys = cmd!(server.connection(), "KEYS", "{a}:*");
    for key in keys.array() {
        let key = key.text();
        // Partitions say when they expire, which differs with the time of sending.
        if key.contains(":people:") || key.contains(":visitors:") {
            continue;
        }
        let expected = digest(key);
        for copy in ["{b}", "{c}", "{d}"] {
            assert_eq!(digest(&key.replace("{a}", copy)), expected, "{key} {copy}");
            compared += 1;
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn replicas_files_and_copies_have_the_same_people() {
    let chain = testkit::ReplicaChain::of(Server::with().aof());
    let mut connection = chain.master.connection();
    let now = connection.now();
    let mut random = Random::new(7);
    connection
        .run(&format!("ANALYTICS.CREATE shop {OPTIONS} CAPACITY 5"))
        .ok();
    connection
        .run("ANALYTICS.CREATE few RETURNING 31d VISITORS 20")
        .ok();
    connection.run("ANALYTICS.CREATE later").ok();
    for round in 0..4 {
        let from = now - (4 - round) * 10 * DAY;
        let events = random_events(&mut random, from, from + 10 * DAY, 300);
        for site in ["shop", "few", "later"] {
            send(&mut connection, site, &events, &mut random);
        }
        let live = [
            "ANALYTICS.TRACK shop view live",
            "ANALYTICS.TRACK few view live",
        ];
        connection.pipeline(&live);
        match round {
            1 => connection.run("ANALYTICS.ALTER later RETURNING 60d").ok(),
            2 => connection.run("ANALYTICS.ALTER shop RETURNING 60d").ok(),
            _ => {}
        }
        chain.assert_agree(&format!("round {round}"));
    }
    let sampling = connection.run("ANALYTICS.INFO few");
    assert!(sampling.get("people-sampling").double() < 1.0);
    let partitions = cmd!(connection, "KEYS", "{*}:people:*");
    assert!(partitions.array().len() > 30);
    let expected = State::of(&mut connection);
    expected.assert_can_be_restored_and_copied(&mut connection);
    drop(connection);
    let mut master = chain.master;
    master.restart();
    State::of(&mut master.connection()).assert_is(&expected, "the AOF");
    let mut connection = master.connection();
    connection.rewrite_aof();
    master.restart();
    let mut connection = master.connection();
    State::of(&mut connection).assert_is(&expected, "the rewritten AOF");
    connection.run("DEBUG RELOAD").ok();
    State::of(&mut connection).assert_is(&expected, "the RDB file");
    // Those of other sites stay.
    connection.run("ANALYTICS.ALTER later RETURNING off").ok();
    assert_eq!(
        cmd!(connection, "KEYS", "{later}:people:*").array().len(),
        0
    );
    assert!(connection.run("ANALYTICS.DROP shop").int() > 0);
    assert_eq!(cmd!(connection, "KEYS", "{shop}:*").array().len(), 0);
    assert!(!cmd!(connection, "KEYS", "{few}:people:*")
        .array()
        .is_empty());
}

#[test]
fn masters_and_replicas_with_another_clock_remember_alike() {
    let mut clock = testkit::ManualClock::new();
    let master = Server::with().manual_clock(&clock).start();
    let mut connection = master.connection();
    connection
        .run(&format!(
            "ANALYTICS.CREATE shop {OPTIONS} RETENTION minute 30d"
        ))
        .ok();
    let replica = Server::with().replica_of(&master).start();
    master.wait_for_replica(&replica);
    let mut random = Random::new(3);
    for _ in 0..3 {
        let now = connection.now();
        let events = random_events(&mut random, now - 5 * DAY, now, 100);
        send(&mut connection, "shop", &events, &mut random);
        connection.run("ANALYTICS.TRACK shop view live");
        clock.step(6 * HOUR);
    }
    master.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
}

/// A site goes to another server by `DUMP` and `RESTORE` of its keys: there, users go on where they were.
#[test]
fn a_site_that_is_moved_key_by_key_forgets_nobody() {
    let [from, to] = [Server::start(), Server::start()];
    let [mut old, mut new] = [from.connection(), to.connection()];
    let now = old.now();
    old.run(&format!("ANALYTICS.CREATE shop VISITS 30m {OPTIONS}"))
        .ok();
    old.run("ANALYTICS.FUNNEL shop SET back WITHIN 30d STEP event=view STEP event=view&country=FR")
        .ok();
    let mut random = Random::new(23);
    let events = random_events(&mut random, now - 100 * DAY, now - HOUR, 2_000);
    let (before, after) = events.split_at(1_500);
    send(&mut old, "shop", before, &mut random);
    for (key, dump, expiry) in State::of(&mut old).entries() {
        // That of a key without an expiry is below zero.
        let expiry = expiry.max(0);
        let reply = cmd!(new, "RESTORE", key, expiry, dump, "ABSTTL");
        reply.ok();
    }
    // Both go on with the same events.
    for connection in [&mut old, &mut new] {
        send(connection, "shop", after, &mut Random::new(5));
    }
    for line in [
        "ANALYTICS.RETENTION shop 120d day",
        "ANALYTICS.RETENTION shop 120d week",
        "ANALYTICS.RETENTION shop 150d month",
        "ANALYTICS.FUNNEL shop GET back 90d",
    ] {
        let [expected, found] = [&mut old, &mut new].map(|it| it.run(line).get("rows").clone());
        assert_eq!(found, expected, "{line}");
    }
    for line in [
        "ANALYTICS.GET shop 90d users users:new users:returning visits funnel:back:users funnel:back:share",
        "ANALYTICS.TOP shop 90d country BY users:new",
    ] {
        let [expected, found] = [&mut old, &mut new].map(|it| it.run(line));
        assert_eq!(found, expected, "{line}");
    }
    let [old, new] = [&mut old, &mut new].map(|it| it.run("ANALYTICS.INFO shop"));
    assert!(new.get("people").int() > 100);
    assert_eq!(new.get("people"), old.get("people"));
}

#[test]
fn an_aof_of_commands_makes_the_same_people() {
    let mut server = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        .start();
    let mut connection = server.connection();
    let now = connection.now();
    connection
        .run(&format!("ANALYTICS.CREATE shop {OPTIONS}"))
        .ok();
    connection
        .run("ANALYTICS.CREATE few RETURNING 31d VISITORS 20")
        .ok();
    let mut random = Random::new(3);
    let events = random_events(&mut random, now - 40 * DAY, now, 500);
    for site in ["shop", "few"] {
        send(&mut connection, site, &events, &mut random);
    }
    let seed = format!(
        "ANALYTICS.SEED shop USER user-900 {} USER user-3 2024-02-29",
        now - 50 * DAY
    );
    assert_eq!(connection.run(&seed), 2);
    let forgotten = connection.run("ANALYTICS.FORGET shop user-1");
    assert_eq!(*forgotten.get("identity"), 1);
    let expected = State::of(&mut connection);
    server.restart();
    State::of(&mut server.connection()).assert_is(&expected, "the commands");
    let mut connection = server.connection();
    connection.rewrite_aof();
    server.restart();
    State::of(&mut server.connection()).assert_is(&expected, "the rewritten file");
}
