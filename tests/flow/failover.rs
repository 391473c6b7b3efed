//! A master dies in the middle of a load, and its replica is promoted.
//!
//! Replication is asynchronous: what the master acknowledged and had not sent yet is lost with it, as
//! any data of Redis is. What `WAIT` has confirmed is not, and a client that sends again whatever was not
//! confirmed has exact totals, for every event has an id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use testkit::calendar::{floor, DAY, MINUTE};
use testkit::cluster::Broken;
use testkit::{wait_until, Arg, Cluster, ClusterClient, Connection, Random, Server, State};

const SITES: usize = 30;
const WRITERS: usize = 3;
/// That are confirmed before the master dies, and sent after its replica has taken over.
const EVENTS: u64 = 5_000;

/// The master that dies.
const VICTIM: usize = 0;

struct Site {
    name: String,
    sent: AtomicU64,
    confirmed: AtomicU64,
}

struct Load {
    sites: Vec<Site>,
    now: i64,
    is_over: AtomicBool,
}

/// Events of one site that are sent together, in the words of an `MTRACK`.
struct Batch {
    site: usize,
    words: Vec<String>,
    events: u64,
    fate: Fate,
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// The connection broke before the reply.
    Unknown,
    Acknowledged,
    /// A replica has it too.
    Confirmed,
}

/// What a client went through: the codes of errors, and the nodes that left it without an answer.
#[derive(Default)]
struct Seen {
    codes: BTreeSet<String>,
    broken: BTreeSet<Broken>,
}

impl Seen {
    fn add(&mut self, client: &ClusterClient, broken: BTreeSet<Broken>) {
        self.codes.extend(client.seen.keys().cloned());
        self.broken.extend(broken);
    }
}

impl Load {
    fn batch(&self, writer: usize, number: usize, random: &mut Random) -> Batch {
        let site = random.below(SITES as u64) as usize;
        let events = 1 + random.below(20);
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), self.sites[site].name.clone()];
        for event in 0..events {
            let kind = random.pick(&["view", "click", "buy"]);
            let user = random.below(500);
            let time = self.now - random.below(40 * MINUTE as u64) as i64;
            let country = random.pick(&["FR", "DE", "IN"]);
            let amount = random.below(1000);
            let event = format!(
                "EVENT {kind} user{user} AT {time} ID {writer}-{number}-{event} DIM country {country} \
                 VAL amount {amount}"
            );
            words.extend(event.split(' ').map(str::to_owned));
        }
        Batch {
            site,
            words,
            events,
            fate: Fate::Unknown,
        }
    }

    /// Sends each batch once, and asks whether a replica has it.
    fn write(
        &self,
        writer: usize,
        mut client: ClusterClient,
    ) -> (Vec<Batch>, ClusterClient, BTreeSet<Broken>) {
        let mut random = Random::new(writer as u64);
        let (mut batches, mut broken) = (Vec::new(), BTreeSet::new());
        while !self.is_over.load(SeqCst) {
            let mut batch = self.batch(writer, batches.len(), &mut random);
            let site = &self.sites[batch.site];
            site.sent.fetch_add(batch.events, SeqCst);
            let sent = client.try_call(&site.name, &args(&batch.words));
            let confirmed = sent.and_then(|(reply, node)| {
                assert_eq!(reply, batch.events as i64);
                batch.fate = Fate::Acknowledged;
                client.is_replicated(node)
            });
            match confirmed {
                Ok(true) => {
                    batch.fate = Fate::Confirmed;
                    site.confirmed.fetch_add(batch.events, SeqCst);
                }
                Ok(false) => {}
                Err(node) => {
                    broken.insert(node);
                    thread::sleep(Duration::from_millis(20));
                }
            }
            batches.push(batch);
        }
        (batches, client, broken)
    }

    /// Asks all the while: no answer may lack an event that was confirmed before the question.
    fn read(&self, mut client: ClusterClient) -> (u64, ClusterClient, BTreeSet<Broken>) {
        let (mut asked, mut broken) = (0, BTreeSet::new());
        let mut random = Random::new(99);
        while !self.is_over.load(SeqCst) {
            let site = random.pick(&self.sites);
            let least = site.confirmed.load(SeqCst);
            match client.try_call(&site.name, &args(&self.question(site))) {
                Ok((reply, _)) => {
                    let (counted, most) = (reply.at(0).int() as u64, site.sent.load(SeqCst));
                    let name = &site.name;
                    assert!(
                        (least..=most).contains(&counted),
                        "{name}: {counted}, {least}..{most}"
                    );
                    asked += 1;
                }
                Err(node) => drop(broken.insert(node)),
            }
            thread::sleep(Duration::from_millis(2));
        }
        (asked, client, broken)
    }

    fn question(&self, site: &Site) -> Vec<String> {
        let today = floor(self.now, DAY);
        let line = format!(
            "ANALYTICS.GET {} {}..{} events users amount:sum amount:p95",
            site.name,
            today - DAY,
            today + 2 * DAY
        );
        line.split(' ').map(str::to_owned).collect()
    }

    fn confirmed(&self) -> u64 {
        let confirmed = self.sites.iter().map(|site| site.confirmed.load(SeqCst));
        confirmed.sum()
    }

    fn sent(&self) -> u64 {
        self.sites.iter().map(|site| site.sent.load(SeqCst)).sum()
    }

    fn strike(&self, cluster: &mut Cluster) {
        let goes_on = |by: u64| {
            let before = self.sent();
            wait_until("the load goes on", || self.sent() > before + by);
        };
        wait_until("there is a load", || self.confirmed() > EVENTS);
        cluster.lose(VICTIM, || goes_on(EVENTS / 10));
        goes_on(EVENTS);
        cluster.bring_back(VICTIM);
        let before = self.confirmed();
        wait_until("events are confirmed again", || {
            self.confirmed() > before + EVENTS / 10
        });
    }
}

