//! A partition: the visits under way of the visitors whose hashes begin with the same bits.
//!
//! - **Growth.** A table that is full, of more than a few visits, first drops those that have ended by the
//!   latest event, and grows only where that frees little. A partition is small, so that this takes a fraction of a millisecond.
//! - **Bound.** At `Terms::most` entries, half of the visitors are given up: those whose hash does not end
//!   with one more zero bit. From then on every visitor that is left counts for twice as many. When most
//!   visits have ended, it is one bit less again.
//!
//! All of it follows from the events and their order, so that replicas agree.

use super::ids::{ValueId, Visitor};
use super::paths::Paths;
use super::step::{Moment, Step, Visit};
use super::table::{Layout, Table};
use crate::time::MINUTE;
use std::collections::HashSet;

/// What a partition takes from its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Of the seed and the settings: what was counted under other ones is not gone on with.
    pub tag: u64,
    pub timeout: i64,
    pub layout: Layout,
    /// The texts of paths are kept.
    pub keeps_paths: bool,
    /// There are `1 << bits` partitions.
    pub bits: u32,
    /// The most visitors of a partition.
    pub most: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    pub(super) tag: u64,
    pub(super) table: Table,
    pub(super) paths: Paths,
    /// One in `1 << shift` visitors is followed.
    pub(super) shift: u32,
    /// The latest time of an event, but none of the future.
    pub(super) latest: i64,
    /// When its key expires.
    pub(super) expiry: i64,
}

/// What an event did, and for how many visitors this one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed<'p> {
    pub step: Step,
    pub weight: i64,
    /// The path before that of the event; None where the event is no step of a path.
    pub previous: Option<Previous<'p>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Previous<'p> {
    /// It is the first of its visit.
    Nothing,
    Path(&'p [u8]),
    /// There was no room for its text.
    Unknown,
}

impl Observed<'_> {
    const NOTHING: Observed<'static> = Observed {
        step: Step::Nothing,
        weight: 1,
        previous: None,
    };
}

/// So few visits are all remembered, whether or not they have ended: their partition expires as a whole.
const FEW: usize = 64;

/// How late events may be by the latest one, for a visit to be gone on with after its timeout has passed for
/// others.
const GRACE: i64 = 5 * MINUTE;

/// So many times a table grows for one visitor. Hashes of a few that lie near each other need more than
/// one step of a small table; what needs more than these is none of a secret seed.
const MOST_GROWTH: usize = 8;

/// A visitor counts for at most `1 << MOST_SHIFT`.
pub(super) const MOST_SHIFT: u32 = 32;

impl Partition {
    pub fn new(terms: &Terms) -> Partition {
        Partition {
            tag: terms.tag,
            table: Table::new(terms.layout, terms.bits),
            paths: Paths::default(),
            shift: 0,
            latest: i64::MIN,
            expiry: 0,
        }
    }

    /// How many visits it remembers. Some may have ended.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One in so many visitors is followed.
    pub fn weight(&self) -> i64 {
        1 << self.shift
    }

    /// The beginning of the visit that an event of this time goes on with, if there is one.
    #[inline]
    pub fn beginning(&self, visitor: Visitor, time: i64, terms: &Terms) -> Option<i64> {
        if self.tag != terms.tag || !visitor.is_followed(self.shift) {
            return None;
        }
        let visit = self.table.find(visitor)?;
        visit.has(time, terms.timeout).then_some(visit.start)
    }

    /// When the key has to expire after an event of this time: None where the expiry that it has is late
    /// enough. It is put off by a timeout more than is necessary, so that this is rare.
    #[inline]
    pub fn new_expiry(&self, time: i64, clock: i64, terms: &Terms) -> Option<i64> {
        let needed = time.max(clock).saturating_add(terms.timeout);
        (needed > self.expiry || self.tag != terms.tag)
            .then(|| needed.saturating_add(terms.timeout))
    }

    pub fn expiry(&self) -> i64 {
        self.expiry
    }

    pub fn set_expiry(&mut self, expiry: i64) {
        self.expiry = expiry;
    }

