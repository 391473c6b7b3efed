//! Visits: against an oracle over the raw events, to the last digit, in windows on slot borders; and the
//! same bytes after everything that copies or reloads them.

use std::collections::{BTreeMap, HashMap};

use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::state::assert_same_data;
use testkit::{cmd, encode, Arg, Connection, Random, Server, State};

const TIMEOUT: i64 = 30 * MINUTE;
const OPTIONS: &str = "VISITS 30m PATH page BY country BY source DIM from NOUSERS \
                       CUBE from,page NOUSERS RETENTION minute 3h RETENTION hour 400d";

#[derive(Clone)]
struct Event {
    time: i64,
    user: String,
    session: Option<String>,
    passive: bool,
    page: Option<String>,
    country: Option<&'static str>,
    source: Option<&'static str>,
    id: Option<String>,
}

impl Event {
    fn words(&self) -> Vec<String> {
        let mut words = vec!["view".to_owned(), self.user.clone()];
        words.extend(["AT".to_owned(), self.time.to_string()]);
        if let Some(session) = &self.session {
            words.extend(["SESSION".to_owned(), session.clone()]);
        }
        if let Some(id) = &self.id {
            words.extend(["ID".to_owned(), id.clone()]);
        }
        if self.passive {
            words.push("PASSIVE".to_owned());
        }
        let dimensions = [
            ("page", self.page.as_deref()),
            ("country", self.country),
            ("source", self.source),
        ];
        for (name, value) in dimensions {
            if let Some(value) = value {
                words.extend(["DIM".to_owned(), name.to_owned(), value.to_owned()]);
            }
        }
        words
    }
}

#[derive(Clone)]
struct Visit {
    start: i64,
    last: i64,
    events: u64,
    actions: u64,
    pages: Vec<String>,
    country: Option<&'static str>,
    source: Option<&'static str>,
}

/// The raw events by the rules of the docs, as plainly as can be.
#[derive(Default)]
struct Oracle {
    visits: Vec<Visit>,
    /// Of each visitor, the number of the last visit.
    last: HashMap<String, usize>,
    late: u64,
    /// Of each event with a step of a path: the time, the page before and the page.
    steps: Vec<(i64, String, String)>,
}

impl Oracle {
    fn take(&mut self, event: &Event) {
        let visitor = match &event.session {
            Some(session) => format!("session {session}"),
            None => format!("user {}", event.user),
        };
        let time = event.time;
        if let Some(number) = self.last.get(&visitor) {
            let visit = &mut self.visits[*number];
            let goes_on = if time >= visit.last {
                time - visit.last < TIMEOUT && time - visit.start <= DAY
            } else if visit.start - time >= TIMEOUT {
                self.late += 1;
                return;
            } else {
                true
            };
            if goes_on {
                visit.events += 1;
                visit.actions += u64::from(!event.passive);
                if time >= visit.last {
                    visit.last = time;
                    if let Some(page) = event.page.clone().filter(|_| !event.passive) {
                        let before = visit.pages.last().cloned();
                        let before = before.unwrap_or_else(|| "~start".to_owned());
                        self.steps.push((time, before, page.clone()));
                        visit.pages.push(page);
                    }
                }
                return;
            }
        }
        if event.passive {
            return;
        }
        if let Some(page) = &event.page {
            self.steps.push((time, "~start".to_owned(), page.clone()));
        }
        self.last.insert(visitor, self.visits.len());
        self.visits.push(Visit {
            start: time,
            last: time,
            events: 1,
            actions: 1,
            pages: event.page.iter().cloned().collect(),
            country: event.country,
            source: event.source,
        });
    }

    /// Visits, bounces, milliseconds and events of those that began in the window and are in the row.
    fn numbers(&self, from: i64, to: i64, row: &dyn Fn(&Visit) -> bool) -> [i64; 4] {
        let visits = self.visits.iter();
        let within = visits.filter(|visit| (from..to).contains(&visit.start) && row(visit));
        within.fold([0; 4], |[visits, bounces, time, events], visit| {
            [
                visits + 1,
                bounces + i64::from(visit.actions == 1),
                time + visit.last - visit.start,
                events + visit.events as i64,
            ]
        })
    }
}

