//! The hostile module at work in what is no command of ours: when the server flushes and swaps databases, in
//! timers, in the server's cron, on a thread that takes the server's lock, while rules are evaluated.

use std::panic::catch_unwind;
use std::time::Duration;

use crate::hostile_module::stride;
use crate::hostile_module_file::hostile_file;
use testkit::calendar::{floor, MINUTE};
use testkit::number_from_env;
use testkit::state::assert_same_data;
use testkit::{cmd, Connection};
use testkit::{wait_until, Server, ServerOptions};

fn options() -> ServerOptions {
    let file = hostile_file().display().to_string();
    Server::with().config("loadmodule", &file)
}

/// Both orders in which the modules may be called.
fn both() -> [Server; 2] {
    let late = Server::start();
    let file = hostile_file().display().to_string();
    cmd!(late.connection(), "MODULE", "LOAD", file).ok();
    [options().start(), late]
}

/// Valgrind, if it looks, has found nothing.
#[track_caller]
fn assert_no_errors(connection: &mut Connection, what: &str) {
    assert_eq!(connection.run("HOSTILE.ERRORS"), 0, "{what}");
}

/// In the middle of a minute that is over.
fn past(connection: &mut Connection) -> i64 {
    floor(connection.now(), MINUTE) - 2 * MINUTE + 500
}

#[track_caller]
fn events(connection: &mut Connection, time: i64) -> i64 {
    let hour = format!("{}..{}", time - 500, time - 500 + MINUTE);
    let reply = cmd!(connection, "ANALYTICS.GET", "shop", hour, "events");
    reply.ints()[0]
}

/// A site whose events wait.
fn fill(connection: &mut Connection, time: i64) {
    let lines: Vec<String> = (0..6)
        .map(|n| {
            format!(
                "ANALYTICS.TRACK shop view u{n} AT {time} DIM page /{}",
                n % 2
            )
        })
        .collect();
    for reply in connection.pipeline(&lines) {
        assert_eq!(reply, 1);
    }
}

/// What is run while a database is flushed goes with it, or is not there yet.
#[test]
fn events_that_come_while_a_database_is_flushed_go_with_it() {
    for server in both() {
        let mut connection = server.connection();
        let time = past(&mut connection);
        let track = format!("ANALYTICS.TRACK shop view zed AT {time}");
        let programs = [
            format!("{track} ; {track} ; {track} ; {track}"),
            format!(
                "ANALYTICS.MTRACK shop EVENT view zed AT {time} EVENT view yan AT {}",
                time - MINUTE
            ),
            format!("DEL shop ; {track} ; {track} ; {track}"),
            "ANALYTICS.DROP shop".to_owned(),
            "ANALYTICS.CREATE store LOG 10 ; ANALYTICS.TRACK store view ann".to_owned(),
            format!("RENAME shop store ; {track}"),
            "ANALYTICS.GET shop 1h events users ; ANALYTICS.DASHBOARD shop".to_owned(),
        ];
        for flush in [
            "FLUSHALL SYNC",
            "FLUSHALL ASYNC",
            "FLUSHDB SYNC",
            "FLUSHDB ASYNC",
        ] {
            for program in &programs {
                let what = format!("{flush}: {program}");
                fill(&mut connection, time);
                connection
                    .run(&format!("HOSTILE.ON server flush start 0 1 {program}"))
                    .ok();
                connection.run(flush).ok();
                let done = connection.run("HOSTILE.OFF");
                assert!(!done.array().is_empty(), "{what}");
                assert!(connection.keys().is_empty(), "{what}");
                fill(&mut connection, time);
                fill(&mut connection, time);
                assert_eq!(events(&mut connection, time), 12, "{what}");
                connection.run("FLUSHALL").ok();
                assert_no_errors(&mut connection, &what);
            }
        }
    }
}

/// What is run when it is empty stays.
#[test]
fn events_that_come_when_a_database_was_flushed_stay() {
    for server in both() {
        let mut connection = server.connection();
        let time = past(&mut connection);
        let track = format!("ANALYTICS.TRACK shop view zed AT {time}");
        for flush in [
            "FLUSHALL SYNC",
            "FLUSHALL ASYNC",
            "FLUSHDB SYNC",
            "FLUSHDB ASYNC",
        ] {
            fill(&mut connection, time);
            let on = format!("HOSTILE.ON server flush end 0 1 {track} ; {track} ; {track}");
            connection.run(&on).ok();
            connection.run(flush).ok();
            connection.run("HOSTILE.OFF");
            fill(&mut connection, time);
            assert_eq!(events(&mut connection, time), 9, "{flush}");
            connection.run("FLUSHALL").ok();
            assert_no_errors(&mut connection, flush);
        }
    }
}

