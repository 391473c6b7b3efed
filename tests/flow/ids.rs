//! Ids of events: an id counts once within an hour of its first arrival, whatever times its repeats carry.

use testkit::calendar::{DAY, HOUR, MINUTE, SECOND};
use testkit::replicas::other_settings;
use testkit::state::{assert_same_data, refused_line};
use testkit::{cmd, Cluster, Connection, ManualClock, Random, Server, State};

fn info(connection: &mut Connection, field: &str) -> i64 {
    connection.run("ANALYTICS.INFO shop").get(field).int()
}

/// The second of two arrivals, as every command sends it.
fn repeats(id: &str, now: i64) -> Vec<String> {
    let json = format!("{{\"event\":\"buy\",\"user_id\":\"ann\",\"id\":\"{id}\"");
    let mut lines = vec![
        format!("ANALYTICS.TRACK shop buy ann ID {id}"),
        format!("ANALYTICS.TRACK shop other bob ID {id} AT *"),
        format!("ANALYTICS.MTRACK shop EVENT buy ann ID {id} EVENT buy ann ID {id} AT {now}"),
        format!("ANALYTICS.TRACKJSON shop {json}}}"),
        format!("ANALYTICS.TRACKJSON shop {json},\"timestamp\":{now}}}"),
    ];
    for age in [0, MINUTE, HOUR, 3 * HOUR, 40 * DAY] {
        lines.push(format!(
            "ANALYTICS.TRACK shop buy ann ID {id} AT {}",
            now - age
        ));
    }
    lines
}

#[test]
fn an_id_counts_once_in_an_hour_across_minutes_hours_and_late_times() {
    let mut clock = ManualClock::new();
    // A hundred milliseconds before the end of a minute, and of an hour.
    clock.set(clock.now() - clock.now().rem_euclid(HOUR) + HOUR - 100);
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    let first = clock.now();
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop buy ann ID order-1 VAL revenue 10"),
        1
    );
    for later in [0, 50, 100, 101, MINUTE, 59 * MINUTE, HOUR - 1, HOUR] {
        clock.set(first + later);
        for line in repeats("order-1", clock.now()) {
            assert_eq!(connection.run(&line), 0, "{later} ms later: {line}");
        }
    }
    let answer = connection.run("ANALYTICS.GET shop 1d events revenue:sum");
    assert_eq!((answer.at(0).int(), answer.at(1).text()), (1, "10"));
    assert_eq!(info(&mut connection, "duplicates"), 8 * 11);
    clock.set(first + HOUR + 15 * MINUTE);
    assert_eq!(connection.run("ANALYTICS.TRACK shop buy ann ID order-1"), 1);
}

#[test]
fn other_ids_and_none_count_and_a_late_event_does_not_take_its_id() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for line in ["ID a", "ID b", "", "", "ID A"] {
        let line = format!("ANALYTICS.TRACK shop buy ann {line}");
        assert_eq!(connection.run(&line), 1, "{line}");
    }
    // Older than every retention: it does not count, and its id may come again.
    let late = format!("ANALYTICS.TRACK shop buy ann ID c AT {}", now - 5_000 * DAY);
    assert_eq!(connection.run(&late), 0);
    assert_eq!(connection.run("ANALYTICS.TRACK shop buy ann ID c"), 1);
    // Those of another site are others.
    assert_eq!(connection.run("ANALYTICS.TRACK store buy ann ID a"), 1);
    // An event that is refused takes no id.
    refused_line(
        &mut connection,
        "ANALYTICS.MTRACK shop EVENT buy ann ID d EVENT buy",
        &[],
    );
    assert_eq!(connection.run("ANALYTICS.TRACK shop buy ann ID d"), 1);
}

