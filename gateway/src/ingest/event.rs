//! An event on its way: as an adapter read it (`Draft`), and as Redis is given it (`Event`).

use crate::sites::key::hex;
use redis::Cmd;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// What the module takes of one event.
pub const NAME_BYTES: usize = 128;
pub const VALUE_BYTES: usize = 512;
pub const USER_BYTES: usize = 1_024;
pub const DIMENSIONS: usize = 16;
pub const VALUES: usize = 16;

/// The fields of an event in its protocol, before the steps of the pipeline complete it.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    pub name: String,
    pub user: Option<String>,
    pub session: Option<String>,
    pub id: Option<String>,
    /// In milliseconds.
    pub time: Option<i64>,
    /// Counts in a visit, but neither begins one nor ends its being a bounce.
    pub passive: bool,
    pub dimensions: Vec<(String, String)>,
    pub values: Vec<(String, f64)>,
    /// The page, its referrer, and who looks at it: for enrichment, never kept as such.
    pub url: Option<String>,
    pub referrer: Option<String>,
    pub agent: Option<String>,
    pub address: Option<IpAddr>,
    /// Whether the page's path goes on in its fragment.
    pub hash_routing: bool,
    /// Whether a browser's page sent it, so that browser, source and country are worth knowing.
    pub is_web: bool,
    /// Whether a server passes on what a browser did: agent and address of the request are its own.
    pub is_relayed: bool,
}

impl Draft {
    /// Adds a dimension unless the event has it; an empty text is skipped.
    pub fn dimension(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() && !self.dimensions.iter().any(|(known, _)| known == name) {
            self.dimensions.push((String::from(name), value));
        }
    }

    pub fn value(&mut self, name: &str, number: f64) {
        if number.is_finite() && !self.values.iter().any(|(known, _)| known == name) {
            self.values.push((String::from(name), number));
        }
    }

    pub fn has_dimension(&self, name: &str) -> bool {
        self.dimensions.iter().any(|(known, _)| known == name)
    }
}

/// A whole event. It has an id and a time, so that sending it again counts it once.
#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    pub user: String,
    pub session: Option<String>,
    pub id: String,
    pub time: i64,
    pub passive: bool,
    pub dimensions: Vec<(String, String)>,
    pub values: Vec<(String, f64)>,
}

impl Event {
    /// Appends what stands behind the site in `TRACK`, and behind `EVENT` in `MTRACK`.
    pub fn append_to(&self, command: &mut Cmd, passive: bool) {
        command.arg(&self.name).arg(&self.user);
        command.arg("AT").arg(self.time);
        command.arg("ID").arg(&self.id);
        if let Some(session) = &self.session {
            command.arg("SESSION").arg(session);
        }
        if self.passive && passive {
            command.arg("PASSIVE");
        }
        for (name, value) in &self.dimensions {
            command.arg("DIM").arg(name).arg(value);
        }
        for (name, number) in &self.values {
            command.arg("VAL").arg(name).arg(*number);
        }
    }

    /// How many words `append_to` appends at most.
    pub fn words(&self) -> usize {
        9 + 3 * (self.dimensions.len() + self.values.len())
    }

    /// Leaves what the pipeline found, and none of the event's own properties.
    pub fn drop_properties(&mut self) {
        self.dimensions.retain(|(name, _)| is_found(name));
        self.values.clear();
    }

    /// About as many bytes as it takes in the queue and on the wire.
    pub fn bytes(&self) -> usize {
        let texts = self.name.len()
            + self.user.len()
            + self.id.len()
            + self.session.as_ref().map_or(0, String::len);
        let dimensions: usize = self.dimensions.iter().map(|(n, v)| n.len() + v.len()).sum();
        let values: usize = self.values.iter().map(|(n, _)| n.len()).sum();
        let pieces = 4 + 2 * (self.dimensions.len() + self.values.len());
        texts + dimensions + values + 32 * pieces
    }
}

/// A new id: 128 bits that look random and that no two calls share, on this gateway or another. It is
/// a keyed hash of a counter under a key that the process draws once, which asks the kernel for no
/// randomness per event. None while the kernel has none.
pub fn new_id() -> Option<String> {
    static KEY: OnceLock<[u8; 16]> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let key = match KEY.get() {
        Some(key) => key,
        None => {
            let mut random = [0_u8; 16];
            getrandom::fill(&mut random).ok()?;
            KEY.get_or_init(|| random)
        }
    };
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write_u64(COUNTER.fetch_add(1, Ordering::Relaxed));
    Some(hex(&hasher.finish128().as_bytes()))
}

/// Cuts a text to so many bytes, between characters.
pub fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
    }
}

/// Whether a step of the pipeline finds this dimension, rather than the event's own properties.
pub fn is_found(name: &str) -> bool {
    const FOUND: &[&str] = &["page", "source", "browser", "os", "device", "country"];
    FOUND.contains(&name) || name.starts_with("utm_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn new_ids_have_32_digits_and_differ() {
        let ids: HashSet<String> = (0..10_000).filter_map(|_| new_id()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 32));
        // No digit stands still.
        for at in 0..32 {
            let digits: HashSet<Option<char>> = ids.iter().map(|id| id.chars().nth(at)).collect();
            assert_eq!(digits.len(), 16);
        }
    }
}
