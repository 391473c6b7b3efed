//! Events of single commands are buffered and counted together. Buffering is invisible: every read, and
//! every operation on the site and its buckets, finds the events counted.

use std::time::Duration;

use testkit::calendar::{buckets, floor, DAY, HOUR, MINUTE};
use testkit::state::assert_same_data;
use testkit::{cmd, wait_until, Connection, ManualClock, Server, ServerOptions, State};

use crate::import::TYPED;

/// Each by itself, in turn in this minute and the two after it.
fn events(site: &str, time: i64, count: usize) -> Vec<String> {
    let event = |n: usize| {
        let (second, user) = (n % 60 * 1_000, n * 7 % 23);
        let more = match n % 4 {
            0 => format!("SESSION s{}", n % 9),
            1 => format!("VAL price {}.25", n * n),
            _ => String::new(),
        };
        let minute = n % 3 * 60_000;
        let at = floor(time, MINUTE) + (minute + second) as i64;
        let page = n % 13;
        format!(
            "ANALYTICS.TRACK {site} kind{} u{user} AT {at} DIM page /{page} {more}",
            n % 3
        )
    };
    (0..count).map(event).collect()
}

/// Some of them with ids, which are new the first time.
fn with_ids(mut events: Vec<String>) -> Vec<String> {
    for (n, event) in events.iter_mut().enumerate().step_by(3) {
        event.push_str(&format!(" ID x{n}"));
    }
    events
}

#[track_caller]
fn track(connection: &mut Connection, events: &[String]) {
    for reply in connection.pipeline(events) {
        assert_eq!(reply, 1);
    }
}

fn pending(connection: &mut Connection) -> u64 {
    let pending = connection.info("analytics", "analytics_events_waiting");
    pending.parse().expect("a number of events")
}

/// Sends events of which most stay pending.
#[track_caller]
fn leave_pending(connection: &mut Connection, site: &str, time: i64) {
    track(connection, &events(site, time, 60));
    let pending = pending(connection);
    assert!(pending >= 40, "{pending} of 60");
}

/// The clock does not move, so that no timer flushes pending writes.
struct Pair {
    clock: ManualClock,
    /// The first server has pending writes, the other has none: under its eviction policy every use of a
    /// key counts.
    ours: Server,
    theirs: Server,
}

impl Pair {
    fn start(options: impl Fn() -> ServerOptions) -> Pair {
        let clock = ManualClock::new();
        let start = |options: ServerOptions| {
            let server = options.manual_clock(&clock).start();
            server
                .connection()
                .run("CONFIG SET maxmemory-clients 0")
                .ok();
            server
        };
        let ours = start(options());
        let theirs = start(options().config("maxmemory-policy", "allkeys-lfu"));
        Pair {
            clock,
            ours,
            theirs,
        }
    }

    fn time(&self) -> i64 {
        self.clock.now() - 3 * MINUTE
    }
}

