//! Windows by the name of a period, and several windows in one question.

use std::time::Duration;

use testkit::{Connection, ManualClock, Random, Reply, Server};

/// A site in a zone whose hours begin at half past, with events over more than a year.
fn shop(connection: &mut Connection, now: i64) {
    let create =
        "ANALYTICS.CREATE shop TZ Asia/Kolkata RETENTION minute 3d RETENTION hour 2y VAL price";
    connection.run(create).ok();
    let mut random = Random::new(5);
    let lines: Vec<String> = (0..600u64)
        .map(|n| {
            let back = match n % 3 {
                0 => random.below(3_600_000),
                1 => random.below(40 * 86_400_000),
                _ => random.below(500 * 86_400_000),
            };
            let (user, price) = (random.below(90), random.below(100));
            format!(
                "ANALYTICS.TRACK shop view u{user} AT {} VAL price {price}",
                now - back as i64
            )
        })
        .collect();
    assert!(connection.pipeline(&lines).iter().all(|reply| *reply == 1));
}

#[test]
fn a_named_period_is_answered_as_the_range_that_it_is() {
    let mut clock = ManualClock::new();
    let now = 1_733_927_467_000; // 2024-12-11T14:31:07Z, 20:01:07 in Kolkata
    clock.set(now);
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    shop(&mut connection, now);
    let end = now + 1;
    for (name, range) in [
        ("2024", format!("2024-01-01..{end}")),
        ("this-year", format!("2024-01-01..{end}")),
        ("2023", "2023-01-01..2024-01-01".into()),
        ("last-year", "2023-01-01..2024-01-01".into()),
        ("2024-11", "2024-11-01..2024-12-01".into()),
        ("2024-12", format!("2024-12-01..{end}")),
        ("2024-W49", "2024-12-02..2024-12-09".into()),
        ("2024-W50", format!("2024-12-09..{end}")),
        ("2024-12-10", "2024-12-10..2024-12-11".into()),
        ("2024-12-11T19", "2024-12-11T19..2024-12-11T20".into()),
        ("2024-12-11T14Z", format!("2024-12-11T14Z..{end}")),
        ("2024-12-11T13Z", "2024-12-11T13Z..2024-12-11T14Z".into()),
        (
            "2024-12-11T19:59",
            "2024-12-11T19:59..2024-12-11T20:00".into(),
        ),
        ("2024-12-01..now", format!("2024-12-01..{end}")),
    ] {
        let mut ask = |window: &str| {
            let get = format!("ANALYTICS.GET shop {window} events price:sum users");
            (
                connection.run(&get),
                connection.run(&format!("ANALYTICS.EXPLAIN shop {window}")),
            )
        };
        let (named, explained) = ask(name);
        assert_eq!((named, explained), ask(&range), "{name}");
    }
    assert!(connection.run("ANALYTICS.GET shop 2024 events").at(0).int() > 300);
    // The year so far is compared with the year before up to the same date and time.
    let compared = connection
        .run("ANALYTICS.COMPARE shop 2024 events")
        .at(0)
        .at(1)
        .int();
    let before = "ANALYTICS.GET shop 2023-01-01..2023-12-11T20:01:07.001 events";
    assert_eq!(connection.run(before).at(0).int(), compared);
    for (window, part) in [
        ("1001y", "window '1001y' is longer than 1000y"),
        ("0d", "window '0d' is zero"),
        ("2024-13", "not a period such as"),
    ] {
        let error = connection.run(&format!("ANALYTICS.GET shop {window} events"));
        assert!(error.error().contains(part), "{error:?}");
    }
}

