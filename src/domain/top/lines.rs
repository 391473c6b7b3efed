//! The values of a dimension, each with its rows in all the buckets.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::Axis;
use crate::domain::bucket::Bucket;
use crate::domain::fold::events_of;
use crate::domain::tally::Tally;
use crate::domain::text::{same, Text};
use crate::domain::time::Piece;

/// A value, wherever it has a row.
pub(super) struct Line<'b> {
    pub(super) value: &'b [u8],
    pub(super) events: u64,
    /// Of its rows.
    error: u64,
    /// The floors of the buckets where it has a row.
    floors: u64,
    /// The last of its entries.
    entries: Option<usize>,
}

/// A tally in one of the parts, and the one before it of the same value.
#[derive(Clone, Copy)]
struct Entry<'b> {
    part: usize,
    tally: &'b Tally,
    before: Option<usize>,
}

#[derive(Default)]
pub(super) struct Lines<'b> {
    pub(super) lines: Vec<Line<'b>>,
    entries: Vec<Entry<'b>>,
    /// What has left its bucket's table.
    spilled: Vec<(usize, &'b Tally)>,
    pub(super) spilled_events: u64,
    /// The floors of all buckets.
    floors: u64,
}

/// What a part holds of a row.
pub(super) type PartOfRow<'p, 'b> = (&'p Piece, &'b Bucket, &'b Tally);

impl<'b> Lines<'b> {
    pub(super) fn gather(
        parts: &[(Piece, &'b Bucket)],
        axis: &Axis,
        with_entries: bool,
    ) -> Lines<'b> {
        let mut lines = Lines::default();
        let mut index: Index<'b> = HashMap::default();
        for (part, (piece, bucket)) in parts.iter().enumerate() {
            let Some(breakdown) = bucket.breakdown(axis.kind, axis.name.text()) else {
                continue;
            };
            if index.is_empty() {
                index.reserve(breakdown.rows().len());
                lines.lines.reserve(breakdown.rows().len());
            }
            let spilled = breakdown.other().map_or(0, |other| {
                lines.spilled.push((part, other));
                events_of(piece, other)
            });
            let floor = breakdown.floor().min(spilled);
            lines.spilled_events = lines.spilled_events.saturating_add(spilled);
            lines.floors = lines.floors.saturating_add(floor);
            for (row, number) in breakdown.rows().iter().zip(0..) {
                let place = *index.entry(Key(Text::new(row.value()))).or_insert_with(|| {
                    lines.lines.push(Line::new(row.value()));
                    lines.lines.len() - 1
                });
                let Some(line) = lines.lines.get_mut(place) else {
                    continue;
                };
                let events = events_of(piece, &row.tally);
                line.events = line.events.saturating_add(events);
                line.error = line
                    .error
                    .saturating_add(breakdown.error(number).min(spilled));
                line.floors = line.floors.saturating_add(floor);
                if with_entries {
                    let before = line.entries.replace(lines.entries.len());
                    let tally = &row.tally;
                    lines.entries.push(Entry {
                        part,
                        tally,
                        before,
                    });
                }
            }
        }
        lines
    }

    pub(super) fn row<'p>(
        &'p self,
        parts: &'p [(Piece, &'b Bucket)],
        line: &Line,
    ) -> impl Iterator<Item = PartOfRow<'p, 'b>> {
        let at = |place: usize| self.entries.get(place).copied();
        let last = line.entries.and_then(at);
        std::iter::successors(last, move |entry| entry.before.and_then(at))
            .filter_map(|entry| part_of_row(parts, entry.part, entry.tally))
    }

    pub(super) fn spilled<'p>(
        &'p self,
        parts: &'p [(Piece, &'b Bucket)],
    ) -> impl Iterator<Item = PartOfRow<'p, 'b>> {
        self.spilled
            .iter()
            .filter_map(|(part, tally)| part_of_row(parts, *part, tally))
    }

    /// How many events of a value may lie in `~other`.
    pub(super) fn error_of(&self, line: &Line) -> u64 {
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

fn part_of_row<'p, 'b>(
    parts: &'p [(Piece, &'b Bucket)],
    part: usize,
    tally: &'b Tally,
) -> Option<PartOfRow<'p, 'b>> {
    let (piece, bucket) = parts.get(part)?;
    Some((piece, *bucket, tally))
}

/// A value, known by the hash by which all texts are known.
#[derive(Eq)]
struct Key<'b>(Text<'b>);

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash && same(self.0.bytes, other.0.bytes)
    }
}

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
