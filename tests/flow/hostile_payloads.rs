//! Twenty thousand payloads that were tampered with, put in with `RESTORE` and `ANALYTICS.RESTORE`.
//! What is accepted takes the place of the real key, and every command that reaches it has to live
//! with it: on the master, on a replica, in a rewritten AOF.

use std::time::Instant;

use testkit::calendar::{buckets, HOUR, MINUTE};
use testkit::corrupt::broken;
use testkit::sites::fill_site;
use testkit::state::assert_same_data;
use testkit::{
    cmd, encode, wait_until, Arg, Connection, ManualClock, Random, Reply, Server, State,
};

/// The type and the name of a module's value: anything else there would be a test of Redis.
const OWN_TYPE: usize = 10;
const AT_ONCE: usize = 500;

/// What the site is watched for: every field that a rule can have.
const WATCH: [&str; 3] = [
    "ANALYTICS.ALERT shop SET busy events 1h change> 50 CLEAR 20 FOR 5m EVERY 30s REPEAT 1h",
    "ANALYTICS.ALERT shop SET late price:p95@country=1 today < 7 SEVERITY page",
    "ANALYTICS.LIVE shop SET main 5s WINDOW 5m events users",
];

fn server(clock: &ManualClock) -> Server {
    let server = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        // So that the page of a value is found in its DUMP.
        .config("rdbcompression", "no")
        // Nothing happens by itself between one command and the next.
        .manual_clock(clock)
        .start();
    skip_checksum_validation(&server);
    server
}

/// Without the checksum, nothing but the module itself looks at a payload.
fn skip_checksum_validation(server: &Server) {
    let line = "DEBUG SET-SKIP-CHECKSUM-VALIDATION 1";
    server.connection().run(line).ok();
}

/// What reaches a value of a site that counts events: `KEY` is where it belongs, `NEW` where it was put.
const REACH: &[&str] = &[
    "RENAME NEW KEY",
    "COPY KEY {shop}:copy REPLACE",
    "DEBUG DIGEST-VALUE KEY",
    "DEBUG DIGEST-VALUE {shop}:copy",
    "UNLINK {shop}:copy",
    "ANALYTICS.TRACK shop view ann DIM country 1 DIM plan 2 VAL price -3.5 SESSION s AT TIME ID NEW",
    "ANALYTICS.GET shop AROUND events users sessions price:sum price:avg price:min price:p99.9 \
     events@event=view users@country=1 sessions@event=view&country=1",
    "ANALYTICS.COMPARE shop AROUND events users price:max price:p50@country=1",
    "ANALYTICS.RANGE shop AROUND auto events users price:p50",
    "ANALYTICS.TOP shop AROUND event BY users",
    "ANALYTICS.TOP shop AROUND event,country BY price:p50 LIMIT 3",
    "ANALYTICS.UNIQUE shop AROUND country 1",
    "ANALYTICS.DASHBOARD shop",
    "ANALYTICS.EXPLAIN shop AROUND",
    "ANALYTICS.INFO shop",
    "ANALYTICS.ALTER shop DIM plan NOUSERS VAL price",
    "ANALYTICS.ALERT shop LIST",
    "ANALYTICS.ALERT shop TEST busy",
    "ANALYTICS.ALERT shop SET busy events 2h > 1",
    "ANALYTICS.ALERT shop DEL late",
    "ANALYTICS.LIVE shop SET main 1h events",
    "ANALYTICS.LIVE shop LIST",
    "MEMORY USAGE KEY",
    "DEBUG OBJECT KEY",
    "ANALYTICS.MTRACK shop EVENT view bob AT TIME EVENT other ann VAL price 7 AT TIME",
    "DUMP KEY",
];

/// What makes a site that counts visits, remembers people and has funnels, all in few partitions.
const PEOPLE: [&str; 3] = [
    "ANALYTICS.CREATE shop RETURNING 90d VISITORS 60 VISITS 30m PATH page BY country VISITORS 60 DIM from NOUSERS",
    "ANALYTICS.FUNNEL shop SET buy WITHIN 2h STEP event=view STEP event=cart STEP event=pay EXCLUDE event=stop BY country",
    "ANALYTICS.FUNNEL shop SET slow WITHIN 60d STEP event=view STEP page=/2",
];

