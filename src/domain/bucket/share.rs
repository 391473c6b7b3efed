//! What the buckets have to do with the events of a call, one bucket after the other.

use super::known::{News, Standing, Sure, Told};
use crate::domain::hll::Member;
use crate::domain::occurrences::{Occurred, Occurrences, Seen, Sighting};
use crate::domain::time::Granularities;

#[derive(Debug, Default)]
pub struct Share {
    /// Of all buckets.
    granularities: Granularities,
    /// Of each event, in the bucket at hand.
    slots: Vec<u8>,
    /// The slot of all events, where they have the same.
    common: Option<u8>,
    /// Of each value that an event has: the id by which the bucket knows its name.
    pub(super) ids: Vec<u8>,
    /// Of each row of each event: what the finer buckets have found.
    sure: Vec<Sure>,
    news: News,
}

/// In place of the slot of an event that does not count in the bucket.
const ELSEWHERE: u8 = u8::MAX;

impl Share {
    /// Before the first of the buckets. They have these granularities, and come from the finest to the
    /// coarsest.
    pub fn begin(&mut self, all: &Occurrences, granularities: Granularities) {
        self.granularities = granularities;
        self.sure.clear();
        self.sure.resize(all.row_count(), Sure::default());
        self.news.begin(all);
    }

    /// All events count in the bucket that comes next, in this slot.
    pub fn fill(&mut self, all: &Occurrences, slot: u8) {
        self.common = Some(slot);
        self.slots.clear();
        self.slots.resize(all.events().len(), slot);
    }

    /// Each event has this slot in the bucket that comes next, or none. Is there one that has?
    pub fn fill_each(
        &mut self,
        all: &Occurrences,
        slot: impl FnMut(&Occurred) -> Option<u8>,
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

    /// Of the event in this place, if it counts in the bucket.
    #[inline]
    pub(super) fn slot(&self, place: usize) -> Option<u8> {
        slot(&self.slots, place)
    }

    /// Whether any of them counts in the bucket.
    #[inline]
    pub(super) fn has_any(&self, sightings: &[Sighting]) -> bool {
        let mut places = sightings.iter().map(|it| it.event as usize);
        places.any(|place| self.slot(place).is_some())
    }

    pub(super) fn sure_of(&mut self, rows: std::ops::Range<usize>) -> &mut [Sure] {
        self.sure.get_mut(rows).unwrap_or_default()
    }

    /// Tells a row of the users of its events that count in the bucket, as far as it is told of them.
    #[inline]
    pub(super) fn tell_users(
        &mut self,
        all: &Occurrences,
        seen: Seen,
        told: Told,
        standing: Standing,
        mut knows: impl FnMut(Member) -> bool,
    ) {
        let Share { slots, sure, .. } = self;
        let user = |it: Sighting| {
            slot(slots, it.event as usize)?;
            all.users().get(it.event as usize).copied()
        };
        match told {
            Told::Nobody => {}
            Told::Everyone => {
                for sighting in seen.run.of(all.sightings()) {
                    if let Some(user) = user(*sighting) {
                        knows(user);
                    }
                }
            }
            Told::News => {
                let coming = self.granularities.beyond(standing.own);
                self.news.retain(seen, |it| {
                    let (Some(user), Some(sure)) = (user(it), sure.get_mut(it.row as usize)) else {
                        return true;
                    };
                    standing.tell(&mut sure.users, told, || knows(user));
                    !sure.users.has_all(coming)
                });
            }
        }
    }

    /// The same of the session of one event.
    #[inline]
    pub(super) fn tell_session(
        &mut self,
        sighting: Sighting,
        told: Told,
        standing: Standing,
        knows: impl FnOnce() -> bool,
    ) {
        if let Some(sure) = self.sure.get_mut(sighting.row as usize) {
            standing.tell(&mut sure.sessions, told, knows);
        }
    }
}

#[inline]
fn slot(slots: &[u8], place: usize) -> Option<u8> {
    let slot = slots.get(place).copied();
    slot.filter(|slot| *slot != ELSEWHERE)
}
