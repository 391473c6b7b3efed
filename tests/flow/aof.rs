//! The append-only file: loaded, also much later, it gives the data that was there.

use std::fs::OpenOptions;
use std::io::Write;

use testkit::calendar::{buckets, floor, DAY, HOUR, MINUTE};
use testkit::{cmd, encode, Arg, Connection, Server, State};

/// A server that loads these lines from its AOF: what a server wrote there some time ago.
fn loaded(lines: &[String]) -> Server {
    let mut server = Server::with().aof().start();
    server.stop();
    let file = server.dir().join("appendonlydir/appendonly.aof.1.incr.aof");
    let mut bytes = Vec::new();
    encode(&mut bytes, &[&"SELECT", &"0"]);
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut bytes, &args);
    }
    let file = OpenOptions::new().append(true).create(true).open(file);
    file.and_then(|mut file| file.write_all(&bytes))
        .expect("the AOF can be written to");
    server.start_again();
    server
}

/// The site as such a server once made it.
fn creation(connection: &mut Connection) -> String {
    let options = "RETENTION minute 1h RETENTION hour 1w RETENTION day 365d RETENTION week 104w RETENTION month 3y";
    let line = format!("ANALYTICS.CREATE shop TZ UTC {options} CAPACITY 1000");
    connection.run(&line).ok();
    connection.run("FLUSHALL").ok();
    line
}

fn hours_ago(connection: &mut Connection, hours: i64) -> i64 {
    floor(connection.now(), HOUR) - hours * HOUR + 10 * MINUTE
}

#[test]
fn every_command_is_the_same_after_a_restart_and_after_a_power_cut() {
    let mut server = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        .start();
    let mut connection = server.connection();
    let now = connection.now();
    connection.pipeline(&[
        "ANALYTICS.CREATE shop TZ Europe/Paris DIM country CUBE event,country VAL revenue",
        "ANALYTICS.TRACK shop view ann ID x DIM country FR VAL revenue 5",
        "ANALYTICS.TRACK shop view ann ID x",
        "ANALYTICS.ALTER shop RETENTION hour 3d DIM plan NOUSERS",
        "ANALYTICS.CREATE gone",
        "ANALYTICS.TRACK gone view ann",
        "ANALYTICS.DROP gone",
    ]);
    for age in [MINUTE, 50 * MINUTE, 2 * HOUR, 4 * DAY, 100 * DAY] {
        let line = format!(
            "ANALYTICS.MTRACK shop EVENT buy bob EVENT buy cleo AT {} ID y{age} EVENT view dora AT 5",
            now - age
        );
        assert_eq!(connection.run(&line), 2);
    }
    let (expected, digest) = (State::of(&mut connection), connection.digest_of_all());
    for how in ["restart", "kill", "restart after a rewrite"] {
        match how {
            "restart" => server.restart(),
            "kill" => {
                server.kill();
                server.start_again();
            }
            _ => {
                let mut connection = server.connection();
                connection.rewrite_aof();
                server.restart();
            }
        }
        let mut connection = server.connection();
        State::of(&mut connection).assert_is(&expected, how);
        assert_eq!(connection.digest_of_all(), digest, "{how}");
    }
}

#[test]
fn an_event_that_has_grown_old_in_the_file_still_counts_once() {
    let server = Server::start();
    let mut live = server.connection();
    let time = hours_ago(&mut live, 3);
    let create = creation(&mut live);
    // What the server of before has now: the minute is gone, and so are the ids.
    live.run(&create).ok();
    let event = format!("ANALYTICS.TRACK shop view ann AT {time} DIM country FR");
    assert_eq!(live.run(&event), 1);

    let event = event.replace("ann", &format!("ann CLOCK {time}"));
    let reloaded = loaded(&[create, format!("{event} ID x")]);
    let mut connection = reloaded.connection();
    State::of(&mut connection).assert_is(&State::of(&mut live), "the reloaded server");
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1d"), 1);
}

#[test]
fn a_site_counts_events_whose_buckets_have_all_expired() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = hours_ago(&mut connection, 5);
    let off = "RETENTION hour off RETENTION day off RETENTION week off RETENTION month off";
    let reloaded = loaded(&[
        format!("ANALYTICS.CREATE shop TZ UTC RETENTION minute 1h {off} CAPACITY 1000"),
        format!("ANALYTICS.TRACK shop view ann AT {time} DIM country FR"),
    ]);
    let info = reloaded.connection().run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("events"), 1);
    assert_eq!(*info.get("late"), 0);
    assert_eq!(*info.get("first-event"), time);
    assert_eq!(info.get("dimensions").array().len(), 2);
    assert_eq!(reloaded.connection().keys(), ["shop"]);
}

#[test]
fn a_bucket_whose_life_was_prolonged_later_in_the_file_is_there() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = hours_ago(&mut connection, 5);
    let create = creation(&mut connection);
    let event = format!("ANALYTICS.TRACK shop view ann AT {time}");
    let minute = buckets("shop", "UTC", time)[0].clone();
    let prolonged = minute.expiry + 29 * DAY;

    let altered = [
        create.clone(),
        event.clone(),
        format!(
            "ANALYTICS.ALTER shop CLOCK {} RETENTION minute 697h",
            time + 20 * MINUTE
        ),
        format!("PEXPIREAT {} {prolonged}", minute.key),
    ];
    let persisted = [
        create.clone(),
        event.clone(),
        format!("PERSIST {}", minute.key),
    ];
    let renamed = [
        create,
        event,
        format!("RENAME {} kept", minute.key),
        "PERSIST kept".to_owned(),
    ];
    for (lines, key, expiry) in [
        (&altered[..], minute.key.as_str(), prolonged),
        (&persisted, &minute.key, -1),
        (&renamed, "kept", -1),
    ] {
        let reloaded = loaded(lines);
        assert_eq!(
            cmd!(reloaded.connection(), "PEXPIRETIME", key),
            expiry,
            "{lines:?}"
        );
    }
}
