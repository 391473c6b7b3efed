//! The heaviest values of a dimension over many buckets.
//!
//! A value's rows are grouped by its hash, and their events are summed up in the same pass; all else is
//! merged value by value. Values that are not among the heaviest are merged into one state, the rest.
//!
//! A bucket that was full has moved its lightest rows into `~other`. A value may then have counted
//! more than its rows say, but no more than each row's error and, where it has no row, the bucket's
//! floor; nor more than what `~other` has in the slots of the query.

mod axis;
mod distinct;
mod lines;
mod rank;
mod select;
mod sums;
mod table;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
mod visits;

pub use axis::Axis;
pub use table::{Asked, Table};
pub use visits::{top as top_by_visits, VisitTable};

use std::collections::BinaryHeap;

use super::fold::{rate, ratio, Answer, State};
use super::metric::{Aggregate, Measure, PeopleMeasure};
use crate::bucket::tally::Distinct;
use crate::bucket::{Bucket, OTHER};
use crate::time::Piece;
use lines::{Lines, Needs};
use rank::Candidate;
use select::{is_nothing, Others, Selection};

/// A value, or the rest: all that is in no row of the reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked<'b> {
    /// The value of a dimension, or the cell of a cube.
    pub value: &'b [u8],
    pub number: Answer,
    /// The part of all events with the dimension: of their number where numbers of rows add up, of all users
    /// or sessions for distinct counts, and of the events for averages, extremes and percentiles.
    pub share: Answer,
    /// How much larger the number may be in truth, because a full bucket moved values to `~other`; of `~other`
    /// itself smaller, unless the axis has held values. Nothing where there is no such bound.
    pub error: Answer,
    /// Further metrics of the row.
    pub with: Vec<Answer>,
}

/// Rows, the heaviest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranking<'b> {
    pub rows: Vec<Ranked<'b>>,
    pub other: Option<Ranked<'b>>,
    /// The number of sketches that were united.
    pub united: u64,
}

/// `seconds`: the time that rates divide by.
pub fn top<'b>(
    parts: &[(Piece, &'b Bucket)],
    axis: &Axis,
    measure: &Measure,
    limit: usize,
    seconds: f64,
) -> Ranking<'b> {
    // Grouping the lines has summed up the events: no row is read twice.
    let is_counted = matches!(measure, Measure::Events | Measure::EventRate);
    let needs = Needs {
        events: is_counted || !is_part_of_number(measure),
        entries: !is_counted,
    };
    let lines = Lines::gather(parts, axis, needs);
    let mut selection = Selection {
        lines: &lines,
        parts,
        measure,
        seconds,
        limit,
        is_cube: axis.is_cube(),
        shown: BinaryHeap::new(),
        others: Others {
            state: State::of(measure),
            events: lines.spilled_events,
        },
        state: State::of(measure),
    };
    match measure {
        Measure::Events | Measure::EventRate => {
            for line in &lines.lines {
                selection.state.count(line.events);
                selection.offer(line);
            }
        }
        // By another function: visits.rs. Funnels are not ranked.
        Measure::Visits(..) | Measure::Funnel(..) => {}
        Measure::Users => distinct::weigh(&mut selection, Distinct::Users),
        Measure::Sessions => distinct::weigh(&mut selection, Distinct::Sessions),
        Measure::People(_) | Measure::Value(_, Aggregate::Percentile(_)) => {
            let mut row = Vec::new();
            for line in &lines.lines {
                row.clear();
                row.extend(lines.row(parts, line));
                selection.state.add_all(&row);
                selection.offer(line);
            }
        }
        Measure::Value(name, _) => {
            for (line, sum) in lines.lines.iter().zip(sums::sums(parts, &lines, name)) {
                selection.state.add_summary(&sum);
                selection.offer(line);
            }
        }
    }
    let Selection {
        shown, mut others, ..
    } = selection;
    if is_counted {
        others.state.count(lines.spilled_events);
    } else {
        for (piece, bucket, tally) in lines.spilled(parts) {
            others.state.add(piece, bucket, tally);
        }
    }
    ranking(&lines, shown.into_sorted_vec(), others, measure, seconds)
}

/// `shown`: the heaviest first.
fn ranking<'b>(
    lines: &Lines<'b>,
    shown: Vec<Candidate<'_, 'b>>,
    others: Others,
    measure: &Measure,
    seconds: f64,
) -> Ranking<'b> {
    let other = others.state.answer(measure, seconds);
    let has_other = others.events > 0 || lines.most_spilled > 0 || !is_nothing(other);
    let mut all = others.state;
    let mut events = others.events;
    for candidate in &shown {
        all.merge(&candidate.state);
        events = events.saturating_add(candidate.rank.line.events);
    }
    let is_part_of_number = is_part_of_number(measure);
    let whole = match is_part_of_number {
        true => all.answer(measure, seconds),
        false => Answer::Count(events),
    };
    let share = |number: Answer, events: u64| match is_part_of_number {
        true => ratio(number, whole),
        false => ratio(Answer::Count(events), whole),
    };
    let errors = shown
        .iter()
        .map(|candidate| lines.error_of(candidate.rank.line));
    // With held values, what is in `~other` is not added to the row: it may be larger in truth.
    let errors = match lines.most_spilled > lines.spilled_events {
        true => lines.most_spilled,
        false => errors
            .fold(0, u64::saturating_add)
            .min(lines.spilled_events),
    };
    Ranking {
        rows: shown
            .iter()
            .map(|Candidate { rank, .. }| (rank.number, rank.line))
            .map(|(number, line)| Ranked {
                value: line.value,
                number,
                share: share(number, line.events),
                error: error(measure, lines.error_of(line), seconds),
                with: Vec::new(),
            })
            .collect(),
        united: all.united(),
        other: has_other.then(|| Ranked {
            value: OTHER,
            number: other,
            share: share(other, others.events),
            error: error(measure, errors, seconds),
            with: Vec::new(),
        }),
    }
}

/// What so many events, counted elsewhere, may change. There is a bound only for counts; sketches have
/// errors of their own.
fn error(measure: &Measure, events: u64, seconds: f64) -> Answer {
    match measure {
        Measure::Events
        | Measure::People(PeopleMeasure::New)
        | Measure::Value(_, Aggregate::Count) => Answer::Count(events),
        Measure::EventRate
        | Measure::People(PeopleMeasure::NewRate)
        | Measure::Value(_, Aggregate::Rate) => rate(events, seconds),
        measure if events == 0 && !measure.widens() => Answer::Number(0.0),
        _ => Answer::Nothing,
    }
}

/// Whether shares are of the number; else they are of the events.
fn is_part_of_number(measure: &Measure) -> bool {
    measure.is_additive()
        || measure.is_distinct()
        || matches!(measure, Measure::People(PeopleMeasure::Returning))
}
