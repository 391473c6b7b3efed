//! Replicas under faults: cut links, resyncs of every kind, frozen replicas, other settings, other
//! clocks, failovers. After all of it they hold the same bytes and the same expiry times.

use std::thread::sleep;
use std::time::Duration;

use testkit::calendar::{buckets, floor, DAY, HOUR, MINUTE};
use testkit::operations::Operations;
use testkit::replicas::other_settings;
use testkit::state::assert_same_data;
use testkit::{cmd, number_from_env, wait_until, Clock, Connection, Random, Server, State};

/// Fifty thousand is what `make faults` asks for.
fn operations() -> usize {
    number_from_env("ANALYTICS_FAULT_OPERATIONS", 5_000) as usize
}

/// Deletes expired keys on the master, and waits until the replicas have applied that.
fn settle(master: &Server, replicas: &[&Server]) {
    let mut connection = master.connection();
    sleep(Duration::from_millis(Operations::SETTLED as u64));
    // A scan deletes what it finds to be over.
    for line in ["SCAN 0 COUNT 100000", "SELECT 1", "SCAN 0 COUNT 100000"] {
        connection.run(line);
    }
    for replica in replicas {
        master.wait_for_replica(replica);
    }
}

#[track_caller]
fn assert_agree(master: &Server, replicas: &[&Server], when: &str) {
    settle(master, replicas);
    for (number, replica) in replicas.iter().enumerate() {
        let (mut ours, mut theirs) = (master.connection(), replica.connection());
        let whose = format!("replica {number} {when}");
        assert_same_data(&mut ours, &mut theirs, &whose);
        ours.run("SELECT 1").ok();
        theirs.run("SELECT 1").ok();
        assert_same_data(&mut ours, &mut theirs, &format!("{whose}, database 1"));
    }
}

/// Something that happens to replication.
fn disturb(random: &mut Random, master: &Server, replicas: &[&Server]) {
    let replica = random.pick(replicas);
    match random.below(6) {
        0 => drop(master.connection().run("CLIENT KILL TYPE replica")),
        1 => drop(replica.connection().run("CLIENT KILL TYPE master")),
        // No partial resync is possible from here.
        2 => {
            master.connection().run("DEBUG CHANGE-REPL-ID").ok();
            master.connection().run("CLIENT KILL TYPE replica");
        }
        3 => {
            replica.pause();
            sleep(Duration::from_millis(random.below(100)));
            replica.resume();
        }
        _ => {}
    }
}

fn load(master: &Server, replicas: &[&Server], seed: u64, operations: usize) {
    let mut connection = master.connection();
    let mut random = Random::new(seed);
    let mut mixed = Operations::new(seed, connection.now());
    let mut accepted = 0;
    for round in 0..operations.div_ceil(100) {
        accepted += mixed.run(&mut connection, 100);
        disturb(&mut random, master, replicas);
        if round % 25 == 24 {
            assert_agree(
                master,
                replicas,
                &format!("of seed {seed} in round {round}"),
            );
        }
    }
    assert!(accepted * 2 > operations, "{accepted} of {operations}");
    assert_agree(master, replicas, &format!("at the end of seed {seed}"));
}

fn resyncs(server: &Server) -> (u64, u64) {
    let mut connection = server.connection();
    let mut count = |field| connection.info("stats", field).parse().unwrap_or(0);
    (count("sync_full"), count("sync_partial_ok"))
}

#[test]
fn mixed_operations_agree_through_cut_links_resyncs_and_failovers() {
    let servers = [
        Server::with().config("repl-backlog-size", "4mb").start(),
        other_settings()
            .config("repl-diskless-load", "swapdb")
            .start(),
        other_settings()
            .config("repl-diskless-load", "on-empty-db")
            .config("repl-diskless-sync", "no")
            .start(),
    ];
    // Whichever server is the master, its replicas attach to it and the load begins.
    for (turn, master) in [0, 1, 2].into_iter().enumerate() {
        let replicas: Vec<&Server> = servers
            .iter()
            .filter(|server| server.port() != servers[master].port())
            .collect();
        let master = &servers[master];
        master.connection().run("REPLICAOF NO ONE").ok();
        for replica in &replicas {
            let line = format!("REPLICAOF 127.0.0.1 {}", master.port());
            replica.connection().run(&line).ok();
        }
        replicas.iter().for_each(|it| master.wait_for_replica(it));
        load(master, &replicas, turn as u64, operations() / 3);
        let (full, partial) = resyncs(master);
        println!("turn {turn}: {full} full resyncs, {partial} partial ones");
        assert!(full > 0 && partial > 0, "{full} full, {partial} partial");
    }
}

#[test]
fn a_coordinated_failover_under_load_goes_on_where_it_was() {
    let first = Server::start();
    let second = other_settings().replica_of(&first).start();
    first.wait_for_replica(&second);
    load(&first, &[&second], 30, 400);
    let line = format!("FAILOVER TO 127.0.0.1 {}", second.port());
    first.connection().run(&line).ok();
    wait_until("the roles have changed", || {
        second.connection().info("replication", "role") == "master"
            && first.connection().info("replication", "master_link_status") == "up"
    });
    load(&second, &[&first], 31, 400);
}

/// A site whose minute bucket of `time` expires in so many milliseconds.
fn short_lived(connection: &mut Connection, time: i64, left: i64) -> String {
    let kept = connection.now() + left - (floor(time, MINUTE) + MINUTE);
    connection
        .run(&format!("ANALYTICS.CREATE shop RETENTION minute {kept}ms"))
        .ok();
    buckets("shop", "UTC", time)[0].key.clone()
}

