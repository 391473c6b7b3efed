//! Another module that is loaded beside ours does what none should: in the middle of our commands it deletes,
//! renames, expires, flushes and writes the very keys that they are at work on (`tests/hostile`).
//!
//! The table: each command of `hostile_module_scenes` x each point at which it calls back x each deed. What must
//! hold is said in `hostile_module_stage`. A usual run takes a part of the table, `make faults` all of it;
//! `ANALYTICS_HOSTILE=words` names the rows to play, by what their names contain.

use std::collections::BTreeMap;

use crate::hostile_module_file::hostile_file;
use crate::hostile_module_scenes::{DEEDS, SCENES};
use crate::hostile_module_stage::{draws_a_seed, Stage};
use testkit::number_from_env;
use testkit::Server;

/// A table with so much wrong is not played to its end, unless rows are named.
const MOST_WRONG: usize = 25;

/// Plays every `stride`th row of the table; gives what went wrong.
fn play(is_first: bool, stride: u64, turn: u64) -> Vec<String> {
    let wanted = std::env::var("ANALYTICS_HOSTILE").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
    let mut stage = Stage::new(is_first);
    let (mut number, mut played, mut problems) = (0, 0, Vec::new());
    for scene in SCENES {
        let points = stage.points(scene);
        eprintln!("{}: {points:?}", scene.name);
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for (place, point) in points.iter().enumerate() {
            // A walk over all minutes of a day is as hostile at the third of them.
            let count = seen.entry(kind(point)).or_insert(0);
            *count += 1;
            if *count > 2 {
                continue;
            }
            for deed in DEEDS {
                let row = format!("{} | {point} | {}", scene.name, deed.line);
                if !wanted.iter().all(|part| row.contains(part))
                    || stage.is_beyond_redis(scene, point, deed)
                    || draws_a_seed(scene, point, deed)
                {
                    continue;
                }
                number += 1;
                let is_enough = problems.len() >= MOST_WRONG && wanted == [""];
                if is_enough || number % stride != turn % stride {
                    continue;
                }
                played += 1;
                if let Some(problem) = stage.play(scene, place, point, deed) {
                    eprintln!("WRONG {row}\n  = {problem}");
                    problems.push(row);
                    if problem.contains(" died") {
                        stage.renew();
                    }
                }
            }
        }
    }
    eprintln!(
        "{played} of {number} rows played, {} went wrong",
        problems.len()
    );
    problems
}

/// What kind of point it is: that of a bucket without its period.
fn kind(point: &str) -> String {
    point.split(":2").next().unwrap_or_default().to_owned()
}

/// One row in so many.
pub fn stride() -> u64 {
    number_from_env("ANALYTICS_HOSTILE_STRIDE", 31)
}

#[test]
fn commands_in_the_middle_of_ours_are_executed_before_or_after_them() {
    let problems = play(true, stride(), 0);
    assert!(
        problems.is_empty(),
        "{} rows:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// Which module is called first is a matter of the order in which they were loaded.
#[test]
fn also_where_the_other_module_was_loaded_after_ours() {
    let problems = play(false, 3 * stride(), 1);
    assert!(
        problems.is_empty(),
        "{} rows:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// Without our module: what runs while a command makes several keys, replicas are told of before all of
/// them, though here it came between. So that is no measure of ours.
#[test]
fn redis_itself_does_not_tell_replicas_in_turn() {
    let file = hostile_file().display().to_string();
    let options = || Server::with().without_module();
    let master = options().config("loadmodule", &file).start();
    let replica = options().replica_of(&master).start();
    master.wait_for_replica(&replica);
    let mut connection = master.connection();
    connection.run("HOSTILE.ON key b new 0 1 DEL a").ok();
    connection.run("MSET a 1 b 2").ok();
    assert_eq!(connection.run("HOSTILE.OFF").at(0).text(), "DEL a -> 1");
    master.wait_for_replica(&replica);
    assert_eq!(connection.keys(), ["b"]);
    assert_eq!(replica.connection().keys(), ["a", "b"]);
}

/// Without our module: what runs in the event of a key that is over, replicas get before its `DEL`.
#[test]
fn redis_itself_deletes_an_expired_key_on_replicas_after_its_event() {
    let file = hostile_file().display().to_string();
    let options = || Server::with().without_module();
    let master = options().config("loadmodule", &file).start();
    let replica = options().replica_of(&master).start();
    master.wait_for_replica(&replica);
    let mut connection = master.connection();
    connection.run("CONFIG SET hz 1").ok();
    connection.run("DEBUG SET-ACTIVE-EXPIRE 0").ok();
    connection.run("SET a 1 PX 1").ok();
    std::thread::sleep(std::time::Duration::from_millis(20));
    connection.run("HOSTILE.ON key a expired 0 1 SET a 2").ok();
    connection.run("GET a");
    assert_eq!(connection.run("HOSTILE.OFF").at(0).text(), "SET a 2 -> OK");
    master.wait_for_replica(&replica);
    assert_eq!(connection.keys(), ["a"]);
    assert!(replica.connection().keys().is_empty());
}
