//! `ANALYTICS.IMPORT`: what `PFADD` has gathered comes into a bucket. The oracle is Redis itself:
//! `PFCOUNT` and `PFMERGE` of the same keys.

use jiff::ToSpan;

use testkit::calendar::{at, buckets, floor, millis, DAY, HOUR, MINUTE};
use testkit::state::assert_same_data;
use testkit::{cmd, Arg, Connection, Reply, Server, Trace};

use crate::export::{pfadd, registers, track, users};

pub const GRANULARITIES: [&str; 5] = ["minute", "hour", "day", "week", "month"];

/// A string of seven registers that can be typed: four of 17, three of 1, and all others 0.
pub const TYPED: &str = "HYLL\u{1}___________\u{c2}~~Ay";

pub fn native(connection: &mut Connection, users: &[String]) -> Vec<u8> {
    connection.run("DEL native").int();
    pfadd(connection, "native", users);
    cmd!(connection, "GET", "native").bytes().to_vec()
}

/// `rest`: granularity and time; `row`: dimensions and values.
pub fn import_as(
    connection: &mut Connection,
    rest: &str,
    what: &str,
    string: &[u8],
    row: &str,
) -> Reply {
    let mut words: Vec<&dyn Arg> = vec![&"ANALYTICS.IMPORT", &"shop"];
    let rest: Vec<&str> = rest.split(' ').collect();
    words.extend(rest.iter().map(|word| word as &dyn Arg));
    words.extend([&what as &dyn Arg, &string]);
    let row: Vec<&str> = row.split_whitespace().collect();
    words.extend(row.iter().map(|word| word as &dyn Arg));
    connection.call(&words)
}

pub fn import(connection: &mut Connection, rest: &str, string: &[u8]) -> Reply {
    import_as(connection, rest, "users", string, "")
}

#[track_caller]
pub fn unique(connection: &mut Connection, rest: &str) -> i64 {
    connection
        .run(&format!("ANALYTICS.UNIQUE shop {rest}"))
        .int()
}

fn day_of(time: i64) -> String {
    format!("{}..{}", floor(time, DAY), floor(time, DAY) + DAY)
}

#[test]
fn what_comes_in_is_counted_as_pfcount_does_and_goes_out_as_it_came() {
    let server = Server::start();
    let mut connection = server.connection();
    // Redis writes the small ones sparse and the large ones dense.
    for (age, count) in [1, 10, 700, 3_000, 50_000].into_iter().enumerate() {
        let time = connection.now() - (age as i64 + 2) * DAY;
        let string = native(&mut connection, &users(0, count));
        assert_eq!(string[4], if count < 3_000 { 1 } else { 0 });
        let day = format!("day {time}");
        assert_eq!(import(&mut connection, &day, &string), 1);
        let pfcount = connection.run("PFCOUNT native").int();
        assert_eq!(unique(&mut connection, &day_of(time)), pfcount);
        let ours = connection.run(&format!("ANALYTICS.EXPORT shop {day}"));
        cmd!(connection, "SET", "ours", ours.bytes()).ok();
        assert_eq!(connection.run("PFCOUNT ours"), pfcount);
        assert_eq!(
            registers(&mut connection, "ours"),
            registers(&mut connection, "native")
        );
        // Once the registers were read, the string is dense: the count is the same.
        let dense = cmd!(connection, "GET", "native").bytes().to_vec();
        assert_eq!(dense[4], 0);
        assert_eq!(import(&mut connection, &day, &dense), 0);
        let reply = connection.run(&format!("ANALYTICS.GET shop {} events", day_of(time)));
        assert_eq!(reply.ints(), [0]);
    }
    assert_eq!(*connection.run("ANALYTICS.INFO shop").get("events"), 0);
}

#[test]
fn an_import_and_events_unite() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = connection.now() - 3 * DAY;
    for (tracked, imported) in [(50, 40..90), (2_000, 1_000..3_000), (9_000, 8_000..30_000)] {
        connection.run("FLUSHALL").ok();
        track(
            &mut connection,
            "shop",
            &users(0, tracked),
            &format!("AT {time}"),
        );
        let string = native(&mut connection, &users(imported.start, imported.end));
        assert_eq!(import(&mut connection, &format!("day {time}"), &string), 1);
        pfadd(&mut connection, "tracked", &users(0, tracked));
        let together = connection.run("PFCOUNT tracked native").int();
        assert_eq!(unique(&mut connection, &day_of(time)), together);
        // In the other order.
        track(
            &mut connection,
            "shop",
            &users(40_000, 40_500),
            &format!("AT {time}"),
        );
        pfadd(&mut connection, "tracked", &users(40_000, 40_500));
        let together = connection.run("PFCOUNT tracked native").int();
        assert_eq!(unique(&mut connection, &day_of(time)), together);
        let events = format!("ANALYTICS.GET shop {} events", day_of(time));
        assert_eq!(connection.run(&events).ints(), [tracked as i64 + 500]);
    }
}

