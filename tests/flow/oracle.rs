//! Ten thousand random events against plain sets of users: every answer exact, every key as expected,
//! and the same bytes after everything that copies or reloads them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use testkit::calendar::{buckets, floor, DAY, HOUR, MINUTE};
use testkit::state::assert_same_data;
use testkit::{cmd, encode, wait_until, Arg, Connection, Random, Server, ServerOptions, State};

const SITES: [(&str, &str); 4] = [
    ("paris", "Europe/Paris"),
    ("kolkata", "Asia/Kolkata"),
    ("new-york", "America/New_York"),
    ("lord-howe", "Australia/Lord_Howe"),
];
const KINDS: [&str; 4] = ["view", "click", "buy", "leave"];
const COUNTRIES: [&str; 6] = ["FR", "DE", "IN", "US", "", "Österreich"];
const PLANS: [&str; 3] = ["free", "pro", "team"];

#[derive(Clone)]
struct Event {
    site: usize,
    time: i64,
    user: u64,
    kind: &'static str,
    country: Option<&'static str>,
    plan: Option<&'static str>,
    id: Option<u64>,
    /// Everything else, which no question of this issue asks about.
    rest: Vec<String>,
}

impl Event {
    /// `now` is at most a minute old when the event is sent: no age is that close to a retention.
    fn random(random: &mut Random, now: i64) -> Event {
        let (from, to) = match random.below(100) {
            0..3 => (-4 * MINUTE, 0),
            3..40 => (0, 50 * MINUTE),
            40..65 => (70 * MINUTE, 6 * DAY + 20 * HOUR),
            65..80 => (8 * DAY, 50 * DAY),
            80..96 => (50 * DAY, 330 * DAY),
            _ => (5 * 366 * DAY, 10 * 366 * DAY),
        };
        let mut rest: Vec<String> = Vec::new();
        if random.one_in(2) {
            rest.extend(["SESSION".into(), format!("s{}", random.below(5_000))]);
        }
        if random.one_in(3) {
            let price = random.below(4_000_000) as f64 / 1_000.0 - 1_234.5;
            rest.extend(["VAL".into(), "price".into(), price.to_string()]);
        }
        if random.one_in(4) {
            let latency = (random.below(1 << 40) as f64).sqrt() / 7.0;
            rest.extend(["VAL".into(), "latency".into(), latency.to_string()]);
        }
        if random.one_in(5) {
            rest.extend([
                "DIM".into(),
                "page".into(),
                format!("/{}", random.below(400)),
            ]);
        }
        Event {
            site: random.below(SITES.len() as u64) as usize,
            time: now - from - random.below((to - from) as u64) as i64,
            user: random.below(2_000),
            kind: random.pick::<&str>(&KINDS),
            country: random.one_in(2).then(|| *random.pick(&COUNTRIES)),
            plan: random.one_in(3).then(|| *random.pick(&PLANS)),
            id: random.one_in(2).then(|| random.next_u64()),
            rest,
        }
    }

    fn words(&self) -> Vec<String> {
        let mut words = vec![self.kind.to_owned(), format!("user-{}", self.user)];
        words.extend(self.rest.iter().cloned());
        words.extend(["AT".into(), self.time.to_string()]);
        for (name, value) in [("country", self.country), ("plan", self.plan)] {
            if let Some(value) = value {
                words.extend(["DIM".into(), name.into(), value.into()]);
            }
        }
        if let Some(id) = self.id {
            words.extend(["ID".into(), format!("id-{id:x}")]);
        }
        words
    }

    fn is_in_row(&self, row: Option<(&str, &str)>) -> bool {
        match row {
            None => true,
            Some(("event", kind)) => self.kind == kind,
            Some(("country", country)) => self.country == Some(country),
            Some((_, plan)) => self.plan == Some(plan),
        }
    }
}

/// Random events, one in twelve an old one again: the same, or another of the same id and time.
fn random_events(count: usize, now: i64) -> Vec<Event> {
    let mut random = Random::new(20_241_211);
    let mut events: Vec<Event> = Vec::with_capacity(count);
    while events.len() < count {
        let mut event = Event::random(&mut random, now);
        if random.one_in(12) && !events.is_empty() {
            let old = random.pick(&events);
            match random.below(3) {
                0 => event = old.clone(),
                1 => (event.id, event.time, event.site) = (old.id, old.time, old.site),
                // It counts once, whatever its time.
                _ => event.id = old.id,
            }
        }
        events.push(event);
    }
    events
}

