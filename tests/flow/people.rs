//! New and returning users, and cohorts: against an oracle over the raw events, to the last digit.

use std::collections::BTreeSet;

use crate::people_oracle::{
    check_cohorts, check_new, check_returning, random_events, send, Oracle, OPTIONS,
};
use testkit::calendar::{at, floor, DAY, HOUR, MINUTE};
use testkit::{cmd, Connection, Random, Server, State};

#[test]
fn new_and_returning_users_and_cohorts_are_those_of_the_raw_events() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let mut random = Random::new(19);
    let zones = ["UTC", "America/New_York", "Australia/Lord_Howe"];
    for (number, zone) in zones.iter().enumerate() {
        let site = format!("site{number}");
        connection
            .run(&format!("ANALYTICS.CREATE {site} TZ {zone} {OPTIONS}"))
            .ok();
        let from = floor(now - 200 * DAY, HOUR);
        let events = random_events(&mut random, from, now - MINUTE, 3_000);
        let mut oracle = Oracle::default();
        events.iter().for_each(|event| oracle.take(event, zone));
        let users: BTreeSet<u64> = events.iter().map(|event| event.user).collect();
        assert!(
            oracle.late > 20 && oracle.new.len() > 150,
            "{}",
            oracle.late
        );
        assert!(users.len() < oracle.new.len(), "somebody is new again");
        send(&mut connection, &site, &events, &mut random);
        let info = connection.run(&format!("ANALYTICS.INFO {site}"));
        assert_eq!(*info.get("late-for-people"), oracle.late as i64);
        assert_eq!(info.get("returning").array()[0], "90d");
        assert!(info.get("people").int() as usize <= users.len());
        check_new(
            &mut connection,
            &site,
            &oracle,
            from - DAY,
            floor(now, MINUTE) + HOUR,
        );
        check_cohorts(&mut connection, &site, &oracle, zone, now);
        for _ in 0..15 {
            let a = floor(from + random.below((now - from) as u64) as i64, MINUTE);
            let length = *random.pick(&[MINUTE, HOUR, 5 * HOUR, DAY, 30 * DAY, 100 * DAY]);
            let end = a + floor(1 + random.below(length as u64) as i64, MINUTE) + MINUTE;
            check_new(&mut connection, &site, &oracle, a, end);
            check_returning(&mut connection, &site, &oracle, zone, a);
        }
    }
}

#[test]
fn what_was_counted_before_the_site_remembered_anybody_is_null_and_not_0() {
    let mut clock = testkit::ManualClock::new();
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    let now = connection.now();
    connection.run("ANALYTICS.TRACK shop view ann DIM country FR");
    let refused = connection.run("ANALYTICS.GET shop today users:new");
    assert_eq!(
        refused.error(),
        "ERR metric 'users:new': the site does not remember who was there before; ANALYTICS.ALTER with RETURNING \
         365d does from then on"
    );
    connection.run("ANALYTICS.ALTER shop RETURNING 365d").ok();
    connection.run("ANALYTICS.TRACK shop view ann");
    let get = "ANALYTICS.GET shop today users:new users:returning users:new:share users";
    let reply = connection.run(get);
    assert!(
        reply.array()[..3].iter().all(|number| number.is_nil()),
        "{reply:?}"
    );
    let explain = connection.run("ANALYTICS.EXPLAIN shop today");
    assert_eq!(*explain.get("people").get("known"), 0);
    assert!((explain.get("people").get("since").int() - now).abs() < MINUTE);
    let rows = connection.run("ANALYTICS.RETENTION shop 40d day");
    assert!(rows
        .get("rows")
        .array()
        .iter()
        .all(|row| row.array()[1].is_nil()));
    // From the next month on all is known: ann came before, bob is new.
    clock.step(32 * DAY);
    connection.run("ANALYTICS.TRACK shop view ann");
    connection.run("ANALYTICS.TRACK shop view bob");
    for window in ["today", "this-month", "1h"] {
        let reply = connection.run(&format!(
            "ANALYTICS.GET shop {window} users:new users:returning"
        ));
        assert_eq!(reply.array()[0], 1, "{window}");
        assert_eq!(reply.array()[1], 1, "{window}");
    }
    // Events that nobody takes note of make a bucket unknown again.
    connection.run("ANALYTICS.ALTER shop RETURNING off").ok();
    connection.run("ANALYTICS.TRACK shop view cid");
    connection.run("ANALYTICS.ALTER shop RETURNING 365d").ok();
    assert!(connection.run("ANALYTICS.GET shop today users:new").array()[0].is_nil());
}

