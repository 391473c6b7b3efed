//! New and returning users, and cohorts: against an oracle over the raw events, to the last digit; and the same
//! bytes after everything that copies or reloads them.

use std::collections::{BTreeMap, BTreeSet};

use testkit::calendar::{at, floor, millis, DAY, HOUR, MINUTE};
use testkit::state::assert_same_data;
use testkit::{cmd, encode, Arg, Connection, Random, Server, State};

const HORIZON: i64 = 90;
const OPTIONS: &str = "RETURNING 90d DIM country CUBE country,plan DIM quiet NOUSERS \
                       RETENTION minute 3h RETENTION hour 400d";

#[derive(Clone, Debug)]
struct Event {
    time: i64,
    user: u64,
    country: Option<&'static str>,
    plan: Option<&'static str>,
}

impl Event {
    fn words(&self) -> Vec<String> {
        let mut words = vec!["view".to_owned(), format!("user-{}", self.user)];
        words.extend(["AT".to_owned(), self.time.to_string()]);
        for (name, value) in [("country", self.country), ("plan", self.plan)] {
            if let Some(value) = value {
                words.extend(["DIM".to_owned(), name.to_owned(), value.to_owned()]);
            }
        }
        words
    }
}

/// The number of a day of the zone, of its week's Monday, and of the first of its month.
fn days(time: i64, zone: &str) -> [i64; 3] {
    let date = at(time, zone).date();
    let epoch = jiff::civil::date(1970, 1, 1);
    let number = |date: jiff::civil::Date| i64::from((date - epoch).get_days());
    let weekday = i64::from(date.weekday().to_monday_zero_offset());
    let day = number(date);
    [day, day - weekday, number(date.first_of_month())]
}

/// The raw events by the rules of the docs, as plainly as can be.
#[derive(Default)]
struct Oracle {
    /// Of each user the days with an event, since the user was new.
    users: BTreeMap<u64, Vec<[i64; 3]>>,
    /// The events of new users.
    new: Vec<Event>,
    late: u64,
    /// By granularity, cohort and period, how many users were seen.
    cells: [BTreeMap<(i64, i64), u64>; 3],
    all: Vec<Event>,
}

impl Oracle {
    fn take(&mut self, event: &Event, zone: &str) {
        self.all.push(event.clone());
        let now = days(event.time, zone);
        let known = self.users.entry(event.user).or_default();
        if let Some(last) = known.last() {
            if now[0] == last[0] {
                return;
            }
            if now[0] < last[0] {
                self.late += 1;
                return;
            }
            if now[0] - last[0] > HORIZON {
                known.clear();
            }
        }
        if known.is_empty() {
            self.new.push(event.clone());
        }
        for (place, cells) in self.cells.iter_mut().enumerate() {
            if known.iter().all(|before| before[place] != now[place]) {
                let first = known.first().map_or(now[place], |first| first[place]);
                *cells.entry((first, now[place])).or_default() += 1;
            }
        }
        known.push(now);
    }

    fn new_in(&self, from: i64, to: i64, is_in: &dyn Fn(&Event) -> bool) -> i64 {
        let new = self.new.iter();
        let new = new.filter(|event| (from..to).contains(&event.time) && is_in(event));
        new.count() as i64
    }
}

/// Users who come often, seldom, once, and after longer than the horizon; some events are late.
fn random_events(random: &mut Random, from: i64, to: i64, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for number in 0..count {
        let time = from + (to - from) / count as i64 * number as i64;
        let active = 10 + 200 * number as u64 / count as u64;
        let user = match random.below(4) {
            0 => random.below(8),
            1 => active,
            2 => random.below(active),
            _ => active.saturating_sub(random.below(60)),
        };
        let late = match random.below(20) {
            0 => DAY,
            1 => HOUR,
            2 => random.below(3 * DAY as u64) as i64,
            _ => 0,
        };
        events.push(Event {
            time: (time - late).max(from),
            user,
            country: (!random.one_in(6)).then(|| *random.pick(&["FR", "DE"])),
            plan: random.one_in(2).then(|| *random.pick(&["free", "paid"])),
        });
    }
    events
}

