//! Many clients at work while slots move and a replica takes the place of its master: at the end
//! every event that was acknowledged is counted once, and on the way no answer is less than that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use testkit::calendar::{floor, DAY, MINUTE};
use testkit::cluster::Redirections;
use testkit::{
    cmd, wait_until, Arg, Cluster, ClusterClient, Connection, Random, Reply, Server, State,
};

const SITES: usize = 200;
const EVENTS: usize = 100_000;
const WRITERS: usize = 3;
/// Half of the sites share a few slots, so that these take long to move.
const TAGS: usize = 5;
const SETTINGS: [&str; 4] = ["DIM", "country", "VAL", "amount"];

struct Site {
    name: String,
    /// Its events come with their times: another server makes the same bytes of them.
    is_timed: bool,
    sent: AtomicU64,
    acknowledged: AtomicU64,
}

struct Load<'c> {
    cluster: &'c Cluster,
    sites: Vec<Site>,
    now: i64,
    /// By the server itself, or key by key.
    is_atomic: bool,
    /// Everything that was to be done to the cluster is done.
    is_over: AtomicBool,
}

/// A site's place and the words of an event behind its name.
type Event = (usize, Vec<String>);

impl Load<'_> {
    /// Writers and a reader at work while the slots move; gives the events, and what sent them about.
    fn run(&self) -> (Vec<Event>, Redirections) {
        thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| scope.spawn(move || self.write(writer)))
                .collect();
            let reader = scope.spawn(|| self.read());
            let resharded = scope.spawn(|| self.reshard()).join();
            self.is_over.store(true, SeqCst);
            resharded.expect("the slots have moved");
            let (asked, mut seen) = reader.join().expect("a reader that was answered");
            assert!(asked > 100, "asked only {asked} times");
            let mut events = Vec::new();
            for writer in writers {
                let (written, redirections) = writer.join().expect("a writer that has written");
                events.extend(written);
                for (code, count) in redirections {
                    *seen.entry(code).or_default() += count;
                }
            }
            (events, seen)
        })
    }

    /// Writes until it has sent its part, and the cluster has come to rest.
    fn write(&self, writer: usize) -> (Vec<Event>, Redirections) {
        let (mut client, mut random) =
            (ClusterClient::new(self.cluster), Random::new(writer as u64));
        let mut events: Vec<Event> = Vec::new();
        let part = EVENTS / WRITERS;
        while events.len() < part || !self.is_over.load(SeqCst) {
            let site = random.below(SITES as u64) as usize;
            let is_batch = random.one_in(2);
            let count = if is_batch { 1 + random.below(40) } else { 1 };
            let batch: Vec<Vec<String>> = (0..count)
                .map(|at| {
                    self.event(
                        site,
                        &format!("{writer}-{}", events.len() as u64 + at),
                        &mut random,
                    )
                })
                .collect();
            self.send(&mut client, site, is_batch, &batch);
            events.extend(batch.into_iter().map(|event| (site, event)));
            if events.len() >= part {
                thread::sleep(Duration::from_millis(2));
            }
        }
        (events, client.seen)
    }

    fn event(&self, site: usize, id: &str, random: &mut Random) -> Vec<String> {
        let kind = random.pick(&["view", "click", "buy"]);
        let user = random.below(100);
        let mut words = vec![kind.to_string(), format!("user{user}")];
        if self.sites[site].is_timed {
            let time = self.now - random.below(40 * MINUTE as u64) as i64;
            words.extend(["AT".to_owned(), time.to_string()]);
        }
        let country = random.pick(&["FR", "DE", "IN"]);
        let amount = random.below(1000);
        let rest = format!("ID {id} DIM country {country} VAL amount {amount}");
        words.extend(rest.split(' ').map(str::to_owned));
        words
    }

    fn send(
        &self,
        client: &mut ClusterClient,
        place: usize,
        is_batch: bool,
        batch: &[Vec<String>],
    ) {
        let site = &self.sites[place];
        let count = batch.len() as u64;
        let mut words: Vec<&dyn Arg> = vec![&"ANALYTICS.TRACK", &site.name];
        if is_batch {
            words[0] = &"ANALYTICS.MTRACK";
        }
        for event in batch {
            if is_batch {
                words.push(&"EVENT");
            }
            words.extend(event.iter().map(|word| word as &dyn Arg));
        }
        site.sent.fetch_add(count, SeqCst);
        assert_eq!(client.call(&site.name, &words), count as i64);
        site.acknowledged.fetch_add(count, SeqCst);
    }

    /// Asks all the while: no answer may lack an event that was acknowledged before the question.
    fn read(&self) -> (u64, Redirections) {
        let (mut client, mut random) = (ClusterClient::new(self.cluster), Random::new(99));
        let mut asked = 0;
        while !self.is_over.load(SeqCst) {
            let site = random.pick(&self.sites);
            let least = site.acknowledged.load(SeqCst);
            let (words, is_info) = match random.below(8) {
                0 => (vec!["ANALYTICS.INFO".to_owned(), site.name.clone()], true),
                _ => (self.question(site), false),
            };
            let words: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
            let reply = client.call(&site.name, &words);
            let counted = match is_info {
                true => reply.get("events").int(),
                false => reply.at(0).int(),
            };
            let most = site.sent.load(SeqCst);
            let name = &site.name;
            assert!(
                (least..=most).contains(&(counted as u64)),
                "{name}: {counted}, {least}..{most}"
            );
            asked += 1;
            thread::sleep(Duration::from_millis(1));
        }
        (asked, client.seen)
    }

    fn question(&self, site: &Site) -> Vec<String> {
        let today = floor(self.now, DAY);
        let window = format!("{}..{}", today - DAY, today + 2 * DAY);
        let line = format!(
            "ANALYTICS.GET {} {window} events users amount:sum amount:p95",
            site.name
        );
        line.split(' ').map(str::to_owned).collect()
    }

    /// Six reshards of seven slots each, and a failover between two of them.
    fn reshard(&self) {
        let mut admin = self.cluster.connection(0);
        let mut slot_of = |name: &str| cmd!(admin, "CLUSTER", "KEYSLOT", name).int();
        for round in 0..6 {
            let crowded = slot_of(&format!("{{t{}}}", round % TAGS));
            let own = (0..6).map(|n| slot_of(&format!("site{}", 100 + 6 * round + n)));
            let slots: BTreeSet<i64> = own.chain([crowded]).collect();
            if self.is_atomic {
                self.reshard_atomically(slots, round);
                continue;
            }
            for slot in slots {
                let (masters, owner) = (self.cluster.masters(), self.cluster.owner(slot));
                let place = masters.iter().position(|place| *place == owner);
                let next = (place.expect("the owner is a master") + 1 + round % 2) % masters.len();
                let moved = self.cluster.move_slot(slot, masters[next]);
                assert!(moved > 0 || slot != crowded);
            }
            if round == 2 {
                self.cluster.fail_over(3);
            }
        }
    }

    /// The slots of each owner at once, after an attempt that is called off while events go on.
    fn reshard_atomically(&self, slots: BTreeSet<i64>, round: usize) {
        let cluster = self.cluster;
        let mut of_owner: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
        for slot in slots {
            of_owner.entry(cluster.owner(slot)).or_default().push(slot);
        }
        let masters = cluster.masters();
        for (from, slots) in of_owner {
            let place = masters.iter().position(|place| *place == from);
            let next = (place.expect("the owner is a master") + 1 + round % 2) % masters.len();
            let (to, mut source) = (masters[next], cluster.connection(from));
            source.run("DEBUG SLOTMIGRATION PREVENT-PAUSE 1").ok();
            cluster.begin_migration(&slots, from, to);
            wait_until("all but the end is done", || {
                cluster.migration_state(from) == "waiting-to-pause"
            });
            thread::sleep(Duration::from_millis(100));
            source.run("CLUSTER CANCELSLOTMIGRATIONS").ok();
            wait_until("the target has cleaned up", || {
                cluster.migration_state(to) == "failed"
            });
            source.run("DEBUG SLOTMIGRATION PREVENT-PAUSE 0").ok();
            cluster.migrate_slots(&slots, from, to);
        }
    }
}

