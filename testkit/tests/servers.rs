//! The servers, connections and replies of this crate, with plain Redis commands.

use std::thread;

use testkit::{cmd, wait_until, Reply, Server, ServerOptions};

fn plain() -> ServerOptions {
    Server::with().without_module()
}

#[test]
fn a_server_starts_on_a_port_of_its_own() {
    let (a, b) = (plain().start(), plain().start());
    assert_ne!(a.port(), b.port());
    cmd!(a.connection(), "SET", "key", 5).ok();
    assert_eq!(cmd!(a.connection(), "INCR", "key"), 6);
    assert!(cmd!(b.connection(), "GET", "key").is_nil());
    assert!(a.cpu_time().as_nanos() > 0);
}

#[test]
fn a_setting_reaches_the_server_and_the_later_one_wins() {
    let server = plain()
        .config("maxmemory", "64mb")
        .config("maxmemory", "32mb")
        .start();
    assert_eq!(
        cmd!(server.connection(), "CONFIG", "GET", "maxmemory")
            .get("maxmemory")
            .text(),
        "33554432"
    );
}

#[test]
fn a_server_that_refuses_to_start_says_why() {
    let log = plain()
        .config("no-such-setting", "1")
        .try_start()
        .err()
        .expect("a server that does not start");
    assert!(log.contains("no-such-setting"), "{log}");
}

#[test]
fn arguments_are_binary_safe() {
    let server = plain().start();
    let mut connection = server.connection();
    let value: Vec<u8> = (0..=255).chain(*b"\r\n\0").collect();
    cmd!(connection, "SET", [0u8, 13, 10], value).ok();
    assert_eq!(cmd!(connection, "GET", [0u8, 13, 10]).bytes(), value);
    assert_eq!(connection.keys().len(), 1);
}

#[test]
fn replies_of_every_type_are_read_in_both_protocols() {
    let server = plain().start();
    let mut connection = server.connection();
    let double = connection.run("DEBUG PROTOCOL double").double();
    assert!((3.1..3.2).contains(&double));
    connection.run("CONFIG GET port").get("port").text();
    connection.hello3();
    assert_eq!(
        connection.run("DEBUG PROTOCOL double"),
        Reply::Double(double)
    );
    assert_eq!(connection.run("CONFIG GET port").fields().len(), 1);
    assert_eq!(
        connection.run("DEBUG PROTOCOL bignum").text(),
        "1234567999999999999999999999999999999"
    );
    assert_eq!(connection.run("DEBUG PROTOCOL set").ints(), [0, 1, 2]);
    assert!(matches!(connection.run("DEBUG PROTOCOL map"), Reply::Map(pairs) if pairs.len() == 3));
    assert_eq!(
        connection.run("DEBUG PROTOCOL verbatim").bytes(),
        b"This is a verbatim\nstring"
    );
    assert!(connection.run("DEBUG PROTOCOL true").bool());
    assert!(connection.run("DEBUG PROTOCOL null").is_nil());
    assert!(connection
        .run("DEBUG PROTOCOL attrib")
        .text()
        .starts_with("Some real reply"));
    assert!(connection
        .run("NOSUCH")
        .error()
        .starts_with("ERR unknown command"));
}

#[test]
fn a_pipeline_replies_in_order() {
    let server = plain().start();
    let replies = server
        .connection()
        .pipeline(&["SET n 1", "INCR n", "LPUSH n 1", "INCR n"]);
    replies[0].ok();
    assert_eq!((replies[1].int(), replies[3].int()), (2, 3));
    assert!(replies[2].is_error());
}

#[test]
fn a_restart_and_a_power_cut_keep_what_the_append_only_file_has() {
    let mut server = plain().aof().start();
    server.connection().run("SET kept 1").ok();
    server.restart();
    assert_eq!(server.connection().run("INCR kept"), 2);
    server.kill();
    server.start_again();
    assert_eq!(server.connection().run("GET kept"), "2");
    assert!(server.dir().join("appendonlydir").is_dir());
}

#[test]
fn a_restart_keeps_a_snapshot_only_where_one_is_asked_for() {
    let mut kept = plain().config("save", "3600 1").start();
    let mut lost = plain().start();
    for server in [&mut kept, &mut lost] {
        server.connection().run("SET key 1").ok();
        server.restart();
    }
    assert_eq!(kept.connection().keys(), ["key"]);
    assert!(lost.connection().keys().is_empty());
}

#[test]
fn a_replica_comes_to_the_same_digest() {
    let master = plain().start();
    let replica = plain().replica_of(&master).start();
    let (mut ours, mut theirs) = (master.connection(), replica.connection());
    for n in 0..100 {
        cmd!(ours, "SET", format!("key{n}"), n, "PX", 1_000_000).ok();
    }
    master.wait_for_replica(&replica);
    assert_eq!(ours.digest("key7"), theirs.digest("key7"));
    assert_ne!(ours.digest("key7"), theirs.digest("key8"));
    assert_eq!(ours.digest_of_all(), theirs.digest_of_all());
    assert_eq!(ours.dump("key7"), theirs.dump("key7"));
}

#[test]
fn the_clock_of_a_server_is_that_of_its_expiry() {
    let server = plain().start();
    let mut connection = server.connection();
    let soon = connection.now() + 50;
    cmd!(connection, "SET", "key", 1, "PXAT", soon).ok();
    wait_until("the key expires", || connection.run("EXISTS key") == 0);
    assert!(connection.now() >= soon);
}

#[test]
fn a_server_outlives_the_thread_that_started_it() {
    let server = thread::spawn(|| plain().start())
        .join()
        .expect("a started server");
    assert_eq!(server.connection().run("PING"), "PONG");
}

#[test]
#[should_panic(expected = "the server reported a bug")]
fn a_crash_fails_the_test() {
    let server = plain().start();
    assert!(server.connection().try_call(&[&"DEBUG", &"PANIC"]).is_err());
    wait_until("the report is complete", || {
        server.log().contains("BUG REPORT END")
    });
    // The test passes by this panic: its folder is not worth keeping.
    let dir = server.dir().to_owned();
    let crash = std::panic::catch_unwind(|| drop(server)).expect_err("a crash noticed");
    std::fs::remove_dir_all(dir).expect("the folder of a crash is kept");
    std::panic::resume_unwind(crash);
}
