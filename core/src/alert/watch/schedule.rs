//! Which sites are watched, and which of them is to be visited next.
//!
//! It holds hints: whoever visits a site looks at what is really there. A site stands in the queue
//! under the time of its next visit, and out of it while it is visited.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Watch;

/// A site of a database, by the names that Redis has for both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub db: i32,
    pub site: Arc<[u8]>,
}

/// How much there is of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    pub rules: u64,
    pub feeds: u64,
    pub firing: u64,
}

#[derive(Debug, Clone, Copy)]
struct Visit {
    /// In the queue under this time.
    due: Option<i64>,
    /// What was due up to here is done.
    seen: i64,
    /// How many items of the round under way are done.
    done: usize,
    census: Census,
}

#[derive(Debug, Default)]
pub struct Schedule {
    visits: BTreeMap<Place, Visit>,
    queue: BTreeSet<(i64, Place)>,
}

/// A visit that is due.
#[derive(Debug, Clone)]
pub struct Due {
    pub place: Place,
    pub seen: i64,
    pub done: usize,
}

impl Schedule {
    pub const fn new() -> Schedule {
        Schedule {
            visits: BTreeMap::new(),
            queue: BTreeSet::new(),
        }
    }

    /// A site is watched for this from now on. A round under way begins again.
    pub fn note(&mut self, place: Place, watch: &Watch, now: i64) {
        if watch.is_empty() {
            return self.forget(&place);
        }
        let seen = self.visits.get(&place).map_or(now, |visit| visit.seen);
        let visit = Visit {
            due: watch.next_due(&place.site, seen),
            seen,
            done: 0,
            census: watch.census(),
        };
        self.put(place, visit);
    }

    pub fn forget(&mut self, place: &Place) {
        if let Some(Visit { due: Some(due), .. }) = self.visits.remove(place) {
            self.queue.remove(&(due, place.clone()));
        }
    }

    /// All sites of a database are gone, or, with none given, all sites.
    pub fn flush(&mut self, db: Option<i32>) {
        self.visits
            .retain(|place, _| db.is_some_and(|db| place.db != db));
        self.queue
            .retain(|(_, place)| db.is_some_and(|db| place.db != db));
    }

    pub fn swap(&mut self, a: i32, b: i32) {
        for (mut place, visit) in std::mem::take(&mut self.visits) {
            place.db = match place.db {
                db if db == a => b,
                db if db == b => a,
                db => db,
            };
            self.visits.insert(place, visit);
        }
        let visits = self.visits.iter();
        let queued = visits.filter_map(|(place, visit)| Some((visit.due?, place.clone())));
        self.queue = queued.collect();
    }

    /// The site that has been due for longest, out of the queue.
    pub fn take(&mut self, now: i64) -> Option<Due> {
        if self.queue.first()?.0 > now {
            return None;
        }
        let (_, place) = self.queue.pop_first()?;
        let visit = self.visits.get_mut(&place)?;
        visit.due = None;
        Some(Due {
            seen: visit.seen,
            done: visit.done,
            place,
        })
    }

    /// The visit of a round at `now` is over: all was done that was due. Nothing to watch is no site.
    pub fn done(&mut self, place: Place, watch: &Watch, now: i64) {
        if watch.is_empty() {
            return self.forget(&place);
        }
        let visit = Visit {
            due: watch.next_due(&place.site, now),
            seen: now,
            done: 0,
            census: watch.census(),
        };
        self.put(place, visit);
    }

    /// So many items were done, and the rest is to go on as soon as there is time.
    pub fn carry_on(&mut self, place: Place, done: usize, now: i64) {
        if let Some(visit) = self.visits.get(&place).copied() {
            self.put(
                place,
                Visit {
                    due: Some(now),
                    done,
                    ..visit
                },
            );
        }
    }

    /// The clock was put back: what was to come then is not waited for.
    pub fn rewind(&mut self, now: i64) {
        self.queue.clear();
        for (place, visit) in &mut self.visits {
            visit.seen = now;
            visit.done = 0;
            visit.due = Some(now);
            self.queue.insert((now, place.clone()));
        }
    }

    fn put(&mut self, place: Place, visit: Visit) {
        self.forget(&place);
        if let Some(due) = visit.due {
            self.queue.insert((due, place.clone()));
        }
        self.visits.insert(place, visit);
    }

    /// When the next visit is due. None: there is nothing to do.
    pub fn next(&self) -> Option<i64> {
        self.queue.first().map(|(due, _)| *due)
    }

    pub fn sites(&self) -> usize {
        self.visits.len()
    }

    pub fn census(&self) -> Census {
        self.visits
            .values()
            .fold(Census::default(), |sum, visit| Census {
                rules: sum.rules + visit.census.rules,
                feeds: sum.feeds + visit.census.feeds,
                firing: sum.firing + visit.census.firing,
            })
    }
}
