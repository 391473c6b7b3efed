//! Folds buckets into what answers the metrics of a query.
//!
//! What merges (a [`Fold`], with a state per row of the query) and what is read off it (an
//! [`Answer`] per metric) are different things: the first is added to bucket by bucket, the second
//! is only a number. Metrics of the same row share one look-up a bucket, and one state.

mod distinct;
mod funnels;
mod people;
mod percentiles;
mod state;
#[cfg(test)]
mod tests;
mod visits;

pub use super::answer::{rate, Answer};
pub use distinct::{EdgePart, Estimate};
pub use funnels::{funnel_by, moved_attempts, FunnelFold, FunnelRow, FunnelStep};
pub use people::excess_of;
pub use state::{events_of, summary_of, State};
pub use visits::{moved_visits, spread_of};

use super::metric::{FunnelMeasure, Measure, Metric, Selector, Term, VisitMeasure};
use crate::bucket::Bucket;
use crate::time::{Piece, Range};
use funnels::FunnelSum;
use visits::Sum;

pub struct Fold {
    rows: Vec<(Option<Selector>, State)>,
    /// Of visits, which are counted in other buckets.
    visits: Vec<Sum>,
    /// Of funnels, which are counted in the same buckets.
    funnels: Vec<FunnelSum>,
    /// The time that rates of visits divide by.
    visit_seconds: f64,
    metrics: Vec<Reading>,
    /// The number of sketches united before the last `clear`.
    united: u64,
}

/// Where the number of a metric is read off.
struct Reading {
    of: Place,
    /// What `of` is divided by.
    per: Option<Place>,
}

/// The index of a row, and what is measured of it.
enum Place {
    Row(usize, Measure),
    Visits(usize, VisitMeasure),
    Funnel(usize, FunnelMeasure),
}

impl Fold {
    pub fn new(metrics: &[Metric]) -> Fold {
        let mut fold = Fold {
            rows: Vec::new(),
            visits: Vec::new(),
            funnels: Vec::new(),
            visit_seconds: 0.0,
            metrics: Vec::with_capacity(metrics.len()),
            united: 0,
        };
        for metric in metrics {
            let reading = Reading {
                of: fold.place(&metric.of),
                per: metric.per.as_ref().map(|per| fold.place(per)),
            };
            fold.metrics.push(reading);
        }
        fold
    }

    fn place(&mut self, term: &Term) -> Place {
        if let Measure::Visits(measure, seed) = term.measure {
            let index = self.visits.iter().position(|sum| sum.row == term.row);
            let index = index.unwrap_or_else(|| {
                self.visits.push(Sum::new(term.row.clone(), seed));
                self.visits.len() - 1
            });
            return Place::Visits(index, measure);
        }
        if let Measure::Funnel(measure, source) = term.measure {
            let is_it = |sum: &FunnelSum| sum.source == source && sum.row == term.row;
            let index = self.funnels.iter().position(is_it).unwrap_or_else(|| {
                self.funnels.push(FunnelSum::new(source, term.row.clone()));
                self.funnels.len() - 1
            });
            return Place::Funnel(index, measure);
        }
        let index = self.rows.iter().position(|(row, _)| *row == term.row);
        let index = index.unwrap_or_else(|| {
            self.rows.push((term.row.clone(), State::default()));
            self.rows.len() - 1
        });
        if let Some((_, state)) = self.rows.get_mut(index) {
            state.add_measure(&term.measure);
        }
        Place::Row(index, term.measure.clone())
    }

    /// Lets the slots at the edges of the window count in part, as by time: two windows are then compared
    /// for exactly the same length.
    pub fn trimmed(mut self) -> Fold {
        self.rows.iter_mut().for_each(|(_, state)| state.trim());
        self.visits.iter_mut().for_each(Sum::trim);
        self.funnels.iter_mut().for_each(FunnelSum::trim);
        self
    }

    /// Adds a piece of a cover. Distinct counts and percentiles are kept by bucket: of one that reaches beyond
    /// the window they count the part that its slots inside the window have of its events.
    pub fn add(&mut self, piece: &Piece, bucket: &Bucket) {
        for (row, state) in &mut self.rows {
            let tally = match row {
                None => Some(bucket.total()),
                Some(row) => bucket.tally_of(row),
            };
            if let Some(tally) = tally {
                state.add(piece, bucket, tally);
            }
        }
    }