/// Sends the events one by one and in calls of several.
fn send(connection: &mut Connection, site: &str, events: &[Event], random: &mut Random) {
    let mut rest = events;
    while !rest.is_empty() {
        let count = match random.below(3) {
            0 => 1,
            1 => 1 + random.below(5) as usize,
            _ => 1 + random.below(150) as usize,
        };
        let (call, later) = rest.split_at(count.min(rest.len()));
        rest = later;
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), site.to_owned()];
        for event in call {
            words.push("EVENT".to_owned());
            words.extend(event.words());
        }
        if let ([event], true) = (call, random.one_in(2)) {
            words = vec!["ANALYTICS.TRACK".to_owned(), site.to_owned()];
            words.extend(event.words());
        }
        let mut request = Vec::new();
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &args);
        let reply = &connection.exchange(&request, 1)[0];
        assert!(!reply.is_error(), "{reply:?}");
    }
}

fn check_new(connection: &mut Connection, site: &str, oracle: &Oracle, from: i64, to: i64) {
    let window = format!("{from}..{to}");
    let mut compare = |row: &str, is_in: &dyn Fn(&Event) -> bool| {
        let line = format!("ANALYTICS.GET {site} {window} users:new{row} users:new:rate{row}");
        let reply = connection.run(&line);
        let expected = oracle.new_in(from, to, is_in);
        assert_eq!(reply.array()[0], expected, "{line}");
    };
    compare("", &|_| true);
    compare("@country=FR", &|event| event.country == Some("FR"));
    compare("@plan=paid", &|event| event.plan == Some("paid"));
    compare("@country=DE&plan=free", &|event| {
        event.country == Some("DE") && event.plan == Some("free")
    });
    compare("@event=view", &|_| true);
    let top = format!("ANALYTICS.TOP {site} {window} country BY users:new WITH users:returning");
    for row in connection.run(&top).array() {
        let row = row.array();
        let country = row[0].text().to_owned();
        let is_in = |event: &Event| event.country == Some(country.as_str());
        assert_eq!(row[1], oracle.new_in(from, to, &is_in), "{top}");
    }
}

/// Every cell of the matrix from the first event until now.
fn check_cohorts(connection: &mut Connection, site: &str, oracle: &Oracle, zone: &str, now: i64) {
    let from = oracle.all.iter().map(|event| event.time).min().unwrap() - 40 * DAY;
    for (place, name) in ["day", "week", "month"].iter().enumerate() {
        let line = format!("ANALYTICS.RETENTION {site} {from}..now {name}");
        let reply = connection.run(&line);
        let rows = reply.get("rows").array();
        let mut cells = oracle.cells[place].clone();
        let mut checked = 0;
        let starts: Vec<i64> = rows.iter().map(|row| row.array()[0].int()).collect();
        for row in rows {
            let [start, users, returned] = row.array() else {
                panic!("{row:?}");
            };
            let cohort = days(start.int(), zone)[place];
            assert_eq!(
                days(start.int(), zone)[0],
                cohort,
                "{line}: begins {start:?}"
            );
            let returned = returned.array();
            let later = starts.iter().filter(|other| **other >= start.int());
            assert_eq!(1 + returned.len(), later.clone().count(), "{line}");
            for (period, count) in later.zip(std::iter::once(users).chain(returned)) {
                let key = (cohort, days(*period, zone)[place]);
                let expected = cells.remove(&key).unwrap_or(0) as i64;
                assert_eq!(*count, expected, "{line}: {key:?}");
                checked += i64::from(expected > 0);
            }
        }
        assert!(cells.is_empty(), "{line}: {cells:?}");
        assert!(checked > 10, "{checked}");
        assert_eq!(*reply.get("late"), oracle.late as i64);
        assert_eq!(*reply.get("horizon"), HORIZON * DAY);
        assert_eq!(reply.get("sampling").double(), 1.0);
        assert!(reply.get("since").is_nil());
        assert!(starts.iter().all(|start| *start <= now));
    }
}

