//! The whole data of a server, byte for byte, and the trace that a command leaves in it.

use std::collections::BTreeMap;

use crate::cmd;
use crate::connection::{encode, Arg, Connection};
use crate::reply::Reply;

/// Of every key its DUMP and its absolute expiry, -1 for none.
#[derive(PartialEq, Eq)]
pub struct State(BTreeMap<Vec<u8>, (Vec<u8>, i64)>);

impl State {
    #[track_caller]
    pub fn of(connection: &mut Connection) -> State {
        let keys = cmd!(connection, "KEYS", "*");
        let keys: Vec<&[u8]> = keys.array().iter().map(|key| key.bytes()).collect();
        let mut request = Vec::new();
        for key in &keys {
            encode(&mut request, &[&"DUMP", key]);
            encode(&mut request, &[&"PEXPIRETIME", key]);
        }
        let replies = connection.exchange(&request, 2 * keys.len());
        let keys = keys.into_iter().map(<[u8]>::to_vec).zip(replies.chunks(2));
        // One may have expired since.
        let keys = keys.filter(|(_, pair)| !pair[0].is_nil());
        let value = |pair: &[Reply]| (pair[0].bytes().to_vec(), pair[1].int());
        State(keys.map(|(key, pair)| (key, value(pair))).collect())
    }

    pub fn keys(&self) -> Vec<String> {
        let text = |key: &Vec<u8>| key.escape_ascii().to_string();
        self.0.keys().map(text).collect()
    }

    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8], i64)> {
        let entries = self.0.iter();
        entries.map(|(key, (dump, expiry))| (&key[..], &dump[..], *expiry))
    }

    /// Both together: the data of two nodes that share the keys.
    #[track_caller]
    pub fn and(mut self, other: State) -> State {
        for (key, it) in other.0 {
            let name = key.escape_ascii().to_string();
            assert!(self.0.insert(key, it).is_none(), "{name} is in both");
        }
        self
    }

    /// What is left of it at a later time.
    pub fn without_expired(&self, time: i64) -> State {
        let lasts = |(_, (_, expiry)): &(_, &(_, i64))| *expiry == -1 || *expiry > time;
        let entries = self.0.iter().filter(lasts);
        State(entries.map(|(key, it)| (key.clone(), it.clone())).collect())
    }

    /// Fails where a value is another one when it is restored or copied, or occupies nothing.
    #[track_caller]
    pub fn assert_can_be_restored_and_copied(&self, connection: &mut Connection) {
        for (key, dump, _) in self.entries() {
            let name = key.escape_ascii();
            assert!(!cmd!(connection, "RESTORE", "again", 0, dump, "REPLACE").is_error());
            let again = cmd!(connection, "DUMP", "again");
            assert_eq!(again.bytes(), dump, "{name}");
            assert_eq!(cmd!(connection, "COPY", key, "copy", "REPLACE"), 1);
            assert_eq!(cmd!(connection, "DUMP", "copy").bytes(), dump, "{name}");
            assert!(cmd!(connection, "MEMORY", "USAGE", key).int() > 0, "{name}");
        }
        assert_eq!(connection.run("UNLINK again copy"), 2);
    }

    /// Fails with the names of the keys that differ, and how.
    #[track_caller]
    pub fn assert_is(&self, expected: &State, whose: &str) {
        let names: std::collections::BTreeSet<_> = self.0.keys().chain(expected.0.keys()).collect();
        let differences: Vec<String> = names
            .into_iter()
            .filter_map(|name| {
                let problem = match (self.0.get(name), expected.0.get(name)) {
                    (Some(ours), Some(theirs)) if ours == theirs => return None,
                    (Some(ours), Some(theirs)) if ours.0 == theirs.0 => {
                        format!("expires at {} instead of {}", ours.1, theirs.1)
                    }
                    (Some(_), Some(_)) => "another value".to_owned(),
                    (None, _) => "missing".to_owned(),
                    (_, None) => "too many".to_owned(),
                };
                Some(format!("{}: {problem}", name.escape_ascii()))
            })
            .collect();
        let shown = differences.iter().take(10).cloned().collect::<Vec<_>>();
        assert!(
            differences.is_empty(),
            "{whose}: {} of {} keys differ:\n{}",
            differences.len(),
            expected.0.len(),
            shown.join("\n")
        );
    }
}

/// The same values, expiry times and digest on both servers.
#[track_caller]
pub fn assert_same_data(ours: &mut Connection, theirs: &mut Connection, whose: &str) {
    State::of(theirs).assert_is(&State::of(ours), whose);
    assert_eq!(theirs.digest_of_all(), ours.digest_of_all(), "{whose}");
}

/// What a write changes: the data, the size of the AOF, and the count of changes since the last save.
#[derive(Debug, PartialEq, Eq)]
pub struct Trace {
    digest: String,
    keys: Vec<String>,
    changes: String,
    appended: String,
}

impl Trace {
    /// `aof_current_size` is empty on a server without an AOF.
    #[track_caller]
    pub fn of(connection: &mut Connection) -> Trace {
        Trace {
            digest: connection.digest_of_all(),
            keys: State::of(connection).keys(),
            changes: connection.info("persistence", "rdb_changes_since_last_save"),
            appended: connection.info("persistence", "aof_current_size"),
        }
    }
}

/// Sends a command that must fail with a line that has all of these parts, and change nothing.
#[track_caller]
pub fn refused(connection: &mut Connection, args: &[&dyn Arg], parts: &[&str]) {
    let before = Trace::of(connection);
    let reply = connection.call(args);
    let line = reply.error().to_owned();
    assert!(line.starts_with("ERR "), "{line}");
    for part in parts {
        assert!(line.contains(part), "no {part:?} in: {line}");
    }
    assert_eq!(Trace::of(connection), before, "{line}");
}

/// The same for words between blanks.
#[track_caller]
pub fn refused_line(connection: &mut Connection, line: &str, parts: &[&str]) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
    refused(connection, &args, parts);
}
