//! A site whose slot is half moved: its settings on one node, buckets on the other, in every split. A
//! command is answered in full or not at all, and what is refused changes nothing.

use std::collections::BTreeSet;

use testkit::calendar::{buckets, floor, DAY, MINUTE};
use testkit::{cmd, encode, Arg, Cluster, ClusterClient, Connection, Reply};

use crate::import::TYPED;

const SITE: &str = "shop";

/// A site with events of three times, and the two nodes between which its slot moves.
struct Move {
    cluster: Cluster,
    slot: i64,
    from: usize,
    to: usize,
    times: [i64; 3],
    /// The site's key, then those of its buckets.
    keys: Vec<String>,
}

impl Move {
    fn prepared() -> Move {
        let cluster = Cluster::of_masters(2);
        let slot = cmd!(cluster.connection(0), "CLUSTER", "KEYSLOT", SITE).int();
        let from = cluster.owner(slot);
        let mut connection = cluster.connection(from);
        let now = connection.now();
        let times = [now, now - 10 * MINUTE, now - 3 * DAY];
        for time in times {
            for line in [
                format!(
                    "ANALYTICS.TRACK shop view ann AT {time} DIM country FR VAL price 5 ID {time}"
                ),
                format!("ANALYTICS.TRACK shop buy bob AT {time} DIM country DE SESSION s"),
            ] {
                assert_eq!(connection.run(&line), 1);
            }
        }
        let mut keys = connection.keys();
        keys.sort_by_key(|key| key != SITE);
        Move {
            to: 1 - from,
            cluster,
            slot,
            from,
            times,
            keys,
        }
    }

    /// The buckets of an event of this time that are kept at all.
    fn buckets_of(&self, time: i64) -> Vec<String> {
        let of_the_event = buckets(SITE, "UTC", time).map(|bucket| bucket.key);
        let kept = of_the_event
            .into_iter()
            .filter(|key| self.keys.contains(key));
        kept.collect()
    }

    /// Every command, and which keys its answer takes.
    fn probes(&self) -> Vec<Probe> {
        let today = floor(self.times[0], DAY);
        let window = format!("{}..{}", today - 4 * DAY, today + DAY);
        // The long window misses days without events, the day has its bucket.
        let day = format!("{today}..{}", today + DAY);
        let mut probes: Vec<Probe> = [
            format!("ANALYTICS.GET shop {window} events users sessions price:sum price:p50"),
            format!("ANALYTICS.GET shop {day} events users"),
            format!("ANALYTICS.TOP shop {day} event"),
            format!("ANALYTICS.UNIQUE shop {window}"),
            format!("ANALYTICS.UNIQUE shop {window} country FR"),
            format!("ANALYTICS.TOP shop {window} country"),
            format!("ANALYTICS.COMPARE shop {window} events users"),
            format!("ANALYTICS.EXPLAIN shop {window}"),
            "ANALYTICS.DASHBOARD shop".to_owned(),
            "ANALYTICS.INFO shop".to_owned(),
            format!("ANALYTICS.EXPORT shop day {today}"),
            format!("ANALYTICS.EXPORT shop month {today} country FR"),
        ]
        .map(|line| Probe::new(line, Needs::Whatever))
        .into();
        for line in [
            "ANALYTICS.ALTER shop RETENTION minute 2h",
            "ANALYTICS.ALTER shop RETENTION hour off RETENTION day 300d",
            "ANALYTICS.DROP shop",
            // A day of which there is no bucket yet.
            &format!(
                "ANALYTICS.MTRACK shop EVENT view ann EVENT view bob AT {}",
                today - 20 * DAY
            ),
        ] {
            probes.push(Probe::new(line.to_owned(), Needs::Everything));
        }
        for line in ["ANALYTICS.CREATE shop", "ANALYTICS.ALTER shop DIM plan"] {
            probes.push(Probe::new(line.to_owned(), Needs::Settings));
        }
        let [now, before, _] = self.times;
        for time in self.times {
            // The day, and the buckets that contain it.
            let mut of_the_day = self.buckets_of(time);
            of_the_day.retain(|key| !key.contains(":minute:") && !key.contains(":hour:"));
            let line = format!("ANALYTICS.IMPORT shop day {time} users {TYPED} event view");
            probes.push(Probe::new(line, Needs::These(of_the_day)));
            for options in [
                "",
                " ID new",
                " DIM color red VAL weight 3",
                &format!(" ID {time}"),
            ] {
                let line = format!("ANALYTICS.TRACK shop view cleo AT {time}{options}");
                let mut keys = self.buckets_of(time);
                if options.contains("ID") {
                    keys.push("{shop}:ids".to_owned());
                }
                probes.push(Probe::new(line, Needs::These(keys)));
            }
        }
        let both = [self.buckets_of(now), self.buckets_of(before)].concat();
        let line =
            format!("ANALYTICS.MTRACK shop EVENT view cy AT {now} EVENT view cy AT {before}");
        probes.push(Probe::new(line, Needs::These(both)));
        let line = "ANALYTICS.TRACK shop view dora DIM country FR".to_owned();
        probes.push(Probe::new(line, Needs::Now));
        probes
    }
}