#[test]
fn every_read_and_every_key_operation_sees_pending_writes_applied() {
    let pair = Pair::start(Server::with);
    let (mut ours, mut theirs) = (pair.ours.connection(), pair.theirs.connection());
    let time = pair.time();
    let [minute, hour, day, ..] = buckets("shop", "UTC", time).map(|bucket| bucket.key);
    let week = format!("{}..{}", floor(time, DAY) - 6 * DAY, floor(time, DAY) + DAY);
    let window = format!("{}..{}", floor(time, MINUTE), floor(time, MINUTE) + MINUTE);
    let far = floor(time, DAY) + 900 * DAY;
    let operations: Vec<Vec<String>> = vec![
        vec![],
        vec![format!("DUMP {minute}")],
        vec![format!("DUMP {day}")],
        vec![format!("DEBUG DIGEST-VALUE {hour}")],
        vec!["DEBUG DIGEST".into()],
        vec![format!("COPY {hour} copy"), "DUMP copy".into()],
        vec![format!("RENAME {hour} away"), "DUMP away".into()],
        vec![format!("RENAME {hour} away"), format!("RENAME away {hour}")],
        vec![
            format!("MOVE {day} 1"),
            "SELECT 1".into(),
            format!("DUMP {day}"),
            "SELECT 0".into(),
        ],
        vec![format!("DEL {minute}")],
        vec![format!("UNLINK {day}")],
        vec![format!("SET {hour} text")],
        vec![format!("EXPIRE {minute} -1")],
        vec![format!("PEXPIREAT {minute} {far}")],
        vec![format!("PERSIST {minute}")],
        vec![format!("ANALYTICS.UNIQUE shop {window}")],
        vec![format!("ANALYTICS.UNIQUE shop {week} page /3")],
        vec![format!(
            "ANALYTICS.GET shop {window} events users sessions price:p95 price:sum@page=/1"
        )],
        vec![format!(
            "ANALYTICS.GET shop {week} events:rate users price:max"
        )],
        vec![format!("ANALYTICS.RANGE shop {window} 1s events users")],
        vec![format!("ANALYTICS.TOP shop {week} page BY users")],
        vec![format!(
            "ANALYTICS.COMPARE shop {week} events users price:p50"
        )],
        vec!["ANALYTICS.DASHBOARD shop".into()],
        vec![format!("ANALYTICS.EXPLAIN shop {week}")],
        vec!["ANALYTICS.INFO shop".into()],
        vec![format!("ANALYTICS.EXPORT shop minute {time} users")],
        vec![format!(
            "ANALYTICS.EXPORT shop month {time} sessions page /0"
        )],
        vec![format!("ANALYTICS.IMPORT shop minute {time} users {TYPED}")],
        vec!["ANALYTICS.ALTER shop CAPACITY 3".into()],
        vec!["ANALYTICS.ALTER shop DIM page NOUSERS".into()],
        vec!["ANALYTICS.ALTER shop CUBE event,page".into()],
        vec!["ANALYTICS.ALTER shop RETENTION minute off".into()],
        vec!["ANALYTICS.ALTER shop RETENTION hour 30d".into()],
        vec!["ANALYTICS.ALERT shop SET busy events 1h > 5".into()],
        vec!["ANALYTICS.DROP shop".into()],
        vec![format!(
            "ANALYTICS.TRACK shop view new AT {time} DIM place here"
        )],
        vec![
            format!("ANALYTICS.TRACK shop view ann AT {time} ID x"),
            format!("ANALYTICS.TRACK shop view ann AT {time} ID x"),
        ],
        vec![format!(
            "ANALYTICS.MTRACK shop EVENT view ann AT {time} EVENT view bob AT {}",
            time - 3 * HOUR
        )],
        vec![
            format!("ANALYTICS.TRACK shop view ann AT {time} VAL price none"),
            format!("DUMP {minute}"),
        ],
        vec!["RENAME shop store".into()],
        vec!["RENAME shop store".into(), "RENAME store shop".into()],
        vec!["COPY shop store".into(), "DEL shop".into()],
        vec!["MOVE shop 1".into()],
        vec!["DEL shop".into()],
        vec!["SET shop text".into()],
        vec!["EXPIRE shop -1".into()],
        vec![format!("PEXPIREAT shop {far}")],
        vec![
            "SELECT 1".into(),
            format!("ANALYTICS.TRACK shop view ann AT {time}"),
            format!("ANALYTICS.TRACK shop view ann AT {time}"),
            format!("ANALYTICS.TRACK shop view ann AT {time}"),
            "SWAPDB 0 1".into(),
            format!("ANALYTICS.TRACK shop view bob AT {time}"),
            "SELECT 0".into(),
        ],
        vec![
            "SWAPDB 0 1".into(),
            "SELECT 1".into(),
            format!("DUMP {hour}"),
            "SWAPDB 0 1".into(),
            "SELECT 0".into(),
        ],
        vec!["FLUSHDB SYNC".into()],
        vec!["FLUSHDB ASYNC".into()],
        vec!["FLUSHALL SYNC".into()],
        vec!["DEBUG RELOAD".into()],
        vec![
            "MULTI".into(),
            format!("ANALYTICS.TRACK shop view ann AT {time}"),
            format!("DUMP {hour}"),
            format!("ANALYTICS.UNIQUE shop {window}"),
            "EXEC".into(),
        ],
    ];
    for operation in operations {
        for connection in [&mut ours, &mut theirs] {
            connection.run("FLUSHALL").ok();
            track(connection, &with_ids(events("shop", time, 60)));
        }
        let left = pending(&mut ours);
        assert!((40..60).contains(&left), "{left} of 60");
        assert_eq!(pending(&mut theirs), 0);
        for line in &operation {
            let (here, there) = (ours.run(line), theirs.run(line));
            if !line.starts_with("DEBUG DIGEST") || !here.is_error() {
                assert_eq!(here, there, "{line} of {operation:?}");
            }
        }
        // The events after it go where they would have gone.
        let more = with_ids(events("shop", time, 70));
        assert_eq!(
            ours.pipeline(&more),
            theirs.pipeline(&more),
            "{operation:?}"
        );
        for db in [1, 0] {
            for connection in [&mut ours, &mut theirs] {
                connection.run(&format!("SELECT {db}")).ok();
            }
            let state = State::of(&mut ours);
            state.assert_is(
                &State::of(&mut theirs),
                &format!("db {db} after {operation:?}"),
            );
        }
        assert_eq!(pending(&mut ours), 0);
        assert_eq!(
            ours.digest_of_all(),
            theirs.digest_of_all(),
            "{operation:?}"
        );
    }
}

