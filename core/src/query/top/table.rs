//! Several columns a row: what `BY` ranks by, and what `WITH` adds.
//!
//! A column is a metric of each row. A term of it with a row of its own (`events@status=5xx`) is answered
//! from the cube of the axis and that row. Rows are those of the axis, whichever breakdown answers a column.

use std::collections::HashMap;

use super::lines::{Line, Lines, Needs};
use super::rank::Rank;
use super::{sums, top, Axis, Ranked, Ranking};
use crate::bucket::{Bucket, OTHER};
use crate::error::{shown, Error, Result};
use crate::query::fold::{ratio, Answer, State};
use crate::query::metric::{read_terms, Aggregate, Measure, TermText};
use crate::schema::{limits, Names};
use crate::time::Piece;

/// What `TOP` asks for.
#[derive(Debug, Clone)]
pub struct Table {
    pub axis: Axis,
    by: Column,
    with: Vec<Column>,
    limit: usize,
}

/// A metric of each row.
#[derive(Debug, Clone)]
struct Column {
    of: Cells,
    per: Option<Cells>,
}

/// What is measured, and of which rows.
#[derive(Debug, Clone)]
struct Cells {
    axis: Axis,
    measure: Measure,
}

/// The words of `TOP`, but for the number of rows.
#[derive(Debug, Default)]
pub struct Asked<'w> {
    pub listed: &'w [u8],
    /// Dimensions and their values.
    pub held: Vec<(&'w [u8], &'w [u8])>,
    pub by: Option<&'w [u8]>,
    pub with: Vec<&'w [u8]>,
}

impl Table {
    pub fn parse(asked: &Asked, limit: usize, names: Names) -> Result<Table> {
        let axis = Axis::parse(asked.listed, &asked.held, names)?;
        if asked.with.len() > limits::COLUMNS_PER_TOP {
            return Err(Error::new(format!(
                "{} metrics behind WITH are too many: a row has at most {}",
                asked.with.len(),
                limits::COLUMNS_PER_TOP
            )));
        }
        let column = |option: &str, text: &[u8]| {
            Column::parse(text, asked, names)
                .map_err(|error| Error::new(format!("{option} '{}': {error}", shown(text))))
        };
        let by = column("BY", asked.by.unwrap_or(b"events"))?;
        let with = asked.with.iter().map(|text| column("WITH", text));
        Ok(Table {
            by,
            with: with.collect::<Result<_>>()?,
            axis,
            limit,
        })
    }

