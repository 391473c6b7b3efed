//! Distinct-count updates that a finer bucket makes redundant are skipped.
//!
//! Where a coarser bucket has counted every event of a finer one, a user who is in a row of the finer
//! bucket is in that row of the coarser one. Most events are of users who are in the finest bucket
//! already, so that most events update one sketch.
//!
//! ```text
//! user ann: in the minute                no other bucket is updated
//! user bob: inserted into the minute     already in the hour, so that day, week and month are skipped
//! ```
//!
//! A sketch never loses a user, but a table may move rows to `~other`. From then on every user is
//! inserted into it, and it proves nothing about coarser buckets: its `~other` holds users that are
//! in other rows there.

use std::cell::Cell;

use super::rows::{EventRow, RowBatch, RowEvents};
use crate::time::{Granularities, Granularity};

/// The granularities whose bucket is certain to have the user of an event in one of its rows, and those
/// that are certain to have its session.
#[derive(Debug, Clone, Copy, Default)]
pub struct KnownIn {
    pub users: Granularities,
    pub sessions: Granularities,
}

/// Which users are inserted into a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertPolicy {
    /// The row counts neither users nor sessions.
    Never,
    /// Those that are not certain to be in it: no row ever left its table.
    IfUnresolved,
    Always,
}

/// The position of a bucket among those that the same events go to.
#[derive(Debug, Clone, Copy)]
pub struct Containment {
    pub own: Granularity,
    /// The coarser granularities whose bucket has counted every event of this one.
    pub contained_in: Granularities,
}

impl Containment {
    /// Inserts a user or a session into a row of this bucket where the policy demands it. `insert` returns
    /// whether the sketch changed: where it did not, those of the buckets that contain this one would not.
    /// `known_in`: the granularities that are certain to have it there.
    #[inline]
    pub fn insert(
        self,
        known_in: &mut Granularities,
        policy: InsertPolicy,
        insert: impl FnOnce() -> bool,
    ) {
        match policy {
            InsertPolicy::Never => {}
            InsertPolicy::Always => {
                insert();
            }
            InsertPolicy::IfUnresolved => {
                if !known_in.has(self.own) && !insert() {
                    known_in.add(self.contained_in);
                }
            }
        }
    }
}

/// The events of each row of a batch (and of the whole) whose user may be absent from a bucket that is
/// not applied yet. Where the finest bucket counts row by row, few are left after it.
#[derive(Debug, Default)]
pub struct Unresolved {
    /// In the order of the batch's.
    event_rows: Vec<EventRow>,
    /// The number of events left of each row, at the front of its run.
    left: Vec<u32>,
}

impl Unresolved {
    pub fn begin(&mut self, batch: &RowBatch) {
        self.event_rows.clear();
        self.event_rows.extend_from_slice(batch.event_rows());
        self.left.clear();
        self.left
            .extend(batch.row_events().map(|events| events.run.len));
    }

    /// Keeps the events of a row for which `keep` is true, in order.
    #[inline]
    pub fn retain(&mut self, events: RowEvents, mut keep: impl FnMut(EventRow) -> bool) {
        let Some(left) = self.left.get_mut(events.row as usize) else {
            return;
        };
        let start = events.run.start as usize;
        let event_rows = self.event_rows.get_mut(start..start + *left as usize);
        // Cells, for the slice is read and written in one pass.
        let event_rows = Cell::from_mut(event_rows.unwrap_or_default()).as_slice_of_cells();
        let mut front = event_rows.iter();
        for event_row in event_rows.iter().map(Cell::get).filter(|it| keep(*it)) {
            if let Some(free) = front.next() {
                free.set(event_row);
            }
        }
        *left -= front.len() as u32;
    }
}
