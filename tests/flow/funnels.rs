//! Funnels: against a plain `windowFunnel` over the raw events, in windows on slot borders.

use crate::funnels_oracle::{check, check_times, make, random_events, send, Oracle, FUNNELS};
use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::{cmd, Connection, Random, Server, State};

#[test]
fn funnels_are_those_of_the_raw_events() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let mut random = Random::new(19);
    for (number, zone) in ["UTC", "Europe/Paris", "Australia/Lord_Howe"]
        .iter()
        .enumerate()
    {
        let site = format!("site{number}");
        make(
            &mut connection,
            &site,
            &format!("TZ {zone} RETENTION hour 400d"),
        );
        let from = floor(now - 20 * DAY, HOUR);
        let mut oracle = Oracle::default();
        // Some days densely, with pauses of days.
        for day in [0, 1, 2, 7, 8, 15] {
            let from = from + day * DAY;
            let events = random_events(&mut random, from, from + 8 * HOUR, 1_500);
            oracle.take(&events);
            send(&mut connection, &site, &events, &mut random);
        }
        let end = floor(now, MINUTE) + HOUR;
        check(&mut connection, &site, &oracle, from - DAY, end);
        check_times(&mut connection, &site, &oracle, from - DAY, end);
        for _ in 0..20 {
            let a = floor(from + random.below((now - from) as u64) as i64, MINUTE);
            let length = *random.pick(&[MINUTE, HOUR, 5 * HOUR, DAY, 9 * DAY]);
            let length = floor(1 + random.below(length as u64) as i64, MINUTE) + MINUTE;
            check(&mut connection, &site, &oracle, a, a + length);
        }
    }
}

#[test]
fn a_replay_of_the_log_gives_a_new_funnel_its_past() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    connection.run("ANALYTICS.CREATE shop LOG 100000").ok();
    let mut random = Random::new(11);
    let events = random_events(&mut random, now - 5 * HOUR, now - MINUTE, 2_000);
    send(&mut connection, "shop", &events, &mut random);
    let line = format!("ANALYTICS.FUNNEL shop SET {}", FUNNELS[0].words);
    assert_eq!(connection.run(&line).text(), "OK");
    let reply = connection.run("ANALYTICS.FUNNEL shop GET checkout 6h");
    assert_eq!(
        reply.get("partial"),
        &1,
        "the funnel is younger than the window"
    );
    assert!(reply.get("since").int() >= now);
    assert_eq!(reply.get("rows").array()[0].array()[1], 0);
    make(&mut connection, "again", "");
    let replayed = connection.run("ANALYTICS.REPLAY again FROM {shop}:events");
    assert!(!replayed.is_error(), "{replayed:?}");
    let mut oracle = Oracle::default();
    oracle.take(&events);
    let (from, to) = (floor(now - 6 * HOUR, MINUTE), floor(now, MINUTE) + MINUTE);
    check(&mut connection, "again", &oracle, from, to);
    let reply = connection.run("ANALYTICS.FUNNEL again GET checkout 4h");
    assert!(reply.get("since").is_nil());
}

#[test]
fn a_funnel_is_set_changed_listed_and_removed() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE shop").ok();
    let set = "ANALYTICS.FUNNEL shop SET buy WITHIN 1d STEP event=view STEP event=pay&page=/x";
    assert_eq!(connection.run(set).text(), "OK");
    let state = State::of(&mut connection);
    let same = "ANALYTICS.FUNNEL shop SET buy STEP event=view STEP page=/x&event=pay WITHIN 24h";
    assert_eq!(connection.run(same).text(), "unchanged");
    State::of(&mut connection).assert_is(&state, "the same funnel");
    let tracked = connection.now();
    connection.run("ANALYTICS.TRACK shop view ann");
    connection.run("ANALYTICS.TRACK shop pay ann DIM page /x");
    let count = |connection: &mut Connection| {
        let reply = connection.run("ANALYTICS.GET shop 1h funnel:buy:users funnel:buy:converted");
        [reply.array()[0].int(), reply.array()[1].int()]
    };
    assert_eq!(count(&mut connection), [1, 1]);
    let reply = connection.run("ANALYTICS.FUNNEL shop GET buy 1h");
    assert_eq!(reply.get("open"), &1);
    let changed = "ANALYTICS.FUNNEL shop SET buy WITHIN 2d STEP event=view STEP event=pay BY page";
    assert_eq!(connection.run(changed).text(), "begun anew");
    // It counts from the next millisecond on: until then the answer is null. So it is where a minute has
    // turned, for all events are in one before the funnel.
    std::thread::sleep(std::time::Duration::from_millis(2));
    if floor(connection.now(), MINUTE) == floor(tracked, MINUTE) {
        assert_eq!(count(&mut connection), [0, 0]);
    }
    let listed = connection.run("ANALYTICS.FUNNEL_RO shop LIST");
    let listed = &listed.array()[0];
    assert_eq!(listed.get("name").text(), "buy");
    assert_eq!(listed.get("within").text(), "2d");
    assert_eq!(listed.get("by").array()[0].text(), "page");
    assert!(listed.get("since").int() > 0);
    // What is under way under the old definition is not gone on with.
    connection.run("ANALYTICS.TRACK shop pay ann");
    assert_eq!(count(&mut connection), [0, 0]);
    connection.run("ANALYTICS.TRACK shop view ann DIM page /a");
    connection.run("ANALYTICS.TRACK shop pay ann");
    assert_eq!(count(&mut connection), [1, 1]);
    assert_eq!(cmd!(connection, "KEYS", "{shop}:people:*").array().len(), 1);
    assert_eq!(connection.run("ANALYTICS.FUNNEL shop DEL buy"), 1);
    assert_eq!(connection.run("ANALYTICS.FUNNEL shop DEL buy"), 0);
    assert_eq!(cmd!(connection, "KEYS", "{shop}:people:*").array().len(), 0);
    assert_eq!(
        connection.run("ANALYTICS.FUNNEL shop LIST").array().len(),
        0
    );
}

