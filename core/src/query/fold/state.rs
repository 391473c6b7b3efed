//! What is gathered of one row over many buckets, and the numbers that can be read off it.

use super::distinct::{trimmed_events, Distinct, Estimate};
use super::people::NewUsers;
use super::percentiles::Percentiles;
use crate::bucket::tally;
use crate::bucket::tally::Tally;
use crate::bucket::Bucket;
use crate::prefetch::prefetch;
use crate::query::answer::{rate, Answer};
use crate::query::metric::{Aggregate, Measure};
use crate::sketch::sums::Summary;
use crate::text::Name;
use crate::time::Piece;

/// Merges the measures that it is made for, and reads nothing else. `TOP` has one for every row, and most
/// are of one measure: what is large is behind a pointer.
#[derive(Default)]
pub struct State {
    events: Option<u64>,
    users: Option<Box<Distinct>>,
    sessions: Option<Box<Distinct>>,
    new_users: Option<Box<NewUsers>>,
    values: Vec<Measured>,
    /// Some where slots at the edges of the window count in part, as by time: their events outside.
    trimmed: Option<f64>,
}

struct Measured {
    name: Name,
    summary: Summary,
    /// What `summary` has of parts of slots that do not count: how many numbers, and their sum.
    trimmed: (f64, f64),
    /// Some where a percentile is needed.
    percentiles: Option<Percentiles>,
}

impl Measured {
    fn in_bucket<'b>(&self, bucket: &Bucket, tally: &'b Tally) -> Option<&'b tally::Measured> {
        tally.measured(bucket.value(self.name.text())?)
    }

    fn add(&mut self, piece: &Piece, measured: &tally::Measured, trims: bool) {
        self.add_summary(piece, measured, trims);
        if let Some(percentiles) = &mut self.percentiles {
            percentiles.add(piece, measured, trims);
        }
    }

    fn add_summary(&mut self, piece: &Piece, measured: &tally::Measured, trims: bool) {
        self.summary.merge(&summary_of(piece, measured));
        if trims && piece.is_trimmed() {
            for (slot, outside) in piece.trims() {
                let slot = measured.slots.range(slot, slot.saturating_add(1));
                self.trimmed.0 += outside * slot.count() as f64;
                self.trimmed.1 += outside * slot.sum();
            }
        }
    }

    fn count(&self) -> u64 {
        less(self.summary.count(), self.trimmed.0)
    }

    fn sum(&self) -> f64 {
        match self.trimmed.0 > 0.0 {
            true => self.summary.sum() - self.trimmed.1,
            false => self.summary.sum(),
        }
    }

    fn mean(&self) -> Option<f64> {
        let (min, max) = self.summary.min().zip(self.summary.max())?;
        if self.trimmed.0 <= 0.0 {
            return self.summary.mean();
        }
        let count = self.summary.count() as f64 - self.trimmed.0;
        let mean = self.sum() / count;
        (count > 0.0).then(|| mean.max(min).min(max))
    }
}

