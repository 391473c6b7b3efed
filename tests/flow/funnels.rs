//! Funnels: against a plain `windowFunnel` over the raw events, in windows on slot borders; and the same bytes
//! after everything that copies or reloads them.

use std::collections::BTreeMap;

use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::{cmd, encode, Arg, Connection, Random, Server, State};

/// A funnel, as it is given and as the oracle takes it: of each step and exclusion, a type and a page.
struct Funnel {
    name: &'static str,
    within: i64,
    steps: &'static [(&'static str, Option<&'static str>)],
    excludes: &'static [(&'static str, Option<&'static str>)],
    words: &'static str,
}

const FUNNELS: [Funnel; 3] = [
    Funnel {
        name: "checkout",
        within: 30 * MINUTE,
        steps: &[("view", Some("/p")), ("cart", None), ("pay", None)],
        excludes: &[("refund", None)],
        words: "checkout WITHIN 30m STEP event=view&page=/p STEP event=cart STEP event=pay \
                EXCLUDE event=refund BY country",
    },
    Funnel {
        name: "slow",
        within: 2 * DAY,
        steps: &[
            ("view", None),
            ("cart", None),
            ("cart", Some("/x")),
            ("pay", None),
        ],
        excludes: &[],
        words:
            "slow WITHIN 2d STEP event=view STEP event=cart STEP event=cart&page=/x STEP event=pay \
                BY page BY country",
    },
    Funnel {
        name: "pages",
        within: HOUR,
        steps: &[("view", None), ("view", Some("/p"))],
        excludes: &[],
        words: "pages WITHIN 1h STEP event=view STEP page=/p&event=view",
    },
];

#[derive(Clone)]
struct Event {
    time: i64,
    user: u64,
    kind: &'static str,
    page: Option<&'static str>,
    country: Option<&'static str>,
}

impl Event {
    fn words(&self) -> Vec<String> {
        let user = format!("user-{}", self.user);
        let mut words = vec![self.kind.to_owned(), user];
        words.extend(["AT".to_owned(), self.time.to_string()]);
        for (name, value) in [("page", self.page), ("country", self.country)] {
            if let Some(value) = value {
                words.extend(["DIM".to_owned(), name.to_owned(), value.to_owned()]);
            }
        }
        words
    }

    fn is(&self, (kind, page): &(&str, Option<&str>)) -> bool {
        self.kind == *kind && page.is_none_or(|page| self.page == Some(page))
    }
}

/// What was counted of an attempt.
#[derive(Clone)]
struct Attempt {
    start: i64,
    country: Option<&'static str>,
    /// Of each step that was reached, the milliseconds since the step before.
    gaps: Vec<i64>,
}

/// The attempts of one user, whose events are in order.
fn attempts(funnel: &Funnel, events: &[Event]) -> Vec<Attempt> {
    let is_first = |event: &&Event| event.is(&funnel.steps[0]);
    let mut starts: Vec<&Event> = Vec::new();
    for event in events.iter().filter(is_first) {
        let open = starts
            .last()
            .is_some_and(|it| event.time <= it.time + funnel.within);
        if !open {
            starts.push(event);
        }
    }
    let of = |start: &&Event| {
        let own = start.time..=start.time + funnel.within;
        Attempt {
            start: start.time,
            country: start.country,
            gaps: window_funnel(funnel, events, |time| own.contains(&time)),
        }
    };
    starts.iter().map(of).collect()
}

/// The longest chain, where the first steps are those of these times.
fn window_funnel(funnel: &Funnel, events: &[Event], begins: impl Fn(i64) -> bool) -> Vec<i64> {
    let mut chains: Vec<Option<(i64, i64)>> = vec![None; funnel.steps.len()];
    let mut gaps = Vec::new();
    for event in events {
        if funnel.excludes.iter().any(|it| event.is(it)) {
            chains.fill(None);
        }
        for (step, condition) in funnel.steps.iter().enumerate() {
            if !event.is(condition) || step == 0 && !begins(event.time) {
                continue;
            }
            let chain = match step {
                0 => Some((event.time, event.time)),
                _ => chains[step - 1].filter(|(first, _)| event.time <= first + funnel.within),
            };
            if let Some((first, before)) = chain {
                chains[step] = Some((first, event.time));
                if gaps.len() == step {
                    gaps.push(event.time - before);
                }
                if gaps.len() == funnel.steps.len() {
                    return gaps;
                }
            }
        }
    }
    gaps
}

#[derive(Default)]
struct Oracle {
    events: BTreeMap<u64, Vec<Event>>,
}

