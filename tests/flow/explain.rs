//! `ANALYTICS.EXPLAIN`: what a question over a window would read.

use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::{cmd, Connection, Reply, Server};

fn range(reply: &Reply, field: &str) -> (i64, i64) {
    let ints = reply.get(field).ints();
    assert_eq!(ints.len(), 2, "{reply:?}");
    (ints[0], ints[1])
}

fn planned(reply: &Reply) -> Vec<i64> {
    let fields = reply.get("buckets").fields();
    fields.iter().map(|(_, count)| count.int()).collect()
}

fn explain(connection: &mut Connection, window: &str) -> Reply {
    cmd!(connection, "ANALYTICS.EXPLAIN", "shop", window)
}

/// Events long before and after every window of these tests: beyond all events, a window may as well
/// be answered from longer periods.
fn surround(connection: &mut Connection) {
    let now = connection.now();
    for time in [now - 100 * DAY, now] {
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "eve",
            "AT",
            time
        )
        .int();
    }
}

#[test]
fn the_coarsest_buckets_cover_the_middle_and_finer_ones_the_edges() {
    let server = Server::start();
    let mut connection = server.connection();
    let day = floor(connection.now(), DAY) - 3 * DAY;
    surround(&mut connection);
    for time in [day - 2 * HOUR, day + 5 * HOUR, day + 26 * HOUR - 1] {
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "AT",
            time
        )
        .int();
    }
    let window = format!("{}..{}", day - 2 * HOUR, day + 26 * HOUR);
    for resp3 in [false, true] {
        if resp3 {
            connection.hello3();
        }
        let reply = explain(&mut connection, &window);
        assert_eq!(matches!(reply, Reply::Map(_)), resp3);
        let names: Vec<&str> = reply.fields().iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "window",
                "counts",
                "users",
                "buckets",
                "found",
                "standard-error"
            ]
        );
        for field in ["window", "counts", "users"] {
            assert_eq!(
                range(&reply, field),
                (day - 2 * HOUR, day + 26 * HOUR),
                "{field}"
            );
        }
        assert_eq!(planned(&reply), [0, 4, 1, 0, 0]);
        // An hour before midnight, the day, and the hour at the end.
        assert_eq!(*reply.get("found"), 3);
        let error = reply.get("standard-error").double();
        assert!((0.0..0.0085).contains(&error), "{error}");
    }
}

#[test]
fn an_edge_is_widened_to_what_is_still_kept() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let hour = floor(now, HOUR) - 5 * HOUR;
    let minute = floor(now, MINUTE) - 10 * MINUTE;
    surround(&mut connection);
    for time in [hour, minute] {
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "AT",
            time
        )
        .int();
    }
    // Counts know the minutes of an hour, users the hour.
    let (from, to) = (hour + 20 * MINUTE + 30_000, hour + 40 * MINUTE + 1);
    let reply = explain(&mut connection, &format!("{from}..{to}"));
    assert_eq!(range(&reply, "window"), (from, to));
    assert_eq!(
        range(&reply, "counts"),
        (hour + 20 * MINUTE, hour + 41 * MINUTE)
    );
    assert_eq!(range(&reply, "users"), (hour, hour + HOUR));
    assert_eq!(planned(&reply), [0, 1, 0, 0, 0]);

    let (from, to) = (minute + 20_500, minute + 30_001);
    let reply = explain(&mut connection, &format!("{from}..{to}"));
    assert_eq!(range(&reply, "counts"), (minute + 20_000, minute + 31_000));
    assert_eq!(range(&reply, "users"), (minute, minute + MINUTE));
    assert_eq!(planned(&reply), [1, 0, 0, 0, 0]);
}

#[test]
fn a_site_without_events_reads_nothing_and_one_that_is_not_there_is_an_error() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE shop").ok();
    let reply = explain(&mut connection, "1y");
    assert_eq!(planned(&reply), [0; 5]);
    assert_eq!(*reply.get("found"), 0);
    let error = connection.run("ANALYTICS.EXPLAIN nosuch 1h");
    assert!(error.error().contains("nosuch"), "{error:?}");
    for line in ["ANALYTICS.EXPLAIN shop", "ANALYTICS.EXPLAIN shop 1h more"] {
        assert!(connection
            .run(line)
            .error()
            .contains("wrong number of arguments"));
    }
}

#[test]
fn a_long_window_reads_few_buckets() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for days in 0..300 {
        let time = now - days * DAY;
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            days,
            "AT",
            time
        )
        .int();
    }
    let reply = explain(&mut connection, "1y");
    let read: i64 = planned(&reply).iter().sum();
    assert!(read < 100, "{reply:?}");
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1y"), 300);
}