fn random_events(random: &mut Random, from: i64, to: i64, count: usize) -> Vec<Event> {
    let gaps = [0, 1, 20_000, 3 * MINUTE, 25 * MINUTE];
    let mut time = from;
    let mut last: HashMap<u64, i64> = HashMap::new();
    let mut events: Vec<Event> = Vec::new();
    while events.len() < count {
        // Bursts with pauses in between, so that a year is crossed.
        time += random.pick(&gaps) / 4;
        if random.one_in(40) {
            time += (to - from) / count as i64 * 40;
        }
        let user = random.below(60);
        let edge = last.get(&user).copied();
        let at = match (edge, random.below(12)) {
            // At the edges of the timeout.
            (Some(edge), 0) => edge + TIMEOUT - 1,
            (Some(edge), 1) => edge + TIMEOUT,
            // A little late, or too late.
            (Some(edge), 2) => edge - random.below(40) as i64 * MINUTE,
            _ => time + random.below(1_000) as i64,
        };
        let at = at.clamp(from, to);
        let latest = edge.map_or(at, |edge| edge.max(at));
        last.insert(user, latest);
        time = time.max(latest - 10 * MINUTE).min(to);
        let mut event = Event {
            time: at,
            user: format!("user-{user}"),
            session: (user % 7 == 3).then(|| format!("session-{}", user + random.below(2))),
            passive: random.one_in(5),
            page: (!random.one_in(4)).then(|| format!("/{}", random.below(9))),
            country: (!random.one_in(6)).then(|| *random.pick(&["FR", "DE", "IN"])),
            source: random.one_in(2).then(|| *random.pick(&["ads", "mail"])),
            id: random.one_in(10).then(|| format!("id-{}", events.len())),
        };
        if random.one_in(50) && !events.is_empty() {
            let old = random.pick(&events).clone();
            if old.id.is_some() && (time - old.time).abs() < MINUTE {
                event = old;
            }
        }
        events.push(event);
    }
    events
}

/// Sends the events in calls of several, and returns those that counted.
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
        let mut request = Vec::new();
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), site.to_owned()];
        for event in call {
            words.push("EVENT".to_owned());
            words.extend(event.words());
        }
        if let ([event], true) = (call, random.one_in(2)) {
            words = vec!["ANALYTICS.TRACK".to_owned(), site.to_owned()];
            words.extend(event.words());
        }
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &args);
        let reply = &connection.exchange(&request, 1)[0];
        assert!(!reply.is_error(), "{reply:?}");
    }
}

/// The four sums of a row.
fn asked(connection: &mut Connection, site: &str, window: &str, row: &str) -> [i64; 4] {
    let line = format!(
        "ANALYTICS.GET {site} {window} visits{row} bounces{row} visit-time:sum{row} visit-events:sum{row}"
    );
    let reply = connection.run(&line);
    let [visits, bounces, time, events] = reply.array() else {
        panic!("{line}: {reply:?}");
    };
    let time = (time.double() * 1_000.0).round() as i64;
    [visits.int(), bounces.int(), time, events.int()]
}

