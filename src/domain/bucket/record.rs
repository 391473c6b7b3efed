//! Counting events in a bucket: one by itself, or all those of a call that belong here.

use std::borrow::Borrow;

use super::Bucket;
use crate::domain::event::{Facet, Occurrence};
use crate::domain::limits;
use crate::domain::occurrences::{Occurred, Occurrences};
use crate::domain::tally::{More, Sample, Tally};
use crate::domain::text::Text;

/// What one bucket has to do with the events of a call. It is filled for one bucket after the other.
#[derive(Debug, Default)]
pub struct Share {
    /// Of each event.
    slots: Vec<u8>,
    /// Of each value that an event has: the id by which the bucket knows its name.
    ids: Vec<u8>,
}

/// In place of the slot of an event that does not count in the bucket.
const ELSEWHERE: u8 = u8::MAX;

impl Share {
    /// Says of each event which slot it has in the bucket, or that it has none. Is there one that has?
    pub fn fill(&mut self, all: &Occurrences, slot: impl FnMut(&Occurred) -> Option<u8>) -> bool {
        self.slots.clear();
        let slots = all.events().iter().map(slot);
        self.slots
            .extend(slots.map(|slot| slot.unwrap_or(ELSEWHERE)));
        self.slots.iter().any(|slot| *slot != ELSEWHERE)
    }

    #[inline]
    fn slot(&self, place: usize) -> u8 {
        self.slots.get(place).copied().unwrap_or(ELSEWHERE)
    }
}

impl Bucket {
    /// Counts an event in everything. `capacity` is the number of rows that a breakdown keeps.
    #[inline]
    pub fn record(&mut self, occurrence: &Occurrence, slot: u8, capacity: usize) {
        let mut ids = [0; limits::VALUES_PER_EVENT];
        self.ids_of(occurrence.names.iter().copied(), &mut ids);
        let more = More {
            session: occurrence.session,
            ids: &ids,
            numbers: occurrence.numbers,
        };
        let sample = Sample::new(slot, occurrence.user, &more);
        self.count(&sample, occurrence.facets.iter(), capacity);
    }

    /// Counts the event in this place.
    pub fn record_one(&mut self, all: &Occurrences, place: usize, slot: u8, capacity: usize) {
        let (Some(event), Some(user)) = (all.events().get(place), all.users().get(place)) else {
            return;
        };
        let mut ids = [0; limits::VALUES_PER_EVENT];
        self.ids_of(all.names_of(event), &mut ids);
        let more = More {
            session: event.session,
            ids: &ids,
            numbers: all.numbers_of(event),
        };
        let sample = Sample::new(slot, *user, &more);
        self.count(&sample, all.facets_of(event), capacity);
    }

    #[inline]
    fn ids_of<'n>(&mut self, names: impl Iterator<Item = Text<'n>>, ids: &mut [u8]) {
        for (name, id) in names.zip(ids) {
            *id = self.value_or_new(name);
        }
    }

    #[inline]
    fn count<'e>(
        &mut self,
        sample: &Sample,
        facets: impl Iterator<Item = impl Borrow<Facet<'e>>>,
        capacity: usize,
    ) {
        self.total.record(sample, true);
        for (place, facet) in facets.enumerate() {
            let facet = facet.borrow();
            self.count_in(facet, place, capacity, |tally| {
                tally.record(sample, facet.users);
            });
        }
    }

    /// Counts the events that have a slot here: row by row, unless rows may have to leave for others.
    /// Then all is done in the order in which the events came, as if each had come by itself.
    pub fn record_all(&mut self, all: &Occurrences, share: &mut Share, capacity: usize) {
        if !self.keeps_its_rows(all, capacity) {
            for (place, slot) in share.slots.iter().enumerate() {
                if *slot != ELSEWHERE {
                    self.record_one(all, place, *slot, capacity);
                }
            }
            return;
        }
        self.know_values(all, share);
        count_all(&mut self.total, 0..all.events().len(), all, share, true);
        for (table, facet, places) in all.rows() {
            let places = places.iter().map(|place| *place as usize);
            // No row is made for nothing.
            if places.clone().all(|place| share.slot(place) == ELSEWHERE) {
                continue;
            }
            self.count_in(&facet, table, capacity, |tally| {
                count_all(tally, places, all, share, facet.users);
            });
        }
    }

    /// Whether every row of these events is here, or has room.
    fn keeps_its_rows(&self, all: &Occurrences, capacity: usize) -> bool {
        // Of each table that they might fill: how many rows it still takes.
        let mut room = [None; limits::BREAKDOWNS_PER_SITE];
        for ((kind, name, count), room) in all.tables().zip(&mut room) {
            let rows = self.breakdown(kind, name).map_or(0, |it| it.rows().len());
            *room = (rows + count > capacity).then(|| capacity.saturating_sub(rows));
        }
        if room.iter().all(Option::is_none) {
            return true;
        }
        all.rows().all(|(table, facet, _)| {
            let Some(Some(room)) = room.get_mut(table) else {
                return true;
            };
            let here = self.breakdown(facet.kind, facet.name);
            if here.is_some_and(|it| it.row(facet.value).is_some()) {
                return true;
            }
            let fits = *room > 0;
            *room = room.saturating_sub(1);
            fits
        })
    }

    /// Finds the ids of the values that the events here have.
    fn know_values(&mut self, all: &Occurrences, share: &mut Share) {
        let mut known = [None; limits::VALUES_PER_SITE];
        share.ids.clear();
        for (event, slot) in all.events().iter().zip(&share.slots) {
            for number in all.name_numbers_of(event) {
                let id = known
                    .get_mut(usize::from(*number))
                    .filter(|_| *slot != ELSEWHERE);
                let id = id.map(|id| match id {
                    Some(id) => *id,
                    None => *id.insert(self.value_or_new(all.name(*number))),
                });
                share.ids.push(id.unwrap_or(0));
            }
        }
    }

    /// `likely`: where the breakdown of the facet may stand.
    #[inline]
    fn count_in(
        &mut self,
        facet: &Facet,
        likely: usize,
        capacity: usize,
        count: impl FnOnce(&mut Tally),
    ) {
        let place = self.place_of(facet, likely);
        if let Some(breakdown) = self.breakdowns.get_mut(place) {
            breakdown.count(facet.value, capacity, count);
        }
    }
}

/// Counts the events in these places in one tally, one thing after the other.
#[inline]
fn count_all(
    tally: &mut Tally,
    places: impl Iterator<Item = usize> + Clone,
    all: &Occurrences,
    share: &Share,
    users: bool,
) {
    let slots = places.clone().map(|place| share.slot(place));
    tally.count_all(slots.filter(|slot| *slot != ELSEWHERE));
    let here = places.filter(|place| share.slot(*place) != ELSEWHERE);
    if users {
        let who = here.clone().filter_map(|place| all.users().get(place));
        tally.see_all(who.copied());
    }
    if !all.are_plain() {
        for place in here {
            if let Some(event) = all.events().get(place) {
                let more = More {
                    session: event.session,
                    ids: event.values.of(&share.ids),
                    numbers: all.numbers_of(event),
                };
                tally.record_more(share.slot(place), &more, users);
            }
        }
    }
}