/// What the master accepted in time reaches the replica after the period, and the other way around.
#[test]
fn a_replica_that_stood_still_while_a_bucket_ended_agrees() {
    let master = Server::start();
    let replica = other_settings().replica_of(&master).start();
    master.wait_for_replica(&replica);
    let mut connection = master.connection();
    let time = floor(connection.now(), MINUTE) - 2 * MINUTE;
    let minute = short_lived(&mut connection, time, 700);
    replica.pause();
    let mut number = 0;
    let mut event = |connection: &mut Connection, rest: &str| {
        number += 1;
        let line = format!("ANALYTICS.TRACK shop view u{number} {rest}");
        assert_eq!(connection.run(&line), 1, "{line}");
    };
    event(&mut connection, &format!("AT {time} ID x"));
    event(&mut connection, "");
    assert_eq!(cmd!(connection, "EXISTS", minute), 1);
    wait_until("the bucket is over", || {
        event(&mut connection, &format!("AT {time}"));
        event(&mut connection, "AT *");
        cmd!(connection, "EXISTS", minute) == 0
    });
    // An event of its time counts in what is left.
    event(&mut connection, &format!("AT {time} ID y"));
    if std::env::var_os("ANALYTICS_FAULT_OPERATIONS").is_some() {
        send_events_across_a_minute(&mut connection);
    }
    replica.resume();
    assert_agree(&master, &[&replica], "after standing still");
}

/// Events over five seconds that have the end of a minute in them.
fn send_events_across_a_minute(connection: &mut Connection) {
    let left = MINUTE - connection.now().rem_euclid(MINUTE);
    sleep(Duration::from_millis((left - 2_500).max(0) as u64));
    for n in 0..500 {
        let line = format!("ANALYTICS.TRACK shop view minute-{n} ID {}", n / 2);
        connection.run(&line).int();
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn replicas_with_wrong_clocks_take_the_masters_decisions() {
    let master = Server::start();
    let behind = other_settings()
        .clock(Clock::ahead(-3 * DAY))
        .replica_of(&master)
        .start();
    let ahead = other_settings()
        .clock(Clock::ahead(2 * DAY))
        .replica_of(&master)
        .start();
    master.wait_for_replica(&behind);
    master.wait_for_replica(&ahead);
    let mut connection = master.connection();
    assert!((behind.connection().now() + 3 * DAY - connection.now()).abs() < MINUTE);
    let mut mixed = Operations::new(77, connection.now());
    for _ in 0..10 {
        mixed.run(&mut connection, 100);
        settle(&master, &[&behind, &ahead]);
        // Whose clock is ahead hides what is over to its mind, but its digest has it.
        let digest = connection.digest_of_all();
        assert_eq!(ahead.connection().digest_of_all(), digest, "ahead");
        assert_same_data(&mut connection, &mut behind.connection(), "behind");
    }
}

#[test]
fn an_append_only_file_is_loaded_alike_under_wrong_clocks_and_other_settings() {
    let mut server = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        .start();
    let mut connection = server.connection();
    let now = connection.now();
    let mut mixed = Operations::new(5, now);
    for _ in 0..10 {
        mixed.run(&mut connection, 100);
    }
    settle(&server, &[]);
    let expected = State::of(&mut connection);
    assert!(expected.keys().len() > 50);
    server.set_clock(Clock::ahead(-3 * DAY));
    server.restart();
    State::of(&mut server.connection()).assert_is(&expected, "behind");

    // Later, what is over by then is gone, and everything else is there.
    server.set_clock(Clock::ahead(9 * DAY));
    server.restart();
    let mut connection = server.connection();
    let later = connection.now();
    assert!(later - now > 9 * DAY - HOUR);
    let lasting = expected.without_expired(later);
    assert!(lasting.keys().len() < expected.keys().len());
    State::of(&mut connection).assert_is(&lasting, "ahead");
}

/// The replica answers from what it has while the new data comes in, and is cut off several times.
#[test]
fn a_replica_answers_while_it_loads_and_survives_a_cut_transfer() {
    let master = Server::with()
        .config("rdb-key-save-delay", "1000")
        .config("repl-backlog-size", "16kb")
        .start();
    let replica = Server::with()
        .config("repl-diskless-load", "swapdb")
        .config("loading-process-events-interval-bytes", "1024")
        .replica_of(&master)
        .start();
    master.wait_for_replica(&replica);
    let mut connection = master.connection();
    let now = connection.now();
    for n in 0..300 {
        let line = format!(
            "ANALYTICS.TRACK shop view u{n} AT {} DIM page /{n}",
            now - n * HOUR
        );
        assert_eq!(connection.run(&line), 1);
    }
    master.wait_for_replica(&replica);
    let users = replica.connection().run("ANALYTICS.UNIQUE shop 30d").int();
    assert_eq!(users, 300);
    for round in 0..4 {
        // The replica misses more than the backlog contains.
        replica.pause();
        connection.run("CLIENT KILL TYPE replica");
        for _ in 0..8 {
            cmd!(connection, "SET", "filler", "x".repeat(8_192)).ok();
        }
        replica.resume();
        let mut theirs = replica.connection();
        wait_until("the replica loads", || {
            theirs.info("persistence", "async_loading") == "1"
        });
        assert_eq!(theirs.run("ANALYTICS.UNIQUE shop 30d"), users);
        assert!(theirs.run("ANALYTICS.TRACK shop view x").is_error());
        sleep(Duration::from_millis(10 * round));
    }
    assert_agree(&master, &[&replica], "after cut transfers");
}
