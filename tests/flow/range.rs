//! `ANALYTICS.RANGE`: every point of a series against plain code over the raw events.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use jiff::ToSpan;
use testkit::calendar::{at, floor, millis, DAY, HOUR, MINUTE, SECOND};
use testkit::{encode, Arg, Connection, Random, Reply, Server};

struct Event {
    time: i64,
    user: u64,
    kind: &'static str,
    /// In quarters: sums of those are exact in any order.
    latency: Option<i64>,
}

impl Event {
    fn random(random: &mut Random, now: i64) -> Event {
        let age = match random.below(4) {
            0 => 55 * MINUTE,
            1 => 6 * DAY,
            2 => 300 * DAY,
            _ => 1_000 * DAY,
        };
        Event {
            time: now - random.below(age as u64) as i64,
            user: random.below(900),
            kind: random.pick::<&str>(&["view", "buy", "leave"]),
            latency: random.one_in(2).then(|| 1 + random.below(4_000) as i64),
        }
    }

    fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = vec![
            "ANALYTICS.TRACK".into(),
            "shop".into(),
            self.kind.into(),
            format!("user-{}", self.user),
            "AT".into(),
            self.time.to_string(),
        ];
        if let Some(latency) = self.latency {
            let latency = latency as f64 / 4.0;
            words.extend(["VAL".into(), "latency".into(), latency.to_string()]);
        }
        words
    }
}

fn track(connection: &mut Connection, events: &[Event]) {
    let mut request = Vec::new();
    for event in events {
        let words = event.words();
        let words: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &words);
    }
    for reply in connection.exchange(&request, events.len()) {
        assert_eq!(reply, 1);
    }
}

/// The series of one metric: when each point begins, and its number.
fn points(series: &Reply) -> Vec<(i64, &Reply)> {
    let mut points = Vec::new();
    for point in series.array() {
        assert_eq!(point.array().len(), 2);
        points.push((point.at(0).int(), point.at(1)));
    }
    points
}

#[track_caller]
fn range(connection: &mut Connection, line: &str) -> Reply {
    connection.run(&format!("ANALYTICS.RANGE shop {line}"))
}

/// The counts of the only metric of a range.
#[track_caller]
fn counts(connection: &mut Connection, line: &str) -> Vec<i64> {
    let reply = range(connection, line);
    { points(reply.at(0)).iter() }
        .map(|(_, count)| count.int())
        .collect()
}

/// Where the point after one that begins here begins.
fn next(step: &str, from: i64, zone: &str) -> i64 {
    let from = at(from, zone);
    let (number, unit) =
        step.split_at(step.len() - step.trim_start_matches(char::is_numeric).len());
    let number: i64 = number.parse().expect("a number");
    let span = match unit {
        "s" => return millis(&from) + number * SECOND,
        "m" => return millis(&from) + number * MINUTE,
        "h" => return millis(&from) + number * HOUR,
        "d" => number.days(),
        "w" => number.weeks(),
        _ => number.months(),
    };
    millis(&(from.date() + span).in_tz(zone).expect("a day"))
}

/// What a metric is of these events; None for null.
fn exact(metric: &str, events: &[Event], seconds: f64) -> Option<f64> {
    let of_kind = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    let mut latencies: Vec<i64> = events.iter().filter_map(|event| event.latency).collect();
    latencies.sort_unstable();
    let count = latencies.len();
    let sum = latencies.iter().sum::<i64>() as f64 / 4.0;
    let quarter = |quarters: Option<&i64>| quarters.map(|quarters| *quarters as f64 / 4.0);
    match metric {
        "events" => Some(events.len() as f64),
        "events:rate" => Some(events.len() as f64 / seconds),
        "events@event=buy" => Some(of_kind("buy") as f64),
        "users" => {
            let users: HashSet<u64> = events.iter().map(|event| event.user).collect();
            Some(users.len() as f64)
        }
        "latency:count" => Some(count as f64),
        "latency:sum" => Some(sum),
        "latency:avg" => (count > 0).then(|| sum / count as f64),
        "latency:min" => quarter(latencies.first()),
        "latency:max" => quarter(latencies.last()),
        "latency:p95" => quarter(latencies.get(((count as f64 * 0.95).ceil() as usize).max(1) - 1)),
        _ => panic!("no metric of this test: {metric}"),
    }
}

