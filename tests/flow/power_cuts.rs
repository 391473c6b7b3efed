//! `kill -9` in the middle of a load, of an AOF rewrite and of a snapshot, and files that end in the
//! middle of a command.
//!
//! With `appendfsync always` an event is on the disk before its reply is sent, with `no` it is handed to
//! the system: what was acknowledged outlives the process, and what was in flight is there once or not
//! at all. With `everysec` Redis holds writes back, for two seconds at most, while the disk is busy: what
//! is there again are the first events, each once.

use std::fs;
use std::path::PathBuf;
use std::thread::{self, sleep};
use std::time::Duration;

use testkit::calendar::{buckets, floor, HOUR, MINUTE};
use testkit::{cmd, encode, number_from_env, wait_until, Arg, Connection, Random, Server, State};

/// A hundred is what `make faults` asks for.
fn cycles(quick: u64) -> u64 {
    number_from_env("ANALYTICS_FAULT_CYCLES", quick)
}

const MOST_EVENTS: usize = 20_000;
const EVENTS_AT_ONCE: usize = 50;

/// The numbered events of a load: their values sum up to what only a prefix of them, each once, does.
#[derive(Clone)]
struct Load {
    site: String,
    time: i64,
    with_ids: bool,
}

impl Load {
    /// A TRACK, or on every seventh place an MTRACK of one event, which is the same.
    fn encode(&self, request: &mut Vec<u8>, number: usize) {
        let (user, id) = (format!("user-{number}"), format!("id-{number}"));
        let mut args: Vec<&dyn Arg> = if number.is_multiple_of(7) {
            vec![&"ANALYTICS.MTRACK", &self.site, &"EVENT"]
        } else {
            vec![&"ANALYTICS.TRACK", &self.site]
        };
        args.extend([&"view" as &dyn Arg, &user, &"VAL", &"number", &number]);
        // An event without a time is written to the file with the time of the server.
        if self.with_ids || !number.is_multiple_of(5) {
            args.extend([&"AT" as &dyn Arg, &self.time]);
        }
        if self.with_ids {
            args.extend([&"ID" as &dyn Arg, &id]);
        }
        encode(request, &args);
    }

    /// Sends events without waiting for their replies until the connection ends; how many were
    /// acknowledged.
    fn send_until_cut(self, mut connection: Connection) -> usize {
        let mut acknowledged = 0;
        for first in (1..=MOST_EVENTS).step_by(EVENTS_AT_ONCE) {
            let mut request = Vec::new();
            (first..first + EVENTS_AT_ONCE).for_each(|number| self.encode(&mut request, number));
            if connection.send(&request).is_err() {
                return acknowledged;
            }
            for _ in 0..EVENTS_AT_ONCE {
                match connection.receive() {
                    Ok(reply) => assert_eq!(reply, 1),
                    Err(_) => return acknowledged,
                }
                acknowledged += 1;
            }
        }
        acknowledged
    }

    /// How many events there are, which are the first ones and each once.
    fn assert_prefix(&self, connection: &mut Connection) -> usize {
        let reply = cmd!(
            connection,
            "ANALYTICS.GET",
            self.site,
            "2d",
            "events",
            "number:sum",
            "number:max",
            "users"
        );
        let count = reply.at(0).int();
        let number = |place: usize| match reply.at(place) {
            reply if reply.is_nil() => 0,
            reply => reply.double() as i64,
        };
        assert_eq!(number(1), count * (count + 1) / 2, "{reply:?}");
        assert_eq!(number(2), count, "{reply:?}");
        let users = reply.at(3).int();
        assert!((users - count).abs() * 50 <= count, "{reply:?}");
        count as usize
    }
}

fn cut_power_under_load(policy: &str, cycles: u64) {
    let mut server = Server::with().aof().config("appendfsync", policy).start();
    let mut random = Random::new(4);
    for cycle in 0..cycles {
        let mut connection = server.connection();
        let load = Load {
            site: format!("site-{cycle}"),
            time: connection.now() - 1,
            with_ids: cycle % 2 == 1,
        };
        let writer = {
            let load = load.clone();
            thread::spawn(move || load.send_until_cut(connection))
        };
        sleep(Duration::from_millis(random.below(80)));
        server.kill();
        let acknowledged = writer.join().expect("every reply was 1");
        server.start_again();

        let mut connection = server.connection();
        let counted = load.assert_prefix(&mut connection);
        println!("{policy} {cycle}: {acknowledged} acknowledged, {counted} there");
        assert!(counted <= acknowledged + EVENTS_AT_ONCE);
        assert!(counted >= acknowledged || policy == "everysec");
        if load.with_ids {
            resend(&mut connection, &load, counted);
        }
    }
}

/// A client that does not know what arrived sends all of it again.
fn resend(connection: &mut Connection, load: &Load, counted: usize) {
    let all = counted + 2 * EVENTS_AT_ONCE;
    let mut request = Vec::new();
    (1..=all).for_each(|number| load.encode(&mut request, number));
    let replies = connection.exchange(&request, all);
    let new: i64 = replies.iter().map(|reply| reply.int()).sum();
    assert_eq!(new as usize, all - counted);
    assert_eq!(load.assert_prefix(connection), all);
}

#[test]
fn acknowledged_events_outlive_a_killed_server_and_ids_make_resent_totals_exact() {
    cut_power_under_load("always", cycles(10));
}