#[test]
fn events_that_come_while_databases_are_swapped_are_where_their_site_is() {
    for server in both() {
        let mut connection = server.connection();
        let time = past(&mut connection);
        let track = format!("ANALYTICS.TRACK shop view zed AT {time}");
        for deed in [&track, "DEL shop", "ANALYTICS.DROP shop"] {
            fill(&mut connection, time);
            let on = format!("HOSTILE.ON server swapdb done 0 1 {deed} ; {track} ; {track}");
            connection.run(&on).ok();
            connection.run("SWAPDB 0 1").ok();
            let done = connection.run("HOSTILE.OFF");
            assert_eq!(done.array().len(), 3, "{done:?}");
            // The six are in the other database; what came then came into this one.
            let here = if deed == track { 3 } else { 2 };
            assert_eq!(events(&mut connection, time), here, "{deed}");
            connection.run("SELECT 1").ok();
            assert_eq!(events(&mut connection, time), 6, "{deed}");
            connection.run("SELECT 0").ok();
            connection.run("FLUSHALL").ok();
            assert_no_errors(&mut connection, deed);
        }
    }
}

/// As the key of any bucket or stream of the site is made, the site goes.
#[test]
fn a_site_that_goes_as_soon_as_a_key_of_it_is_made() {
    for server in both() {
        let mut connection = server.connection();
        let time = past(&mut connection);
        let deeds = [
            "DEL shop",
            "UNLINK shop",
            "PEXPIRE shop -1",
            "RENAME shop away",
            "MOVE shop 1",
        ];
        for deed in deeds {
            for options in ["", "LOG 100"] {
                connection.run("FLUSHALL").ok();
                let create = format!("ANALYTICS.CREATE shop RETENTION minute 1d {options}");
                connection.run(&create).ok();
                let on = format!("HOSTILE.ON key {{shop}}* new 0 1000 {deed}");
                connection.run(&on).ok();
                for n in 0..12 {
                    let at = time - n % 4 * MINUTE;
                    connection.run(&format!("ANALYTICS.TRACK shop view u{n} AT {at}"));
                    let more = format!(
                        "ANALYTICS.MTRACK shop EVENT view u AT {at} EVENT view v AT {}",
                        at - 7 * MINUTE
                    );
                    connection.run(&more);
                }
                connection.run("HOSTILE.OFF");
                for line in ["ANALYTICS.GET shop 1d events users", "ANALYTICS.DROP shop"] {
                    let reply = connection.run(line);
                    assert!(!reply.is_error(), "{deed}: {reply:?}");
                }
                assert_no_errors(&mut connection, &format!("{deed} {options}"));
            }
        }
    }
}

/// A log that goes while a bucket is opened, and would come back by a change that runs more foreign code.
#[test]
fn a_log_that_goes_in_the_middle_of_an_event_is_not_made_again_by_it() {
    for server in both() {
        let replica = Server::with().replica_of(&server).start();
        server.wait_for_replica(&replica);
        let mut connection = server.connection();
        let time = past(&mut connection);
        let create = "ANALYTICS.CREATE shop RETENTION minute 1d LOG 100";
        connection.run(create).ok();
        let event = format!("ANALYTICS.TRACK shop view ann AT {time}");
        assert_eq!(connection.run(&event), 1);
        let keys = connection.keys();
        let key = |part: &str| keys.iter().find(|key| key.contains(part)).expect("a key");
        let (hour, month) = (key(":hour:"), key(":month:"));
        connection.run("DEBUG SET-ACTIVE-EXPIRE 0").ok();
        cmd!(connection, "PEXPIRE", hour, 1);
        std::thread::sleep(Duration::from_millis(20));
        let goes = format!("HOSTILE.ON key {hour} expired 0 1 DEL {{shop}}:events");
        connection.run(&goes).ok();
        let goes = format!("HOSTILE.ON key {{shop}}:events new 0 1 DEL {month}");
        connection.run(&goes).ok();
        let reply = connection.run(&event);
        let done = connection.run("HOSTILE.OFF");
        assert!(reply.is_error(), "{reply:?}: {done:?}");
        assert_eq!(done.at(0).text(), "DEL {shop}:events -> 1");
        server.wait_for_replica(&replica);
        assert_same_data(&mut connection, &mut replica.connection(), "the replica");
        assert_eq!(cmd!(connection, "EXISTS", month), 1);
        assert_eq!(connection.run(&event), 1);
        assert_eq!(connection.run("XLEN {shop}:events"), 1);
        assert_no_errors(&mut connection, "the log");
    }
}

