//! Rules persist and move with their site: over restarts and failovers in every state, to other names, other
//! databases and other servers. No message is written twice, and no state is lost.

use testkit::calendar::MINUTE;
use testkit::state::assert_same_data;
use testkit::{cmd, wait_until, Server};

use crate::alert_fixture::{figure, messages, state, AlertFixture, SECOND};

const NOTHING: [&str; 0] = [];

/// A rule in each state: ok, pending, firing, and firing while it is paused.
fn in_every_state(fixture: &mut AlertFixture) {
    fixture.track(1, "VAL load 5");
    fixture.set("ok events 1h > 5");
    fixture.set("pending events 1h > 0 FOR 5s");
    fixture.set("firing events 1h > 0 REPEAT 10s");
    fixture.set("paused events 1h > 0");
    fixture.advance(SECOND);
    fixture
        .connection
        .run("ANALYTICS.ALERT shop PAUSE paused")
        .ok();
    assert_in_every_state(fixture);
}

#[track_caller]
fn assert_in_every_state(fixture: &mut AlertFixture) {
    let states = ["ok", "pending", "firing", "paused"].map(|rule| fixture.state(rule));
    assert_eq!(states, ["ok", "pending", "firing", "firing"]);
    assert_eq!(fixture.messages(), ["firing firing 1", "paused firing 1"]);
}

/// The messages from there on, wherever that is. Three rules are evaluated: one is paused.
#[track_caller]
fn goes_on(fixture: &mut AlertFixture) {
    assert_in_every_state(fixture);
    let mut new_messages = |millis| {
        let before = fixture.messages().len();
        let evaluated = figure(&mut fixture.connection, "alert_evaluations");
        fixture.clock.step(millis);
        let connection = &mut fixture.connection;
        wait_until("the three were evaluated", || {
            figure(connection, "alert_evaluations") >= evaluated + 3
        });
        fixture.messages().split_off(before)
    };
    assert_eq!(new_messages(2 * SECOND), NOTHING);
    assert_eq!(new_messages(3 * SECOND), ["pending firing 1"]);
    assert_eq!(new_messages(5 * SECOND), ["firing repeat 1"]);
    assert_eq!(
        new_messages(61 * MINUTE),
        ["firing resolved 0", "pending resolved 0"]
    );
    fixture
        .connection
        .run("ANALYTICS.ALERT shop RESUME paused")
        .ok();
    assert_eq!(fixture.new_messages(SECOND), ["paused resolved 0"]);
    assert_eq!(fixture.new_messages(MINUTE), NOTHING);
}

#[test]
fn states_survive_a_snapshot() {
    let mut fixture = AlertFixture::with(Server::with().config("save", "3600 1"));
    in_every_state(&mut fixture);
    fixture.server.restart();
    fixture.reconnect();
    goes_on(&mut fixture);
}

#[test]
fn states_survive_in_an_append_only_file() {
    let mut fixture = AlertFixture::with(Server::with().aof());
    in_every_state(&mut fixture);
    fixture.server.kill();
    fixture.server.start_again();
    fixture.reconnect();
    goes_on(&mut fixture);
}

#[test]
fn states_survive_a_rewritten_append_only_file() {
    for preamble in ["yes", "no"] {
        let mut fixture = AlertFixture::with(
            Server::with()
                .aof()
                .config("aof-use-rdb-preamble", preamble),
        );
        in_every_state(&mut fixture);
        fixture.connection.run("BGREWRITEAOF");
        wait_until("the AOF is rewritten", || {
            let mut info = |field: &str| fixture.connection.info("persistence", field);
            info("aof_rewrite_in_progress") == "0" && info("aof_rewrite_scheduled") == "0"
        });
        fixture.server.restart();
        fixture.reconnect();
        goes_on(&mut fixture);
    }
}