    /// `seconds`: the time that rates divide by.
    pub fn rank<'b>(&self, parts: &[(Piece, &'b Bucket)], seconds: f64) -> Ranking<'b> {
        let is_plain = self.by.per.is_none() && self.by.of.axis == self.axis;
        let mut ranking = match is_plain {
            true => top(parts, &self.axis, &self.by.of.measure, self.limit, seconds),
            false => self.rank_by_column(parts, seconds),
        };
        let mut columns: Vec<&Column> = self.with.iter().collect();
        if !is_plain {
            columns.push(&self.by);
        }
        if columns.is_empty() {
            return ranking;
        }
        let mut rest = self.fill(parts, seconds, &columns, &mut ranking);
        if !is_plain {
            // The rows have it already.
            let number = rest.pop().unwrap_or(Answer::Nothing);
            for row in &mut ranking.rows {
                row.with.pop();
            }
            if let Some(other) = &mut ranking.other {
                other.number = number;
            }
        }
        if let Some(other) = &mut ranking.other {
            other.with = rest;
        }
        ranking
    }

    /// Rows by a number that one breakdown does not have. Shares are of the events.
    fn rank_by_column<'b>(&self, parts: &[(Piece, &'b Bucket)], seconds: f64) -> Ranking<'b> {
        let needs = Needs {
            events: true,
            entries: true,
        };
        let lines = Lines::gather(parts, &self.axis, needs);
        let mut united = 0;
        let (by, is_exact) = self.ranked_by(parts, &lines, seconds, &mut united);
        let error = match is_exact {
            true => Answer::Number(0.0),
            false => Answer::Nothing,
        };
        let with_events = lines
            .lines
            .iter()
            .zip(by)
            .filter(|(line, _)| line.events > 0);
        let mut ranks: Vec<Rank> = with_events
            .map(|(line, number)| Rank {
                number,
                line,
                is_cell: self.axis.is_cube(),
            })
            .collect();
        ranks.sort_unstable();
        let events = |ranks: &[Rank]| {
            { ranks.iter().map(|rank| rank.line.events) }.fold(0, u64::saturating_add)
        };
        let (shown, others) = ranks.split_at_checked(self.limit).unwrap_or((&ranks, &[]));
        let others_events = events(others).saturating_add(lines.spilled_events);
        let all = Answer::Count(events(shown).saturating_add(others_events));
        let rows = shown.iter().map(|rank| Ranked {
            value: rank.line.value,
            number: rank.number,
            share: ratio(Answer::Count(rank.line.events), all),
            error,
            with: Vec::new(),
        });
        Ranking {
            rows: rows.collect(),
            other: (others_events > 0 || lines.most_spilled > 0).then(|| Ranked {
                value: OTHER,
                number: Answer::Nothing,
                share: ratio(Answer::Count(others_events), all),
                error,
                with: Vec::new(),
            }),
            united,
        }
    }

    /// The number that each line is ranked by, and whether nothing of them is estimated or moved to `~other`.
    fn ranked_by(
        &self,
        parts: &[(Piece, &Bucket)],
        lines: &Lines,
        seconds: f64,
        united: &mut u64,
    ) -> (Vec<Answer>, bool) {
        let mut is_exact = lines.most_spilled == 0 && !self.by.widens();
        let mut numbers = |cells: &Cells| {
            let (numbers, spilled) = numbers(parts, &self.axis, lines, cells, seconds, united);
            is_exact &= !spilled;
            numbers
        };
        let mut by = numbers(&self.by.of);
        if let Some(per) = &self.by.per {
            for (of, per) in by.iter_mut().zip(numbers(per)) {
                *of = ratio(*of, per);
            }
        }
        (by, is_exact)
    }

    /// Adds a number for each of the columns to the rows; returns those of all other values.
    fn fill(
        &self,
        parts: &[(Piece, &Bucket)],
        seconds: f64,
        columns: &[&Column],
        ranking: &mut Ranking,
    ) -> Vec<Answer> {
        let shown = Shown::new(&self.axis, ranking);
        let cells: Vec<&Cells> = columns.iter().flat_map(|it| it.cells()).collect();
        let answers = shown.answers(parts, seconds, &cells, &mut ranking.united);
        let mut answers = answers.into_iter();
        let columns: Vec<Vec<Answer>> = { columns.iter() }
            .map(|column| column.combine(&mut answers))
            .collect();
        let at = |place: usize| {
            let column = columns.iter().map(move |column| column.get(place).copied());
            column
                .map(|answer| answer.unwrap_or(Answer::Nothing))
                .collect()
        };
        for (row, place) in ranking.rows.iter_mut().zip(0..) {
            row.with = at(place);
        }
        at(ranking.rows.len())
    }
}

impl Column {
    fn parse(text: &[u8], asked: &Asked, names: Names) -> Result<Column> {
        let cells = |term: TermText| {
            let row = term.row.iter().map(|(name, value)| (*name, &**value));
            let held: Vec<(&[u8], &[u8])> = asked.held.iter().copied().chain(row).collect();
            if matches!(term.measure, Measure::Visits(..)) {
                return Err(Error::new(
                    "visits are ranked by metrics of visits alone: BY visits WITH bounces:share",
                ));
            }
            if matches!(term.measure, Measure::Funnel(..)) {
                return Err(Error::new(
                    "funnels are not ranked by TOP: see FUNNEL site GET name window BY dimension",
                ));
            }
            let axis = Axis::parse(asked.listed, &held, names)?;
            if term.measure.counts_users() {
                axis.check_users()?;
            }
            Ok(Cells {
                axis,
                measure: term.measure,
            })
        };
        let (of, per) = read_terms(text, names)?;
        Ok(Column {
            of: cells(of)?,
            per: per.map(cells).transpose()?,
        })
    }

    fn cells(&self) -> impl Iterator<Item = &Cells> {
        std::iter::once(&self.of).chain(&self.per)
    }

    /// The numbers of the metric, of those of its cells that come next.
    fn combine(&self, answers: &mut impl Iterator<Item = Vec<Answer>>) -> Vec<Answer> {
        let of = answers.next().unwrap_or_default();
        match self.per {
            None => of,
            Some(_) => {
                let per = answers.next().unwrap_or_default();
                { of.into_iter().zip(per) }
                    .map(|(of, per)| ratio(of, per))
                    .collect()
            }
        }
    }

    fn widens(&self) -> bool {
        self.cells().any(|cells| cells.measure.widens())
    }
}

/// The rows of a reply, by their values.
struct Shown {
    places: HashMap<Vec<u8>, usize>,
    /// How many there are: the place of all other values.
    rest: usize,
}

impl Shown {
    fn new(axis: &Axis, ranking: &Ranking) -> Shown {
        let key = |row: &Ranked| {
            let mut key = Vec::new();
            axis.write_key(row.value, &mut key);
            key
        };
        Shown {
            places: ranking.rows.iter().map(key).zip(0..).collect(),
            rest: ranking.rows.len(),
        }
    }

