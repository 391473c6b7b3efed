//! The heaviest values of a dimension over many buckets.
//!
//! A value's rows are brought together by its hash; events are summed up on the way, and all else is
//! merged value by value. What is not among the heaviest goes into the state of all that lies outside.
//!
//! A bucket that was full has moved its lightest rows into `~other`. A value may then have counted
//! more than its rows say, but no more than each row's error and, where it has no row, the bucket's
//! floor; nor more than what lies in `~other` in the slots that are asked about.

mod axis;
mod distinct;
mod lines;
mod rank;
mod select;
mod sums;
#[cfg(test)]
mod tests;

pub use axis::Axis;

use std::collections::BinaryHeap;

use super::fold::{rate, Answer, State};
use super::metric::{Aggregate, Measure};
use crate::bucket::tally::Distinct;
use crate::bucket::{Bucket, OTHER};
use crate::time::Piece;
use lines::{Lines, Wanted};
use rank::Candidate;
use select::{is_nothing, Outside, Selection};

/// A value, or all that lies outside of the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked<'b> {
    /// Of a cube, a cell.
    pub value: &'b [u8],
    pub number: Answer,
    /// Of all that carried the dimension: of their number where numbers of rows add up, of all users
    /// or sessions for distinct counts, and of the events for averages, extremes and percentiles.
    pub share: Answer,
    /// How much more the number may really be (of `~other`: how much less), because values left a
    /// bucket that was full. Nothing, where that cannot be said.
    pub error: Answer,
}

/// Rows, the heaviest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranking<'b> {
    pub rows: Vec<Ranked<'b>>,
    pub other: Option<Ranked<'b>>,
    /// How many sketches were united for it.
    pub united: u64,
}

/// `seconds`: what rates are per.
pub fn top<'b>(
    parts: &[(Piece, &'b Bucket)],
    axis: &Axis,
    measure: &Measure,
    limit: usize,
    seconds: f64,
) -> Ranking<'b> {
    // Of events the numbers are known when the lines are: no row is looked at twice.
    let is_counted = matches!(measure, Measure::Events | Measure::EventRate);
    let wanted = Wanted {
        events: is_counted || !is_part_of_number(measure),
        entries: !is_counted,
    };
    let lines = Lines::gather(parts, axis, wanted);
    let mut selection = Selection {
        lines: &lines,
        parts,
        measure,
        seconds,
        limit,
        is_cube: axis.is_cube(),
        shown: BinaryHeap::new(),
        outside: Outside {
            state: State::wanting(measure),
            events: lines.spilled_events,
        },
        state: State::wanting(measure),
    };
    match measure {
        Measure::Events | Measure::EventRate => {
            for line in &lines.lines {
                selection.state.count(line.events);
                selection.offer(line);
            }
        }
        Measure::Users => distinct::weigh(&mut selection, Distinct::Users),
        Measure::Sessions => distinct::weigh(&mut selection, Distinct::Sessions),
        Measure::Value(_, Aggregate::Percentile(_)) => {
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
        shown, mut outside, ..
    } = selection;
    if is_counted {
        outside.state.count(lines.spilled_events);
    } else {
        for (piece, bucket, tally) in lines.spilled(parts) {
            outside.state.add(piece, bucket, tally);
        }
    }
    ranking(&lines, shown.into_sorted_vec(), outside, measure, seconds)
}

/// `shown`: the heaviest first.
fn ranking<'b>(
    lines: &Lines<'b>,
    shown: Vec<Candidate<'_, 'b>>,
    outside: Outside,
    measure: &Measure,
    seconds: f64,
) -> Ranking<'b> {
    let other = outside.state.answer(measure, seconds);
    let has_other = outside.events > 0 || !is_nothing(other);
    let mut all = outside.state;
    let mut events = outside.events;
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
    let errors = errors
        .fold(0, u64::saturating_add)
        .min(lines.spilled_events);
    Ranking {
        rows: shown
            .iter()
            .map(|Candidate { rank, .. }| (rank.number, rank.line))
            .map(|(number, line)| Ranked {
                value: line.value,
                number,
                share: share(number, line.events),
                error: error(measure, lines.error_of(line), seconds),
            })
            .collect(),
        united: all.united(),
        other: has_other.then(|| Ranked {
            value: OTHER,
            number: other,
            share: share(other, outside.events),
            error: error(measure, errors, seconds),
        }),
    }
}

/// What so many events, counted elsewhere, may change. Only of counts is it known how much; and
/// sketches have errors of their own.
fn error(measure: &Measure, events: u64, seconds: f64) -> Answer {
    match measure {
        Measure::Events | Measure::Value(_, Aggregate::Count) => Answer::Count(events),
        Measure::EventRate | Measure::Value(_, Aggregate::Rate) => rate(events, seconds),
        measure if events == 0 && !measure.widens() => Answer::Number(0.0),
        _ => Answer::Nothing,
    }
}

/// Whether shares are of the number; else they are of the events.
fn is_part_of_number(measure: &Measure) -> bool {
    measure.is_additive() || measure.is_distinct()
}

fn ratio(number: Answer, whole: Answer) -> Answer {
    let ratio = number.number().zip(whole.number());
    let ratio = ratio.map(|(number, whole)| number / whole);
    match ratio {
        Some(ratio) if ratio.is_finite() => Answer::Number(ratio),
        _ => Answer::Nothing,
    }
}