struct Probe {
    line: String,
    needs: Needs,
}

impl Probe {
    fn new(line: String, needs: Needs) -> Probe {
        Probe { line, needs }
    }
}

enum Needs {
    /// A question: it is answered as it was before the move, or not at all.
    Whatever,
    /// Buckets that never were are missing as well: refused on both sides.
    Everything,
    These(Vec<String>),
    /// Buckets that may have changed since the events: refused where there is none at all.
    Now,
    Settings,
}

/// In which dress a command comes.
#[derive(Clone, Copy, Debug)]
enum Dress {
    Plain,
    Transaction,
    Script,
}

fn send(connection: &mut Connection, dress: Dress, asking: bool, line: &str) -> Reply {
    let mut request = Vec::new();
    let mut count = 0;
    let mut add = |words: &[&str]| {
        let words: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &words);
        count += 1;
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    if asking {
        add(&["ASKING"]);
    }
    match dress {
        Dress::Plain => add(&words),
        Dress::Transaction => {
            add(&["MULTI"]);
            add(&words);
            add(&["EXEC"]);
        }
        Dress::Script => {
            let script = "return redis.pcall(unpack(ARGV))";
            add(&[&["EVAL", script, "1", words[1]], &words[..]].concat());
        }
    }
    let mut replies = connection.exchange(&request, count);
    let last = replies.pop().expect("a reply");
    match dress {
        Dress::Transaction => match replies.pop().expect("the reply of queueing") {
            // What cannot be queued ends the transaction.
            error @ Reply::Error(_) => error,
            _ if last.is_error() => last,
            _ => last.at(0).clone(),
        },
        _ => last,
    }
}

fn code(reply: &Reply) -> &str {
    match reply {
        Reply::Error(line) => line.split_whitespace().next().unwrap_or_default(),
        _ => "",
    }
}

/// The part of an answer that does not depend on the clock.
fn timeless(line: &str, reply: Reply) -> Reply {
    if line.contains("DASHBOARD") && !reply.is_error() {
        return Reply::Array(vec![reply.get("today").clone(), reply.get("top").clone()]);
    }
    reply
}

/// All data of the node, and how often it has changed.
fn state(connection: &mut Connection) -> (String, Vec<String>, String) {
    (
        connection.digest_of_all(),
        connection.keys(),
        connection.info("persistence", "rdb_changes_since_last_save"),
    )
}

/// Which keys have moved when the commands come: all splits that differ in kind, and every bucket
/// once on its own.
fn splits(keys: &[String]) -> Vec<Vec<String>> {
    let (site, buckets) = keys.split_at(1);
    let mut splits = vec![vec![], site.to_vec(), buckets.to_vec(), keys.to_vec()];
    for bucket in buckets {
        splits.push(vec![bucket.clone()]);
        splits.push(vec![site[0].clone(), bucket.clone()]);
    }
    splits
}

