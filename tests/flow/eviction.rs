//! Under `maxmemory`: what is refused has changed nothing, what is evicted is made anew, and replicas
//! follow.

use testkit::calendar::{buckets, floor, DAY, HOUR, MINUTE};
use testkit::state::assert_same_data;
use testkit::{cmd, wait_until, Connection, Server, State};

fn used(connection: &mut Connection) -> u64 {
    let used = connection.info("memory", "used_memory");
    used.parse().expect("a number of bytes")
}

/// Allows so many bytes more than are used.
fn allow(connection: &mut Connection, more: u64) {
    let most = used(connection) + more;
    connection.run(&format!("CONFIG SET maxmemory {most}")).ok();
}

/// Events of all kinds, of which some fill many buckets; how many counted.
fn load(connection: &mut Connection, rounds: i64) -> usize {
    let now = connection.now();
    let mut counted = 0;
    for round in 0..rounds {
        let lines: Vec<String> = (0..200)
            .map(|n| {
                let time = now - n % 40 * MINUTE - (round * 7 + n) % 100 * HOUR;
                let site = n % 4;
                format!(
                    "ANALYTICS.TRACK site{site} view user-{round}-{n} AT {time} ID {round}-{n} \
                     SESSION s{n} DIM page /{n}/{round} VAL price {n}"
                )
            })
            .collect();
        for reply in connection.pipeline(&lines) {
            match reply {
                reply if reply.is_error() => {
                    assert!(reply.error().starts_with("OOM"), "{reply:?}")
                }
                reply => counted += reply.int() as usize,
            }
        }
    }
    counted
}

#[test]
fn every_policy_keeps_the_server_up_and_the_replica_equal() {
    let master = Server::with()
        .config("maxmemory-clients", "0")
        .config("repl-backlog-size", "256kb")
        .config("client-query-buffer-limit", "64mb")
        // Where keys are freed in the background, as by default in Valkey, room may come too late.
        .config("lazyfree-lazy-eviction", "no")
        .start();
    let replica = Server::with().replica_of(&master).start();
    master.wait_for_replica(&replica);
    for policy in [
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "noeviction",
    ] {
        let mut connection = master.connection();
        connection.run("CONFIG SET maxmemory 0").ok();
        // Valkey frees in the background otherwise, and the limit would be measured too early.
        connection.run("FLUSHALL SYNC").ok();
        for site in 0..4 {
            let line = format!("ANALYTICS.CREATE site{site} DIM event NOUSERS");
            connection.run(&line).ok();
        }
        connection
            .run(&format!("CONFIG SET maxmemory-policy {policy}"))
            .ok();
        allow(&mut connection, 1_500_000);
        let before: u64 = connection
            .info("stats", "evicted_keys")
            .parse()
            .unwrap_or(0);
        let counted = load(&mut connection, 8);
        let evicted: u64 = connection
            .info("stats", "evicted_keys")
            .parse()
            .unwrap_or(0);
        println!(
            "{policy}: {counted} of 1600 counted, {} keys evicted",
            evicted - before
        );
        if policy == "noeviction" {
            assert!((100..1_600).contains(&counted), "{policy}: {counted}");
            assert_eq!(evicted, before);
        } else {
            assert_eq!(counted, 1_600, "{policy}");
            assert!(evicted > before + 10, "{policy}: {evicted}");
        }
        if !policy.starts_with("allkeys") {
            // A site has no expiry: these policies never take one.
            for site in 0..4 {
                assert_eq!(cmd!(connection, "EXISTS", format!("site{site}")), 1);
            }
        }
        for site in 0..4 {
            for line in [
                format!("ANALYTICS.GET site{site} 4d events users price:p95"),
                format!("ANALYTICS.DASHBOARD site{site}"),
                format!("ANALYTICS.TOP site{site} 1d page"),
            ] {
                assert!(!connection.run(&line).is_error(), "{policy}: {line}");
            }
        }
        connection.run("CONFIG SET maxmemory 0").ok();
        master.wait_for_replica(&replica);
        assert_same_data(&mut connection, &mut replica.connection(), policy);
    }
}

/// A master without memory refuses, and neither it nor its files nor its replica has a trace of it.
#[test]
fn an_event_refused_for_want_of_memory_changes_nothing() {
    let mut master = Server::with().aof().start();
    let replica = Server::with().replica_of(&master).start();
    let mut connection = master.connection();
    let now = connection.now();
    let event = format!("ANALYTICS.TRACK shop view ann AT {now} ID x DIM page / VAL price 1");
    assert_eq!(connection.run(&event), 1);
    master.wait_for_replica(&replica);
    connection.run("CONFIG SET maxmemory 1").ok();
    let before = State::of(&mut connection);
    let offset = connection.info("replication", "master_repl_offset");
    let counted = connection.info("analytics", "analytics_events_counted");
    let script = "return redis.call('ANALYTICS.TRACK', 'shop', 'view', 'lua')";
    for line in [
        "ANALYTICS.TRACK shop view bob",
        "ANALYTICS.TRACK new view bob DIM new x",
        "ANALYTICS.MTRACK shop EVENT view bob EVENT view cleo",
        "ANALYTICS.CREATE new",
        "ANALYTICS.ALTER shop RETENTION minute off",
        "ANALYTICS.RESTORE new SITE x",
    ] {
        let reply = connection.run(line);
        assert!(reply.error().starts_with("OOM"), "{line}: {reply:?}");
    }
    assert!(cmd!(connection, "EVAL", script, 0).error().contains("OOM"));
    let queued = connection.pipeline(&["MULTI", "ANALYTICS.TRACK shop view bob", "EXEC"]);
    assert!(queued[1].error().starts_with("OOM") && queued[2].is_error());
    State::of(&mut connection).assert_is(&before, "after refusals");
    assert_eq!(connection.info("replication", "master_repl_offset"), offset);
    assert_eq!(
        connection.info("analytics", "analytics_events_counted"),
        counted
    );
    // Questions are answered, and what frees memory is done.
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h"), 1);
    master.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    master.restart();
    State::of(&mut master.connection()).assert_is(&before, "the file");
    let mut connection = master.connection();
    connection.run("CONFIG SET maxmemory 1").ok();
    assert_eq!(connection.run("ANALYTICS.DROP shop"), 5);
    assert!(connection.keys().is_empty());
}

