//! A dimension or a cube inside one bucket: its values, each with its tally, at most so many of them.
//!
//! Past the capacity this is space-saving, done in batches: the lightest eighth of the rows moves
//! into `~other` at once. A row's weight is what it counted plus its error, and the heaviest weight
//! that ever left is the `floor`: a value that is not in the table may have lost that many events to
//! `~other`, and no more. A value that comes in later starts with the floor as its error. So rows and
//! `~other` add up to the total exactly, a value's true count is in `events ..= events + error`, and
//! a value heavier than the floor never leaves.
//!
//! ```text
//! stored:  kind | name (not of `event`) | spilled? | [floor | ~other] | (1 | row)* | 0
//! row:     value | error (only when spilled) | tally          values ascending
//! ```

use super::table::{Row, Table};
use crate::bucket::tally::{Distinct, Tally, ValueOrder};
use crate::codec::{corrupt, in_order, Reader, Writer};
use crate::error::Corrupt;
use crate::event::RowKind;
use crate::memory::allocated;
use crate::schema::limits;
use crate::schema::{check_dimension_name, cube_parts, Cube};
use crate::sketch::hll::Sketch;
use crate::text::{same, Kept, Text};

/// The row of all values that have no row of their own. A value of this name is counted there, too.
pub const OTHER: &[u8] = b"~other";

#[derive(Debug, Clone)]
pub struct Breakdown {
    kind: RowKind,
    /// Half of the name's hash: enough to exclude nearly all others.
    hash: u32,
    /// None for `event`. Behind a pointer, for in a bucket of few users most memory is breakdowns.
    name: Option<Box<Kept>>,
    table: Table,
}

impl Breakdown {
    pub fn new(kind: RowKind, name: Text) -> Breakdown {
        Breakdown {
            kind,
            hash: name.hash as u32,
            name: (kind != RowKind::Event).then(|| Box::new(Kept::new(name.bytes))),
            table: Table::default(),
        }
    }

    #[inline]
    pub fn is(&self, kind: RowKind, name: Text) -> bool {
        self.kind == kind
            && (kind == RowKind::Event
                || (self.hash == name.hash as u32 && same(self.name(), name.bytes)))
    }

    #[inline]
    fn name(&self) -> &[u8] {
        self.name.as_deref().map_or(b"", Kept::bytes)
    }

    pub fn order(&self) -> (RowKind, &[u8]) {
        (self.kind, self.name())
    }

    /// The rows, in no order.
    pub fn rows(&self) -> &[Row] {
        self.table.rows()
    }

    /// The most events of this row's value that may be counted in `~other`.
    pub fn error(&self, row: usize) -> u64 {
        let errors = self.table.spill().map(|spill| &spill.errors);
        errors.and_then(|it| it.get(row)).copied().unwrap_or(0)
    }

    pub fn other(&self) -> Option<&Tally> {
        Some(&self.table.spill()?.other)
    }

    /// The most events that a value without a row can have had.
    pub fn floor(&self) -> u64 {
        self.table.spill().map_or(0, |spill| spill.floor)
    }

    pub fn row(&self, value: Text) -> Option<&Row> {
        self.table.find(value)
    }