const COUNTED: [&str; 8] = [
    "events",
    "events:rate",
    "events@event=buy",
    "latency:count",
    "latency:sum",
    "latency:avg",
    "latency:min",
    "latency:max",
];
const WHOLE: [&str; 4] = ["events", "users", "latency:p95", "latency:sum"];

#[test]
fn every_point_is_what_plain_code_finds_in_the_events() {
    let mut random = Random::new(41);
    for zone in ["Europe/Paris", "Asia/Kolkata", "America/New_York", "UTC"] {
        let server = Server::start();
        let mut connection = server.connection();
        connection
            .run(&format!("ANALYTICS.CREATE shop TZ {zone}"))
            .ok();
        let now = connection.now();
        let mut events: Vec<Event> = (0..6_000)
            .map(|_| Event::random(&mut random, now))
            .collect();
        track(&mut connection, &events);
        events.sort_by_key(|event| event.time);
        let before = connection.digest_of_all();
        for (age, length, step, metrics) in [
            (50 * MINUTE, 50 * MINUTE, "1s", &COUNTED[..]),
            (50 * MINUTE, 20 * MINUTE, "30s", &COUNTED),
            (20 * HOUR, 20 * HOUR, "1m", &COUNTED),
            (6 * DAY, 3 * DAY, "15m", &COUNTED),
            (5 * DAY, 5 * DAY, "1h", &COUNTED),
            (300 * DAY, 40 * DAY, "1h", &COUNTED),
            (300 * DAY, 300 * DAY, "1d", &COUNTED),
            (900 * DAY, 800 * DAY, "1d", &COUNTED),
            (900 * DAY, 900 * DAY, "1w", &COUNTED),
            (900 * DAY, 900 * DAY, "1mo", &COUNTED),
            (50 * MINUTE, 50 * MINUTE, "1m", &WHOLE),
            (50 * MINUTE, 50 * MINUTE, "5m", &WHOLE),
            (6 * DAY, 6 * DAY, "1h", &WHOLE),
            (300 * DAY, 300 * DAY, "1d", &WHOLE),
            (700 * DAY, 700 * DAY, "1w", &WHOLE),
            (900 * DAY, 900 * DAY, "3mo", &WHOLE),
        ] {
            let window = (now - age, now - age + length);
            let line = format!("{}..{} {step} {}", window.0, window.1, metrics.join(" "));
            let reply = range(&mut connection, &line);
            assert_eq!(reply.array().len(), metrics.len(), "{line}");
            for (metric, series) in metrics.iter().zip(reply.array()) {
                let points = points(series);
                assert!(points[0].0 <= window.0 && window.0 < next(step, points[0].0, zone));
                let end = points.iter().fold(points[0].0, |from, point| {
                    assert_eq!(from, point.0, "{line}: no holes");
                    let to = next(step, from, zone);
                    let place = |time| events.partition_point(|event| event.time < time);
                    let events = &events[place(from)..place(to)];
                    let seconds = (to - from) as f64 / 1_000.0;
                    let expected = exact(metric, events, seconds);
                    // The clock has moved on since, in a point that is not over.
                    if *metric != "events:rate" || to <= now {
                        let place = format!("{line}: {metric} at {from}");
                        compare(metric, point.1, expected, &place);
                    }
                    to
                });
                assert!(
                    window.1 <= end && points[points.len() - 1].0 < window.1,
                    "{line}"
                );
            }
        }
        assert_eq!(
            connection.digest_of_all(),
            before,
            "a query changes nothing"
        );
    }
}

