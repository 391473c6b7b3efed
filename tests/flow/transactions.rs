//! Events inside of MULTI and Lua, and who is told of a change: WATCH and keyspace events.

use crate::client::Connection;
use crate::server::Server;
use crate::state::assert_same_data;

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
fn only_what_counted_breaks_a_watch() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = crate::calendar::floor(connection.now(), 60_000) - 1;
    let event = |rest: &str| format!("ANALYTICS.TRACK shop view ann AT {time} {rest}");
    connection.run(&event("ID one")).int();
    for key in connection.keys() {
        assert!(!survives(&server, &key, &event("")), "{key}");
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
    let minute = |time| crate::calendar::buckets("shop", "UTC", time)[0].key.clone();
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
fn a_command_notifies_once_on_the_key_of_the_site() {
    let server = Server::with()
        .config("notify-keyspace-events", "EAK")
        .start();
    let (mut subscriber, mut connection) = (server.connection(), server.connection());
    subscriber.run("PSUBSCRIBE __keyevent@0__:* end");
    subscriber.receive().expect("the second subscription");
    for (line, event) in [
        ("ANALYTICS.CREATE shop", Some("analytics.create")),
        (
            "ANALYTICS.TRACK shop view ann ID one",
            Some("analytics.track"),
        ),
        ("ANALYTICS.TRACK shop view ann ID one", None),
        ("ANALYTICS.TRACK shop view ann AT 5", None),
        ("ANALYTICS.TRACK shop view", None),
        (
            "ANALYTICS.MTRACK shop EVENT view ann EVENT view bob",
            Some("analytics.track"),
        ),
        (
            "ANALYTICS.TRACKJSON shop [{\"event\":\"view\",\"user_id\":\"ann\"},{\"event\":\"view\",\"user_id\":\"bob\"}]",
            Some("analytics.trackjson"),
        ),
        ("ANALYTICS.TRACKJSON shop []", None),
        (
            "ANALYTICS.ALTER shop RETENTION day 3d",
            Some("analytics.alter"),
        ),
        ("ANALYTICS.UNIQUE shop 1h", None),
        ("ANALYTICS.EXPLAIN shop 1h", None),
        ("ANALYTICS.INFO shop", None),
        ("ANALYTICS.DROP shop", Some("analytics.drop")),
        ("ANALYTICS.TRACK shop view ann", Some("analytics.track")),
    ] {
        connection.run(line);
        let expected: Vec<(String, String)> = event
            .map(|event| (event.to_owned(), "shop".to_owned()))
            .into_iter()
            .collect();
        assert_eq!(events(&mut subscriber, &mut connection), expected, "{line}");
    }
}
