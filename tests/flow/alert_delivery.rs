//! Alerts and live metrics from an event to their readers, with a real clock: a subscriber, a consumer
//! group; ticks with more evaluations than their budget; and a server that takes no writes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use testkit::{cmd, wait_until, Connection, Server};

use crate::alert_fixture::{evaluations, figure, messages, state};

/// A site with an event, and a rule that is about to fire.
fn busy(connection: &mut Connection) {
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    let rule = "ANALYTICS.ALERT shop SET busy events 1h > 0 EVERY 1s SEVERITY page";
    connection.run(rule).ok();
}

#[test]
fn an_alert_reaches_a_subscriber_and_a_consumer_group() {
    let server = Server::start();
    let mut connection = server.connection();
    let mut subscriber = server.connection();
    subscriber.run("SUBSCRIBE analytics:alerts:{shop}");
    let mut consumer = server.connection();
    consumer
        .run("XGROUP CREATE {shop}:alerts hooks 0 MKSTREAM")
        .ok();
    consumer
        .send(b"XREADGROUP GROUP hooks one BLOCK 0 STREAMS {shop}:alerts >\r\n")
        .expect("a server");
    busy(&mut connection);
    let started = Instant::now();
    // Both wait, and no command comes that could wake them.
    let entry = consumer.receive().expect("an entry");
    let message = subscriber.receive().expect("a message");
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    let entry = entry.at(0).at(1).at(0);
    let fields = entry.at(1);
    let time = fields.get("time").text();
    let expected = format!(
        "{{\"site\":\"shop\",\"rule\":\"busy\",\"state\":\"firing\",\"value\":1,\"threshold\":0,\
         \"window\":\"1h\",\"time\":{time},\"severity\":\"page\",\"metric\":\"events\",\"op\":\">\"}}"
    );
    assert_eq!(message.at(2).text(), expected);
    assert_eq!(*fields.get("severity"), "page");
    // It is delivered until it is acknowledged.
    let again = consumer.run("XREADGROUP GROUP hooks one STREAMS {shop}:alerts 0");
    assert_eq!(again.at(0).at(1).at(0).at(0), entry.at(0));
    assert_eq!(
        cmd!(
            consumer,
            "XACK",
            "{shop}:alerts",
            "hooks",
            entry.at(0).text()
        ),
        1
    );
    assert_eq!(*consumer.run("XPENDING {shop}:alerts hooks").at(0), 0);
}

#[test]
fn live_metrics_are_published_at_their_interval() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.TRACK shop view ann VAL price 2.5")
        .int();
    connection.run("ANALYTICS.ALTER shop VAL ms").ok();
    connection
        .run("ANALYTICS.LIVE shop SET main 1s WINDOW 1h events price:sum ms:avg")
        .ok();
    let digest = connection.digest_of_all();
    let offset = connection.info("replication", "master_repl_offset");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(
        figure(&mut connection, "live_messages"),
        0,
        "there is no subscriber"
    );
    let (mut by_name, mut by_pattern) = (server.connection(), server.connection());
    by_name.run("SUBSCRIBE analytics:live:{shop}:main analytics:live:{shop}:other");
    by_name.receive().expect("two replies");
    let first = by_name
        .receive()
        .expect("a message")
        .at(2)
        .text()
        .to_owned();
    let second = by_name
        .receive()
        .expect("a message")
        .at(2)
        .text()
        .to_owned();
    let time = |json: &str| -> i64 {
        let rest = json.split("\"time\":").nth(1).expect("a time");
        let digits = rest.split(',').next().expect("a time");
        digits.parse().expect("a time")
    };
    assert_eq!(
        first,
        format!(
            "{{\"site\":\"shop\",\"name\":\"main\",\"time\":{},\"window\":\"1h\",\"metrics\":\
             {{\"events\":1,\"price:sum\":2.5,\"ms:avg\":null}}}}",
            time(&first)
        )
    );
    let apart = time(&second) - time(&first);
    assert!((500..3_000).contains(&apart), "{apart} ms");
    by_name.run("UNSUBSCRIBE");
    by_pattern.run("PSUBSCRIBE analytics:live:{shop}:*");
    let message = by_pattern.receive().expect("a message");
    assert_eq!(message.at(2).text(), "analytics:live:{shop}:main");
    // Published to subscribers only: it is not stored.
    assert_eq!(connection.digest_of_all(), digest);
    assert_eq!(connection.info("replication", "master_repl_offset"), offset);
    connection.run("ANALYTICS.LIVE shop DEL main").int();
    assert_eq!(figure(&mut connection, "live_metrics"), 0);
}

