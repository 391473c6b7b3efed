//! Hostile words in every place of every command, over both protocols: an error is
//! one line and changes nothing, anything else is an answer, and a replica never comes to differ.

use std::collections::BTreeMap;

use testkit::state::assert_same_data;
use testkit::{encode, Arg, Connection, ManualClock, Random, Reply, Server};

use crate::import::TYPED;

type Words = Vec<Vec<u8>>;

/// One well-formed line of each kind for every command; `#` is a time of the test's, `%` a HyperLogLog.
const LINES: [&str; 70] = [
    "TRACK shop view ann",
    "TRACK shop view ann AT # SESSION s ID i DIM country FR DIM plan pro VAL price 9.99",
    "MTRACK shop EVENT view ann AT # EVENT buy bob DIM country DE VAL price -1 ID j",
    "MTRACK shop CLOCK # EVENT view ann",
    "TRACKJSON shop {\"event\":\"view\",\"user_id\":\"ann\"}",
    "TRACKJSON shop [{\"event\":\"buy\",\"user_id\":7,\"timestamp\":#,\"id\":\"\\u0000\",\"properties\":{\"country\":\"FR\",\"price\":9.99}}]",
    "CREATE new TZ Europe/Paris RETENTION hour 9d DIM a NOUSERS CUBE event,a VAL v CAPACITY 9 IDS 7 STRICT",
    "CREATE other",
    "ALTER shop RETENTION day 400d DIM b CUBE b,country NOUSERS VAL w NOSTRICT",
    "DROP gone",
    "ALTER shop LOG 5 LOGUSERS yes",
    "CREATE logged LOG off LOGUSERS no",
    "REPLAY other FROM log COUNT 2 AFTER 0-0",
    "REPLAY new FROM log CLOCK #",
    "UNIQUE shop 1h",
    "UNIQUE shop 1h country FR",
    "GET shop 1h events users@country=FR price:p95@event=view&country=FR price:avg",
    "GET shop today sessions events:rate",
    "GET shop 1h events@event=view/users (users@country=/a/users) WINDOW 2024-12 events/(price:sum)",
    "COMPARE shop 1d events price:sum",
    "COMPARE shop #..now users",
    "RANGE shop 1h 1m events price:p50",
    "RANGE shop 1d auto users@country=FR",
    "RANGE shop 2024-12-11T14 10s events@country=FR/events",
    "TOP shop 1h country",
    "TOP shop 1h event,country BY price:sum LIMIT 3",
    "TOP shop 1h event WHERE country FR BY users/events WITH users price:p95 LIMIT 3",
    "TOP shop this-year country BY events@event=view/events WITH events",
    "DASHBOARD shop",
    "DASHBOARD shop events@country=FR/users price:p95",
    "EXPLAIN shop 1h events@country=FR events/users",
    "ALTER shop RETURNING 90d VISITORS 50",
    "CREATE known RETURNING 90d VISITORS 100",
    "SEED known SEEN now USER ann 2024-12-11 USER bob #",
    "SEED known CLOCK # USER ann #",
    "FORGET known ann",
    "RETENTION known 2024-12 day",
    "RETENTION known 1y month",
    "GET known today users:new users:returning:share users:new@country=FR",
    "EXPLAIN shop last-month",
    "INFO shop",
    "ALERT shop SET busy events@country=FR 5m > 5 CLEAR 1 FOR 1m EVERY 10s REPEAT 1h SEVERITY page",
    "ALERT shop SET rise price:p95 1h change> 50",
    "ALERT shop STATE busy firing # #",
    "ALERT shop PAUSE busy",
    "ALERT shop TEST busy",
    "ALERT shop DEL rise",
    "FUNNEL shop SET buy WITHIN 7d STEP event=view&country=FR STEP event=buy EXCLUDE event=refund BY country",
    "FUNNEL shop SET two WITHIN 1h STEP country=FR STEP country=DE PEOPLE 00112233445566778899aabbccddeeff # #",
    "FUNNEL shop GET buy 7d BY country LIMIT 5",
    "FUNNEL shop LIST",
    "FUNNEL shop DEL two",
    "FUNNEL_RO shop GET buy 1h",
    "ALERT_RO shop GET busy",
    "LIVE shop SET main 5s WINDOW 5m events users@country=FR",
    "LIVE shop SET main 5s WINDOW 5m events WINDOW today users/events@country=FR",
    "LIVE shop DEL main",
    "LIVE_RO shop LIST",
    "RESTORE put BUCKET page",
    "RESTORE put SITE page",
    "RESTORE put IDS page",
    "HELP track",
    "GET string 1h events",
    "TRACK list view ann",
    "INFO {shop}:hour:2024-12-11T14",
    "EXPORT shop hour # sessions country FR",
    "EXPORT shop month 2024-12 event buy",
    "IMPORT shop hour # users %",
    "IMPORT other day now sessions % country FR",
    "IMPORT shop CLOCK # minute # users % event view",
];