impl Oracle {
    fn take(&mut self, events: &[Event]) {
        for event in events {
            self.events
                .entry(event.user)
                .or_default()
                .push(event.clone());
        }
    }

    fn attempts(&self, funnel: &Funnel, from: i64, to: i64) -> Vec<Attempt> {
        let all = self.events.values().flat_map(|own| attempts(funnel, own));
        all.filter(|it| (from..to).contains(&it.start)).collect()
    }
}

fn reached<'a>(attempts: impl Iterator<Item = &'a Attempt>, steps: usize) -> Vec<i64> {
    let mut counts = vec![0; steps];
    for attempt in attempts {
        for count in counts.iter_mut().take(attempt.gaps.len()) {
            *count += 1;
        }
    }
    counts
}

/// In the order of time.
fn random_events(random: &mut Random, from: i64, to: i64, count: usize) -> Vec<Event> {
    let mut times: Vec<i64> = (0..count)
        .map(|_| from + random.below((to - from) as u64) as i64)
        .collect();
    times.sort_unstable();
    let mut last: Vec<Option<Event>> = vec![None; 40];
    let mut events = Vec::new();
    for time in times {
        let user = random.below(40);
        let kinds: [&'static str; 6] = ["view", "view", "cart", "pay", "other", "refund"];
        let mut event = Event {
            time,
            user,
            kind: kinds[random.below(6) as usize],
            page: random.one_in(2).then(|| *random.pick(&["/p", "/x", "/"])),
            country: (!random.one_in(6)).then(|| *random.pick(&["FR", "DE", "IN"])),
        };
        if event.kind == "refund" && !random.one_in(4) {
            event.kind = "cart";
        }
        // At the borders of the durations, where that is in order.
        let before = last[user as usize].as_ref().filter(|_| random.one_in(5));
        if let Some(before) = before {
            let funnel = random.pick(&FUNNELS);
            let edge = before.time + funnel.within + random.below(2) as i64;
            event.time = edge.min(time);
        }
        last[user as usize] = Some(event.clone());
        events.push(event);
    }
    events
}

/// Sends the events in calls of several.
fn send(connection: &mut Connection, site: &str, events: &[Event], random: &mut Random) {
    let mut rest = events;
    while !rest.is_empty() {
        let count = match random.below(3) {
            0 => 1,
            1 => 1 + random.below(5) as usize,
            _ => 1 + random.below(200) as usize,
        };
        let (call, later) = rest.split_at(count.min(rest.len()));
        rest = later;
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), site.to_owned()];
        for event in call {
            words.push("EVENT".to_owned());
            words.extend(event.words());
        }
        if let [event] = call {
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

fn make(connection: &mut Connection, site: &str, options: &str) {
    connection
        .run(&format!("ANALYTICS.CREATE {site} {options}"))
        .ok();
    for funnel in &FUNNELS {
        let line = format!("ANALYTICS.FUNNEL {site} SET {}", funnel.words);
        assert_eq!(connection.run(&line).text(), "OK", "{line}");
    }
}

fn within_one_percent(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 0.01 * expected + 1e-9
}

fn check(connection: &mut Connection, site: &str, oracle: &Oracle, from: i64, to: i64) {
    for funnel in &FUNNELS {
        let steps = funnel.steps.len();
        let all = oracle.attempts(funnel, from, to);
        let expected = reached(all.iter(), steps);
        let name = funnel.name;
        let by = if name == "pages" {
            ""
        } else {
            "BY country LIMIT 9"
        };
        let line = format!("ANALYTICS.FUNNEL_RO {site} GET {name} {from}..{to} {by}");
        let reply = connection.run(&line);
        let rows = reply.get("rows").array();
        let found: Vec<i64> = rows.iter().map(|row| row.array()[1].int()).collect();
        assert_eq!(found, expected, "{line}");
        assert_eq!(reply.get("sampling").double(), 1.0);
        assert_eq!(reply.get("late").int(), 0);
        for (step, row) in rows.iter().enumerate() {
            let row = row.array();
            let share = |of: i64| expected[step] as f64 / of as f64;
            match expected[0] {
                0 => assert!(row[2].is_nil()),
                all => assert!((row[2].double() - share(all)).abs() < 1e-12),
            }
            match step.checked_sub(1).map(|before| expected[before]) {
                None | Some(0) => assert!(row[3].is_nil()),
                Some(before) => assert!((row[3].double() - share(before)).abs() < 1e-12),
            }
        }
        let metrics = format!(
            "ANALYTICS.GET {site} {from}..{to} funnel:{name}:users funnel:{name} funnel:{name}:step2 \
             funnel:{name}:share"
        );
        let numbers = connection.run(&metrics);
        let numbers = numbers.array();
        assert_eq!(numbers[0], expected[0], "{metrics}");
        assert_eq!(numbers[1], expected[steps - 1], "{metrics}");
        assert_eq!(numbers[2], expected[1], "{metrics}");
        assert_eq!(numbers[3].is_nil(), expected[0] == 0);
        if by.is_empty() {
            continue;
        }
        let values = reply.get("values").array();
        for country in ["FR", "DE", "IN"] {
            let own = all.iter().filter(|it| it.country == Some(country));
            let expected = reached(own, steps);
            let row = values.iter().find(|row| row.array()[0].text() == country);
            let found = row.map_or(vec![0; steps], |row| {
                row.array()[1].array().iter().map(|it| it.int()).collect()
            });
            assert_eq!(found, expected, "{line}: {country}");
            let metric = format!("funnel:{name}:step2@country={country}");
            let line = format!("ANALYTICS.GET {site} {from}..{to} {metric}");
            assert_eq!(connection.run(&line).array()[0], expected[1], "{line}");
        }
    }
}

/// Over all events: the median and the 90th percentile of each step, within 1 %.
fn check_times(connection: &mut Connection, site: &str, oracle: &Oracle, from: i64, to: i64) {
    for funnel in &FUNNELS {
        let all = oracle.attempts(funnel, from, to);
        let line = format!("ANALYTICS.FUNNEL {site} GET {} {from}..{to}", funnel.name);
        let reply = connection.run(&line);
        for (step, row) in reply.get("rows").array().iter().enumerate() {
            let row = row.array();
            if step == 0 {
                assert!(row[4].is_nil() && row[5].is_nil());
                continue;
            }
            let mut gaps: Vec<i64> = { all.iter() }
                .filter_map(|it| it.gaps.get(step).copied())
                .collect();
            gaps.sort_unstable();
            assert!(gaps.len() > 20, "{line}");
            for (found, q) in [(&row[4], 0.5), (&row[5], 0.9)] {
                let rank = (q * gaps.len() as f64 - 1e-9).ceil() as usize;
                let expected = gaps[rank - 1] as f64 / 1_000.0;
                let found = found.double();
                assert!(
                    within_one_percent(found, expected),
                    "{line}: {found}, not {expected}"
                );
            }
        }
    }
}

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

/// Live events that wait, and events of the past in calls of any length, give the bytes of one call.
#[test]
fn calls_that_are_cut_otherwise_give_the_same_bytes() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    make(&mut connection, "a", "");
    // The seed goes along.
    for site in ["b", "c"] {
        assert_eq!(cmd!(connection, "COPY", "a", site), 1);
    }
    let mut random = Random::new(5);
    let events = random_events(&mut random, now - 50 * MINUTE, now - MINUTE, 1_500);
    for event in &events {
        let words = [
            vec!["ANALYTICS.TRACK".to_owned(), "a".to_owned()],
            event.words(),
        ]
        .concat();
        let mut request = Vec::new();
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &args);
        assert_eq!(connection.exchange(&request, 1)[0], 1);
    }
    send(&mut connection, "b", &events, &mut random);
    // None of these waits: each bucket is read in between.
    for event in events.chunks(3) {
        send(&mut connection, "c", event, &mut random);
        connection.run("ANALYTICS.FUNNEL c GET slow 3h");
    }
    let digest = |connection: &mut Connection, key: &str| {
        let reply = cmd!(connection, "DEBUG", "DIGEST-VALUE", key);
        reply.array()[0].text().to_owned()
    };
    let keys = cmd!(connection, "KEYS", "{a}:*");
    assert!(keys.array().len() > 40);
    for key in keys.array() {
        let key = key.text();
        // A partition has the time by which its key expires.
        if key.contains(":people:") {
            continue;
        }
        let expected = digest(&mut connection, key);
        for other in ["{b}", "{c}"] {
            let other = key.replace("{a}", other);
            assert_eq!(digest(&mut connection, &other), expected, "{other}");
        }
    }
    let mut oracle = Oracle::default();
    oracle.take(&events);
    let end = floor(now, MINUTE) + MINUTE;
    for site in ["a", "b", "c"] {
        check(
            &mut connection,
            site,
            &oracle,
            floor(now - DAY, MINUTE),
            end,
        );
    }
}