#[test]
fn states_survive_a_failover() {
    for diskless in ["disabled", "swapdb"] {
        let mut fixture = AlertFixture::start();
        in_every_state(&mut fixture);
        let replica = Server::with()
            .config("repl-diskless-load", diskless)
            .config("repl-timeout", "100000")
            .manual_clock(&fixture.clock)
            .replica_of(&fixture.server)
            .start();
        fixture.server.wait_for_replica(&replica);
        assert_same_data(
            &mut fixture.connection,
            &mut replica.connection(),
            "the replica",
        );
        // It does not evaluate while it is one.
        fixture.pass_on_master(&replica);
        // Then the master dies.
        let mut promoted = replica.connection();
        fixture.server.kill();
        promoted.run("REPLICAOF NO ONE").ok();
        fixture.server = replica;
        fixture.connection = promoted;
        goes_on(&mut fixture);
    }
}

#[test]
fn alert_messages_are_replicated() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    let replica = Server::with()
        .manual_clock(&fixture.clock)
        .replica_of(&fixture.server)
        .start();
    fixture.server.wait_for_replica(&replica);
    let mut listener = replica.connection();
    listener.run("SUBSCRIBE analytics:alerts:{shop}");
    fixture.set("busy events 1m > 0 FOR 2s REPEAT 3s");
    for _ in 0..12 {
        fixture.advance(SECOND);
        fixture.server.wait_for_replica(&replica);
        assert_same_data(
            &mut fixture.connection,
            &mut replica.connection(),
            "the replica",
        );
    }
    assert_eq!(
        fixture.messages(),
        [
            "busy firing 1",
            "busy repeat 1",
            "busy repeat 1",
            "busy repeat 1"
        ]
    );
    for expected in ["firing", "repeat"] {
        let message = listener.receive().expect("a message");
        let json = message.at(2).text().to_owned();
        assert!(
            json.contains(&format!("\"state\":\"{expected}\"")),
            "{json}"
        );
    }
}

#[test]
fn rules_go_where_their_site_goes() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    fixture.set("busy events 1h > 0");
    assert_eq!(fixture.new_messages(SECOND), ["busy firing 1"]);
    let connection = &mut fixture.connection;
    let dump = connection.dump("shop");
    connection.run("COPY shop {shop}copy").int();
    connection.run("COPY shop there DB 3").int();
    connection.run("COPY shop {shop}copy REPLACE").int();
    cmd!(connection, "RESTORE", "{shop}put", 0, dump).ok();
    cmd!(connection, "RESTORE", "{shop}put", 0, dump, "REPLACE").ok();
    connection.run("ANALYTICS.CREATE moves").ok();
    connection
        .run("ANALYTICS.ALERT moves SET idle events 1h < 1 EVERY 1s")
        .ok();
    connection.run("MOVE moves 5").int();
    connection.run("RENAME {shop}copy {shop}renamed").ok();
    connection.run("RENAMENX {shop}put {shop}last").int();
    assert_eq!(figure(connection, "sites_watched"), 5);
    assert_eq!(figure(connection, "alert_rules"), 5);
    // Only the site whose buckets are there is still busy.
    fixture.advance(SECOND);
    let connection = &mut fixture.connection;
    assert_eq!(messages(connection, "{shop}:alerts"), ["busy firing 1"]);
    assert_eq!(state(connection, "busy"), "firing");
    for (db, stream, expected) in [
        (0, "{shop}renamed:alerts", "busy resolved 0"),
        (0, "{shop}last:alerts", "busy resolved 0"),
        (3, "{there}:alerts", "busy resolved 0"),
        (5, "{moves}:alerts", "idle firing 0"),
    ] {
        connection.run(&format!("SELECT {db}")).ok();
        assert_eq!(messages(connection, stream), [expected], "{stream}");
    }
    // The databases change places, with everything in them.
    connection.run("SELECT 0").ok();
    connection.run("SWAPDB 5 6").ok();
    connection.run("SWAPDB 0 5").ok();
    connection.run("SELECT 5").ok();
    connection.run("SWAPDB 5 0").ok();
    connection.run("SELECT 6").ok();
    connection
        .run(&format!(
            "ANALYTICS.TRACK moves view ann AT {}",
            fixture.clock.now()
        ))
        .int();
    fixture.advance(SECOND);
    let connection = &mut fixture.connection;
    assert_eq!(
        messages(connection, "{moves}:alerts"),
        ["idle firing 0", "idle resolved 1"]
    );
    // What goes is not looked at any more.
    connection.run("FLUSHDB").ok();
    assert_eq!(figure(connection, "sites_watched"), 4);
    connection.run("SELECT 0").ok();
    connection.run("UNLINK {shop}last").int();
    connection.run("SET {shop}renamed mine").ok();
    assert_eq!(figure(connection, "sites_watched"), 2);
    connection.run("FLUSHALL ASYNC").ok();
    assert_eq!(figure(connection, "sites_watched"), 0);
    assert_eq!(figure(connection, "alert_rules"), 0);
}