#[test]
fn the_same_import_twice_and_one_without_new_users_change_nothing() {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    let time = connection.now() - 2 * HOUR;
    track(
        &mut connection,
        "shop",
        &users(0, 1_000),
        &format!("AT {time} DIM country FR"),
    );
    connection
        .run("ANALYTICS.ALTER shop CUBE event,country")
        .ok();
    let (hour, small) = (
        format!("hour {time}"),
        native(&mut connection, &users(10, 20)),
    );
    let large = native(&mut connection, &users(500, 5_000));
    let empty = b"HYLL\x01___________\x7f\xff".to_vec();

    // What was tracked is near exact, and stays it.
    let before = Trace::of(&mut connection);
    for row in ["", "country FR", "event view"] {
        assert_eq!(import_as(&mut connection, &hour, "users", &small, row), 0);
    }
    assert_eq!(import(&mut connection, "day now", &empty), 0);
    assert_eq!(import_as(&mut connection, &hour, "sessions", &empty, ""), 0);
    let nosuch = cmd!(
        connection,
        "ANALYTICS.IMPORT",
        "nosuch",
        "day",
        "now",
        "users",
        empty
    );
    assert_eq!(nosuch, 0);
    assert_eq!(Trace::of(&mut connection), before);
    let window = format!("{}..{}", floor(time, HOUR), floor(time, HOUR) + HOUR);
    assert_eq!(unique(&mut connection, &window), 1_000);

    let small = native(&mut connection, &users(600, 610));
    for (what, row) in [
        ("users", ""),
        ("sessions", ""),
        ("users", "country DE"),
        ("sessions", "country DE event buy"),
    ] {
        assert_eq!(import_as(&mut connection, &hour, what, &large, row), 1);
        let before = Trace::of(&mut connection);
        assert_eq!(import_as(&mut connection, &hour, what, &large, row), 0);
        assert_eq!(import_as(&mut connection, &hour, what, &small, row), 0);
        assert_eq!(Trace::of(&mut connection), before, "{what} {row}");
    }
}

/// The first and the last instant of the period that contains this time.
fn ends(granularity: &str, zone: &str, time: i64) -> (i64, i64) {
    let start = at(time, zone).start_of_day().expect("a day");
    let monday = i64::from(start.weekday().to_monday_zero_offset());
    let (start, length) = match granularity {
        "minute" => return (floor(time, MINUTE), floor(time, MINUTE) + MINUTE - 1),
        "hour" => return (floor(time, HOUR), floor(time, HOUR) + HOUR - 1),
        "day" => (start, 1.day()),
        "week" => (&start - monday.days(), 7.days()),
        _ => (start.first_of_month().expect("a day"), 1.month()),
    };
    (millis(&start), millis(&(&start + length)) - 1)
}