    /// Takes note of an event. `path`: the text of the moment's path. `clock`: the time by which the
    /// event was accepted.
    pub fn observe(
        &mut self,
        visitor: Visitor,
        moment: &Moment,
        path: Option<&[u8]>,
        clock: i64,
        terms: &Terms,
    ) -> Observed<'_> {
        if self.tag != terms.tag {
            let expiry = self.expiry;
            *self = Partition::new(terms);
            self.expiry = expiry;
        }
        if !visitor.is_followed(self.shift) {
            return Observed::NOTHING;
        }
        let known = self.table.find(visitor);
        let step = Step::of(known.as_ref(), moment, terms.timeout);
        let Some(visit) = step.visit() else {
            return Observed {
                step,
                ..Observed::NOTHING
            };
        };
        self.latest = self.latest.max(moment.time.min(clock));
        if known.is_none() {
            self.make_room(terms);
        }
        if !visitor.is_followed(self.shift) || !self.put(visitor, visit) {
            return Observed::NOTHING;
        }
        if let (Some(id), Some(text), true) = (visit.exit, path, terms.keeps_paths) {
            if moment.path == Some(id) {
                self.paths.insert(id, text);
            }
        }
        Observed {
            step,
            weight: self.weight(),
            previous: self.previous(&step, moment),
        }
    }

    fn previous(&self, step: &Step, moment: &Moment) -> Option<Previous<'_>> {
        if moment.passive || moment.path.is_none() {
            return None;
        }
        let before = match step {
            Step::Begun(_) => None,
            Step::Went { before, .. } if moment.time >= before.last => before.exit,
            _ => return None,
        };
        Some(match before {
            None => Previous::Nothing,
            Some(id) => self.paths.get(id).map_or(Previous::Unknown, Previous::Path),
        })
    }

    fn put(&mut self, visitor: Visitor, visit: &Visit) -> bool {
        for _ in 0..MOST_GROWTH {
            if self.table.put(visitor, visit).is_ok() {
                return true;
            }
            self.table.grow();
        }
        self.table.put(visitor, visit).is_ok()
    }

    /// For one more visitor.
    fn make_room(&mut self, terms: &Terms) {
        let most = terms.most.max(1);
        let is_bound = self.len() >= most;
        if !is_bound && !self.table.is_full() {
            return;
        }
        if !is_bound && self.len() < FEW {
            return self.table.grow();
        }
        // Events that come a little late still find their visits, unless room is short.
        let grace = if is_bound {
            0
        } else {
            terms.timeout.min(GRACE)
        };
        let ended = self.latest.saturating_sub(terms.timeout + grace);
        self.retain(|_, visit| visit.last > ended);
        if self.shift > 0 && self.len() < most / 8 {
            self.shift -= 1;
        }
        if is_bound && self.len() > most - most / 8 - 1 {
            while self.len() > most / 4 * 3 && self.shift < MOST_SHIFT {
                self.shift += 1;
                let shift = self.shift;
                self.retain(|visitor, _| visitor.is_followed(shift));
            }
        }
        if self.table.is_nearly_full() {
            self.table.grow();
        }
    }

    /// Removes the visit of a visitor. False where there is none.
    pub fn forget(&mut self, visitor: Visitor, terms: &Terms) -> bool {
        let is_there = self.tag == terms.tag && self.table.find(visitor).is_some();
        if is_there {
            self.retain(|other, _| other != visitor);
        }
        is_there
    }

    fn retain(&mut self, keep: impl FnMut(Visitor, &Visit) -> bool) {
        self.table.rebuild(keep);
        if self.paths.iter().len() > 0 {
            let exits: HashSet<ValueId> = { self.table.iter() }
                .filter_map(|(_, visit)| visit.exit)
                .collect();
            self.paths.retain(|id| exits.contains(&id));
        }
    }

    /// About the number of its allocations.
    pub fn parts(&self) -> usize {
        2 + self.paths.iter().len()
    }

    /// What it occupies, itself not included.
    pub fn heap_bytes(&self) -> usize {
        self.table.heap_bytes() + self.paths.heap_bytes()
    }
}
