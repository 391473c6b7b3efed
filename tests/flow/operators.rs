//! The procedures of docs/operators.md, carried out: its users may do what it lists and nothing else, its
//! backup comes back, and a site moves by hand.

use std::fs;

use testkit::sites::fill_site;
use testkit::{cmd, wait_until, Connection, Server, State};

const PAGE: &str = include_str!("../../docs/operators.md");

const PASSWORDS: [(&str, &str); 3] = [
    ("collector", "change-me"),
    ("viewer", "change-me-too"),
    ("owner", "change-me-as-well"),
];

const WRITES: [&str; 2] = [
    "ANALYTICS.TRACK shop view ann",
    "ANALYTICS.MTRACK shop EVENT view ann",
];
const QUESTIONS: [&str; 8] = [
    "ANALYTICS.UNIQUE shop 1d",
    "ANALYTICS.GET shop 1d events",
    "ANALYTICS.RANGE shop 1d 1h events",
    "ANALYTICS.TOP shop 1d country",
    "ANALYTICS.COMPARE shop 1d events",
    "ANALYTICS.DASHBOARD shop",
    "ANALYTICS.EXPLAIN shop 1d",
    "ANALYTICS.INFO shop",
];
const SETTINGS: [&str; 3] = [
    "ANALYTICS.ALTER shop RETENTION minute 2h",
    "ANALYTICS.CREATE shop:new",
    "ANALYTICS.DROP shop:new",
];

fn connection_of(server: &Server, user: &str) -> Connection {
    let mut connection = server.connection();
    let known = PASSWORDS.iter().find(|(name, _)| *name == user);
    let (_, password) = known.expect("a user of the page");
    cmd!(connection, "AUTH", user, *password).ok();
    connection
}

/// Runs each of them as this user, and gives those that access control refuses.
fn refused<'l>(server: &Server, user: &str, lines: &[&'l str]) -> Vec<&'l str> {
    let mut connection = connection_of(server, user);
    let mut refused = Vec::new();
    for line in lines {
        let reply = connection.run(line);
        match reply.is_error() {
            true if reply.error().starts_with("NOPERM") => refused.push(*line),
            is_error => assert!(!is_error, "{user}: {line}: {reply:?}"),
        }
    }
    refused
}

#[test]
fn the_users_of_the_page_may_do_what_it_lists_and_nothing_else() {
    let server = Server::start();
    let mut admin = server.connection();
    for line in PAGE.lines().filter(|line| line.starts_with("ACL SETUSER")) {
        admin.run(line).ok();
    }
    fill_site(&mut admin, "shop");
    fill_site(&mut admin, "other");
    let none: [&str; 0] = [];
    assert_eq!(refused(&server, "collector", &WRITES), none);
    assert_eq!(refused(&server, "collector", &QUESTIONS), QUESTIONS);
    assert_eq!(refused(&server, "collector", &SETTINGS), SETTINGS);
    assert_eq!(refused(&server, "viewer", &QUESTIONS), none);
    assert_eq!(refused(&server, "viewer", &WRITES), WRITES);
    assert_eq!(refused(&server, "viewer", &SETTINGS), SETTINGS);
    assert_eq!(refused(&server, "owner", &SETTINGS), none);
    assert_eq!(refused(&server, "owner", &WRITES), WRITES);
    let elsewhere = [
        "ANALYTICS.TRACK other view ann",
        "ANALYTICS.UNIQUE other 1d",
        "ANALYTICS.DROP other",
        "ANALYTICS.RESTORE shop SITE page",
        "GET other",
        "KEYS *",
        "FLUSHALL",
        "CONFIG GET *",
    ];
    for (user, _) in PASSWORDS {
        assert_eq!(refused(&server, user, &elsewhere), elsewhere, "{user}");
    }
}

#[test]
fn a_snapshot_that_was_copied_away_comes_back_and_becomes_a_log() {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    fill_site(&mut connection, "shop");
    connection.run("SAVE").ok();
    let expected = State::of(&mut connection);
    // What came after the backup is not in it.
    connection.run("ANALYTICS.TRACK shop view late").int();
    let backup = server.dir().join("dump.rdb");

    let mut restored = Server::with().config("appendonly", "no").start();
    restored.stop();
    fs::copy(backup, restored.dir().join("dump.rdb")).expect("the backup can be copied");
    restored.start_again();
    let mut connection = restored.connection();
    State::of(&mut connection).assert_is(&expected, "the backup");
    connection.run("CONFIG SET appendonly yes").ok();
    wait_until("the log is written", || {
        connection.info("persistence", "aof_rewrite_in_progress") == "0"
            && connection.info("persistence", "aof_rewrite_scheduled") == "0"
    });
    connection.run("CONFIG REWRITE").ok();
    connection.run("ANALYTICS.TRACK shop view new").int();
    let expected = State::of(&mut connection);
    drop(connection);
    restored.kill();
    fs::remove_file(restored.dir().join("dump.rdb")).expect("the snapshot");
    restored.start_again();
    State::of(&mut restored.connection()).assert_is(&expected, "the log");
}

#[test]
fn a_site_moves_by_dump_and_restore_and_goes_on() {
    let (from, to) = (Server::start(), Server::start());
    let (mut giver, mut receiver) = (from.connection(), to.connection());
    fill_site(&mut giver, "shop");
    fill_site(&mut giver, "other");
    fill_site(&mut receiver, "third");
    let mut keys = cmd!(giver, "KEYS", "{shop}:*").texts().join(" ");
    keys = format!("shop {keys}");
    for key in keys.split(' ') {
        let dump = giver.dump(key);
        let expiry = cmd!(giver, "PEXPIRETIME", key).int().max(0);
        cmd!(receiver, "RESTORE", key, expiry, dump, "ABSTTL").ok();
        assert_eq!(receiver.digest(key), giver.digest(key), "{key}");
        let moved = cmd!(receiver, "PEXPIRETIME", key).int().max(0);
        assert_eq!(moved, expiry, "{key}");
    }
    for line in [
        "UNIQUE shop 1y",
        "GET shop 1y events",
        "TOP shop 1y country",
    ] {
        let line = format!("ANALYTICS.{line}");
        assert_eq!(receiver.run(&line), giver.run(&line), "{line}");
    }
    let event = "ANALYTICS.TRACK shop view somebody-new";
    let users = receiver.run("ANALYTICS.UNIQUE shop 1y").int();
    assert_eq!(receiver.run(event), 1);
    assert_eq!(receiver.run("ANALYTICS.UNIQUE shop 1y"), users + 1);
}

#[test]
fn a_module_is_replaced_by_a_restart_only() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let reply = connection.run("MODULE UNLOAD analytics");
    assert!(reply.error().contains("types"), "{reply:?}");
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1d"), 1);
}

#[test]
fn a_server_without_the_module_does_not_start_on_a_backup_and_leaves_it() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    connection.run("SAVE").ok();
    let backup = fs::read(server.dir().join("dump.rdb")).expect("a backup");
    let plain = Server::with().without_module();
    let Err(log) = plain
        .config("dir", &server.dir().display().to_string())
        .try_start()
    else {
        panic!("it started");
    };
    assert!(log.contains("no matching module type"), "{log}");
    let left = fs::read(server.dir().join("dump.rdb")).expect("the backup");
    assert_eq!(left, backup);
}
