//! Counting events in a bucket: one by itself, or all those of a call that belong here.

use std::borrow::Borrow;

use super::known::{Standing, Sure, Told};
use super::{Bucket, Share};
use crate::domain::event::{Facet, Occurrence};
use crate::domain::limits;
use crate::domain::occurrences::{Occurrences, Seen};
use crate::domain::tally::{More, Sample, Tally};
use crate::domain::text::Text;
use crate::domain::time::Granularities;

/// On what terms a bucket counts.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The number of rows that a breakdown keeps.
    pub capacity: usize,
    /// The coarser granularities whose bucket has counted everything that this one has.
    pub around: Granularities,
}

impl Bucket {
    /// Counts an event in a bucket of which nothing else is known.
    pub fn record_alone(&mut self, occurrence: &Occurrence, slot: u8, capacity: usize) {
        let terms = Terms {
            capacity,
            around: Granularities::NONE,
        };
        let mut sure = [Sure::default(); limits::ROWS_PER_EVENT];
        self.record(occurrence, slot, &terms, &mut sure);
    }

    /// Counts an event in everything. `sure`: of each of its rows, what the finer buckets have found.
    #[inline]
    pub fn record(&mut self, occurrence: &Occurrence, slot: u8, terms: &Terms, sure: &mut [Sure]) {
        let mut ids = [0; limits::VALUES_PER_EVENT];
        self.ids_of(occurrence.names.iter().copied(), &mut ids);
        let more = More {
            session: occurrence.session,
            ids: &ids,
            numbers: occurrence.numbers,
        };
        let sample = Sample::new(slot, occurrence.user, &more);
        self.count(&sample, occurrence.facets.iter(), terms, sure);
    }

    /// Counts the event in this place.
    pub fn record_one(
        &mut self,
        all: &Occurrences,
        place: usize,
        slot: u8,
        terms: &Terms,
        share: &mut Share,
    ) {
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
        let sure = share.sure_of(all.rows_of(event, place));
        self.count(&sample, all.facets_of(event), terms, sure);
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
        terms: &Terms,
        sure: &mut [Sure],
    ) {
        let standing = self.standing(terms);
        let [whole, sure @ ..] = sure else { return };
        let count = Count { sample, standing };
        count.in_row(&mut self.total, Told::News, whole);
        for ((place, facet), sure) in facets.enumerate().zip(sure) {
            self.count_in(facet.borrow(), place, terms.capacity, |tally, told| {
                count.in_row(tally, told, sure);
            });
        }
    }

    /// Counts the events that have a slot here: row by row, unless rows may have to leave for others.
    /// Then all is done in the order in which the events came, as if each had come by itself.
    pub fn record_all(&mut self, all: &Occurrences, share: &mut Share, terms: &Terms) {
        if !self.keeps_its_rows(all, terms.capacity) {
            for place in 0..all.events().len() {
                if let Some(slot) = share.slot(place) {
                    self.record_one(all, place, slot, terms, share);
                }
            }
            return;
        }
        self.know_values(all, share);
        let standing = self.standing(terms);
        let whole = all.whole();
        count_all(&mut self.total, all, whole, share, Told::News, standing);
        for (table, facet, seen) in all.rows() {
            // No row is made for nothing.
            if !share.has_any(seen.run.of(all.sightings())) {
                continue;
            }
            self.count_in(&facet, table, terms.capacity, |tally, told| {
                count_all(tally, all, seen, share, told, standing);
            });
        }
    }

    fn standing(&self, terms: &Terms) -> Standing {
        Standing {
            own: self.granularity,
            around: terms.around,
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
        if all.are_plain() {
            return;
        }
        let mut known = [None; limits::VALUES_PER_SITE];
        share.ids.clear();
        for (place, event) in all.events().iter().enumerate() {
            let is_here = share.slot(place).is_some();
            for number in all.name_numbers_of(event) {
                let id = known.get_mut(usize::from(*number)).filter(|_| is_here);
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
        count: impl FnOnce(&mut Tally, Told),
    ) {
        let place = self.place_of(facet, likely);
        if let Some(breakdown) = self.breakdowns.get_mut(place) {
            let told = match (facet.users, breakdown.is_whole()) {
                (false, _) => Told::Nobody,
                (true, true) => Told::News,
                (true, false) => Told::Everyone,
            };
            breakdown.count(facet.value, capacity, |tally| count(tally, told));
        }
    }
}

/// Counting an event in its rows in one bucket.
struct Count<'e> {
    sample: &'e Sample<'e>,
    standing: Standing,
}

impl Count<'_> {
    #[inline]
    fn in_row(&self, tally: &mut Tally, told: Told, sure: &mut Sure) {
        tally.count(self.sample.slot);
        let user = self.sample.user;
        self.standing
            .tell(&mut sure.users, told, || tally.knows(user));
        if let Some(more) = self.sample.more {
            self.more_in_row(more, tally, told, sure);
        }
    }

    #[inline(never)]
    fn more_in_row(&self, more: &More, tally: &mut Tally, told: Told, sure: &mut Sure) {
        if let Some(session) = more.session {
            self.standing
                .tell(&mut sure.sessions, told, || tally.knows_session(session));
        }
        tally.measure(self.sample.slot, more.ids, more.numbers);
    }
}

/// Counts the events of one row that have a slot, one thing after the other.
#[inline]
fn count_all(
    tally: &mut Tally,
    all: &Occurrences,
    seen: Seen,
    share: &mut Share,
    told: Told,
    standing: Standing,
) {
    let sightings = seen.run.of(all.sightings());
    match share.common() {
        Some(slot) => tally.count_many(slot, sightings.len() as u64),
        None => {
            let slots = sightings.iter().map(|it| share.slot(it.event as usize));
            tally.count_all(slots.flatten());
        }
    }
    share.tell_users(all, seen, told, standing, |user| tally.knows(user));
    if all.are_plain() {
        return;
    }
    for sighting in sightings {
        let place = sighting.event as usize;
        let (Some(event), Some(slot)) = (all.events().get(place), share.slot(place)) else {
            continue;
        };
        if let Some(session) = event.session {
            share.tell_session(*sighting, told, standing, || tally.knows_session(session));
        }
        tally.measure(slot, event.values.of(&share.ids), all.numbers_of(event));
    }
}
