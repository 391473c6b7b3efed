//! The events of a call count as they would one by one, wherever they go: over many minutes or hours,
//! too late for some of their buckets, into tables that are full.

use testkit::calendar::{buckets, DAY, HOUR, MINUTE, SECOND};
use testkit::{cmd, number_from_env, ManualClock, Random, Reply, Server, State};

use crate::bucket_handles::{
    colliding_user, key_operation, minute_and_hour, track_one, with_a_hyperloglog,
};

/// Up to two hundred of them, some time before now.
fn events(random: &mut Random, now: i64) -> Vec<String> {
    let before = *random.pick(&[
        MINUTE,
        20 * MINUTE,
        HOUR - 5 * SECOND,
        59 * MINUTE,
        3 * HOUR,
        2 * DAY,
        31 * DAY,
        400 * DAY,
    ]);
    let spread = *random.pick(&[
        1,
        SECOND,
        MINUTE,
        4 * MINUTE,
        40 * MINUTE,
        3 * HOUR,
        9 * HOUR,
        3 * DAY,
        20 * DAY,
    ]);
    let count = *random.pick(&[2, 5, 40, 200]);
    let pages = *random.pick(&[3, 8, 30]);
    let users = *random.pick(&[3, 20, 60]);
    // Plain ones are counted otherwise than those with sessions or values.
    let is_rich = random.below(2) == 0;
    let mut one = || {
        let at = now - before - random.below(spread as u64) as i64;
        let (kind, user) = (random.below(2), random.below(users));
        let page = match random.below(pages) {
            0 => "~other".to_owned(),
            page => format!("/{page}"),
        };
        let dimensions = match random.below(6) {
            0 => String::new(),
            1 => format!(" DIM lang l{} DIM page {page}", random.below(4)),
            _ => format!(" DIM page {page}"),
        };
        let more = match random.below(10) {
            0..=2 if is_rich => format!(" SESSION s{}", random.below(10)),
            3 if is_rich => format!(" VAL price {}.75", random.below(1_000)),
            4 if is_rich => format!(" VAL weight {} VAL price 3", random.below(1_000)),
            5 => format!(" ID x{}", random.below(400)),
            _ => String::new(),
        };
        format!("view{kind} u{user} AT {at}{dimensions}{more}")
    };
    (0..1 + count / 2).map(|_| one()).collect()
}

/// The other server keeps no bucket handles, and gets each event in a call of its own.
#[test]
fn the_events_of_a_call_count_as_they_would_one_by_one() {
    const STEPS: u64 = 50;
    let rounds = number_from_env("ANALYTICS_FAULT_OPERATIONS", 500).div_ceil(STEPS);
    let seed: u64 = number_from_env("ANALYTICS_FAULT_SEED", 0xba7c);
    for round in 0..rounds {
        let mut random = Random::new(seed + round);
        let clock = ManualClock::new();
        let ours = Server::with().manual_clock(&clock).start();
        let theirs = Server::with()
            .manual_clock(&clock)
            .config("maxmemory-policy", "allkeys-lfu")
            .start();
        let (mut ours, mut theirs) = (ours.connection(), theirs.connection());
        let zone = random.pick(&["UTC", "Asia/Kolkata", "America/New_York"]);
        let retention = random.pick(&[
            "",
            "RETENTION minute 30d",
            "RETENTION minute off",
            "RETENTION hour off",
            "RETENTION hour 1h RETENTION minute 4d",
            "RETENTION week off RETENTION day 2d",
            "RETENTION hour off RETENTION day off RETENTION week off RETENTION month off",
        ]);
        let capacity = random.pick(&[3, 10, 1_000]);
        let create = format!(
            "ANALYTICS.CREATE shop TZ {zone} {retention} CAPACITY {capacity} DIM page DIM lang \
             CUBE lang,page"
        );
        for connection in [&mut ours, &mut theirs] {
            connection.run(&create).ok();
        }
        let mut keys = vec!["shop".to_owned()];
        for before in [MINUTE, 20 * MINUTE, 3 * HOUR] {
            let buckets = buckets("shop", "UTC", clock.now() - before);
            keys.extend(buckets.map(|bucket| bucket.key));
        }
        let is_calm = random.below(2) == 0;
        for step in 0..STEPS {
            let what = format!("seed {}, step {step}", seed + round);
            if is_calm || random.below(8) > 0 {
                let events = events(&mut random, clock.now());
                let call = format!("ANALYTICS.MTRACK shop EVENT {}", events.join(" EVENT "));
                let counted = ours.run(&call);
                if counted.is_error() {
                    assert_eq!(counted, theirs.run(&call), "{what}: {call}");
                } else {
                    let singles = events.iter().map(|it| format!("ANALYTICS.TRACK shop {it}"));
                    let singles = theirs.pipeline(&singles.collect::<Vec<_>>());
                    let sum: i64 = singles.iter().map(Reply::int).sum();
                    assert_eq!(counted, sum, "{what}: {call}");
                }
            } else {
                for line in key_operation(&mut random, &keys, clock.now() - MINUTE) {
                    assert_eq!(ours.run(&line), theirs.run(&line), "{what}: {line}");
                }
            }
            if step % 10 == 9 {
                let states = (State::of(&mut ours), State::of(&mut theirs));
                states.0.assert_is(&states.1, &what);
            }
        }
    }
}