#[test]
fn no_event_is_lost_and_no_answer_is_partial_while_slots_move_and_a_master_changes() {
    under_load(Cluster::with_replicas(3), false);
}

#[test]
fn no_event_is_lost_and_no_answer_is_partial_while_the_server_moves_slots() {
    let cluster = Cluster::with_replicas(3);
    if cluster.moves_slots_by_itself() {
        under_load(cluster, true);
    }
}

fn under_load(cluster: Cluster, is_atomic: bool) {
    let site = |place: usize| Site {
        name: match place {
            0..100 => format!("{{t{}}}site{place}", place % TAGS),
            _ => format!("site{place}"),
        },
        is_timed: place % 4 != 3,
        sent: AtomicU64::new(0),
        acknowledged: AtomicU64::new(0),
    };
    let load = Load {
        cluster: &cluster,
        sites: (0..SITES).map(site).collect(),
        now: cluster.connection(0).now(),
        is_atomic,
        is_over: AtomicBool::new(false),
    };
    let mut client = ClusterClient::new(&cluster);
    for site in &load.sites {
        create(&site.name, |words| client.call(&site.name, words));
    }

    let (events, seen) = load.run();
    println!("{} events, seen {seen:?}", events.len());
    let known = ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"];
    assert!(
        seen.keys().all(|code| known.contains(&&code[..])),
        "{seen:?}"
    );
    // A slot that moves as a whole sends nobody to two nodes.
    let expected = if is_atomic { 1 } else { 3 };
    assert!(
        known[..expected]
            .iter()
            .all(|code| seen.contains_key(*code)),
        "{seen:?}"
    );
    assert!(!is_atomic || !seen.contains_key("TRYAGAIN"), "{seen:?}");

    let alone = Server::start();
    let mut alone = alone.connection();
    replay(&load.sites, &events, &mut alone);
    compare_answers(&load, &mut alone);
    compare_values(&load, &mut alone);
    cluster.assert_replicas_agree();
}

