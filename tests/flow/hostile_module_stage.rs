//! The servers of `hostile_module`, and one run of a command with a hostile module in the middle of it.
//!
//! What must hold. A command and what is run in the middle of it are two: whatever each of them replies,
//! every key is afterwards as if one had been executed after the other, in this order or in that; what
//! was answered with an error has done nothing. So no event is lost or counted twice. The other server has
//! no hostile module: it is where the two are executed in turn.

use std::collections::BTreeMap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::time::Instant;

use crate::hostile_module_compare::{differences, same_reply, shown, shown_reply, Keys};
use crate::hostile_module_file::hostile_file;
use crate::hostile_module_scenes::{Deed, Scene, ALWAYS, MADE_ONCE};
use crate::hostile_module_words::{Dictionary, Words};
use testkit::calendar::{floor, MINUTE};
use testkit::wait::time_limit;
use testkit::ManualClock;
use testkit::Reply;
use testkit::State;
use testkit::{cmd, encode, Arg, Connection};
use testkit::{Server, ServerOptions};

/// What was left of a command and of what ran in the middle of it.
struct Outcome {
    reply: Reply,
    keys: Keys,
}

/// A server that the hostile module is loaded in, its replica, and one by itself.
pub struct Stage {
    clock: ManualClock,
    start: i64,
    hostile: Server,
    replica: Server,
    alone: Server,
    pub dictionary: Dictionary,
    ours: Connection,
    theirs: Connection,
    /// Of the one by itself.
    third: Connection,
    /// By the scene and what is executed before and after its command.
    known: BTreeMap<(&'static str, String), Rc<Outcome>>,
    is_first: bool,
    reaches_expired: bool,
}

fn options(clock: &ManualClock) -> ServerOptions {
    // Whether a replica has other data is looked at here.
    Server::with()
        .manual_clock(clock)
        .config("propagation-error-behavior", "ignore")
}

/// With the hostile module before ours, or behind it.
fn start_hostile(clock: &ManualClock, is_first: bool) -> Server {
    let file = hostile_file().display().to_string();
    let options = options(clock).aof();
    if is_first {
        return options.config("loadmodule", &file).start();
    }
    let server = options.start();
    cmd!(server.connection(), "MODULE", "LOAD", file).ok();
    server
}

fn connect(server: &Server) -> Connection {
    let mut connection = server.connection();
    // What is over is removed when somebody looks at it.
    connection.run("DEBUG SET-ACTIVE-EXPIRE 0").ok();
    connection
}

fn send(connection: &mut Connection, words: &[Vec<u8>]) -> std::io::Result<Reply> {
    let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
    connection.try_call(&args)
}

/// Whether what is executed in a keyspace event reaches expired keys, as on Redis 7.4 and Valkey.
fn reaches_expired(connection: &mut Connection, clock: &mut ManualClock) -> bool {
    connection.run("SET expired 1 PX 1").ok();
    clock.step(20);
    connection.run("HOSTILE.ON * * * 0 0").ok();
    connection.run("GET missing");
    let points = connection.run("HOSTILE.POINTS");
    connection.run("HOSTILE.OFF");
    let is_miss = |point: &Reply| point.bytes() == b"key keymiss missing";
    let place = points.array().iter().position(is_miss);
    let place = place.expect("a keyspace event of the missing key");
    let line = format!("HOSTILE.ON * * * {place} 1 EXISTS expired");
    connection.run(&line).ok();
    connection.run("GET missing");
    let done = connection.run("HOSTILE.OFF");
    let exists = done.array().first().expect("a reply in the middle").bytes();
    exists.ends_with(b" -> 1")
}

fn keys_of(connection: &mut Connection) -> Keys {
    let mut keys = Keys::new();
    for db in ["0", "1"] {
        cmd!(connection, "SELECT", db).ok();
        for (key, dump, expiry) in State::of(connection).entries() {
            let name = [db.as_bytes(), b" ", key].concat();
            keys.insert(name, (dump.to_vec(), expiry));
        }
    }
    cmd!(connection, "SELECT", "0").ok();
    keys
}

impl Stage {
    pub fn new(is_first: bool) -> Stage {
        let mut clock = ManualClock::new();
        // Far from the ends of a minute, and of a second.
        let start = floor(clock.now(), MINUTE) + 30_500;
        clock.set(start);
        let hostile = start_hostile(&clock, is_first);
        let replica = options(&clock).replica_of(&hostile).start();
        let alone = options(&clock).start();
        hostile.wait_for_replica(&replica);
        let (ours, theirs) = (connect(&hostile), connect(&replica));
        let mut third = connect(&alone);
        let mut dictionary = Dictionary::new(start);
        for line in ALWAYS {
            let reply = send(&mut third, &dictionary.words(line));
            assert!(reply.is_ok_and(|reply| !reply.is_error()), "{line}");
        }
        let theirs_of_other = dictionary.name("$theirs");
        for (word, key) in [("$site", &b"other"[..]), ("$bucket", &theirs_of_other)] {
            dictionary.insert(word, third.dump(key));
        }
        for (word, site, lines) in MADE_ONCE {
            lines.iter().for_each(|line| third.run(line).ok());
            let dump = third.dump(site.as_bytes());
            dictionary.insert(word, dump);
        }
        cmd!(third, "PFADD", "hll", "yan", "ann", "xia");
        let hll = cmd!(third, "GET", "hll").bytes().to_vec();
        dictionary.insert("$hll", hll);
        let mut ours = ours;
        let reaches_expired = reaches_expired(&mut ours, &mut clock);
        Stage {
            clock,
            start,
            hostile,
            replica,
            alone,
            dictionary,
            ours,
            theirs,
            third,
            known: BTreeMap::new(),
            is_first,
            reaches_expired,
        }
    }

