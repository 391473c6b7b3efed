//! `ANALYTICS.TRACKJSON`: the same as the `MTRACK` of the events in the JSON, or nothing at all.

use testkit::calendar::{at, DAY, HOUR, MINUTE, SECOND};
use testkit::event_json::{json_of, quoted};
use testkit::state::{assert_same_data, refused};
use testkit::{cmd, Arg, Connection, Random, ReplicaChain, Server, State};

type Event = Vec<String>;

/// A fixed time that no retention of the first days and months is near to.
fn event(random: &mut Random, now: i64) -> Event {
    let age = [20 * MINUTE, 20 * HOUR, 60 * DAY][random.below(3) as usize];
    let time = (now - 10 * MINUTE - random.below(age as u64) as i64) / SECOND * SECOND;
    let kind = *random.pick(&["view", "Käufe", "\u{1}\n\"", "😀"]);
    let mut event: Event = vec![kind.into(), format!("user-{}", random.below(300))];
    let mut push = |words: &[&str]| event.extend(words.iter().map(|word| (*word).to_owned()));
    push(&["AT", &time.to_string()]);
    if random.one_in(2) {
        push(&["ID", &format!("id {}\t", random.next_u64())]);
    }
    if random.one_in(3) {
        push(&["SESSION", &format!("s\\{}", random.below(100))]);
    }
    for (name, values) in [
        ("country", ["FR", "", "Österreich"]),
        ("a\0b", ["\u{7f}", "{}", "é\"é"]),
    ] {
        if random.one_in(2) {
            push(&["DIM", name, random.pick::<&str>(&values)]);
        }
    }
    if random.one_in(2) {
        let revenue = random.below(2_000_000) as f64 / 1_000.0 - 700.1;
        push(&["VAL", "revenue", &revenue.to_string()]);
    }
    if random.one_in(3) {
        push(&[
            "VAL",
            "n",
            random.pick::<&str>(&["-0", "1E5", "9007199254740993", "1e-320", "0.1"]),
        ]);
    }
    event
}

fn mtrack(connection: &mut Connection, site: &str, events: &[Event]) -> i64 {
    let mut args: Vec<&dyn Arg> = vec![&"ANALYTICS.MTRACK", &site];
    for event in events {
        args.push(&"EVENT");
        args.extend(event.iter().map(|word| word as &dyn Arg));
    }
    connection.call(&args).int()
}

fn trackjson(connection: &mut Connection, site: &str, json: impl Arg) -> i64 {
    cmd!(connection, "ANALYTICS.TRACKJSON", site, json).int()
}

/// The same event with its time written in another way.
fn with_time_as(event: &Event, how: u64) -> Event {
    let mut event = event.clone();
    let time: i64 = event[3].parse().expect("a time in milliseconds");
    event[3] = match how {
        0 => time.to_string(),
        1 => (time / SECOND).to_string(),
        2 => at(time, "UTC").strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        3 => at(time, "Asia/Kolkata")
            .strftime("%Y-%m-%dT%H:%M:%S%:z")
            .to_string(),
        _ => at(time, "Asia/Kolkata")
            .strftime("%Y-%m-%dT%H:%M:%S")
            .to_string(),
    };
    event
}

#[test]
fn json_equals_the_mtrack_of_the_same_events() {
    let (a, b) = (Server::start(), Server::start());
    let (mut a, mut b) = (a.connection(), b.connection());
    for connection in [&mut a, &mut b] {
        let line = "ANALYTICS.CREATE shop TZ Asia/Kolkata CUBE event,country VAL n";
        connection.run(line).ok();
    }
    let mut random = Random::new(6);
    let now = a.now();
    let (mut counted, mut again) = (0, Vec::new());
    for call in 0..60 {
        let count = if call == 0 {
            1
        } else {
            random.below(60) as usize + 1
        };
        let mut events: Vec<Event> = (0..count).map(|_| event(&mut random, now)).collect();
        // Some come twice: here, and in the next call.
        events.extend(again);
        again = events
            .iter()
            .filter(|_| random.one_in(12))
            .cloned()
            .collect();
        events.extend(again.iter().cloned());
        let json: Vec<String> = events
            .iter()
            .map(|event| json_of(&with_time_as(event, random.below(5)), random.one_in(2)))
            .collect();
        let json = match &json[..] {
            [event] => event.clone(),
            events => format!("\r\n[ {}\t]", events.join(" ,")),
        };
        let expected = mtrack(&mut a, "shop", &events);
        assert_eq!(trackjson(&mut b, "shop", json.as_str()), expected, "{json}");
        counted += expected;
    }
    assert!(counted > 1_000);
    assert_same_data(&mut a, &mut b, "JSON");
    let info = |connection: &mut Connection, field: &str| {
        let info = connection.run("ANALYTICS.INFO shop");
        info.get(field).int()
    };
    assert!(info(&mut a, "duplicates") > 50);
    for field in ["events", "duplicates", "late"] {
        assert_eq!(info(&mut a, field), info(&mut b, field), "{field}");
    }
}