#[test]
fn replicas_files_and_copies_have_the_same_funnels() {
    let chain = testkit::ReplicaChain::of(Server::with().aof());
    let mut connection = chain.master.connection();
    let now = connection.now();
    let mut random = Random::new(7);
    make(
        &mut connection,
        "shop",
        "CAPACITY 2 VISITS 30m PATH page RETURNING 90d",
    );
    connection.run("ANALYTICS.CREATE few VISITS 10m").ok();
    connection.run("CONFIG SET analytics.visitor-capacity 10");
    connection.run("ANALYTICS.CREATE later").ok();
    for round in 0..6 {
        let from = now - (6 - round) * 20 * MINUTE;
        let events = random_events(&mut random, from, from + 20 * MINUTE, 300);
        for site in ["shop", "few", "later"] {
            send(&mut connection, site, &events, &mut random);
        }
        let live = "ANALYTICS.TRACK shop view live DIM page /p";
        connection.pipeline(&[live, "ANALYTICS.TRACK few view live"]);
        let lines: &[&str] = match round {
            1 => &[
                "ANALYTICS.FUNNEL few SET buy WITHIN 1h STEP event=view STEP event=cart BY country",
            ],
            2 => &[
                "ANALYTICS.FUNNEL later SET buy WITHIN 1h STEP event=view STEP event=cart",
                "ANALYTICS.FUNNEL shop SET slow WITHIN 1d STEP event=view STEP event=cart BY page",
            ],
            3 => &[
                "ANALYTICS.FUNNEL shop DEL pages",
                "ANALYTICS.ALTER shop RETURNING off",
            ],
            4 => &[
                "ANALYTICS.FUNNEL later DEL buy",
                "ANALYTICS.FUNNEL shop SET pages WITHIN 1h STEP event=view STEP page=/p",
            ],
            _ => &[],
        };
        for line in lines {
            assert!(!connection.run(line).is_error(), "{line}");
        }
        chain.assert_agree(&format!("round {round}"));
    }
    assert_eq!(
        cmd!(connection, "KEYS", "{later}:people:*").array().len(),
        0
    );
    assert!(cmd!(connection, "KEYS", "{*}:people:*").array().len() > 20);
    let few = connection.run("ANALYTICS.FUNNEL few GET buy 3h");
    assert!(few.get("sampling").double() < 1.0, "{few:?}");
    let expected = State::of(&mut connection);
    for (key, dump, _) in expected.entries() {
        assert!(!cmd!(connection, "RESTORE", "again", 0, dump, "REPLACE").is_error());
        let again = cmd!(connection, "DUMP", "again");
        assert_eq!(again.bytes(), dump, "{}", key.escape_ascii());
        assert_eq!(cmd!(connection, "COPY", key, "copy", "REPLACE"), 1);
        assert_eq!(cmd!(connection, "DUMP", "copy").bytes(), dump);
    }
    assert_eq!(connection.run("UNLINK again copy"), 2);
    drop(connection);
    let mut master = chain.master;
    master.restart();
    State::of(&mut master.connection()).assert_is(&expected, "the AOF");
    let mut connection = master.connection();
    connection.run("DEBUG RELOAD").ok();
    State::of(&mut connection).assert_is(&expected, "the RDB file");
    assert!(connection.run("ANALYTICS.DROP shop").int() > 0);
    assert_eq!(cmd!(connection, "KEYS", "{shop}:*").array().len(), 0);
}

