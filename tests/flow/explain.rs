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
                "interpolated",
                "inner",
                "outer",
                "edges",
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
        assert_eq!(*reply.get("interpolated"), 0);
        assert_eq!(
            (reply.get("inner"), reply.get("outer")),
            (&Reply::Int(1), &Reply::Int(1))
        );
        assert!(reply.get("edges").array().is_empty());
        // An hour before midnight, the day, and the hour at the end.
        assert_eq!(*reply.get("found"), 3);
        let error = reply.get("standard-error").double();
        assert!((0.0..0.0085).contains(&error), "{error}");
    }
}

#[test]
fn an_edge_is_interpolated_and_named() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let hour = floor(now, HOUR) - 5 * HOUR;
    let minute = floor(now, MINUTE) - 10 * MINUTE;
    surround(&mut connection);
    // One in four users of the hour is inside the window.
    for (user, time) in [
        ("ann", hour),
        ("bob", hour + 20 * MINUTE),
        ("cleo", hour + 50 * MINUTE),
        ("dora", hour + HOUR - 1),
        ("eve", minute + 20_000),
        ("fay", minute + 50_000),
    ] {
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            user,
            "AT",
            time
        )
        .int();
    }
    let edge = |reply: &Reply| {
        let edges = reply.get("edges").array();
        assert_eq!(edges.len(), 1, "{reply:?}");
        let bucket = edges[0].get("bucket").text().to_owned();
        (
            bucket,
            range(&edges[0], "range"),
            edges[0].get("part").double(),
        )
    };
    // Counts are kept by the minutes of an hour, users by the hour.
    let (from, to) = (hour + 20 * MINUTE + 30_000, hour + 40 * MINUTE + 1);
    let window = format!("{from}..{to}");
    let reply = explain(&mut connection, &window);
    assert_eq!(range(&reply, "window"), (from, to));
    assert_eq!(
        range(&reply, "counts"),
        (hour + 20 * MINUTE, hour + 41 * MINUTE)
    );
    assert_eq!(range(&reply, "users"), (hour, hour + HOUR));
    assert_eq!(planned(&reply), [0, 1, 0, 0, 0]);
    assert_eq!(*reply.get("interpolated"), 1);
    assert_eq!(
        (reply.get("inner"), reply.get("outer")),
        (&Reply::Int(0), &Reply::Int(4))
    );
    let (bucket, range_of_edge, part) = edge(&reply);
    assert!(bucket.starts_with("hour:"), "{bucket}");
    assert_eq!((range_of_edge, part), ((hour, hour + HOUR), 0.25));
    assert_eq!(cmd!(connection, "ANALYTICS.UNIQUE", "shop", window), 1);

    let (from, to) = (minute + 20_500, minute + 30_001);
    let window = format!("{from}..{to}");
    let reply = explain(&mut connection, &window);
    assert_eq!(range(&reply, "counts"), (minute + 20_000, minute + 31_000));
    assert_eq!(range(&reply, "users"), (minute, minute + MINUTE));
    assert_eq!(planned(&reply), [1, 0, 0, 0, 0]);
    assert_eq!(edge(&reply).2, 0.5);
    assert_eq!(cmd!(connection, "ANALYTICS.UNIQUE", "shop", window), 1);
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
    for (line, part) in [
        ("ANALYTICS.EXPLAIN shop", "wrong number of arguments"),
        (
            "ANALYTICS.EXPLAIN shop 1h more",
            "a value needs an aggregate",
        ),
    ] {
        assert!(connection.run(line).error().contains(part), "{line}");
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

#[test]
fn a_full_dimension_says_what_a_value_may_lack() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE shop CAPACITY 10").ok();
    let mut lines = Vec::new();
    for n in 0..600u64 {
        // Page n comes once in n + 1 rounds, so that the light ones come and go.
        let page = (0..60).find(|page| n % (60 - page) == 0).unwrap_or(0);
        lines.push(format!("ANALYTICS.TRACK shop view u{n} DIM page /{page}"));
    }
    assert!(connection.pipeline(&lines).iter().all(|reply| *reply == 1));
    let mut lacking = 0;
    for page in 0..60 {
        let counted = lines
            .iter()
            .filter(|line| line.ends_with(&format!(" /{page}")))
            .count() as i64;
        let metric = format!("events@page=/{page}");
        let explained = connection.run(&format!("ANALYTICS.EXPLAIN shop 1h {metric} events"));
        let of = |metric: &str, field| explained.get("metrics").get(metric).get(field).int();
        let (value, missing) = (of(&metric, "value"), of(&metric, "missing"));
        assert!(
            value <= counted && counted <= value + missing,
            "{metric}: {value} + {missing}, not {counted}"
        );
        assert_eq!(
            *connection
                .run(&format!("ANALYTICS.GET shop 1h {metric}"))
                .at(0),
            value
        );
        assert_eq!((of("events", "value"), of("events", "missing")), (600, 0));
        lacking += i64::from(value < counted);
    }
    assert!(lacking > 0);
    connection.hello3();
    let three = connection.run("ANALYTICS.EXPLAIN shop 1h events/users");
    assert!(matches!(three.get("metrics"), Reply::Map(_)));
    for (metrics, part) in [
        ("evnts", "did you mean events?"),
        ("users users", "given twice"),
    ] {
        let error = connection.run(&format!("ANALYTICS.EXPLAIN shop 1h {metrics}"));
        assert!(error.error().contains(part), "{error:?}");
    }
}
