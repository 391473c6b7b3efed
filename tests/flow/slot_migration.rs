//! Slots that the server moves by itself, step by step: what each of the two nodes answers and does,
//! when it is called off, and when it is done again. `resharding` does the same under load.

use testkit::{cmd, wait_until, Cluster, Connection, State};

use crate::alert_fixture::{evaluations, figure, messages, state};

struct Scene {
    cluster: Cluster,
    slot: i64,
    from: usize,
    to: usize,
}

const EVENT: &str = "ANALYTICS.TRACK shop view ann DIM page /a VAL price 2";

impl Scene {
    /// None where the server does not move slots by itself.
    fn new() -> Option<Scene> {
        let cluster = Cluster::with_replicas(2);
        if !cluster.moves_slots_by_itself() {
            return None;
        }
        let slot = cmd!(cluster.connection(0), "CLUSTER", "KEYSLOT", "shop").int();
        let from = cluster.owner(slot);
        Some(Scene {
            cluster,
            slot,
            from,
            to: 1 - from,
        })
    }

    fn source(&self) -> Connection {
        self.cluster.connection(self.from)
    }

    fn target(&self) -> Connection {
        self.cluster.connection(self.to)
    }

    /// The migration goes on until it has only to end: commands on the source are sent on to the target.
    fn begin(&self) {
        let mut source = self.source();
        source.run("DEBUG SLOTMIGRATION PREVENT-PAUSE 1").ok();
        self.cluster
            .begin_migration(&[self.slot], self.from, self.to);
        wait_until("all but the end is done", || {
            self.cluster.migration_state(self.from) == "waiting-to-pause"
        });
    }

    fn end(&self) {
        let mut source = self.source();
        source.run("DEBUG SLOTMIGRATION PREVENT-PAUSE 0").ok();
        wait_until("it has ended", || {
            self.cluster.migration_state(self.from) == "success"
        });
        wait_until("the new owner is known", || {
            self.cluster.owner(self.slot) == self.to
        });
    }

    fn call_off(&self) {
        let mut source = self.source();
        source.run("CLUSTER CANCELSLOTMIGRATIONS").ok();
        wait_until("the target has cleaned up", || {
            self.cluster.migration_state(self.to) == "failed"
        });
        source.run("DEBUG SLOTMIGRATION PREVENT-PAUSE 0").ok();
    }
}

/// Values and expiries of all keys of the site but the ids of the log, which are those of its time.
fn data(connection: &mut Connection) -> Vec<(String, Vec<u8>, i64)> {
    let state = State::of(connection);
    let entries = state.entries();
    let entry = |(key, value, expiry): (&[u8], &[u8], i64)| {
        (key.escape_ascii().to_string(), value.to_vec(), expiry)
    };
    entries.map(entry).collect()
}

