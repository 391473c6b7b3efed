//! The working memory of applying a batch to its buckets, one bucket after the other.

use super::containment::{Containment, InsertPolicy, KnownIn, Unresolved};
use super::rows::{BatchEvent, EventRow, RowBatch, RowEvents};
use crate::sketch::hll::Member;
use crate::time::Granularities;

#[derive(Debug, Default)]
pub struct ApplyScratch {
    /// The granularities of all buckets.
    granularities: Granularities,
    /// The slot of each event in the current bucket.
    slots: Vec<u8>,
    /// The slot of all events, where they have the same.
    common: Option<u8>,
    /// The ids in the current bucket of the values' names, in the order of the batch.
    pub(super) ids: Vec<u8>,
    /// For each row of each event: the buckets that are certain to have its user and session.
    known_in: Vec<KnownIn>,
    unresolved: Unresolved,
}

/// The slot of an event that does not count in the bucket.
const ELSEWHERE: u8 = u8::MAX;

impl ApplyScratch {
    /// To be called before the first bucket. The buckets have these granularities, and are applied from the
    /// finest to the coarsest.
    pub fn begin(&mut self, all: &RowBatch, granularities: Granularities) {
        self.granularities = granularities;
        self.known_in.clear();
        self.known_in.resize(all.row_count(), KnownIn::default());
        self.unresolved.begin(all);
    }

    /// Starts the next bucket, in which all events count in this slot.
    pub fn fill(&mut self, all: &RowBatch, slot: u8) {
        self.common = Some(slot);
        self.slots.clear();
        self.slots.resize(all.events().len(), slot);
    }

    /// Starts the next bucket, in which each event has a slot or none. Returns whether any has one.
    pub fn fill_each(
        &mut self,
        all: &RowBatch,
        slot: impl FnMut(&BatchEvent) -> Option<u8>,
    ) -> bool {
        self.common = None;
        self.slots.clear();
        let slots = all.events().iter().map(slot);
        let slots = slots.map(|slot| slot.unwrap_or(ELSEWHERE));
        self.slots.extend(slots);
        self.slots.iter().any(|slot| *slot != ELSEWHERE)
    }

    #[inline]
    pub(super) fn common(&self) -> Option<u8> {
        self.common
    }

    /// The slot of the event of this index, if it counts in the bucket.
    #[inline]
    pub(super) fn slot(&self, index: usize) -> Option<u8> {
        slot(&self.slots, index)
    }

    /// Whether any of them counts in the bucket.
    #[inline]
    pub(super) fn has_any(&self, event_rows: &[EventRow]) -> bool {
        let mut indexes = event_rows.iter().map(|it| it.event as usize);
        indexes.any(|index| self.slot(index).is_some())
    }

    pub(super) fn known_in_of(&mut self, rows: std::ops::Range<usize>) -> &mut [KnownIn] {
        self.known_in.get_mut(rows).unwrap_or_default()
    }

    /// Inserts the users of the events of a row that count in the bucket, where the policy demands it.
    /// `insert` returns whether a user was absent.
    #[inline]
    pub(super) fn insert_users(
        &mut self,
        all: &RowBatch,
        events: RowEvents,
        policy: InsertPolicy,
        containment: Containment,
        mut insert: impl FnMut(Member) -> bool,
    ) {
        let ApplyScratch {
            slots, known_in, ..
        } = self;
        let user = |it: EventRow| {
            slot(slots, it.event as usize)?;
            all.users().get(it.event as usize).copied()
        };
        match policy {
            InsertPolicy::Never => {}
            InsertPolicy::Always => {
                for event_row in events.run.of(all.event_rows()) {
                    if let Some(user) = user(*event_row) {
                        insert(user);
                    }
                }
            }
            InsertPolicy::IfUnresolved => {
                let coming = self.granularities.beyond(containment.own);
                self.unresolved.retain(events, |it| {
                    let (Some(user), Some(known_in)) =
                        (user(it), known_in.get_mut(it.row as usize))
                    else {
                        return true;
                    };
                    containment.insert(&mut known_in.users, policy, || insert(user));
                    !known_in.users.has_all(coming)
                });
            }
        }
    }

    /// The same for the session of one event.
    #[inline]
    pub(super) fn insert_session(
        &mut self,
        event_row: EventRow,
        policy: InsertPolicy,
        containment: Containment,
        insert: impl FnOnce() -> bool,
    ) {
        if let Some(known_in) = self.known_in.get_mut(event_row.row as usize) {
            containment.insert(&mut known_in.sessions, policy, insert);
        }
    }
}

#[inline]
fn slot(slots: &[u8], index: usize) -> Option<u8> {
    let slot = slots.get(index).copied();
    slot.filter(|slot| *slot != ELSEWHERE)
}
