//! A site keeps handles of the buckets that its events go to. Whatever happens to those keys, the result
//! is as if every key were opened for every event.

use std::thread::sleep;
use std::time::Duration;

use testkit::calendar::{buckets, floor, DAY, HOUR, MINUTE, SECOND};
use testkit::{cmd, number_from_env, wait_until, Connection, Random, Server, State};

use crate::export::track;
use crate::import::{import, native, TYPED};

/// What a user may do to a key of a site between two events.
pub fn key_operation(random: &mut Random, keys: &[String], time: i64) -> Vec<String> {
    let key = random.pick(keys).clone();
    let other = random.pick(keys).clone();
    let far = 4_102_444_800_000_i64 + random.below(1_000) as i64;
    let lines: &[String] = match random.below(38) {
        0 => &[format!("DEL {key}")],
        1 => &[format!("UNLINK {key}")],
        2 => &[
            format!("RENAME {key} elsewhere"),
            format!("RENAME elsewhere {key}"),
        ],
        3 => &[format!("RENAME {key} {other}")],
        4 => &[format!("RENAMENX {key} elsewhere")],
        5 => &[format!("COPY {key} {other} REPLACE")],
        6 => &[format!("COPY elsewhere {key} REPLACE")],
        7 => &[format!("MOVE {key} 1")],
        8 => &["SELECT 1".to_owned()],
        9 => &["SELECT 0".to_owned()],
        10 => &["SWAPDB 0 1".to_owned()],
        11 => &["FLUSHDB ASYNC".to_owned()],
        12 => &["FLUSHDB SYNC".to_owned()],
        13 => &["FLUSHALL ASYNC".to_owned()],
        14 => &[format!("PEXPIREAT {key} {far}")],
        15 => &[format!("PERSIST {key}")],
        16 => &[format!("EXPIRE {key} -1")],
        17 => &[format!("SET {key} text")],
        18 => &["DEBUG RELOAD".to_owned()],
        19 => {
            let hours = 2 + random.below(3);
            &[format!("ANALYTICS.ALTER {key} RETENTION minute {hours}h")]
        }
        20 => &[format!("ANALYTICS.DROP {key}")],
        21..=24 => {
            // Periods that have ended: for another one the site stores the time of the import.
            let (granularity, time) = match random.below(3) {
                0 => ("minute", time),
                1 => ("minute", time - MINUTE),
                _ => ("hour", time - 3 * HOUR),
            };
            let what = random.pick(&["users", "sessions"]);
            &[format!(
                "ANALYTICS.IMPORT {key} {granularity} {time} {what} {TYPED}"
            )]
        }
        25 => &[format!(
            "ANALYTICS.ALTER {key} CAPACITY {}",
            2 + random.below(30)
        )],
        26..=30 => &[across(random, time)],
        31 => &[format!("DUMP {key}")],
        32 => &[format!("DEBUG DIGEST-VALUE {key}")],
        33 => &[format!("ANALYTICS.EXPORT shop minute {time} users")],
        34 => &["ANALYTICS.TOP shop 4h page BY users".to_owned()],
        35 => {
            let users = random.pick(&["", "NOUSERS"]);
            &[format!("ANALYTICS.ALTER {key} DIM page {users}")]
        }
        _ => &[
            "MULTI".to_owned(),
            format!("DEL {key}"),
            format!("ANALYTICS.TRACK {key} view u AT {time}"),
            "EXEC".to_owned(),
        ],
    };
    lines.to_vec()
}

/// Renames a bucket to the one of the same period of another site.
fn across(random: &mut Random, time: i64) -> String {
    let (from, to) = *random.pick(&[("shop", "store"), ("store", "shop")]);
    let granularity = random.below(3) as usize;
    let name = |site| buckets(site, "UTC", time).map(|bucket| bucket.key)[granularity].clone();
    format!("RENAME {} {}", name(from), name(to))
}

/// Of a few users again and again, one or several of them.
fn event(random: &mut Random, site: &str, time: i64) -> String {
    let mut one = || {
        let (user, session) = (random.below(20), random.below(10));
        let page = match random.below(15) {
            0 => "~other".to_owned(),
            page => format!("/{page}"),
        };
        let more = match random.below(8) {
            0..=2 => format!(" SESSION s{session}"),
            3 => format!(" VAL price {}.75", random.below(1_000)),
            4 => format!(" ID x{}", random.below(200)),
            _ => String::new(),
        };
        let at = floor(time, MINUTE) + random.below(60_000) as i64;
        format!("view u{user} AT {at} DIM page {page}{more}")
    };
    match one() {
        single if single.len() % 3 > 0 => format!("ANALYTICS.TRACK {site} {single}"),
        first => format!("ANALYTICS.MTRACK {site} EVENT {first} EVENT {}", one()),
    }
}

