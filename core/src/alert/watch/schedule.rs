//! The sites that have rules or live metrics, ordered by when the next of these is due.
//!
//! Entries are hints: the caller reads the site before it acts. A site is in the queue under the time at
//! which it is due next, and not in the queue while it is worked on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Watch;

/// A site of a database, by the names that Redis has for both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SiteKey {
    pub db: i32,
    pub site: Arc<[u8]>,
}

/// Numbers of rules, live metrics and firing rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub rules: u64,
    pub feeds: u64,
    pub firing: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// In the queue under this time.
    due: Option<i64>,
    /// What was due up to this time is done.
    done_until: i64,
    /// How many items of the current round are done.
    done: usize,
    counts: Counts,
}

#[derive(Debug, Default)]
pub struct Schedule {
    entries: BTreeMap<SiteKey, Entry>,
    queue: BTreeSet<(i64, SiteKey)>,
}

/// A site that is due.
#[derive(Debug, Clone)]
pub struct Due {
    pub key: SiteKey,
    pub done_until: i64,
    pub done: usize,
}

impl Schedule {
    pub const fn new() -> Schedule {
        Schedule {
            entries: BTreeMap::new(),
            queue: BTreeSet::new(),
        }
    }

    /// Sets what a site has, from now on. A round that was begun starts again.
    pub fn set(&mut self, key: SiteKey, watch: &Watch, now: i64) {
        if watch.is_empty() {
            return self.remove(&key);
        }
        let done_until = self.entries.get(&key).map_or(now, |entry| entry.done_until);
        let entry = Entry {
            due: watch.next_due(&key.site, done_until),
            done_until,
            done: 0,
            counts: watch.counts(),
        };
        self.put(key, entry);
    }

    pub fn remove(&mut self, key: &SiteKey) {
        if let Some(Entry { due: Some(due), .. }) = self.entries.remove(key) {
            self.queue.remove(&(due, key.clone()));
        }
    }

    /// Removes all sites of a database, or, with none given, of all databases.
    pub fn flush(&mut self, db: Option<i32>) {
        self.entries
            .retain(|key, _| db.is_some_and(|db| key.db != db));
        self.queue
            .retain(|(_, key)| db.is_some_and(|db| key.db != db));
    }

    pub fn swap(&mut self, a: i32, b: i32) {
        for (mut key, entry) in std::mem::take(&mut self.entries) {
            key.db = match key.db {
                db if db == a => b,
                db if db == b => a,
                db => db,
            };
            self.entries.insert(key, entry);
        }
        let entries = self.entries.iter();
        let queued = entries.filter_map(|(key, entry)| Some((entry.due?, key.clone())));
        self.queue = queued.collect();
    }

    /// The site that has been due for longest, out of the queue.
    pub fn take(&mut self, now: i64) -> Option<Due> {
        if self.queue.first()?.0 > now {
            return None;
        }
        let (_, key) = self.queue.pop_first()?;
        let entry = self.entries.get_mut(&key)?;
        entry.due = None;
        Some(Due {
            done_until: entry.done_until,
            done: entry.done,
            key,
        })
    }

    /// Ends a round at `now`: all that was due is done. A site that has nothing left is removed.
    pub fn finish(&mut self, key: SiteKey, watch: &Watch, now: i64) {
        if watch.is_empty() {
            return self.remove(&key);
        }
        let entry = Entry {
            due: watch.next_due(&key.site, now),
            done_until: now,
            done: 0,
            counts: watch.counts(),
        };
        self.put(key, entry);
    }

    /// So many items of the round are done, and the site is due again at once.
    pub fn continue_later(&mut self, key: SiteKey, done: usize, now: i64) {
        if let Some(entry) = self.entries.get(&key).copied() {
            self.put(
                key,
                Entry {
                    due: Some(now),
                    done,
                    ..entry
                },
            );
        }
    }

    /// After the clock was set back: every site is due now.
    pub fn rewind(&mut self, now: i64) {
        self.queue.clear();
        for (key, entry) in &mut self.entries {
            entry.done_until = now;
            entry.done = 0;
            entry.due = Some(now);
            self.queue.insert((now, key.clone()));
        }
    }

    fn put(&mut self, key: SiteKey, entry: Entry) {
        self.remove(&key);
        if let Some(due) = entry.due {
            self.queue.insert((due, key.clone()));
        }
        self.entries.insert(key, entry);
    }

    /// When the next site is due. None: the queue is empty.
    pub fn next(&self) -> Option<i64> {
        self.queue.first().map(|(due, _)| *due)
    }

    pub fn sites(&self) -> usize {
        self.entries.len()
    }

    pub fn counts(&self) -> Counts {
        self.entries
            .values()
            .fold(Counts::default(), |sum, entry| Counts {
                rules: sum.rules + entry.counts.rules,
                feeds: sum.feeds + entry.counts.feeds,
                firing: sum.firing + entry.counts.firing,
            })
    }
}