    /// Adds a piece of a cover of hours and coarser buckets, for visits and funnels.
    pub fn add_visits(&mut self, piece: &Piece, bucket: &Bucket) {
        self.visits
            .iter_mut()
            .for_each(|sum| sum.add(piece, bucket));
        self.funnels
            .iter_mut()
            .for_each(|sum| sum.add(piece, bucket));
    }

    /// Whether any metric is of visits or funnels.
    pub fn has_visits(&self) -> bool {
        !self.visits.is_empty() || !self.funnels.is_empty()
    }

    /// Whether any metric is of something else.
    pub fn has_others(&self) -> bool {
        !self.rows.is_empty()
    }

    pub fn set_visit_seconds(&mut self, seconds: f64) {
        self.visit_seconds = seconds;
    }

    /// One per metric, in order. `seconds`: the time that rates divide by.
    pub fn answers(&self, seconds: f64) -> impl ExactSizeIterator<Item = Answer> + '_ {
        self.metrics.iter().map(move |reading| {
            let of = self.answer(&reading.of, seconds);
            match &reading.per {
                None => of,
                Some(per) => ratio(of, self.answer(per, seconds)),
            }
        })
    }

    fn answer(&self, place: &Place, seconds: f64) -> Answer {
        let answer = match place {
            Place::Row(index, measure) => {
                let row = self.rows.get(*index);
                row.map(|(_, state)| state.answer(measure, seconds))
            }
            Place::Visits(index, measure) => {
                let sum = self.visits.get(*index);
                sum.map(|sum| measure.answer(sum.amounts(), self.visit_seconds))
            }
            Place::Funnel(index, measure) => {
                let sum = self.funnels.get(*index);
                sum.map(|sum| sum.answer(*measure))
            }
        };
        answer.unwrap_or(Answer::Nothing)
    }

    /// The distinct users of the first row, with the bounds of their count.
    pub fn users(&self) -> Option<Estimate> {
        self.rows.first().and_then(|(_, state)| state.users())
    }

    /// Whether the returning users of the first row were counted, and not estimated.
    pub fn counts_returning(&self) -> bool {
        let first = self.rows.first();
        first.is_some_and(|(_, state)| state.returning_counted().is_some())
    }

    /// The number of sketches united since the fold was made.
    pub fn united(&self) -> u64 {
        let now = self.rows.iter().map(|(_, state)| state.united());
        self.united + now.sum::<u64>()
    }

    /// The window that is asked about, before anything is added: buckets may begin before it or end behind it.
    pub fn set_window(&mut self, window: Range) {
        for (_, state) in &mut self.rows {
            state.set_from(window.from);
        }
        self.funnels
            .iter_mut()
            .for_each(|sum| sum.set_to(window.to));
    }

    /// Removes what was added, and keeps the memory.
    pub fn clear(&mut self) {
        for (_, state) in &mut self.rows {
            self.united += state.clear();
        }
        self.visits.iter_mut().for_each(Sum::clear);
        self.funnels.iter_mut().for_each(FunnelSum::clear);
    }
}

/// The seconds of a range that counts were answered from, as far as they have passed by now; all of
/// them if none has.
pub fn seconds(counts: Range, now: i64) -> f64 {
    let passed = Range::new(counts.from, counts.to.min(now.saturating_add(1)));
    let range = if passed.is_empty() { counts } else { passed };
    range.len() as f64 / 1_000.0
}

/// One number over another. Nothing where one of both was not measured, or where the lower one is zero.
pub fn ratio(of: Answer, per: Answer) -> Answer {
    match (of.number(), per.number()) {
        (Some(of), Some(per)) if per != 0.0 => Answer::Number((of / per).clamp(f64::MIN, f64::MAX)),
        _ => Answer::Nothing,
    }
}

/// The change in percent of the absolute value of `before`. Nothing where one of both was not measured,
/// or where it was zero before.
pub fn change(now: Answer, before: Answer) -> Answer {
    match (now.number(), before.number()) {
        (Some(now), Some(before)) if before != 0.0 => {
            let change = 100.0 * (now - before) / before.abs();
            Answer::Number(change.clamp(f64::MIN, f64::MAX))
        }
        _ => Answer::Nothing,
    }
}