#[test]
fn a_half_moved_site_answers_in_full_or_not_at_all_and_changes_nothing() {
    let mut it = Move::prepared();
    let probes = it.probes();
    let mut whole = it.cluster.connection(it.from);
    let answer_of = |probe: &Probe, whole: &mut Connection| match probe.needs {
        Needs::Whatever => timeless(&probe.line, whole.run(&probe.line)),
        _ => Reply::Nil,
    };
    let answers: Vec<Reply> = probes.iter().map(|it| answer_of(it, &mut whole)).collect();
    let values: Vec<Vec<u8>> = it.keys.iter().map(|key| whole.dump(key)).collect();
    for answer in &answers {
        assert!(!answer.is_error(), "{answer:?}");
    }

    let mut answered = 0;
    for (number, moved) in splits(&it.keys).into_iter().enumerate() {
        it.cluster.open_slot(it.slot, it.from, it.to);
        if !moved.is_empty() {
            it.cluster.migrate(&moved, it.from, it.to);
        }
        let moved: BTreeSet<String> = moved.into_iter().collect();
        // Every dress for the splits that differ in kind, for the others in turn.
        let dresses = [Dress::Plain, Dress::Transaction, Dress::Script];
        let dresses = match number {
            0..4 => &dresses[..],
            _ => &dresses[number % 3..=number % 3],
        };
        for dress in dresses {
            for asking in [false, true] {
                for side in [it.from, it.to] {
                    let probes = probes.iter().zip(&answers);
                    answered += it.probe(side, &moved, (*dress, asking), probes);
                }
            }
        }
        let rest: Vec<&String> = it.keys.iter().filter(|key| !moved.contains(*key)).collect();
        if !rest.is_empty() {
            it.cluster.migrate(&rest, it.from, it.to);
        }
        it.cluster.close_slot(it.slot, it.from, it.to);
        assert!(it.cluster.connection(it.from).keys().is_empty());
        std::mem::swap(&mut it.from, &mut it.to);
    }
    assert!(answered > 100, "hardly a question was answered: {answered}");
    let mut whole = it.cluster.connection(it.from);
    for (key, value) in it.keys.iter().zip(values) {
        assert_eq!(whole.dump(key), value, "{key}");
    }
}

impl Move {
    /// Sends every command that must not be done to one side; gives how many were answered.
    fn probe<'p>(
        &self,
        side: usize,
        moved: &BTreeSet<String>,
        (dress, asking): (Dress, bool),
        probes: impl Iterator<Item = (&'p Probe, &'p Reply)>,
    ) -> usize {
        let mut answered = 0;
        let is_giver = side == self.from;
        let here = |key: &String| moved.contains(key) != is_giver;
        let site_here = here(&self.keys[0]);
        let (mut giver, mut receiver) = (
            self.cluster.connection(self.from),
            self.cluster.connection(self.to),
        );
        let none_here = !self.keys[1..].iter().any(here);
        let before = (state(&mut giver), state(&mut receiver));
        for (Probe { line, needs }, answer) in probes {
            let wanted: &[&str] = match needs {
                _ if !is_giver && !asking => &["MOVED"],
                _ if !site_here && is_giver => &["ASK"],
                _ if !site_here => &["TRYAGAIN"],
                Needs::Whatever | Needs::Now if none_here => &["TRYAGAIN"],
                Needs::Whatever => &["TRYAGAIN", ""],
                Needs::Everything => &["TRYAGAIN"],
                Needs::These(keys) if keys.iter().any(|key| !here(key)) => &["TRYAGAIN"],
                Needs::Settings if line.contains("CREATE") => &["ERR"],
                // It would be done, here and now: a test of its own.
                Needs::These(_) | Needs::Now | Needs::Settings => continue,
            };
            let connection = if is_giver { &mut giver } else { &mut receiver };
            let reply = timeless(line, send(connection, dress, asking, line));
            let place = if is_giver { "giver" } else { "receiver" };
            let case =
                format!("{line} ({dress:?}, asking {asking}) at the {place}, moved {moved:?}");
            assert!(wanted.contains(&code(&reply)), "{case}: {reply:?}");
            if !reply.is_error() {
                assert_eq!(&reply, answer, "{case}");
                answered += 1;
            }
        }
        assert!((state(&mut giver), state(&mut receiver)) == before);
        answered
    }
}