/// What must have become of the events.
struct Truth {
    now: i64,
    counted: Vec<Event>,
    ids: HashSet<(usize, u64)>,
    keys: BTreeMap<String, i64>,
    duplicates: i64,
    late: i64,
}

impl Truth {
    fn new(now: i64) -> Truth {
        Truth {
            now,
            counted: Vec::new(),
            ids: HashSet::new(),
            keys: BTreeMap::new(),
            duplicates: 0,
            late: 0,
        }
    }

    /// 1 when the event counts.
    fn count(&mut self, event: &Event) -> i64 {
        let (site, zone) = SITES[event.site];
        let reached = buckets(site, zone, event.time)
            .into_iter()
            .filter(|bucket| bucket.expiry > self.now);
        let reached: Vec<_> = reached.collect();
        if reached.is_empty() {
            self.late += 1;
            return 0;
        }
        if let Some(id) = event.id {
            if !self.ids.insert((event.site, id)) {
                self.duplicates += 1;
                return 0;
            }
        }
        self.keys.insert(site.to_owned(), -1);
        for bucket in reached {
            self.keys.insert(bucket.key, bucket.expiry);
        }
        self.counted.push(event.clone());
        1
    }

    fn users(&self, site: usize, from: i64, to: i64, row: Option<(&str, &str)>) -> i64 {
        self.users_where(site, row, |time| (from..to).contains(&time))
    }

    fn users_where(
        &self,
        site: usize,
        row: Option<(&str, &str)>,
        is_inside: impl Fn(i64) -> bool,
    ) -> i64 {
        let events = self
            .counted
            .iter()
            .filter(|event| event.site == site && is_inside(event.time) && event.is_in_row(row));
        events
            .map(|event| event.user)
            .collect::<BTreeSet<_>>()
            .len() as i64
    }
}

fn create_sites(connection: &mut Connection) {
    for (site, zone) in SITES {
        cmd!(
            connection,
            "ANALYTICS.CREATE",
            site,
            "TZ",
            zone,
            "DIM",
            "page",
            "NOUSERS",
            "CUBE",
            "event,country",
            "CUBE",
            "plan,event,country",
            "NOUSERS"
        )
        .ok();
    }
}

/// Sends the events by a mix of TRACK and MTRACK, and checks every reply.
fn send(connection: &mut Connection, events: &[Event], truth: &mut Truth) {
    let mut random = Random::new(7);
    let mut rest = events;
    while !rest.is_empty() {
        let length = (1 + random.below(120) as usize).min(rest.len());
        let (batch, later) = rest.split_at(length);
        rest = later;
        let mut request = Vec::new();
        let mut expected = Vec::new();
        let as_one = random.one_in(2);
        for (number, (site, _)) in SITES.iter().enumerate() {
            let of_site: Vec<&Event> = batch.iter().filter(|event| event.site == number).collect();
            let words: Vec<Vec<String>> = of_site.iter().map(|event| event.words()).collect();
            let counts: Vec<i64> = of_site.iter().map(|event| truth.count(event)).collect();
            if as_one && !words.is_empty() {
                let mut args: Vec<&dyn Arg> = vec![&"ANALYTICS.MTRACK", site];
                for words in &words {
                    args.push(&"EVENT");
                    args.extend(words.iter().map(|word| word as &dyn Arg));
                }
                encode(&mut request, &args);
                expected.push(counts.iter().sum());
            } else {
                for words in &words {
                    let mut args: Vec<&dyn Arg> = vec![&"ANALYTICS.TRACK", site];
                    args.extend(words.iter().map(|word| word as &dyn Arg));
                    encode(&mut request, &args);
                }
                expected.extend(counts);
            }
        }
        let replies = connection.exchange(&request, expected.len());
        let replies: Vec<i64> = replies.iter().map(|reply| reply.int()).collect();
        assert_eq!(replies, expected);
    }
}