#[test]
fn replicas_and_a_reloaded_file_agree_whatever_the_json_leaves_open() {
    let mut chain = ReplicaChain::of(
        Server::with()
            .aof()
            .config("aof-use-rdb-preamble", "no")
            .config("analytics.timezone", "Asia/Kolkata"),
    );
    let mut connection = chain.master.connection();
    let now = connection.now();
    let local = at(now - 3 * MINUTE, "Asia/Kolkata")
        .strftime("%Y-%m-%dT%H:%M:%S")
        .to_string();
    let rest =
        r#""session_id":"s","properties":{"country":"F\u0052","revenue":-3.25,"new":true,"x":[]}"#;
    let mut expected = 0;
    for (number, time) in [
        "null".to_owned(),
        (now - MINUTE).to_string(),
        ((now - MINUTE) / 1_000).to_string(),
        format!("\"{local}\""),
        format!("\"{local}+05:30\""),
        (now - 2 * HOUR).to_string(),
        (now - 8 * DAY).to_string(),
        format!(
            "\"{}Z\"",
            at(now - 400 * DAY, "UTC").strftime("%Y-%m-%dT%H:%M")
        ),
    ]
    .iter()
    .enumerate()
    {
        let known = format!("{{\"event\":\"view\",\"user_id\":{number},\"timestamp\":{time},\"id\":{number},{rest}}}");
        let other =
            format!("{{\"event\":\"buy\",\"user_id\":\"\\u00e9\",\"timestamp\":{time},{rest}}}");
        let old = "{\"event\":\"buy\",\"user_id\":\"x\",\"timestamp\":100000000,\"properties\":{\"gone\":1}}";
        assert_eq!(
            trackjson(&mut connection, "shop", known.as_str()),
            1,
            "{known}"
        );
        chain.assert_agree(&format!("one event, {time}"));
        assert_eq!(
            trackjson(&mut connection, "shop", format!("[{other},{other}]")),
            2
        );
        chain.assert_agree(&format!("two events, {time}"));
        // One of them is late. The id of the other may be stored: it is gone with its minute.
        let again = trackjson(&mut connection, "shop", format!("[{known},{old},{other}]"));
        assert!((1..=2).contains(&again));
        chain.assert_agree(&format!("some dropped, {time}"));
        expected += 3 + again;
    }
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("events"), expected);
    let names: Vec<_> = info
        .get("dimensions")
        .array()
        .iter()
        .map(|it| it.at(0).text())
        .collect();
    assert_eq!(names, ["event", "country", "new"]);
    let (before, digest) = (State::of(&mut connection), connection.digest_of_all());
    chain.master.restart();
    let mut connection = chain.master.connection();
    State::of(&mut connection).assert_is(&before, "the file");
    assert_eq!(connection.digest_of_all(), digest);
}