#[test]
fn several_windows_are_answered_as_each_by_itself() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    shop(&mut connection, now);
    let questions = [
        "1h users events",
        "30d events price:sum/users",
        "2y price:p95",
        "2y events@event=view",
    ];
    for resp3 in [false, true] {
        if resp3 {
            connection.hello3();
        }
        let together = connection.run(&format!(
            "ANALYTICS.GET shop {}",
            questions.join(" WINDOW ")
        ));
        let each =
            questions.map(|question| connection.run(&format!("ANALYTICS.GET shop {question}")));
        let each: Vec<&Reply> = each.iter().flat_map(Reply::array).collect();
        // The clock goes on, and events of the beginning of a window may have left it.
        let number = |reply: &&Reply| reply.double();
        let together: Vec<f64> = together
            .array()
            .iter()
            .map(|reply| number(&reply))
            .collect();
        assert_eq!(together.len(), each.len());
        for (ours, theirs) in together.iter().zip(each.iter().map(number)) {
            assert!(
                (ours - theirs).abs() <= 0.02 * theirs.abs(),
                "{ours}, not {theirs}"
            );
        }
    }
    let nowhere = connection.run("ANALYTICS.GET nowhere 1h events WINDOW today users events/users");
    let nothing = [Reply::Int(0), Reply::Int(0)];
    assert_eq!(nowhere.array()[..2], nothing);
    assert!(nowhere.at(2).is_nil());
    for (line, part) in [
        ("1h events WINDOW", "WINDOW needs a window and a metric"),
        ("1h events WINDOW 7d", "window '7d' needs a metric"),
        ("1h WINDOW 7d users", "window '1h' needs a metric"),
        ("1h events WINDOW 7x users", "window '7x' is not a duration"),
        ("1h events WINDOW 7d usrs", "did you mean users?"),
    ] {
        let error = connection.run(&format!("ANALYTICS.GET shop {line}"));
        assert!(error.error().contains(part), "{error:?}");
    }
    let many = format!(
        "ANALYTICS.GET shop 1h{} WINDOW 7d{}",
        " events".repeat(60),
        " users".repeat(5)
    );
    assert!(connection
        .run(&many)
        .error()
        .contains("65 metrics are too many"));
}

#[test]
fn live_metrics_of_several_windows_are_one_message() {
    let server = Server::with().aof().start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    let event = "ANALYTICS.TRACK shop view ann VAL price 2.5";
    assert_eq!(connection.run(event), 1);
    let set = "ANALYTICS.LIVE shop SET main 1s WINDOW 5m events users WINDOW today price:sum";
    connection.run(set).ok();
    connection
        .run("ANALYTICS.LIVE shop SET one 1s WINDOW 5m events")
        .ok();
    let listed = connection.run("ANALYTICS.LIVE shop LIST");
    let windows = listed.at(0).get("windows");
    assert_eq!(*windows.at(0).get("window"), "5m");
    assert_eq!(windows.at(0).get("metrics").texts(), ["events", "users"]);
    assert_eq!(*windows.at(1).get("window"), "today");
    assert_eq!(*listed.at(1).get("window"), "5m");
    server.wait_for_replica(&replica);
    assert_eq!(
        replica.connection().run("ANALYTICS.LIVE_RO shop LIST"),
        listed
    );
    let mut subscriber = server.connection();
    subscriber.run("SUBSCRIBE analytics:live:{shop}:main");
    let message = subscriber
        .receive()
        .expect("a message")
        .at(2)
        .text()
        .to_owned();
    let (_, windows) = message.split_once("\"windows\":").expect("windows");
    assert_eq!(
        windows,
        "[{\"window\":\"5m\",\"metrics\":{\"events\":1,\"users\":1}},\
         {\"window\":\"today\",\"metrics\":{\"price:sum\":2.5}}]}"
    );
    // The same after the AOF, a rewritten AOF and a copy.
    let digest = connection.digest("shop");
    assert_eq!(replica.connection().digest("shop"), digest);
    let mut server = server;
    for rewrite in [false, true] {
        if rewrite {
            connection.run("BGREWRITEAOF");
            std::thread::sleep(Duration::from_millis(100));
            testkit::wait_until("the AOF is rewritten", || {
                connection.info("persistence", "aof_rewrite_in_progress") == "0"
            });
        }
        server.restart();
        connection = server.connection();
        assert_eq!(connection.digest("shop"), digest);
        assert_eq!(connection.run("ANALYTICS.LIVE shop LIST"), listed);
    }
    for (line, part) in [
        (
            "SET x 5s events WINDOW",
            "WINDOW needs a window and a metric",
        ),
        (
            "SET x 5s WINDOW 1h events WINDOW 2024-12 users",
            "does not go with the clock",
        ),
    ] {
        let error = connection.run(&format!("ANALYTICS.LIVE shop {line}"));
        assert!(error.error().contains(part), "{error:?}");
    }
}