/// A count without so much of it.
pub(super) fn less(count: u64, trimmed: f64) -> u64 {
    match trimmed > 0.0 {
        true => (count as f64 - trimmed).max(0.0).round() as u64,
        false => count,
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
            Measure::People(people) => {
                self.new_users.get_or_insert_default();
                if people.needs_users() {
                    self.users.get_or_insert_default();
                }
            }
            Measure::Sessions => {
                self.sessions.get_or_insert_default();
            }
            Measure::Visits(..) | Measure::Funnel(..) => {}
            Measure::Value(name, aggregate) => {
                let index = self.values.iter().position(|value| value.name == *name);
                let index = index.unwrap_or_else(|| {
                    self.values.push(Measured {
                        name: name.clone(),
                        summary: Summary::new(),
                        trimmed: (0.0, 0.0),
                        percentiles: None,
                    });
                    self.values.len() - 1
                });
                if let (Some(value), Aggregate::Percentile(_)) =
                    (self.values.get_mut(index), aggregate)
                {
                    value.percentiles.get_or_insert_default();
                }
            }
        }
    }

    /// Removes what was added, and keeps the memory and the measures. Returns how many sketches were united.
    pub fn clear(&mut self) -> u64 {
        if let Some(events) = &mut self.events {
            *events = 0;
        }
        let mut united = 0;
        for distinct in [&mut self.users, &mut self.sessions].into_iter().flatten() {
            united += distinct.added();
            distinct.clear();
        }
        if let Some(new_users) = &mut self.new_users {
            **new_users = NewUsers::default();
        }
        for value in &mut self.values {
            value.summary = Summary::new();
            value.trimmed = (0.0, 0.0);
            if let Some(percentiles) = &mut value.percentiles {
                percentiles.clear();
            }
        }
        if let Some(events) = &mut self.trimmed {
            *events = 0.0;
        }
        united
    }

    /// From now on slots at the edges of the window count in part, as by time.
    pub fn trim(&mut self) {
        self.trimmed = Some(0.0);
    }

    /// Adds what a piece counts of a row.
    pub fn add(&mut self, piece: &Piece, bucket: &Bucket, tally: &Tally) {
        let trims = self.trimmed.is_some();
        if self.events.is_some() {
            self.count(events_of(piece, tally));
            if let Some(events) = self.trimmed.as_mut().filter(|_| piece.is_trimmed()) {
                *events += trimmed_events(piece, tally);
            }
        }
        if let Some(users) = &mut self.users {
            users.add(piece, tally, tally.users(), trims);
        }
        if let Some(new_users) = &mut self.new_users {
            new_users.add(piece, bucket, tally, trims);
        }
        if let (Some(distinct), Some(sessions)) = (&mut self.sessions, tally.sessions()) {
            distinct.add(piece, tally, sessions, trims);
        }
        for value in &mut self.values {
            if let Some(measured) = value.in_bucket(bucket, tally) {
                value.add(piece, measured, trims);
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
        let trims = self.trimmed.is_some();
        for (piece, measured) in &found {
            value.add_summary(piece, measured, trims);
        }
        if let Some(percentiles) = &mut value.percentiles {
            percentiles.add_all(&found, trims);
        }
    }

    /// Adds rows of one bucket to a state of users or sessions alone.
    pub fn unite<'b>(&mut self, piece: &Piece, rows: impl Iterator<Item = &'b Tally>) {
        let trims = self.trimmed.is_some();
        if let Some(users) = &mut self.users {
            users.add_all(piece, rows.map(|tally| (tally, tally.users())), trims);
        } else if let Some(sessions) = &mut self.sessions {
            let rows = rows.filter_map(|tally| Some((tally, tally.sessions()?)));
            sessions.add_all(piece, rows, trims);
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
        if let (Some(own), Some(other)) = (&mut self.new_users, &other.new_users) {
            own.merge(other);
        }
        for (own, other) in self.values.iter_mut().zip(&other.values) {
            own.summary.merge(&other.summary);
            own.trimmed.0 += other.trimmed.0;
            own.trimmed.1 += other.trimmed.1;
            if let (Some(own), Some(other)) = (&mut own.percentiles, &other.percentiles) {
                own.merge(other);
            }
        }
        if let Some((own, other)) = self.trimmed.as_mut().zip(other.trimmed) {
            *own += other;
        }
    }

    /// How many sketches were united.
    pub fn united(&self) -> u64 {
        let unions = [&self.users, &self.sessions].into_iter().flatten();
        unions.map(|it| it.added()).sum()
    }

    /// The distinct users, with bounds and parts.
    pub fn users(&self) -> Option<Estimate> {
        self.users.as_ref().map(|it| it.estimate())
    }

    /// The beginning of the window that is asked about.
    pub fn set_from(&mut self, from: i64) {
        if let Some(new_users) = &mut self.new_users {
            new_users.set_from(from);
        }
    }

    /// Those who return, where they were counted and not estimated.
    pub fn returning_counted(&self) -> Option<u64> {
        self.new_users.as_ref().and_then(|it| it.counted())
    }

    /// The number of one of the measures. `seconds`: the time that rates divide by.
    pub fn answer(&self, measure: &Measure, seconds: f64) -> Answer {
        let count = |count: Option<u64>| Answer::Count(count.unwrap_or(0));
        let distinct = |distinct: &Option<Box<Distinct>>| {
            let users = distinct.as_ref().map(|it| it.count().round() as u64);
            Answer::Count(users.unwrap_or(0))
        };
        let trimmed = self.trimmed.unwrap_or(0.0);
        let events = self.events.map(|events| less(events, trimmed));
        match measure {
            Measure::Events => count(events),
            Measure::EventRate => rate(events.unwrap_or(0), seconds),
            Measure::Users => distinct(&self.users),
            Measure::Sessions => distinct(&self.sessions),
            Measure::People(people) => {
                let users = self.users.as_ref().map_or(0.0, |it| it.count());
                let new_users = self.new_users.as_ref();
                new_users.map_or(Answer::Nothing, |it| it.answer(*people, users, seconds))
            }
            // They are gathered apart: visits.rs.
            Measure::Visits(..) | Measure::Funnel(..) => Answer::Nothing,
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
        let number = |number: Option<f64>| number.map_or(Answer::Nothing, Answer::Number);
        let summary = value.map(|value| &value.summary);
        let count = value.map_or(0, Measured::count);
        let min = summary.and_then(Summary::min);
        let max = summary.and_then(Summary::max);
        match aggregate {
            Aggregate::Count => Answer::Count(count),
            Aggregate::Rate => rate(count, seconds),
            Aggregate::Sum => Answer::Number(value.map_or(0.0, Measured::sum)),
            Aggregate::Avg => number(value.and_then(Measured::mean)),
            Aggregate::Min => number(min),
            Aggregate::Max => number(max),
            Aggregate::Percentile(percent) => {
                let percentiles = value.and_then(|value| value.percentiles.as_ref());
                let quantile = percentiles.and_then(|it| it.quantile(percent / 100.0));
                // A bin is an interval, and an edge has numbers from outside the window: what is found may
                // be outside of the range that was measured.
                number(match (quantile, min.zip(max)) {
                    (Some(quantile), Some((min, max))) => Some(quantile.max(min).min(max)),
                    _ => None,
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