fn compare(metric: &str, found: &Reply, expected: Option<f64>, place: &str) {
    let Some(expected) = expected else {
        return assert!(found.is_nil(), "{place}: {found:?} is not null");
    };
    let number = found.double();
    let most = match metric {
        "latency:p95" => expected * 0.01,
        _ => 0.0,
    };
    assert!(
        (number - expected).abs() <= most,
        "{place}: {number} is not {expected}"
    );
}

#[test]
fn days_have_as_many_hours_as_the_clocks_make_them() {
    let server = Server::start();
    let mut connection = server.connection();
    let zone = "Europe/Paris";
    connection
        .run(&format!("ANALYTICS.CREATE shop TZ {zone} RETENTION day 3y"))
        .ok();
    let now = connection.now();
    let paris = TimeZone::get(zone).expect("a known zone");
    let week_ago = at(now - 7 * DAY, zone).timestamp();
    for change in paris.preceding(week_ago).take(2) {
        let day = change.timestamp().to_zoned(paris.clone()).date();
        let start = |days: i64| millis(&(day + days.days()).in_tz(zone).expect("a day"));
        let hours = (start(1) - start(0)) / HOUR;
        assert!(hours == 23 || hours == 25);
        // One event in the first hour of the day, two in the second, and so on.
        for hour in 0..hours {
            for event in 0..=hour {
                let time = start(0) + hour * HOUR + event;
                let line = format!("ANALYTICS.TRACK shop view u{event} AT {time}");
                assert_eq!(connection.run(&line), 1);
            }
        }
        let window = format!("{day}..{}", day + 1.day());
        let expected: Vec<i64> = (1..=hours).collect();
        assert_eq!(
            counts(&mut connection, &format!("{window} 1h events")),
            expected
        );
        let total = hours * (hours + 1) / 2;
        let days = format!("{}..{} 1d", day - 1.day(), day + 2.days());
        assert_eq!(
            counts(&mut connection, &format!("{days} events")),
            [0, total, 0]
        );
        assert_eq!(
            counts(&mut connection, &format!("{days} users")),
            [0, hours, 0]
        );
        let reply = range(&mut connection, &format!("{days} events"));
        let days: Vec<i64> = points(reply.at(0)).iter().map(|(time, _)| *time).collect();
        assert_eq!(days, [start(-1), start(0), start(1)]);
    }
}

#[test]
fn replies_have_one_shape_in_both_protocols() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let minute = floor(now, MINUTE) - 2 * MINUTE;
    for (time, latency) in [(minute, "12.5"), (minute + SECOND, "2.5")] {
        let line = format!("ANALYTICS.TRACK shop view ann AT {time} VAL latency {latency}");
        assert_eq!(connection.run(&line), 1);
    }
    let line = format!(
        "{}..{} 1m events users latency:avg latency:sum latency:p50",
        minute - MINUTE,
        minute + MINUTE
    );
    let point = |time: i64, number: Reply| Reply::Array(vec![Reply::Int(time), number]);
    let series = |first: Reply, second: Reply| {
        Reply::Array(vec![point(minute - MINUTE, first), point(minute, second)])
    };
    let bulk = |text: &str| Reply::Bulk(text.into());
    let two = range(&mut connection, &line);
    assert_eq!(two.at(0), &series(Reply::Int(0), Reply::Int(2)));
    assert_eq!(two.at(1), &series(Reply::Int(0), Reply::Int(1)));
    assert_eq!(two.at(2), &series(Reply::Nil, bulk("7.5")));
    assert_eq!(two.at(3), &series(bulk("0"), bulk("15")));
    connection.hello3();
    let three = range(&mut connection, &line);
    assert_eq!(three.array().len(), 5);
    assert_eq!(three.at(0), two.at(0));
    assert_eq!(three.at(2), &series(Reply::Nil, Reply::Double(7.5)));
    assert_eq!(
        three.at(3),
        &series(Reply::Double(0.0), Reply::Double(15.0))
    );
    let median = points(three.at(4))[1].1.double();
    assert!((median - 2.5).abs() < 0.025, "{median}");
}

