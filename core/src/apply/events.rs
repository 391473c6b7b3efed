//! Applying events to a bucket: one by itself, or all those of a batch that belong to its period.

use std::borrow::Borrow;

use super::containment::{Containment, InsertPolicy, KnownIn};
use super::rows::{RowBatch, RowEvents};
use super::scratch::ApplyScratch;
use crate::bucket::tally::{More, Sample, Tally};
use crate::bucket::Bucket;
use crate::event::{Facet, ResolvedEvent};
use crate::schema::{capacity_or, limits};
use crate::text::Text;
use crate::time::Granularities;

/// How a bucket counts events: what it takes from its site.
#[derive(Debug, Clone, Copy)]
pub struct ApplyTerms {
    /// The number of rows that a breakdown keeps, unless it has a number of its own.
    pub capacity: usize,
    /// The coarser granularities whose bucket has counted every event of this one.
    pub contained_in: Granularities,
}

impl Bucket {
    /// Counts an event in a bucket by itself.
    pub fn count_alone(&mut self, resolved: &ResolvedEvent, slot: u8, capacity: usize) {
        let terms = ApplyTerms {
            capacity,
            contained_in: Granularities::NONE,
        };
        let mut known_in = [KnownIn::default(); limits::ROWS_PER_EVENT];
        self.count_event(resolved, slot, &terms, &mut known_in);
    }

    /// Counts an event in all its rows. `known_in`: for each, the buckets that are certain to have its user
    /// and session.
    #[inline]
    pub fn count_event(
        &mut self,
        resolved: &ResolvedEvent,
        slot: u8,
        terms: &ApplyTerms,
        known_in: &mut [KnownIn],
    ) {
        let mut ids = [0; limits::VALUES_PER_EVENT];
        self.ids_of(resolved.names.iter().copied(), &mut ids);
        let more = More {
            session: resolved.session,
            ids: &ids,
            numbers: resolved.numbers,
            new_users: resolved.new_users(),
        };
        self.begin_people(resolved.counts_people);
        if let Some(seen) = resolved.seen {
            self.add_seen(seen);
        }
        let sample = Sample::new(slot, resolved.user, &more);
        self.count(&sample, resolved.facets.iter(), terms, known_in);
    }

    /// Counts the event of a batch at this position.
    pub fn count_of_batch(
        &mut self,
        all: &RowBatch,
        index: usize,
        slot: u8,
        terms: &ApplyTerms,
        scratch: &mut ApplyScratch,
    ) {
        let (Some(event), Some(user)) = (all.events().get(index), all.users().get(index)) else {
            return;
        };
        let mut ids = [0; limits::VALUES_PER_EVENT];
        self.ids_of(all.names_of(event), &mut ids);
        let more = More {
            session: event.session,
            ids: &ids,
            numbers: all.numbers_of(event),
            new_users: event.new_users(),
        };
        self.begin_people(all.counts_people());
        if let Some(seen) = all.seen_of(index) {
            self.add_seen(seen);
        }
        let sample = Sample::new(slot, *user, &more);
        let known_in = scratch.known_in_of(all.rows_of(event, index));
        self.count(&sample, all.facets_of(event), terms, known_in);
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
        terms: &ApplyTerms,
        known_in: &mut [KnownIn],
    ) {
        let containment = self.containment(terms);
        let [whole, known_in @ ..] = known_in else {
            return;
        };
        let count = Count {
            sample,
            containment,
        };
        count.in_row(self.total_mut(), InsertPolicy::IfUnresolved, whole);
        for ((index, facet), known_in) in facets.enumerate().zip(known_in) {
            let facet = facet.borrow();
            let capacity = facet.capacity_or(terms.capacity);
            self.count_in(facet, index, capacity, |tally, policy| {
                count.in_row(tally, policy, known_in);
            });
        }
    }

    /// Counts the events that have a slot here: row by row, unless rows may be evicted. Then events are
    /// counted one by one, in their order.
    pub fn count_batch(&mut self, all: &RowBatch, scratch: &mut ApplyScratch, terms: &ApplyTerms) {
        if !self.keeps_its_rows(all, terms.capacity) {
            for index in 0..all.events().len() {
                if let Some(slot) = scratch.slot(index) {
                    self.count_of_batch(all, index, slot, terms, scratch);
                }
            }
            return;
        }
        self.resolve_value_ids(all, scratch);
        self.begin_people(all.counts_people());
        for (event, seen) in all.seen() {
            if scratch.slot(*event as usize).is_some() {
                self.add_seen(*seen);
            }
        }
        let containment = self.containment(terms);
        let whole = all.whole();
        count_all(
            self.total_mut(),
            all,
            whole,
            scratch,
            InsertPolicy::IfUnresolved,
            containment,
        );
        for (table, facet, events) in all.rows() {
            // A row without an event here is not made.
            if !scratch.has_any(events.run.of(all.event_rows())) {
                continue;
            }
            let capacity = facet.capacity_or(terms.capacity);
            self.count_in(&facet, table, capacity, |tally, policy| {
                count_all(tally, all, events, scratch, policy, containment);
            });
        }
    }