#[test]
fn evaluations_beyond_the_budget_of_a_tick_run_in_the_next() {
    let server = Server::with()
        .config("analytics.alert-budget", "100")
        .start();
    let mut connection = server.connection();
    let mut lines = Vec::new();
    for site in 0..5 {
        lines.push(format!("ANALYTICS.TRACK s{site} view ann"));
        for rule in 0..100 {
            let text = "SET r{} events 1h > 0 EVERY 2s".replace("{}", &rule.to_string());
            lines.push(format!("ANALYTICS.ALERT s{site} {text}"));
        }
    }
    connection.pipeline(&lines);
    wait_until("all of them fire", || {
        figure(&mut connection, "alert_rules_firing") == 500
    });
    assert!(figure(&mut connection, "alert_deferred") > 0);
    for site in 0..5 {
        let stream = format!("{{s{site}}}:alerts");
        assert_eq!(connection.run(&format!("XLEN {stream}")), 100);
        let mut rules = messages(&mut connection, &stream);
        rules.dedup();
        assert_eq!(rules.len(), 100, "each once");
    }
}

/// Lets some evaluations go by, in which nothing may happen.
#[track_caller]
fn stays(connection: &mut Connection, expected: &str) {
    let (before, skipped) = (evaluations(connection), figure(connection, "alert_skipped"));
    wait_until("it was evaluated twice", || {
        evaluations(connection) >= before + 2
    });
    assert_eq!(state(connection, "busy"), expected);
    assert!(figure(connection, "alert_skipped") > skipped);
}

#[test]
fn a_server_that_takes_no_writes_writes_no_message_and_keeps_the_states() {
    let server = Server::start();
    let mut connection = server.connection();
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    let refusals = [
        (
            "CONFIG SET min-replicas-to-write 1",
            "CONFIG SET min-replicas-to-write 0",
        ),
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("CLIENT PAUSE 60000 WRITE", "CLIENT UNPAUSE"),
    ];
    for (number, (refuse, allow)) in (1..).zip(refusals) {
        connection
            .run("ANALYTICS.ALERT shop SET busy events 1h > 0 EVERY 1s")
            .ok();
        connection.run(refuse).ok();
        stays(&mut connection, "ok");
        assert!(messages(&mut connection, "{shop}:alerts").len() < 2 * number);
        connection.run(allow).ok();
        wait_until("it fires", || state(&mut connection, "busy") == "firing");
        assert_eq!(connection.run("ANALYTICS.ALERT shop DEL busy"), 1);
    }
    let messages = messages(&mut connection, "{shop}:alerts");
    assert_eq!(messages, ["busy firing 1", "busy cancelled"].repeat(3));
}

#[test]
fn no_message_is_written_after_a_failed_snapshot() {
    let server = Server::with().config("save", "3600 1").start();
    let mut connection = server.connection();
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    connection
        .run("ANALYTICS.ALERT shop SET busy events 1h > 0 EVERY 1s")
        .ok();
    // A folder in the place of the file: no user may write there, root included.
    let folder = server.dir().join("dump.rdb");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("x"), "x").expect("a file in it");
    connection.run("BGSAVE");
    wait_until("it fails", || {
        connection.info("persistence", "rdb_last_bgsave_status") == "err"
    });
    let line = connection.run("ANALYTICS.TRACK shop view ann");
    assert!(line.error().starts_with("MISCONF"), "{line:?}");
    if state(&mut connection, "busy") == "ok" {
        stays(&mut connection, "ok");
    }
    connection
        .run("CONFIG SET stop-writes-on-bgsave-error no")
        .ok();
    wait_until("it fires", || state(&mut connection, "busy") == "firing");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("a folder");
}