#[test]
fn rules_of_two_databases_survive_together() {
    let mut fixture = AlertFixture::with(Server::with().aof());
    fixture.track(1, "");
    fixture.set("busy events 1h > 0");
    fixture.connection.run("SELECT 9").ok();
    fixture.track(2, "");
    fixture.set("busy events 1h > 0");
    let replica = Server::with()
        .manual_clock(&fixture.clock)
        .replica_of(&fixture.server)
        .start();
    fixture.server.wait_for_replica(&replica);
    fixture.advance(SECOND);
    fixture.server.wait_for_replica(&replica);
    let digest = fixture.connection.digest_of_all();
    assert_eq!(replica.connection().digest_of_all(), digest);
    fixture.server.restart();
    fixture.reconnect();
    assert_eq!(fixture.connection.digest_of_all(), digest);
    fixture.advance(SECOND);
    assert_eq!(fixture.messages(), ["busy firing 1"]);
    fixture.connection.run("SELECT 9").ok();
    assert_eq!(fixture.messages(), ["busy firing 2"]);
}

#[test]
fn a_dropped_site_takes_its_alerts_with_it() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    fixture.set("busy events 1h > 0");
    assert_eq!(fixture.new_messages(SECOND), ["busy firing 1"]);
    let replica = Server::with()
        .manual_clock(&fixture.clock)
        .replica_of(&fixture.server)
        .start();
    fixture.server.wait_for_replica(&replica);
    assert_eq!(fixture.connection.run("ANALYTICS.DROP shop"), 5);
    assert!(fixture.connection.keys().is_empty());
    assert_eq!(figure(&mut fixture.connection, "sites_watched"), 0);
    fixture.server.wait_for_replica(&replica);
    assert!(replica.connection().keys().is_empty());
    assert_eq!(figure(&mut replica.connection(), "sites_watched"), 0);
    // What is no stream of alerts stays.
    fixture.track(1, "");
    fixture.connection.run("SET {shop}:alerts mine").ok();
    fixture.connection.run("ANALYTICS.DROP shop").int();
    assert_eq!(fixture.connection.keys(), ["{shop}:alerts"]);
}

#[test]
fn a_reload_and_a_migration_keep_the_rules() {
    let mut fixture = AlertFixture::start();
    in_every_state(&mut fixture);
    fixture.connection.run("DEBUG RELOAD").ok();
    assert_eq!(figure(&mut fixture.connection, "sites_watched"), 1);
    let target = Server::with().manual_clock(&fixture.clock).start();
    let port = target.port().to_string();
    let keys = fixture.connection.keys();
    for key in keys {
        cmd!(
            fixture.connection,
            "MIGRATE",
            "127.0.0.1",
            port,
            key,
            0,
            10_000
        )
        .ok();
    }
    assert_eq!(figure(&mut fixture.connection, "sites_watched"), 0);
    fixture.connection = target.connection();
    fixture.server = target;
    goes_on(&mut fixture);
}

impl AlertFixture {
    /// A round in which nothing changes, and in which a replica looks at nothing.
    #[track_caller]
    fn pass_on_master(&mut self, replica: &Server) {
        let before = figure(&mut self.connection, "alert_evaluations");
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(figure(&mut self.connection, "alert_evaluations"), before);
        assert_eq!(figure(&mut replica.connection(), "alert_evaluations"), 0);
        assert_eq!(figure(&mut replica.connection(), "sites_watched"), 1);
    }
}