    /// For each of the cells a number of every row, and then that of all other values. Cells of one axis share
    /// their states.
    fn answers(
        &self,
        parts: &[(Piece, &Bucket)],
        seconds: f64,
        cells: &[&Cells],
        united: &mut u64,
    ) -> Vec<Vec<Answer>> {
        let mut answers: Vec<Vec<Answer>> = vec![Vec::new(); cells.len()];
        for (place, first) in cells.iter().enumerate() {
            if cells.iter().take(place).any(|it| it.axis == first.axis) {
                continue;
            }
            let states = self.states(parts, &first.axis, || {
                let mut state = State::default();
                let on_axis = cells.iter().filter(|it| it.axis == first.axis);
                on_axis.for_each(|cells| state.add_measure(&cells.measure));
                state
            });
            *united += states.iter().map(State::united).sum::<u64>();
            for (cells, answers) in cells.iter().zip(&mut answers) {
                if cells.axis == first.axis {
                    let answer = |state: &State| state.answer(&cells.measure, seconds);
                    *answers = states.iter().map(answer).collect();
                }
            }
        }
        answers
    }

    /// The states of the rows, and then that of all other values, from the breakdown of an axis that lists
    /// the same dimensions.
    fn states(
        &self,
        parts: &[(Piece, &Bucket)],
        axis: &Axis,
        state: impl Fn() -> State,
    ) -> Vec<State> {
        let mut states: Vec<State> = (0..=self.rest).map(|_| state()).collect();
        let mut key = Vec::new();
        for (piece, bucket) in parts {
            let Some(breakdown) = bucket.breakdown(axis.kind, axis.name.text()) else {
                continue;
            };
            let rows = breakdown.rows().iter();
            for row in rows.filter(|row| axis.admits(row.value())) {
                axis.write_key(row.value(), &mut key);
                let place = self.places.get(&key).copied().unwrap_or(self.rest);
                if let Some(state) = states.get_mut(place) {
                    state.add(piece, bucket, &row.tally);
                }
            }
            let other = breakdown.other().filter(|_| !axis.is_held());
            if let (Some(other), Some(rest)) = (other, states.get_mut(self.rest)) {
                rest.add(piece, bucket, other);
            }
        }
        states
    }
}

/// A number for each line of the axis, and whether a bucket may have moved events of it to `~other`.
fn numbers(
    parts: &[(Piece, &Bucket)],
    axis: &Axis,
    lines: &Lines,
    cells: &Cells,
    seconds: f64,
    united: &mut u64,
) -> (Vec<Answer>, bool) {
    if cells.axis == *axis {
        let numbers = numbers_of(parts, lines, &cells.measure, seconds, united);
        return (numbers, false);
    }
    let needs = Needs {
        events: true,
        entries: true,
    };
    let other = Lines::gather(parts, &cells.axis, needs);
    let numbers = numbers_of(parts, &other, &cells.measure, seconds, united);
    let mut by_key: HashMap<Vec<u8>, Answer> = HashMap::with_capacity(numbers.len());
    for (line, number) in other.lines.iter().zip(numbers) {
        let mut key = Vec::new();
        cells.axis.write_key(line.value, &mut key);
        by_key.insert(key, number);
    }
    let nothing = State::of(&cells.measure).answer(&cells.measure, seconds);
    let mut key = Vec::new();
    let of_line = |line: &Line| {
        axis.write_key(line.value, &mut key);
        by_key.get(&key).copied().unwrap_or(nothing)
    };
    let numbers = lines.lines.iter().map(of_line).collect();
    (numbers, other.most_spilled > 0)
}

fn numbers_of(
    parts: &[(Piece, &Bucket)],
    lines: &Lines,
    measure: &Measure,
    seconds: f64,
    united: &mut u64,
) -> Vec<Answer> {
    let mut state = State::of(measure);
    let mut sums = match measure {
        Measure::Value(_, Aggregate::Percentile(_)) => None,
        Measure::Value(name, _) => Some(sums::sums(parts, lines, name).into_iter()),
        _ => None,
    };
    let mut row = Vec::new();
    let of_line = |line: &Line| {
        match (measure, sums.as_mut().and_then(Iterator::next)) {
            (Measure::Events | Measure::EventRate, _) => state.count(line.events),
            (_, Some(sum)) => state.add_summary(&sum),
            _ => {
                row.clear();
                row.extend(lines.row(parts, line));
                state.add_all(&row);
            }
        }
        let answer = state.answer(measure, seconds);
        *united += state.clear();
        answer
    };
    lines.lines.iter().map(of_line).collect()
}