    /// Whatever has become of the servers. What is known of the old ones holds for their random seeds only.
    pub fn renew(&mut self) {
        let new = Stage::new_at(self.is_first, self.start);
        let old = std::mem::replace(self, new);
        for server in [old.hostile, old.replica, old.alone] {
            let dir = server.dir().to_owned();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(server)));
            let _ = std::fs::remove_dir_all(dir);
        }
    }

    /// Every point of the scene's command, in order.
    pub fn points(&mut self, scene: &Scene) -> Vec<String> {
        set_up(
            &mut self.ours,
            &mut self.clock,
            self.start,
            &self.dictionary,
            scene,
        );
        cmd!(self.ours, "HOSTILE.ON", "*", "*", "*", 0, 0).ok();
        let command = self.dictionary.words(scene.command);
        let reply = send(&mut self.ours, &command).expect("a reply");
        assert!(!reply.is_error(), "{}: {reply:?}", scene.name);
        let points = self.ours.run("HOSTILE.POINTS");
        self.ours.run("HOSTILE.OFF");
        let points = points.array().iter();
        points
            .map(|point| String::from_utf8_lossy(point.bytes()).into_owned())
            .collect()
    }

    /// Whether Redis itself does not take it that this is done there: a key that is being made has to be
    /// left where it is (`SET` of a server without any other module fails in the same way).
    pub fn is_beyond_redis(&self, scene: &Scene, point: &str, deed: &Deed) -> bool {
        // In turn, the expired key that is renamed or persisted there is gone.
        let mut expired = scene.setup.iter().filter_map(|line| {
            let word = line.strip_prefix("PEXPIRE ")?;
            word.strip_suffix(" 1")
        });
        let names = |word: &str| deed.line.split(' ').any(|it| it == word);
        if self.reaches_expired && point.starts_with("key ") && expired.any(names) {
            return true;
        }
        // What is put under an expired key in its event, replicas get before the deletion.
        if let Some(name) = point.strip_prefix("key expired ") {
            let puts = deed.line.starts_with("XADD $log");
            return puts && self.dictionary.name("$log") == name.as_bytes();
        }
        let Some(name) = point.strip_prefix("key new ") else {
            return false;
        };
        let is_it = |word: &&str| self.dictionary.name(word) == name.as_bytes();
        // A key is made before it gets its expiry, by `SETEX` as well: a copy of it has none.
        let copies = deed.line.contains("COPY $m") && is_it(&"$m");
        // And any expiry that it has by then is taken away, by `SET` as well.
        let expires = deed.line.strip_prefix("PEXPIREAT ");
        let expires = expires.and_then(|line| line.split(' ').next());
        // `RENAME` removes the old key last: a key moved or renamed before that leaves its value in both places,
        // for strings as well.
        let moves = name == "market"
            && (deed.line.starts_with("MOVE shop") || deed.line == "RENAME shop away");
        copies
            || moves
            || expires.is_some_and(|word| is_it(&word))
            || deed.removes.iter().any(|word| *word == "*" || is_it(word))
    }

    /// What is wrong when the deed is done at this point of the scene's command; None if nothing is.
    pub fn play(
        &mut self,
        scene: &Scene,
        place: usize,
        point: &str,
        deed: &Deed,
    ) -> Option<String> {
        let played = catch_unwind(AssertUnwindSafe(|| {
            self.try_to_play(scene, place, point, deed)
        }));
        // Where something else was wrong the test has said so.
        played.unwrap_or_else(|_| Some(death(&self.hostile, "the server died")))
    }

    fn try_to_play(
        &mut self,
        scene: &Scene,
        place: usize,
        point: &str,
        deed: &Deed,
    ) -> Option<String> {
        set_up(
            &mut self.ours,
            &mut self.clock,
            self.start,
            &self.dictionary,
            scene,
        );
        let errors = self.ours.run("HOSTILE.ERRORS").int();
        let words = self.dictionary.words(deed.line);
        let mut on = self.dictionary.words("HOSTILE.ON * * *");
        on.extend([place.to_string().into_bytes(), b"1".to_vec()]);
        on.extend(words.iter().cloned());
        send(&mut self.ours, &on).expect("a reply").ok();
        let command = self.dictionary.words(scene.command);
        let reply = send(&mut self.ours, &command).expect("a reply to the command");
        let done = self.ours.run("HOSTILE.OFF");
        let done: Vec<Vec<u8>> = done.array().iter().map(|it| it.bytes().to_vec()).collect();
        let is_told_in_turn = is_told_in_turn(scene, point, deed);
        self.look(scene, &words, reply, &done, errors, is_told_in_turn)
    }

    fn look(
        &mut self,
        scene: &Scene,
        words: &[Vec<u8>],
        reply: Reply,
        done: &[Vec<u8>],
        errors: i64,
        is_told_in_turn: bool,
    ) -> Option<String> {
        let keys = keys_of(&mut self.ours);
        let said: Vec<String> = done.iter().map(|it| shown(it)).collect();
        let said = format!("replies {} | {}", shown_reply(&reply), said.join(" | "));
        let after = self.ours.run("HOSTILE.ERRORS").int();
        if after > errors {
            return Some(format!("valgrind: {} errors; {said}", after - errors));
        }
        // Only what was executed is executed in turn.
        let lines: Vec<&[Vec<u8>]> = words.split(|word| word == b";").collect();
        let is_error = |reply: &Vec<u8>| {
            let text = shown(reply);
            let reply = text.rsplit(" -> ").next().unwrap_or_default().to_owned();
            ["ERR", "WRONGTYPE", "-", "TRYAGAIN", "BUSYKEY", "OOM"]
                .iter()
                .any(|it| reply.starts_with(it))
        };
        let executed: Vec<Words> = lines
            .iter()
            .zip(done)
            .filter(|(_, reply)| !is_error(reply))
            .map(|(line, _)| line.to_vec())
            .collect();
        let command = self.dictionary.words(scene.command);
        let orders: [Vec<&[Vec<u8>]>; 3] = [
            executed
                .iter()
                .map(Vec::as_slice)
                .chain([&command[..]])
                .collect(),
            [&command[..]]
                .into_iter()
                .chain(executed.iter().map(Vec::as_slice))
                .collect(),
            executed.iter().map(Vec::as_slice).collect(),
        ];
        let mut possible = Vec::new();
        let mut replies = Vec::new();
        for (number, order) in orders.iter().enumerate() {
            let key = (scene.name, format!("{number} {:?}", order));
            let outcome = match self.known.get(&key) {
                Some(outcome) => Rc::clone(outcome),
                None => {
                    let place = [executed.len(), 0, usize::MAX][number];
                    let outcome = Rc::new(self.in_turn(scene, order, place));
                    self.known.insert(key, Rc::clone(&outcome));
                    outcome
                }
            };
            let fits = match number {
                2 => reply.is_error(),
                _ if scene.is_read => reply.is_error() == outcome.reply.is_error(),
                _ => same_reply(&reply, &outcome.reply),
            };
            replies.push(shown_reply(&outcome.reply));
            if fits {
                possible.push(outcome);
            }
        }
        if possible.is_empty() {
            let in_turn = replies[..2].join(" or ");
            return Some(format!("reply: in turn it is {in_turn}; {said}"));
        }
        let possible: Vec<&Keys> = possible.iter().map(|outcome| &outcome.keys).collect();
        let what = differences(&keys, &possible);
        if !what.is_empty() {
            return Some(format!("in no order: {}; {said}", what.join(", ")));
        }
        if let Err(what) = self.wait_for_replica() {
            return Some(format!("{what}; {said}"));
        }
        if !is_told_in_turn {
            return None;
        }
        let digests = [&mut self.ours, &mut self.theirs].map(|it| it.digest_of_all());
        if digests[0] != digests[1] {
            let theirs = keys_of(&mut self.theirs);
            let what = differences(&keys, &[&theirs]).join(", ");
            return Some(format!("replica: {what}; {said}"));
        }
        None
    }

    /// Until it has applied what the server has told it; a ping of the server's may come after that.
    fn wait_for_replica(&mut self) -> Result<(), String> {
        let offset = self.ours.info("replication", "master_repl_offset");
        let offset: i64 = offset.parse().expect("an offset");
        let deadline = Instant::now() + time_limit();
        loop {
            let Ok(reply) = self.theirs.try_call(&[&"INFO", &"replication"]) else {
                return Err(death(&self.replica, "the replica died"));
            };
            let text = reply.text();
            let applied = text
                .lines()
                .find_map(|line| line.strip_prefix("slave_repl_offset:")?.parse().ok());
            if text.contains("master_link_status:up")
                && applied.is_some_and(|applied: i64| applied >= offset)
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err("the replica died: it does not follow".to_owned());
            }
        }
    }

    fn in_turn(&mut self, scene: &Scene, order: &[&[Vec<u8>]], place: usize) -> Outcome {
        set_up(
            &mut self.third,
            &mut self.clock,
            self.start,
            &self.dictionary,
            scene,
        );
        let mut reply = Reply::Nil;
        for (number, words) in order.iter().enumerate() {
            let it = send(&mut self.third, words).expect("a reply");
            if number == place {
                reply = it;
            }
        }
        Outcome {
            reply,
            keys: keys_of(&mut self.third),
        }
    }

    fn new_at(is_first: bool, start: i64) -> Stage {
        let mut stage = Stage::new(is_first);
        stage.start = start;
        stage.dictionary = {
            let mut dictionary = Dictionary::new(start);
            let sites = MADE_ONCE.map(|(word, ..)| word);
            for word in ["$site", "$bucket", "$hll"].into_iter().chain(sites) {
                let bytes = stage.dictionary.name(word);
                dictionary.insert(word, bytes);
            }
            dictionary
        };
        stage
    }
}