/// A strict site that accepts pending writes, and the event that was sent to it five times.
fn strict_site(clock: &ManualClock) -> (Server, Connection, String) {
    // The timer that flushes pending writes runs seldom.
    let server = Server::with().config("hz", "1").manual_clock(clock).start();
    let mut connection = server.connection();
    connection.run("DEBUG SET-ACTIVE-EXPIRE 0").ok();
    connection.run("ANALYTICS.CREATE shop STRICT").ok();
    let event = format!("ANALYTICS.TRACK shop view ann AT {}", clock.now());
    for _ in 0..5 {
        assert_eq!(connection.run(&event), 1);
    }
    (server, connection, event)
}

/// While it accepts pending writes, the site key is not opened for an event.
#[test]
fn a_site_that_expires_is_over_at_once() {
    let mut clock = ManualClock::new();
    let (_server, mut connection, event) = strict_site(&clock);
    assert_eq!(connection.run("PEXPIRE shop 50"), 1);
    clock.step(100);
    // The next one is made with the settings of the module.
    let learns = format!("{event} DIM page /new");
    assert_eq!(connection.run(&learns), 1);
    assert_eq!(connection.run("PTTL shop"), -1);
    let events = connection.run("ANALYTICS.GET shop 1h events");
    assert_eq!(events.ints(), [6], "what was counted stays in the buckets");
}

#[test]
fn a_site_that_was_given_an_expiry_by_a_clock_put_back_is_over_when_it_comes_forward() {
    let mut clock = ManualClock::new();
    let time = clock.now();
    let (_server, mut connection, event) = strict_site(&clock);
    clock.step(-100);
    assert_eq!(connection.run(&format!("PEXPIREAT shop {}", time + 10)), 1);
    clock.step(120);
    assert_eq!(connection.run(&format!("{event} DIM page /new")), 1);
    assert_eq!(connection.run("EXISTS shop"), 1);
}

#[test]
fn a_call_without_events_is_no_change() {
    let clock = ManualClock::new();
    let server = Server::with().manual_clock(&clock).start();
    let (mut ours, mut other) = (server.connection(), server.connection());
    let time = clock.now();
    ours.run("XADD log 1-1 event view user ann at 1").bytes();
    leave_pending(&mut ours, "shop", time);
    for line in [
        "ANALYTICS.TRACKJSON shop []",
        "ANALYTICS.REPLAY shop FROM log AFTER 5-5",
    ] {
        for bucket in buckets("shop", "UTC", time) {
            cmd!(other, "WATCH", bucket.key).ok();
        }
        cmd!(other, "WATCH", "shop").ok();
        assert!(!ours.run(line).is_error(), "{line}");
        other.run("MULTI").ok();
        other.run("PING");
        assert!(!other.run("EXEC").is_nil(), "{line}");
    }
}

/// Files that are written while there are pending writes.
#[test]
fn rdb_and_aof_files_contain_pending_writes() {
    for preamble in ["yes", "no"] {
        let options = || {
            Server::with()
                .aof()
                .config("aof-use-rdb-preamble", preamble)
        };
        let mut pair = Pair::start(options);
        let time = pair.time();
        let (mut ours, mut theirs) = (pair.ours.connection(), pair.theirs.connection());
        track(&mut theirs, &events("shop", time, 60));
        leave_pending(&mut ours, "shop", time);
        for (command, under_way) in [
            ("BGSAVE", "rdb_bgsave_in_progress"),
            ("BGREWRITEAOF", "aof_rewrite_in_progress"),
        ] {
            ours.run(command);
            wait_until(command, || ours.info("persistence", under_way) == "0");
        }
        assert!(
            pending(&mut ours) >= 40,
            "the child process flushes in its own memory"
        );
        drop(ours);
        pair.ours.kill();
        pair.ours.start_again();
        let mut ours = pair.ours.connection();
        assert_same_data(&mut theirs, &mut ours, &format!("preamble {preamble}"));
        // The snapshot, by itself.
        let alone = Server::with().start();
        let mut alone = alone;
        alone.kill();
        std::fs::copy(
            pair.ours.dir().join("dump.rdb"),
            alone.dir().join("dump.rdb"),
        )
        .expect("there is a snapshot");
        alone.start_again();
        assert_same_data(&mut theirs, &mut alone.connection(), "the snapshot");
    }
}

