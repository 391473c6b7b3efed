//! MEMORY USAGE against the allocator, and memory over time: storms of expiry, keys that come and go
//! during a load, and a site whose memory stays flat.

use std::thread::sleep;
use std::time::{Duration, Instant};

use testkit::calendar::HOUR;
use testkit::operations::Operations;
use testkit::state::assert_same_data;
use testkit::{number_from_env, wait_until, Clock, Connection, Server};

fn used(connection: &mut Connection) -> i64 {
    let used = connection.info("memory", "used_memory");
    used.parse().expect("a number of bytes")
}

/// What is used when no client holds buffers.
fn used_at_rest(server: &Server) -> i64 {
    let mut connection = server.connection();
    wait_until("the others are gone", || {
        connection.info("clients", "connected_clients") == "1"
            && connection.info("memory", "lazyfree_pending_objects") == "0"
    });
    used(&mut connection)
}

fn usage(server: &Server, keys: &[String]) -> i64 {
    let lines: Vec<String> = keys
        .iter()
        .map(|key| format!("MEMORY USAGE {key}"))
        .collect();
    let replies = server.connection().pipeline(&lines);
    replies.iter().map(|reply| reply.int()).sum()
}

/// For a kind of buckets, the bytes that they report and the bytes that the allocator gave. The keys
/// themselves cost the same with an empty string in them, which is taken off both.
fn reported_and_allocated(
    options: &str,
    buckets: i64,
    event: impl Fn(i64) -> Vec<String>,
) -> (i64, i64) {
    // Without the histograms that Redis makes of every command that it is sent.
    let server = Server::with().config("latency-tracking", "no").start();
    let mut connection = server.connection();
    connection
        .run(&format!("ANALYTICS.CREATE shop {options}"))
        .ok();
    let off = "RETENTION minute off RETENTION day off RETENTION week off RETENTION month off";
    connection
        .run(&format!("ANALYTICS.ALTER shop RETENTION hour 300d {off}"))
        .ok();
    let now = connection.now();
    for bucket in 0..buckets {
        let time = now - bucket * HOUR;
        let events: Vec<String> = event(bucket)
            .iter()
            .map(|event| format!("EVENT {event} AT {time}"))
            .collect();
        for events in events.chunks(1_000) {
            let line = format!("ANALYTICS.MTRACK shop {}", events.join(" "));
            assert_eq!(connection.run(&line), events.len() as i64);
        }
    }
    let mut keys = connection.keys();
    keys.retain(|key| key != "shop");
    let of_buckets = keys.iter().filter(|key| key.contains(":hour:"));
    assert_eq!(of_buckets.count() as i64, buckets);
    // The site drops its bucket handles: a bucket with a handle keeps a little memory.
    connection.run("RENAME shop moved").ok();
    drop(connection);
    let (reported, full) = (usage(&server, &keys), used_at_rest(&server));
    let lines: Vec<String> = keys
        .iter()
        .map(|key| format!("SET {key} x KEEPTTL"))
        .collect();
    server.connection().pipeline(&lines);
    let (empty_reported, empty) = (usage(&server, &keys), used_at_rest(&server));
    (reported - empty_reported, full - empty)
}

#[test]
fn memory_usage_is_what_the_allocator_says() {
    let users = |bucket: i64, count: i64| -> Vec<String> {
        (0..count)
            .map(|n| format!("view user-{bucket}-{n}"))
            .collect()
    };
    let values = |_: i64| -> Vec<String> {
        (0..40)
            .map(|n| format!("view u{n} VAL price {n}.5 VAL latency {}", n * n * 17))
            .collect()
    };
    let ids = |bucket: i64| -> Vec<String> {
        (0..500)
            .map(|n| format!("view u{} ID {bucket}-{n}", n % 3))
            .collect()
    };
    let dimensions = |_: i64| -> Vec<String> {
        (0..60)
            .map(|n| {
                format!(
                    "view u{n} DIM page /a/longer/path/{n} DIM country c{} SESSION s{n}",
                    n % 9
                )
            })
            .collect()
    };
    let plain = "DIM event NOUSERS";
    for (what, (reported, given)) in [
        (
            "tiny",
            reported_and_allocated("", 4_000, |bucket| users(bucket, 1)),
        ),
        (
            "small",
            reported_and_allocated(plain, 2_000, |bucket| users(bucket, 20)),
        ),
        (
            "medium",
            reported_and_allocated(plain, 400, |bucket| users(bucket, 700)),
        ),
        (
            "dense",
            reported_and_allocated(plain, 40, |bucket| users(bucket, 9_000)),
        ),
        ("values", reported_and_allocated("", 600, values)),
        ("ids", reported_and_allocated("", 200, ids)),
        (
            "dimensions",
            reported_and_allocated("CUBE event,country", 150, dimensions),
        ),
    ] {
        println!("{what}: reports {reported}, the allocator {given}");
        // The sizes are those of jemalloc. Another allocator rounds otherwise, up to 16 bytes each.
        let percent = if has_jemalloc() { 2 } else { 10 };
        assert!(
            (reported - given).abs() * 100 <= percent * given,
            "{what}: reports {reported}, the allocator {given}"
        );
    }
}