#[test]
fn of_users_who_were_imported_nothing_is_known() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.TRACK other view ann SESSION s");
    connection.run("ANALYTICS.TRACK other view bob SESSION t");
    for site in ["shop", "began"] {
        connection
            .run(&format!("ANALYTICS.CREATE {site} RETURNING 365d"))
            .ok();
    }
    connection.run("ANALYTICS.TRACK began view cid");
    let import = |connection: &mut Connection, site: &str, what: &str| {
        let registers = cmd!(connection, "ANALYTICS.EXPORT", "other", "day", "now", what);
        let registers = registers.bytes().to_vec();
        let reply = cmd!(
            connection,
            "ANALYTICS.IMPORT",
            site,
            "day",
            "now",
            what,
            registers
        );
        assert_eq!(reply, 1);
    };
    let get = "GET began today users users:new users:returning";
    import(&mut connection, "began", "sessions");
    assert_eq!(
        connection.run(&format!("ANALYTICS.{get}")).ints(),
        [1, 1, 0]
    );
    for (site, users) in [("shop", 2), ("began", 3)] {
        import(&mut connection, site, "users");
        let unknown = |connection: &mut Connection, users: i64| {
            let metrics = "users users:new users:returning users:new:share";
            for window in ["today", "this-week", "this-month"] {
                let line = format!("ANALYTICS.GET {site} {window} {metrics}");
                let reply = connection.run(&line);
                assert_eq!(reply.array()[0], users, "{line}");
                let unknown = &reply.array()[1..];
                assert!(unknown.iter().all(|it| it.is_nil()), "{line}: {reply:?}");
            }
            let rows = connection.run(&format!("ANALYTICS.RETENTION {site} today day"));
            assert!(rows.get("rows").at(0).array()[1].is_nil(), "{rows:?}");
        };
        unknown(&mut connection, users);
        // Nor does a later event make it known.
        connection.run(&format!("ANALYTICS.TRACK {site} view dora"));
        unknown(&mut connection, users + 1);
        let info = connection.run(&format!("ANALYTICS.INFO {site}"));
        assert_eq!(
            *info.get("people"),
            users - 1,
            "those who were imported are not remembered"
        );
    }
}

#[test]
fn what_no_site_accepts_is_refused_and_changes_nothing() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop RETURNING 365d VISITORS 100")
        .ok();
    connection.run("ANALYTICS.TRACK shop view ann");
    let before = State::of(&mut connection);
    for (line, error) in [
        ("ANALYTICS.ALTER shop RETURNING 30d", "the horizon of RETURNING is from 31d to 3650d in whole days, as in RETURNING 365d"),
        ("ANALYTICS.ALTER shop RETURNING 1y", "the horizon of RETURNING is in days, not in months, as in RETURNING 365d"),
        ("ANALYTICS.ALTER shop RETURNING 365d VISITORS 1000000", "VISITORS 1000000 would forget who was there: users are spread by VISITORS 100; RETURNING off forgets them first"),
        ("ANALYTICS.ALTER shop RETURNING 365d VISITORS", "VISITORS of RETURNING needs a number behind it"),
        ("ANALYTICS.ALTER shop RETURNING 365d PEOPLESEED 00112233445566778899aabbccddeeff 5", "PEOPLESEED is for replication only"),
        ("ANALYTICS.ALTER shop PEOPLESEED 00112233445566778899aabbccddeeff 5", "PEOPLESEED comes behind RETURNING, once"),
        ("ANALYTICS.GET shop today users:nwe", "did you mean new?"),
        ("ANALYTICS.GET shop today users:new:avg", "users:new has no aggregate 'avg', only count and rate and share"),
        ("ANALYTICS.RETENTION shop today hour", "hour"),
        ("ANALYTICS.RETENTION shop 20y day", "more than 100000 numbers"),
        ("ANALYTICS.RETENTION nosuch today day", "nosuch"),
        ("ANALYTICS.TRACK shop view ann VAL users:new 5", "this is counted already"),
        ("ANALYTICS.RESTORE bad PEOPLE x", "bad payload"),
    ] {
        let reply = connection.run(line);
        assert!(reply.error().contains(error), "{line}: {reply:?}");
    }
    State::of(&mut connection).assert_is(&before, "nothing");
    // Another bound of as many partitions keeps them.
    connection
        .run("ANALYTICS.ALTER shop RETURNING 200d VISITORS 8000")
        .ok();
    assert_eq!(*connection.run("ANALYTICS.INFO shop").get("people"), 1);
}