/// Whether the command then makes another site one that remembers people: with a random seed, so that no two
/// servers have the same bytes.
pub fn draws_a_seed(scene: &Scene, point: &str, deed: &Deed) -> bool {
    const PUTS: [&str; 4] = [
        "RENAME other shop",
        "RESTORE shop ",
        "; ANALYTICS.TRACK shop ",
        "; ANALYTICS.CREATE shop ",
    ];
    scene.command.starts_with("ANALYTICS.FUNNEL shop SET")
        && point.starts_with("filter ")
        && PUTS.iter().any(|put| deed.line.contains(put))
}

/// Whether replicas get both in the order in which they were executed. What takes keys away while a
/// command makes several comes between them here, and before or after all of them there; and what writes
/// to a key in its `expired` event comes before the `DEL` of that expiry there: so it is with Redis's own
/// commands (`redis_itself` in `hostile_module`).
fn is_told_in_turn(scene: &Scene, point: &str, deed: &Deed) -> bool {
    if !scene.command.starts_with("ANALYTICS.") {
        // Redis tells of its own command after what its notifications called.
        return !point.starts_with("key ");
    }
    let writes_expired = point.starts_with("key expired ")
        && ["SWAPDB", "RESTORE", "RENAME", "COPY", "SET "]
            .iter()
            .any(|it| deed.line.contains(it));
    !writes_expired && (deed.removes.is_empty() || !point.starts_with("key new "))
}

/// An empty server, and what the scene has.
fn set_up(
    connection: &mut Connection,
    clock: &mut ManualClock,
    start: i64,
    dictionary: &Dictionary,
    scene: &Scene,
) {
    clock.set(start);
    let mut request = Vec::new();
    let mut count = 0;
    for line in ["FLUSHALL"].iter().chain(ALWAYS).chain(scene.setup) {
        let words = dictionary.words(line);
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        encode(&mut request, &args);
        count += 1;
    }
    for reply in connection.exchange(&request, count) {
        assert!(!reply.is_error(), "{}: {reply:?}", scene.name);
    }
    // What was to expire is over.
    clock.step(20);
}

/// With what the server said of it.
fn death(server: &Server, what: &str) -> String {
    const SAID: [&str; 6] = [
        "crashed",
        "(+0x",
        "==>",
        "This replica panicked",
        "ERROR: Addr",
        "    #",
    ];
    let log = server.log();
    let lines = log
        .lines()
        .filter(|line| SAID.iter().any(|part| line.contains(part)));
    let lines: Vec<&str> = lines.take(16).collect();
    format!("{what}\n    {}", lines.join("\n    "))
}
