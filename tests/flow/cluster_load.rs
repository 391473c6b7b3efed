//! Events that a cluster gets in their order while the slot of their site moves.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use testkit::calendar::{floor, MINUTE};
use testkit::{cmd, Arg, Cluster, ClusterClient, Connection, Random, State};

pub const SITE: &str = "shop";
const ROUNDS: usize = 6;

pub fn slot(cluster: &Cluster) -> i64 {
    cmd!(cluster.connection(0), "CLUSTER", "KEYSLOT", SITE).int()
}

/// A connection to where the site is.
pub fn owner(cluster: &Cluster) -> Connection {
    cluster.connection(cluster.owner(slot(cluster)))
}

/// Sends the events, each from its type on, in calls of one and of several, wherever the slot is.
fn write(cluster: &Cluster, events: &[Vec<String>], is_over: &AtomicBool) -> HashSet<String> {
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
            words.extend(event.iter().cloned());
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

/// Runs the lines, then the step six times while the events come; which redirections there were.
pub fn under_load(
    cluster: &Cluster,
    lines: &[String],
    events: &[Vec<String>],
    mut step: impl FnMut(usize),
) -> HashSet<String> {
    let mut client = ClusterClient::new(cluster);
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        client.call(SITE, &args).ok();
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| write(cluster, events, &is_over));
        (0..ROUNDS).for_each(&mut step);
        is_over.store(true, SeqCst);
        writer.join().expect("every event is acknowledged")
    })
}

/// The slot moves key by key from master to master, and one of them fails over.
pub fn move_by_keys(cluster: &Cluster, round: usize) {
    let slot = slot(cluster);
    let masters = cluster.masters();
    let owner = cluster.owner(slot);
    let place = masters.iter().position(|place| *place == owner);
    let next = (place.expect("the owner is a master") + 1) % masters.len();
    assert!(cluster.move_slot(slot, masters[next]) > 0 || round == 0);
    if round == 3 {
        cluster.fail_over(cluster.owner(slot) + 3);
    }
}

/// The server moves the slot by itself, between two masters.
pub fn move_by_server(cluster: &Cluster) {
    let slot = slot(cluster);
    let from = cluster.owner(slot);
    cluster.migrate_slots(&[slot], from, 1 - from);
}

/// All partitions of this kind are where the site is, and replicas have what their masters have.
pub fn assert_in_one_place(cluster: &Cluster, kind: &str) {
    let owner = cluster.owner(slot(cluster));
    let prefix = format!("{{{SITE}}}:{kind}:");
    for place in cluster.masters() {
        let state = State::of(&mut cluster.connection(place));
        let here = { state.entries() }.filter(|(key, ..)| key.starts_with(prefix.as_bytes()));
        let here = here.count();
        assert_eq!(here > 0, place == owner, "{here} of {kind}");
    }
    cluster.assert_replicas_agree();
}

/// On a node that lacks the partition of the user of an event, the event is refused; it is taken when the
/// partition has come. `setup` makes a site of one partition, `event` is the command of an event at
/// a time. Returns a connection to where the site is then.
pub fn refused_without_partition(
    kind: &str,
    setup: &[&str],
    event: &dyn Fn(i64) -> String,
) -> (Cluster, Connection) {
    let cluster = Cluster::of_masters(2);
    let slot = slot(&cluster);
    let from = cluster.owner(slot);
    let to = 1 - from;
    let mut source = cluster.connection(from);
    for line in setup {
        source.run(line).ok();
    }
    let minute = floor(source.now(), MINUTE) - MINUTE;
    assert_eq!(source.run(&event(minute)), 1);
    cluster.open_slot(slot, from, to);
    // All keys but the partition are there already, and no other is needed.
    let partition = format!("{{{SITE}}}:{kind}:0");
    let keys: Vec<String> = source.keys();
    let moved: Vec<&String> = keys.iter().filter(|key| **key != partition).collect();
    assert_eq!(moved.len() + 1, keys.len());
    cluster.migrate(&moved, from, to);
    let mut target = cluster.connection(to);
    target.run("ASKING").ok();
    let reply = target.run(&event(minute + 1_000));
    assert!(reply.error().starts_with("TRYAGAIN"), "{reply:?}");
    cluster.migrate(&[partition.as_str()], from, to);
    target.run("ASKING").ok();
    assert_eq!(target.run(&event(minute + 1_000)), 1);
    cluster.close_slot(slot, from, to);
    (cluster, target)
}
