//! A cluster of real servers, formed and resharded by the test itself, and a client that follows it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::cmd;
use crate::connection::{encode, Arg, Connection};
use crate::reply::Reply;
use crate::server::Server;
use crate::state::assert_same_data;
use crate::wait::wait_until;

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
        }
        // A node accepts an epoch only while it has met no other node.
        (0..count).for_each(|place| cluster.meet(place));
        for place in 0..count {
            let mut connection = cluster.nodes[place].connection();
            let mut met = Instant::now();
            wait_until("it has met all others", || {
                // On a machine that is busy Redis gives a meeting up, after the timeout of a node.
                if met.elapsed() > Duration::from_secs(6) {
                    (0..count).for_each(|place| cluster.meet(place));
                    met = Instant::now();
                }
                let nodes = connection.run("CLUSTER NODES");
                let nodes = nodes.text();
                nodes.lines().count() == count && !nodes.contains("handshake")
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

    /// A node introduces itself to those behind it.
    fn meet(&self, place: usize) {
        let mut connection = self.nodes[place].connection();
        for other in &self.nodes[place + 1..] {
            cmd!(connection, "CLUSTER", "MEET", "127.0.0.1", other.port()).ok();
        }
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
                let is_linked = nodes.iter().all(|line| line.contains(" connected"));
                count("slave") == replicas && count("fail") + count("fail?") == 0 && is_linked
            });
            let mut connection = node.connection();
            // A node learns of the shard of another by a message of its own.
            wait_until("it sees a shard a master", || {
                connection.run("CLUSTER SHARDS").array().len() == self.masters
            });
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

    fn wait_for(&self, place: usize, what: &str, is_true: impl Fn(&[&str]) -> bool) {
        let mut connection = self.nodes[place].connection();
        wait_until(what, || {
            let nodes = connection.run("CLUSTER NODES");
            is_true(&nodes.text().lines().collect::<Vec<_>>())
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
        owner.unwrap_or_else(|| panic!("no node serves the slot {slot}"))
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

    /// The other half: the slot is assigned to the receiver, on the receiver first, and every node has
    /// the epoch that it took for it. A further move before that would take an epoch that is no greater,
    /// and lose the slot to a late message.
    #[track_caller]
    pub fn close_slot(&self, slot: i64, from: usize, to: usize) {
        let id = &self.ids[to];
        for place in [to, from] {
            let mut connection = self.connection(place);
            cmd!(connection, "CLUSTER", "SETSLOT", slot, "NODE", id).ok();
        }
        let epoch_at = |place: usize| {
            let nodes = self.connection(place).run("CLUSTER NODES");
            let line = nodes.text().lines().find(|line| line.starts_with(id));
            let epoch = line.and_then(|line| line.split(' ').nth(6));
            epoch.expect("the epoch of a node that is known").to_owned()
        };
        for place in 0..self.nodes.len() {
            wait_until("the receiver's epoch is known", || {
                epoch_at(place) == epoch_at(to)
            });
        }
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

    /// Whether the server moves slots by itself, as Valkey 9 does.
    pub fn moves_slots_by_itself(&self) -> bool {
        let help = self.connection(0).run("CLUSTER HELP");
        let is_there = help
            .texts()
            .iter()
            .any(|line| line.contains("MIGRATESLOTS"));
        if !is_there {
            let _ = writeln!(io::stderr(), "skipped: no CLUSTER MIGRATESLOTS here");
        }
        is_there
    }

    /// Asks the server to move slots by itself, and does not wait.
    #[track_caller]
    pub fn begin_migration(&self, slots: &[i64], from: usize, to: usize) {
        let mut words: Vec<&dyn Arg> = vec![&"CLUSTER", &"MIGRATESLOTS", &"SLOTSRANGE"];
        words.extend(slots.iter().flat_map(|slot| [slot as &dyn Arg; 2]));
        words.extend([&"NODE" as &dyn Arg, &self.ids[to]]);
        self.connection(from).call(&words).ok();
    }

    /// How the last migration that this node takes part in stands.
    #[track_caller]
    pub fn migration_state(&self, place: usize) -> String {
        let jobs = self.connection(place).run("CLUSTER GETSLOTMIGRATIONS");
        jobs.at(0).get("state").text().to_owned()
    }

    /// Moves slots and waits until every node has the new owner.
    #[track_caller]
    pub fn migrate_slots(&self, slots: &[i64], from: usize, to: usize) {
        self.begin_migration(slots, from, to);
        wait_until("the migration has ended on the source", || {
            self.migration_state(from) == "success"
        });
        wait_until("the new owner is known", || {
            slots.iter().all(|slot| self.owner(*slot) == to)
        });
    }

    /// A coordinated failover: the replica becomes the master.
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

    /// A master dies under `kill -9`, and the cluster promotes its replica, which has received nothing
    /// of what happened last.
    #[track_caller]
    pub fn lose(&mut self, master: usize, happens: impl FnOnce()) {
        let replica = master + self.masters;
        let mut connection = self.connection(replica);
        connection
            .run("CONFIG SET cluster-replica-no-failover no")
            .ok();
        self.nodes[replica].pause();
        // What was sent before the cut reaches it none the less.
        self.connection(master).run("CLIENT KILL TYPE replica");
        happens();
        self.nodes[master].kill();
        self.nodes[replica].resume();
        wait_until("the replica is the master", || {
            connection.info("replication", "role") == "master"
        });
    }

    /// A node that died comes back, and finds what it is now.
    #[track_caller]
    pub fn bring_back(&mut self, place: usize) {
        self.nodes[place].start_again();
        self.wait_until_agreed();
    }

    /// Every replica has the data of its master.
    #[track_caller]
    pub fn assert_replicas_agree(&self) {
        for (place, replica) in self.nodes.iter().enumerate() {
            let mut theirs = replica.connection();
            if theirs.info("replication", "role") == "master" {
                continue;
            }
            let port = theirs.info("replication", "master_port");
            let is_master = |node: &&Server| node.port().to_string() == port;
            let master = self.nodes.iter().find(is_master).expect("its master");
            master.wait_for_replica(replica);
            theirs.run("READONLY").ok();
            let mut ours = master.connection();
            assert_same_data(&mut ours, &mut theirs, &format!("replica {place}"));
        }
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

/// The errors by which a cluster redirects its clients, or has them wait, and how often each came.
pub type Redirections = BTreeMap<String, usize>;

/// Follows the cluster as client libraries do, and takes no error but those of the cluster.
pub struct ClusterClient {
    ports: Vec<u16>,
    /// Where a site is asked for that was not seen yet.
    first: usize,
    connections: HashMap<u16, Connection>,
    /// Where each site was seen last.
    places: HashMap<String, u16>,
    pub seen: Redirections,
}

/// The node to which the connection broke. What it was sent is done, or not.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken(pub u16);

impl ClusterClient {
    pub fn new(cluster: &Cluster) -> ClusterClient {
        ClusterClient {
            ports: cluster.nodes.iter().map(Server::port).collect(),
            first: 0,
            connections: HashMap::new(),
            places: HashMap::new(),
            seen: Redirections::new(),
        }
    }

    /// The first reply that is not about where the slot is.
    #[track_caller]
    pub fn call(&mut self, site: &str, args: &[&dyn Arg]) -> Reply {
        match self.try_call(site, args) {
            Ok((reply, _)) => reply,
            Err(Broken(port)) => panic!("no reply from the node on {port}"),
        }
    }

    /// That, and which node gave it.
    #[track_caller]
    pub fn try_call(&mut self, site: &str, args: &[&dyn Arg]) -> Result<(Reply, u16), Broken> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut asked = None;
        loop {
            let home = self.places.get(site).copied();
            let home = home.unwrap_or(self.ports[self.first % self.ports.len()]);
            let (port, reply) = match asked.take() {
                Some(port) => (port, self.send(port, &[&[&"ASKING"], args])),
                None => (home, self.send(home, &[args])),
            };
            let Ok(reply) = reply else {
                self.connections.remove(&port);
                self.places.remove(site);
                self.first += 1;
                return Err(Broken(port));
            };
            let Reply::Error(line) = &reply else {
                return Ok((reply, port));
            };
            let words: Vec<&str> = line.split_whitespace().collect();
            *self.seen.entry(words[0].to_owned()).or_default() += 1;
            match words[..] {
                ["MOVED", _, address] => {
                    self.places.insert(site.to_owned(), port_of(address));
                }
                ["ASK", _, address] => asked = Some(port_of(address)),
                ["TRYAGAIN" | "CLUSTERDOWN", ..] => thread::sleep(Duration::from_millis(2)),
                _ => return Ok((reply, port)),
            }
            assert!(Instant::now() < deadline, "no answer but {line}");
        }
    }

    /// `WAIT 1` where an event was counted: whether a replica has it too.
    pub fn is_replicated(&mut self, port: u16) -> Result<bool, Broken> {
        match self.send(port, &[&[&"WAIT", &1, &100]]) {
            Ok(reply) => Ok(reply.int() > 0),
            Err(_) => {
                self.connections.remove(&port);
                Err(Broken(port))
            }
        }
    }

    /// Commands at once; gives the last reply.
    fn send(&mut self, port: u16, commands: &[&[&dyn Arg]]) -> io::Result<Reply> {
        let connection = match self.connections.entry(port) {
            Entry::Occupied(connection) => connection.into_mut(),
            Entry::Vacant(place) => place.insert(Connection::open(port)?),
        };
        let mut request = Vec::new();
        for args in commands {
            encode(&mut request, args);
        }
        connection.send(&request)?;
        for _ in 1..commands.len() {
            connection.receive()?;
        }
        connection.receive()
    }
}

fn port_of(address: &str) -> u16 {
    let (_, port) = address.rsplit_once(':').expect("a host and a port");
    port.parse().expect("the number of a port")
}