fn odd_words() -> Words {
    let mut words: Words = [
        "",
        "\0",
        "a\0b",
        "\r\n",
        "a\r\nERR b",
        " ",
        "AT",
        "DIM",
        "VAL",
        "ID",
        "SESSION",
        "EVENT",
        "CLOCK",
        "NOUSERS",
        "STRICT",
        "BY",
        "WHERE",
        "WITH",
        "/",
        "(",
        ")/",
        "(events)/(users)",
        "events@country=/a/users",
        "2024",
        "2024-W50",
        "9999",
        "LIMIT",
        "TZ",
        "RETENTION",
        "CUBE",
        "CAPACITY",
        "IDS",
        "SITE",
        "BUCKET",
        "*",
        "<",
        "change>",
        "SET",
        "WINDOW",
        "..",
        "now",
        "auto",
        "off",
        "yes",
        "LOG",
        "LOGUSERS",
        "FROM",
        "AFTER",
        "0-0",
        "18446744073709551615-18446744073709551615",
        "log",
        "{shop}:events",
        "event",
        "~other",
        "@",
        "=",
        "&",
        ",",
        ":p50",
        "a:p101",
        "users",
        "{}",
        "}",
        "{shop}",
        "+inf",
        "-inf",
        "nan",
        "1e999",
        "1e308",
        "-0",
        "0",
        "-1",
        "1",
        "0x10",
        "4294967296",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "99999999999999999999",
        "1000000000000000000",
        "1ms",
        "1000y",
        "1001y",
        "99999999999999999999d",
        "0d",
        "-1d",
        "1.5h",
        "0001-01-01..9999-12-31",
        "-62135596800000..253402300799999",
        "2024-02-30",
        "2024-12-11T24:00",
        "UTC",
        "Mars/Base",
        "%s%n",
        "[]",
        "{\"event\":\"\\ud800\",\"user_id\":1e5}",
        "{\"event\":\"\\u0000\",\"user_id\":\"\\n\",\"properties\":{\"a\":1e999}}",
        "[[[[[[[[[[[[[[[[[[[[[[",
        "shop",
        "string",
        "list",
        "country",
        "users",
        "2024-W50",
        "2024-12",
        "HYLL",
    ]
    .map(|word| word.as_bytes().to_vec())
    .into();
    words.push(vec![0xff, 0xfe, 0x80]);
    words.push(b"HYLL\x01___________\x7f\xff".to_vec());
    words.push(b"HYLL\x01___________\x80\x7f\xff".to_vec());
    words.push("é🎉".as_bytes()[..4].to_vec());
    words.push(vec![b'x'; 129]);
    words.push(vec![b'9'; 600]);
    words
}

fn words_of(line: &str, time: i64) -> Words {
    let line = line.replace('#', &time.to_string()).replace('%', TYPED);
    let line = format!("ANALYTICS.{line}");
    line.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// A replica, a master with a site, and two keys of other types.
struct Scene {
    server: Server,
    replica: Server,
    time: i64,
    /// Stands still, so that nothing happens by itself.
    _clock: ManualClock,
}

impl Scene {
    fn new() -> Scene {
        let clock = ManualClock::new();
        let server = Server::with().config("proto-max-bulk-len", "64mb");
        let server = server.manual_clock(&clock).start();
        let replica = Server::with().replica_of(&server).start();
        let mut connection = server.connection();
        let time = connection.now() - 60_000;
        connection.run("SET string x").ok();
        connection.run("RPUSH list x").int();
        for entry in ["1-1", "2-2", "3-3"] {
            let line = format!("XADD log {entry} event view user ann time {time} id {entry}");
            connection.run(&line).text();
        }
        for line in [LINES[1], LINES[2]] {
            run(&mut connection, &words_of(line, time));
        }
        Scene {
            server,
            replica,
            time,
            _clock: clock,
        }
    }

    /// Every line of every command that the server has.
    fn lines(&self) -> Vec<Words> {
        let mut connection = self.server.connection();
        let reply = connection.run("COMMAND LIST FILTERBY MODULE analytics");
        let mut unseen: Vec<String> = reply.texts().iter().map(|it| it.to_uppercase()).collect();
        let lines = LINES.map(|line| words_of(line, self.time));
        unseen.retain(|name| !lines.iter().any(|line| line[0] == name.as_bytes()));
        assert!(unseen.is_empty(), "no line of {unseen:?}");
        lines.into()
    }

    #[track_caller]
    fn check(self) {
        self.server.wait_for_replica(&self.replica);
        let (mut ours, mut theirs) = (self.server.connection(), self.replica.connection());
        assert_same_data(&mut ours, &mut theirs, "the replica");
    }
}

fn args(words: &Words) -> Vec<&dyn Arg> {
    words.iter().map(|word| word as &dyn Arg).collect()
}

fn run(connection: &mut Connection, words: &Words) -> Reply {
    connection.call(&args(words))
}

#[track_caller]
fn assert_well_formed(words: &Words, reply: &Reply) {
    if let Reply::Error(line) = reply {
        let known = ["ERR ", "WRONGTYPE "]
            .iter()
            .any(|start| line.starts_with(start));
        let is_line = line.len() < 1_000 && !line.contains(char::is_control);
        assert!(known && is_line, "{line:?} to {}", shown(words));
    }
}

fn shown(words: &Words) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| word[..word.len().min(80)].escape_ascii().to_string())
        .collect();
    words.join(" ")
}