    /// Whether no row was ever evicted.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.table.spill().is_none()
    }

    /// What was counted of a value, `~other` included.
    pub fn tally(&self, value: Text) -> Option<&Tally> {
        if value.bytes == OTHER {
            return self.other();
        }
        self.row(value).map(|row| &row.tally)
    }

    /// Passes the tally of a value to `count`: of its row, which is made if there is none, or of `~other`.
    #[inline]
    pub fn count(&mut self, value: Text, capacity: usize, count: impl FnOnce(&mut Tally)) {
        match self.table.find_mut(value) {
            Some(row) => count(&mut row.tally),
            None => self.count_new(value, capacity, count),
        }
    }

    #[cold]
    #[inline(never)]
    fn count_new(&mut self, value: Text, capacity: usize, count: impl FnOnce(&mut Tally)) {
        if value.bytes == OTHER {
            return count(&mut self.table.spill_mut().other);
        }
        if self.rows().len() >= capacity {
            self.evict(capacity);
        }
        let mut row = Row::new(value);
        count(&mut row.tally);
        self.push(row, value);
    }

    /// Merges users or sessions of a value that were counted elsewhere. Returns whether anything changed.
    ///
    /// A row without events evicts no other row: when the table is full, its users are counted in `~other`.
    pub fn import(
        &mut self,
        value: Text,
        what: Distinct,
        sketch: &Sketch,
        capacity: usize,
    ) -> bool {
        if let Some(row) = self.table.find_mut(value) {
            return row.tally.import(what, sketch);
        }
        if value.bytes == OTHER || self.rows().len() >= capacity {
            return self.table.spill_mut().other.import(what, sketch);
        }
        let mut row = Row::new(value);
        let is_new = row.tally.import(what, sketch);
        self.push(row, value);
        is_new
    }

    /// Adds a row. Its error is the floor: so many events of its value may be counted in `~other`.
    fn push(&mut self, row: Row, value: Text) {
        self.table.push(row, value.hash, self.floor());
    }

    /// Moves the lightest rows into `~other` until an eighth of the capacity is free.
    fn evict(&mut self, capacity: usize) {
        let keep = capacity - (capacity / 8).clamp(1, capacity);
        let leave = self.rows().len().saturating_sub(keep);
        if leave == 0 {
            return;
        }
        // By weight, then by value, so that the order of events does not matter.
        let mut order: Vec<(u64, u32)> = (0u32..)
            .zip(self.rows())
            .map(|(row, it)| {
                (
                    it.tally.events().saturating_add(self.error(row as usize)),
                    row,
                )
            })
            .collect();
        let rows = self.rows();
        let value = |row: u32| rows.get(row as usize).map(Row::value);
        let (_, last, _) = order.select_nth_unstable_by(leave - 1, |a, b| {
            a.0.cmp(&b.0).then_with(|| value(a.1).cmp(&value(b.1)))
        });
        let heaviest = last.0;
        order.truncate(leave);
        // Sums of very large and very small numbers depend on the order in which they are added.
        order.sort_unstable_by(|a, b| value(a.1).cmp(&value(b.1)));
        let mut evicted = vec![false; rows.len()];
        for (_, row) in &order {
            if let Some(evicted) = evicted.get_mut(*row as usize) {
                *evicted = true;
            }
        }
        let many = self.table.widen_to_many();
        let spill = many.spill.get_or_insert_default();
        spill.floor = spill.floor.max(heaviest);
        spill.errors.resize(many.rows.len(), 0);
        let mut of_errors = evicted.iter();
        spill
            .errors
            .retain(|_| !of_errors.next().copied().unwrap_or(false));
        let leaving = order.iter().map(|(_, row)| *row as usize);
        for row in leaving.filter_map(|row| many.rows.get(row)) {
            spill.other.merge(&row.tally);
        }
        let mut of_rows = evicted.iter();
        many.rows
            .retain(|_| !of_rows.next().copied().unwrap_or(false));
        many.build_index();
    }

    pub fn heap_bytes(&self) -> usize {
        let name = self
            .name
            .as_ref()
            .map_or(0, |name| allocated(size_of::<Kept>()) + name.heap_bytes());
        name + self.table.heap_bytes()
    }

    pub fn encode(&self, writer: &mut Writer, ids: &ValueOrder) {
        writer.u8(self.kind as u8);
        if self.kind != RowKind::Event {
            writer.bytes(self.name());
        }
        match self.table.spill() {
            None => writer.u8(0),
            Some(spill) => {
                writer.u8(1);
                writer.varint(spill.floor);
                spill.other.encode(writer, ids);
            }
        }
        for (index, row) in in_order(self.rows(), Row::value) {
            writer.turn_page();
            writer.u8(1);
            writer.bytes(row.value());
            if self.other().is_some() {
                writer.varint(self.error(index));
            }
            row.tally.encode(writer, ids);
        }
        writer.u8(0);
    }

    pub fn decode(reader: &mut Reader, slots: u8, values: usize) -> Result<Breakdown, Corrupt> {
        let kind = match reader.u8("breakdown kind")? {
            0 => RowKind::Event,
            1 => RowKind::Dimension,
            2 => RowKind::Cube,
            _ => return Err(corrupt("breakdown kind", "unknown")),
        };
        let (name, dimensions) = decode_name(kind, reader)?;
        let mut breakdown = Breakdown::new(kind, Text::new(name));
        let spilled = match reader.u8("spilled")? {
            0 => false,
            1 => {
                let floor = reader.varint("floor")?;
                let other = Tally::decode(reader, slots, values)?;
                let spill = breakdown.table.spill_mut();
                (spill.floor, spill.other) = (floor, other);
                true
            }
            _ => return Err(corrupt("spilled", "neither 0 nor 1")),
        };
        let longest = match kind {
            RowKind::Event => limits::NAME,
            RowKind::Dimension => limits::DIMENSION_VALUE,
            RowKind::Cube => limits::CELL,
        };
        while reader.next_item("row")? {
            if breakdown.rows().len() >= limits::DIMENSION_CAPACITY {
                return Err(corrupt("rows", "more than any capacity"));
            }
            let value = Text::new(reader.bytes("row value", longest)?);
            if breakdown
                .rows()
                .last()
                .is_some_and(|before| before.value() >= value.bytes)
            {
                return Err(corrupt("row value", "not ascending"));
            }
            if value.bytes == OTHER {
                return Err(corrupt("row value", "~other has no row of its own"));
            }
            if kind == RowKind::Event && value.bytes.is_empty() {
                return Err(corrupt("row value", "an event without a type"));
            }
            if kind == RowKind::Cube && !Cube::is_cell(value.bytes, dimensions) {
                return Err(corrupt("row value", "no cell of the cube"));
            }
            let error = match spilled {
                false => 0,
                true => reader.varint_to("row error", breakdown.floor())?,
            };
            let mut row = Row::new(value);
            row.tally = Tally::decode(reader, slots, values)?;
            breakdown.table.push(row, value.hash, error);
        }
        if breakdown.rows().is_empty() && breakdown.other().is_none() {
            return Err(corrupt("rows", "none"));
        }
        Ok(breakdown)
    }
}

