//! Events inside of MULTI and Lua, and notice of a change: WATCH and keyspace events.

use std::collections::BTreeSet;

use testkit::command_docs::commands;
use testkit::state::assert_same_data;
use testkit::{cmd, Arg, Connection, Server};

use crate::import::TYPED;

/// Whether a transaction of a watcher of the key goes through after another client's command.
fn survives(server: &Server, key: &str, line: &str) -> bool {
    let (mut watcher, mut other) = (server.connection(), server.connection());
    watcher.run(&format!("WATCH {key}")).ok();
    other.run(line);
    watcher.run("MULTI").ok();
    watcher.run("PING");
    !watcher.run("EXEC").is_nil()
}

#[test]
fn only_counted_events_break_a_watch() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = testkit::calendar::floor(connection.now(), 60_000) - 1;
    let event = |rest: &str| format!("ANALYTICS.TRACK shop view ann AT {time} {rest}");
    connection.run(&event("ID one")).int();
    for key in connection.keys() {
        let unlike = format!("ID other-than-for-{}", key.replace(' ', "-"));
        assert!(!survives(&server, &key, &event(&unlike)), "{key}");
        assert!(
            survives(&server, &key, &event("ID one")),
            "{key}: a duplicate"
        );
        for line in [
            &event("ID"),
            &event("VAL revenue x"),
            &event("SESSION s NONSENSE"),
            "ANALYTICS.TRACK shop view ann AT 5",
            "ANALYTICS.TRACK shop view ann AT 99999999999999",
            "ANALYTICS.MTRACK shop EVENT view ann EVENT view ann AT never",
            "ANALYTICS.CREATE shop",
            "ANALYTICS.ALTER shop TZ Asia/Tokyo",
            "ANALYTICS.UNIQUE shop 1h",
            "ANALYTICS.UNIQUE shop 1y event view",
            "ANALYTICS.EXPLAIN shop 30d",
            "ANALYTICS.INFO shop",
        ] {
            assert!(survives(&server, &key, line), "{key}: {line}");
        }
    }
    let other_site = "ANALYTICS.TRACK other view ann";
    assert!(survives(&server, "shop", other_site));
    assert!(survives(
        &server,
        "nosuch",
        "ANALYTICS.TRACK nosuch view ann AT 5"
    ));
    assert!(!survives(
        &server,
        "nosuch",
        "ANALYTICS.TRACK nosuch view ann"
    ));
    assert!(!survives(&server, "shop", "ANALYTICS.ALTER shop STRICT"));
    assert!(!survives(&server, "shop", "ANALYTICS.DROP shop"));
}

#[test]
fn a_bucket_is_watched_by_itself() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let (early, late) = (now - 10 * 60_000, now - 5 * 60_000);
    connection
        .run(&format!("ANALYTICS.TRACK shop view ann AT {early}"))
        .int();
    let minute = |time| {
        testkit::calendar::buckets("shop", "UTC", time)[0]
            .key
            .clone()
    };
    let event = format!("ANALYTICS.TRACK shop view ann AT {late}");
    assert!(survives(&server, &minute(early), &event));
    assert!(!survives(&server, &minute(late), &event));
}

#[test]
fn dropping_a_site_and_moving_an_expiry_break_the_watch_of_a_bucket() {
    let server = Server::start();
    let mut connection = server.connection();
    let event = "ANALYTICS.TRACK shop view ann";
    connection.run(event).int();
    let day = connection
        .keys()
        .into_iter()
        .find(|key| key.contains(":day:"))
        .expect("a day bucket");
    assert!(survives(
        &server,
        &day,
        "ANALYTICS.ALTER shop RETENTION hour 8d"
    ));
    assert!(!survives(
        &server,
        &day,
        "ANALYTICS.ALTER shop RETENTION day 8d"
    ));
    assert!(!survives(&server, &day, "ANALYTICS.DROP shop"));
}

