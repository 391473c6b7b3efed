//! The same over a cluster of three masters and three replicas, through a failover under load.

use crate::gateway::{command_with, Gateway, ADMIN};
use crate::http::{get, post};
use crate::redis_server::{free_port, RedisServer};
use serde_json::json;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SITES: usize = 12;

pub struct Cluster {
    pub nodes: Vec<RedisServer>,
}

impl Cluster {
    pub fn start() -> Cluster {
        let nodes: Vec<RedisServer> = (0..6)
            .map(|_| {
                let bus = free_port().to_string();
                RedisServer::with(&[
                    "--cluster-enabled",
                    "yes",
                    "--cluster-port",
                    &bus,
                    "--cluster-node-timeout",
                    "3000",
                    "--repl-diskless-sync-delay",
                    "0",
                ])
            })
            .collect();
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .expect("redis-cli is installed");
        assert!(created.status.success(), "{created:?}");
        let cluster = Cluster { nodes };
        let until = Instant::now() + Duration::from_secs(60);
        while !cluster.nodes.iter().all(is_whole) {
            assert!(Instant::now() < until, "the cluster does not come together");
            thread::sleep(Duration::from_millis(100));
        }
        cluster
    }

    pub fn settings(&self) -> [(&'static str, String); 2] {
        let urls: Vec<String> = self.nodes.iter().map(RedisServer::url).collect();
        [
            ("REDIS__URLS", format!("{urls:?}")),
            ("REDIS__CLUSTER", String::from("true")),
        ]
    }

    /// The reply of the node that has the site, to which the others point.
    pub fn ask(&self, line: &str) -> redis::Value {
        let words: Vec<&str> = line.split(' ').collect();
        let urls: Vec<String> = self.nodes.iter().map(RedisServer::url).collect();
        let client = redis::cluster::ClusterClient::new(urls).expect("has nodes");
        let mut connection = client.get_connection().expect("a node answers");
        redis::cmd(words[0])
            .arg(&words[1..])
            .query(&mut connection)
            .unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// A replica takes over from its master, in order: nothing is lost by Redis itself.
    fn fail_over(&self) {
        let replica = self.nodes.iter().find(|node| role(node) == "slave");
        let replica = replica.expect("there are replicas");
        replica.ask("CLUSTER FAILOVER");
        let until = Instant::now() + Duration::from_secs(30);
        while role(replica) != "master" {
            assert!(Instant::now() < until, "no failover");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn is_whole(node: &RedisServer) -> bool {
    let info = format!("{:?}", node.ask("CLUSTER INFO"));
    let linked = format!("{:?}", node.ask("INFO replication"));
    let ready = linked.contains("role:master") || linked.contains("master_link_status:up");
    info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:6") && ready
}

fn role(node: &RedisServer) -> String {
    let info = format!("{:?}", node.ask("INFO replication"));
    String::from(if info.contains("role:master") {
        "master"
    } else {
        "slave"
    })
}

/// Sends a signal by its name.
fn signal(node: &RedisServer, name: &str) {
    let id = node.process_id().to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.expect("kill is there").success());
}

/// Events by site: acknowledged, and refused.
struct Book {
    acknowledged: Vec<AtomicU64>,
    refused: Vec<AtomicU64>,
}

fn sum(numbers: &[AtomicU64]) -> u64 {
    numbers.iter().map(|n| n.load(Ordering::Relaxed)).sum()
}

/// The gateway before the cluster with these further settings, and the keys of its sites.
fn with_sites(cluster: &Cluster, more: &[(&str, &str)]) -> (Gateway, Vec<String>) {
    let settings = cluster.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let keys = (0..SITES)
        .map(|number| {
            let name = format!("site{number}");
            command_with(&settings, &["site", "add", &name]).expect("is made");
            command_with(&settings, &["site", "key", &name]).expect("is made")
        })
        .collect();
    settings.extend(more);
    (Gateway::with(&cluster.nodes[0], &settings), keys)
}

/// Has events sent to all sites while something happens, each by a user of its own.
fn under_load(gateway: &Gateway, keys: &[String], what: impl FnOnce(&Book)) -> Book {
    let none = || (0..SITES).map(|_| AtomicU64::new(0)).collect();
    let book = Book {
        acknowledged: none(),
        refused: none(),
    };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for sender in 0..6_usize {
            let (book, over) = (&book, &over);
            scope.spawn(move || {
                let mut number = sender;
                while !over.load(Ordering::Relaxed) {
                    let site = number % SITES;
                    let events: Vec<_> = (0..3)
                        .map(|n| json!({"event": "e", "user_id": format!("{sender} {number} {n}")}))
                        .collect();
                    let body = json!(events).to_string();
                    let answer = post(gateway, "/track", body).bearer(&keys[site]).send();
                    match answer.status {
                        200 => book.acknowledged[site].fetch_add(3, Ordering::Relaxed),
                        503 => book.refused[site].fetch_add(3, Ordering::Relaxed),
                        _ => panic!("{answer:?}"),
                    };
                    number += 1;
                }
            });
        }
        what(&book);
        over.store(true, Ordering::Relaxed);
    });
    book
}

/// What each site has counted.
fn counted(gateway: &Gateway) -> Vec<u64> {
    let counted = (0..SITES).map(|number| {
        let path = format!("/api/v1/sites/site{number}/get?window=24h&metric=events&metric=users");
        let metrics = get(gateway, &path).bearer(ADMIN).send().json()["metrics"].clone();
        let (events, users) = (metrics["events"].as_u64(), metrics["users"].as_u64());
        let (events, users) = (events.expect("a count"), users.expect("a count"));
        // Every event has a user of its own, and so few users are counted exactly.
        assert!(
            events > 2_560 || events == users,
            "{events} events, {users} users"
        );
        events
    });
    counted.collect()
}

/// A master is killed with events that its replica does not have: the replica stands still and its
/// connection is cut before. It takes over, and the dead master comes back as its replica.
fn lose_a_master(cluster: &mut Cluster, book: &Book) {
    let acknowledged = || sum(&book.acknowledged);
    wait_for("there is a load", || acknowledged() > 300);
    let master = cluster.nodes.iter().position(|node| role(node) == "master");
    let master = master.expect("there are masters");
    let port = cluster.nodes[master].port;
    let follows = |node: &RedisServer| {
        let info = format!("{:?}", node.ask("INFO replication"));
        info.contains(&format!("master_port:{port}"))
    };
    let replica = cluster.nodes.iter().position(follows);
    let replica = replica.expect("each master has a replica");
    signal(&cluster.nodes[replica], "-STOP");
    cluster.nodes[master].ask("CLIENT KILL TYPE replica");
    thread::sleep(Duration::from_millis(500));
    cluster.nodes[master].kill();
    signal(&cluster.nodes[replica], "-CONT");
    wait_for("the replica takes over", || {
        role(&cluster.nodes[replica]) == "master"
    });
    cluster.nodes[master].start_again();
    wait_for("the cluster is whole", || {
        cluster.nodes.iter().all(is_whole)
    });
    let before = acknowledged();
    wait_for("the load goes on", || acknowledged() > before + 1_000);
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "not so: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_replicas_confirmed_outlives_a_killed_master_and_counts_once() {
    let mut cluster = Cluster::start();
    let settings = [("INGEST__REPLICAS", "1"), ("INGEST__DEADLINE", "25s")];
    let (gateway, keys) = with_sites(&cluster, &settings);
    let book = under_load(&gateway, &keys, |book| lose_a_master(&mut cluster, book));
    for (number, counted) in counted(&gateway).into_iter().enumerate() {
        let acknowledged = book.acknowledged[number].load(Ordering::Relaxed);
        let refused = book.refused[number].load(Ordering::Relaxed);
        let all = acknowledged..=acknowledged + refused;
        assert!(all.contains(&counted), "site{number}: {counted} of {all:?}");
    }
}

#[test]
fn what_no_replica_has_is_lost_with_its_master_and_nothing_counts_twice() {
    let mut cluster = Cluster::start();
    let (gateway, keys) = with_sites(&cluster, &[("INGEST__DEADLINE", "25s")]);
    let book = under_load(&gateway, &keys, |book| lose_a_master(&mut cluster, book));
    let counted = counted(&gateway);
    for (number, counted) in counted.iter().enumerate() {
        let acknowledged = book.acknowledged[number].load(Ordering::Relaxed);
        let most = acknowledged + book.refused[number].load(Ordering::Relaxed);
        assert!(*counted <= most, "site{number}: {counted} of {most}");
    }
    let counted: u64 = counted.iter().sum();
    let acknowledged = sum(&book.acknowledged);
    eprintln!("{acknowledged} acknowledged, {counted} counted");
    assert!(
        counted < acknowledged,
        "the replica had all: nothing was tried"
    );
}

#[test]
fn events_of_many_sites_through_a_failover_count_once_and_are_answered() {
    let cluster = Cluster::start();
    let (gateway, keys) = with_sites(&cluster, &[]);
    let book = under_load(&gateway, &keys, |_| {
        thread::sleep(Duration::from_millis(500));
        cluster.fail_over();
        thread::sleep(Duration::from_millis(1_500));
    });
    assert_eq!(sum(&book.refused), 0, "all were waited for");
    for (number, counted) in counted(&gateway).into_iter().enumerate() {
        let acknowledged = book.acknowledged[number].load(Ordering::Relaxed);
        assert!(acknowledged > 0);
        assert_eq!(counted, acknowledged, "site{number}");
    }
}
