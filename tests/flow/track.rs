//! `ANALYTICS.TRACK`: what it replies, which keys it makes, when they expire, what counts.

use crate::calendar::{at, buckets, floor, Expected, DAY, HOUR, MINUTE};
use crate::client::Connection;
use crate::server::Server;
use crate::state::State;

/// The middle of a minute some minutes ago: every bucket of it lives for most of an hour.
fn recent(connection: &mut Connection) -> i64 {
    floor(connection.now() - 5 * MINUTE, MINUTE) + 30_000
}

fn expiries(connection: &mut Connection) -> Vec<Expected> {
    let state = State::of(connection);
    let entry = |(key, _, expiry): (&[u8], &[u8], i64)| Expected {
        key: String::from_utf8_lossy(key).into_owned(),
        expiry,
    };
    state.entries().map(entry).collect()
}

/// The site key without an expiry, and these buckets with theirs.
#[track_caller]
fn assert_keys(connection: &mut Connection, site: &str, buckets: &[Expected]) {
    let mut expected = buckets.to_vec();
    expected.push(Expected {
        key: site.to_owned(),
        expiry: -1,
    });
    expected.sort();
    assert_eq!(expiries(connection), expected);
}

fn unique(connection: &mut Connection, site: &str, window: &str) -> i64 {
    cmd!(connection, "ANALYTICS.UNIQUE", site, window).int()
}

#[test]
fn one_event_makes_the_site_and_one_bucket_of_each_granularity() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = recent(&mut connection);
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
    assert_keys(&mut connection, "shop", &buckets("shop", "UTC", time));
    for key in connection.keys() {
        let kind = cmd!(connection, "TYPE", key);
        let expected = ["anabucket", "analytics"][usize::from(key == "shop")];
        assert_eq!(kind, expected, "{key}");
    }
}

#[test]
fn more_events_of_the_same_minute_make_no_more_keys_and_move_no_expiry() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = recent(&mut connection);
    for user in 0..50 {
        let time = time - 30_000 + 1_000 * user;
        assert_eq!(
            cmd!(
                connection,
                "ANALYTICS.TRACK",
                "shop",
                "view",
                user,
                "AT",
                time
            ),
            1
        );
    }
    assert_keys(&mut connection, "shop", &buckets("shop", "UTC", time));
    assert_eq!(unique(&mut connection, "shop", "1h"), 50);
}

#[test]
fn days_weeks_and_months_are_those_of_the_sites_zone() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = recent(&mut connection);
    for zone in [
        "Europe/Paris",
        "Asia/Kolkata",
        "America/New_York",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "Australia/Lord_Howe",
    ] {
        cmd!(connection, "ANALYTICS.CREATE", "shop", "TZ", zone).ok();
        for time in [time, time - 11 * HOUR, time - 23 * HOUR] {
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
        let mut expected: Vec<Expected> = [time, time - 11 * HOUR, time - 23 * HOUR]
            .into_iter()
            .flat_map(|time| buckets("shop", zone, time))
            .filter(|bucket| bucket.expiry > time + 5 * MINUTE)
            .collect();
        expected.sort();
        expected.dedup();
        assert_keys(&mut connection, "shop", &expected);
        connection.run("FLUSHALL").ok();
    }
}

#[test]
fn an_expiry_is_the_end_of_the_period_and_the_sites_retention() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run(
            "ANALYTICS.CREATE shop TZ Europe/Paris RETENTION minute off RETENTION hour off \
             RETENTION day 250y RETENTION week 500y RETENTION month 12mo",
        )
        .ok();
    let event = "ANALYTICS.TRACK shop view ann AT 2024-07-04T10:30:00+02:00";
    assert_eq!(connection.run(event), 1);
    let expiry = |label: &str, date: &str| Expected {
        key: format!("{{shop}}:{label}"),
        expiry: crate::calendar::millis(
            &date
                .parse::<jiff::civil::Date>()
                .and_then(|date| date.in_tz("Europe/Paris"))
                .expect("a date"),
        ),
    };
    // The month bucket was over in August 2025.
    assert_keys(
        &mut connection,
        "shop",
        &[
            expiry("day:2024-07-04", "2274-07-05"),
            expiry("week:2024-W27", "2524-07-08"),
        ],
    );
}

