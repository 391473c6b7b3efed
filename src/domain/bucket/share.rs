//! What the buckets have to do with the events of a call, one bucket after the other.

use super::known::{News, Sure, Told};
use crate::domain::hll::Member;
use crate::domain::occurrences::{Occurred, Occurrences, Seen, Sighting};
use crate::domain::time::{Granularities, Granularity};

#[derive(Debug, Default)]
pub struct Share {
    /// Of the bucket at hand, and of those that are still to come.
    own: Option<Granularity>,
    coming: Granularities,
    /// Of all buckets.
    granularities: Granularities,
    /// Of each event.
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

    /// Of the bucket that comes next: the slot that all events have there, or else the one that each
    /// has, or none. Is there one that has?
    pub fn fill(
        &mut self,
        all: &Occurrences,
        bucket: Granularity,
        common: Option<u8>,
        each: impl FnMut(&Occurred) -> Option<u8>,
    ) -> bool {
        self.own = Some(bucket);
        self.coming = self.granularities.beyond(bucket);
        self.common = common;
        self.slots.clear();
        if let Some(slot) = common {
            self.slots.resize(all.events().len(), slot);
            return true;
        }
        let slots = all.events().iter().map(each);
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
        let slot = self.slots.get(place).copied();
        slot.filter(|slot| *slot != ELSEWHERE)
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

    /// Tells a row of the users of its events that count in the bucket, if it is told of them. `knows`
    /// takes a user in, and says whether it knew.
    #[inline]
    pub(super) fn tell_users(
        &mut self,
        all: &Occurrences,
        seen: Seen,
        told: Told,
        around: Granularities,
        mut knows: impl FnMut(Member) -> bool,
    ) {
        let Share { slots, sure, .. } = self;
        let (own, coming) = (self.own, self.coming);
        let user = |it: Sighting| {
            let slot = slots.get(it.event as usize)?;
            let user = all.users().get(it.event as usize)?;
            (*slot != ELSEWHERE).then_some(*user)
        };
        match told {
            Told::Nobody => {}
            Told::Everyone => {
                let users = seen.run.of(all.sightings()).iter();
                users.filter_map(|it| user(*it)).for_each(|user| {
                    knows(user);
                });
            }
            Told::News => self.news.retain(seen, |it| {
                let (Some(user), Some(sure)) = (user(it), sure.get_mut(it.row as usize)) else {
                    return true;
                };
                let is_sure = own.is_some_and(|own| sure.users.has(own));
                if told.vouches(is_sure, || knows(user)) {
                    sure.users.add(around);
                }
                !sure.users.has_all(coming)
            }),
        }
    }

    /// The same of the session of one event.
    #[inline]
    pub(super) fn tell_session(
        &mut self,
        sighting: Sighting,
        told: Told,
        around: Granularities,
        knows: impl FnOnce() -> bool,
    ) {
        if let Some(sure) = self.sure.get_mut(sighting.row as usize) {
            let is_sure = self.own.is_some_and(|own| sure.sessions.has(own));
            if told.vouches(is_sure, knows) {
                sure.sessions.add(around);
            }
        }
    }
}
