//! What is gathered of one row over many buckets, and the numbers that can be read off it.

use crate::bucket::tally;
use crate::bucket::tally::Tally;
use crate::bucket::Bucket;
use crate::prefetch::prefetch;
use crate::query::metric::{Aggregate, Measure};
use crate::sketch::hll::{Sketch, Union};
use crate::sketch::quantiles::Quantiles;
use crate::sketch::sums::Summary;
use crate::text::Name;
use crate::time::Piece;

/// The number that answers a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    Count(u64),
    Number(f64),
    /// Nothing was measured: there is no number.
    Nothing,
}

impl Answer {
    pub fn number(self) -> Option<f64> {
        match self {
            Answer::Count(count) => Some(count as f64),
            Answer::Number(number) => Some(number),
            Answer::Nothing => None,
        }
    }
}

/// Merges the measures that it is made for, and reads nothing else.
#[derive(Default)]
pub struct State {
    events: Option<u64>,
    users: Option<Union>,
    sessions: Option<Union>,
    values: Vec<Measured>,
    /// Only some slots of a bucket were added, so that slots and whole buckets differ.
    is_cut: bool,
}

struct Measured {
    name: Name,
    summary: Summary,
    /// Some where a percentile is needed.
    quantiles: Option<Quantiles>,
}

impl Measured {
    fn in_bucket<'b>(&self, bucket: &Bucket, tally: &'b Tally) -> Option<&'b tally::Measured> {
        tally.measured(bucket.value(self.name.text())?)
    }

    fn add(&mut self, piece: &Piece, measured: &tally::Measured) {
        self.summary.merge(&summary_of(piece, measured));
        if let Some(quantiles) = &mut self.quantiles {
            quantiles.merge(&measured.quantiles);
        }
    }
}

impl State {
    pub fn of(measure: &Measure) -> State {
        let mut state = State::default();
        state.add_measure(measure);
        state
    }

    /// Adds a measure, before anything is counted.
    pub fn add_measure(&mut self, measure: &Measure) {
        match measure {
            Measure::Events | Measure::EventRate => {
                self.events.get_or_insert_default();
            }
            Measure::Users => {
                self.users.get_or_insert_default();
            }
            Measure::Sessions => {
                self.sessions.get_or_insert_default();
            }
            Measure::Value(name, aggregate) => {
                let index = self.values.iter().position(|value| value.name == *name);
                let index = index.unwrap_or_else(|| {
                    self.values.push(Measured {
                        name: name.clone(),
                        summary: Summary::new(),
                        quantiles: None,
                    });
                    self.values.len() - 1
                });
                if let (Some(value), Aggregate::Percentile(_)) =
                    (self.values.get_mut(index), aggregate)
                {
                    value.quantiles.get_or_insert_default();
                }
            }
        }
    }

    /// Removes what was added, and keeps the memory and the measures.
    pub fn clear(&mut self) {
        if let Some(events) = &mut self.events {
            *events = 0;
        }
        for union in [&mut self.users, &mut self.sessions].into_iter().flatten() {
            union.clear();
        }
        for value in &mut self.values {
            value.summary = Summary::new();
            if let Some(quantiles) = &mut value.quantiles {
                *quantiles = Quantiles::new();
            }
        }
        self.is_cut = false;
    }

    /// Adds what a bucket holds of a row: what is kept by slot of these slots, the rest of all of it.
    pub fn add(&mut self, piece: &Piece, bucket: &Bucket, tally: &Tally) {
        self.is_cut |= !piece.is_whole();
        if self.events.is_some() {
            self.count(events_of(piece, tally));
        }
        if let Some(users) = &mut self.users {
            users.add(tally.users());
        }
        if let (Some(union), Some(sessions)) = (&mut self.sessions, tally.sessions()) {
            union.add(sessions);
        }
        for value in &mut self.values {
            if let Some(measured) = value.in_bucket(bucket, tally) {
                value.add(piece, measured);
            }
        }
    }

    /// Adds a row from many buckets to a state of one measure other than events. The memory of all of them
    /// is prefetched first, so that the processor waits for many reads at once.
    pub fn add_all(&mut self, row: &[(&Piece, &Bucket, &Tally)]) {
        let tallies = || row.iter().map(|(_, _, tally)| tally);
        if self.users.is_some() {
            tallies().for_each(|tally| tally.users().prefetch());
        }
        // They are in an array beside the values.
        tallies()
            .filter_map(|tally| tally.sessions())
            .for_each(prefetch);
        let [value] = self.values.as_mut_slice() else {
            return row
                .iter()
                .for_each(|(piece, bucket, tally)| self.add(piece, bucket, tally));
        };
        let found: Vec<(&Piece, &tally::Measured)> = row
            .iter()
            .filter_map(|(piece, bucket, tally)| Some((*piece, value.in_bucket(bucket, tally)?)))
            .collect();
        found.iter().for_each(|(_, it)| it.slots.prefetch());
        for (piece, measured) in &found {
            value.summary.merge(&summary_of(piece, measured));
        }
        if let Some(quantiles) = &mut value.quantiles {
            quantiles.merge_all(found.iter().map(|(_, it)| &it.quantiles));
        }
        self.is_cut |= row.iter().any(|(piece, ..)| !piece.is_whole());
    }

