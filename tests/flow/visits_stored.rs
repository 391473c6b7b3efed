//! Visits on replicas, in files and in copies: the same bytes.

use std::collections::BTreeMap;

use crate::visits_oracle::{random_events, send, Event, OPTIONS};
use testkit::calendar::{HOUR, MINUTE};
use testkit::{cmd, Connection, Random, Server, State};

#[test]
fn replicas_files_and_copies_have_the_same_visits() {
    let chain = testkit::ReplicaChain::of(Server::with().aof());
    let mut connection = chain.master.connection();
    let now = connection.now();
    let mut random = Random::new(7);
    connection
        .run(&format!("ANALYTICS.CREATE shop {OPTIONS} CAPACITY 5"))
        .ok();
    connection
        .run("ANALYTICS.CREATE few VISITS 10m PATH page VISITORS 20")
        .ok();
    connection.run("ANALYTICS.CREATE later").ok();
    for round in 0..6 {
        let from = now - (6 - round) * 20 * MINUTE;
        let events = random_events(&mut random, from, from + 20 * MINUTE, 400);
        for site in ["shop", "few", "later"] {
            send(&mut connection, site, &events, &mut random);
        }
        let live = [
            "ANALYTICS.TRACK shop view live DIM page /",
            "ANALYTICS.TRACK few view live",
        ];
        connection.pipeline(&live);
        if round == 2 {
            connection
                .run("ANALYTICS.ALTER later VISITS 1h BY country DIM x")
                .ok();
        }
        if round == 4 {
            connection
                .run("ANALYTICS.ALTER shop VISITS 20m PATH page BY country")
                .ok();
        }
        chain.assert_agree(&format!("round {round}"));
    }
    let partitions = cmd!(connection, "KEYS", "{*}:visitors:*");
    assert!(partitions.array().len() > 30);
    let expected = State::of(&mut connection);
    expected.assert_can_be_restored_and_copied(&mut connection);
    drop(connection);
    let mut master = chain.master;
    master.restart();
    State::of(&mut master.connection()).assert_is(&expected, "the AOF");
    let mut connection = master.connection();
    connection.run("DEBUG RELOAD").ok();
    State::of(&mut connection).assert_is(&expected, "the RDB file");
    assert!(connection.run("ANALYTICS.DROP shop").int() > 0);
    assert_eq!(cmd!(connection, "KEYS", "{shop}:*").array().len(), 0);
}

#[test]
fn an_aof_of_commands_makes_the_same_partitions() {
    let mut server = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        .start();
    let mut connection = server.connection();
    let now = connection.now();
    connection
        .run(&format!("ANALYTICS.CREATE shop {OPTIONS}"))
        .ok();
    let mut random = Random::new(3);
    let events = random_events(&mut random, now - HOUR, now, 500);
    send(&mut connection, "shop", &events, &mut random);
    let expected = State::of(&mut connection);
    server.restart();
    State::of(&mut server.connection()).assert_is(&expected, "the commands");
    let mut connection = server.connection();
    connection.rewrite_aof();
    server.restart();
    State::of(&mut server.connection()).assert_is(&expected, "the rewritten file");
}

#[test]
fn calls_that_are_cut_otherwise_give_the_same_bytes() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    connection
        .run(&format!("ANALYTICS.CREATE a {OPTIONS}"))
        .ok();
    // The seed goes along.
    assert_eq!(connection.run("COPY a b"), 1);
    let mut random = Random::new(5);
    let events = random_events(&mut random, now - 2 * HOUR, now - HOUR, 800);
    send(&mut connection, "a", &events, &mut random);
    // In order for every user, and otherwise in any.
    let mut by_user: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for event in &events {
        let visitor = event.session.clone().unwrap_or_else(|| event.user.clone());
        by_user.entry(visitor).or_default().push(event.clone());
    }
    let mut queues: Vec<std::collections::VecDeque<Event>> =
        by_user.into_values().map(Into::into).collect();
    let mut shuffled = Vec::new();
    while !queues.is_empty() {
        let at = random.below(queues.len() as u64) as usize;
        shuffled.extend(queues[at].pop_front());
        queues.retain(|queue| !queue.is_empty());
    }
    assert_eq!(shuffled.len(), events.len());
    send(&mut connection, "b", &shuffled, &mut random);
    let digest = |connection: &mut Connection, key: &str| {
        cmd!(connection, "DEBUG", "DIGEST-VALUE", key).array()[0]
            .text()
            .to_owned()
    };
    for key in cmd!(connection, "KEYS", "{a}:*").array() {
        let key = key.text();
        if key.contains(":visitors:") {
            continue;
        }
        let other = key.replace("{a}", "{b}");
        let (a, b) = (
            digest(&mut connection, key),
            digest(&mut connection, &other),
        );
        assert_eq!(a, b, "{key}");
    }
}
