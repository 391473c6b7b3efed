//! Funnels on replicas, in files and in copies: the same bytes.

use crate::funnels_oracle::{check, make, random_events, send, Oracle};
use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::{cmd, encode, Arg, Connection, Random, Server, State};

/// Live events that wait, and events of the past in calls of any length, give the bytes of one call.
#[test]
fn calls_that_are_cut_otherwise_give_the_same_bytes() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    make(&mut connection, "a", "");
    // The seed goes along.
    for site in ["b", "c"] {
        assert_eq!(cmd!(connection, "COPY", "a", site), 1);
    }
    let mut random = Random::new(5);
    let events = random_events(&mut random, now - 50 * MINUTE, now - MINUTE, 1_500);
    for event in &events {
        let words = [
            vec!["ANALYTICS.TRACK".to_owned(), "a".to_owned()],
            event.words(),
        ]
        .concat();
        let mut request = Vec::new();
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &args);
        assert_eq!(connection.exchange(&request, 1)[0], 1);
    }
    send(&mut connection, "b", &events, &mut random);
    // None of these waits: each bucket is read in between.
    for event in events.chunks(3) {
        send(&mut connection, "c", event, &mut random);
        connection.run("ANALYTICS.FUNNEL c GET slow 3h");
    }
    let digest = |connection: &mut Connection, key: &str| {
        let reply = cmd!(connection, "DEBUG", "DIGEST-VALUE", key);
        reply.array()[0].text().to_owned()
    };
    let keys = cmd!(connection, "KEYS", "{a}:*");
    assert!(keys.array().len() > 40);
    for key in keys.array() {
        let key = key.text();
        // A partition has the time by which its key expires.
        if key.contains(":people:") {
            continue;
        }
        let expected = digest(&mut connection, key);
        for other in ["{b}", "{c}"] {
            let other = key.replace("{a}", other);
            assert_eq!(digest(&mut connection, &other), expected, "{other}");
        }
    }
    let mut oracle = Oracle::default();
    oracle.take(&events);
    let end = floor(now, MINUTE) + MINUTE;
    for site in ["a", "b", "c"] {
        check(
            &mut connection,
            site,
            &oracle,
            floor(now - DAY, MINUTE),
            end,
        );
    }
}

#[test]
fn replicas_files_and_copies_have_the_same_funnels() {
    let chain = testkit::ReplicaChain::of(Server::with().aof());
    let mut connection = chain.master.connection();
    let now = connection.now();
    let mut random = Random::new(7);
    make(
        &mut connection,
        "shop",
        "RETENTION minute 1d CAPACITY 2 VISITS 30m PATH page RETURNING 90d",
    );
    connection
        .run("ANALYTICS.CREATE few RETENTION minute 1d VISITS 10m")
        .ok();
    connection.run("CONFIG SET analytics.visitor-capacity 10");
    connection
        .run("ANALYTICS.CREATE later RETENTION minute 1d")
        .ok();
    for round in 0..6 {
        let from = now - (6 - round) * 20 * MINUTE;
        let events = random_events(&mut random, from, from + 20 * MINUTE, 300);
        for site in ["shop", "few", "later"] {
            send(&mut connection, site, &events, &mut random);
        }
        let live = "ANALYTICS.TRACK shop view live DIM page /p";
        connection.pipeline(&[live, "ANALYTICS.TRACK few view live"]);
        let lines: &[&str] = match round {
            1 => &[
                "ANALYTICS.FUNNEL few SET buy WITHIN 1h STEP event=view STEP event=cart BY country",
            ],
            2 => &[
                "ANALYTICS.FUNNEL later SET buy WITHIN 1h STEP event=view STEP event=cart",
                "ANALYTICS.FUNNEL shop SET slow WITHIN 1d STEP event=view STEP event=cart BY page",
            ],
            3 => &[
                "ANALYTICS.FUNNEL shop DEL pages",
                "ANALYTICS.ALTER shop RETURNING off",
            ],
            4 => &[
                "ANALYTICS.FUNNEL later DEL buy",
                "ANALYTICS.FUNNEL shop SET pages WITHIN 1h STEP event=view STEP page=/p",
            ],
            _ => &[],
        };
        for line in lines {
            assert!(!connection.run(line).is_error(), "{line}");
        }
        chain.assert_agree(&format!("round {round}"));
    }
    assert_eq!(
        cmd!(connection, "KEYS", "{later}:people:*").array().len(),
        0
    );
    assert!(cmd!(connection, "KEYS", "{*}:people:*").array().len() > 20);
    let few = connection.run("ANALYTICS.FUNNEL few GET buy 3h");
    assert!(few.get("sampling").double() < 1.0, "{few:?}");
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
fn an_aof_of_commands_makes_the_same_funnels() {
    let mut server = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        .start();
    let mut connection = server.connection();
    let now = connection.now();
    make(&mut connection, "shop", "");
    let mut random = Random::new(3);
    let events = random_events(&mut random, now - HOUR, now, 500);
    send(&mut connection, "shop", &events, &mut random);
    connection.run("ANALYTICS.FUNNEL shop SET late WITHIN 5m STEP event=view STEP event=pay");
    let more = random_events(&mut random, now, now + 1_000, 50);
    send(&mut connection, "shop", &more, &mut random);
    let expected = State::of(&mut connection);
    server.restart();
    State::of(&mut server.connection()).assert_is(&expected, "the commands");
    let mut connection = server.connection();
    connection.rewrite_aof();
    server.restart();
    State::of(&mut server.connection()).assert_is(&expected, "the rewritten file");
}