#[test]
fn replicas_receive_pending_writes_and_keep_their_own() {
    let clock = ManualClock::new();
    let master = Server::with().manual_clock(&clock).start();
    let mut ours = master.connection();
    let time = clock.now() - 2 * MINUTE;
    leave_pending(&mut ours, "shop", time);
    // It gets a snapshot while there are pending writes, and then the stream.
    let replica = Server::with()
        .manual_clock(&clock)
        .config("repl-diskless-load", "swapdb")
        .replica_of(&master)
        .start();
    master.wait_for_replica(&replica);
    let mut theirs = replica.connection();
    leave_pending(&mut ours, "shop", time);
    master.wait_for_replica(&replica);
    assert!(pending(&mut theirs) >= 40);
    assert_same_data(&mut ours, &mut theirs, "the replica");
    // Pending writes of a replica that needs a full resync belong to the data that it drops.
    leave_pending(&mut ours, "shop", time);
    master.wait_for_replica(&replica);
    assert!(pending(&mut theirs) >= 40);
    replica.pause();
    ours.run("CONFIG SET repl-backlog-size 16kb").ok();
    ours.run("CLIENT KILL TYPE replica");
    let long = "x".repeat(1_000);
    for n in 0..200 {
        ours.run(&format!("SET filler{n} {long}")).ok();
    }
    leave_pending(&mut ours, "shop", time);
    replica.resume();
    master.wait_for_replica(&replica);
    let syncs = ours.info("stats", "sync_full");
    assert_eq!(syncs, "2", "a full resync");
    leave_pending(&mut ours, "shop", time);
    master.wait_for_replica(&replica);
    theirs.run("REPLICAOF NO ONE").ok();
    assert_same_data(&mut ours, &mut theirs, "the promoted replica");
}

/// More sites than there are buffers.
#[test]
fn more_sites_than_buffers_lose_no_event() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = connection.now();
    const SITES: usize = 11_000;
    const EVENTS: usize = 5;
    for n in 0..EVENTS {
        let lines: Vec<String> = (0..SITES)
            .map(|site| {
                format!(
                    "ANALYTICS.TRACK site{site} view u{n} AT {time} DIM page /{}",
                    n % 2
                )
            })
            .collect();
        track(&mut connection, &lines);
    }
    let window = format!("{}..{}", floor(time, MINUTE), floor(time, MINUTE) + MINUTE);
    let lines: Vec<String> = (0..SITES)
        .map(|site| format!("ANALYTICS.GET site{site} {window} events users events@page=/0"))
        .collect();
    for reply in connection.pipeline(&lines) {
        assert_eq!(reply.ints(), [5, 5, 3]);
    }
}

#[test]
fn pending_writes_are_flushed_without_a_further_event() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = connection.now();
    let mut lines = Vec::new();
    for site in 0..300 {
        lines.extend(events(&format!("site{site}"), time, 20));
    }
    track(&mut connection, &lines);
    assert!(pending(&mut connection) > 300);
    wait_until("nothing is pending", || {
        std::thread::sleep(Duration::from_millis(100));
        pending(&mut connection) == 0
    });
}

/// The site has learned names by another minute for which the bucket with pending writes has no room.
#[test]
fn a_full_bucket_takes_no_new_names_from_pending_writes() {
    let clock = ManualClock::new();
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    let time = clock.now() - 2 * MINUTE;
    let event = |at: i64, name: &str, range: std::ops::Range<usize>| {
        let dimensions: Vec<String> = range.map(|n| format!("DIM {name}{n} x")).collect();
        format!(
            "ANALYTICS.TRACK shop view ann AT {at} {}",
            dimensions.join(" ")
        )
    };
    // Three sites of this name fill most of the minute, and nothing else.
    let [minute, coarser @ ..] = buckets("shop", "UTC", time).map(|bucket| bucket.key);
    for site in ["a", "b", "c"] {
        for range in [0..16, 16..32] {
            assert_eq!(connection.run(&event(time, site, range)), 1);
        }
        assert_eq!(connection.run("DEL shop"), 1);
    }
    for key in coarser {
        assert_eq!(cmd!(connection, "DEL", key), 1);
    }
    for range in [0..16, 16..31, 0..1, 0..1, 0..1] {
        assert_eq!(connection.run(&event(time, "d", range)), 1);
    }
    assert!(pending(&mut connection) > 0);
    assert_eq!(connection.run(&event(time + MINUTE, "d", 31..32)), 1);
    let refused = connection.run(&event(time, "d", 31..32));
    assert!(
        refused.error().contains("has no room for more"),
        "{refused:?}"
    );
    let stored = cmd!(connection, "DUMP", &minute);
    cmd!(connection, "RESTORE", "copy", "0", stored.bytes()).ok();
}