#[test]
fn a_transaction_is_one_and_a_refused_event_in_it_changes_nothing() {
    let server = Server::with().aof().start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    let replies = connection.pipeline(&[
        "MULTI",
        "ANALYTICS.CREATE shop TZ Europe/Paris",
        "ANALYTICS.TRACK shop view ann ID a DIM country FR",
        "ANALYTICS.TRACK shop view ann ID b VAL revenue x",
        "ANALYTICS.TRACK shop view bob ID a",
        "ANALYTICS.MTRACK shop EVENT view bob EVENT view cleo",
        "ANALYTICS.UNIQUE shop 1h",
        "EXEC",
    ]);
    let results = replies[7].array();
    results[0].ok();
    assert_eq!(results[1], 1);
    assert!(results[2].error().contains("revenue"));
    assert_eq!(results[3], 0);
    assert_eq!(results[4], 2);
    assert_eq!(results[5], 3);
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
}

#[test]
fn a_script_tracks_and_asks() {
    let mut server = Server::with().aof().start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    let script = "for i = 1, 100 do \
                    redis.call('ANALYTICS.TRACK', KEYS[1], 'view', 'u' .. i, 'VAL', 'n', i) \
                  end \
                  local bad = redis.pcall('ANALYTICS.TRACK', KEYS[1], 'view', 'u', 'VAL', 'n', 'x') \
                  if not bad.err then return -1 end \
                  return redis.call('ANALYTICS.UNIQUE', KEYS[1], '1h')";
    assert_eq!(cmd!(connection, "EVAL", script, 1, "shop"), 100);
    let read = "return redis.call('ANALYTICS.UNIQUE', KEYS[1], 'today', 'event', 'view')";
    assert_eq!(cmd!(connection, "EVAL_RO", read, 1, "shop"), 100);
    let write = "return redis.call('ANALYTICS.TRACK', KEYS[1], 'view', 'ann')";
    assert!(cmd!(connection, "EVAL_RO", write, 1, "shop").is_error());
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    let digest = connection.digest_of_all();
    server.restart();
    assert_eq!(server.connection().digest_of_all(), digest);
}

/// The events of a subscriber to everything that other clients did, as (event, key).
fn events(subscriber: &mut Connection, marker: &mut Connection) -> Vec<(String, String)> {
    marker.run("PUBLISH end end").int();
    let mut events = Vec::new();
    loop {
        let message = subscriber.receive().expect("a message");
        let parts = message.texts();
        match parts[..] {
            ["pmessage", _, "end", _] => return events,
            ["pmessage", _, channel, key] => {
                let (_, event) = channel.split_once("__:").expect("a keyevent");
                events.push((event.to_owned(), key.to_owned()));
            }
            _ => {}
        }
    }
}