#[test]
fn bucket_site_and_coarser_buckets_are_created_as_by_an_event() {
    let zone = "Asia/Kolkata";
    let server = Server::with().config("analytics.timezone", zone).start();
    let mut connection = server.connection();
    let string = native(&mut connection, &users(0, 40));
    let count = connection.run("PFCOUNT native").int();
    // An hour of UTC may lie in two days of this zone, and a week in two months.
    for age in [0, 1, 2, 20, 30, 40] {
        let time = floor(connection.now(), DAY) + 18 * HOUR + 10 * MINUTE - (age + 1) * DAY;
        for (place, granularity) in GRANULARITIES.iter().enumerate().skip(1) {
            connection.run("FLUSHALL").ok();
            if *granularity == "hour" && age > 2 {
                continue;
            }
            let rest = format!("{granularity} {time}");
            assert_eq!(import(&mut connection, &rest, &string), 1);
            let (first, last) = ends(granularity, zone, time);
            let (of_first, of_last) = (buckets("shop", zone, first), buckets("shop", zone, last));
            let held = of_first.iter().zip(&of_last).skip(place);
            let held: Vec<_> = held.filter(|(first, last)| first == last).collect();
            let mut keys: Vec<&str> = held.iter().map(|(bucket, _)| &*bucket.key).collect();
            keys.push("shop");
            keys.sort();
            assert_eq!(connection.keys(), keys, "{rest}");
            for (bucket, _) in &held {
                assert_eq!(cmd!(connection, "PEXPIRETIME", bucket.key), bucket.expiry);
            }
            assert_eq!(cmd!(connection, "PEXPIRETIME", "shop"), -1);
            // What lies in two of the coarser ones is in neither.
            if held.len() == GRANULARITIES.len() - place {
                assert_eq!(
                    unique(&mut connection, &format!("{first}..{}", last + 1)),
                    count
                );
                assert_eq!(unique(&mut connection, "1y"), count);
            }

            let info = connection.run("ANALYTICS.INFO shop");
            let made = GRANULARITIES.map(|it| info.get("buckets").get(it).int());
            assert_eq!(made.iter().sum::<i64>(), held.len() as i64);
            assert!(info.get("first-event").is_nil());
            // Days of this zone are in it.
            let reply = connection.run("ANALYTICS.ALTER shop TZ UTC");
            assert!(reply.error().contains("TZ is fixed"), "{reply:?}");
            assert_eq!(connection.run("ANALYTICS.DROP shop"), held.len() as i64);
            assert!(connection.keys().is_empty());
        }
    }
}

#[test]
fn buckets_that_are_not_kept_are_left_out() {
    let server = Server::start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    for (options, granularity, age, kept) in [
        (
            "minute 7d RETENTION hour 1h RETENTION week off",
            "minute",
            5 * HOUR,
            &[0, 2, 4][..],
        ),
        (
            "minute 1h RETENTION week off",
            "minute",
            5 * HOUR,
            &[1, 2, 4],
        ),
        (
            "minute off RETENTION week off",
            "minute",
            MINUTE,
            &[1, 2, 4],
        ),
        ("day off RETENTION week off", "day", 2 * DAY, &[4]),
        ("day 1d RETENTION week off", "hour", 500 * DAY, &[4]),
    ] {
        connection.run("FLUSHALL").ok();
        let create = format!("ANALYTICS.CREATE shop RETENTION {options}");
        connection.run(&create).ok();
        let time = connection.now() - age;
        let rest = format!("{granularity} {time}");
        assert_eq!(import(&mut connection, &rest, TYPED.as_bytes()), 1);
        let made = buckets("shop", "UTC", time);
        let mut keys: Vec<&str> = kept.iter().map(|place| &*made[*place].key).collect();
        keys.push("shop");
        keys.sort();
        assert_eq!(connection.keys(), keys, "{options}");
        server.wait_for_replica(&replica);
        assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    }
}

#[test]
fn windows_reach_as_far_as_what_was_imported() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    // Of today so far, and of a month long ago, without any event.
    let today = native(&mut connection, &users(0, 300));
    assert_eq!(import(&mut connection, "day now", &today), 1);
    let count = connection.run("PFCOUNT native").int();
    assert_eq!(unique(&mut connection, "today"), count);
    assert_eq!(unique(&mut connection, "1d"), count);
    assert_eq!(
        unique(&mut connection, &format!("{}..now", now - 20 * DAY)),
        count
    );
    let old = now - 800 * DAY;
    let string = native(&mut connection, &users(1_000, 1_500));
    assert_eq!(import(&mut connection, &format!("month {old}"), &string), 1);
    let month = connection.run("PFCOUNT native").int();
    let window = format!("{}..{}", old - 40 * DAY, old + 40 * DAY);
    assert_eq!(unique(&mut connection, &window), month);
    assert!(unique(&mut connection, "3y") > month);
    let explained = connection.run("ANALYTICS.EXPLAIN shop 3y");
    assert_eq!(*explained.get("found"), 2);
}

#[test]
fn a_week_of_two_months_is_found_in_its_own_bucket() {
    let server = Server::start();
    let mut connection = server.connection();
    // The week that the first of a month not long ago was in, unless it began with it.
    const MONDAY: i64 = 4 * DAY;
    let months = (30..140).map(|days| connection.now() - days * DAY);
    let firsts = months.filter(|time| at(*time, "UTC").day() == 1);
    let weeks = firsts.map(|first| (first, MONDAY + floor(first - MONDAY, 7 * DAY)));
    let (_, week) = { weeks }
        .find(|(first, week)| floor(*first, DAY) != *week)
        .expect("not all of three months begin with a Monday");
    let string = native(&mut connection, &["ann", "bob", "cleo"].map(str::to_owned));
    let imported = import_as(
        &mut connection,
        &format!("week {week}"),
        "users",
        &string,
        "",
    );
    assert_eq!(imported, 1);
    let line = format!("ANALYTICS.UNIQUE shop {week}..{}", week + 7 * DAY);
    assert_eq!(connection.run(&line), 3);
}