#[test]
fn a_time_is_milliseconds_or_iso_8601_in_the_sites_zone_or_now() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = floor(recent(&mut connection), 1_000);
    let local = at(time, "Asia/Kolkata");
    let forms = [
        time.to_string(),
        at(time, "UTC").strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        at(time, "UTC")
            .strftime("%Y-%m-%d %H:%M:%S.000+00:00")
            .to_string(),
        local.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        local.strftime("%Y-%m-%dT%H:%M:%S+05:30").to_string(),
    ];
    let mut digests = Vec::new();
    for form in forms {
        connection.run("ANALYTICS.CREATE shop TZ Asia/Kolkata").ok();
        let reply = cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "at",
            form
        );
        assert_eq!(reply, 1, "{form}");
        assert_keys(
            &mut connection,
            "shop",
            &buckets("shop", "Asia/Kolkata", time),
        );
        digests.push(connection.digest_of_all());
        connection.run("FLUSHALL").ok();
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);

    for now in ["", "AT *"] {
        let before = connection.now();
        assert_eq!(
            connection.run(&format!("ANALYTICS.TRACK now view ann {now}")),
            1
        );
        let after = connection.now();
        let info = connection.run("ANALYTICS.INFO now");
        let at = info.get("first-event").int();
        assert!((before..=after).contains(&at), "{before} {at} {after}");
        connection.run("FLUSHALL").ok();
    }
}

#[test]
fn a_late_event_updates_every_granularity_that_is_still_kept() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for (age, kept) in [
        (50 * MINUTE, 5),
        (2 * HOUR, 4),
        (6 * DAY, 4),
        (9 * DAY, 3),
        (360 * DAY, 3),
        (400 * DAY, 2),
        (900 * DAY, 1),
    ] {
        let time = now - age;
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
        assert_keys(
            &mut connection,
            "shop",
            &buckets("shop", "UTC", time)[5 - kept..],
        );
        connection.run("FLUSHALL").ok();
    }
}

#[test]
fn an_event_older_than_every_retention_is_dropped_and_counted_in_info() {
    let server = Server::start();
    let mut connection = server.connection();
    let old = connection.now() - 4 * 366 * DAY;
    for time in [old, 0, -1, -30_000_000_000] {
        let drop = cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "AT",
            time
        );
        assert_eq!(drop, 0);
    }
    assert!(
        connection.keys().is_empty(),
        "a dropped event makes no site"
    );
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    let digest = connection.digest_of_all();
    for iso in ["0001-01-02", "1969-12-31T23:59:59.999Z"] {
        let drop = cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "bob",
            "AT",
            iso,
            "DIM",
            "new",
            "x"
        );
        assert_eq!(drop, 0);
    }
    assert_eq!(connection.digest_of_all(), digest);
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("late"), 2);
    assert_eq!(*info.get("events"), 1);
}

#[test]
fn an_event_may_lie_as_far_in_the_future_as_the_setting_says() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let ahead = cmd!(
        connection,
        "ANALYTICS.TRACK",
        "shop",
        "view",
        "ann",
        "AT",
        now + 5 * MINUTE
    );
    assert_eq!(ahead, 1);
    let refused = cmd!(
        connection,
        "ANALYTICS.TRACK",
        "shop",
        "view",
        "ann",
        "AT",
        now + 6 * MINUTE
    );
    assert!(
        refused.error().starts_with("ERR ") && refused.error().contains("analytics.max-future"),
        "{refused:?}"
    );
    connection
        .run("CONFIG SET analytics.max-future 3600000")
        .ok();
    let ahead = cmd!(
        connection,
        "ANALYTICS.TRACK",
        "shop",
        "view",
        "ann",
        "AT",
        now + 6 * MINUTE
    );
    assert_eq!(ahead, 1);
    connection.run("CONFIG SET analytics.max-future 0").ok();
    let refused = cmd!(
        connection,
        "ANALYTICS.TRACK",
        "shop",
        "view",
        "ann",
        "AT",
        now + MINUTE
    );
    assert!(refused.is_error());
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
}

