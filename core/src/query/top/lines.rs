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
        // A row is looked up in every bucket, so its hash has to be quick. Its seed is drawn for every query:
        // no client can choose values that share a place.
        let mut index: HashMap<Key<'b>, usize, RandomState> = HashMap::default();
        let (mut rows, mut events) = (Vec::new(), Vec::new());
        for (part, (piece, bucket)) in parts.iter().enumerate() {
            let Some(breakdown) = bucket.breakdown(axis.kind, axis.name.text()) else {
                continue;
            };
            rows.clear();
            let numbered = breakdown.rows().iter().zip(0..);
            rows.extend(numbered.filter(|(row, _)| axis.admits(row.value())));
            if index.is_empty() {
                index.reserve(rows.len());
                lines.lines.reserve(rows.len());
            }
            let spilled = lines.spill(part, piece, bucket, breakdown, axis, &rows);
            let floor = breakdown.floor().min(spilled);
            lines.floors = lines.floors.saturating_add(floor);
            events.clear();
            if needs.events {
                count(piece, &rows, &mut events);
            }
            let mut events = events.iter().copied();
            for (row, number) in &rows {
                let position = *index.entry(Key(row.value())).or_insert_with(|| {
                    lines.lines.push(Line::new(row.value()));
                    lines.lines.len() - 1
                });
                let Some(line) = lines.lines.get_mut(position) else {
                    continue;
                };
                line.events = line.events.saturating_add(events.next().unwrap_or(0));
                if spilled > 0 {
                    let error = breakdown.error(*number).min(spilled);
                    line.error = line.error.saturating_add(error);
                    line.floors = line.floors.saturating_add(floor);
                }
                if needs.entries {
                    let before = std::mem::replace(&mut line.last, lines.entries.len());
                    lines.entries.push(Entry {
                        tally: &row.tally,
                        part: part as u32,
                        line: position as u32,
                        before,
                    });
                }
            }
        }
        lines
    }

    /// Enters what a part has in `~other`; returns the most events of the axis that may be there.
    fn spill(
        &mut self,
        part: usize,
        piece: &Piece,
        bucket: &'b Bucket,
        breakdown: &'b Breakdown,
        axis: &Axis,
        rows: &[(&Row, usize)],
    ) -> u64 {
        let Some(other) = breakdown.other() else {
            return 0;
        };
        let mut most = events_of(piece, other);
        if !axis.is_held() {
            self.spilled.push((part, other));
            self.spilled_events = self.spilled_events.saturating_add(most);
        } else if let Some(of_axis) = axis.most_events(piece, bucket) {
            let in_rows = rows.iter().map(|(row, _)| events_of(piece, &row.tally));
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
fn count(piece: &Piece, rows: &[(&Row, usize)], events: &mut Vec<u64>) {
    for rows in rows.chunks(AHEAD) {
        let first = |(row, _): &(&Row, usize)| row.tally.slots().iter().next();
        black_box(
            rows.iter()
                .filter_map(first)
                .fold(0, |seen, (_, n)| seen ^ n),
        );
        events.extend(rows.iter().map(|(row, _)| events_of(piece, &row.tally)));
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