    fn containment(&self, terms: &ApplyTerms) -> Containment {
        Containment {
            own: self.granularity(),
            contained_in: terms.contained_in,
        }
    }

    /// Whether every row of these events is in its table or has room there.
    fn keeps_its_rows(&self, all: &RowBatch, capacity: usize) -> bool {
        // The number of rows that are free in each table.
        let mut room = [None; limits::BREAKDOWNS_PER_SITE];
        for ((kind, name, count, own), room) in all.tables().zip(&mut room) {
            let capacity = capacity_or(own, capacity);
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

    /// Finds the ids of the values of the events, and adds those that are new.
    fn resolve_value_ids(&mut self, all: &RowBatch, scratch: &mut ApplyScratch) {
        if all.has_only_users() {
            return;
        }
        let mut known = [None; limits::VALUES_PER_SITE];
        scratch.ids.clear();
        for (index, event) in all.events().iter().enumerate() {
            let is_here = scratch.slot(index).is_some();
            for number in all.name_numbers_of(event) {
                let id = known.get_mut(usize::from(*number)).filter(|_| is_here);
                let id = id.map(|id| match id {
                    Some(id) => *id,
                    None => *id.insert(self.value_or_new(all.name(*number))),
                });
                scratch.ids.push(id.unwrap_or(0));
            }
        }
    }

    /// `likely`: the probable index of the facet's breakdown.
    #[inline]
    fn count_in(
        &mut self,
        facet: &Facet,
        likely: usize,
        capacity: usize,
        count: impl FnOnce(&mut Tally, InsertPolicy),
    ) {
        let index = self.breakdown_or_new(facet, likely);
        if let Some(breakdown) = self.breakdown_mut(index) {
            let policy = match (facet.users, breakdown.is_whole()) {
                (false, _) => InsertPolicy::Never,
                (true, true) => InsertPolicy::IfUnresolved,
                (true, false) => InsertPolicy::Always,
            };
            breakdown.count(facet.value, capacity, |tally| count(tally, policy));
        }
    }
}

/// Counts an event in its rows of one bucket.
struct Count<'e> {
    sample: &'e Sample<'e>,
    containment: Containment,
}

impl Count<'_> {
    #[inline]
    fn in_row(&self, tally: &mut Tally, policy: InsertPolicy, known_in: &mut KnownIn) {
        tally.count(self.sample.slot);
        let user = self.sample.user;
        self.containment
            .insert(&mut known_in.users, policy, || tally.insert_user(user));
        if let Some(more) = self.sample.more {
            self.more_in_row(more, tally, policy, known_in);
        }
    }

    #[inline(never)]
    fn more_in_row(
        &self,
        more: &More,
        tally: &mut Tally,
        policy: InsertPolicy,
        known_in: &mut KnownIn,
    ) {
        if let Some(session) = more.session {
            self.containment.insert(&mut known_in.sessions, policy, || {
                tally.insert_session(session)
            });
        }
        tally.measure(self.sample.slot, more.ids, more.numbers);
        if more.new_users > 0 && policy != InsertPolicy::Never {
            tally.count_new_users(self.sample.slot, more.new_users);
        }
    }
}

/// Counts the events of one row that have a slot: slots, then users, then sessions, then values.
#[inline]
fn count_all(
    tally: &mut Tally,
    all: &RowBatch,
    events: RowEvents,
    scratch: &mut ApplyScratch,
    policy: InsertPolicy,
    containment: Containment,
) {
    let event_rows = events.run.of(all.event_rows());
    match scratch.common() {
        Some(slot) => tally.count_many(slot, event_rows.len() as u64),
        None => {
            let slots = event_rows.iter().map(|it| scratch.slot(it.event as usize));
            tally.count_all(slots.flatten());
        }
    }
    scratch.insert_users(all, events, policy, containment, |user| {
        tally.insert_user(user)
    });
    if all.has_only_users() {
        return;
    }
    for event_row in event_rows {
        let index = event_row.event as usize;
        let (Some(event), Some(slot)) = (all.events().get(index), scratch.slot(index)) else {
            continue;
        };
        if let Some(session) = event.session {
            scratch.insert_session(*event_row, policy, containment, || {
                tally.insert_session(session)
            });
        }
        tally.measure(slot, event.values.of(&scratch.ids), all.numbers_of(event));
        if event.is_new() && policy != InsertPolicy::Never {
            tally.count_new_users(slot, event.new_users());
        }
    }
}
