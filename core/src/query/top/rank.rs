//! The order of values, and what may have to leave the heaviest of them.

use std::cmp::Ordering;

use super::lines::Line;
use crate::query::fold::{Answer, State};
use crate::schema::Cube;

/// The order of values: the heaviest is first.
#[derive(Clone, Copy)]
pub(super) struct Rank<'l, 'b> {
    pub(super) number: Answer,
    pub(super) line: &'l Line<'b>,
    pub(super) is_cell: bool,
}

/// A value and its number.
pub(super) struct Candidate<'l, 'b> {
    pub(super) rank: Rank<'l, 'b>,
    pub(super) state: State,
}

/// Compares weights. What was not measured is lighter than any number.
fn weight(a: Answer, b: Answer) -> Ordering {
    match (a, b) {
        (Answer::Count(a), Answer::Count(b)) => a.cmp(&b),
        _ => {
            let number = |answer: Answer| answer.number().unwrap_or(f64::NEG_INFINITY);
            number(a).total_cmp(&number(b))
        }
    }
}

impl Ord for Rank<'_, '_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (ours, theirs) = (self.line.value, other.line.value);
        weight(other.number, self.number).then_with(|| match self.is_cell {
            true => Cube::values_of(ours).cmp(Cube::values_of(theirs)),
            false => ours.cmp(theirs),
        })
    }
}

impl PartialOrd for Rank<'_, '_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Rank<'_, '_> {}

impl Ord for Candidate<'_, '_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Candidate<'_, '_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate<'_, '_> {}