#[test]
fn the_key_of_ids_expires_by_itself_and_is_there_only_where_ids_come() {
    let mut clock = ManualClock::new();
    clock.set(clock.now() - clock.now().rem_euclid(HOUR) + 7 * MINUTE);
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    let start = clock.now() - 7 * MINUTE;
    connection.run("ANALYTICS.TRACK shop view ann").int();
    assert_eq!(connection.run("EXISTS {shop}:ids"), 0);
    connection.run("ANALYTICS.TRACK shop view ann ID a").int();
    assert_eq!(connection.run("TYPE {shop}:ids").text(), "analytids");
    assert_eq!(
        connection.run("PEXPIRETIME {shop}:ids"),
        start + 75 * MINUTE
    );
    clock.step(8 * MINUTE);
    connection.run("ANALYTICS.TRACK shop view ann ID a").int();
    assert_eq!(
        connection.run("PEXPIRETIME {shop}:ids"),
        start + 75 * MINUTE
    );
    connection.run("ANALYTICS.TRACK shop view ann ID b").int();
    assert_eq!(
        connection.run("PEXPIRETIME {shop}:ids"),
        start + 90 * MINUTE
    );
    assert_eq!(
        (
            info(&mut connection, "ids"),
            info(&mut connection, "ids-since")
        ),
        (2, start)
    );
    clock.set(start + 75 * MINUTE);
    assert_eq!(info(&mut connection, "ids"), 1);
    clock.set(start + 90 * MINUTE + 1);
    assert_eq!(connection.run("EXISTS {shop}:ids"), 0);
    assert!(connection
        .run("ANALYTICS.INFO shop")
        .get("ids-since")
        .is_nil());
    connection.run("ANALYTICS.TRACK shop view ann ID a").int();
    assert!(connection.run("ANALYTICS.DROP shop").int() > 0);
    assert_eq!(connection.keys(), Vec::<String>::new());
}

#[test]
fn beyond_their_number_the_oldest_ids_are_forgotten_and_info_says_so() {
    let server = Server::with().config("analytics.id-capacity", "80").start();
    let mut connection = server.connection();
    for n in 0..200 {
        let line = format!("ANALYTICS.TRACK shop view ann ID {n}");
        assert_eq!(connection.run(&line), 1);
        // The last three quarters of the number are there.
        for back in [0, 30, 59] {
            if n >= back {
                let line = format!("ANALYTICS.TRACK shop view ann ID {}", n - back);
                assert_eq!(connection.run(&line), 0, "{back} before {n}");
            }
        }
    }
    let (there, gone) = (
        info(&mut connection, "ids"),
        info(&mut connection, "ids-forgotten"),
    );
    assert!(
        (60..=80).contains(&there) && there + gone == 200,
        "{there} {gone}"
    );
    assert_eq!(info(&mut connection, "ids-capacity"), 80);
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann ID 0"), 1);
    connection.run("ANALYTICS.ALTER shop IDS 1000").ok();
    assert_eq!(info(&mut connection, "ids-capacity"), 1_000);
    for refused in ["0", "-1", "10000001", "many", "1.5", ""] {
        let line = format!("ANALYTICS.ALTER shop IDS {refused}");
        refused_line(&mut connection, &line, &["IDS"]);
    }
}

#[test]
fn ids_are_the_same_bytes_on_replicas_and_wherever_they_are_copied_and_reloaded() {
    let mut clock = ManualClock::new();
    let mut server = Server::with().aof().manual_clock(&clock).start();
    // Under another clock and other settings.
    let replica = other_settings()
        .config("analytics.id-capacity", "3")
        .replica_of(&server)
        .start();
    let mut connection = server.connection();
    // No bucket expires meanwhile.
    connection
        .run("ANALYTICS.CREATE shop RETENTION minute off")
        .ok();
    let mut random = Random::new(17);
    for _ in 0..300 {
        clock.step(random.below(3 * MINUTE as u64) as i64);
        let now = clock.now();
        let id = random.below(60);
        let lines = repeats(&format!("id-{id}"), now);
        let line = random.pick(&lines).clone();
        if random.one_in(10) {
            connection.run(&format!(
                "ANALYTICS.ALTER shop IDS {}",
                4 + random.below(60)
            ));
        }
        if random.one_in(4) {
            connection.pipeline(&["MULTI", &line, "EXEC"]);
        } else {
            connection.run(&line).int();
        }
    }
    assert_eq!(connection.run("EXISTS {shop}:ids"), 1);
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    let state = State::of(&mut connection);
    let dump = connection.dump("{shop}:ids");
    cmd!(connection, "RESTORE", "copy", 0, dump.clone()).ok();
    assert_eq!(connection.run("COPY {shop}:ids other"), 1);
    for key in ["copy", "other"] {
        assert_eq!(connection.dump(key), dump);
        assert!(cmd!(connection, "MEMORY", "USAGE", key).int() > 0);
        connection.run(&format!("DEL {key}")).int();
    }
    for how in ["restart", "rewrite"] {
        if how == "rewrite" {
            connection.run("CONFIG SET aof-use-rdb-preamble no").ok();
            connection.rewrite_aof();
        }
        server.restart();
        connection = server.connection();
        State::of(&mut connection).assert_is(&state, how);
    }
}