#[test]
fn people_expire_after_the_horizon_and_not_before_they_are_written() {
    let mut clock = testkit::ManualClock::new();
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop RETURNING 31d VISITORS 100")
        .ok();
    let now = connection.now();
    let old = now - 100 * DAY;
    connection.run(&format!("ANALYTICS.TRACK shop view ann AT {old}"));
    let expiry = cmd!(connection, "PEXPIRETIME", "{shop}:people:0").int();
    assert!(
        (now + 31 * DAY..now + 40 * DAY).contains(&expiry),
        "{}",
        expiry - now
    );
    for _ in 0..4 {
        clock.step(20 * DAY);
        connection.run("ANALYTICS.TRACK shop view ann");
        let time = connection.now();
        let expiry = cmd!(connection, "PEXPIRETIME", "{shop}:people:0").int();
        assert!(expiry > time + 31 * DAY, "{}", expiry - time);
    }
    clock.step(41 * DAY);
    assert_eq!(connection.run("EXISTS {shop}:people:0"), 0);
    connection.run("ANALYTICS.TRACK shop view ann");
    assert_eq!(
        connection.run("ANALYTICS.GET shop today users:new").array()[0],
        1
    );
}

#[test]
fn users_from_elsewhere_return_and_nothing_is_counted_for_them() {
    let chain = testkit::ReplicaChain::of(Server::with().aof());
    let mut connection = chain.master.connection();
    connection.run("ANALYTICS.CREATE shop RETURNING 365d").ok();
    let now = connection.now();
    let first = at(now - 70 * DAY, "UTC").date();
    let line = format!(
        "ANALYTICS.SEED shop USER ann {first} USER bob {first} USER ann {}",
        now - 90 * DAY
    );
    assert_eq!(connection.run(&line), 3);
    let again = format!("ANALYTICS.SEED shop USER bob {first}");
    let before = State::of(&mut connection);
    assert_eq!(connection.run(&again), 0);
    for refused in [
        "ANALYTICS.SEED shop USER cid never",
        "ANALYTICS.SEED shop USER cid 2024-01-01 USER dora 9999-01-01",
        "ANALYTICS.SEED shop USER cid 2024-01-01 USER dora",
        "ANALYTICS.SEED shop cid 2024-01-01",
        "ANALYTICS.SEED shop SEEN 2024-01-01",
        "ANALYTICS.SEED shop SEEN 9999-01-01 USER cid 2024-01-01",
        "ANALYTICS.SEED nosuch USER cid 2024-01-01",
    ] {
        assert!(connection.run(refused).is_error(), "{refused}");
    }
    State::of(&mut connection).assert_is(&before, "nothing has changed");
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!((info.get("people").int(), info.get("events").int()), (2, 0));
    connection.run("ANALYTICS.MTRACK shop EVENT view ann EVENT view bob EVENT view new");
    for window in ["today", "this-week", "this-month"] {
        let reply = connection.run(&format!(
            "ANALYTICS.GET shop {window} users:new users:returning"
        ));
        assert_eq!(
            (reply.array()[0].int(), reply.array()[1].int()),
            (1, 2),
            "{window}"
        );
    }
    // The earlier of the first days is kept.
    let reply = connection.run("ANALYTICS.RETENTION shop 95d day");
    let seen: Vec<(i64, i64)> = { reply.get("rows").array().iter() }
        .map(|row| {
            let row = row.array();
            let returned = row[2].array().last().map_or(0, |last| last.int());
            ((now - row[0].int()) / DAY, returned)
        })
        .filter(|(_, returned)| *returned > 0)
        .collect();
    assert_eq!(seen, [(90, 1), (70, 1)]);
    // How many came on those days is unknown: they were counted elsewhere.
    let since = floor(now, DAY);
    assert_eq!(*reply.get("since"), since);
    let (today, before) = { reply.get("rows").array() }.split_last().expect("rows");
    assert_eq!(today.array()[1], 1);
    for row in before {
        let row = row.array();
        assert!(row[1].is_nil(), "{row:?}");
        let (_, between) = row[2].array().split_last().expect("today");
        assert!(between.iter().all(|it| it.is_nil()), "{row:?}");
    }
    let early = format!(
        "ANALYTICS.SEED shop SEEN {} USER eva {first}",
        now - 9 * DAY
    );
    assert_eq!(connection.run(&early), 1);
    let again = connection.run("ANALYTICS.RETENTION shop 95d day");
    assert_eq!(*again.get("since"), since);
    chain.assert_agree("after SEED");
    let expected = State::of(&mut connection);
    let mut master = chain.master;
    drop(connection);
    master.restart();
    State::of(&mut master.connection()).assert_is(&expected, "the AOF");
}