fn check(connection: &mut Connection, site: &str, oracle: &Oracle, from: i64, to: i64) {
    let window = format!("{from}..{to}");
    let mut compare = |row: &str, is_in: &dyn Fn(&Visit) -> bool| {
        let found = asked(connection, site, &window, row);
        let expected = oracle.numbers(from, to, is_in);
        assert_eq!(found, expected, "{site} {window} {row}");
    };
    compare("", &|_| true);
    compare("@country=FR", &|visit| visit.country == Some("FR"));
    compare("@source=mail", &|visit| visit.source == Some("mail"));
    compare("@entry=/1", &|visit| {
        visit.pages.first().is_some_and(|it| it == "/1")
    });
    compare("@exit=/2", &|visit| {
        visit.pages.last().is_some_and(|it| it == "/2")
    });
    compare("@exit=/3", &|visit| {
        visit.pages.last().is_some_and(|it| it == "/3")
    });
    let mut exits: BTreeMap<&str, i64> = BTreeMap::new();
    for visit in &oracle.visits {
        if let Some(page) = visit
            .pages
            .last()
            .filter(|_| (from..to).contains(&visit.start))
        {
            *exits.entry(page).or_default() += 1;
        }
    }
    let top = connection.run(&format!("ANALYTICS.TOP {site} {window} exit LIMIT 100"));
    let rows = top.array().iter().map(|row| {
        let row = row.array();
        (row[0].text().to_owned(), row[1].int())
    });
    let rows: BTreeMap<String, i64> = rows.collect();
    let expected: BTreeMap<String, i64> = exits
        .into_iter()
        .map(|(page, visits)| (page.to_owned(), visits))
        .collect();
    assert_eq!(rows, expected, "{site} {window}");
    let steps = oracle.steps.iter().filter(|(time, before, page)| {
        (from..to).contains(time) && before == "~start" && page == "/4"
    });
    let line = format!("ANALYTICS.GET {site} {window} events@from=~start&page=/4");
    let steps = steps.count() as i64;
    assert_eq!(connection.run(&line).array()[0], steps, "{line}");
    let from_two = oracle
        .steps
        .iter()
        .filter(|(time, before, page)| (from..to).contains(time) && before == "/2" && page == "/4");
    let line = format!("ANALYTICS.GET {site} {window} events@from=/2&page=/4");
    let from_two = from_two.count() as i64;
    assert_eq!(connection.run(&line).array()[0], from_two, "{line}");
}

#[test]
fn visits_are_those_of_the_raw_events() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let mut random = Random::new(18);
    let zones = ["UTC", "Europe/Paris", "Australia/Lord_Howe"];
    for (number, zone) in zones.iter().enumerate() {
        let site = format!("site{number}");
        connection
            .run(&format!("ANALYTICS.CREATE {site} TZ {zone} {OPTIONS}"))
            .ok();
        let from = floor(now - 380 * DAY, HOUR);
        let events = random_events(&mut random, from, now - MINUTE, 6_000);
        let mut oracle = Oracle::default();
        let mut ids = std::collections::HashSet::new();
        for event in &events {
            // An id that comes again is the same event at the same time.
            let is_new = event.id.as_ref().is_none_or(|id| ids.insert(id.clone()));
            if is_new {
                oracle.take(event);
            }
        }
        assert!(oracle.visits.len() > 400, "{}", oracle.visits.len());
        assert!(oracle.late > 5 && oracle.steps.len() > 400);
        send(&mut connection, &site, &events, &mut random);
        let info = connection.run(&format!("ANALYTICS.INFO {site}"));
        assert_eq!(info.get("late-for-visits").int() as u64, oracle.late);
        check(
            &mut connection,
            &site,
            &oracle,
            from - DAY,
            floor(now, MINUTE) + HOUR,
        );
        for _ in 0..25 {
            let a = from + random.below((now - from) as u64) as i64;
            let length = *random.pick(&[MINUTE, HOUR, 5 * HOUR, DAY, 30 * DAY, 200 * DAY]);
            let a = floor(a, MINUTE);
            let end = a + floor(1 + random.below(length as u64) as i64, MINUTE) + MINUTE;
            check(&mut connection, &site, &oracle, a, end);
        }
    }
}