/// What waits for the buckets has its ids already.
#[test]
fn ids_of_waiting_events_are_known_at_once() {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    let lines: Vec<String> = (0..400)
        .map(|n| format!("ANALYTICS.TRACK shop view u{n} ID {}", n % 300))
        .collect();
    let counted: i64 = connection.pipeline(&lines).iter().map(|it| it.int()).sum();
    assert_eq!(counted, 300);
    let calls: Vec<String> = (0..40)
        .map(|n| {
            let events = (0..20).map(|e| format!("EVENT view u{e} ID b{}", n * 10 + e));
            format!(
                "ANALYTICS.MTRACK shop {}",
                events.collect::<Vec<_>>().join(" ")
            )
        })
        .collect();
    let replies = connection.pipeline(&calls);
    let counted: Vec<i64> = replies.iter().map(|it| it.int()).collect();
    // Each call repeats half of the ids of the one before.
    assert_eq!(counted[0], 20);
    assert!(
        counted[1..].iter().all(|counted| *counted == 10),
        "{counted:?}"
    );
    assert_eq!(
        connection.run("ANALYTICS.GET shop 1h events").ints(),
        [300 + 410]
    );
    assert_eq!(info(&mut connection, "ids"), 710);
    assert_eq!(
        connection.info("analytics", "analytics_sites_with_ids"),
        "1"
    );
}

#[test]
fn ids_move_with_their_slot_and_a_command_that_may_miss_them_is_to_be_repeated() {
    let cluster = Cluster::of_masters(2);
    let slot = cmd!(cluster.connection(0), "CLUSTER", "KEYSLOT", "shop").int();
    let from = cluster.owner(slot);
    let mut source = cluster.connection(from);
    source.run("ANALYTICS.TRACK shop view ann ID a").int();
    let to = 1 - from;
    cluster.open_slot(slot, from, to);
    cluster.migrate(&["{shop}:ids"], from, to);
    let again = source.run("ANALYTICS.TRACK shop view ann ID b");
    assert!(again.error().starts_with("TRYAGAIN"), "{again:?}");
    // Events without an id do not need them.
    assert_eq!(source.run("ANALYTICS.TRACK shop view ann"), 1);
    let rest: Vec<String> = source.keys();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    cluster.migrate(&rest, from, to);
    cluster.close_slot(slot, from, to);
    let mut target = cluster.connection(to);
    assert_eq!(target.run("ANALYTICS.TRACK shop view ann ID a"), 0);
    assert_eq!(target.run("ANALYTICS.TRACK shop view ann ID c"), 1);
}

/// A clock that is set back by less than the life of an id loses none.
#[test]
fn a_clock_that_is_set_back_does_not_let_an_id_count_twice() {
    let mut clock = ManualClock::new();
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    let first = clock.now();
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann ID a"), 1);
    for moved in [
        -30 * MINUTE,
        2 * MINUTE,
        -50 * MINUTE,
        20 * SECOND,
        40 * MINUTE,
    ] {
        clock.set(first + moved);
        assert_eq!(
            connection.run("ANALYTICS.TRACK shop view ann ID a"),
            0,
            "{moved}"
        );
        assert_eq!(
            connection.run(&format!("ANALYTICS.TRACK shop view ann ID b{moved}")),
            1
        );
    }
}