#[test]
fn complete_json_is_replicated_as_it_is_and_the_rest_as_words() {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    let now = connection.now();
    let file = server.dir().join("appendonlydir/appendonly.aof.1.incr.aof");
    let mut replicated = |json: &str, counted: i64| {
        let before = std::fs::read(&file).expect("there is a file").len();
        assert_eq!(trackjson(&mut connection, "shop", json), counted, "{json}");
        let after = std::fs::read(&file).expect("there is a file");
        String::from_utf8_lossy(&after[before..]).into_owned()
    };
    let event = |id: &str, time: &str| {
        format!("{{\"event\":\"view\",\"user_id\":5,\"id\":\"{id}\",\"timestamp\":{time},\"properties\":{{\"n\":1e22}}}}")
    };
    let first = event("a", &now.to_string());
    assert!(replicated(&first, 1).contains(&first));
    let seconds = format!("[{}]", event("b", &(now / 1_000).to_string()));
    let text = replicated(&seconds, 1);
    assert!(
        text.contains(&seconds) && !text.contains("MTRACK"),
        "{text}"
    );

    assert_eq!(replicated(&first, 0), "");
    assert_eq!(replicated("[]", 0), "");
    let both = format!("[{first},{}]", event("c", &now.to_string()));
    for (json, time) in [(event("d", "null"), None), (both, Some(now))] {
        let text = replicated(&json, 1);
        let words: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with(['$', '*']))
            .collect();
        let place = words
            .iter()
            .position(|word| *word == "ANALYTICS.MTRACK")
            .expect("words");
        let clock = words[place + 3];
        let mut expected = vec![
            "ANALYTICS.MTRACK",
            "shop",
            "CLOCK",
            clock,
            "EVENT",
            "view",
            "5",
        ];
        let time = time.map(|time| time.to_string());
        if let Some(time) = time.as_deref().filter(|time| *time != clock) {
            expected.extend(["AT", time]);
        }
        let id = if json.starts_with('[') { "c" } else { "d" };
        expected.extend(["ID", id, "VAL", "n", "1e22"]);
        assert_eq!(&words[place..][..expected.len()], expected);
    }
}