fn random_window(random: &mut Random, now: i64) -> String {
    const WORDS: [&str; 12] = [
        "5m",
        "45m",
        "3h",
        "26h",
        "2d",
        "9d",
        "3w",
        "4mo",
        "today",
        "yesterday",
        "last-week",
        "last-month",
    ];
    if random.one_in(3) {
        return (*random.pick(&WORDS)).to_owned();
    }
    let span = *random.pick(&[40 * MINUTE, 2 * HOUR, 2 * DAY, 8 * DAY, 60 * DAY, 340 * DAY]);
    let unit = *random.pick(&[1, MINUTE, HOUR, DAY]);
    let mut instant = || floor(now - random.below(span as u64) as i64, unit);
    let (a, b) = (instant(), instant());
    format!("{}..{}", a.min(b), a.max(b) + unit)
}

/// Asks for the users of random windows and rows. EXPLAIN shows what a window is answered from.
fn ask(connection: &mut Connection, truth: &Truth) {
    let mut random = Random::new(99);
    for question in 0..250 {
        let site = random.below(SITES.len() as u64) as usize;
        let name = SITES[site].0;
        let window = random_window(&mut random, truth.now);
        let row = match random.below(5) {
            0 => Some(("event", *random.pick(&KINDS))),
            1 => Some(("country", *random.pick(&COUNTRIES))),
            2 => Some(("plan", *random.pick(&PLANS))),
            _ => None,
        };
        // Between two equal explanations no bucket has gone and no period has ended.
        let ranges = |connection: &mut Connection| {
            let reply = cmd!(connection, "ANALYTICS.EXPLAIN", name, window);
            let edges = reply.get("edges").array().iter();
            let edges: Vec<Vec<i64>> = edges.map(|edge| edge.get("range").ints()).collect();
            (
                [reply.get("users").ints(), reply.get("counts").ints()],
                edges,
            )
        };
        let (users, [all, counts], edges) = loop {
            let before = ranges(connection);
            let users = match row {
                None => cmd!(connection, "ANALYTICS.UNIQUE", name, window),
                Some((dimension, value)) => {
                    cmd!(
                        connection,
                        "ANALYTICS.UNIQUE",
                        name,
                        window,
                        dimension,
                        value
                    )
                }
            };
            if ranges(connection) == before {
                break (users.int(), before.0, before.1);
            }
        };
        // Without edges both ranges hold the same users. With edges those elsewhere in the window are
        // certain, and those of all the buckets are the most.
        let most = truth.users(site, all[0], all[1], row);
        let least = match edges.is_empty() {
            true => most,
            false => {
                let is_at_an_edge =
                    |time: i64| edges.iter().any(|edge| (edge[0]..edge[1]).contains(&time));
                truth.users_where(site, row, |time| {
                    (counts[0]..counts[1]).contains(&time) && !is_at_an_edge(time)
                })
            }
        };
        assert!(
            (least - 1..=most + 1).contains(&users),
            "question {question}: {name} {window} {row:?}, of {all:?} with {edges:?}: {users}, not {least} to {most}"
        );
    }
    for (site, (name, _)) in SITES.iter().enumerate() {
        let expected = truth.users(site, truth.now - 340 * DAY, i64::MAX, None);
        assert!(expected > 500, "a site with few users: {expected}");
        // Whole periods, so that the exact set is known without EXPLAIN.
        for unit in [MINUTE, HOUR] {
            let from = floor(truth.now, unit) - 40 * unit;
            let window = format!("{from}..{}", from + 30 * unit);
            let users = cmd!(connection, "ANALYTICS.UNIQUE", name, window).int();
            let expected = truth.users(site, from, from + 30 * unit, None);
            assert!(
                (users - expected).abs() <= 1,
                "{name} {window}: {users} instead of {expected}"
            );
        }
    }
}

fn with_events(options: ServerOptions) -> (Server, Truth) {
    let server = options.start();
    let mut connection = server.connection();
    create_sites(&mut connection);
    let now = connection.now();
    let mut truth = Truth::new(now);
    send(&mut connection, &random_events(10_000, now), &mut truth);
    (server, truth)
}