#[test]
fn the_same_id_counts_once_in_its_minute() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = recent(&mut connection);
    let event = |time: i64, rest: &str| format!("ANALYTICS.TRACK shop buy ann AT {time} {rest}");
    assert_eq!(connection.run(&event(time, "ID order-1 VAL revenue 10")), 1);
    let digest = connection.digest_of_all();
    for again in [
        event(time, "ID order-1 VAL revenue 10"),
        event(time + 29_999, "VAL revenue 99 ID order-1 DIM country FR"),
        format!("ANALYTICS.TRACK shop other bob AT {time} ID order-1"),
    ] {
        assert_eq!(connection.run(&again), 0, "{again}");
    }
    assert_eq!(connection.digest_of_all(), digest);
    // Another id, no id, and the same id in another minute.
    assert_eq!(connection.run(&event(time, "ID order-2")), 1);
    assert_eq!(connection.run(&event(time, "")), 1);
    assert_eq!(connection.run(&event(time, "")), 1);
    assert_eq!(connection.run(&event(time + MINUTE, "ID order-1")), 1);
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("events"), 5);
    assert_eq!(*info.get("duplicates"), 3);
    assert_eq!(
        connection.info("analytics", "analytics_events_duplicate"),
        "3"
    );
}

#[test]
fn an_id_is_known_to_the_finest_bucket_that_its_event_reaches() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = connection.now() - 3 * HOUR;
    let event = format!("ANALYTICS.TRACK shop buy ann AT {time} ID order-1");
    assert_eq!(connection.run(&event), 1);
    assert_eq!(connection.run(&event), 0);
}

#[test]
fn values_may_be_negative_fractional_and_very_large() {
    let server = Server::start();
    let mut connection = server.connection();
    for number in [
        "-1",
        "-0",
        "-0.0",
        "0.1",
        "1e300",
        "-1e-300",
        "9007199254740993",
        "+5",
        "5.",
    ] {
        let reply = cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "buy",
            "ann",
            "VAL",
            "revenue",
            number
        );
        assert_eq!(reply, 1, "{number}");
    }
    for (a, b) in [
        ("0", "-0.0"),
        ("100", "1e2"),
        ("-7", "-7.0"),
        ("5", "+5.00"),
    ] {
        let mut digests = [a, b].map(|number| {
            connection.run("FLUSHALL").ok();
            let time = floor(connection.now(), HOUR);
            let reply = cmd!(
                connection,
                "ANALYTICS.TRACK",
                "shop",
                "buy",
                "ann",
                "AT",
                time,
                "VAL",
                "revenue",
                number
            );
            assert_eq!(reply, 1);
            connection.digest_of_all()
        });
        digests.sort();
        assert_eq!(digests[0], digests[1], "{a} and {b}");
    }
}

#[test]
fn options_come_in_any_order_and_any_case() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = recent(&mut connection);
    let orders = [
        format!(
            "AT {time} SESSION s ID i DIM country FR DIM device phone VAL revenue 9.5 VAL size 3"
        ),
        format!(
            "val size 3 Dim device phone id i val revenue 9.50 dim country FR session s at {time}"
        ),
        format!(
            "VAL revenue 9.5 DIM country FR At {time} VAL size 3 Id i DIM device phone Session s"
        ),
    ];
    let mut digests = orders.map(|options| {
        connection.run("FLUSHALL").ok();
        let reply = connection.run(&format!("analytics.track shop buy ann {options}"));
        assert_eq!(reply, 1);
        connection.digest_of_all()
    });
    digests.sort();
    assert_eq!(digests[0], digests[2]);
}

#[test]
fn sites_with_a_hash_tag_of_their_own_keep_it() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = recent(&mut connection);
    let event = cmd!(
        connection,
        "ANALYTICS.TRACK",
        "{eu}shop",
        "view",
        "ann",
        "AT",
        time
    );
    assert_eq!(event, 1);
    let untagged = buckets("shop", "UTC", time).map(|bucket| Expected {
        key: bucket.key.replace("{shop}", "{eu}shop"),
        expiry: bucket.expiry,
    });
    assert_keys(&mut connection, "{eu}shop", &untagged);
    connection.run("FLUSHALL").ok();

    for name in ["a{b", "a{eu}b{c}", "plain", "with blank", "a:b"] {
        cmd!(connection, "ANALYTICS.TRACK", name, "view", "ann").int();
        assert_eq!(connection.keys().len(), 6, "{name}");
        connection.run("FLUSHALL").ok();
    }
}

#[test]
fn any_database_will_do() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("SELECT 7").ok();
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    assert_eq!(connection.run("DBSIZE"), 6);
    assert_eq!(unique(&mut connection, "shop", "today"), 1);
    connection.run("SELECT 0").ok();
    assert_eq!(connection.run("DBSIZE"), 0);
    assert_eq!(unique(&mut connection, "shop", "today"), 0);
}