/// The other server keeps no handles: every use of a key counts under its eviction policy.
#[test]
fn events_count_as_if_every_key_were_looked_up() {
    let with_handles = Server::start();
    let without_handles = Server::with()
        .config("maxmemory-policy", "allkeys-lfu")
        .start();
    let (mut ours, mut theirs) = (with_handles.connection(), without_handles.connection());
    let now = ours.now();
    let times = [
        now - MINUTE,
        now - 2 * MINUTE,
        now - HOUR / 2,
        now - 3 * HOUR,
    ];
    let mut keys: Vec<String> = vec!["shop".into(), "store".into()];
    for time in times {
        for site in ["shop", "store"] {
            keys.extend(buckets(site, "UTC", time).map(|bucket| bucket.key));
        }
    }
    let steps = number_from_env("ANALYTICS_FAULT_OPERATIONS", 2_000);
    let mut random = Random::new(number_from_env("ANALYTICS_FAULT_SEED", 0x401d));
    let (mut site, mut time) = ("shop", times[0]);
    for step in 0..steps {
        if random.below(8) > 0 {
            // Mostly to where the last one went: such events are pending together.
            if random.one_in(6) {
                site = *random.pick(&["shop", "store"]);
                time = *random.pick(&times);
            }
            let event = event(&mut random, site, time);
            assert_eq!(ours.run(&event), theirs.run(&event), "step {step}: {event}");
        } else {
            for line in key_operation(&mut random, &keys, times[0]) {
                assert_eq!(ours.run(&line), theirs.run(&line), "step {step}: {line}");
            }
        }
        if step % 20 == 0 || step + 1 == steps {
            let states = (State::of(&mut ours), State::of(&mut theirs));
            states.0.assert_is(&states.1, &format!("step {step}: ours"));
        }
    }
}

/// A minute in the middle of an hour that is over, and that hour as a window.
pub fn minute_and_hour(now: i64) -> (i64, String) {
    let hour = floor(now, HOUR) - 2 * HOUR;
    (hour + 20 * MINUTE, format!("{hour}..{}", hour + HOUR))
}

/// By a TRACK, which counts.
#[track_caller]
pub fn track_one(connection: &mut Connection, site: &str, user: &str, rest: &str) {
    let event = format!("ANALYTICS.TRACK {site} view {user} {rest}");
    assert_eq!(connection.run(&event), 1);
}

#[test]
fn a_renamed_bucket_loses_its_containment() {
    let server = Server::start();
    let mut connection = server.connection();
    let (time, hour) = minute_and_hour(connection.now());
    for site in ["shop", "store"] {
        let create = format!("ANALYTICS.CREATE {site} RETENTION minute 1d");
        connection.run(&create).ok();
    }
    let [ours, theirs] = ["shop", "store"].map(|site| buckets(site, "UTC", time)[0].key.clone());
    let at = format!("AT {time}");
    track_one(&mut connection, "shop", "ann", &at);
    track_one(&mut connection, "shop", "ann", &at);
    connection.run(&format!("RENAME {ours} {theirs}")).ok();
    track_one(&mut connection, "store", "bob", &at);
    connection.run(&format!("RENAME {theirs} {ours}")).ok();
    track_one(&mut connection, "shop", "bob", &at);
    let users = format!("ANALYTICS.UNIQUE shop {hour}");
    assert_eq!(connection.run(&users), 2);
}

/// A user of `~other` in the minute may be in a row of the hour.
#[test]
fn a_bucket_that_dropped_rows_loses_its_containment() {
    let server = Server::start();
    let mut connection = server.connection();
    let (time, hour) = minute_and_hour(connection.now());
    let create = "ANALYTICS.CREATE shop RETENTION minute 1d DIM page CAPACITY 10";
    connection.run(create).ok();
    for page in ["/a", "/b", "/c"] {
        let before = format!("AT {} DIM page {page}", time - MINUTE);
        track_one(&mut connection, "shop", "zoe", &before);
    }
    connection.run("ANALYTICS.ALTER shop CAPACITY 2").ok();
    for (user, page) in [
        ("ann", "/a"),
        ("bob", "/b"),
        ("cat", "/c"),
        ("ann", "~other"),
    ] {
        let rest = format!("AT {time} DIM page {page}");
        track_one(&mut connection, "shop", user, &rest);
    }
    let others = format!("ANALYTICS.UNIQUE shop {hour} page ~other");
    assert_eq!(connection.run(&others), 1);
}

