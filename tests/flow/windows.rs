//! What a window answers: each event once, and only those of the window, whatever has become of minutes,
//! hours, or the key of the site.

use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::{cmd, encode, Arg, Connection, ManualClock, Reply, Server};

const SECOND: i64 = 1_000;

/// A server whose clock stands at this time of the present day, in UTC.
fn server_at(time_of_day: i64) -> (Server, Connection, ManualClock) {
    let mut clock = ManualClock::new();
    clock.set(floor(clock.now(), DAY) + time_of_day);
    let server = Server::with().manual_clock(&clock).start();
    let connection = server.connection();
    (server, connection, clock)
}

/// Sends events of one user each, as (time, value).
fn send(connection: &mut Connection, events: impl Iterator<Item = (i64, f64)>) {
    let (mut request, mut count) = (Vec::new(), 0);
    for (n, (time, value)) in events.enumerate() {
        let user = format!("user-{n}");
        let args: [&dyn Arg; 10] = [
            &"ANALYTICS.TRACK",
            &"shop",
            &"view",
            &user,
            &"AT",
            &time,
            &"VAL",
            &"lat",
            &value,
            &"",
        ];
        encode(&mut request, &args[..9]);
        count += 1;
    }
    for reply in connection.exchange(&request, count) {
        assert_eq!(reply, 1);
    }
}

fn numbers(reply: &Reply) -> Vec<f64> {
    let number = |reply: &Reply| match reply {
        Reply::Nil => f64::NAN,
        Reply::Int(number) => *number as f64,
        number => number.double(),
    };
    reply.array().iter().map(number).collect()
}

fn is_near(number: f64, expected: f64) -> bool {
    (number / expected - 1.0).abs() < 0.01
}

#[test]
fn a_number_beside_minutes_that_are_kept_is_in_a_percentile_once() {
    let (_server, mut connection, clock) = server_at(15 * HOUR + 50 * MINUTE);
    let now = clock.now();
    // Both are in the hour of 14:00; the minute of 14:44 is gone, that of 14:55 is not.
    let old = (0..1_000).map(|n| (now - 66 * MINUTE + n, 10.0));
    let late = (0..600).map(|n| (now - 55 * MINUTE + n, 1_000.0));
    send(&mut connection, old.chain(late));
    for window in ["68m", "3h"] {
        let reply = cmd!(
            connection,
            "ANALYTICS.GET",
            "shop",
            window,
            "events",
            "lat:count",
            "lat:avg",
            "lat:p50",
            "lat:p70"
        );
        let found = numbers(&reply);
        assert_eq!(found[..3], [1_600.0, 1_600.0, 381.25], "{window}");
        assert!(
            is_near(found[3], 10.0) && is_near(found[4], 1_000.0),
            "{window}: {found:?}"
        );
        let top = cmd!(
            connection,
            "ANALYTICS.TOP",
            "shop",
            window,
            "event",
            "BY",
            "lat:p50"
        );
        assert!(is_near(top.at(0).at(1).double(), 10.0), "{top:?}");
        let compared = cmd!(connection, "ANALYTICS.COMPARE", "shop", window, "lat:p50");
        assert!(is_near(compared.at(0).at(0).double(), 10.0), "{compared:?}");
    }
}

#[test]
fn a_number_beside_a_midnight_inside_an_hour_is_in_a_percentile_once() {
    // In Kolkata it is 16:00, and midnight was at 18:30.
    let (_server, mut connection, clock) = server_at(10 * HOUR + 30 * MINUTE);
    cmd!(connection, "ANALYTICS.CREATE", "shop", "TZ", "Asia/Kolkata").ok();
    let midnight = floor(clock.now(), DAY) - 5 * HOUR - 30 * MINUTE;
    let three = (0..1_000).map(|n| (midnight + 3 * HOUR + n, 10.0));
    let ten_past = (0..600).map(|n| (midnight + 10 * MINUTE + n, 1_000.0));
    send(&mut connection, three.chain(ten_past));
    for window in ["24h", "today"] {
        let reply = cmd!(
            connection,
            "ANALYTICS.GET",
            "shop",
            window,
            "lat:count",
            "lat:p50"
        );
        let found = numbers(&reply);
        assert!(
            found[0] == 1_600.0 && is_near(found[1], 10.0),
            "{window}: {found:?}"
        );
    }
}

/// One new user a minute, for so long.
fn steady(connection: &mut Connection, now: i64, for_so_long: i64) {
    let minutes = for_so_long / MINUTE;
    send(
        connection,
        (0..minutes).map(|n| (now - (minutes - n) * MINUTE + 20 * SECOND, 7.0)),
    );
}