fn has_jemalloc() -> bool {
    let server = Server::start();
    let allocator = server.connection().info("memory", "mem_allocator");
    allocator.starts_with("jemalloc")
}

#[test]
fn a_storm_of_expiring_buckets_gives_all_memory_back() {
    let server = Server::with()
        .config("hz", "100")
        // Valkey's own is ten times as large.
        .config("repl-backlog-size", "1mb")
        .start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    let empty = used(&mut connection);
    // A hundred sites with all these hours; all buckets end at once. `make faults` asks for more.
    let buckets = number_from_env("ANALYTICS_FAULT_BUCKETS", 20_000) as usize;
    let hours = (buckets / 100) as i64;
    let now = connection.now();
    for site in 0..100 {
        let line = format!("ANALYTICS.CREATE site{site} RETENTION minute off RETENTION hour 300d");
        connection.run(&line).ok();
        let events: Vec<String> = (0..hours)
            .map(|n| format!("EVENT view u{n} AT {} DIM page /{n}", now - n * HOUR))
            .collect();
        let line = format!("ANALYTICS.MTRACK site{site} {}", events.join(" "));
        assert_eq!(connection.run(&line), hours);
    }
    assert!(used(&mut connection) > empty + 8_000_000);
    let mut keys = connection.keys();
    assert!(keys.len() > buckets);
    keys.retain(|key| key.starts_with('{'));
    let mut all_end_at = |end: i64| {
        let line = |key| format!("PEXPIREAT {key} {end}");
        connection.pipeline(&keys.iter().map(line).collect::<Vec<_>>());
        connection.now()
    };
    // The time that this takes bounds how soon they can end.
    let begin = all_end_at(now + HOUR);
    let end = all_end_at(now + HOUR);
    all_end_at(end + 400 + 4 * (end - begin));
    assert!(connection.run("DBSIZE").int() > buckets as i64);
    // Events and questions go on.
    let mut slowest = Duration::ZERO;
    wait_until("all buckets are gone", || {
        let begin = Instant::now();
        assert_eq!(connection.run("ANALYTICS.TRACK during view ann"), 1);
        connection.run("ANALYTICS.UNIQUE site7 30d").int();
        slowest = slowest.max(begin.elapsed());
        // Listing all keys is slow while there are many. "during" gets more buckets when a minute turns.
        connection.run("DBSIZE").int() < 200
            && !connection.keys().iter().any(|key| key.starts_with("{site"))
    });
    println!("the slowest event and question took {slowest:?}");
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    for site in 0..100 {
        connection.run(&format!("ANALYTICS.DROP site{site}")).int();
    }
    // What stays is Redis's: the backlog, and a histogram for every command that was sent.
    wait_until("the memory is back", || {
        used(&mut connection) < empty + 2_500_000
    });
}

/// Every command that deletes or moves keys, between events of four clients.
#[test]
fn keys_come_and_go_during_a_load_and_the_replica_agrees() {
    let server = Server::with()
        .config("lazyfree-lazy-user-del", "yes")
        .config("lazyfree-lazy-expire", "yes")
        .start();
    let replica = Server::with()
        .config("lazyfree-lazy-user-flush", "yes")
        .replica_of(&server)
        .start();
    server.wait_for_replica(&replica);
    let now = server.connection().now();
    std::thread::scope(|scope| {
        for client in 0..3 {
            let mut connection = server.connection();
            scope.spawn(move || {
                let mut mixed = Operations::new(900 + client, now);
                for _ in 0..8 {
                    mixed.run(&mut connection, 60);
                }
            });
        }
        let mut connection = server.connection();
        scope.spawn(move || {
            for round in 0..40 {
                let site = ["shop", "store", "bazaar"][round % 3];
                connection.run(&format!("UNLINK {site}"));
                connection.run("SWAPDB 0 1").ok();
                connection.run(&format!("MOVE {site} 1"));
                connection.run(&format!("RENAME {site} moved"));
                connection.run(&format!("COPY moved {site} DB 1 REPLACE"));
                if round % 10 == 9 {
                    connection.run("FLUSHALL ASYNC").ok();
                }
                sleep(Duration::from_millis(2));
            }
        });
    });
    sleep(Duration::from_millis(Operations::SETTLED as u64));
    let (mut ours, mut theirs) = (server.connection(), replica.connection());
    for database in ["SELECT 0", "SELECT 1"] {
        ours.run(database).ok();
        theirs.run(database).ok();
        ours.run("SCAN 0 COUNT 100000");
        server.wait_for_replica(&replica);
        assert_same_data(&mut ours, &mut theirs, database);
    }
    ours.run("FLUSHALL ASYNC").ok();
    wait_until("everything is freed", || {
        ours.info("memory", "lazyfree_pending_objects") == "0"
    });
}