#[test]
fn replicas_files_and_copies_have_the_same_visits() {
    let chain = testkit::ReplicaChain::of(Server::with().aof());
    let mut connection = chain.master.connection();
    let now = connection.now();
    let mut random = Random::new(7);
    connection
        .run(&format!("ANALYTICS.CREATE shop {OPTIONS} CAPACITY 5"))
        .ok();
    connection
        .run("ANALYTICS.CREATE few VISITS 10m PATH page VISITORS 20")
        .ok();
    connection.run("ANALYTICS.CREATE later").ok();
    for round in 0..6 {
        let from = now - (6 - round) * 20 * MINUTE;
        let events = random_events(&mut random, from, from + 20 * MINUTE, 400);
        for site in ["shop", "few", "later"] {
            send(&mut connection, site, &events, &mut random);
        }
        let live = [
            "ANALYTICS.TRACK shop view live DIM page /",
            "ANALYTICS.TRACK few view live",
        ];
        connection.pipeline(&live);
        if round == 2 {
            connection
                .run("ANALYTICS.ALTER later VISITS 1h BY country DIM x")
                .ok();
        }
        if round == 4 {
            connection
                .run("ANALYTICS.ALTER shop VISITS 20m PATH page BY country")
                .ok();
        }
        chain.assert_agree(&format!("round {round}"));
    }
    let partitions = cmd!(connection, "KEYS", "{*}:visitors:*");
    assert!(partitions.array().len() > 30);
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
fn an_aof_of_commands_makes_the_same_partitions() {
    let mut server = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        .start();
    let mut connection = server.connection();
    let now = connection.now();
    connection
        .run(&format!("ANALYTICS.CREATE shop {OPTIONS}"))
        .ok();
    let mut random = Random::new(3);
    let events = random_events(&mut random, now - HOUR, now, 500);
    send(&mut connection, "shop", &events, &mut random);
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
fn calls_that_are_cut_otherwise_give_the_same_bytes() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    connection
        .run(&format!("ANALYTICS.CREATE a {OPTIONS}"))
        .ok();
    // The seed goes along.
    assert_eq!(connection.run("COPY a b"), 1);
    let mut random = Random::new(5);
    let events = random_events(&mut random, now - 2 * HOUR, now - HOUR, 800);
    send(&mut connection, "a", &events, &mut random);
    // In order for every user, and otherwise in any.
    let mut by_user: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for event in &events {
        let visitor = event.session.clone().unwrap_or_else(|| event.user.clone());
        by_user.entry(visitor).or_default().push(event.clone());
    }
    let mut queues: Vec<std::collections::VecDeque<Event>> =
        by_user.into_values().map(Into::into).collect();
    let mut shuffled = Vec::new();
    while !queues.is_empty() {
        let at = random.below(queues.len() as u64) as usize;
        shuffled.extend(queues[at].pop_front());
        queues.retain(|queue| !queue.is_empty());
    }
    assert_eq!(shuffled.len(), events.len());
    send(&mut connection, "b", &shuffled, &mut random);
    let digest = |connection: &mut Connection, key: &str| {
        cmd!(connection, "DEBUG", "DIGEST-VALUE", key).array()[0]
            .text()
            .to_owned()
    };
    for key in cmd!(connection, "KEYS", "{a}:*").array() {
        let key = key.text();
        if key.contains(":visitors:") {
            continue;
        }
        let other = key.replace("{a}", "{b}");
        let (a, b) = (
            digest(&mut connection, key),
            digest(&mut connection, &other),
        );
        assert_eq!(a, b, "{key}");
    }
}

#[test]
fn partitions_expire_after_the_last_visit_and_not_before_they_are_written() {
    let mut clock = testkit::ManualClock::new();
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop VISITS 30m VISITORS 100")
        .ok();
    let now = connection.now();
    // What is back-filled is remembered from now on.
    let old = now - 5 * HOUR;
    connection.run(&format!("ANALYTICS.TRACK shop view ann AT {old}"));
    let expiry =
        |connection: &mut Connection| connection.run("PEXPIRETIME {shop}:visitors:0").int();
    assert!(expiry(&mut connection) >= now + 30 * MINUTE);
    connection.run(&format!(
        "ANALYTICS.TRACK shop view ann AT {}",
        old + MINUTE
    ));
    let window = format!("{}..{}", floor(old, HOUR), floor(old, HOUR) + 2 * HOUR);
    assert_eq!(
        asked(&mut connection, "shop", &window, ""),
        [1, 0, MINUTE, 2]
    );
    for _ in 0..4 {
        clock.step(29 * MINUTE);
        connection.run("ANALYTICS.TRACK shop view bob");
        assert!(expiry(&mut connection) >= connection.now() + 30 * MINUTE - 1_000);
    }
    let reply = connection.run("ANALYTICS.GET shop 3h visits visit-events:sum");
    assert_eq!(reply.array()[0], 1);
    assert_eq!(reply.array()[1], 4);
    clock.step(61 * MINUTE);
    assert_eq!(connection.run("EXISTS {shop}:visitors:0"), 0);
    connection.run("ANALYTICS.TRACK shop view bob");
    assert_eq!(connection.run("EXISTS {shop}:visitors:0"), 1);
    assert_eq!(connection.run("ANALYTICS.GET shop 6h visits").array()[0], 2);
}

#[test]
fn past_the_capacity_what_is_scaled_is_within_the_error_that_is_named() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop VISITS 30m BY country VISITORS 2000 RETENTION minute off")
        .ok();
    let now = floor(connection.now() - 20 * MINUTE, MINUTE);
    let mut random = Random::new(1);
    const USERS: u64 = 40_000;
    let (mut visits, mut events, mut bounces) = (0f64, 0f64, 0f64);
    for call in 0..USERS / 100 {
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), "shop".to_owned()];
        for user in call * 100..call * 100 + 100 {
            let time = now + (user * 600_000 / USERS) as i64;
            let count = 1 + random.below(3);
            (visits, events) = (visits + 1.0, events + count as f64);
            bounces += f64::from(count == 1);
            for event in 0..count {
                let at = (time + event as i64 * 1_000).to_string();
                let user = format!("user-{user}");
                words.extend(
                    ["EVENT", "view", &user, "AT", &at, "DIM", "country", "FR"].map(str::to_owned),
                );
            }
        }
        let mut request = Vec::new();
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &args);
        assert!(!connection.exchange(&request, 1)[0].is_error());
    }
    let info = connection.run("ANALYTICS.INFO shop");
    assert!(info.get("visitors").int() <= 2_000);
    assert!(info.get("visitor-sampling").double() < 0.1);
    let window = format!("{now}..{}", now + HOUR);
    let explained = connection.run(&format!("ANALYTICS.EXPLAIN shop {window}"));
    assert!(explained.get("visit-sampling").double() < 0.2);
    let errors = explained.get("visit-standard-errors").clone();
    for row in ["", "@country=FR"] {
        let [counted, unreturned, _, of_events] = asked(&mut connection, "shop", &window, row);
        for (name, found, truth) in [
            ("visits", counted, visits),
            ("bounces", unreturned, bounces),
            ("visit-events", of_events, events),
        ] {
            let error = errors.get(name).double();
            assert!(error > 0.0 && error < 0.2, "{name}: {error}");
            let off = (found as f64 - truth).abs() / truth;
            assert!(
                off <= 3.0 * error,
                "{name}: {found}, not {truth}: {off}, {error}"
            );
        }
    }
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let server = Server::start();
    let mut connection = server.connection();
    let refused = |connection: &mut Connection, line: &str, why: &str| {
        let before = State::of(connection);
        let reply = connection.run(line);
        let error = reply.error();
        assert!(error.contains(why), "{line}: {error}");
        State::of(connection).assert_is(&before, line);
    };
    connection.run("ANALYTICS.CREATE plain DIM country").ok();
    connection
        .run("ANALYTICS.CREATE shop VISITS 30m PATH page BY country")
        .ok();
    for (line, why) in [
        ("ANALYTICS.CREATE x VISITS", "VISITS needs a timeout"),
        ("ANALYTICS.CREATE x VISITS 0s", "duration"),
        ("ANALYTICS.CREATE x VISITS 25h", "from 1s to 24h"),
        ("ANALYTICS.CREATE x VISITS 1mo", "months"),
        ("ANALYTICS.CREATE x VISITS 30m PATH", "PATH of VISITS needs a word"),
        ("ANALYTICS.CREATE x VISITS 30m PATH a PATH b", "PATH"),
        ("ANALYTICS.CREATE x VISITS 30m BY a BY a", "given twice"),
        ("ANALYTICS.CREATE x VISITS 30m BY a BY b BY c BY d BY e", "at most 4"),
        ("ANALYTICS.CREATE x VISITS 30m PATH entry", "derived"),
        ("ANALYTICS.CREATE x VISITS 30m VISITORS 0", "VISITORS '0'"),
        ("ANALYTICS.CREATE x VISITS 30m PATH page DIM exit", "derived"),
        ("ANALYTICS.CREATE x VISITS 30m SEED 00112233445566778899aabbccddeeff 5", "replication"),
        ("ANALYTICS.CREATE x VISITS off SEED 00112233445566778899aabbccddeeff 5", "SEED"),
        ("ANALYTICS.CREATE x VISITS 30m RETENTION hour off RETENTION day off RETENTION week off RETENTION month off", "RETENTION must leave one"),
        ("ANALYTICS.TRACK shop view ann DIM from /", "derived"),
        ("ANALYTICS.TRACK shop view ann DIM entry /", "derived"),
        ("ANALYTICS.TRACK shop view ann PASSIVE PASSIVE", "PASSIVE"),
        ("ANALYTICS.TRACKJSON shop {\"event\":\"a\",\"user_id\":\"b\",\"passive\":1}", "true or false"),
        ("ANALYTICS.ALTER shop FORGET DIM country", "change VISITS first"),
        ("ANALYTICS.CREATE x VAL visits", "counted already"),
        ("ANALYTICS.GET plain 1h visits", "counts no visits"),
        ("ANALYTICS.GET shop 1h visits@plan=pro", "by: country, entry, exit"),
        ("ANALYTICS.GET shop 1h visits@country=FR&page=/", "one dimension"),
        ("ANALYTICS.GET shop 1h visit-time", "sum or avg"),
        ("ANALYTICS.GET shop 1h bounces:avg", "no aggregate 'avg'"),
        ("ANALYTICS.GET shop 1h events@exit=/", "dimension of visits"),
        ("ANALYTICS.TOP shop 1h exit BY users", "dimension of visits"),
        ("ANALYTICS.TOP shop 1h page BY visits", "by: country, entry, exit"),
        ("ANALYTICS.RANGE shop 1h 10s visits", ""),
    ] {
        refused(&mut connection, line, why);
    }
}

