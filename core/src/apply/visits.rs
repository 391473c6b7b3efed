//! What events add to the visits that they belong to, gathered for the buckets in which those began.

use super::beginnings::Beginnings;
use crate::bucket::visits::{Addition, Axis, Change, TablePlaces, Visits};
use crate::bucket::{Bucket, OTHER};
use crate::event::{Batch, Event, Run};
use crate::schema::{self, visits::START};
use crate::visitors::{
    Amounts, Moment, Observed, Previous, Row, Seed, Spread, Step, ValueId, Visitor, MOST_BY,
};

/// An event as its visit takes it, with the texts of the values that the visit remembers by their ids.
#[derive(Debug, Clone, Copy)]
pub struct VisitEvent<'e> {
    pub visitor: Visitor,
    pub moment: Moment,
    pub path: Option<&'e [u8]>,
    by: [Option<&'e [u8]>; MOST_BY],
}

impl<'e> VisitEvent<'e> {
    #[inline]
    pub fn of(
        visits: &schema::Visits,
        visitor: Visitor,
        event: &Event<'e>,
        batch: &Batch<'e>,
    ) -> VisitEvent<'e> {
        let seed = visits.seed();
        let path = visits.path().and_then(|name| batch.value_of(event, name));
        let mut by = [None; MOST_BY];
        let mut ids = [None; MOST_BY];
        for ((name, text), id) in visits.by().iter().zip(&mut by).zip(&mut ids) {
            *text = batch.value_of(event, name);
            *id = text.map(|text| seed.value(text));
        }
        VisitEvent {
            visitor,
            moment: Moment {
                time: event.time,
                passive: event.passive,
                path: path.map(|path| seed.path(path)),
                by: ids,
            },
            path,
            by,
        }
    }
}

/// Writes the value of the dimension `from` to `text`. False where the event has none.
pub fn write_previous(previous: Option<Previous>, text: &mut Vec<u8>) -> bool {
    let Some(previous) = previous else {
        return false;
    };
    text.clear();
    text.extend_from_slice(match previous {
        Previous::Nothing => START,
        Previous::Path(path) => path,
        Previous::Unknown => OTHER,
    });
    true
}

#[derive(Debug, Default)]
pub struct VisitBatch {
    /// Of which settings the axes are, and the tag of its ids.
    seed: Option<(Seed, u64)>,
    axes: Vec<Axis>,
    changes: Vec<BatchChange>,
    rows: Vec<BatchRow>,
    /// Of the changes that have one, in order: most have none.
    spreads: Vec<(usize, Spread)>,
    texts: Vec<u8>,
}

#[derive(Debug)]
struct BatchChange {
    /// The caller's number for the buckets of the beginning.
    path: u32,
    beginning: i64,
    is_new: bool,
    whole: Amounts,
    rows: Run,
}

#[derive(Debug)]
struct BatchRow {
    axis: u8,
    id: ValueId,
    text: Option<Run>,
    amounts: Amounts,
}

const ENTRY: u8 = 0;
const EXIT: u8 = 1;
const FIRST_BY: u8 = 2;

impl VisitBatch {
    /// The memory that is in use.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.changes)
            + size_of_val(&*self.rows)
            + size_of_val(&*self.spreads)
            + self.texts.len()
    }

    /// The number of the buckets of the change that was added last.
    pub fn set_last_path(&mut self, path: u32) {
        if let Some(change) = self.changes.last_mut() {
            change.path = path;
        }
    }

    fn use_settings(&mut self, visits: &schema::Visits) {
        let is_same = self.seed.is_some_and(|(seed, _)| seed == visits.seed())
            && self
                .axes
                .iter()
                .skip(usize::from(FIRST_BY))
                .zip(visits.by())
                .all(|(axis, name)| matches!(axis, Axis::By(own) if own == name))
            && self.axes.len() == usize::from(FIRST_BY) + visits.by().len();
        if !is_same {
            let seed = visits.seed();
            self.seed = Some((seed, Visits::tag_of(seed)));
            self.axes.clear();
            self.axes.extend([Axis::Entry, Axis::Exit]);
            self.axes.extend(visits.by().iter().cloned().map(Axis::By));
        }
    }

    /// Adds what an event did to its visit. `path`: the number of the buckets in which the visit began.
    pub fn add(
        &mut self,
        visits: &schema::Visits,
        visiting: &VisitEvent,
        observed: &Observed,
        path: u32,
    ) {
        let Some(visit) = observed.step.visit() else {
            return;
        };
        self.use_settings(visits);
        let is_new = matches!(observed.step, Step::Begun(_));
        let mut whole = Amounts::default();
        let first = self.rows.len();
        observed.step.additions(observed.weight, |row, amounts| {
            let of_path = |id| visiting.path.filter(|_| visiting.moment.path == Some(id));
            let (axis, id, text) = match row {
                Row::Whole => {
                    whole = amounts;
                    return;
                }
                Row::Entry(id) => (ENTRY, id, of_path(id)),
                Row::Exit(id) => (EXIT, id, of_path(id)),
                Row::By(position, id) => {
                    let text = visiting.by.get(usize::from(position)).copied().flatten();
                    (FIRST_BY + position, id, text.filter(|_| is_new))
                }
            };
            let text = text.map(|text| Run::extend(&mut self.texts, text));
            self.rows.push(BatchRow {
                axis,
                id,
                text,
                amounts,
            });
        });
        if observed.weight > 1 {
            let spread = observed.step.spread(observed.weight);
            self.spreads.push((self.changes.len(), spread));
        }
        self.changes.push(BatchChange {
            path,
            beginning: visit.start,
            is_new,
            whole,
            rows: Run {
                start: first as u32,
                len: (self.rows.len() - first) as u32,
            },
        });
    }
}

impl Beginnings for VisitBatch {
    fn beginnings(&self) -> impl Iterator<Item = (u32, i64)> {
        let changes = self.changes.iter();
        changes.map(|change| (change.path, change.beginning))
    }

    fn clear(&mut self) {
        self.changes.clear();
        self.rows.clear();
        self.spreads.clear();
        self.texts.clear();
    }

    fn apply(
        &self,
        bucket: &mut Bucket,
        capacity: usize,
        slot_of: impl Fn(u32, i64) -> Option<u8>,
    ) {
        let Some((seed, tag)) = self.seed else {
            return;
        };
        let mut places = TablePlaces::default();
        let mut spreads = self.spreads.iter().peekable();
        for (number, change) in self.changes.iter().enumerate() {
            let spread = spreads.next_if(|(of, _)| *of == number);
            let Some(slot) = slot_of(change.path, change.beginning) else {
                continue;
            };
            if !change.is_new && bucket.visits().is_none() {
                continue;
            }
            let visits = bucket.visits_mut();
            let visits = visits.get_or_insert_with(|| Box::new(Visits::new(tag)));
            visits.use_seed(seed, tag);
            let rows = change.rows.of(&self.rows).iter().filter_map(|row| {
                let addition = Addition {
                    id: row.id,
                    text: row.text.map(|text| text.of(&self.texts)),
                    beginning: change.beginning,
                    slot,
                    amounts: row.amounts,
                };
                Some((row.axis, self.axes.get(usize::from(row.axis))?, addition))
            });
            let change = Change {
                beginning: change.beginning,
                is_new: change.is_new,
                slot,
                whole: change.whole,
                spread: spread.map_or_else(Spread::default, |(_, spread)| *spread),
            };
            visits.add(&change, rows, &mut places, capacity);
        }
    }
}