#[test]
fn a_funnel_is_in_rules_live_metrics_ranges_and_comparisons() {
    let server = Server::start();
    let mut connection = server.connection();
    make(&mut connection, "shop", "");
    connection.run("ANALYTICS.TRACK shop view ann DIM page /p DIM country FR");
    connection.run("ANALYTICS.TRACK shop cart ann");
    connection.run("ANALYTICS.TRACK shop view bob DIM page /p DIM country DE");
    for line in [
        "ANALYTICS.ALERT shop SET low funnel:checkout:share 1h < 0.1",
        "ANALYTICS.ALERT shop SET france funnel:checkout:step2@country=FR 1h > 0",
        "ANALYTICS.LIVE shop SET main 1s funnel:checkout:users funnel:slow:share",
    ] {
        let reply = connection.run(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
    }
    let tested = connection.run("ANALYTICS.ALERT shop TEST low");
    assert_eq!(tested.get("value").double(), 0.0);
    assert_eq!(tested.get("holds"), &1);
    let tested = connection.run("ANALYTICS.ALERT shop TEST france");
    assert_eq!(tested.get("value").double(), 1.0);
    let range = connection.run("ANALYTICS.RANGE shop 1h 30m funnel:checkout:users events");
    let points = range.array()[0].array();
    assert_eq!(points.iter().map(|it| it.array()[1].int()).sum::<i64>(), 2);
    let compare = connection.run("ANALYTICS.COMPARE shop 1h funnel:checkout:step2");
    assert_eq!(compare.array()[0].array()[0], 1);
    let ratio = connection.run("ANALYTICS.GET shop 1h funnel:checkout:step2/funnel:checkout:users");
    assert_eq!(ratio.array()[0].double(), 0.5);
    let board =
        connection.run("ANALYTICS.DASHBOARD shop funnel:checkout:step2 funnel:checkout:share");
    let fields = board.get("metrics");
    assert_eq!(*fields.get("funnel:checkout:step2").get("today"), 1);
    assert_eq!(
        fields.get("funnel:checkout:share").get("today").double(),
        0.0
    );
    let explained = connection.run("ANALYTICS.EXPLAIN shop 1h funnel:checkout:users");
    let metric = explained
        .get("metrics")
        .get("funnel:checkout:users")
        .clone();
    assert_eq!(metric.get("value"), &2);
}

/// Null, and never 0, stands for what was not counted.
#[test]
fn what_was_before_a_funnel_is_null_and_is_compared_with_nothing() {
    let mut clock = testkit::ManualClock::new();
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    for (kind, at) in [("view", 70), ("pay", 65), ("view", 3)] {
        let at = connection.now() - at * HOUR;
        connection.run(&format!("ANALYTICS.TRACK shop {kind} ann AT {at}"));
    }
    let set = "ANALYTICS.FUNNEL shop SET buy WITHIN 1d STEP event=view STEP event=pay";
    assert_eq!(connection.run(set).text(), "OK");
    let metrics = "funnel:buy:users funnel:buy:converted funnel:buy:share funnel:buy/users";
    let (now, begun) = (connection.now(), floor(connection.now(), HOUR) - 70 * HOUR);
    let before = format!(
        "ANALYTICS.GET shop {begun}..{} {metrics}",
        begun + 10 * HOUR
    );
    let answers = connection.run(&before);
    assert!(answers.array().iter().all(|it| it.is_nil()), "{answers:?}");
    // Also where the month has no other events.
    let yesterday = now - 30 * HOUR;
    connection.run(&format!("ANALYTICS.TRACK past view ann AT {yesterday}"));
    assert_eq!(connection.run(&set.replace("shop", "past")).text(), "OK");
    let window = format!(
        "{}..{}",
        floor(yesterday, HOUR),
        floor(yesterday, HOUR) + HOUR
    );
    let answers = connection.run(&format!("ANALYTICS.GET past {window} {metrics}"));
    assert!(answers.array().iter().all(|it| it.is_nil()), "{answers:?}");
    // Where nothing happened, nobody began.
    let quiet = format!(
        "ANALYTICS.GET shop {}..{} {metrics}",
        begun + 20 * HOUR,
        begun + 30 * HOUR
    );
    assert_eq!(connection.run(&quiet).at(0), &0);
    clock.step(90 * HOUR);
    for kind in ["view", "pay"] {
        connection.run(&format!("ANALYTICS.TRACK shop {kind} bob"));
    }
    let compare = |connection: &mut Connection, window: &str| {
        let line = format!("ANALYTICS.COMPARE shop {window} events funnel:buy:users");
        let reply = connection.run(&line);
        [0, 1].map(|place| reply.at(place).array().to_vec())
    };
    let [events, attempts] = compare(&mut connection, "80h");
    assert!(events[0] == 2 && events[1].int() >= 2, "{events:?}");
    assert_eq!(attempts[0], 1);
    assert!(attempts[1].is_nil() && attempts[2].is_nil(), "{attempts:?}");
    // Of a window before that the funnel counted as a whole, it is 0.
    let [_, attempts] = compare(&mut connection, "40h");
    assert_eq!((attempts[0].int(), attempts[1].int()), (1, 0));
    let reply = connection.run("ANALYTICS.FUNNEL shop GET buy 170h");
    assert_eq!(
        (reply.get("partial").int(), reply.get("since").int() >= now),
        (1, true)
    );
}

/// An event that is earlier than the last step of its user counts, but not for the funnel.
#[test]
fn late_events_are_counted_and_said() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    make(&mut connection, "shop", "");
    for (kind, back) in [("view", 100), ("cart", 50), ("pay", 70)] {
        let at = now - back * 1_000;
        let line = format!("ANALYTICS.TRACK shop {kind} ann AT {at} DIM page /p");
        assert_eq!(connection.run(&line), 1);
    }
    let reply = connection.run("ANALYTICS.FUNNEL shop GET checkout 24h");
    assert_eq!(reply.get("late"), &1);
    let rows = reply.get("rows").array();
    let users: Vec<i64> = rows.iter().map(|row| row.array()[1].int()).collect();
    assert_eq!(users, [1, 1, 0]);
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(info.get("late-for-funnels"), &1);
    assert_eq!(info.get("funnels").array().len(), 3);
}

