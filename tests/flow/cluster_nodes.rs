//! A cluster of real servers, formed and resharded by the test itself, and a client that follows it.

use std::collections::{BTreeMap, HashMap};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{encode, Arg, Connection};
use crate::reply::Reply;
use crate::server::{wait_until, Server};

const SLOTS: usize = 16_384;

/// Masters first, then as many replicas: each master's replica stands as far behind it.
pub struct Cluster {
    pub nodes: Vec<Server>,
    ids: Vec<String>,
    masters: usize,
}

impl Cluster {
    #[track_caller]
    pub fn of_masters(masters: usize) -> Cluster {
        Cluster::form(masters, masters)
    }

    #[track_caller]
    pub fn with_replicas(masters: usize) -> Cluster {
        Cluster::form(masters, 2 * masters)
    }

    fn form(masters: usize, count: usize) -> Cluster {
        let nodes: Vec<Server> = (0..count).map(|_| node()).collect();
        let id_of = |node: &Server| node.connection().run("CLUSTER MYID").text().to_owned();
        let cluster = Cluster {
            ids: nodes.iter().map(id_of).collect(),
            nodes,
            masters,
        };
        for (place, node) in cluster.nodes.iter().enumerate() {
            let mut connection = node.connection();
            cmd!(connection, "CLUSTER", "SET-CONFIG-EPOCH", place + 1).ok();
            if place < masters {
                let (first, end) = (place * SLOTS / masters, (place + 1) * SLOTS / masters);
                cmd!(connection, "CLUSTER", "ADDSLOTSRANGE", first, end - 1).ok();
            }
            for other in &cluster.nodes[place + 1..] {
                cmd!(connection, "CLUSTER", "MEET", "127.0.0.1", other.port()).ok();
            }
        }
        for place in 0..count {
            cluster.wait_for(place, "it knows all others", |nodes| {
                nodes.len() == count && nodes.iter().all(|line| !line.contains("handshake"))
            });
        }
        for place in masters..count {
            let master = &cluster.ids[place - masters];
            let mut connection = cluster.nodes[place].connection();
            cmd!(connection, "CLUSTER", "REPLICATE", master).ok();
        }
        cluster.wait_until_agreed();
        cluster
    }

    /// Until every node takes commands and sees as many masters and replicas, all of them linked.
    #[track_caller]
    pub fn wait_until_agreed(&self) {
        for (place, node) in self.nodes.iter().enumerate() {
            let replicas = self.nodes.len() - self.masters;
            self.wait_for(place, "it sees every replica", |nodes| {
                let flags = nodes.iter().filter_map(|line| line.split(' ').nth(2));
                let flags: Vec<&str> = flags.flat_map(|flags| flags.split(',')).collect();
                let count = |wanted: &str| flags.iter().filter(|flag| **flag == wanted).count();
                count("slave") == replicas && count("fail") + count("fail?") == 0
            });
            let mut connection = node.connection();
            wait_until("the cluster is up", || {
                let info = connection.run("CLUSTER INFO");
                let is_up = info.text().contains("cluster_state:ok");
                is_up
                    && matches!(
                        &connection.info("replication", "master_link_status")[..],
                        "" | "up"
                    )
            });
        }
    }

    fn wait_for(&self, place: usize, what: &str, holds: impl Fn(&[&str]) -> bool) {
        let mut connection = self.nodes[place].connection();
        wait_until(what, || {
            let nodes = connection.run("CLUSTER NODES");
            holds(&nodes.text().lines().collect::<Vec<_>>())
        });
    }

    pub fn connection(&self, place: usize) -> Connection {
        self.nodes[place].connection()
    }

    /// The places of the nodes that are masters now.
    pub fn masters(&self) -> Vec<usize> {
        let is_master =
            |place: &usize| self.connection(*place).info("replication", "role") == "master";
        (0..self.nodes.len()).filter(is_master).collect()
    }