/// Eight hours in four seconds, of which the site keeps one: by a clock that runs so fast.
#[test]
fn memory_is_flat_once_the_retention_is_reached() {
    let server = Server::with()
        .config("hz", "100")
        .clock(Clock::fast(7_200))
        .start();
    let mut connection = server.connection();
    let retention = "RETENTION minute 10m RETENTION hour 1h RETENTION day off RETENTION week off RETENTION month off";
    connection
        .run(&format!(
            "ANALYTICS.CREATE shop {retention} CAPACITY 20 DIM page VAL price"
        ))
        .ok();
    let start = connection.now();
    let mut peaks = [0; 8];
    let mut count = 0;
    // A call in so much of the server's time, whatever the speed of the machine.
    const PACE: i64 = 30_000;
    let mut due = start;
    loop {
        let now = connection.now();
        let Some(peak) = peaks.get_mut(((now - start) / HOUR) as usize) else {
            break;
        };
        if now < due {
            std::thread::sleep(std::time::Duration::from_micros(200));
            continue;
        }
        due = now + PACE;
        let event = |n: i64| format!("EVENT view user-{n} ID {n} DIM page /{n} VAL price {n}");
        let events: Vec<String> = (count..count + 50).map(event).collect();
        let line = format!("ANALYTICS.MTRACK shop {}", events.join(" "));
        assert_eq!(connection.run(&line), 50);
        count += 50;
        *peak = used(&mut connection).max(*peak);
        // What is over may take as long as any key until Redis comes to it.
        assert!(connection.run("DBSIZE").int() < 60);
    }
    println!("{count} events, at most so many bytes by the hour: {peaks:?}");
    assert!(count > 5_000, "{count}");
    // What is never given back would have doubled from the fourth hour to the eighth.
    let (early, late) = (peaks[2].max(peaks[3]), peaks[6].max(peaks[7]));
    assert!(late * 2 < early * 3, "{peaks:?}");
}

/// A call that reaches back far makes a place for every bucket. Ten thousand sites that catch up once
/// must not keep them.
#[test]
fn a_site_does_not_keep_what_a_long_call_needed() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let of_the_module = |connection: &mut Connection| -> i64 {
        let bytes = connection.info("analytics", "analytics_memory_bytes");
        bytes.parse().expect("a number of bytes")
    };
    let mut each = Vec::new();
    for site in 0..60 {
        let events: String = (0..160)
            .map(|hour| format!(" EVENT view u AT {}", now - hour * HOUR))
            .collect();
        let mtrack = format!("ANALYTICS.MTRACK site{site} EVENT view u AT {now}");
        assert_eq!(connection.run(&mtrack), 1);
        let key = format!("MEMORY USAGE site{site}");
        let before = connection.run(&key).int();
        let mtrack = format!("ANALYTICS.MTRACK site{site}{events}");
        assert_eq!(connection.run(&mtrack), 160);
        assert!(connection.run(&key).int() < before + 4_000);
        let buckets = connection.keys();
        let buckets = buckets.iter().filter(|key| key.contains(':'));
        let lines: Vec<String> = buckets.map(|key| format!("UNLINK {key}")).collect();
        connection.pipeline(&lines);
        each.push(of_the_module(&mut connection));
    }
    // The buckets of the last eight sites are kept.
    let (warm, end) = (each[9], each[59]);
    assert!((end - warm) / 50 < 5_000, "{each:?}");
}

/// A site that was never stored leaves nothing, though a command has looked for its buckets.
#[test]
fn events_that_are_too_late_for_a_site_that_is_not_there_keep_no_memory() {
    let server = Server::start();
    let mut connection = server.connection();
    let mut used = Vec::new();
    for turn in 0..6 {
        let lines: Vec<String> = (0..1_000)
            .map(|n| format!("ANALYTICS.TRACK site{turn}-{n} view u AT 2000-01-01"))
            .collect();
        assert!(connection.pipeline(&lines).iter().all(|reply| *reply == 0));
        let bytes = connection.info("analytics", "analytics_memory_bytes");
        used.push(bytes.parse::<i64>().expect("a number of bytes"));
    }
    assert!(connection.keys().is_empty());
    // A directory takes more than a kilobyte.
    assert!(used[5] - used[1] < 400_000, "{used:?}");
}