/// What runs on another thread, in a timer, in the server's cron: between our commands, never within.
#[test]
fn commands_of_threads_and_timers_are_as_those_of_any_client() {
    let master = options().aof().start();
    let replica = Server::with().replica_of(&master).start();
    let mut connection = master.connection();
    let time = past(&mut connection);
    let rounds = number_from_env("ANALYTICS_FAULT_OPERATIONS", 400) as i64;
    let track = format!("ANALYTICS.TRACK shop view zed AT {time} DIM page /z");
    connection.run("ANALYTICS.CREATE shop LOG 1000").ok();
    // Both count.
    for start in [
        format!("HOSTILE.THREAD {rounds} {track}"),
        format!(
            "HOSTILE.THREAD {rounds} ANALYTICS.GET shop 1h events users ; ANALYTICS.DASHBOARD shop"
        ),
        format!("HOSTILE.TIMER 1 {} {track}", rounds / 20),
        format!("HOSTILE.ON server cron tick 0 5 {track}"),
    ] {
        connection.run(&start).ok();
    }
    let mut counted = 0;
    for n in 0..rounds {
        let event = format!("view u{} AT {time} DIM page /{}", n % 50, n % 7);
        counted += connection
            .run(&format!("ANALYTICS.TRACK shop {event}"))
            .int();
        let more =
            format!("ANALYTICS.MTRACK shop EVENT {event} EVENT buy w AT {time} VAL price {n}");
        counted += connection.run(&more).int();
    }
    wait_until("the threads and timers are done", || {
        std::thread::sleep(Duration::from_millis(20));
        connection.run("HOSTILE.RUNNING") == 0
    });
    let done = connection.run("HOSTILE.OFF");
    let tracks = done
        .array()
        .iter()
        .filter(|it| it.text().starts_with("ANALYTICS.TRACK"));
    let theirs: i64 = tracks
        .map(|it| i64::from(it.text().ends_with("-> 1")))
        .sum();
    assert!(theirs >= rounds + rounds / 20, "{theirs}");
    assert_eq!(events(&mut connection, time), counted + theirs);
    // And one takes away what the others write.
    for program in [
        "DEL shop",
        "ANALYTICS.DROP shop",
        "FLUSHALL ASYNC ; ANALYTICS.CREATE shop LOG 10",
        "RENAME shop away ; RENAME away shop",
        "SWAPDB 0 1",
        &track,
    ] {
        connection
            .run(&format!("HOSTILE.THREAD {} {program}", rounds / 8))
            .ok();
    }
    for n in 0..rounds {
        connection.run(&format!(
            "ANALYTICS.TRACK shop view u{n} AT {time} DIM page /{}",
            n % 7
        ));
        connection.run("ANALYTICS.TOP shop 1h page");
    }
    wait_until("the threads are done", || {
        std::thread::sleep(Duration::from_millis(20));
        connection.run("HOSTILE.RUNNING") == 0
    });
    master.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    let digest = connection.digest_of_all();
    connection.run("DEBUG LOADAOF").ok();
    assert_eq!(connection.digest_of_all(), digest, "the AOF");
    assert_no_errors(&mut connection, "threads");
}

/// Where the timer of the rules calls back: a rule that fires appends to a stream, publishes, and notifies.
const POINTS_OF_RULES: [&str; 8] = [
    "key {shop}* new",
    "key {shop}:alerts xadd",
    "key shop analytics.alert",
    "key * keymiss",
    "filter xadd *",
    "filter publish *",
    "filter pubsub *",
    "filter config *",
];

const DEEDS_TO_RULES: [&str; 7] = [
    "DEL shop",
    "ANALYTICS.DROP shop",
    "ANALYTICS.ALERT shop DEL busy ; ANALYTICS.LIVE shop DEL now",
    "RENAME shop away ; RENAME away shop",
    "SET shop text",
    "ANALYTICS.TRACK shop view zed ; ANALYTICS.ALTER shop DIM size",
    "DEL shop ; ANALYTICS.TRACK shop view zed",
];

#[test]
fn a_site_that_goes_while_its_rules_are_evaluated() {
    let rows = POINTS_OF_RULES
        .iter()
        .flat_map(|point| DEEDS_TO_RULES.iter().map(move |deed| (point, deed)));
    let stride = (stride() as usize).min(9);
    let wrong: Vec<String> = rows
        .step_by(stride)
        .filter(|(point, deed)| catch_unwind(|| evaluate(point, deed)).is_err())
        .map(|(point, deed)| format!("{point}: {deed}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn evaluate(point: &str, deed: &str) {
    let server = options().start();
    let mut connection = server.connection();
    let mut listener = server.connection();
    listener.run("PSUBSCRIBE *");
    let time = past(&mut connection);
    fill(&mut connection, time);
    for line in [
        "ANALYTICS.ALERT shop SET busy events 1h > 1 EVERY 1s",
        "ANALYTICS.ALERT shop SET users users 1h > 1 EVERY 1s",
        "ANALYTICS.LIVE shop SET now 1s WINDOW 5m events",
    ] {
        connection.run(line).ok();
    }
    connection
        .run(&format!("HOSTILE.ON {point} 0 1 {deed}"))
        .ok();
    // Both rules are due within a second, and again in the next.
    std::thread::sleep(Duration::from_millis(2_100));
    connection.run("HOSTILE.OFF");
    let reply = connection.run("ANALYTICS.DASHBOARD other");
    assert!(!reply.is_error(), "{reply:?}");
    assert_no_errors(&mut connection, deed);
}
