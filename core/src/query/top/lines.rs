//! The values of a dimension, each with its rows in all the buckets.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::hint::black_box;

use foldhash::fast::RandomState;

use super::Axis;
use crate::bucket::tally::Tally;
use crate::bucket::{Breakdown, Bucket, Row};
use crate::prefetch::AHEAD;
use crate::query::fold::events_of;
use crate::text::same;
use crate::time::Piece;

/// A value with its rows in all parts.
pub(super) struct Line<'b> {
    pub(super) value: &'b [u8],
    /// Its events, if `Needs` has them.
    pub(super) events: u64,
    /// The sum of the errors of its rows.
    error: u64,
    /// The sum of the floors of the buckets where it has a row.
    floors: u64,
    /// The index of its last entry.
    last: usize,
}

/// A row of one of the parts.
#[derive(Clone, Copy)]
pub(super) struct Entry<'b> {
    pub(super) tally: &'b Tally,
    part: u32,
    line: u32,
    /// The index of the entry before it of the same value.
    before: usize,
}

/// The index of no entry.
const NONE: usize = usize::MAX;

impl Entry<'_> {
    /// The index of its value among the lines.
    pub(super) fn line(&self) -> usize {
        self.line as usize
    }
}

/// What is read of every row: nothing else of it is.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    pub(super) events: bool,
    pub(super) entries: bool,
}

pub(super) struct Lines<'b> {
    pub(super) needs: Needs,
    pub(super) lines: Vec<Line<'b>>,
    /// The entries of one part after the other, in the order of its rows.
    entries: Vec<Entry<'b>>,
    /// The `~other` of each part that has one; of an axis with held values none, for it has other values'
    /// events as well.
    spilled: Vec<(usize, &'b Tally)>,
    /// The events of `spilled`.
    pub(super) spilled_events: u64,
    /// The most events of the axis that may be in a `~other`.
    pub(super) most_spilled: u64,
    /// The floors of all buckets.
    floors: u64,
}

/// The breakdown of an axis in one part.
struct Source<'p, 'b> {
    part: usize,
    piece: &'p Piece,
    bucket: &'b Bucket,
    breakdown: &'b Breakdown,
    axis: &'p Axis,
}

/// Finds the lines while they are gathered.
#[derive(Default)]
struct Lookup<'b> {
    /// The positions of the lines. A row is looked up in every bucket, so its hash has to be quick. Its seed is
    /// drawn for every query: no client can choose values that share a place.
    index: HashMap<Key<'b>, usize, RandomState>,
    /// The events of the rows that are entered.
    events: Vec<u64>,
}

