//! `ANALYTICS.DASHBOARD`.

use testkit::{Reply, Server};

const FIELDS: [&str; 8] = [
    "active-users",
    "today",
    "events-per-second",
    "last-minute",
    "top",
    "values",
    "sums",
    "events-per-minute",
];

fn names(map: &Reply) -> Vec<&str> {
    map.fields().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_site_at_a_glance() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM country VAL latency")
        .ok();
    let now = connection.now();
    // Far enough apart that no clock tick moves one from window to window.
    let events = [
        (now, "buy", "ada", "FR", 10),
        (now, "buy", "bob", "FR", 20),
        (now - 30_000, "view", "bob", "DE", 30),
        (now - 30 * 60_000, "view", "eve", "US", 40),
        (now - 12 * 3_600_000, "view", "dan", "ES", 50),
        (now - 72 * 3_600_000, "view", "kim", "IT", 60),
    ];
    for (at, event, user, country, latency) in events {
        let line = format!(
            "ANALYTICS.TRACK shop {event} {user} AT {at} SESSION s{user} DIM country {country} \
             VAL latency {latency}"
        );
        assert_eq!(connection.run(&line), 1);
    }
    let two = connection.run("ANALYTICS.DASHBOARD shop");
    connection.hello3();
    let three = connection.run("ANALYTICS.DASHBOARD shop");
    assert!(matches!(three, Reply::Map(_)) && matches!(two, Reply::Array(_)));
    assert!(matches!(three.get("top"), Reply::Map(_)));
    for board in [&two, &three] {
        assert_eq!(names(board), FIELDS);
        let active = board.get("active-users");
        assert_eq!(names(active), ["5m", "1h", "24h", "7d"]);
        let counts: Vec<i64> = active
            .fields()
            .iter()
            .map(|(_, count)| count.int())
            .collect();
        assert_eq!(counts, [2, 3, 4, 5]);
        assert_eq!(*board.get("last-minute"), 3);
        // Ten seconds end now: two events, over ten seconds and the rest of a slot.
        let rate = board.get("events-per-second").double();
        assert!((0.17..=0.2).contains(&rate), "{rate}");

        let midnight = now.div_euclid(86_400_000) * 86_400_000;
        let of_today = events.iter().filter(|(at, ..)| *at >= midnight);
        let today = board.get("today");
        assert_eq!(*today.get("events"), of_today.count() as i64);
        assert!(today.get("users").int() >= 2 && today.get("sessions").int() >= 2);

        assert_eq!(names(board.get("top")), ["event", "country"]);
        let top = board.get("top").get("country").at(0);
        assert_eq!(
            (top.at(0), top.at(1)),
            (&Reply::Bulk(b"FR".to_vec()), &Reply::Int(2))
        );
        let latency = board.get("values").get("latency");
        assert_eq!(names(latency), ["avg", "p50", "p95", "p99"]);
        assert_eq!(latency.get("avg").double(), 25.0);

        let minutes = board.get("events-per-minute").ints();
        assert_eq!(minutes.len(), 60);
        assert_eq!(minutes.iter().sum::<i64>(), 4);
        // A minute of the clock may begin meanwhile.
        assert_eq!(minutes[57..].iter().sum::<i64>(), 3);
        assert_eq!(minutes[27..31].iter().sum::<i64>(), 1);
    }
}

#[test]
fn metrics_of_ones_own_are_answered_in_every_window() {
    let server = Server::start();
    let mut connection = server.connection();
    let event = "ANALYTICS.TRACK shop buy ann VAL revenue 12.5";
    assert_eq!(connection.pipeline(&[event, event]), [1, 1].map(Reply::Int));
    assert_eq!(connection.run("ANALYTICS.TRACK shop view bob"), 1);
    let metrics = [
        "revenue:sum",
        "users@event=buy/users",
        "events@event=never/events@event=never",
    ];
    let line = format!("ANALYTICS.DASHBOARD shop {}", metrics.join(" "));
    let two = connection.run(&line);
    connection.hello3();
    for board in [two, connection.run(&line)] {
        assert_eq!(names(&board)[..8], FIELDS);
        let own = board.get("metrics");
        assert_eq!(names(own), metrics);
        for (metric, expected) in metrics.iter().zip([Some(25.0), Some(0.5), None]) {
            let windows = own.get(metric);
            assert_eq!(names(windows), ["5m", "1h", "24h", "7d", "today"]);
            for (window, number) in windows.fields() {
                let number = (!number.is_nil()).then(|| number.double());
                assert_eq!(number, expected, "{metric} {window}");
            }
        }
        assert_eq!(board.get("sums").get("revenue").double(), 25.0);
    }
    for (metrics, part) in [
        ("evnts", "did you mean events?"),
        ("users users", "given twice"),
    ] {
        let error = connection.run(&format!("ANALYTICS.DASHBOARD shop {metrics}"));
        assert!(error.error().contains(part), "{error:?}");
    }
}

#[test]
fn a_site_that_does_not_exist_has_the_same_shape() {
    let server = Server::start();
    let mut connection = server.connection();
    let board = connection.run("ANALYTICS.DASHBOARD nosite");
    assert_eq!(names(&board), FIELDS);
    assert_eq!(*board.get("today").get("users"), 0);
    assert_eq!(board.get("events-per-second").double(), 0.0);
    assert_eq!(board.get("events-per-minute").ints(), [0; 60]);
    assert_eq!(names(board.get("top")), ["event"]);
    assert!(board.get("values").fields().is_empty());
    assert!(connection.run("ANALYTICS.DASHBOARD").is_error());
    assert!(connection.run("ANALYTICS.DASHBOARD a b").is_error());
    assert!(connection.keys().is_empty());
}

#[test]
fn minutes_that_nothing_keeps_are_null() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop RETENTION hour off RETENTION minute 10m")
        .ok();
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ada"), 1);
    let board = connection.run("ANALYTICS.DASHBOARD shop");
    let minutes = board.get("events-per-minute").array();
    assert!(minutes[..48].iter().all(Reply::is_nil));
    assert_eq!(minutes[50..].iter().map(Reply::int).sum::<i64>(), 1);
}
