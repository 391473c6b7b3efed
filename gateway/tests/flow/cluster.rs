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

#[test]
fn events_of_many_sites_through_a_failover_count_once_and_are_answered() {
    let cluster = Cluster::start();
    let settings = cluster.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let keys: Vec<String> = (0..SITES)
        .map(|number| {
            let name = format!("site{number}");
            command_with(&settings, &["site", "add", &name]).expect("is made");
            command_with(&settings, &["site", "key", &name]).expect("is made")
        })
        .collect();
    let gateway = Gateway::with(&cluster.nodes[0], &settings);
    let counted: Vec<AtomicU64> = (0..SITES).map(|_| AtomicU64::new(0)).collect();
    let over = AtomicBool::new(false);
    let refused = AtomicU64::new(0);
    thread::scope(|scope| {
        for sender in 0..6_usize {
            let (gateway, keys, counted) = (&gateway, &keys, &counted);
            let (over, refused) = (&over, &refused);
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
                        200 => counted[site].fetch_add(3, Ordering::Relaxed),
                        503 => refused.fetch_add(3, Ordering::Relaxed),
                        _ => panic!("{answer:?}"),
                    };
                    number += 1;
                }
            });
        }
        thread::sleep(Duration::from_millis(500));
        cluster.fail_over();
        thread::sleep(Duration::from_millis(1_500));
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(refused.load(Ordering::Relaxed), 0, "all were waited for");
    for (number, counted) in counted.iter().enumerate() {
        let path = format!("/api/v1/sites/site{number}/get?window=24h&metric=events&metric=users");
        let answer = get(&gateway, &path).bearer(ADMIN).send();
        let counted = counted.load(Ordering::Relaxed);
        assert!(counted > 0);
        assert_eq!(
            answer.json()["metrics"]["events"],
            counted,
            "site{number} {answer:?}"
        );
    }
}