#[test]
fn a_command_that_changed_something_notifies_once_on_its_key() {
    let server = Server::with()
        .config("notify-keyspace-events", "EAK")
        .start();
    let (mut subscriber, mut connection) = (server.connection(), server.connection());
    subscriber.run("PSUBSCRIBE __keyevent@0__:* end");
    subscriber.receive().expect("the second subscription");
    let page = include_bytes!("../golden/site-v1-plain.bin");
    let time = connection.now();
    let entry = format!("XADD log 1-1 event view user ann time {time}");
    connection.run(&entry).text();
    events(&mut subscriber, &mut connection);
    let mut tested = BTreeSet::new();
    for (line, event) in [
        ("CREATE shop", Some("create")),
        ("CREATE shop", None),
        ("TRACK shop view ann ID one", Some("track")),
        ("TRACK shop view ann ID one", None),
        ("TRACK shop view ann AT 5", None),
        ("TRACK shop view", None),
        ("TRACK shop view ann VAL x y", None),
        ("MTRACK shop EVENT view ann EVENT view bob", Some("track")),
        ("MTRACK shop EVENT view ann AT 5 EVENT view ann AT 6", None),
        ("MTRACK shop EVENT view ann EVENT view bob VAL x y", None),
        (
            "TRACKJSON shop [{\"event\":\"view\",\"user_id\":\"ann\"},{\"event\":\"view\",\"user_id\":5}]",
            Some("trackjson"),
        ),
        ("TRACKJSON shop []", None),
        // Five buckets move.
        (
            "ALTER shop RETENTION minute 2h RETENTION hour 8d RETENTION day 3d RETENTION week off",
            Some("alter"),
        ),
        ("ALTER shop TZ Asia/Tokyo", None),
        ("ALTER nosuch STRICT", None),
        ("IMPORT shop minute now users %", Some("import")),
        ("IMPORT shop minute now users %", None),
        ("IMPORT shop day now users x", None),
        ("EXPORT shop day now", None),
        ("REPLAY shop FROM log", Some("replay")),
        ("REPLAY shop FROM log AFTER 1-1", None),
        ("REPLAY shop FROM gone", None),
        ("ALERT shop SET busy events 1h > 1000000", Some("alert")),
        ("ALERT shop PAUSE busy", Some("alert")),
        ("ALERT shop PAUSE nosuch", None),
        ("ALERT shop TEST busy", None),
        (
            "FUNNEL shop SET buy WITHIN 1d STEP event=view STEP event=pay",
            Some("funnel"),
        ),
        (
            "FUNNEL shop SET buy WITHIN 1d STEP event=view STEP event=pay",
            None,
        ),
        ("FUNNEL shop GET buy 1h", None),
        ("FUNNEL_RO shop LIST", None),
        ("FUNNEL shop DEL buy", Some("funnel")),
        ("FUNNEL shop DEL buy", None),
        ("ALERT_RO shop LIST", None),
        ("LIVE shop SET now 1h events", Some("live")),
        ("LIVE shop DEL nosuch", None),
        ("LIVE_RO shop LIST", None),
        ("UNIQUE shop 1h", None),
        ("GET shop 1h events", None),
        ("RANGE shop 1h 1m events", None),
        ("COMPARE shop 1h events", None),
        ("TOP shop 1h event", None),
        ("DASHBOARD shop", None),
        ("EXPLAIN shop 1h", None),
        ("INFO shop", None),
        ("HELP", None),
        ("ALTER shop RETURNING 90d", Some("alter")),
        ("SEED shop USER ann 2024-07-04", Some("seed")),
        ("SEED shop USER ann 2024-07-04", None),
        ("SEED shop USER ann never", None),
        ("RETENTION shop 1d day", None),
        ("FORGET shop ann", Some("forget")),
        ("FORGET shop ann", None),
        ("RESTORE shop SITE page", None),
        ("RESTORE new SITE page", Some("restore")),
        ("DROP nosuch", None),
        ("DROP new", Some("drop")),
        ("DROP shop", Some("drop")),
        ("DROP shop", None),
        // The site and its buckets are new.
        ("TRACK shop view ann", Some("track")),
    ] {
        let words = line.split(' ').map(|word| match word {
            "page" => page.to_vec(),
            "%" => TYPED.into(),
            word => word.into(),
        });
        let mut words: Vec<Vec<u8>> = words.collect();
        words[0].splice(..0, *b"ANALYTICS.");
        tested.insert(String::from_utf8_lossy(&words[0]).into_owned());
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        connection.call(&args);
        let key = String::from_utf8_lossy(words.get(1).map_or(b"", Vec::as_slice)).into_owned();
        let expected = event.map(|event| (format!("analytics.{event}"), key));
        let expected: Vec<(String, String)> = expected.into_iter().collect();
        assert_eq!(events(&mut subscriber, &mut connection), expected, "{line}");
    }
    let all: BTreeSet<String> = commands(&mut connection).into_keys().collect();
    assert_eq!(tested, all);
    let page = include_str!("../../docs/monitoring.md");
    for event in [
        "create", "track", "alter", "import", "replay", "alert", "live", "drop", "restore", "seed",
        "forget",
    ] {
        assert!(page.contains(&format!("| `analytics.{event}` |")));
    }
}