/// All at once; each reply is well formed.
fn exchange(connection: &mut Connection, commands: &[Words]) -> Vec<Reply> {
    let mut replies = Vec::new();
    for commands in commands.chunks(500) {
        let mut request = Vec::new();
        for words in commands {
            encode(&mut request, &args(words));
        }
        replies.extend(connection.exchange(&request, commands.len()));
    }
    for (words, reply) in commands.iter().zip(&replies) {
        assert_well_formed(words, reply);
    }
    replies
}

/// Those that are refused change nothing at all. Some are refused for what others have made since:
/// they are sent again until all of them are.
fn assert_harmless(connection: &mut Connection, commands: &[Words], replies: &[Reply]) {
    let refused = |commands: &[Words], replies: &[Reply]| -> Vec<Words> {
        let pairs = commands.iter().zip(replies);
        let refused = pairs.filter(|(_, reply)| reply.is_error());
        refused.map(|(words, _)| words.clone()).collect()
    };
    let trace = |connection: &mut Connection| {
        (
            connection.digest_of_all(),
            connection.info("persistence", "rdb_changes_since_last_save"),
            connection.info("replication", "master_repl_offset"),
        )
    };
    // A ping moves the offset.
    connection
        .run("CONFIG SET repl-ping-replica-period 3600")
        .ok();
    let mut rest = refused(commands, replies);
    for _ in 0..5 {
        let before = trace(connection);
        let again = exchange(connection, &rest);
        let still = refused(&rest, &again);
        if still.len() == rest.len() {
            assert!(rest.len() > 1_000);
            assert_eq!(trace(connection), before, "an error has changed something");
            return;
        }
        rest = still;
    }
    panic!("commands are refused in turns");
}

#[test]
fn every_odd_word_is_taken_or_refused_in_every_place() {
    let scene = Scene::new();
    let mut commands = Vec::new();
    for line in scene.lines() {
        for place in 1..line.len() {
            for odd in odd_words() {
                let mut words = line.clone();
                words[place] = odd;
                commands.push(words);
            }
            commands.push(line[..place].to_vec());
            let mut twice = line.clone();
            twice.insert(place, line[place].clone());
            commands.push(twice);
        }
    }
    let mut connection = scene.server.connection();
    let replies = exchange(&mut connection, &commands);
    assert_harmless(&mut connection, &commands, &replies);
    let mut resp3 = scene.server.connection();
    resp3.hello3();
    exchange(&mut resp3, &commands);
    scene.check();
}

#[test]
fn a_megabyte_is_refused_or_counted_in_every_place() {
    let scene = Scene::new();
    let mut connection = scene.server.connection();
    for line in scene.lines() {
        for place in 1..line.len() {
            let mut words = line.clone();
            words[place] = vec![b'7'; 1 << 20];
            let reply = run(&mut connection, &words);
            assert_well_formed(&words, &reply);
        }
    }
    // Names are short: none of them made a key.
    assert!(connection.keys().iter().all(|key| key.len() < 200));
    scene.check();
}

/// Words of the grammar in an order of their own, with odd ones among them.
fn random_command(random: &mut Random, lines: &[Words], odd: &Words) -> Words {
    let mut words = random.pick(lines).clone();
    for _ in 0..random.below(4) {
        let place = 1 + random.below(words.len() as u64) as usize;
        let other = random.pick(lines);
        let word = match random.below(3) {
            0 => random.pick(odd).clone(),
            _ => random.pick(&other[1..]).clone(),
        };
        match random.below(4) {
            0 if place < words.len() => drop(words.remove(place)),
            1 => words.insert(place.min(words.len()), word),
            2 => {
                words.extend_from_slice(&other[1 + random.below(other.len() as u64 - 1) as usize..])
            }
            _ if place < words.len() => words[place] = word,
            _ => words.push(word),
        }
    }
    words
}

#[test]
fn thirty_thousand_random_commands_are_answered_alike_everywhere() {
    let scene = Scene::new();
    let (lines, odd) = (scene.lines(), odd_words());
    let mut random = Random::new(9);
    let mut resp2 = scene.server.connection();
    let mut resp3 = scene.server.connection();
    resp3.hello3();
    let mut counts: BTreeMap<bool, usize> = BTreeMap::new();
    for round in 0..60 {
        let commands: Vec<Words> = (0..500)
            .map(|_| random_command(&mut random, &lines, &odd))
            .collect();
        let connection = if round % 2 == 0 {
            &mut resp2
        } else {
            &mut resp3
        };
        for reply in exchange(connection, &commands) {
            *counts.entry(reply.is_error()).or_default() += 1;
        }
    }
    assert!(counts.values().all(|count| *count > 3_000), "{counts:?}");
    scene.check();
}