#[test]
fn every_question_about_visits_is_answered() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop VISITS 30m PATH page BY country LOG 1000")
        .ok();
    let now = connection.now();
    let at = |back: i64| now - back;
    for (user, back, page) in [
        ("ann", 5 * MINUTE, "/"),
        ("ann", 4 * MINUTE, "/cart"),
        ("bob", 3 * MINUTE, "/"),
        ("cleo", 2 * MINUTE, "/cart"),
    ] {
        let line = format!(
            "ANALYTICS.TRACK shop view {user} AT {} DIM page {page} DIM country FR",
            at(back)
        );
        assert_eq!(connection.run(&line), 1);
    }
    let json = format!(
        "[{{\"event\":\"ping\",\"user_id\":\"bob\",\"timestamp\":{},\"passive\":true}}]",
        at(MINUTE)
    );
    assert_eq!(cmd!(connection, "ANALYTICS.TRACKJSON", "shop", &json), 1);
    let get = connection.run(
        "ANALYTICS.GET shop 24h visits bounces bounces:share visit-time:sum visit-time:avg \
         visit-events:sum visit-events:avg visits:rate visits/users events",
    );
    let numbers: Vec<f64> = get.array().iter().map(|number| number.double()).collect();
    let expected = [3.0, 2.0, 2.0 / 3.0, 180.0, 60.0, 5.0, 5.0 / 3.0];
    assert_eq!(numbers[..7], expected);
    assert_eq!(numbers[8..], [1.0, 5.0]);
    let compare = connection.run("ANALYTICS.COMPARE shop 24h visits");
    assert_eq!(compare.array()[0].array()[0], 3);
    let range = connection.run("ANALYTICS.RANGE shop 2h 1h visits bounces events");
    let sum = |metric: usize| -> i64 {
        range.array()[metric]
            .array()
            .iter()
            .map(|point| point.array()[1].int())
            .sum()
    };
    assert_eq!([sum(0), sum(1), sum(2)], [3, 2, 5]);
    let top = connection.run("ANALYTICS.TOP shop 24h entry BY bounces:share LIMIT 1");
    assert_eq!(top.array()[0].array()[0].text(), "/cart");
    assert_eq!(top.array()[0].array()[1].double(), 1.0);
    assert_eq!(top.array()[1].array()[0].text(), "~other");
    let dashboard = connection.run("ANALYTICS.DASHBOARD shop");
    assert!(dashboard.get("visits").get("visits").int() <= 3);
    assert!(!dashboard.get("top").get("exit").is_nil());
    let explained = connection.run("ANALYTICS.EXPLAIN shop 24h");
    assert_eq!(explained.get("visit-sampling").double(), 1.0);
    let errors = explained.get("visit-standard-errors");
    assert_eq!(errors.get("visit-time").double(), 0.0);
    // The log has what makes the same visits of a new site.
    connection
        .run("ANALYTICS.CREATE again VISITS 30m PATH page BY country")
        .ok();
    let replayed = connection.run("ANALYTICS.REPLAY again FROM {shop}:events");
    assert!(!replayed.is_error(), "{replayed:?}");
    let window = format!(
        "{}..{}",
        floor(at(HOUR), MINUTE),
        floor(now, MINUTE) + MINUTE
    );
    for row in ["", "@entry=/", "@exit=/cart", "@country=FR"] {
        let ours = asked(&mut connection, "shop", &window, row);
        assert_eq!(asked(&mut connection, "again", &window, row), ours, "{row}");
    }
    // A rule and live metrics of visits.
    for line in [
        "ANALYTICS.ALERT shop SET quiet visits 1h < 1",
        "ANALYTICS.ALERT shop SET bounced bounces:share@entry=/ 1h > 0.9",
        "ANALYTICS.LIVE shop SET main 1s visits bounces:share",
    ] {
        let reply = connection.run(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
    }
}