/// A bucket of a month that answers a day, as nothing else is in it, counts by months.
#[test]
fn users_from_a_list_return_on_the_first_day_that_is_counted() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop RETURNING 365d RETENTION minute off RETENTION hour off")
        .ok();
    let now = connection.now();
    let users = |back: i64| format!("USER user-{back} {}", now - back * DAY);
    let all = (1..=40).map(users).collect::<Vec<_>>().join(" ");
    assert_eq!(connection.run(&format!("ANALYTICS.SEED shop {all}")), 40);
    for back in 0..=40 {
        connection.run(&format!("ANALYTICS.TRACK shop view user-{back} AT {now}"));
    }
    let day = at(now, "UTC").date();
    for window in ["today".to_owned(), day.to_string(), format!("{day}..now")] {
        let get = format!("ANALYTICS.GET shop {window} users users:new users:returning");
        assert_eq!(connection.run(&get).ints(), [41, 1, 40], "{window}");
    }
    let range = connection.run("ANALYTICS.RANGE shop today 1d users:returning");
    assert_eq!(range.at(0).at(0).array()[1], 40);
}

#[test]
fn one_person_is_removed_and_nobody_else() {
    let chain = testkit::ReplicaChain::of(Server::with().aof());
    let mut connection = chain.master.connection();
    connection
        .run("ANALYTICS.CREATE shop RETURNING 365d VISITS 30m PATH page VISITORS 20 DIM from")
        .ok();
    connection.run("ANALYTICS.CREATE plain").ok();
    for user in 0..12 {
        connection.run(&format!(
            "ANALYTICS.TRACK shop view user-{user} DIM page /{user}"
        ));
    }
    let left = |connection: &mut Connection| {
        let info = connection.run("ANALYTICS.INFO shop");
        (info.get("people").int(), info.get("visitors").int())
    };
    let all = left(&mut connection);
    let reply = connection.run("ANALYTICS.FORGET shop user-3");
    assert_eq!(
        (reply.get("identity").int(), reply.get("visit").int()),
        (1, 1)
    );
    assert_eq!(left(&mut connection), (all.0 - 1, all.1 - 1));
    let before = State::of(&mut connection);
    for nobody in [
        "ANALYTICS.FORGET shop user-3",
        "ANALYTICS.FORGET shop nobody",
        "ANALYTICS.FORGET plain user-3",
    ] {
        let reply = connection.run(nobody);
        assert_eq!(
            (reply.get("identity").int(), reply.get("visit").int()),
            (0, 0)
        );
    }
    assert!(connection.run("ANALYTICS.FORGET nosuch user-3").is_error());
    State::of(&mut connection).assert_is(&before, "nobody");
    chain.assert_agree("after FORGET");
    // What was counted stays; the person is new again, and on another visit.
    let counted = "ANALYTICS.GET shop today users:new visits";
    let reply = connection.run(counted);
    assert_eq!((reply.array()[0].int(), reply.array()[1].int()), (12, 12));
    connection.run("ANALYTICS.TRACK shop view user-3");
    connection.run("ANALYTICS.TRACK shop view user-4");
    let reply = connection.run(counted);
    assert_eq!((reply.array()[0].int(), reply.array()[1].int()), (13, 13));
    chain.assert_agree("after another visit");
}