    /// Adds a sketch to the one distinct count of this state.
    pub fn unite(&mut self, sketch: &Sketch) {
        if let Some(union) = self.users.as_mut().or(self.sessions.as_mut()) {
            union.add(sketch);
        }
    }

    /// Adds numbers of the one value of this state.
    pub fn add_summary(&mut self, summary: &Summary) {
        if let [value] = self.values.as_mut_slice() {
            value.summary.merge(summary);
        }
    }

    /// Adds so many events, counted elsewhere.
    pub fn count(&mut self, events: u64) {
        if let Some(own) = &mut self.events {
            *own = own.saturating_add(events);
        }
    }

    /// Adds all that was added to another state of the same measures.
    pub fn merge(&mut self, other: &State) {
        self.count(other.events.unwrap_or(0));
        let unions = [
            (&mut self.users, &other.users),
            (&mut self.sessions, &other.sessions),
        ];
        for (own, other) in unions {
            if let (Some(own), Some(other)) = (own, other) {
                own.merge(other);
            }
        }
        for (own, other) in self.values.iter_mut().zip(&other.values) {
            own.summary.merge(&other.summary);
            if let (Some(own), Some(other)) = (&mut own.quantiles, &other.quantiles) {
                own.merge(other);
            }
        }
        self.is_cut |= other.is_cut;
    }

    /// How many sketches were united.
    pub fn united(&self) -> u64 {
        let unions = [&self.users, &self.sessions].into_iter().flatten();
        unions.map(Union::added).sum()
    }

    /// The number of one of the measures. `seconds`: the time that rates divide by.
    pub fn answer(&self, measure: &Measure, seconds: f64) -> Answer {
        let count = |count: Option<u64>| Answer::Count(count.unwrap_or(0));
        let distinct = |union: &Option<Union>| {
            let users = union.as_ref().map(|union| union.estimate().round() as u64);
            Answer::Count(users.unwrap_or(0))
        };
        match measure {
            Measure::Events => count(self.events),
            Measure::EventRate => rate(self.events.unwrap_or(0), seconds),
            Measure::Users => distinct(&self.users),
            Measure::Sessions => distinct(&self.sessions),
            Measure::Value(name, aggregate) => {
                let value = self.values.iter().find(|value| value.name == *name);
                self.answer_of_value(value, *aggregate, seconds)
            }
        }
    }

    fn answer_of_value(
        &self,
        value: Option<&Measured>,
        aggregate: Aggregate,
        seconds: f64,
    ) -> Answer {
        const NOTHING: &Summary = &Summary::new();
        let summary = value.map_or(NOTHING, |value| &value.summary);
        let number = |number: Option<f64>| number.map_or(Answer::Nothing, Answer::Number);
        match aggregate {
            Aggregate::Count => Answer::Count(summary.count()),
            Aggregate::Rate => rate(summary.count(), seconds),
            Aggregate::Sum => Answer::Number(summary.sum()),
            Aggregate::Avg => number(summary.mean()),
            Aggregate::Min => number(summary.min()),
            Aggregate::Max => number(summary.max()),
            Aggregate::Percentile(percent) => {
                let quantiles = value.and_then(|value| value.quantiles.as_ref());
                let quantile = quantiles.and_then(|it| it.quantile(percent / 100.0));
                let bounds = summary.min().zip(summary.max());
                number(match (quantile, bounds) {
                    // A bin is an interval: its value may be outside of the range that was measured.
                    (Some(quantile), Some((min, max))) if !self.is_cut => {
                        Some(quantile.max(min).min(max))
                    }
                    (quantile, _) => quantile,
                })
            }
        }
    }
}

/// The sums of a value in a piece.
#[inline]
pub fn summary_of(piece: &Piece, measured: &tally::Measured) -> Summary {
    if piece.is_whole() {
        measured.slots.total()
    } else {
        measured.slots.range(piece.first_slot, piece.end_slot)
    }
}

/// The number of events of a row in a piece.
#[inline]
pub fn events_of(piece: &Piece, tally: &Tally) -> u64 {
    let (from, to) = (i32::from(piece.first_slot), i32::from(piece.end_slot));
    if from + 1 == to {
        // In a series of the finest steps, most pieces are one slot.
        tally.slots().get(from)
    } else if piece.is_whole() {
        tally.events()
    } else {
        tally.slots().sum(from, to)
    }
}

pub fn rate(count: u64, seconds: f64) -> Answer {
    Answer::Number(if count == 0 || seconds <= 0.0 {
        0.0
    } else {
        count as f64 / seconds
    })
}
