//! The heaviest values of a dimension over many buckets.
//!
//! A value's rows are brought together by its hash; what is counted is summed up on the way, and
//! what has to be merged is merged value by value, with one state that is used again and again.
//!
//! A bucket that was full has moved its lightest rows into `~other`. A value may then have counted
//! more than its rows say, but no more than each row's error and, where it has no row, the bucket's
//! floor; nor more than what lies in `~other` in the slots that are asked about.

mod axis;
#[cfg(test)]
mod tests;

pub use axis::Axis;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::bucket::{Bucket, OTHER};
use super::fold::{events_of, rate, Answer, State};
use super::metric::{Aggregate, Measure};
use super::site::Cube;
use super::tally::Tally;
use super::text::Text;
use super::time::Piece;

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
}

/// `seconds`: what rates are per.
pub fn top<'b>(
    parts: &[(Piece, &'b Bucket)],
    axis: &Axis,
    measure: &Measure,
    limit: usize,
    seconds: f64,
) -> Ranking<'b> {
    let lines = Lines::gather(parts, axis, is_counted(measure));
    let reader = Reader {
        parts,
        measure,
        seconds,
    };
    lines.rank(axis, &reader, limit)
}

/// Whether the events are all there is to know: no sketch and no summary is looked at.
fn is_counted(measure: &Measure) -> bool {
    matches!(measure, Measure::Events | Measure::EventRate)
}

/// Reads numbers off tallies.
struct Reader<'p, 'b> {
    parts: &'p [(Piece, &'b Bucket)],
    measure: &'p Measure,
    seconds: f64,
}

/// A tally in one of the parts, and the next one of the same value.
#[derive(Clone, Copy)]
struct Entry<'b> {
    part: usize,
    tally: &'b Tally,
    next: Option<usize>,
}

/// A value, wherever it has a row.
struct Line<'b> {
    value: &'b [u8],
    events: u64,
    /// Of its rows.
    error: u64,
    /// The floors of the buckets where it has a row.
    floors: u64,
    entries: Option<usize>,
}

struct Lines<'b> {
    lines: Vec<Line<'b>>,
    entries: Vec<Entry<'b>>,
    /// What has left its bucket's table.
    spilled: Vec<Entry<'b>>,
    spilled_events: u64,
    /// The floors of all buckets.
    floors: u64,
}