#[test]
fn without_visits_no_partition_is_made_and_alter_drops_them() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.TRACK shop view ann PASSIVE")
        .int();
    let partitions =
        |connection: &mut Connection| cmd!(connection, "KEYS", "*:visitors:*").array().len();
    assert_eq!(partitions(&mut connection), 0);
    connection.run("ANALYTICS.ALTER shop VISITS 30m").ok();
    // A passive event begins no visit.
    connection
        .run("ANALYTICS.TRACK shop view ann PASSIVE")
        .int();
    assert_eq!(partitions(&mut connection), 0);
    connection.run("ANALYTICS.TRACK shop view ann").int();
    assert_eq!(partitions(&mut connection), 1);
    connection.run("ANALYTICS.ALTER shop VISITS 30m").ok();
    assert_eq!(partitions(&mut connection), 1, "nothing has changed");
    connection.run("ANALYTICS.ALTER shop VISITS 31m").ok();
    assert_eq!(partitions(&mut connection), 0);
    connection.run("ANALYTICS.TRACK shop view ann").int();
    connection.run("ANALYTICS.ALTER shop VISITS off").ok();
    assert_eq!(partitions(&mut connection), 0);
    connection.run("ANALYTICS.TRACK shop view ann").int();
    assert_eq!(partitions(&mut connection), 0);
    assert_same_data(
        &mut connection,
        &mut server.connection(),
        "another connection",
    );
}