    /// The place of the master that serves the slot.
    #[track_caller]
    pub fn owner(&self, slot: i64) -> usize {
        let owner = self.masters().into_iter().find(|place| {
            let nodes = self.connection(*place).run("CLUSTER NODES");
            let own = nodes.text().lines().find(|line| line.contains("myself"));
            let ranges = own.expect("a node lists itself").split_whitespace().skip(8);
            ranges.filter(|range| !range.starts_with('[')).any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let bound = |text: &str| text.parse::<i64>().expect("the number of a slot");
                (bound(first)..=bound(last)).contains(&slot)
            })
        });
        owner.unwrap_or_else(|| panic!("nobody serves the slot {slot}"))
    }

    /// Half of a move: from here on keys of the slot may be moved.
    #[track_caller]
    pub fn open_slot(&self, slot: i64, from: usize, to: usize) {
        let (mut giver, mut receiver) = (self.connection(from), self.connection(to));
        cmd!(
            receiver,
            "CLUSTER",
            "SETSLOT",
            slot,
            "IMPORTING",
            self.ids[from]
        )
        .ok();
        cmd!(giver, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.ids[to]).ok();
    }

    /// Never with REPLACE: a key that is in the way was made there, and should not have been.
    #[track_caller]
    pub fn migrate<K: Arg>(&self, keys: &[K], from: usize, to: usize) {
        let port = self.nodes[to].port();
        let mut words: Vec<&dyn Arg> =
            vec![&"MIGRATE", &"127.0.0.1", &port, &"", &0, &10_000, &"KEYS"];
        words.extend(keys.iter().map(|key| key as &dyn Arg));
        self.connection(from).call(&words).ok();
    }

    /// The other half: the slot is the receiver's, the receiver told first.
    #[track_caller]
    pub fn close_slot(&self, slot: i64, from: usize, to: usize) {
        let id = &self.ids[to];
        cmd!(self.connection(to), "CLUSTER", "SETSLOT", slot, "NODE", id).ok();
        cmd!(
            self.connection(from),
            "CLUSTER",
            "SETSLOT",
            slot,
            "NODE",
            id
        )
        .ok();
    }

    /// Moves a slot as tools do, few keys at a time; gives how many keys there were.
    #[track_caller]
    pub fn move_slot(&self, slot: i64, to: usize) -> usize {
        let (from, mut moved) = (self.owner(slot), 0);
        assert_ne!(from, to, "the slot {slot} is there already");
        self.open_slot(slot, from, to);
        let mut giver = self.connection(from);
        loop {
            let keys = cmd!(giver, "CLUSTER", "GETKEYSINSLOT", slot, 7);
            let keys = keys.texts();
            if keys.is_empty() {
                break;
            }
            self.migrate(&keys, from, to);
            moved += keys.len();
        }
        self.close_slot(slot, from, to);
        moved
    }

    /// A replica takes the place of its master, in an orderly way.
    #[track_caller]
    pub fn fail_over(&self, replica: usize) {
        let mut connection = self.connection(replica);
        let mut asked: Option<Instant> = None;
        wait_until("the replica is the master", || {
            // Redis gives up after five seconds, as on a machine that is busy.
            if asked.is_none_or(|time| time.elapsed() > Duration::from_secs(6)) {
                connection.run("CLUSTER FAILOVER");
                asked = Some(Instant::now());
            }
            connection.info("replication", "role") == "master"
        });
        self.wait_until_agreed();
    }
}

fn node() -> Server {
    Server::with()
        .config("cluster-enabled", "yes")
        .config("cluster-node-timeout", "5000")
        // Roles change here only on purpose, however busy the machine is.
        .config("cluster-replica-no-failover", "yes")
        .config("cluster-allow-replica-migration", "no")
        .config("repl-ping-replica-period", "1")
        .start()
}

/// The errors by which a cluster tells its clients where to go, or to wait.
pub type Redirections = BTreeMap<String, usize>;

/// Follows the cluster as client libraries do, and takes no error but those of the cluster.
pub struct Client {
    first: u16,
    connections: HashMap<u16, Connection>,
    /// Where each site was seen last.
    places: HashMap<String, u16>,
    pub seen: Redirections,
}

impl Client {
    pub fn new(cluster: &Cluster) -> Client {
        Client {
            first: cluster.nodes[0].port(),
            connections: HashMap::new(),
            places: HashMap::new(),
            seen: Redirections::new(),
        }
    }

    /// The first reply that is not about where the slot is.
    #[track_caller]
    pub fn call(&mut self, site: &str, args: &[&dyn Arg]) -> Reply {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut asked = None;
        loop {
            let home = self.places.get(site).copied().unwrap_or(self.first);
            let reply = match asked.take() {
                Some(port) => self.ask(port, args),
                None => self.connection(home).call(args),
            };
            let Reply::Error(line) = &reply else {
                return reply;
            };
            let words: Vec<&str> = line.split_whitespace().collect();
            *self.seen.entry(words[0].to_owned()).or_default() += 1;
            match words[..] {
                ["MOVED", _, address] => {
                    self.places.insert(site.to_owned(), port_of(address));
                }
                ["ASK", _, address] => asked = Some(port_of(address)),
                ["TRYAGAIN" | "CLUSTERDOWN", ..] => thread::sleep(Duration::from_millis(2)),
                _ => return reply,
            }
            assert!(Instant::now() < deadline, "no answer but {line}");
        }
    }

    fn ask(&mut self, port: u16, args: &[&dyn Arg]) -> Reply {
        let mut request = Vec::new();
        encode(&mut request, &[&"ASKING"]);
        encode(&mut request, args);
        self.connection(port).exchange(&request, 2).remove(1)
    }

    fn connection(&mut self, port: u16) -> &mut Connection {
        let open = || Connection::open(port).expect("a node takes connections");
        self.connections.entry(port).or_insert_with(open)
    }
}

fn port_of(address: &str) -> u16 {
    let (_, port) = address.rsplit_once(':').expect("a host and a port");
    port.parse().expect("the number of a port")
}