/// Events that wait to be counted do not bring back who was removed.
#[test]
fn a_person_whose_events_wait_is_removed_for_good() {
    let chain = testkit::ReplicaChain::of(Server::with().aof());
    let mut connection = chain.master.connection();
    connection
        .run("ANALYTICS.CREATE shop RETURNING 365d VISITS 30m VISITORS 20")
        .ok();
    connection
        .run("ANALYTICS.FUNNEL shop SET buy WITHIN 1h STEP event=view STEP event=pay")
        .ok();
    let lines: Vec<String> = (0..30)
        .map(|n| format!("ANALYTICS.TRACK shop view user-{}", n % 3))
        .chain(["ANALYTICS.FORGET shop user-1".to_owned()])
        .collect();
    let replies = connection.pipeline(&lines);
    let forgotten = replies.last().expect("a reply");
    for field in ["identity", "visit", "funnels"] {
        assert_eq!(*forgotten.get(field), 1, "{field}");
    }
    // The events are counted now.
    let get = "ANALYTICS.GET shop 1h events users:new visits funnel:buy:users";
    assert_eq!(connection.run(get).ints(), [30, 3, 3, 3]);
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(
        (info.get("people").int(), info.get("visitors").int()),
        (2, 2)
    );
    let again = connection.run("ANALYTICS.FORGET shop user-1");
    for field in ["identity", "visit", "funnels"] {
        assert_eq!(*again.get(field), 0, "{field}");
    }
    assert_eq!(connection.run("ANALYTICS.TRACK shop pay user-1"), 1);
    assert_eq!(
        connection
            .run("ANALYTICS.GET shop 1h funnel:buy:converted")
            .ints(),
        [0]
    );
    chain.assert_agree("after FORGET");
}

#[test]
fn every_question_takes_the_metrics_of_people() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    connection
        .run("ANALYTICS.CREATE shop RETURNING 90d DIM quiet NOUSERS")
        .ok();
    let yesterday = now - DAY;
    connection.run(&format!(
        "ANALYTICS.MTRACK shop EVENT view ann AT {yesterday} EVENT view bob AT {yesterday} EVENT view cid AT {yesterday}"
    ));
    connection.run("ANALYTICS.MTRACK shop EVENT view ann EVENT buy dora EVENT view eva");
    let get = connection
        .run("ANALYTICS.GET shop today users:new users:new/users users:new:rate@event=buy");
    assert_eq!(get.array()[0], 2);
    assert!((get.array()[1].double() - 2.0 / 3.0).abs() < 1e-9);
    assert!(get.array()[2].double() > 0.0);
    let compare = connection.run("ANALYTICS.COMPARE shop 12h users:new");
    assert_eq!(compare.at(0).array()[0], 2);
    let range = connection.run("ANALYTICS.RANGE shop 2d 1d users:new users:returning");
    let sum = |series: &testkit::Reply| {
        let points = series.array().iter().map(|point| point.array()[1].int());
        points.sum::<i64>()
    };
    assert_eq!((sum(range.at(0)), sum(range.at(1))), (5, 1));
    let dashboard = connection.run("ANALYTICS.DASHBOARD shop users:new");
    let today = dashboard.get("metrics").get("users:new").get("today");
    assert_eq!(*today, 2);
    connection
        .run("ANALYTICS.ALERT shop SET many users:new today > 1")
        .ok();
    assert!(!connection.run("ANALYTICS.ALERT shop TEST many").is_error());
    connection
        .run("ANALYTICS.LIVE shop SET main 1s WINDOW today users:new users:returning:share")
        .ok();
    for refused in [
        "users:new@quiet=x",
        "users:returning@quiet=x",
        "users:new@nosuch",
    ] {
        let reply = connection.run(&format!("ANALYTICS.GET shop today {refused}"));
        assert!(reply.is_error(), "{refused}: {reply:?}");
    }
}

#[test]
fn at_the_capacity_the_new_users_of_rows_and_of_other_add_up() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    connection
        .run("ANALYTICS.CREATE shop RETURNING 90d CAPACITY 4")
        .ok();
    let mut random = Random::new(11);
    for user in 0..300 {
        let page = random.below(40);
        let at = now - random.below(3 * HOUR as u64) as i64;
        connection.run(&format!(
            "ANALYTICS.TRACK shop view user-{user} AT {at} DIM page /{page}"
        ));
    }
    for limit in [2, 100] {
        let top = connection.run(&format!(
            "ANALYTICS.TOP shop 2d page BY users:new LIMIT {limit}"
        ));
        let sum: i64 = top.array().iter().map(|row| row.array()[1].int()).sum();
        assert_eq!(sum, 300, "{top:?}");
        let shares: f64 = top.array().iter().map(|row| row.array()[2].double()).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    }
}