impl<'b> Lines<'b> {
    fn gather(parts: &[(Piece, &'b Bucket)], axis: &Axis, counts_only: bool) -> Lines<'b> {
        let breakdowns = || {
            let of =
                |(_, bucket): &(Piece, &'b Bucket)| bucket.breakdown(axis.kind, axis.name.text());
            parts.iter().map(of).enumerate().zip(parts)
        };
        let rows = breakdowns().map(|((_, it), _)| it.map_or(0, |it| it.rows().len()));
        let most = rows.max().unwrap_or(0);
        let mut index: Index<'b> = HashMap::with_capacity_and_hasher(most, Default::default());
        let mut lines = Lines {
            lines: Vec::with_capacity(most),
            entries: Vec::new(),
            spilled: Vec::new(),
            spilled_events: 0,
            floors: 0,
        };
        for ((part, breakdown), (piece, _)) in breakdowns() {
            let Some(breakdown) = breakdown else { continue };
            let spilled = lines.spill(part, piece, breakdown.other());
            let floor = breakdown.floor().min(spilled);
            lines.floors = lines.floors.saturating_add(floor);
            for row in breakdown.rows() {
                let place = *index.entry(Key(row.text())).or_insert_with(|| {
                    lines.lines.push(Line::new(row.value()));
                    lines.lines.len() - 1
                });
                let Some(line) = lines.lines.get_mut(place) else {
                    continue;
                };
                let events = events_of(piece, &row.tally);
                line.events = line.events.saturating_add(events);
                line.error = line.error.saturating_add(row.error().min(spilled));
                line.floors = line.floors.saturating_add(floor);
                if !counts_only {
                    let next = line.entries.replace(lines.entries.len());
                    let tally = &row.tally;
                    lines.entries.push(Entry { part, tally, next });
                }
            }
        }
        lines
    }

    fn spill(&mut self, part: usize, piece: &Piece, other: Option<&'b Tally>) -> u64 {
        let Some(tally) = other else { return 0 };
        let next = None;
        self.spilled.push(Entry { part, tally, next });
        let events = events_of(piece, tally);
        self.spilled_events = self.spilled_events.saturating_add(events);
        events
    }

    fn entries_of(&self, line: &Line) -> impl Iterator<Item = Entry<'b>> + '_ {
        let at = |place: usize| self.entries.get(place).copied();
        let first = line.entries.and_then(at);
        std::iter::successors(first, move |entry| entry.next.and_then(at))
    }

    fn rank(&self, axis: &Axis, reader: &Reader<'_, 'b>, limit: usize) -> Ranking<'b> {
        let state = &mut State::wanting(reader.measure);
        let mut shown: Vec<(Answer, &Line)> = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let number = reader.read(line.events, self.entries_of(line), state);
            if line.events > 0 || !is_nothing(number) {
                shown.push((number, line));
            }
        }
        let heaviest_first = |a: &(Answer, &Line), b: &(Answer, &Line)| {
            weight(b.0, a.0).then_with(|| by_value(axis, a.1.value, b.1.value))
        };
        if limit < shown.len() {
            shown.select_nth_unstable_by(limit, heaviest_first);
        }
        let outside = shown.split_off(limit.min(shown.len()));
        shown.sort_unstable_by(heaviest_first);

        let spilled = || self.spilled.iter().copied();
        let lines_outside = outside.iter().flat_map(|(_, line)| self.entries_of(line));
        let events_outside =
            sum(outside.iter().map(|(_, line)| line.events)).saturating_add(self.spilled_events);
        let other = reader.read(events_outside, lines_outside.chain(spilled()), state);

        let events_inside = sum(shown.iter().map(|(_, line)| line.events));
        let events = events_inside.saturating_add(events_outside);
        let whole = if reader.measure.is_additive() {
            let numbers = shown.iter().filter_map(|(number, _)| number.number());
            numbers.sum::<f64>() + other.number().unwrap_or(0.0)
        } else if reader.measure.is_distinct() {
            let all = self.entries.iter().copied().chain(spilled());
            reader.read(events, all, state).number().unwrap_or(0.0)
        } else {
            events as f64
        };
        let share = |number: Answer, events: u64| match reader.measure {
            measure if measure.is_additive() || measure.is_distinct() => part(number, whole),
            _ => part(Answer::Count(events), whole),
        };

        let has_other = events_outside > 0 || !is_nothing(other);
        let errors = sum(shown.iter().map(|(_, line)| self.error_of(line)));
        Ranking {
            rows: shown
                .iter()
                .map(|(number, line)| Ranked {
                    value: line.value,
                    number: *number,
                    share: share(*number, line.events),
                    error: reader.error(self.error_of(line)),
                })
                .collect(),
            other: has_other.then(|| Ranked {
                value: OTHER,
                number: other,
                share: share(other, events_outside),
                error: reader.error(errors.min(self.spilled_events)),
            }),
        }
    }

    /// How many events of a value may lie in `~other`.
    fn error_of(&self, line: &Line) -> u64 {
        let without_a_row = self.floors.saturating_sub(line.floors);
        let error = without_a_row.saturating_add(line.error);
        error.min(self.spilled_events)
    }
}

impl<'b> Line<'b> {
    fn new(value: &'b [u8]) -> Line<'b> {
        Line {
            value,
            events: 0,
            error: 0,
            floors: 0,
            entries: None,
        }
    }
}

impl<'b> Reader<'_, 'b> {
    /// The number of so many events, which are those of the entries.
    fn read(
        &self,
        events: u64,
        entries: impl Iterator<Item = Entry<'b>>,
        state: &mut State,
    ) -> Answer {
        match self.measure {
            Measure::Events => Answer::Count(events),
            Measure::EventRate => rate(events, self.seconds),
            measure => {
                state.clear();
                for entry in entries {
                    if let Some((piece, bucket)) = self.parts.get(entry.part) {
                        state.add(piece, bucket, entry.tally);
                    }
                }
                state.answer(measure, self.seconds)
            }
        }
    }

    /// What so many events, counted elsewhere, may change. Only of counts is it known how much; and
    /// sketches have errors of their own.
    fn error(&self, events: u64) -> Answer {
        match self.measure {
            Measure::Events | Measure::Value(_, Aggregate::Count) => Answer::Count(events),
            Measure::EventRate | Measure::Value(_, Aggregate::Rate) => rate(events, self.seconds),
            measure if events == 0 && !measure.widens() => Answer::Number(0.0),
            _ => Answer::Nothing,
        }
    }
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

fn is_nothing(number: Answer) -> bool {
    number.number().unwrap_or(0.0) == 0.0
}

fn part(number: Answer, whole: f64) -> Answer {
    match number.number() {
        Some(number) if whole != 0.0 && (number / whole).is_finite() => {
            Answer::Number(number / whole)
        }
        _ => Answer::Nothing,
    }
}

/// What was not measured is lightest.
fn weight(a: Answer, b: Answer) -> Ordering {
    match (a, b) {
        (Answer::Count(a), Answer::Count(b)) => a.cmp(&b),
        _ => {
            let number = |answer: Answer| answer.number().unwrap_or(f64::NEG_INFINITY);
            number(a).total_cmp(&number(b))
        }
    }
}

fn by_value(axis: &Axis, a: &[u8], b: &[u8]) -> Ordering {
    if axis.is_cube() {
        Cube::values_of(a).cmp(Cube::values_of(b))
    } else {
        a.cmp(b)
    }
}

/// A value, known by the hash that it has anyway.
#[derive(PartialEq, Eq)]
struct Key<'b>(Text<'b>);

type Index<'b> = HashMap<Key<'b>, usize, BuildHasherDefault<Given>>;

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.0.hash);
    }
}

/// Takes the hash that it is given for the hash.
#[derive(Default)]
struct Given(u64);

impl Hasher for Given {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