#[test]
fn random_events_are_counted_exactly() {
    let (server, truth) = with_events(Server::with());
    let mut connection = server.connection();
    assert!(truth.duplicates > 100 && truth.late > 100);

    let state = State::of(&mut connection);
    let keys: BTreeMap<String, i64> = state
        .entries()
        .map(|(key, _, expiry)| (String::from_utf8_lossy(key).into_owned(), expiry))
        // Their expiry comes from the clock.
        .filter(|(key, _)| !key.ends_with(":ids"))
        .collect();
    assert_eq!(keys.len(), truth.keys.len());
    assert_eq!(keys, truth.keys);

    let (mut duplicates, mut late) = (0, 0);
    for (number, (site, _)) in SITES.iter().enumerate() {
        let info = cmd!(connection, "ANALYTICS.INFO", site);
        let of_site = || truth.counted.iter().filter(|event| event.site == number);
        assert_eq!(*info.get("events"), of_site().count() as i64);
        let times = || of_site().map(|event| event.time);
        assert_eq!(
            info.get("first-event").int(),
            times().min().expect("an event")
        );
        assert_eq!(
            info.get("last-event").int(),
            times().max().expect("an event")
        );
        duplicates += info.get("duplicates").int();
        late += info.get("late").int();
    }
    assert_eq!((duplicates, late), (truth.duplicates, truth.late));
    ask(&mut connection, &truth);
}

fn rewrite_aof(connection: &mut Connection) {
    connection.run("BGREWRITEAOF");
    wait_until("the AOF is rewritten", || {
        connection.info("persistence", "aof_rewrite_in_progress") == "0"
            && connection.info("persistence", "aof_rewrite_scheduled") == "0"
    });
    assert_eq!(
        connection.info("persistence", "aof_last_bgrewrite_status"),
        "ok"
    );
}

fn restore_all(state: &State, connection: &mut Connection) {
    let mut request = Vec::new();
    let mut count = 0;
    for (key, dump, expiry) in state.entries() {
        let expiry = expiry.max(0);
        encode(&mut request, &[&"RESTORE", &key, &expiry, &dump, &"ABSTTL"]);
        count += 1;
    }
    for reply in connection.exchange(&request, count) {
        reply.ok();
    }
}

#[test]
fn random_events_are_the_same_bytes_wherever_they_are_copied_and_reloaded() {
    let empty = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        .start();
    let live = Server::with().replica_of(&empty).start();
    let of_replica = Server::with().replica_of(&live).start();
    let mut server = empty;
    let mut connection = server.connection();
    create_sites(&mut connection);
    let now = connection.now();
    let mut truth = Truth::new(now);
    let events = random_events(10_000, now);
    let (first, more) = events.split_at(9_000);
    send(&mut connection, first, &mut truth);

    let late = Server::with().replica_of(&server).start();
    send(&mut connection, more, &mut truth);
    server.wait_for_replica(&live);
    server.wait_for_replica(&late);
    live.wait_for_replica(&of_replica);
    for (replica, whose) in [
        (&live, "a replica"),
        (&late, "a late replica"),
        (&of_replica, "a replica's replica"),
    ] {
        assert_same_data(&mut connection, &mut replica.connection(), whose);
    }
    let expected = State::of(&mut connection);
    let digest = connection.digest_of_all();
    let check = |connection: &mut Connection, whose: &str| {
        State::of(connection).assert_is(&expected, whose);
        assert_eq!(connection.digest_of_all(), digest, "{whose}");
    };

    server.restart();
    check(&mut server.connection(), "the AOF");
    rewrite_aof(&mut server.connection());
    server.kill();
    server.start_again();
    check(&mut server.connection(), "the rewritten AOF");
    server
        .connection()
        .run("CONFIG SET aof-use-rdb-preamble yes")
        .ok();
    rewrite_aof(&mut server.connection());
    server.restart();
    check(&mut server.connection(), "the AOF with a preamble");
    ask(&mut server.connection(), &truth);

    let mut other = Server::with().config("save", "3600 1").start();
    restore_all(&expected, &mut other.connection());
    check(&mut other.connection(), "DUMP and RESTORE");
    other.connection().run("SAVE").ok();
    other.restart();
    check(&mut other.connection(), "the RDB file");
    ask(&mut other.connection(), &truth);
}