/// What reaches a value of such a site.
const REACH_PEOPLE: &[&str] = &[
    "RENAME NEW KEY",
    "COPY KEY {shop}:copy REPLACE",
    "DEBUG DIGEST-VALUE KEY",
    "DEBUG DIGEST-VALUE {shop}:copy",
    "UNLINK {shop}:copy",
    "ANALYTICS.MTRACK shop EVENT view 1 AT TIME DIM country 1 DIM page /2 EVENT pay 2 AT TIME EVENT view 3 AT TIME",
    "ANALYTICS.TRACK shop cart 1 DIM page /2",
    "ANALYTICS.GET shop AROUND users:new users:returning:share@country=1 visits bounces:share@entry=/2 \
     visit-time:avg funnel:buy:share funnel:buy:step2@country=1 funnel:slow",
    "ANALYTICS.TOP shop AROUND country BY users:new WITH users:returning",
    "ANALYTICS.TOP shop AROUND exit BY bounces:share",
    "ANALYTICS.RANGE shop AROUND auto users:new visits funnel:buy:users",
    "ANALYTICS.COMPARE shop AROUND users:new funnel:buy:step2 visits",
    "ANALYTICS.RETENTION shop 70d day",
    "ANALYTICS.RETENTION shop 70d week",
    "ANALYTICS.RETENTION shop 400d month",
    "ANALYTICS.FUNNEL shop GET buy AROUND BY country",
    "ANALYTICS.FUNNEL shop GET slow 90d",
    "ANALYTICS.FUNNEL shop LIST",
    "ANALYTICS.EXPLAIN shop AROUND users:new funnel:slow:share visits",
    "ANALYTICS.INFO shop",
    "ANALYTICS.SEED shop USER 4 2024-02-29 USER 900 1999-01-01",
    "ANALYTICS.FORGET shop 5",
    "ANALYTICS.MTRACK shop EVENT view 6 AT TIME EVENT cart 6 AT TIME EVENT pay 6 EVENT stop 7",
    "ANALYTICS.FUNNEL shop SET more WITHIN 1h STEP event=view STEP event=pay",
    "ANALYTICS.FUNNEL shop DEL more",
    "MEMORY USAGE KEY",
    "DUMP KEY",
];

/// Runs commands at once; every reply is one, and an error is one line with its reason.
#[track_caller]
fn run_all(connection: &mut Connection, request: &[u8], commands: usize) -> Vec<Reply> {
    let replies = connection.exchange(request, commands);
    for reply in &replies {
        if let Reply::Error(line) = reply {
            assert!(line.starts_with("ERR "), "{line}");
        }
    }
    replies
}

fn name(number: usize) -> String {
    format!("{{shop}}:new:{number}")
}

/// Which of these payloads are accepted.
fn put(connection: &mut Connection, kind: &str, payloads: &[Vec<u8>]) -> Vec<usize> {
    let mut request = Vec::new();
    for (number, payload) in payloads.iter().enumerate() {
        let name = name(number);
        match kind {
            "" => encode(&mut request, &[&"RESTORE", &name, &0, payload]),
            kind => encode(&mut request, &[&"ANALYTICS.RESTORE", &name, &kind, payload]),
        }
    }
    let replies = run_all(connection, &request, payloads.len());
    let replies = (0..).zip(replies);
    replies
        .filter(|(_, reply)| !reply.is_error())
        .map(|(number, _)| number)
        .collect()
}

/// Puts an accepted payload in the place of the real key, and does to it all that can be done.
fn live_with(connection: &mut Connection, reach: &[&str], key: &str, number: usize, time: i64) {
    let around = format!("{}..{}", time - 25 * HOUR, time + MINUTE);
    let mut request = Vec::new();
    // INFO looks at the site only, and for that at the name of every bucket that there may be.
    let is_seen = |line: &&str| key == "shop" || number.is_multiple_of(8) || !line.contains("INFO");
    let lines: Vec<&str> = reach.iter().copied().filter(is_seen).collect();
    for line in &lines {
        let line = line
            .replace("KEY", key)
            .replace("NEW", &name(number))
            .replace("AROUND", &around)
            .replace("TIME", &time.to_string());
        let words: Vec<&str> = line.split_whitespace().collect();
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &args);
    }
    let replies = run_all(connection, &request, lines.len());
    assert_eq!(replies[2], replies[3], "the copy differs");
    // Whatever it is by now, it can be stored and read again.
    let dump = replies[lines.len() - 1].bytes();
    cmd!(connection, "RESTORE", "{shop}:copy", 0, dump, "REPLACE").ok();
}