#[test]
fn one_bad_event_fails_the_call_by_its_number_and_changes_nothing() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    let good = r#"{"event":"view","user_id":"ann","id":"known"}"#;
    assert_eq!(trackjson(connection, "shop", good), 1);
    let strict = "ANALYTICS.CREATE strict DIM country STRICT";
    connection.run(strict).ok();
    let now = connection.now();
    let deep = format!(
        "{{\"event\":\"v\",\"user_id\":1,\"x\":{}",
        "[".repeat(1 << 20)
    );
    let long = |name: &str, text: &str, count: usize| {
        let long = quoted(&text.repeat(count), false);
        let other = if name == "event" { "user_id" } else { "event" };
        format!("{{\"{other}\":\"x\",\"{name}\":{long}}}")
    };
    let property = |name: &str, value: &str| {
        format!(
            "{{\"event\":\"v\",\"user_id\":1,\"properties\":{{{}:{value}}}}}",
            quoted(name, true)
        )
    };
    let many = |value: &str| {
        let properties: Vec<String> = (0..17).map(|n| format!("\"n{n}\":{value}")).collect();
        format!(
            "{{\"event\":\"v\",\"user_id\":1,\"properties\":{{{}}}}}",
            properties.join(",")
        )
    };
    for (bad, parts) in [
        (r#"{"event":"view"}"#.to_owned(), &["no user_id"][..]),
        (r#"{"event":"view","userId":5}"#.to_owned(), &["user_id"]),
        (deep, &["64 levels"]),
        (long("event", "x", 1 << 20), &["event", "128"]),
        (long("user_id", "é", 513), &["user", "1024"]),
        (long("session_id", "\\\"", 513), &["session", "1024"]),
        (long("id", "x", 1_025), &["id", "1024"]),
        (property(&"n".repeat(129), "5"), &["value", "128"]),
        (
            property("country", &quoted(&"x".repeat(513), false)),
            &["country", "512"],
        ),
        (property("event", "true"), &["built in"]),
        (property("n", "-1e999"), &["value 'n'", "-1e999"]),
        (property("n", "NaN"), &["expected a value", "'N'"]),
        (many("\"\""), &["dimension 'n16'", "16"]),
        (many("1"), &["value 'n16'", "16"]),
        (
            format!(
                "{{\"event\":\"v\",\"user_id\":1,\"timestamp\":{}}}",
                now + HOUR
            ),
            &["timestamp of 'v'", "max-future"],
        ),
        (
            "{\"event\":\"v\",\"user_id\":1,\"timestamp\":20240704}".to_owned(),
            &["9 or 10 digits"],
        ),
    ] {
        for site in ["shop", "new"] {
            refused(connection, &[&"ANALYTICS.TRACKJSON", &site, &bad], parts);
            let call = format!("[{good},{good},{bad},{good}]");
            let mut parts = parts.to_vec();
            parts.push("event 3");
            refused(connection, &[&"ANALYTICS.TRACKJSON", &site, &call], &parts);
        }
    }
    let many = format!("[{}]", vec![good; 10_001].join(","));
    refused(
        connection,
        &[&"ANALYTICS.TRACKJSON", &"shop", &many],
        &["event 10001", "10000"],
    );
    let broken = [b"{\"event\":\"\xff\",", &good.as_bytes()[1..]].concat();
    refused(
        connection,
        &[&"ANALYTICS.TRACKJSON", &"shop", &broken],
        &["at byte 10", "UTF-8"],
    );
    for (json, parts) in [
        (
            property("items", "[{}]"),
            &["properties.items is an array", "strict"][..],
        ),
        (property("plan", "\"pro\""), &["dimension 'plan'", "strict"]),
    ] {
        refused(
            connection,
            &[&"ANALYTICS.TRACKJSON", &"strict", &json],
            parts,
        );
    }
    for line in ["ANALYTICS.TRACKJSON shop", "ANALYTICS.TRACKJSON shop [] []"] {
        assert!(connection
            .run(line)
            .error()
            .contains("wrong number of arguments"));
    }
}

#[test]
fn what_is_exactly_at_its_limit_is_accepted() {
    let server = Server::start();
    let mut connection = server.connection();
    let one = r#"{"event":"view","user_id":"ann"}"#;
    let many = format!("[{}]", vec![one; 10_000].join(","));
    assert_eq!(trackjson(&mut connection, "shop", many), 10_000);
    let name = |n: usize| quoted(&format!("{n:02}{}", "\u{1}".repeat(126)), false);
    let (text, id) = (
        quoted(&"\0".repeat(512), false),
        quoted(&"\n".repeat(1_024), false),
    );
    let properties: Vec<String> = (0..32)
        .map(|n| format!("{}:{}", name(n), if n < 16 { &text } else { "5" }))
        .collect();
    let kind = quoted(&"😀".repeat(32), true);
    let json = format!(
        "{{\"properties\":{{{}}},\"event\":{kind},\"user_id\":{id},\"session_id\":{id},\"id\":{id}}}",
        properties.join(",")
    );
    assert_eq!(trackjson(&mut connection, "shop", json), 1);
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.UNIQUE",
            "shop",
            "1h",
            "event",
            "😀".repeat(32)
        ),
        1
    );
    assert_eq!(trackjson(&mut connection, "none", " [ ] "), 0);
    assert_eq!(connection.run("EXISTS none"), 0);
    let skipped = format!(
        "{{\"event\":\"view\",\"user_id\":\"bob\",\"x\":{}}}",
        quoted(&"x\n".repeat(1 << 19), false)
    );
    assert_eq!(trackjson(&mut connection, "shop", skipped), 1);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h"), 3);
}

#[test]
fn it_is_a_write_like_mtrack_in_transactions_scripts_and_to_the_server() {
    let server = Server::start();
    let mut connection = server.connection();
    let replies = connection.pipeline(&[
        "MULTI",
        r#"ANALYTICS.TRACKJSON shop {"event":"view","user_id":"\u0061nn"}"#,
        r#"ANALYTICS.TRACKJSON shop [{"event":"view","user_id":"bob","properties":{"a":"\n"}}]"#,
        "EXEC",
    ]);
    assert_eq!(replies[3].ints(), [1, 1]);
    let script = "return redis.call('ANALYTICS.TRACKJSON', KEYS[1], cjson.encode({{event = 'view', user_id = 'cleo', \
                  timestamp = tonumber(ARGV[1]), properties = {country = 'FR', revenue = 9.5}}}))";
    let now = connection.now();
    assert_eq!(cmd!(connection, "EVAL", script, 1, "shop", now), 1);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h"), 3);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h country FR"), 1);

    let info = connection.run("COMMAND INFO ANALYTICS.MTRACK ANALYTICS.TRACKJSON");
    let (words, json) = (info.at(0).array(), info.at(1).array());
    // Flags, first key, last key, step, categories, hints and key specifications.
    assert_eq!(format!("{:?}", &words[2..]), format!("{:?}", &json[2..]));
    // Behind them, replication says CLOCK.
    assert_eq!(json[1], -3);
}
