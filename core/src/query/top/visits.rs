//! The values of a dimension by their visits.

use super::{Asked, Ranked, Ranking};
use crate::bucket::{Bucket, OTHER};
use crate::error::{shown, Error, Result};
use crate::query::answer::{rate, Answer};
use crate::query::metric::{read_terms, Measure, VisitMeasure};
use crate::schema::{check_of_visits, limits, Names};
use crate::text::{Name, Text};
use crate::time::Piece;
use crate::visitors::Amounts;
use std::collections::BTreeMap;

/// What `TOP` asks for of visits.
pub struct VisitTable {
    dimension: Name,
    by: VisitMeasure,
    with: Vec<VisitMeasure>,
    limit: usize,
}

impl VisitTable {
    /// None where it is not asked for visits: neither `BY` one of their metrics, nor without `BY` by entry
    /// or exit.
    pub fn parse(asked: &Asked, limit: usize, names: Names) -> Result<Option<VisitTable>> {
        let visits = names.site().and_then(|site| site.visits.as_deref());
        let is_derived = visits.is_some_and(|it| it.is_derived(Text::new(asked.listed)));
        let by = match asked.by {
            Some(text) => measure_of(text, names),
            None => is_derived.then_some(VisitMeasure::Visits),
        };
        let Some(by) = by else {
            return Ok(None);
        };
        check_of_visits(asked.listed, names)?;
        if !asked.held.is_empty() {
            return Err(Error::new(
                "visits are counted by one dimension at a time: no WHERE",
            ));
        }
        if asked.with.len() > limits::COLUMNS_PER_TOP {
            return Err(Error::new(format!(
                "{} metrics behind WITH are too many: a row has at most {}",
                asked.with.len(),
                limits::COLUMNS_PER_TOP
            )));
        }
        let with = asked.with.iter().map(|text| {
            measure_of(text, names).ok_or_else(|| {
                Error::new(format!(
                    "WITH '{}': beside visits stand metrics of visits, without a row",
                    shown(text)
                ))
            })
        });
        Ok(Some(VisitTable {
            dimension: Name::new(asked.listed),
            by,
            with: with.collect::<Result<_>>()?,
            limit,
        }))
    }

    /// `parts`: pieces of a cover without minutes. `seconds`: the time that rates divide by.
    pub fn rank<'b>(&self, parts: &[(Piece, &'b Bucket)], seconds: f64) -> Ranking<'b> {
        let dimension = self.dimension.text();
        rank(parts, dimension, self.by, &self.with, self.limit, seconds)
    }
}

/// The measure of a metric that is one of visits, without a row.
fn measure_of(text: &[u8], names: Names) -> Option<VisitMeasure> {
    match read_terms(text, names) {
        Ok((term, None)) if term.row.is_empty() => match term.measure {
            Measure::Visits(measure, _) => Some(measure),
            _ => None,
        },
        _ => None,
    }
}

#[derive(Default, Clone, Copy)]
struct Line {
    amounts: Amounts,
    /// The visits of the value that may be in `~other` of the buckets where it has a row.
    error: u64,
    /// The most that it could have there without one.
    floors: u64,
}

/// `parts`: pieces of a cover without minutes. `seconds`: the time that rates divide by.
pub fn top<'b>(
    parts: &[(Piece, &'b Bucket)],
    dimension: Text,
    measure: VisitMeasure,
    limit: usize,
    seconds: f64,
) -> Ranking<'b> {
    rank(parts, dimension, measure, &[], limit, seconds)
}

fn rank<'b>(
    parts: &[(Piece, &'b Bucket)],
    dimension: Text,
    measure: VisitMeasure,
    with: &[VisitMeasure],
    limit: usize,
    seconds: f64,
) -> Ranking<'b> {
    let mut lines: BTreeMap<&'b [u8], Line> = BTreeMap::new();
    let (mut other, mut floors, mut spilled) = (Amounts::default(), 0u64, 0u64);
    for (piece, bucket) in parts {
        let table = bucket.visits().and_then(|visits| visits.table(dimension));
        let Some(table) = table else { continue };
        let slots = piece.slots();
        let here = table.other().map(|cells| cells.sum(slots.start, slots.end));
        let here = here.unwrap_or_default();
        let moved = u64::try_from(here.visits).unwrap_or(0);
        let floor = table.floor().min(moved);
        other = other.plus(here);
        spilled = spilled.saturating_add(moved);
        floors = floors.saturating_add(floor);
        for (at, row) in table.rows().iter().enumerate() {
            let amounts = row.cells().sum(slots.start, slots.end);
            let error = table.error(at).min(moved);
            if amounts.is_zero() && error == 0 {
                continue;
            }
            let line = lines.entry(row.value()).or_default();
            line.amounts = line.amounts.plus(amounts);
            line.error = line.error.saturating_add(error);
            line.floors = line.floors.saturating_add(floor);
        }
    }
    let error_of = |line: &Line| {
        let without_a_row = floors.saturating_sub(line.floors);
        without_a_row.saturating_add(line.error).min(spilled)
    };
    let mut ranked: Vec<(f64, &[u8], Line)> = lines
        .into_iter()
        .filter(|(_, line)| line.amounts.visits > 0)
        .map(|(value, line)| {
            let number = measure.answer(line.amounts, seconds).number();
            (number.unwrap_or(f64::NEG_INFINITY), value, line)
        })
        .collect();
    // In the order of values already: a stable sort keeps it among equal numbers.
    ranked.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    let shown = ranked.len().min(limit);
    let rest = ranked.split_off(shown);
    for (.., line) in &rest {
        other = other.plus(line.amounts);
    }
    let all = ranked
        .iter()
        .fold(other, |all, (.., line)| all.plus(line.amounts));
    let share = |amounts: Amounts| {
        let of = |amounts| match measure.is_additive() {
            true => measure.answer(amounts, seconds).number().unwrap_or(0.0),
            false => amounts.visits.max(0) as f64,
        };
        let share = of(amounts) / of(all);
        match share.is_finite() {
            true => Answer::Number(share),
            false => Answer::Nothing,
        }
    };
    let errors = ranked.iter().map(|(.., line)| error_of(line));
    let errors = errors.fold(0, u64::saturating_add).min(spilled);
    let row = |value, amounts, error| Ranked {
        value,
        number: measure.answer(amounts, seconds),
        share: share(amounts),
        error: bound(measure, error, seconds),
        with: { with.iter() }
            .map(|measure| measure.answer(amounts, seconds))
            .collect(),
    };
    Ranking {
        rows: ranked
            .iter()
            .map(|(_, value, line)| row(value, line.amounts, error_of(line)))
            .collect(),
        other: (other.visits > 0).then(|| row(OTHER, other, errors)),
        united: 0,
    }
}

/// What so many visits, counted elsewhere, may change. There is a bound only for counts.
fn bound(measure: VisitMeasure, visits: u64, seconds: f64) -> Answer {
    match measure {
        VisitMeasure::Visits | VisitMeasure::Bounces => Answer::Count(visits),
        VisitMeasure::VisitRate | VisitMeasure::BounceRate => rate(visits, seconds),
        _ if visits == 0 => Answer::Number(0.0),
        _ => Answer::Nothing,
    }
}
