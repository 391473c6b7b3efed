//! Rules in a cluster: the node that serves the slot evaluates them, and no node evaluates a part of a site.

use testkit::{cmd, wait_until, Cluster, Connection};

use crate::alert_fixture::{evaluations, figure, messages, state};

const RULE: &str = "ANALYTICS.ALERT shop SET busy events 1h > 0 EVERY 1s";

struct Scene {
    cluster: Cluster,
    slot: i64,
    from: usize,
}

impl Scene {
    fn new() -> Scene {
        let cluster = Cluster::with_replicas(2);
        let slot = cmd!(cluster.connection(0), "CLUSTER", "KEYSLOT", "shop").int();
        let from = cluster.owner(slot);
        assert_eq!(
            cluster
                .connection(from)
                .run("ANALYTICS.TRACK shop view ann"),
            1
        );
        Scene {
            cluster,
            slot,
            from,
        }
    }

    fn connection(&self) -> Connection {
        self.cluster.connection(self.cluster.owner(self.slot))
    }
}

#[test]
fn a_rule_follows_its_slot() {
    let scene = Scene::new();
    let (slot, from, to) = (scene.slot, scene.from, 1 - scene.from);
    let cluster = &scene.cluster;
    let (mut giver, mut receiver) = (cluster.connection(from), cluster.connection(to));
    giver
        .run("ANALYTICS.ALERT shop SET calm events 1h < 1 EVERY 1s")
        .ok();
    giver.run(RULE).ok();
    wait_until("it fires", || state(&mut giver, "busy") == "firing");
    assert_eq!(evaluations(&mut receiver), 0);

    // The buckets have gone, the site has not: without them it would be calm.
    cluster.open_slot(slot, from, to);
    let keys = giver.keys();
    let buckets: Vec<&String> = keys.iter().filter(|key| key.contains(":2")).collect();
    assert!(buckets.len() >= 4);
    cluster.migrate(&buckets, from, to);
    let skipped = figure(&mut giver, "alert_skipped");
    wait_until("some rounds are skipped", || {
        figure(&mut giver, "alert_skipped") >= skipped + 4
    });
    assert_eq!(messages(&mut giver, "{shop}:alerts"), ["busy firing 1"]);
    // Then all has, but the slot is not closed: neither of them evaluates.
    let rest = giver.keys();
    cluster.migrate(&rest, from, to);
    assert_eq!(figure(&mut giver, "sites_watched"), 0);
    assert_eq!(figure(&mut receiver, "sites_watched"), 1);
    let ticks = figure(&mut receiver, "alert_ticks");
    wait_until("time passes", || {
        figure(&mut receiver, "alert_ticks") >= ticks + 8
    });
    assert_eq!(evaluations(&mut receiver), 0);
    cluster.close_slot(slot, from, to);
    wait_until("the new owner evaluates", || {
        evaluations(&mut receiver) >= 4
    });
    assert_eq!(messages(&mut receiver, "{shop}:alerts"), ["busy firing 1"]);
    assert_eq!(state(&mut receiver, "busy"), "firing");
    assert_eq!(state(&mut receiver, "calm"), "ok");
}

#[test]
fn a_failover_in_a_cluster_repeats_and_loses_no_message() {
    let scene = Scene::new();
    let mut connection = scene.connection();
    connection.run(RULE).ok();
    wait_until("it fires", || state(&mut connection, "busy") == "firing");
    scene.cluster.fail_over(scene.from + 2);
    let mut connection = scene.connection();
    let before = evaluations(&mut connection);
    wait_until("the new master evaluates", || {
        evaluations(&mut connection) >= before + 2
    });
    assert_eq!(
        messages(&mut connection, "{shop}:alerts"),
        ["busy firing 1"]
    );
    connection
        .run("ANALYTICS.ALERT shop SET other events 1h > 0 EVERY 1s")
        .ok();
    wait_until("the other one fires", || {
        state(&mut connection, "other") == "firing"
    });
    assert_eq!(
        messages(&mut connection, "{shop}:alerts"),
        ["busy firing 1", "other firing 1"]
    );
}

#[test]
fn sharded_messages_reach_the_nodes_of_the_shard_and_no_other() {
    const ALERTS: &str = "analytics:alerts:{shop}";
    const LIVE: &str = "analytics:live:{shop}:main";
    let scene = Scene::new();
    let mut master = scene.connection();
    for node in &scene.cluster.nodes {
        let mut connection = node.connection();
        connection.run("CONFIG SET analytics.publish sharded").ok();
    }
    let mut others = scene.cluster.connection(1 - scene.from);
    others.run(&format!("SUBSCRIBE {ALERTS}"));
    let subscribed = |place: usize, channel: &str| {
        let mut connection = scene.cluster.connection(place);
        let reply = connection.run(&format!("SSUBSCRIBE {channel}"));
        assert_eq!(*reply.at(0), "ssubscribe");
        connection
    };
    let mut on_master = subscribed(scene.from, ALERTS);
    let mut on_replica = subscribed(scene.from + 2, ALERTS);
    let live = [scene.from, scene.from + 2].map(|place| subscribed(place, LIVE));
    master.run("ANALYTICS.LIVE shop SET main 1s events").ok();
    // Live metrics come every second, so that one arrives as soon as the link of the nodes is up.
    for mut connection in live {
        assert_eq!(*connection.receive().expect("live metrics").at(1), LIVE);
    }
    master.run(RULE).ok();
    for connection in [&mut on_master, &mut on_replica] {
        let message = connection.receive().expect("a message");
        assert_eq!(*message.at(0), "smessage");
        assert!(message.at(2).text().contains(r#""state":"firing""#));
    }
    // By the old way again, so that something comes: it is the first message there.
    for node in &scene.cluster.nodes {
        let mut connection = node.connection();
        connection.run("CONFIG SET analytics.publish global").ok();
    }
    master
        .run("ANALYTICS.ALERT shop SET next events 1h > 0 EVERY 1s")
        .ok();
    let first = others.receive().expect("a message");
    assert!(first.at(2).text().contains(r#""rule":"next""#), "{first:?}");
}