#[test]
fn a_row_is_part_of_the_whole_and_a_cell_of_its_rows() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop CUBE event,country DIM plan NOUSERS CUBE country,plan")
        .ok();
    let time = connection.now() - 2 * DAY;
    let day = format!("day {time}");
    for (what, row, range) in [
        ("users", "country FR", 0..100),
        ("users", "country DE event buy", 100..300),
        ("users", "plan pro country US", 300..600),
        ("users", "page /", 600..1_000),
        ("sessions", "event buy", 0..50),
    ] {
        let string = native(&mut connection, &users(range.start, range.end));
        let reply = import_as(&mut connection, &day, what, &string, row);
        assert_eq!(reply, 1, "{row}");
    }
    let near = |found: i64, truth: i64| (found - truth).abs() <= truth * 4 / 100;
    let window = day_of(time);
    for (metric, truth) in [
        ("users", 1_000),
        ("users@country=FR", 100),
        ("users@country=DE", 200),
        ("users@event=buy", 200),
        ("users@event=buy&country=DE", 200),
        ("users@event=buy&country=FR", 0),
        ("users@country=US", 300),
        ("users@country=US&plan=pro", 300),
        ("users@page=/", 400),
        ("sessions", 50),
        ("sessions@event=buy", 50),
        ("sessions@country=FR", 0),
        ("events", 0),
        ("events@country=FR", 0),
    ] {
        let reply = connection.run(&format!("ANALYTICS.GET shop {window} {metric}"));
        assert!(near(reply.at(0).int(), truth), "{metric}: {reply:?}");
    }
    let top = connection.run(&format!("ANALYTICS.TOP shop {window} country BY users"));
    let values: Vec<&str> = top.array().iter().map(|row| row.at(0).text()).collect();
    assert_eq!(values, ["US", "DE", "FR"]);
    let top = connection.run(&format!("ANALYTICS.TOP shop {window} country"));
    assert!(top.array().is_empty(), "{top:?}");
    let info = connection.run("ANALYTICS.INFO shop");
    assert!(info
        .get("dimensions")
        .array()
        .iter()
        .any(|it| *it.at(0) == "page"));
}

#[test]
fn imported_rows_take_no_place_from_those_that_count() {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE shop CAPACITY 3").ok();
    let time = connection.now() - 2 * HOUR;
    let day = format!("hour {time}");
    track(
        &mut connection,
        "shop",
        &users(0, 5),
        &format!("AT {time} DIM page a"),
    );
    for page in ["b", "c", "d", "e", "~other"] {
        let row = format!("page {page}");
        let string = native(&mut connection, &[page.to_owned()]);
        assert_eq!(import_as(&mut connection, &day, "users", &string, &row), 1);
        let before = Trace::of(&mut connection);
        assert_eq!(import_as(&mut connection, &day, "users", &string, &row), 0);
        assert_eq!(Trace::of(&mut connection), before);
    }
    let window = format!("{}..{}", floor(time, HOUR), floor(time, HOUR) + HOUR);
    let top = connection.run(&format!("ANALYTICS.TOP shop {window} page BY users"));
    let rows: Vec<(&str, i64)> = top
        .array()
        .iter()
        .map(|row| (row.at(0).text(), row.at(1).int()))
        .collect();
    assert_eq!(rows, [("a", 5), ("b", 1), ("c", 1), ("~other", 3)]);
    let key = buckets("shop", "UTC", time)[1].key.clone();
    let dump = connection.dump(&key);
    cmd!(connection, "RESTORE", "copy", 0, dump).ok();
    assert_eq!(connection.dump("copy"), connection.dump(&key));
    track(
        &mut connection,
        "shop",
        &users(5, 9),
        &format!("AT {time} DIM page e"),
    );
    assert_eq!(
        *connection
            .run(&format!("ANALYTICS.TOP shop {window} page"))
            .at(1)
            .at(0),
        "e"
    );
}
