//! Visits in a cluster: while slots move and a master changes, those of the raw events, in one place.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::visits_oracle::{check, random_events, Event, Oracle, OPTIONS};
use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::{cmd, Arg, Cluster, ClusterClient, Connection, Random, State};

const SITE: &str = "shop";

fn slot(cluster: &Cluster) -> i64 {
    cmd!(cluster.connection(0), "CLUSTER", "KEYSLOT", SITE).int()
}

/// Sends the events in their order, in calls of one and of several, wherever the slot is.
fn write(cluster: &Cluster, events: &[Event], is_over: &AtomicBool) -> HashSet<String> {
    let (mut client, mut random) = (ClusterClient::new(cluster), Random::new(3));
    let mut rest = events;
    while !rest.is_empty() {
        let count = match random.one_in(2) {
            true => 1,
            false => 1 + random.below(20) as usize,
        };
        let (call, later) = rest.split_at(count.min(rest.len()));
        rest = later;
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), SITE.to_owned()];
        for event in call {
            words.push("EVENT".to_owned());
            words.extend(event.words());
        }
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        let reply = client.call(SITE, &args);
        assert!(!reply.is_error(), "{reply:?}");
        // What is left is sent when nothing moves any more.
        if !is_over.load(SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    client.seen.into_keys().collect()
}

/// The keys of a node with the prefix of the site's visitors.
fn partitions(connection: &mut Connection) -> usize {
    let state = State::of(connection);
    let keys = state.entries();
    keys.filter(|(key, ..)| key.starts_with(b"{shop}:visitors:"))
        .count()
}

fn under_load(cluster: &Cluster, mut step: impl FnMut(usize)) -> HashSet<String> {
    let now = cluster.connection(0).now();
    let from = floor(now - 20 * DAY, HOUR);
    let mut random = Random::new(18);
    let mut events = random_events(&mut random, from, now - MINUTE, 6_000);
    // A call that is sent again after a redirection counts once, as it would without an id.
    events.iter_mut().for_each(|event| event.id = None);
    let mut oracle = Oracle::default();
    events.iter().for_each(|event| oracle.take(event));
    let options: Vec<&str> = OPTIONS.split_whitespace().collect();
    let mut create: Vec<&dyn Arg> = vec![&"ANALYTICS.CREATE", &SITE];
    create.extend(options.iter().map(|word| word as &dyn Arg));
    ClusterClient::new(cluster).call(SITE, &create).ok();
    let is_over = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let writer = scope.spawn(|| write(cluster, &events, &is_over));
        for round in 0..6 {
            step(round);
        }
        is_over.store(true, SeqCst);
        writer.join().expect("every event is acknowledged")
    });
    let owner = cluster.owner(slot(cluster));
    let mut connection = cluster.connection(owner);
    let end = floor(now, MINUTE) + HOUR;
    check(&mut connection, SITE, &oracle, from - DAY, end);
    for _ in 0..10 {
        let begin = from + random.below((now - from) as u64) as i64;
        let begin = floor(begin, MINUTE);
        check(&mut connection, SITE, &oracle, begin, begin + 3 * HOUR);
    }
    // All partitions are where the site is.
    for place in cluster.masters() {
        let here = partitions(&mut cluster.connection(place));
        assert_eq!(here > 0, place == owner, "{here} partitions");
    }
    cluster.assert_replicas_agree();
    seen
}

#[test]
fn visits_go_on_while_their_keys_move_one_by_one_and_a_master_changes() {
    let cluster = Cluster::with_replicas(3);
    let slot = slot(&cluster);
    let seen = under_load(&cluster, |round| {
        let masters = cluster.masters();
        let owner = cluster.owner(slot);
        let place = masters.iter().position(|place| *place == owner);
        let next = (place.expect("the owner is a master") + 1) % masters.len();
        assert!(cluster.move_slot(slot, masters[next]) > 0 || round == 0);
        if round == 3 {
            cluster.fail_over(cluster.owner(slot) + 3);
        }
    });
    println!("seen {seen:?}");
    assert!(
        seen.contains("TRYAGAIN") && seen.contains("ASK"),
        "{seen:?}"
    );
}

#[test]
fn visits_go_on_while_the_server_moves_their_slot() {
    let cluster = Cluster::with_replicas(2);
    if !cluster.moves_slots_by_itself() {
        return;
    }
    let slot = slot(&cluster);
    let seen = under_load(&cluster, |_| {
        let from = cluster.owner(slot);
        cluster.migrate_slots(&[slot], from, 1 - from);
    });
    assert!(!seen.contains("TRYAGAIN"), "{seen:?}");
}

/// A node that may lack a partition does not begin a visit anew.
#[test]
fn an_event_whose_partition_may_be_elsewhere_is_refused() {
    let cluster = Cluster::of_masters(2);
    let slot = slot(&cluster);
    let from = cluster.owner(slot);
    let to = 1 - from;
    let mut source = cluster.connection(from);
    source
        .run("ANALYTICS.CREATE shop VISITS 30m VISITORS 100")
        .ok();
    let minute = floor(source.now(), MINUTE) - MINUTE;
    let event = |after: i64| format!("ANALYTICS.TRACK shop view ann AT {}", minute + after);
    assert_eq!(source.run(&event(0)), 1);
    cluster.open_slot(slot, from, to);
    // All keys but the partition are there already, and no other is needed.
    let keys: Vec<String> = source.keys();
    let moved: Vec<&String> = keys
        .iter()
        .filter(|key| !key.contains(":visitors:"))
        .collect();
    cluster.migrate(&moved, from, to);
    let mut target = cluster.connection(to);
    target.run("ASKING").ok();
    let reply = target.run(&event(1_000));
    assert!(reply.error().starts_with("TRYAGAIN"), "{reply:?}");
    cluster.migrate(&["{shop}:visitors:0"], from, to);
    target.run("ASKING").ok();
    assert_eq!(target.run(&event(1_000)), 1);
    cluster.close_slot(slot, from, to);
    let reply = target.run("ANALYTICS.GET shop 24h visits bounces visit-events:sum");
    assert_eq!(reply.ints(), [1, 0, 2]);
}