/// Those who return, in windows of one day, week and month.
fn check_returning(
    connection: &mut Connection,
    site: &str,
    oracle: &Oracle,
    zone: &str,
    time: i64,
) {
    let zoned = at(time, zone);
    let day = zoned.date();
    let monday = day - jiff::Span::new().days(i64::from(day.weekday().to_monday_zero_offset()));
    let first = day.first_of_month();
    let ends = [
        (day, day.tomorrow().unwrap()),
        (monday, monday + jiff::Span::new().days(7)),
        (first, first.last_of_month().tomorrow().unwrap()),
    ];
    for (place, (from, to)) in ends.into_iter().enumerate() {
        let start =
            |date: jiff::civil::Date| millis(&date.to_zoned(zoned.time_zone().clone()).unwrap());
        let (from, to) = (start(from), start(to));
        let line =
            format!("ANALYTICS.GET {site} {from}..{to} users:returning users:returning:share");
        let period = days(from, zone)[place];
        let seen = oracle.cells[place]
            .iter()
            .filter(|((_, seen), _)| *seen == period);
        let all: u64 = seen.clone().map(|(_, count)| count).sum();
        let returning = seen.filter(|((first, _), _)| *first != period);
        let returning: u64 = returning.map(|(_, count)| count).sum();
        let reply = connection.run(&line);
        assert_eq!(reply.array()[0], returning as i64, "{line}");
        if all > 0 {
            let share = reply.array()[1].double();
            assert!(
                (share - returning as f64 / all as f64).abs() < 1e-9,
                "{line}"
            );
            let explain = connection.run(&format!("ANALYTICS.EXPLAIN {site} {from}..{to}"));
            assert_eq!(*explain.get("people").get("returning"), "counted");
        }
    }
}

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
fn calls_that_are_cut_otherwise_give_the_same_people() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    connection
        .run(&format!(
            "ANALYTICS.CREATE a VISITS 30m {OPTIONS} CAPACITY 5"
        ))
        .ok();
    // The seeds go along.
    for copy in ["b", "c", "d"] {
        assert_eq!(cmd!(connection, "COPY", "a", copy), 1);
    }
    let mut random = Random::new(5);
    // Live events, which wait, and days before them.
    let mut events = random_events(&mut random, now - 40 * DAY, now - HOUR, 700);
    events.extend(random_events(&mut random, now - 20 * MINUTE, now, 600));
    for site in ["a", "b"] {
        for event in &events {
            let event = std::slice::from_ref(event);
            send(&mut connection, site, event, &mut random);
        }
    }
    send(&mut connection, "c", &events, &mut random);
    for calls in events.chunks(400) {
        send(&mut connection, "d", calls, &mut Random::new(2));
    }
    let mut digest = |key: &str| {
        cmd!(connection, "DEBUG", "DIGEST-VALUE", key).array()[0]
            .text()
            .to_owned()
    };
    let mut compared = 0;
    let keys = cmd!(server.connection(), "KEYS", "{a}:*");
    for key in keys.array() {
        let key = key.text();
        // Partitions say when they expire, which differs with the time of sending.
        if key.contains(":people:") || key.contains(":visitors:") {
            continue;
        }
        let expected = digest(key);
        for copy in ["{b}", "{c}", "{d}"] {
            assert_eq!(digest(&key.replace("{a}", copy)), expected, "{key} {copy}");
            compared += 1;
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn replicas_files_and_copies_have_the_same_people() {
    let chain = testkit::ReplicaChain::of(Server::with().aof());
    let mut connection = chain.master.connection();
    let now = connection.now();
    let mut random = Random::new(7);
    connection
        .run(&format!("ANALYTICS.CREATE shop {OPTIONS} CAPACITY 5"))
        .ok();
    connection
        .run("ANALYTICS.CREATE few RETURNING 31d VISITORS 20")
        .ok();
    connection.run("ANALYTICS.CREATE later").ok();
    for round in 0..4 {
        let from = now - (4 - round) * 10 * DAY;
        let events = random_events(&mut random, from, from + 10 * DAY, 300);
        for site in ["shop", "few", "later"] {
            send(&mut connection, site, &events, &mut random);
        }
        let live = [
            "ANALYTICS.TRACK shop view live",
            "ANALYTICS.TRACK few view live",
        ];
        connection.pipeline(&live);
        match round {
            1 => connection.run("ANALYTICS.ALTER later RETURNING 60d").ok(),
            2 => connection.run("ANALYTICS.ALTER shop RETURNING 60d").ok(),
            _ => {}
        }
        chain.assert_agree(&format!("round {round}"));
    }
    let sampling = connection.run("ANALYTICS.INFO few");
    assert!(sampling.get("people-sampling").double() < 1.0);
    let partitions = cmd!(connection, "KEYS", "{*}:people:*");
    assert!(partitions.array().len() > 30);
    let expected = State::of(&mut connection);
    for (key, dump, _) in expected.entries() {
        assert!(!cmd!(connection, "RESTORE", "again", 0, dump, "REPLACE").is_error());
        let again = cmd!(connection, "DUMP", "again");
        assert_eq!(again.bytes(), dump, "{}", key.escape_ascii());
        assert_eq!(cmd!(connection, "COPY", key, "copy", "REPLACE"), 1);
        assert_eq!(cmd!(connection, "DUMP", "copy").bytes(), dump);
        assert!(cmd!(connection, "MEMORY", "USAGE", key).int() > 0);
    }
    assert_eq!(connection.run("UNLINK again copy"), 2);
    drop(connection);
    let mut master = chain.master;
    master.restart();
    State::of(&mut master.connection()).assert_is(&expected, "the AOF");
    let mut connection = master.connection();
    connection.run("BGREWRITEAOF");
    testkit::wait_until("the AOF is rewritten", || {
        connection.info("persistence", "aof_rewrite_in_progress") == "0"
    });
    master.restart();
    let mut connection = master.connection();
    State::of(&mut connection).assert_is(&expected, "the rewritten AOF");
    connection.run("DEBUG RELOAD").ok();
    State::of(&mut connection).assert_is(&expected, "the RDB file");
    // Those of other sites stay.
    connection.run("ANALYTICS.ALTER later RETURNING off").ok();
    assert_eq!(
        cmd!(connection, "KEYS", "{later}:people:*").array().len(),
        0
    );
    assert!(connection.run("ANALYTICS.DROP shop").int() > 0);
    assert_eq!(cmd!(connection, "KEYS", "{shop}:*").array().len(), 0);
    assert!(!cmd!(connection, "KEYS", "{few}:people:*")
        .array()
        .is_empty());
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
fn masters_and_replicas_with_another_clock_remember_alike() {
    let mut clock = testkit::ManualClock::new();
    let master = Server::with().manual_clock(&clock).start();
    let mut connection = master.connection();
    connection
        .run(&format!(
            "ANALYTICS.CREATE shop {OPTIONS} RETENTION minute 30d"
        ))
        .ok();
    let replica = Server::with().replica_of(&master).start();
    master.wait_for_replica(&replica);
    let mut random = Random::new(3);
    for _ in 0..3 {
        let now = connection.now();
        let events = random_events(&mut random, now - 5 * DAY, now, 100);
        send(&mut connection, "shop", &events, &mut random);
        connection.run("ANALYTICS.TRACK shop view live");
        clock.step(6 * HOUR);
    }
    master.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
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
    chain.assert_agree("after SEED");
    let expected = State::of(&mut connection);
    let mut master = chain.master;
    drop(connection);
    master.restart();
    State::of(&mut master.connection()).assert_is(&expected, "the AOF");
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
