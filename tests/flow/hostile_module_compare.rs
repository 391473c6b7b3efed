//! What a server has after a run of `hostile_module`, compared with what it has after commands in turn.

use std::collections::{BTreeMap, BTreeSet};

use testkit::Reply;

/// By database and name: the value as DUMP says it, and the expiry.
pub type Keys = BTreeMap<Vec<u8>, (Vec<u8>, i64)>;

pub fn same_reply(one: &Reply, other: &Reply) -> bool {
    match (one, other) {
        (Reply::Error(_), Reply::Error(_)) => true,
        (one, other) => one == other,
    }
}

pub fn shown(bytes: &[u8]) -> String {
    let text: String = bytes.escape_ascii().to_string();
    text.chars().take(160).collect()
}

pub fn shown_reply(reply: &Reply) -> String {
    format!("{reply:?}").chars().take(160).collect()
}

/// The keys that are as in none of the others.
pub fn differences(keys: &Keys, others: &[&Keys]) -> Vec<String> {
    let names: BTreeSet<&Vec<u8>> = keys
        .keys()
        .chain(others.iter().flat_map(|keys| keys.keys()))
        .collect();
    let differ = names.into_iter().filter_map(|name| {
        let ours = keys.get(name);
        if others.iter().any(|other| other.get(name) == ours) {
            return None;
        }
        let in_turn = others.iter().any(|other| other.contains_key(name));
        let what = match (ours, in_turn) {
            (None, _) => "is missing",
            (_, false) => "is too many",
            _ => "has another value or expiry",
        };
        Some(format!("{} {what}", name.escape_ascii()))
    });
    differ.take(6).collect()
}