/// Leaves so little memory that the key is evicted, and gives it back.
fn evict(connection: &mut Connection, policy: &str, key: &str) {
    connection
        .run(&format!("CONFIG SET maxmemory-policy {policy}"))
        .ok();
    connection.run("CONFIG SET maxmemory 1").ok();
    wait_until("the key is evicted", || {
        connection.run(&format!("EXISTS {key}")) == 0
    });
    connection.run("CONFIG SET maxmemory 0").ok();
}

#[test]
fn an_evicted_bucket_of_a_running_period_is_made_anew_and_the_others_go_on() {
    let server = Server::start();
    let mut connection = server.connection();
    // Noon of yesterday.
    let time = floor(connection.now(), DAY) - DAY + 12 * HOUR;
    let event = |user: &str| format!("ANALYTICS.TRACK shop view {user} AT {time} ID {user}");
    assert_eq!(connection.run(&event("ann")), 1);
    // Without this one, of the same day, the month would answer for the hour: nothing else would be
    // in it.
    let earlier = time - 3 * HOUR;
    let line = format!("ANALYTICS.TRACK shop view cleo AT {earlier}");
    assert_eq!(connection.run(&line), 1);
    let of = buckets("shop", "UTC", time);
    // Only the hour can go: nothing else has an expiry.
    for key in connection.keys() {
        if key != of[1].key {
            connection.run(&format!("PERSIST {key}"));
        }
    }
    evict(&mut connection, "volatile-ttl", &of[1].key);
    assert_eq!(connection.run(&event("bob")), 1);
    assert_eq!(cmd!(connection, "PEXPIRETIME", of[1].key), of[1].expiry);
    let users = |connection: &mut Connection, from: i64, to: i64| {
        cmd!(
            connection,
            "ANALYTICS.UNIQUE",
            "shop",
            format!("{from}..{to}")
        )
        .int()
    };
    // The hour has the second event only, the month has all.
    assert_eq!(users(&mut connection, time, time + HOUR), 1);
    assert_eq!(users(&mut connection, earlier, time + HOUR), 3);
}

#[test]
fn an_evicted_site_begins_again_with_the_modules_settings_and_its_buckets_stay() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop VAL price CAPACITY 7 RETENTION hour 2d")
        .ok();
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop view ann DIM page /"),
        1
    );
    let before = State::of(&mut connection);
    evict(&mut connection, "allkeys-random", "shop");
    for (key, dump, expiry) in before.entries().filter(|(key, ..)| *key != b"shop") {
        // Some of its buckets may have gone before it: here they are to stay.
        if cmd!(connection, "EXISTS", key) == 0 {
            cmd!(connection, "RESTORE", key, expiry, dump, "ABSTTL").ok();
        }
    }
    // Its buckets answer without it.
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h"), 1);
    assert!(connection.run("ANALYTICS.INFO shop").is_error());
    assert_eq!(connection.run("ANALYTICS.TRACK shop view bob"), 1);
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("events"), 1);
    assert_eq!(*info.get("capacity"), 1_000);
    // Counts go on in the buckets that are there.
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1d"), 2);
}

/// A site's zone goes with it, and days of another zone are not added to: nothing is counted wrong.
#[test]
fn an_evicted_site_of_another_zone_refuses_events_until_it_is_created_as_it_was() {
    let server = Server::start();
    let mut connection = server.connection();
    let create = "ANALYTICS.CREATE shop TZ Asia/Kolkata";
    // A time that has the same date in both zones.
    let time = floor(connection.now(), DAY) - DAY + 6 * HOUR;
    let event = |connection: &mut Connection, user: &str| {
        connection.run(&format!("ANALYTICS.TRACK shop view {user} AT {time}"))
    };
    connection.run(create).ok();
    assert_eq!(event(&mut connection, "ann"), 1);
    let before = State::of(&mut connection);
    connection.run("DEL shop");
    let reply = event(&mut connection, "bob");
    assert!(reply.error().contains("another time zone"), "{reply:?}");
    connection.run(create).ok();
    assert_eq!(event(&mut connection, "bob"), 1);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 2d"), 2);
    assert_eq!(State::of(&mut connection).keys(), before.keys());
    // Or all of it goes.
    connection.run("DEL shop");
    assert!(connection.run("ANALYTICS.DROP shop").int() > 0);
    assert_eq!(event(&mut connection, "cleo"), 1);
}
