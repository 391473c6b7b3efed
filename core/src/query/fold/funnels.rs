//! What was counted of the attempts of a funnel, over many buckets.

use super::percentiles::Percentiles;
use super::state::events_of;
use crate::bucket::funnels::{Counted, Steps};
use crate::bucket::visits::{Cells, Sums, Table};
use crate::bucket::{Bucket, OTHER};
use crate::query::answer::Answer;
use crate::query::metric::{FunnelMeasure, FunnelSource};
use crate::schema::Selector;
use crate::text::Text;
use crate::time::Piece;
use std::collections::BTreeMap;

/// How many attempts reached each step, of the whole site or of one value.
pub struct FunnelSum {
    pub source: FunnelSource,
    pub row: Option<Selector>,
    /// Slots at the edges of a window may count in part.
    steps: [f64; crate::funnel::MOST_STEPS],
    trims: bool,
    /// The end of the window, where it is given.
    to: i64,
    /// There were events before the funnel counted, and there are some since.
    is_before: bool,
    is_since: bool,
}

impl FunnelSum {
    pub fn new(source: FunnelSource, row: Option<Selector>) -> FunnelSum {
        FunnelSum {
            source,
            row,
            steps: Default::default(),
            trims: false,
            to: i64::MAX,
            is_before: false,
            is_since: false,
        }
    }

    pub fn trim(&mut self) {
        self.trims = true;
    }

    pub fn set_to(&mut self, to: i64) {
        self.to = to;
    }

    pub fn clear(&mut self) {
        self.steps = Default::default();
        self.to = i64::MAX;
        (self.is_before, self.is_since) = (false, false);
    }

    /// Adds a piece of a cover without minutes.
    pub fn add(&mut self, piece: &Piece, bucket: &Bucket) {
        if events_of(piece, bucket.total()) > 0 {
            let is_since = piece.period.range().to.min(self.to) > self.source.since;
            self.is_since |= is_since;
            self.is_before |= !is_since;
        }
        let Some(counted) = counted(bucket, self.source) else {
            return;
        };
        let cells = match &self.row {
            None => Some(counted.whole()),
            Some(row) => {
                { counted.table(row.name()) }.and_then(|table| cells_of(table, row.value().bytes))
            }
        };
        let Some(cells) = cells else { return };
        let slots = piece.slots();
        self.add_steps(cells.sum(slots.start, slots.end), 1.0);
        if self.trims {
            for (slot, outside) in piece.trims() {
                self.add_steps(cells.sum(slot, slot.saturating_add(1)), -outside);
            }
        }
    }

    fn add_steps(&mut self, steps: Steps, part: f64) {
        for (sum, more) in self.steps.iter_mut().zip(steps.all()) {
            *sum += part * *more as f64;
        }
    }

    pub fn answer(&self, measure: FunnelMeasure) -> Answer {
        if self.is_before && !self.is_since {
            return Answer::Nothing;
        }
        let at = |step: usize| self.steps.get(step).copied().unwrap_or(0.0).max(0.0);
        let count = |step: usize| Answer::Count(at(step).round() as u64);
        let last = usize::from(self.source.steps).saturating_sub(1);
        match measure {
            FunnelMeasure::Users => count(0),
            FunnelMeasure::Step(step) => count(usize::from(step).saturating_sub(1)),
            FunnelMeasure::Converted => count(last),
            FunnelMeasure::Share => share(at(last), at(0)),
        }
    }
}

fn counted(bucket: &Bucket, source: FunnelSource) -> Option<&Counted> {
    let counted = bucket.funnels()?.get(source.tag)?;
    (counted.steps() == usize::from(source.steps)).then_some(counted)
}

fn cells_of<'t>(table: &'t Table<Steps>, value: &[u8]) -> Option<&'t Cells<Steps>> {
    match value {
        OTHER => table.other(),
        value => table.named(value, None),
    }
}

/// The most attempts of a row in a piece that its own cells do not have.
pub fn moved_attempts(piece: &Piece, bucket: &Bucket, source: FunnelSource, row: &Selector) -> u64 {
    let table = counted(bucket, source).and_then(|it| it.table(row.name()));
    let Some((table, other)) = table.and_then(|table| Some((table, table.other()?))) else {
        return 0;
    };
    let value = row.value().bytes;
    if value == OTHER {
        return 0;
    }
    let slots = piece.slots();
    let place = table.rows().iter().position(|row| row.value() == value);
    let most = place.map_or(table.floor(), |place| table.error(place));
    most.min(other.sum(slots.start, slots.end).began())
}

/// A part of a whole, from 0 to 1: those that stand for others, where users were sampled, may be more.
fn share(part: f64, whole: f64) -> Answer {
    match whole > 0.0 {
        true => Answer::Number((part / whole).min(1.0)),
        false => Answer::Nothing,
    }
}

/// All that is asked of a funnel over a window.
pub struct FunnelFold {
    source: FunnelSource,
    steps: Steps,
    gaps: Vec<Percentiles>,
    /// Of those attempts, how many were of users that were followed.
    followed: f64,
    spread: Vec<f64>,
}

/// A step, as it is replied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FunnelStep {
    pub users: u64,
    /// Of the first step, and of the step before.
    pub share: Answer,
    pub share_of_before: Answer,
    /// Seconds since the step before: the median, and the 90th percentile.
    pub median: Answer,
    pub p90: Answer,
    /// The relative standard error of the number of users.
    pub error: f64,
}