/// The name, and how many dimensions it joins.
fn decode_name<'p>(kind: RowKind, reader: &mut Reader<'p>) -> Result<(&'p [u8], usize), Corrupt> {
    match kind {
        RowKind::Event => Ok((b"", 1)),
        RowKind::Dimension => {
            let name = reader.bytes("dimension name", limits::NAME)?;
            if name == b"event" || check_dimension_name(name).is_err() {
                return Err(corrupt("dimension name", "no name for one"));
            }
            Ok((name, 1))
        }
        RowKind::Cube => {
            let name = reader.bytes("cube name", limits::CUBE_NAME)?;
            match cube_parts(name) {
                Ok(parts) => Ok((name, parts.len())),
                Err(_) => Err(corrupt("cube name", "no dimensions for one")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::hll::Member;
    use crate::sketch::Number;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn record(breakdown: &mut Breakdown, value: Text, user: u64, capacity: usize) {
        breakdown.count(value, capacity, |tally| {
            tally.count(3);
            tally.insert_user(Member::of(user));
        });
    }

    fn filled(values: &[u32], capacity: usize) -> Breakdown {
        let mut breakdown = Breakdown::new(RowKind::Dimension, Text::new(b"page"));
        for (user, value) in (0..).zip(values) {
            let text = value.to_string();
            record(&mut breakdown, Text::new(text.as_bytes()), user, capacity);
        }
        breakdown
    }

    fn encoded(breakdown: &Breakdown) -> Vec<u8> {
        let mut writer = Writer::new();
        breakdown.encode(&mut writer, &ValueOrder::new(Vec::new()));
        writer.into_bytes()
    }

    fn counts(values: &[u32]) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for value in values {
            *counts.entry(value.to_string()).or_default() += 1;
        }
        counts
    }

    proptest! {
        #[test]
        fn rows_bound_the_truth_and_add_up(
            values in prop::collection::vec((0.0f64..7.0).prop_map(|x| x.exp() as u32), 1..2_000),
            capacity in 1usize..60,
        ) {
            let breakdown = filled(&values, capacity);
            prop_assert!(breakdown.rows().len() <= capacity);
            let truth = counts(&values);
            let other = breakdown.other().map_or(0, Tally::events);
            let rows: u64 = breakdown.rows().iter().map(|row| row.tally.events()).sum();
            prop_assert_eq!(rows + other, values.len() as u64);
            for (row, number) in breakdown.rows().iter().zip(0..) {
                let value = std::str::from_utf8(row.value()).unwrap();
                let seen = row.tally.events();
                prop_assert!((seen..=seen + breakdown.error(number)).contains(&truth[value]));
            }
            for (value, count) in &truth {
                if breakdown.row(Text::new(value.as_bytes())).is_none() {
                    prop_assert!(*count <= breakdown.floor());
                }
            }
            // The floor is of the order of the classic bound.
            prop_assert!(breakdown.floor() <= 2 * values.len() as u64 / capacity.max(1) as u64 + 1);
        }

        #[test]
        fn below_the_capacity_the_order_of_events_does_not_matter(
            events in prop::collection::vec((0u32..50, 0u64..9), 1..300),
            turn: usize,
        ) {
            let of = |events: &[(u32, u64)]| {
                let mut breakdown = Breakdown::new(RowKind::Cube, Text::new(b"a,b"));
                for (value, user) in events {
                    let value = value.to_string();
                    record(&mut breakdown, Text::new(value.as_bytes()), *user, 100);
                }
                encoded(&breakdown)
            };
            let mut shuffled = events.clone();
            shuffled.rotate_left(turn % events.len());
            shuffled.reverse();
            prop_assert_eq!(of(&events), of(&shuffled));
        }

        /// Sums of such numbers are not exact: what they come to depends on what is added to what.
        #[test]
        fn rows_move_to_other_in_an_order_that_reading_does_not_change(
            before in prop::collection::vec((0u32..60, 0usize..4), 1..100),
            after in prop::collection::vec((0u32..60, 0usize..4), 1..100),
            capacity in 1usize..20,
        ) {
            let numbers = [1e300, 0.1, -3e299, 1e-300].map(Number::of);
            let count = |breakdown: &mut Breakdown, events: &[(u32, usize)]| {
                for (value, number) in events {
                    let value = value.to_string();
                    breakdown.count(Text::new(value.as_bytes()), capacity, |tally| {
                        tally.count(3);
                        tally.measure(3, &[0], &numbers[*number..=*number]);
                    });
                }
            };
            let mut ours = Breakdown::new(RowKind::Dimension, Text::new(b"page"));
            count(&mut ours, &before);
            let bytes = encoded(&ours);
            let mut theirs = Breakdown::decode(&mut Reader::new(&bytes), 60, 1).unwrap();
            count(&mut ours, &after);
            count(&mut theirs, &after);
            prop_assert_eq!(encoded(&ours), encoded(&theirs));
        }

        #[test]
        fn stored_and_read_again_it_is_the_same(
            values in prop::collection::vec(0u32..200, 1..500),
            capacity in 1usize..100,
        ) {
            let bytes = encoded(&filled(&values, capacity));
            let mut reader = Reader::new(&bytes);
            let read = Breakdown::decode(&mut reader, 60, 0).unwrap();
            reader.finish().unwrap();
            prop_assert_eq!(encoded(&read), bytes);
        }
    }

    #[test]
    fn when_every_value_is_new_a_batch_costs_no_more() {
        let values: Vec<u32> = (0..50_000).collect();
        let breakdown = filled(&values, 1_000);
        assert_eq!(
            breakdown.other().unwrap().events() + breakdown.rows().len() as u64,
            50_000
        );
        assert!(
            breakdown.floor() <= 50_000 / 1_000 + 8,
            "{}",
            breakdown.floor()
        );
    }

    #[test]
    fn a_value_named_other_is_counted_with_the_rest() {
        let mut breakdown = Breakdown::new(RowKind::Event, Text::new(b""));
        record(&mut breakdown, Text::new(OTHER), 1, 10);
        assert_eq!(breakdown.rows().len(), 0);
        assert_eq!(breakdown.other().unwrap().events(), 1);
        assert_eq!(breakdown.floor(), 0);
    }
}
