//! What `ANALYTICS.IMPORT` refuses: the error names the reason, and nothing changes.

use testkit::calendar::{buckets, DAY, MINUTE};
use testkit::state::refused;
use testkit::{cmd, Arg, Server};

use crate::export::users;
use crate::import::{import, native, unique, TYPED};

#[test]
fn a_refused_import_names_the_reason_and_changes_nothing() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM plan NOUSERS CUBE event,plan NOUSERS RETENTION month off STRICT")
        .ok();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let now = connection.now();
    let ahead = now + 10 * MINUTE;
    let string: &dyn Arg = &TYPED;
    for (rest, row, parts) in [
        (
            "year now",
            "",
            &["year", "minute, hour, day, week, month"][..],
        ),
        ("day soon", "", &["time 'soon'", "ISO 8601"]),
        ("day now", "plan pro", &["plan", "NOUSERS"]),
        ("day now", "event buy plan pro", &["event,plan", "NOUSERS"]),
        (
            "day now",
            "event buy country FR",
            &["event,country", "not a cube"],
        ),
        ("day now", "country FR", &["country", "strict"]),
        ("day now", "country FR country DE", &["country", "twice"]),
        (
            "month now",
            "",
            &["RETENTION month is off", "no coarser bucket"],
        ),
        (
            "minute 2001-01-01",
            "",
            &["minute 2001-01-01T00:00", "has expired", "1h"],
        ),
        (
            "day 2001-01-01",
            "",
            &["day 2001-01-01", "has expired", "365d"],
        ),
        (
            &format!("minute {ahead}"),
            "",
            &["future", "analytics.max-future"],
        ),
        ("day 9999-01-01", "", &["future", "analytics.max-future"]),
    ] {
        let mut words: Vec<&dyn Arg> = vec![&"ANALYTICS.IMPORT", &"shop"];
        let rest: Vec<&str> = rest.split(' ').collect();
        words.extend(rest.iter().map(|word| word as &dyn Arg));
        words.extend([&"users" as &dyn Arg, string]);
        let row: Vec<&str> = row.split_whitespace().collect();
        words.extend(row.iter().map(|word| word as &dyn Arg));
        refused(connection, &words, parts);
    }
    let words: [&dyn Arg; 6] = [
        &"ANALYTICS.IMPORT",
        &"shop",
        &"day",
        &"now",
        &"events",
        string,
    ];
    refused(
        connection,
        &words,
        &["'events'", "neither users nor sessions"],
    );
    for line in ["shop day now users", "shop day now users x country"] {
        let reply = connection.run(&format!("ANALYTICS.IMPORT {line}"));
        assert!(reply.is_error(), "{reply:?}");
    }
    let reply = cmd!(
        connection,
        "ANALYTICS.IMPORT",
        "shop",
        "day",
        "now",
        "users",
        TYPED,
        "event"
    );
    assert!(reply.error().contains("wrong number of arguments"));

    // Keys of other types, and a bucket of another period.
    connection.run("SET string x").ok();
    let reply = cmd!(
        connection,
        "ANALYTICS.IMPORT",
        "string",
        "day",
        "now",
        "users",
        TYPED
    );
    assert!(reply.error().starts_with("WRONGTYPE "), "{reply:?}");
    let time = now - 30 * DAY;
    let day = buckets("shop", "UTC", time)[2].key.clone();
    cmd!(connection, "SET", day, "mine").ok();
    let reply = import(connection, &format!("day {time}"), TYPED.as_bytes());
    assert!(reply.error().starts_with("WRONGTYPE "), "{reply:?}");
    cmd!(
        connection,
        "RENAME",
        buckets("shop", "UTC", now)[2].key,
        day
    )
    .ok();
    let words: [&dyn Arg; 6] = [
        &"ANALYTICS.IMPORT",
        &"shop",
        &"day",
        &time,
        &"users",
        string,
    ];
    refused(connection, &words, &["renamed"]);
}

#[test]
fn hostile_strings_are_refused() {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    let sparse = native(&mut connection, &users(0, 100));
    let dense = native(&mut connection, &users(0, 5_000));
    let patched = |string: &[u8], at: usize, byte: u8| {
        let mut string = string.to_vec();
        string[at] = byte;
        string
    };
    let strings: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"x".to_vec(),
        b"HYLL".to_vec(),
        vec![b'7'; 1 << 20],
        patched(&dense, 0, b'h'),
        patched(&dense, 4, 1),
        patched(&dense, 4, 2),
        patched(&sparse, 4, 0),
        patched(&dense, 100, 0xff),
        dense[..dense.len() - 1].to_vec(),
        [&dense[..], b"\0"].concat(),
        sparse[..sparse.len() - 1].to_vec(),
        [&sparse[..], b"\0"].concat(),
        [&sparse[..], b"\x80"].concat(),
        [&sparse[..16], &[0x80; 1 << 16]].concat(),
        [&sparse[..], b"\x7f\xff"].concat(),
    ];
    for string in &strings {
        for site in ["shop", "nosuch"] {
            let words: [&dyn Arg; 6] =
                [&"ANALYTICS.IMPORT", &site, &"day", &"now", &"users", string];
            refused(&mut connection, &words, &["hll is not a Redis HyperLogLog"]);
        }
    }
    // A cached count is not looked at.
    let lying = patched(&patched(&dense, 8, 0xff), 15, 0);
    assert_eq!(import(&mut connection, "day now", &lying), 1);
    let count = connection.run("PFCOUNT native").int();
    assert_eq!(unique(&mut connection, "today"), count);
}

#[test]
fn out_of_memory_refuses_an_import_and_still_exports() {
    let server = Server::start();
    let mut connection = server.connection();
    assert_eq!(import(&mut connection, "day now", TYPED.as_bytes()), 1);
    let before = connection.digest_of_all();
    connection
        .run("CONFIG SET maxmemory-policy noeviction")
        .ok();
    connection.run("CONFIG SET maxmemory 1").ok();
    let string = b"HYLL\x01___________\xff~~A|".to_vec();
    let reply = import(&mut connection, "day now", &string);
    assert!(reply.error().starts_with("OOM "), "{reply:?}");
    assert_eq!(connection.digest_of_all(), before);
    assert!(!connection.run("ANALYTICS.EXPORT shop day now").is_nil());
}