/// The page of a value, out of its DUMP: the only one, and short enough to be stored as it is.
fn page(dump: &[u8]) -> Vec<u8> {
    let string = &dump[OWN_TYPE + 2..];
    let (len, start) = match string[1] >> 6 {
        0 => (usize::from(string[1]), 2),
        _ => (
            usize::from(string[1] & 0x3f) << 8 | usize::from(string[2]),
            3,
        ),
    };
    assert_eq!(
        dump.len() - OWN_TYPE - 2 - start - len,
        11,
        "{}",
        dump.escape_ascii()
    );
    string[start..start + len].to_vec()
}

/// A site, and what is done to it.
struct Attack {
    /// Fills the site; a time that has all its buckets.
    fill: fn(&mut Connection) -> i64,
    /// Beside the buckets of that time and the site: keys, and their keywords of `ANALYTICS.RESTORE`.
    partitions: &'static [(&'static str, &'static str)],
    reach: &'static [&'static str],
    rounds: usize,
}

impl Attack {
    /// The keys and their keywords.
    fn keys(&self, time: i64) -> Vec<(String, &'static str)> {
        let partitions = self.partitions.iter();
        let mut keys: Vec<_> = partitions
            .map(|(key, kind)| ((*key).to_owned(), *kind))
            .collect();
        keys.extend(buckets("shop", "UTC", time).map(|it| (it.key, "BUCKET")));
        keys.push(("shop".to_owned(), "SITE"));
        keys
    }

    /// How many payloads were sent, and how many of them accepted.
    fn run(&self, connection: &mut Connection, time: i64) -> (usize, usize) {
        let keys = self.keys(time);
        let dumps: Vec<Vec<u8>> = keys.iter().map(|(key, _)| connection.dump(key)).collect();
        let mut random = Random::new(4);
        let (mut sent, mut accepted) = (0, 0);
        for round in 0..self.rounds {
            for ((key, kind), dump) in keys.iter().zip(&dumps) {
                let kind = if round % 2 == 0 { "" } else { *kind };
                let page = page(dump);
                let payloads: Vec<Vec<u8>> = (0..AT_ONCE)
                    .map(|_| match kind {
                        "" => broken(&mut random, dump, OWN_TYPE),
                        _ => broken(&mut random, &page, 0),
                    })
                    .collect();
                let numbers = put(connection, kind, &payloads);
                sent += payloads.len();
                accepted += numbers.len();
                for number in &numbers {
                    live_with(connection, self.reach, key, *number, time);
                }
                // The next ones find an honest site again.
                if key == "shop" {
                    cmd!(connection, "RESTORE", key, 0, dump, "REPLACE").ok();
                }
            }
        }
        (sent, accepted)
    }
}

/// On a server with a replica and an AOF.
fn harms_nothing(attack: &Attack, least: usize) {
    let clock = ManualClock::new();
    let mut server = server(&clock);
    let replica = Server::with()
        .config("rdbcompression", "no")
        .replica_of(&server)
        .start();
    skip_checksum_validation(&replica);
    let mut connection = server.connection();
    let time = (attack.fill)(&mut connection);
    let memory = |connection: &mut Connection, field: &str| -> u64 {
        connection.info("memory", field).parse().expect("a number")
    };
    let before = memory(&mut connection, "used_memory");

    let began = Instant::now();
    let (sent, accepted) = attack.run(&mut connection, time);
    assert!(
        sent >= least && accepted > least / 40,
        "{accepted} of {sent}"
    );
    let logged = server.log().matches("is refused").count() as u64;
    assert!(
        (1..began.elapsed().as_secs() + 3).contains(&logged),
        "{logged}"
    );
    assert!(memory(&mut connection, "used_memory_rss") < 300 << 20);

    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    let kept = State::of(&mut connection);
    connection.run("BGREWRITEAOF");
    wait_until("the AOF is rewritten", || {
        connection.info("persistence", "aof_rewrite_in_progress") == "0"
            && connection.info("persistence", "aof_rewrite_scheduled") == "0"
    });
    assert_eq!(
        connection.info("persistence", "aof_last_bgrewrite_status"),
        "ok"
    );
    server.restart();
    let mut connection = server.connection();
    State::of(&mut connection).assert_is(&kept, "the rewritten AOF");
    connection.run("ANALYTICS.DROP shop").int();
    connection.run("FLUSHALL").ok();
    let after = memory(&mut connection, "used_memory");
    assert!(after < before + (4 << 20), "{after} bytes, before {before}");
}