/// Midnight in India is at half past an hour of UTC.
#[test]
fn a_user_in_an_hour_of_two_days_counts_in_both() {
    let server = Server::start();
    let mut connection = server.connection();
    let create = "ANALYTICS.CREATE shop TZ Asia/Kolkata RETENTION minute off";
    connection.run(create).ok();
    let midnight = floor(connection.now(), DAY) - DAY + 18 * HOUR + 30 * MINUTE;
    for time in [-20, 20, -10, 10].map(|minutes| midnight + minutes * MINUTE) {
        track_one(&mut connection, "shop", "ann", &format!("AT {time}"));
    }
    for day in [midnight - DAY, midnight] {
        let users = format!("ANALYTICS.UNIQUE shop {day}..{}", day + DAY);
        assert_eq!(connection.run(&users), 1, "{day}");
    }
}

/// Makes a site whose minute has one user, and took in a HyperLogLog of 500 who came a minute before.
pub fn with_a_hyperloglog(connection: &mut Connection, time: i64) {
    let create = "ANALYTICS.CREATE shop RETENTION minute 1d";
    connection.run(create).ok();
    let users: Vec<String> = (0..500).map(|n| format!("u{n}")).collect();
    let before = format!("AT {}", time - MINUTE);
    track(connection, "shop", &users, &before);
    let string = native(connection, &users);
    track_one(connection, "shop", "zed", &format!("AT {time}"));
    let minute = format!("minute {time}");
    assert_eq!(import(connection, &minute, &string), 1);
}

/// A user who sent no event, but whose register the import has raised.
pub fn colliding_user(connection: &mut Connection) -> String {
    let is_hidden = |user: &String| cmd!(connection, "PFADD", "native", user) == 0;
    let colliding_user = (500..).map(|n| format!("u{n}")).find(is_hidden);
    colliding_user.expect("one of many")
}

/// A HyperLogLog has less information than a sparse sketch: a user that seems to be in it may be new to
/// the hour.
#[test]
fn a_bucket_with_an_imported_hyperloglog_loses_its_containment() {
    let server = Server::start();
    let mut connection = server.connection();
    let (time, hour) = minute_and_hour(connection.now());
    with_a_hyperloglog(&mut connection, time);
    let colliding_user = colliding_user(&mut connection);
    track_one(
        &mut connection,
        "shop",
        &colliding_user,
        &format!("AT {time}"),
    );
    let users = format!("ANALYTICS.UNIQUE shop {hour}");
    assert_eq!(connection.run(&users), 502);
}

/// Which bucket is contained in which is recorded by the handles: a site that took them again would update
/// up to five sketches for an event instead of one.
fn taken_handles(connection: &mut Connection) -> u64 {
    let taken = connection.info("analytics", "analytics_bucket_handles");
    taken.parse().expect("a number of handles")
}

#[test]
fn a_site_without_events_for_some_seconds_keeps_its_bucket_handles() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = connection.now();
    let event = |user| format!("ANALYTICS.TRACK shop view {user} AT {time}");
    assert_eq!(connection.run(&event("ann")), 1);
    assert_eq!(taken_handles(&mut connection), 5);
    sleep(Duration::from_secs(5));
    assert_eq!(connection.run(&event("bob")), 1);
    assert_eq!(taken_handles(&mut connection), 5);
    connection.run("RENAME shop away").ok();
    connection.run("RENAME away shop").ok();
    assert_eq!(connection.run(&event("cid")), 1);
    assert_eq!(taken_handles(&mut connection), 10);
}

#[test]
fn sites_that_reached_many_buckets_keep_the_handles_of_their_last_ones() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = floor(connection.now(), HOUR) - 1;
    const SITES: u64 = 20;
    const MINUTES: u64 = 30;
    for site in 0..SITES {
        let made = format!("ANALYTICS.CREATE site{site} RETENTION minute 1d");
        connection.run(&made).ok();
        let event = |minutes: u64| format!("EVENT view ann AT {}", time - minutes as i64 * MINUTE);
        let earlier: Vec<String> = (1..=MINUTES).map(event).collect();
        let line = format!("ANALYTICS.MTRACK site{site} {}", earlier.join(" "));
        assert_eq!(connection.run(&line), MINUTES as i64);
        let last = format!("ANALYTICS.TRACK site{site} view ann AT {time}");
        assert_eq!(connection.run(&last), 1);
    }
    let buckets = SITES * (MINUTES + 5);
    assert_eq!(taken_handles(&mut connection), buckets);
    sleep(Duration::from_millis(1_100));
    for site in 0..SITES {
        let last = format!("ANALYTICS.TRACK site{site} view bob AT {time}");
        assert_eq!(connection.run(&last), 1);
    }
    assert_eq!(taken_handles(&mut connection), buckets);
}

fn events(connection: &mut Connection, window: &str) -> i64 {
    cmd!(connection, "ANALYTICS.GET", "shop", window, "events").ints()[0]
}