fn create(site: &str, call: impl FnOnce(&[&dyn Arg]) -> Reply) {
    let mut words: Vec<&dyn Arg> = vec![&"ANALYTICS.CREATE", &site];
    words.extend(SETTINGS.iter().map(|word| word as &dyn Arg));
    call(&words).ok();
}

/// The same events in one server of its own, site by site.
fn replay(sites: &[Site], events: &[Event], alone: &mut Connection) {
    for (place, site) in sites.iter().enumerate() {
        create(&site.name, |words| alone.call(words));
        let mut words: Vec<&dyn Arg> = vec![&"ANALYTICS.MTRACK", &site.name];
        for (_, event) in events.iter().filter(|event| event.0 == place) {
            words.push(&"EVENT");
            words.extend(event.iter().map(|word| word as &dyn Arg));
        }
        let sent = site.sent.load(SeqCst);
        assert_eq!(sent, site.acknowledged.load(SeqCst));
        if sent > 0 {
            assert_eq!(alone.call(&words), sent as i64, "{}", site.name);
        }
    }
}

fn compare_answers(load: &Load, alone: &mut Connection) {
    let mut client = ClusterClient::new(load.cluster);
    for site in &load.sites {
        let question = load.question(site);
        let words: Vec<&dyn Arg> = question.iter().map(|word| word as &dyn Arg).collect();
        let answer = client.call(&site.name, &words);
        assert_eq!(
            *answer.at(0),
            site.sent.load(SeqCst) as i64,
            "{}",
            site.name
        );
        assert_eq!(answer, alone.call(&words), "{}", site.name);
        let info = client.call(&site.name, &[&"ANALYTICS.INFO", &site.name]);
        assert_eq!(
            *info.get("events"),
            site.sent.load(SeqCst) as i64,
            "{}",
            site.name
        );
    }
}

/// Every key is on one node only, with the value that it has where nothing ever moved.
fn compare_values(load: &Load, alone: &mut Connection) {
    let timed = |key: &[u8]| {
        let key = String::from_utf8_lossy(key);
        let is_of = |site: &&Site| key == site.name || key.starts_with(&prefix(&site.name));
        let site = load.sites.iter().find(is_of).expect("a key of a site");
        site.is_timed
    };
    // Ids are kept by the quarter of an hour in which they arrive, and here they arrive later.
    let quarter = |time| floor(time, 15 * MINUTE);
    let has_turned = quarter(load.now) != quarter(alone.now());
    let mut seen = BTreeSet::new();
    let expected = State::of(alone);
    let expected: BTreeMap<&[u8], (&[u8], i64)> = expected
        .entries()
        .map(|(key, value, expiry)| (key, (value, expiry)))
        .collect();
    for place in load.cluster.masters() {
        let state = State::of(&mut load.cluster.connection(place));
        for (key, value, expiry) in state.entries() {
            let name = key.escape_ascii().to_string();
            assert!(seen.insert(name.clone()), "{name} is on two nodes");
            if timed(key) && !(has_turned && name.ends_with(":ids")) {
                let (same, absolute) = expected[key];
                assert!(value == same, "{name}: another value");
                // MIGRATE sends the time left, not the time of expiry.
                assert!(
                    (0..5_000).contains(&(expiry - absolute)),
                    "{name}: {expiry}"
                );
            }
        }
    }
    let missing = expected.keys().filter(|key| timed(key));
    let missing: Vec<String> = missing
        .map(|key| key.escape_ascii().to_string())
        .filter(|key| !seen.contains(key))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// How the names of a site's buckets begin.
fn prefix(site: &str) -> String {
    match site.starts_with('{') {
        true => format!("{site}:"),
        false => format!("{{{site}}}:"),
    }
}