#[test]
fn a_slot_is_answered_by_one_node_at_a_time_and_arrives_whole() {
    let Some(scene) = Scene::new() else { return };
    let (mut source, mut target) = (scene.source(), scene.target());
    source
        .run("ANALYTICS.CREATE shop DIM page VAL price CUBE event,page LOG 100")
        .ok();
    // Events that wait for their buckets, when the snapshot is taken.
    (0..50).for_each(|_| assert_eq!(source.run(EVENT), 1));
    scene.begin();
    // In known buckets, in new ones, and as every command that writes.
    (0..50).for_each(|_| assert_eq!(source.run(EVENT), 1));
    let past = source.now() - 3 * 3_600_000;
    let line =
        format!("ANALYTICS.MTRACK shop EVENT buy bob AT {past} EVENT buy cleo AT {past} ID x");
    assert_eq!(source.run(&line), 2);
    let json = format!(
        r#"ANALYTICS.TRACKJSON shop {{"event":"view","user_id":"dan","timestamp":{past}}}"#
    );
    assert_eq!(source.run(&json), 1);
    source.run("ANALYTICS.ALTER shop DIM country").ok();
    source.run("ANALYTICS.CREATE {shop}2").ok();
    assert_eq!(source.run("ANALYTICS.TRACK {shop}2 view ann"), 1);
    // The target has them and serves none.
    let moved = format!(
        "MOVED {} 127.0.0.1:{}",
        scene.slot,
        scene.cluster.nodes[scene.from].port()
    );
    for line in [
        "ANALYTICS.GET shop 24h events",
        EVENT,
        "ANALYTICS.INFO shop",
    ] {
        assert_eq!(target.run(line).error(), moved, "{line}");
    }
    let mut replica = scene.cluster.connection(scene.to + 2);
    replica.run("READONLY").ok();
    assert_eq!(replica.run("ANALYTICS.GET shop 24h events").error(), moved);
    assert_eq!(*source.run("ANALYTICS.GET shop 24h events").at(0), 103);
    let before = data(&mut source);
    scene.end();
    assert_eq!(data(&mut target), before);
    assert_eq!(source.run("DBSIZE"), 0);
    assert_eq!(figure(&mut source, "sites"), 0);
    assert_eq!(figure(&mut source, "buckets"), 0);
    assert_eq!(figure(&mut source, "events_waiting"), 0);
    assert!(source.run(EVENT).error().starts_with("MOVED"));
    assert_eq!(target.run(EVENT), 1);
    let answer = target.run("ANALYTICS.GET shop 24h events users price:sum");
    assert_eq!(format!("{answer:?}"), r#"[104, 4, "202"]"#);
    assert_eq!(*target.run("ANALYTICS.INFO shop").get("events"), 104);
    scene.cluster.assert_replicas_agree();
}

#[test]
fn what_is_called_off_leaves_nothing_behind_and_can_be_done_again_and_back() {
    let Some(scene) = Scene::new() else { return };
    let (mut source, mut target) = (scene.source(), scene.target());
    let mut events = 0;
    for _ in 0..3 {
        (0..20).for_each(|_| assert_eq!(source.run(EVENT), 1));
        scene.begin();
        (0..20).for_each(|_| assert_eq!(source.run(EVENT), 1));
        events += 40;
        scene.call_off();
        assert_eq!(target.run("DBSIZE"), 0);
        assert_eq!(figure(&mut target, "sites"), 0);
        assert_eq!(figure(&mut target, "buckets"), 0);
        assert_eq!(*source.run("ANALYTICS.GET shop 24h events").at(0), events);
    }
    scene.begin();
    assert_eq!(source.run(EVENT), 1);
    scene.end();
    assert_eq!(
        *target.run("ANALYTICS.GET shop 24h events").at(0),
        events + 1
    );
    assert_eq!(target.run(EVENT), 1);
    scene
        .cluster
        .migrate_slots(&[scene.slot], scene.to, scene.from);
    assert_eq!(target.run("DBSIZE"), 0);
    assert_eq!(source.run(EVENT), 1);
    assert_eq!(
        *source.run("ANALYTICS.GET shop 24h events").at(0),
        events + 3
    );
    scene.cluster.assert_replicas_agree();
}

#[test]
fn rules_are_evaluated_by_the_owner_and_a_state_that_changes_on_the_way_arrives() {
    let Some(scene) = Scene::new() else { return };
    let (mut source, mut target) = (scene.source(), scene.target());
    assert_eq!(source.run(EVENT), 1);
    source
        .run("ANALYTICS.ALERT shop SET early events 1h > 0 EVERY 1s")
        .ok();
    wait_until("it fires", || state(&mut source, "early") == "firing");
    scene.begin();
    source
        .run("ANALYTICS.ALERT shop SET busy events 1h > 1 EVERY 1s")
        .ok();
    assert_eq!(source.run(EVENT), 1);
    wait_until("it fires, too", || state(&mut source, "busy") == "firing");
    assert_eq!(evaluations(&mut target), 0);
    scene.end();
    wait_until("the new owner evaluates", || evaluations(&mut target) >= 4);
    assert_eq!(state(&mut target, "busy"), "firing");
    // All of it was said by the source.
    assert_eq!(figure(&mut target, "alert_messages"), 0);
    assert_eq!(
        messages(&mut target, "{shop}:alerts"),
        ["early firing 1", "busy firing 2"]
    );
    assert_eq!(figure(&mut source, "sites_watched"), 0);
    scene.cluster.assert_replicas_agree();
}