/// A row in one part.
pub(super) type PartOfRow<'p, 'b> = (&'p Piece, &'b Bucket, &'b Tally);

impl<'b> Lines<'b> {
    pub(super) fn gather(parts: &[(Piece, &'b Bucket)], axis: &Axis, needs: Needs) -> Lines<'b> {
        let mut lines = Lines {
            needs,
            lines: Vec::new(),
            entries: Vec::new(),
            spilled: Vec::new(),
            spilled_events: 0,
            most_spilled: 0,
            floors: 0,
        };
        let mut lookup = Lookup::default();
        let mut admitted = Vec::new();
        for (part, (piece, bucket)) in parts.iter().enumerate() {
            let Some(breakdown) = bucket.breakdown(axis.kind, axis.name.text()) else {
                continue;
            };
            let source = Source {
                part,
                piece,
                bucket,
                breakdown,
                axis,
            };
            let rows = breakdown.rows().iter().enumerate();
            // A copy of the references to all rows would take an eighth of the time of a query.
            if axis.is_held() {
                admitted.clear();
                admitted.extend(rows.filter(|(_, row)| axis.admits(row.value())));
                lines.enter(&source, admitted.iter().copied(), &mut lookup);
            } else {
                lines.enter(&source, rows, &mut lookup);
            }
        }
        lines
    }

    /// Enters rows of a part, with their numbers.
    fn enter(
        &mut self,
        source: &Source<'_, 'b>,
        rows: impl ExactSizeIterator<Item = (usize, &'b Row)> + Clone,
        lookup: &mut Lookup<'b>,
    ) {
        let Lookup { index, events } = lookup;
        if index.is_empty() {
            index.reserve(rows.len());
            self.lines.reserve(rows.len());
        }
        let spilled = self.spill(source, rows.clone());
        let floor = source.breakdown.floor().min(spilled);
        self.floors = self.floors.saturating_add(floor);
        events.clear();
        if self.needs.events {
            count(source.piece, rows.clone(), events);
        }
        let mut events = events.iter().copied();
        for (number, row) in rows {
            let position = *index.entry(Key(row.value())).or_insert_with(|| {
                self.lines.push(Line::new(row.value()));
                self.lines.len() - 1
            });
            let Some(line) = self.lines.get_mut(position) else {
                continue;
            };
            line.events = line.events.saturating_add(events.next().unwrap_or(0));
            if spilled > 0 {
                let error = source.breakdown.error(number).min(spilled);
                line.error = line.error.saturating_add(error);
                line.floors = line.floors.saturating_add(floor);
            }
            if self.needs.entries {
                let before = std::mem::replace(&mut line.last, self.entries.len());
                self.entries.push(Entry {
                    tally: &row.tally,
                    part: source.part as u32,
                    line: position as u32,
                    before,
                });
            }
        }
    }

    /// Enters what a part has in `~other`; returns the most events of the axis that may be there.
    fn spill(
        &mut self,
        source: &Source<'_, 'b>,
        rows: impl Iterator<Item = (usize, &'b Row)>,
    ) -> u64 {
        let Some(other) = source.breakdown.other() else {
            return 0;
        };
        let (piece, axis) = (source.piece, source.axis);
        let mut most = events_of(piece, other);
        if !axis.is_held() {
            self.spilled.push((source.part, other));
            self.spilled_events = self.spilled_events.saturating_add(most);
        } else if let Some(of_axis) = axis.most_events(piece, source.bucket) {
            let in_rows = rows.map(|(_, row)| events_of(piece, &row.tally));
            let in_rows = in_rows.fold(0, u64::saturating_add);
            most = most.min(of_axis.saturating_sub(in_rows));
        }
        self.most_spilled = self.most_spilled.saturating_add(most);
        most
    }

    /// The rows of all parts.
    pub(super) fn entries(&self) -> &[Entry<'b>] {
        &self.entries
    }

    /// The rows of a part, the last part first.
    pub(super) fn by_part<'p>(
        &'p self,
        parts: &'p [(Piece, &'b Bucket)],
    ) -> impl Iterator<Item = (&'p Piece, &'b Bucket, &'p [Entry<'b>])> {
        let runs = self.entries.chunk_by(|a, b| a.part == b.part).rev();
        runs.filter_map(|entries| {
            let (piece, bucket) = parts.get(entries.first()?.part as usize)?;
            Some((piece, *bucket, entries))
        })
    }

    /// The rows of a value, that of the last part first.
    pub(super) fn row<'p>(
        &'p self,
        parts: &'p [(Piece, &'b Bucket)],
        line: &Line,
    ) -> impl Iterator<Item = PartOfRow<'p, 'b>> {
        let at = |position: usize| self.entries.get(position).copied();
        std::iter::successors(at(line.last), move |entry| at(entry.before))
            .filter_map(|entry| part_of_row(parts, entry.part as usize, entry.tally))
    }

    /// Whether any event of a value was counted, for queries that do not sum them up.
    pub(super) fn has_events(&self, parts: &[(Piece, &'b Bucket)], line: &Line) -> bool {
        line.events > 0 || { self.row(parts, line) }
            .any(|(piece, _, tally)| events_of(piece, tally) > 0)
    }

    pub(super) fn spilled<'p>(
        &'p self,
        parts: &'p [(Piece, &'b Bucket)],
    ) -> impl Iterator<Item = PartOfRow<'p, 'b>> {
        self.spilled
            .iter()
            .filter_map(|(part, tally)| part_of_row(parts, *part, tally))
    }

    /// How many events of a value may be counted in `~other`.
    pub(super) fn error_of(&self, line: &Line) -> u64 {
        let without_a_row = self.floors.saturating_sub(line.floors);
        let error = without_a_row.saturating_add(line.error);
        error.min(self.most_spilled)
    }
}

impl<'b> Line<'b> {
    fn new(value: &'b [u8]) -> Line<'b> {
        Line {
            value,
            events: 0,
            error: 0,
            floors: 0,
            last: NONE,
        }
    }
}

/// The events of every row. They are in memory of their own: reading all of them first, with nothing to
/// do in between, lets the processor wait for those of many rows at once.
fn count<'b>(
    piece: &Piece,
    mut rows: impl ExactSizeIterator<Item = (usize, &'b Row)> + Clone,
    events: &mut Vec<u64>,
) {
    let first = |(_, row): (usize, &Row)| row.tally.slots().iter().next();
    while rows.len() > 0 {
        let some = rows.clone().take(AHEAD);
        black_box(
            some.clone()
                .filter_map(first)
                .fold(0, |seen, (_, n)| seen ^ n),
        );
        events.extend(some.map(|(_, row)| events_of(piece, &row.tally)));
        rows.nth(AHEAD - 1);
    }
}

fn part_of_row<'p, 'b>(
    parts: &'p [(Piece, &'b Bucket)],
    part: usize,
    tally: &'b Tally,
) -> Option<PartOfRow<'p, 'b>> {
    let (piece, bucket) = parts.get(part)?;
    Some((piece, *bucket, tally))
}

/// A value. There is nothing else in a key, so that its length is not hashed.
#[derive(Eq)]
struct Key<'b>(&'b [u8]);

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        same(self.0, other.0)
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write(self.0);
    }
}