/// A minute with an imported HyperLogLog is not contained in its hour, in whatever order a call goes to it
/// and to the next minute: a user that seems to be in the minute may be new to the hour.
#[test]
fn a_call_over_two_minutes_tracks_the_containment_of_each() {
    for imported_first in [true, false] {
        let server = Server::start();
        let mut connection = server.connection();
        let (time, hour) = minute_and_hour(connection.now());
        with_a_hyperloglog(&mut connection, time);
        let (first, second) = match imported_first {
            true => (time, time + MINUTE),
            false => (time + MINUTE, time),
        };
        let call =
            format!("ANALYTICS.MTRACK shop EVENT view ann AT {first} EVENT view bob AT {second}");
        assert_eq!(connection.run(&call), 2);
        let colliding_user = colliding_user(&mut connection);
        track_one(
            &mut connection,
            "shop",
            &colliding_user,
            &format!("AT {time}"),
        );
        let users = format!("ANALYTICS.UNIQUE shop {hour}");
        assert_eq!(connection.run(&users), 504, "{call}");
    }
}

/// The hour dropped the row of the user, and its distinct users with it.
#[test]
fn a_table_that_dropped_rows_counts_every_user_of_a_call() {
    let server = Server::start();
    let mut connection = server.connection();
    let (time, hour) = minute_and_hour(connection.now());
    let create = "ANALYTICS.CREATE shop RETENTION minute 1d DIM page CAPACITY 3";
    connection.run(create).ok();
    track_one(
        &mut connection,
        "shop",
        "ann",
        &format!("AT {time} DIM page /a"),
    );
    for page in ["/b", "/b", "/b", "/c", "/c", "/c", "/d", "/a"] {
        let rest = format!("AT {} DIM page {page}", time + MINUTE);
        track_one(&mut connection, "shop", "bob", &rest);
    }
    let ann = format!("EVENT view ann AT {time} DIM page /a");
    let call = format!("ANALYTICS.MTRACK shop {ann} {ann}");
    assert_eq!(connection.run(&call), 2);
    let users = format!("ANALYTICS.UNIQUE shop {hour} page /a");
    assert_eq!(connection.run(&users), 2);
}

#[test]
fn events_that_do_not_count_make_no_bucket() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = connection.now() - MINUTE;
    let call = format!(
        "ANALYTICS.MTRACK shop EVENT view ann AT {time} ID x EVENT view bob AT {time} ID y"
    );
    assert_eq!(connection.run(&call), 2);
    let [_, hour, ..] = buckets("shop", "UTC", time);
    assert_eq!(cmd!(connection, "DEL", &hour.key), 1);
    assert_eq!(connection.run(&call), 0);
    assert_eq!(cmd!(connection, "EXISTS", &hour.key), 0);
    // Where others of the call count.
    let call = format!("{call} EVENT view cat AT {}", time - HOUR);
    assert_eq!(connection.run(&call), 1);
    assert_eq!(cmd!(connection, "EXISTS", &hour.key), 0);
}

/// A call without times is replicated as it is, behind the clock, unless some events do not count.
#[test]
fn replicas_receive_the_times_of_the_events_of_a_call() {
    let master = Server::start();
    let replica = Server::with().replica_of(&master).start();
    master.wait_for_replica(&replica);
    let (mut ours, mut theirs) = (master.connection(), replica.connection());
    let now = ours.now();
    for rest in [
        "EVENT view ann EVENT view bob",
        "EVENT view ann AT * EVENT view bob",
        "EVENT view ann EVENT EVENT CLOCK DIM AT AT SESSION CLOCK event view bob ID q",
        "EVENT view ann ID q EVENT view cat ID r",
        "EVENT view ann ID s EVENT view cat ID t",
        &format!("EVENT view ann EVENT view bob AT {now}"),
        &format!("EVENT view ann AT {now} ID u EVENT view bob AT {now}"),
        &format!("EVENT view ann AT {now} ID u EVENT view bob AT {now}"),
    ] {
        let call = format!("ANALYTICS.MTRACK shop {rest}");
        assert!(ours.run(&call).int() > 0, "{call}");
        master.wait_for_replica(&replica);
        let states = (State::of(&mut ours), State::of(&mut theirs));
        states.0.assert_is(&states.1, &call);
    }
}