#[test]
fn commands_whose_keys_are_all_on_one_node_are_answered_there() {
    let it = Move::prepared();
    let time = it.times[0];
    let event = format!("ANALYTICS.TRACK shop view eve AT {time} ID e");
    let count = format!(
        "ANALYTICS.GET shop {0}..{1} events",
        floor(time, DAY),
        floor(time, DAY) + DAY
    );
    let (mut giver, mut receiver) = (it.cluster.connection(it.from), it.cluster.connection(it.to));
    let events_before = giver.run(&count).at(0).int();

    it.cluster.open_slot(it.slot, it.from, it.to);
    assert_eq!(giver.run(&event), 1);
    assert_eq!(giver.run(&event), 0);
    giver.run("ANALYTICS.ALTER shop DIM plan").ok();
    assert_eq!(*giver.run(&count).at(0), events_before + 1);

    it.cluster.migrate(&it.keys, it.from, it.to);
    let mut asking = |line: &str| send(&mut receiver, Dress::Plain, true, line);
    assert_eq!(asking(&event), 0);
    assert_eq!(asking(&event.replace("ID e", "ID f")), 1);
    asking("ANALYTICS.ALTER shop VAL weight").ok();
    assert_eq!(*asking(&count).at(0), events_before + 2);
    assert!(giver.keys().is_empty());

    it.cluster.close_slot(it.slot, it.from, it.to);
    assert_eq!(receiver.run(&event), 0);
    assert_eq!(*receiver.run("ANALYTICS.INFO shop").get("events"), 8);
}

#[test]
fn a_new_site_waits_until_its_slot_has_moved() {
    let cluster = Cluster::of_masters(2);
    let slot = cmd!(cluster.connection(0), "CLUSTER", "KEYSLOT", SITE).int();
    let from = cluster.owner(slot);
    let to = 1 - from;
    let (mut giver, mut receiver) = (cluster.connection(from), cluster.connection(to));
    cluster.open_slot(slot, from, to);
    for line in [
        "ANALYTICS.TRACK shop view ann",
        "ANALYTICS.TRACK shop view ann AT 5",
        "ANALYTICS.MTRACK shop EVENT view ann EVENT view bob",
        "ANALYTICS.CREATE shop",
        "ANALYTICS.ALTER shop STRICT",
        "ANALYTICS.UNIQUE shop 1h",
        &format!("ANALYTICS.IMPORT shop day now users {TYPED}"),
        "ANALYTICS.EXPORT shop day now",
        "ANALYTICS.INFO shop",
        "ANALYTICS.EXPLAIN shop 1h",
        "ANALYTICS.DROP shop",
    ] {
        for dress in [Dress::Plain, Dress::Transaction, Dress::Script] {
            let there = send(&mut giver, dress, false, line);
            assert_eq!(code(&there), "ASK", "{line}: {there:?}");
            let here = send(&mut receiver, dress, true, line);
            assert_eq!(code(&here), "TRYAGAIN", "{line}: {here:?}");
        }
    }
    // An invalid command is an error at once.
    let reply = send(
        &mut receiver,
        Dress::Plain,
        true,
        "ANALYTICS.TRACK {shop} view ann",
    );
    assert_eq!(code(&reply), "ERR", "{reply:?}");

    let mut client = ClusterClient::new(&cluster);
    let counted = std::thread::scope(|scope| {
        let client = &mut client;
        let answer = scope.spawn(move || {
            let words = ["ANALYTICS.TRACK", SITE, "view", "ann"];
            client.call(SITE, &words.each_ref().map(|word| word as &dyn Arg))
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(giver.keys().is_empty() && receiver.keys().is_empty());
        cluster.close_slot(slot, from, to);
        answer.join().expect("an answer")
    });
    assert_eq!(counted, 1);
    assert!(client.seen["ASK"] > 0 && client.seen["TRYAGAIN"] > 0);
    let count = receiver.info("analytics", "analytics_commands_try_again");
    assert!(count.parse::<u64>().is_ok_and(|count| count > 0), "{count}");
    assert_eq!(receiver.keys().len(), 6);
}