#[test]
fn users_are_those_of_the_window_and_not_of_the_hours_around_it() {
    let (_server, mut connection, clock) = server_at(15 * HOUR + 37 * MINUTE + 13 * SECOND);
    let now = clock.now();
    steady(&mut connection, now, 3 * DAY);
    let check = |connection: &mut Connection, window: &str| {
        let reply = cmd!(
            connection,
            "ANALYTICS.GET",
            "shop",
            window,
            "events",
            "users",
            "lat:count"
        );
        let found = numbers(&reply);
        // Beyond some thousand users the sketch has its standard error.
        let allowed = if found[0] < 2_500.0 {
            1.0
        } else {
            0.025 * found[0]
        };
        assert!(
            (found[0] - found[1]).abs() <= allowed,
            "{window}: {found:?}"
        );
        assert_eq!(found[0], found[2], "{window}");
        let unique = cmd!(connection, "ANALYTICS.UNIQUE", "shop", window).int();
        assert_eq!(unique as f64, found[1], "{window}");
        let top = cmd!(
            connection,
            "ANALYTICS.TOP",
            "shop",
            window,
            "event",
            "BY",
            "users"
        );
        assert_eq!(top.at(0).at(1).int(), unique, "{window}");
    };
    for window in ["5m", "68m", "75m", "2h", "5h", "24h", "30h", "47h", "today"] {
        check(&mut connection, window);
    }
    for (ago, length) in [(90, 5), (200, 5), (1_000, 17), (2_000, 150)] {
        let from = now - ago * MINUTE;
        check(
            &mut connection,
            &format!("{from}..{}", from + length * MINUTE),
        );
    }
}

