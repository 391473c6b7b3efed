//! A partition: the visits under way of the visitors whose hashes begin with the same bits.
//!
//! Where there is no room for one more, visits that have ended by the latest event are dropped. At `Terms::most`
//! entries half of the visitors are given up, and when most visits have ended, it is one bit less again
//! (`table/room.rs`). A partition is small, so that this takes a fraction of a millisecond.

use super::entry::{last_of, visitor_of, Layout, Shape, Table};
use super::ids::Visitor;
use super::paths::Paths;
use super::step::{Moment, Step, Visit};
use crate::table::{Bound, Shortage};
use crate::time::MINUTE;
use std::slice;

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

/// How late events may be by the latest one, for a visit to be gone on with after its timeout has passed for
/// others.
const GRACE: i64 = 5 * MINUTE;

/// A visitor counts for at most `1 << MOST_SHIFT`.
pub(super) const MOST_SHIFT: u32 = 32;

impl Partition {
    pub fn new(terms: &Terms) -> Partition {
        Partition {
            tag: terms.tag,
            table: Table::new(Shape::of(terms)),
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
        if !self.is_of(terms) || !visitor.is_followed(self.shift) {
            return None;
        }
        let (_, visit) = self.find(visitor)?;
        visit.has(time, terms.timeout).then_some(visit.start)
    }

    #[inline]
    fn is_of(&self, terms: &Terms) -> bool {
        self.tag == terms.tag && self.table.shape() == Shape::of(terms)
    }

    /// Whether it has visitors of another partition. Only a payload that is restored under another key has.
    fn has_others(&self, visitor: Visitor) -> bool {
        let bits = self.table.shape().bits;
        let first = self.table.iter().next().and_then(visitor_of);
        first.is_some_and(|first| first.partition(bits) != visitor.partition(bits))
    }

    /// Drops all visits, but keeps the expiry.
    #[cold]
    fn clear(&mut self, terms: &Terms) {
        *self = Partition {
            expiry: self.expiry,
            ..Partition::new(terms)
        };
    }

    /// The visit of a visitor, and its slot.
    #[inline]
    fn find(&self, visitor: Visitor) -> Option<(usize, Visit)> {
        let (slot, entry) = self.table.find(visitor.bits())?;
        Some((slot, self.table.shape().layout.read(entry)))
    }

    /// Prefetches the visit of a visitor, which is looked up soon.
    #[inline]
    pub fn prefetch(&self, visitor: Visitor) {
        self.table.prefetch(visitor.bits());
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
        if !self.is_of(terms) {
            self.clear(terms);
        }
        if !visitor.is_followed(self.shift) {
            return Observed::NOTHING;
        }
        let known = self.find(visitor);
        let visit = known.as_ref().map(|(_, visit)| visit);
        let step = Step::of(visit, moment, terms.timeout);
        let Some(visit) = step.visit() else {
            return Observed {
                step,
                ..Observed::NOTHING
            };
        };
        self.latest = self.latest.max(moment.time.min(clock));
        let entry = terms.layout.write(visitor, visit);
        match known {
            Some((slot, _)) => self.table.write(slot, entry.bytes()),
            None => {
                if self.has_others(visitor) {
                    self.clear(terms);
                }
                self.make_room(terms);
                if !visitor.is_followed(self.shift) || !self.table.put(entry.bytes()) {
                    return Observed::NOTHING;
                }
            }
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

    /// For one more visitor.
    fn make_room(&mut self, terms: &Terms) {
        let tables = slice::from_mut(&mut self.table);
        let Some(shortage) = Shortage::of(tables, 0, terms.most) else {
            return;
        };
        // Events that come a little late still find their visits, unless room is short.
        let grace = match shortage {
            Shortage::Bound => 0,
            _ => terms.timeout.min(GRACE),
        };
        let ended = self.latest.saturating_sub(terms.timeout + grace);
        let bound = Bound {
            most: terms.most,
            most_shift: MOST_SHIFT,
            is_lifted: true,
        };
        let is_current = |entry: &[u8]| last_of(entry) > ended;
        self.shift = shortage.make_room(tables, 0, self.shift, &bound, is_current);
        self.drop_paths();
    }

    /// Removes the visit of a visitor. False where there is none.
    pub fn forget(&mut self, visitor: Visitor, terms: &Terms) -> bool {
        let is_removed = self.is_of(terms) && self.table.remove(visitor.bits());
        if is_removed {
            self.drop_paths();
        }
        is_removed
    }

    /// Drops the texts of paths that no visit is at.
    fn drop_paths(&mut self) {
        let layout = self.table.shape().layout;
        let exits = self
            .table
            .iter()
            .filter_map(|entry| layout.read(entry).exit);
        self.paths.retain(exits);
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