fn args(words: &[String]) -> Vec<&dyn Arg> {
    words.iter().map(|word| word as &dyn Arg).collect()
}

#[test]
fn what_wait_confirmed_outlives_a_killed_master_and_ids_make_resent_totals_exact() {
    let mut cluster = Cluster::with_replicas(3);
    let site = |place| Site {
        name: format!("site{place}"),
        sent: AtomicU64::new(0),
        confirmed: AtomicU64::new(0),
    };
    let load = Load {
        sites: (0..SITES).map(site).collect(),
        now: cluster.connection(1).now(),
        is_over: AtomicBool::new(false),
    };
    let mut client = ClusterClient::new(&cluster);
    for site in &load.sites {
        let words = [
            "ANALYTICS.CREATE",
            &site.name,
            "DIM",
            "country",
            "VAL",
            "amount",
        ];
        client
            .call(&site.name, &words.each_ref().map(|word| word as &dyn Arg))
            .ok();
    }
    cluster.assert_replicas_agree();

    let mut seen = Seen::default();
    let mut batches: Vec<Batch> = Vec::new();
    thread::scope(|scope| {
        let load = &load;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| (writer, ClusterClient::new(&cluster)))
            .map(|(writer, client)| scope.spawn(move || load.write(writer, client)))
            .collect();
        let client = ClusterClient::new(&cluster);
        let reader = scope.spawn(move || load.read(client));
        let struck = scope.spawn(|| load.strike(&mut cluster)).join();
        load.is_over.store(true, SeqCst);
        struck.expect("the replica has taken over");
        for writer in writers {
            let (written, client, broken) = writer.join().expect("a writer that has written");
            batches.extend(written);
            seen.add(&client, broken);
        }
        let (asked, client, broken) = reader.join().expect("a reader that was answered");
        assert!(asked > 100, "asked only {asked} times");
        seen.add(&client, broken);
    });
    let known = ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"];
    assert!(
        seen.codes.iter().all(|code| known.contains(&&code[..])),
        "{:?}",
        seen.codes
    );
    let dead = Broken(cluster.nodes[VICTIM].port());
    assert_eq!(seen.broken, BTreeSet::from([dead]));

    // Everything is sent again. What was confirmed is all there; the rest comes in, each event once.
    let mut client = ClusterClient::new(&cluster);
    let mut again = BTreeMap::from([("confirmed", 0), ("acknowledged", 0), ("unknown", 0)]);
    for batch in &batches {
        let site = &load.sites[batch.site];
        let new = client.call(&site.name, &args(&batch.words)).int();
        let fate = match batch.fate {
            Fate::Confirmed => "confirmed",
            Fate::Acknowledged => "acknowledged",
            Fate::Unknown => "unknown",
        };
        *again.entry(fate).or_default() += new;
    }
    println!(
        "{} events, {} confirmed; new when sent again: {again:?}",
        load.sent(),
        load.confirmed()
    );
    assert_eq!(again["confirmed"], 0);
    assert!(
        again["acknowledged"] > 0,
        "the replica did not lag: nothing was put to the test"
    );

    let alone = Server::start();
    compare(
        &load,
        &batches,
        &cluster,
        &mut client,
        &mut alone.connection(),
    );
    cluster.assert_replicas_agree();
}

/// The same events in one server of its own come to the same answers, bytes and expiry times.
fn compare(
    load: &Load,
    batches: &[Batch],
    cluster: &Cluster,
    client: &mut ClusterClient,
    alone: &mut Connection,
) {
    for site in &load.sites {
        let create = format!("ANALYTICS.CREATE {} DIM country VAL amount", site.name);
        alone.run(&create).ok();
    }
    for batch in batches {
        assert_eq!(alone.call(&args(&batch.words)), batch.events as i64);
    }
    for site in &load.sites {
        let question = load.question(site);
        let answer = client.call(&site.name, &args(&question));
        assert_eq!(
            *answer.at(0),
            site.sent.load(SeqCst) as i64,
            "{}",
            site.name
        );
        assert_eq!(answer, alone.call(&args(&question)), "{}", site.name);
    }
    let states = cluster
        .masters()
        .into_iter()
        .map(|place| State::of(&mut cluster.connection(place)));
    let whole = states.reduce(State::and).expect("there are masters");
    whole.assert_is(&State::of(alone), "the cluster");
}