#[test]
fn steady_traffic_has_no_change_and_fires_no_rule() {
    let (_server, mut connection, mut clock) = server_at(3 * MINUTE);
    steady(&mut connection, clock.now(), 15 * DAY);
    for window in ["1h", "2h", "24h", "7d", "today"] {
        for (name, op, than) in [("falls", "change<", "-5"), ("grows", "change>", "5")] {
            let name = format!("{name}-{window}");
            cmd!(
                connection,
                "ANALYTICS.ALERT",
                "shop",
                "SET",
                name,
                "users",
                window,
                op,
                than
            )
            .ok();
        }
    }
    // Ahead of the clock, so that there is no moment without traffic.
    cmd!(connection, "CONFIG", "SET", "analytics.max-future", 2 * DAY).ok();
    let minutes = (0..26 * 60).map(|n| clock.now() + n * MINUTE + 20 * SECOND);
    for (n, time) in minutes.enumerate() {
        let user = format!("later-{n}");
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
    let mut known = 0;
    for step in [
        57 * SECOND,
        37 * MINUTE,
        23 * MINUTE,
        127 * MINUTE,
        9 * HOUR,
        11 * HOUR,
    ] {
        clock.step(step);
        for window in ["30m", "1h", "2h", "24h", "7d", "today"] {
            let reply = cmd!(
                connection,
                "ANALYTICS.COMPARE",
                "shop",
                window,
                "events",
                "users"
            );
            for row in reply.array() {
                let found = numbers(row);
                let allowed = 1.0 + found[1] * 0.017;
                assert!(
                    found[2].is_nan() || (found[0] - found[1]).abs() <= allowed,
                    "{window} {step}: {found:?}"
                );
                known += i32::from(!found[2].is_nan());
            }
        }
        let rules = cmd!(connection, "ANALYTICS.ALERT", "shop", "LIST");
        for rule in rules.array() {
            assert_eq!(rule.get("state").text(), "ok", "{rule:?}");
        }
    }
    assert!(known > 60, "{known}");
}

/// Five users an hour and a half ago, and two now.
fn seven(connection: &mut Connection, now: i64) {
    let old = (0..5).map(|n| (now - 3 * HOUR - n * MINUTE, 1.0));
    send(
        connection,
        old.chain((0..2).map(|n| (now - 20 * MINUTE - n, 1.0))),
    );
}

fn assert_two_of_seven(connection: &mut Connection, now: i64, how: &str) {
    for (window, expected) in [
        ("1h", 2),
        ("30m", 2),
        ("1m", 0),
        ("today", 7),
        ("24h", 7),
        ("1y", 7),
    ] {
        let events = cmd!(
            connection,
            "ANALYTICS.GET",
            "shop",
            window,
            "events",
            "users"
        );
        assert_eq!(
            numbers(&events),
            [f64::from(expected); 2],
            "{how}: {window}"
        );
    }
    let window = format!("{}..{}", now - 4 * HOUR, now - HOUR);
    assert_eq!(
        cmd!(connection, "ANALYTICS.UNIQUE", "shop", window),
        5,
        "{how}"
    );
    let series = cmd!(connection, "ANALYTICS.RANGE", "shop", "6h", "1h", "events");
    let counts = series.at(0).array().iter().map(|point| point.at(1).int());
    assert_eq!(counts.sum::<i64>(), 7, "{how}: {series:?}");
}

#[test]
fn an_answer_does_not_depend_on_the_key_of_the_site() {
    let (_server, mut connection, clock) = server_at(15 * HOUR + 37 * MINUTE);
    let now = clock.now();
    seven(&mut connection, now);
    assert_two_of_seven(&mut connection, now, "as sent");
    // An event of long ago is all that the new key of the site records.
    let again = |connection: &mut Connection, time: i64| {
        let event = format!("ANALYTICS.TRACK shop late eve AT {time}");
        assert_eq!(connection.run(&event), 1);
    };
    for (how, command) in [
        ("deleted", "DEL shop"),
        ("expired", "PEXPIRE shop 0"),
        ("renamed", "RENAME shop other"),
    ] {
        assert!(!connection.run(command).is_error(), "{command}");
        again(&mut connection, now - 400 * DAY);
        for window in ["1h", "1m", "today", "24h"] {
            let events = cmd!(connection, "ANALYTICS.GET", "shop", window, "events")
                .at(0)
                .int();
            let expected = match window {
                "1h" => 2,
                "1m" => 0,
                _ => 7,
            };
            assert_eq!(events, expected, "{how}: {window}");
        }
        assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1m"), 0, "{how}");
    }
}

#[test]
fn one_event_after_the_key_was_deleted_counts_beside_all_that_are_there() {
    let (_server, mut connection, clock) = server_at(15 * HOUR + 37 * MINUTE);
    let now = clock.now();
    seven(&mut connection, now);
    assert_eq!(connection.run("DEL shop"), 1);
    assert_two_of_seven(&mut connection, now, "without the site");
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    for (window, expected) in [("1h", 3), ("1m", 1), ("today", 8), ("1y", 8)] {
        let found = cmd!(
            connection,
            "ANALYTICS.GET",
            "shop",
            window,
            "events",
            "users"
        );
        assert_eq!(numbers(&found), [f64::from(expected); 2], "{window}");
    }
}

#[test]
fn an_older_copy_of_the_site_hides_no_event() {
    let (_server, mut connection, mut clock) = server_at(15 * HOUR + 37 * MINUTE);
    connection.run("ANALYTICS.CREATE shop").ok();
    let empty = connection.run("DUMP shop");
    seven(&mut connection, clock.now());
    let restored = cmd!(connection, "RESTORE", "shop", 0, empty.bytes(), "REPLACE");
    restored.ok();
    assert_two_of_seven(&mut connection, clock.now(), "restored");
    let older = connection.run("DUMP shop");
    clock.step(2 * HOUR);
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    cmd!(connection, "RESTORE", "shop", 0, older.bytes(), "REPLACE").ok();
    for (window, expected) in [("1h", 1), ("5m", 1), ("today", 8)] {
        let found = cmd!(connection, "ANALYTICS.GET", "shop", window, "events");
        assert_eq!(found.at(0).int(), expected, "{window}");
    }
}

#[test]
fn a_granularity_that_is_switched_on_is_complete_after_all_events_so_far() {
    let (_server, mut connection, clock) = server_at(15 * HOUR + 37 * MINUTE);
    let now = clock.now();
    connection
        .run("ANALYTICS.CREATE shop RETENTION minute off")
        .ok();
    send(
        &mut connection,
        [(now - MINUTE, 1.0), (now + 4 * MINUTE, 1.0)].into_iter(),
    );
    connection
        .run("ANALYTICS.ALTER shop RETENTION minute 1h")
        .ok();
    let window = format!("{}..{}", now - 10 * MINUTE, now + 10 * MINUTE);
    for window in [
        window,
        format!("{}..{}", now + 4 * MINUTE, now + 5 * MINUTE),
    ] {
        let events = cmd!(connection, "ANALYTICS.GET", "shop", window, "events")
            .at(0)
            .int();
        assert!(events >= 1, "{window}: {events}");
    }
}

#[test]
fn a_dashboard_says_of_today_what_get_does() {
    let (_server, mut connection, clock) = server_at(15 * HOUR + 37 * MINUTE);
    let now = clock.now();
    let times = [-3 * HOUR, -MINUTE, 0, MINUTE, 4 * MINUTE];
    send(
        &mut connection,
        times.into_iter().map(|after| (now + after, 1.0)),
    );
    let dashboard = connection.run("ANALYTICS.DASHBOARD shop");
    let today = dashboard.get("today");
    let got = connection.run("ANALYTICS.GET shop today events users");
    assert_eq!(
        [today.get("events"), today.get("users")],
        [got.at(0), got.at(1)]
    );
    assert_eq!(got.at(0).int(), 3);
    let top = dashboard.get("top").get("event").at(0);
    assert_eq!(top.at(1), got.at(0));
}