#[test]
fn a_site_that_does_not_exist_has_a_grid_of_nothing() {
    let server = Server::start();
    let mut connection = server.connection();
    let reply = range(
        &mut connection,
        "2024-07-04..2024-07-05 1h events users revenue:max",
    );
    for (metric, is_null) in [(0, false), (1, false), (2, true)] {
        let points = points(reply.at(metric));
        assert_eq!(points.len(), 24);
        for (hour, (time, number)) in (0..).zip(points) {
            assert_eq!(time, 1_720_051_200_000 + hour * HOUR);
            assert!(if is_null {
                number.is_nil()
            } else {
                *number == 0
            });
        }
    }
    assert!(connection.keys().is_empty());
}

#[test]
fn auto_takes_a_step_that_makes_about_a_hundred_points() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for days in 0..400 {
        let line = format!("ANALYTICS.TRACK shop view u{days} AT {}", now - days * DAY);
        assert_eq!(connection.run(&line), 1);
    }
    for (window, metric, most, least, sum) in [
        ("1m", "events", 62, 60, 1),
        ("24h", "events", 98, 96, 1),
        ("7d", "events", 86, 84, 7),
        ("24h", "users", 26, 24, 1),
        ("90d", "events", 92, 90, 90),
        ("90d", "users", 92, 90, 90),
    ] {
        let counts = counts(&mut connection, &format!("{window} auto {metric}"));
        assert!(
            (least..=most).contains(&counts.len()),
            "{window}: {}",
            counts.len()
        );
        // The first point is whole and may hold what comes before the window.
        let total: i64 = counts.iter().sum();
        assert!(
            (sum..=sum + 1).contains(&total),
            "{window} {metric}: {total}"
        );
    }
}

#[test]
fn what_is_wrong_is_named() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for age in [0, 2 * HOUR, 20 * DAY] {
        let line = format!("ANALYTICS.TRACK shop view ann AT {}", now - age);
        assert_eq!(connection.run(&line), 1);
    }
    for (line, message) in [
        ("24h 5x events", "ERR step '5x' is not auto and not a duration such as 10s, 5m, 1h, 1d, 1w or 1mo"),
        ("24h 500ms events", "ERR step '500ms' is not a whole number of seconds, and nothing finer is kept"),
        ("24h 1s events", "ERR step 1s is finer than what is still kept of all the window: the finest is 1m"),
        ("30d 1m events", "ERR step 1m is finer than what is still kept of all the window: the finest is 1h"),
        (
            "24h 1m users",
            "ERR step 1m is finer than what is still kept of all the window: the finest for distinct counts \
             and percentiles is 1h",
        ),
        (
            "3y 1s users",
            "ERR step 1s is finer than what is still kept of all the window: the finest for distinct counts \
             and percentiles is 1d",
        ),
        ("90m..now 1m events", "ERR window: its from '90m' is not milliseconds"),
        ("1h 1m latency", "ERR metric 'latency': a value needs an aggregate"),
        ("1h 1m", "ERR wrong number of arguments for 'analytics.range' command"),
    ] {
        let reply = range(&mut connection, line);
        assert!(reply.error().starts_with(message), "{line}: {reply:?}");
    }
    let too_many = range(&mut connection, "2020-01-01..2024-01-01 1m events");
    assert!(
        too_many.error().contains("more than 20000 points"),
        "{too_many:?}"
    );
    // Points times metrics, of which a ratio is two.
    let values = "2024-12-11T00Z..2024-12-11T05Z 1s events events:rate/events events@event=view";
    let too_many = range(&mut connection, values);
    assert!(
        too_many.error().starts_with(
            "ERR 18000 points of 4 metrics are 72000 values, and a range has at most 50000"
        ),
        "{too_many:?}"
    );
    // Two days of minutes are kept, and 2,880 points.
    assert_eq!(
        counts(&mut connection, "2d 1m events").iter().sum::<i64>(),
        2
    );
    connection.run("SET shop text");
    assert!(range(&mut connection, "1h 1m events")
        .error()
        .starts_with("WRONGTYPE"));
}
