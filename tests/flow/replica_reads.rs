//! Queries to the replicas of a cluster. Redis does not inform them that a slot moves: they answer a
//! client only after `READONLY`.

use testkit::calendar::{DAY, HOUR};
use testkit::{cmd, wait_until, Cluster, Connection, Reply};

const MASTERS: usize = 2;

const QUESTIONS: [&str; 7] = [
    "ANALYTICS.GET shop 7d events users",
    "ANALYTICS.UNIQUE shop 7d",
    "ANALYTICS.RANGE shop 7d 1d events",
    "ANALYTICS.TOP shop 7d event",
    "ANALYTICS.COMPARE shop 7d events",
    "ANALYTICS.DASHBOARD shop",
    "ANALYTICS.INFO shop",
];

fn code(reply: &Reply) -> &str {
    match reply {
        Reply::Error(line) => line.split(' ').next().unwrap_or_default(),
        _ => "",
    }
}

#[track_caller]
fn assert_sent_to(replica: &mut Connection, port: u16) {
    for question in QUESTIONS {
        let reply = replica.run(question);
        let line = reply.error();
        assert!(line.starts_with("MOVED "), "{question}: {line}");
        assert!(line.ends_with(&format!(":{port}")), "{question}: {line}");
    }
}

#[test]
fn a_replica_answers_only_after_readonly() {
    let cluster = Cluster::with_replicas(MASTERS);
    let slot = cmd!(cluster.connection(0), "CLUSTER", "KEYSLOT", "shop").int();
    let (from, to) = (cluster.owner(slot), MASTERS - 1 - cluster.owner(slot));
    let (mut giver, mut receiver) = (cluster.connection(from), cluster.connection(to));
    let now = giver.now();
    for time in [now - 3 * DAY, now - HOUR, now - 1] {
        let event = format!("ANALYTICS.TRACK shop view ann AT {time}");
        assert_eq!(giver.run(&event), 1);
    }
    let node = |place: usize| &cluster.nodes[place];
    node(from).wait_for_replica(node(from + MASTERS));
    let mut plain = cluster.connection(from + MASTERS);
    let mut readonly = cluster.connection(from + MASTERS);
    readonly.run("READONLY").ok();
    assert_sent_to(&mut plain, node(from).port());
    assert_eq!(*readonly.run(QUESTIONS[0]).at(0), 3);
    let event = readonly.run("ANALYTICS.TRACK shop view bob");
    assert_eq!(code(&event), "MOVED");

    let buckets = giver.keys();
    let buckets: Vec<&String> = buckets.iter().filter(|key| *key != "shop").collect();
    let (days, months) = buckets.split_at(buckets.len() / 2);
    cluster.open_slot(slot, from, to);
    cluster.migrate(months, from, to);
    node(from).wait_for_replica(node(from + MASTERS));
    assert_sent_to(&mut plain, node(from).port());
    assert_eq!(code(&giver.run(QUESTIONS[0])), "TRYAGAIN");

    cluster.migrate(days, from, to);
    cluster.migrate(&["shop"], from, to);
    cluster.close_slot(slot, from, to);
    wait_until("the replica sees that the slot has moved", || {
        code(&readonly.run(QUESTIONS[0])) == "MOVED"
    });
    assert_sent_to(&mut readonly, node(to).port());
    node(to).wait_for_replica(node(to + MASTERS));
    let mut there = cluster.connection(to + MASTERS);
    assert_sent_to(&mut there, node(to).port());
    there.run("READONLY").ok();
    for question in &QUESTIONS[..5] {
        assert_eq!(there.run(question), receiver.run(question), "{question}");
    }
    assert_eq!(*there.run(QUESTIONS[0]).at(0), 3);
}