/// Redis has not yet removed the key, for no command has opened it.
#[test]
fn a_bucket_whose_expiry_was_shortened_is_over_at_once() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("DEBUG SET-ACTIVE-EXPIRE 0").ok();
    let time = connection.now() - MINUTE;
    let [minute, ..] = buckets("shop", "UTC", time);
    let event = format!("ANALYTICS.TRACK shop view ann AT {time}");
    for other in [time - 2 * HOUR, time + MINUTE] {
        let event = format!("ANALYTICS.TRACK shop view ann AT {other}");
        assert_eq!(connection.run(&event), 1);
    }
    for _ in 0..3 {
        assert_eq!(connection.run(&event), 1);
    }
    assert_eq!(cmd!(connection, "PEXPIRE", minute.key, 1), 1);
    sleep(Duration::from_millis(5));
    assert_eq!(connection.run(&event), 1);
    // A window of one second is answered from the bucket of the minute alone, as there are events around it.
    let second = floor(time, SECOND);
    let window = format!("{second}..{}", second + SECOND);
    assert_eq!(events(&mut connection, &window), 1, "of a new bucket");
    assert_eq!(cmd!(connection, "PEXPIRETIME", minute.key), minute.expiry);
}

#[test]
fn an_evicted_bucket_is_made_anew_and_its_memory_is_free() {
    let server = Server::with()
        .config("maxmemory-policy", "allkeys-random")
        .start();
    let mut connection = server.connection();
    let time = connection.now();
    let lines: Vec<String> = (0..20_000)
        .map(|n| {
            format!(
                "ANALYTICS.TRACK shop view u{n} AT {time} DIM page /{}",
                n % 500
            )
        })
        .collect();
    connection.pipeline(&lines);
    let used = |connection: &mut Connection| -> u64 {
        let used = connection.info("memory", "used_memory");
        used.parse().expect("a number of bytes")
    };
    let keys = connection.keys();
    let data: i64 = keys
        .iter()
        .map(|key| cmd!(connection, "MEMORY", "USAGE", key).int())
        .sum();
    let half = used(&mut connection) - data as u64 / 2;
    cmd!(connection, "CONFIG", "SET", "maxmemory", half).ok();
    wait_until("buckets are evicted until there is room", || {
        used(&mut connection) <= half
    });
    assert!(connection.keys().len() < keys.len());
    cmd!(connection, "CONFIG", "SET", "maxmemory", 0).ok();
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "AT",
            time
        ),
        1
    );
    assert_eq!(connection.keys().len(), 6);
}

/// Eviction goes by when a key was used last.
#[test]
fn a_bucket_in_use_is_not_idle() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = connection.now();
    let keys = buckets("shop", "UTC", time).map(|bucket| bucket.key);
    for _ in 0..35 {
        assert_eq!(
            cmd!(
                connection,
                "ANALYTICS.TRACK",
                "shop",
                "view",
                "ann",
                "AT",
                time
            ),
            1
        );
        sleep(Duration::from_millis(100));
    }
    for key in keys {
        let idle = cmd!(connection, "OBJECT", "IDLETIME", key).int();
        assert!(idle <= 2, "{key} is idle for {idle} s");
    }
}

#[test]
fn every_event_breaks_a_watch_of_its_buckets() {
    let server = Server::start();
    let (mut ours, mut other) = (server.connection(), server.connection());
    let time = ours.now();
    let event = format!("ANALYTICS.TRACK shop view ann AT {time}");
    for bucket in buckets("shop", "UTC", time) {
        for _ in 0..3 {
            assert_eq!(other.run(&event), 1);
        }
        cmd!(ours, "WATCH", bucket.key).ok();
        assert_eq!(other.run(&event), 1);
        ours.run("MULTI").ok();
        ours.run("PING");
        assert!(ours.run("EXEC").is_nil(), "{}", bucket.key);
    }
}

/// There eviction goes by how often a key was used.
#[test]
fn under_an_lfu_policy_every_event_is_a_use_of_its_buckets() {
    let server = Server::with()
        .config("maxmemory-policy", "allkeys-lfu")
        .start();
    let mut connection = server.connection();
    let time = connection.now();
    let lines: Vec<String> = (0..5_000)
        .map(|n| format!("ANALYTICS.TRACK shop view u{n} AT {time}"))
        .collect();
    connection.pipeline(&lines);
    let site = cmd!(connection, "OBJECT", "FREQ", "shop").int();
    assert!(site > 10, "{site}");
    for bucket in buckets("shop", "UTC", time) {
        let uses = cmd!(connection, "OBJECT", "FREQ", bucket.key).int();
        assert!(uses * 2 > site, "{}: {uses} of {site}", bucket.key);
    }
}