impl FunnelFold {
    pub fn new(source: FunnelSource) -> FunnelFold {
        let steps = usize::from(source.steps);
        FunnelFold {
            source,
            steps: Steps::default(),
            gaps: (1..steps).map(|_| Percentiles::default()).collect(),
            followed: 0.0,
            spread: vec![0.0; steps],
        }
    }

    /// Adds a piece of a cover without minutes.
    pub fn add(&mut self, piece: &Piece, bucket: &Bucket) {
        let Some(counted) = counted(bucket, self.source) else {
            return;
        };
        let (slots, cells) = (piece.slots(), counted.whole());
        let here = cells.sum(slots.start, slots.end);
        self.steps = self.steps.plus(here);
        for (step, gaps) in (1..).zip(&mut self.gaps) {
            if let Some(numbers) = counted.gaps(step) {
                let count = |from, to| cells.sum(from, to).at(step);
                gaps.add_counted(piece, numbers, count, false);
            }
        }
        let total = cells.total();
        let part = |step: usize| match total.at(step) {
            0 => 0.0,
            all => here.at(step) as f64 / all as f64,
        };
        match counted.sampled() {
            None => self.followed += here.at(0) as f64,
            Some(sampled) => {
                self.followed += sampled.followed as f64 * part(0);
                for (step, sum) in self.spread.iter_mut().enumerate() {
                    let spread = sampled.spread.get(step).copied().unwrap_or(0);
                    *sum += spread as f64 * part(step);
                }
            }
        }
    }

    /// The steps in order.
    pub fn steps(&self) -> impl Iterator<Item = FunnelStep> + '_ {
        let of = |step: usize| self.steps.at(step) as f64;
        (0..usize::from(self.source.steps)).map(move |step| {
            let gaps = step.checked_sub(1).and_then(|at| self.gaps.get(at));
            let quantile = |q| {
                let number = gaps.and_then(|gaps| gaps.quantile(q));
                number.map_or(Answer::Nothing, Answer::Number)
            };
            let spread = self.spread.get(step).copied().unwrap_or(0.0).max(0.0);
            FunnelStep {
                users: self.steps.at(step),
                share: share(of(step), of(0)),
                share_of_before: step
                    .checked_sub(1)
                    .map_or(Answer::Nothing, |before| share(of(step), of(before))),
                median: quantile(0.5),
                p90: quantile(0.9),
                error: match of(step) > 0.0 {
                    true => spread.sqrt() / of(step),
                    false => 0.0,
                },
            }
        })
    }

    /// The part of the attempts that were of users who are followed: 1 where all are.
    pub fn sampling(&self) -> f64 {
        match self.steps.at(0) {
            0 => 1.0,
            all => (self.followed / all as f64).clamp(0.0, 1.0),
        }
    }
}

/// The attempts of a value of a dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct FunnelRow<'b> {
    pub value: &'b [u8],
    pub steps: Steps,
    /// The most attempts of the value that may be in `~other`.
    pub error: u64,
}

impl FunnelRow<'_> {
    /// The share that reached the last of so many steps.
    pub fn share(&self, steps: usize) -> Answer {
        let last = self.steps.at(steps.saturating_sub(1));
        share(last as f64, self.steps.began() as f64)
    }
}

#[derive(Default, Clone, Copy)]
struct Line {
    steps: Steps,
    error: u64,
    floors: u64,
}

/// The attempts of each value of a dimension of `BY`, those of the most first; what is left, and what full
/// buckets have moved there, is `~other`. `parts`: pieces of a cover without minutes.
pub fn funnel_by<'b>(
    parts: &[(Piece, &'b Bucket)],
    source: FunnelSource,
    dimension: Text,
    limit: usize,
) -> (Vec<FunnelRow<'b>>, Option<FunnelRow<'static>>) {
    let mut lines: BTreeMap<&'b [u8], Line> = BTreeMap::new();
    let (mut other, mut floors, mut spilled) = (Steps::default(), 0u64, 0u64);
    for (piece, bucket) in parts {
        let table = counted(bucket, source).and_then(|it| it.table(dimension));
        let Some(table) = table else { continue };
        let slots = piece.slots();
        let here = table.other().map(|cells| cells.sum(slots.start, slots.end));
        let here = here.unwrap_or_default();
        let floor = table.floor().min(here.began());
        other = other.plus(here);
        spilled = spilled.saturating_add(here.began());
        floors = floors.saturating_add(floor);
        for (at, row) in table.rows().iter().enumerate() {
            let steps = row.cells().sum(slots.start, slots.end);
            let error = table.error(at).min(here.began());
            if steps.is_zero() && error == 0 {
                continue;
            }
            let line = lines.entry(row.value()).or_default();
            line.steps = line.steps.plus(steps);
            line.error = line.error.saturating_add(error);
            line.floors = line.floors.saturating_add(floor);
        }
    }
    let mut rows: Vec<FunnelRow> = { lines.into_iter() }
        .filter(|(_, line)| line.steps.began() > 0)
        .map(|(value, line)| {
            let without_a_row = floors.saturating_sub(line.floors);
            FunnelRow {
                value,
                steps: line.steps,
                error: without_a_row.saturating_add(line.error).min(spilled),
            }
        })
        .collect();
    // In the order of values already: a stable sort keeps it among equal numbers.
    rows.sort_by_key(|row| std::cmp::Reverse(row.steps.began()));
    for row in rows.iter().skip(limit) {
        other = other.plus(row.steps);
    }
    rows.truncate(limit);
    let errors = rows.iter().map(|row| row.error);
    let error = errors.fold(0, u64::saturating_add).min(spilled);
    let other = (!other.is_zero()).then_some(FunnelRow {
        value: OTHER,
        steps: other,
        error,
    });
    (rows, other)
}