#[test]
fn an_aof_of_commands_makes_the_same_funnels() {
    let mut server = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        .start();
    let mut connection = server.connection();
    let now = connection.now();
    make(&mut connection, "shop", "");
    let mut random = Random::new(3);
    let events = random_events(&mut random, now - HOUR, now, 500);
    send(&mut connection, "shop", &events, &mut random);
    connection.run("ANALYTICS.FUNNEL shop SET late WITHIN 5m STEP event=view STEP event=pay");
    let more = random_events(&mut random, now, now + 1_000, 50);
    send(&mut connection, "shop", &more, &mut random);
    let expected = State::of(&mut connection);
    server.restart();
    State::of(&mut server.connection()).assert_is(&expected, "the commands");
    let mut connection = server.connection();
    connection.run("BGREWRITEAOF");
    testkit::wait_until("the AOF is rewritten", || {
        connection.info("persistence", "aof_rewrite_in_progress") == "0"
    });
    server.restart();
    State::of(&mut server.connection()).assert_is(&expected, "the rewritten file");
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
    assert_eq!(count(&mut connection), [0, 0]);
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
    let board = connection.run("ANALYTICS.DASHBOARD shop funnel:checkout:share");
    assert!(!board.is_error(), "{board:?}");
    let explained = connection.run("ANALYTICS.EXPLAIN shop 1h funnel:checkout:users");
    let metric = explained
        .get("metrics")
        .get("funnel:checkout:users")
        .clone();
    assert_eq!(metric.get("value"), &2);
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