#[test]
fn a_killed_process_keeps_the_first_events_each_once_under_any_fsync_policy() {
    cut_power_under_load("no", cycles(2));
    cut_power_under_load("everysec", cycles(2));
}

/// A site with some hundred buckets.
fn fill(connection: &mut Connection, site: &str) {
    let now = connection.now();
    let lines: Vec<String> = (0..150)
        .map(|n| {
            format!(
                "ANALYTICS.TRACK {site} view u{n} AT {} ID {n} DIM page {} VAL price {n}",
                now - n % 50 * MINUTE - n * HOUR,
                n % 13
            )
        })
        .collect();
    for reply in connection.pipeline(&lines) {
        assert_eq!(reply, 1);
    }
}

#[test]
fn a_server_killed_while_it_rewrites_its_file_has_everything() {
    for preamble in ["yes", "no"] {
        let mut server = Server::with()
            .aof()
            .config("aof-use-rdb-preamble", preamble)
            .config("rdb-key-save-delay", "500")
            .start();
        let mut connection = server.connection();
        fill(&mut connection, "shop");
        for round in 0..3 {
            connection.run("BGREWRITEAOF");
            wait_until("the rewrite has begun", || {
                connection.info("persistence", "aof_rewrite_in_progress") == "1"
            });
            // Events go to the next file while the child writes the base of it.
            for n in 0..40 {
                let event = format!("ANALYTICS.TRACK shop during new-{round}-{n} VAL price 1");
                assert_eq!(connection.run(&event), 1);
            }
            assert_eq!(
                connection.info("persistence", "aof_rewrite_in_progress"),
                "1",
                "the rewrite was over too early to be cut"
            );
            let (expected, digest) = (State::of(&mut connection), connection.digest_of_all());
            server.kill();
            server.start_again();
            connection = server.connection();
            State::of(&mut connection).assert_is(&expected, "after a cut rewrite");
            assert_eq!(connection.digest_of_all(), digest);
        }
    }
}

#[test]
fn a_server_killed_while_it_saves_has_the_snapshot_before() {
    let mut server = Server::with()
        .config("save", "3600 1000000")
        .config("rdb-key-save-delay", "500")
        .start();
    let mut connection = server.connection();
    fill(&mut connection, "shop");
    connection.run("SAVE").ok();
    let (expected, digest) = (State::of(&mut connection), connection.digest_of_all());
    for round in 0..3 {
        fill(&mut connection, &format!("more-{round}"));
        connection.run("BGSAVE");
        wait_until("the snapshot has begun", || {
            connection.info("persistence", "rdb_bgsave_in_progress") == "1"
        });
        sleep(Duration::from_millis(5 * round));
        server.kill();
        server.start_again();
        connection = server.connection();
        State::of(&mut connection).assert_is(&expected, "after a cut snapshot");
        assert_eq!(connection.digest_of_all(), digest);
    }
}

fn appended(server: &Server) -> PathBuf {
    server.dir().join("appendonlydir/appendonly.aof.1.incr.aof")
}

#[test]
fn a_file_that_ends_in_the_middle_of_a_command_is_loaded_up_to_it() {
    let mut server = Server::with()
        .aof()
        .config("aof-load-truncated", "yes")
        .start();
    let mut connection = server.connection();
    let time = floor(connection.now(), MINUTE) - MINUTE;
    // What each command leaves behind, and where in the file it ends.
    let mut ends = Vec::new();
    for line in [
        // The site and its first event are two commands in the file, and one transaction.
        format!("ANALYTICS.TRACK shop view ann AT {time} DIM country FR ID 1"),
        format!(
            "ANALYTICS.TRACK shop view bob AT {} VAL price 3",
            time - 2 * HOUR
        ),
        format!(
            "ANALYTICS.MTRACK shop EVENT view cleo AT {time} ID 1 EVENT view dora AT {time} ID 2"
        ),
        "ANALYTICS.ALTER shop RETENTION hour 3d RETENTION week off".to_owned(),
        "ANALYTICS.DROP shop".to_owned(),
    ] {
        assert!(!connection.run(&line).is_error());
        let length = fs::metadata(appended(&server)).expect("an AOF").len();
        ends.push((length, State::of(&mut connection)));
    }
    server.stop();
    let whole = fs::read(appended(&server)).expect("an AOF");
    let mut random = Random::new(9);
    for place in 1..ends.len() {
        let (begin, before) = (ends[place - 1].0, &ends[place - 1].1);
        let (end, after) = (ends[place].0, &ends[place].1);
        let inside = begin + 1 + random.below(end - begin - 1);
        for (cut, expected) in [(end, after), (end - 1, before), (inside, before)] {
            fs::write(appended(&server), &whole[..cut as usize]).expect("the AOF can be cut");
            server.start_again();
            let what = format!("cut at {cut} between {begin} and {end}");
            State::of(&mut server.connection()).assert_is(expected, &what);
            // It goes on as if the rest had never been sent.
            let event = format!("ANALYTICS.TRACK shop view eve AT {time}");
            assert_eq!(server.connection().run(&event), 1);
            let minute = &buckets("shop", "UTC", time)[0].key;
            assert_eq!(cmd!(server.connection(), "EXISTS", minute), 1);
            server.stop();
        }
    }
}