#[test]
fn no_payload_harms_the_server_its_replica_or_its_files() {
    let fill = |connection: &mut Connection| {
        let time = fill_site(connection, "shop");
        WATCH.iter().for_each(|line| connection.run(line).ok());
        time
    };
    let attack = Attack {
        fill,
        partitions: &[],
        reach: REACH,
        rounds: 7,
    };
    harms_nothing(&attack, 20_000);
}

#[test]
fn no_payload_of_people_visits_and_funnels_harms_the_server_its_replica_or_its_files() {
    let fill = |connection: &mut Connection| {
        PEOPLE.iter().for_each(|line| connection.run(line).ok());
        let time = connection.now() - MINUTE;
        for n in 0..240 {
            let at = time - (240 - n) * HOUR / 4;
            let kind = ["view", "cart", "pay", "view"][n as usize % 4];
            let line = format!(
                "ANALYTICS.TRACK shop {kind} {} AT {at} DIM page /{} DIM country {}",
                n % 37,
                n % 3,
                n % 5
            );
            assert_eq!(connection.run(&line), 1);
        }
        let last = format!("ANALYTICS.TRACK shop view last AT {time} DIM page /2 DIM country 1");
        assert_eq!(connection.run(&last), 1);
        time
    };
    let attack = Attack {
        fill,
        partitions: &[
            ("{shop}:people:0", "PEOPLE"),
            ("{shop}:visitors:0", "VISITORS"),
        ],
        reach: REACH_PEOPLE,
        rounds: 3,
    };
    harms_nothing(&attack, 10_000);
}

#[test]
fn a_value_laid_out_by_a_later_version_is_refused_and_the_log_says_why() {
    let server = Server::start();
    skip_checksum_validation(&server);
    let mut connection = server.connection();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let mut dump = connection.dump("shop");
    // The module's name and, in the lowest ten bits, how it lays out its values: 1.
    let layout = &mut dump[OWN_TYPE - 1];
    assert_eq!(*layout, 1);
    *layout = 2;
    let refused = cmd!(connection, "RESTORE", "copy", 0, dump);
    assert_eq!(refused.error(), "ERR Bad data format");
    let why = "a value of type analytics is refused: encoding: that of a later version";
    assert!(server.log().contains(why), "{}", server.log());
    assert!(!server.log().contains("EOF"), "{}", server.log());
}

#[test]
fn a_site_that_claims_events_at_the_end_of_time_is_walked_through_quickly() {
    let server = Server::start();
    let mut connection = server.connection();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/site-v1-rich.bin");
    let page = std::fs::read(path).expect("a golden file");
    // Behind the version, the parts, the number of events and an option's 1: the times of the first and
    // the last event, each a marker and eight bytes.
    let last = 4 + 9;
    assert_eq!((page[2], page[last]), (2, 253));
    let in_9999: u64 = 253_402_000_000_000;
    let zigzag = (in_9999 << 1).to_le_bytes();
    let page = [&page[..=last], &zigzag, &page[last + 9..]].concat();
    cmd!(connection, "ANALYTICS.RESTORE", "shop", "SITE", page).ok();
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("last-event"), in_9999 as i64);
    let peak = connection.info("memory", "used_memory_peak");
    assert!(peak.parse::<u64>().is_ok_and(|peak| peak < 100 << 20));
    connection
        .run("ANALYTICS.ALTER shop RETENTION minute 3h")
        .ok();
    assert_eq!(connection.run("ANALYTICS.GET shop 1h events").ints(), [0]);
    assert_eq!(connection.run("ANALYTICS.DROP shop"), 0);
}
