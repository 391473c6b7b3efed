//! The times of events: how they are written, which periods they fall in, how long those are kept,
//! and what is too late or too early.

use testkit::calendar::{at, buckets, floor, Expected, DAY, HOUR, MINUTE};
use testkit::{cmd, Server};

use crate::track::{assert_keys, recent};

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
        expiry: testkit::calendar::millis(
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