#[test]
fn what_cannot_be_a_funnel_is_refused() {
    let server = Server::start();
    let mut connection = server.connection();
    make(&mut connection, "shop", "DIM page DIM country");
    connection
        .run("ANALYTICS.CREATE strict STRICT DIM page")
        .ok();
    let refused = |connection: &mut Connection, line: &str, why: &str| {
        let before = State::of(connection);
        let reply = connection.run(line);
        let error = reply.error();
        assert!(error.contains(why), "{line}: {error}");
        State::of(connection).assert_is(&before, line);
    };
    let set = "ANALYTICS.FUNNEL shop SET x";
    let steps = "STEP event=a STEP event=b";
    for (line, why) in [
        ("ANALYTICS.FUNNEL none SET x WITHIN 1d STEP event=a STEP event=b".to_owned(), "does not exist"),
        ("ANALYTICS.FUNNEL shop PUT x".to_owned(), "SET"),
        ("ANALYTICS.FUNNEL shop SET".to_owned(), "name of a funnel"),
        (format!("{set} {steps}"), "needs WITHIN"),
        (format!("{set} WITHIN 1d STEP event=a"), "from 2 to 8 STEP"),
        (format!("{set} WITHIN 91d {steps}"), "from 1s to 90d"),
        (format!("{set} WITHIN 0s {steps}"), "WITHIN"),
        (format!("{set} WITHIN 1mo {steps}"), "months"),
        (format!("{set} WITHIN 1d WITHIN 2d {steps}"), "WITHIN"),
        (format!("{set} WITHIN 1d {steps} STEP"), "STEP needs a condition"),
        (format!("{set} WITHIN 1d {steps} STEP event=a"), "given twice"),
        (format!("{set} WITHIN 1d {steps} EXCLUDE event=b"), "given twice"),
        (format!("{set} WITHIN 1d {steps} STEP view"), "not dimension=value"),
        (format!("{set} WITHIN 1d {steps} STEP page=/&page=/x"), "condition"),
        (format!("{set} WITHIN 1d {steps} STEP pge=/"), "did you mean"),
        (format!("{set} WITHIN 1d {steps} BY a BY a"), "given twice"),
        (format!("{set} WITHIN 1d {steps} BY a BY b BY c BY d BY e"), "at most"),
        (format!("{set} WITHIN 1d {steps} PEOPLE 00112233445566778899aabbccddeeff 5 -"), "PEOPLE"),
        (format!("ANALYTICS.FUNNEL shop SET a:b WITHIN 1d {steps}"), "only letters"),
        (format!("ANALYTICS.FUNNEL strict SET x WITHIN 1d {steps} STEP other=1"), "no dimension 'other'"),
        ("ANALYTICS.FUNNEL shop GET none 1h".to_owned(), "no funnel 'none'"),
        ("ANALYTICS.FUNNEL shop GET checkot 1h".to_owned(), "did you mean checkout"),
        ("ANALYTICS.FUNNEL shop GET checkout 1x".to_owned(), "window"),
        ("ANALYTICS.FUNNEL shop GET checkout 1h BY page".to_owned(), "by: country"),
        ("ANALYTICS.FUNNEL shop GET checkout 1h LIMIT 5".to_owned(), "LIMIT"),
        ("ANALYTICS.FUNNEL shop GET checkout 1h BY country LIMIT 0".to_owned(), "LIMIT"),
        ("ANALYTICS.FUNNEL shop LIST x".to_owned(), "wrong number"),
        ("ANALYTICS.FUNNEL_RO shop DEL checkout".to_owned(), "GET"),
        ("ANALYTICS.GET shop 1h funnel:none".to_owned(), "no funnel 'none'"),
        ("ANALYTICS.GET shop 1h funnel:checkout:step4".to_owned(), "step1 to step3"),
        ("ANALYTICS.GET shop 1h funnel:checkout@page=/".to_owned(), "by: country"),
        ("ANALYTICS.TOP shop 1h country BY funnel:checkout".to_owned(), "not ranked"),
        ("ANALYTICS.CREATE y VAL funnel:x".to_owned(), "counted already"),
        ("ANALYTICS.ALTER shop FORGET DIM page".to_owned(), "DEL the funnel first"),
        ("ANALYTICS.ALTER shop RETENTION hour off RETENTION day off RETENTION week off RETENTION month off".to_owned(), "RETENTION must leave one"),
    ] {
        refused(&mut connection, &line, why);
    }
    for n in 0..13 {
        let line = format!("ANALYTICS.FUNNEL shop SET f{n} WITHIN 1d {steps}");
        assert_eq!(connection.run(&line).text(), "OK");
    }
    let line = format!("ANALYTICS.FUNNEL shop SET f99 WITHIN 1d {steps}");
    refused(&mut connection, &line, "at most 16 funnels");
}

#[test]
fn a_user_who_is_forgotten_is_in_no_funnel() {
    let chain = testkit::ReplicaChain::of(Server::with());
    let mut connection = chain.master.connection();
    make(&mut connection, "shop", "");
    for user in ["ann", "bob"] {
        let line = format!("ANALYTICS.TRACK shop view {user} DIM page /p");
        assert_eq!(connection.run(&line), 1);
    }
    let reply = connection.run("ANALYTICS.FORGET shop ann");
    assert_eq!(
        (reply.get("identity").int(), reply.get("funnels").int()),
        (0, 3)
    );
    let again = connection.run("ANALYTICS.FORGET shop ann");
    assert_eq!(again.get("funnels").int(), 0);
    connection.run("ANALYTICS.MTRACK shop EVENT cart ann EVENT cart bob");
    let reply = connection.run("ANALYTICS.GET shop 1h funnel:checkout:users funnel:checkout:step2");
    assert_eq!(reply.array()[0], 2, "what was counted stays");
    assert_eq!(reply.array()[1], 1, "one of them goes on");
    chain.assert_agree("after FORGET");
}
