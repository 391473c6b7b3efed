//! `ANALYTICS.TRACK`: what it replies, which keys it makes, what counts.

use testkit::calendar::{buckets, floor, Expected, HOUR, MINUTE};
use testkit::{cmd, Connection, Server, State};

/// The middle of a minute some minutes ago: every bucket of it lives for most of an hour.
pub fn recent(connection: &mut Connection) -> i64 {
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
pub fn assert_keys(connection: &mut Connection, site: &str, buckets: &[Expected]) {
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
fn an_event_that_repeats_an_id_changes_nothing() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = recent(&mut connection);
    let event = |time: i64, rest: &str| format!("ANALYTICS.TRACK shop buy ann AT {time} {rest}");
    assert_eq!(connection.run(&event(time, "ID order-1 VAL revenue 10")), 1);
    let digest = connection.digest_of_all();
    for again in [
        event(time, "ID order-1 VAL revenue 10"),
        event(time + 29_999, "VAL revenue 99 ID order-1 DIM country FR"),
        event(time + MINUTE, "ID order-1"),
        format!("ANALYTICS.TRACK shop other bob AT {time} ID order-1"),
    ] {
        assert_eq!(connection.run(&again), 0, "{again}");
    }
    assert_eq!(connection.digest_of_all(), digest);
    // Another id, and none.
    assert_eq!(connection.run(&event(time, "ID order-2")), 1);
    assert_eq!(connection.run(&event(time, "")), 1);
    assert_eq!(connection.run(&event(time, "")), 1);
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("events"), 4);
    assert_eq!(*info.get("duplicates"), 4);
    assert_eq!(
        connection.info("analytics", "analytics_events_duplicate"),
        "4"
    );
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
