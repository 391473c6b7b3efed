//! The visits of a bucket by the values of a dimension: by entry, by exit, or by a dimension of `BY`. The
//! attempts of a funnel are kept in the same way.
//!
//! A visit under way remembers the id of its value, not its text; a row has both. At the capacity, the
//! lightest eighth of the rows moves into `~other`, as in a breakdown of events. What is added to a visit
//! later has to be added where the visit is: `until` is the latest beginning of a visit when rows were moved
//! last. A row that is made after that has visits that begin later, and all others of its value are in
//! `~other`:
//!
//! ```text
//! row there, and the visit began after the row's `since`       in the row
//! no row, and it began after `until`                           in a new row, whose `since` is `until`
//! else                                                         in ~other
//! ```
//!
//! So every visit is in one row, and nothing is taken back where it was not added.
//!
//! ```text
//! stored:  kind | name (of `by` only) | spilled? | [until | floor | ~other] | (1 | row)* | 0
//! row:     value | id | cells | [since | error] (only when spilled)       values ascending
//! ```

use super::cells::{Cells, Sums};
use crate::codec::{corrupt, in_order, Reader, Writer};
use crate::error::Corrupt;
use crate::memory::allocated;
use crate::schema::{check_dimension_name, limits};
use crate::text::index::Index;
use crate::text::{Kept, Name, Text};
use crate::visitors::{Amounts, ValueId};

/// What the rows of a table are the values of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Axis {
    Entry,
    Exit,
    By(Name),
}

impl Axis {
    pub fn order(&self) -> (u8, &[u8]) {
        match self {
            Axis::Entry => (0, b""),
            Axis::Exit => (1, b""),
            Axis::By(name) => (2, name.bytes()),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Row<A = Amounts> {
    id: ValueId,
    value: Kept,
    cells: Cells<A>,
}

impl<A> Row<A> {
    pub fn value(&self) -> &[u8] {
        self.value.bytes()
    }

    pub fn cells(&self) -> &Cells<A> {
        &self.cells
    }
}

#[derive(Debug, Clone)]
struct Spill<A> {
    until: i64,
    /// The most visits that a value without a row may have in `other`.
    floor: u64,
    other: Cells<A>,
    /// Of every row: visits that began later are in the row, and how many others `other` may have.
    rows: Vec<(i64, u64)>,
}

#[derive(Debug, Clone)]
pub struct Table<A = Amounts> {
    axis: Axis,
    rows: Vec<Row<A>>,
    index: Index,
    spill: Option<Box<Spill<A>>>,
}

/// An addition to the visits of one value.
#[derive(Debug, Clone, Copy)]
pub struct Addition<'t, A = Amounts> {
    pub id: ValueId,
    /// None where the visit is certain to have been counted under this value before.
    pub text: Option<&'t [u8]>,
    /// When the visit began.
    pub beginning: i64,
    pub slot: u8,
    pub amounts: A,
}

impl<A: Sums> Table<A> {
    pub fn new(axis: Axis) -> Table<A> {
        Table {
            axis,
            rows: Vec::new(),
            index: Index::default(),
            spill: None,
        }
    }

    pub fn axis(&self) -> &Axis {
        &self.axis
    }

    /// In no order.
    pub fn rows(&self) -> &[Row<A>] {
        &self.rows
    }

    pub fn other(&self) -> Option<&Cells<A>> {
        self.spill.as_ref().map(|spill| &spill.other)
    }

    /// What was counted of a value, by its id where that is known.
    pub fn named(&self, value: &[u8], id: Option<ValueId>) -> Option<&Cells<A>> {
        let row = match id {
            Some(id) => self.row(id, value),
            None => self.rows.iter().find(|row| row.value() == value),
        };
        row.map(Row::cells)
    }

    pub fn row(&self, id: ValueId, value: &[u8]) -> Option<&Row<A>> {
        let row = self.rows.get(self.find(id)?)?;
        (row.value() == value).then_some(row)
    }

    /// The most visits of this row's value that may be counted in `~other`.
    pub fn error(&self, row: usize) -> u64 {
        let spill = self.spill.as_ref();
        spill
            .and_then(|spill| spill.rows.get(row))
            .map_or(0, |(_, error)| *error)
    }

    /// The most visits that a value without a row may have.
    pub fn floor(&self) -> u64 {
        self.spill.as_ref().map_or(0, |spill| spill.floor)
    }

    #[inline]
    fn find(&self, id: ValueId) -> Option<usize> {
        let is_it = |row: &Row<A>| row.id == id;
        if self.index.is_built() {
            let found = |row| self.rows.get(row).is_some_and(is_it);
            self.index.find(id.spread(), found)
        } else {
            self.rows.iter().position(is_it)
        }
    }

    /// `latest`: the latest beginning of a visit in the bucket.
    pub fn add(&mut self, addition: &Addition<A>, capacity: usize, latest: i64) {
        let place = self.find(addition.id);
        if let Some(spill) = &mut self.spill {
            if spill.raise_if_in_other(place, addition) {
                return spill.other.add(addition.slot, addition.amounts);
            }
        }
        match place.and_then(|place| self.rows.get_mut(place)) {
            Some(row) => row.cells.add(addition.slot, addition.amounts),
            None => self.add_row(addition, capacity, latest),
        }
    }

    #[cold]
    fn add_row(&mut self, addition: &Addition<A>, capacity: usize, latest: i64) {
        let Some(text) = addition.text else {
            // The bucket was made anew since the visit began: it has nothing of it.
            return;
        };
        if self.rows.len() >= capacity {
            self.evict(capacity, latest);
            if self
                .spill
                .as_ref()
                .is_some_and(|spill| addition.beginning <= spill.until)
            {
                return self.add(addition, capacity, latest);
            }
        }
        let mut cells = Cells::default();
        cells.add(addition.slot, addition.amounts);
        let since = self.spill.as_ref().map(|spill| (spill.until, spill.floor));
        self.push(addition.id, text, cells, since);
    }

    fn push(&mut self, id: ValueId, value: &[u8], cells: Cells<A>, since: Option<(i64, u64)>) {
        let at = self.rows.len();
        if at == self.rows.capacity() {
            self.rows.reserve_exact(1 + at / 2);
        }
        let value = Kept::new(value);
        self.rows.push(Row { id, value, cells });
        if let (Some(spill), Some(since)) = (&mut self.spill, since) {
            spill.rows.push(since);
        }
        if self.index.is_full(at) {
            self.build_index();
        } else if self.index.is_built() {
            self.index.insert(id.spread(), at);
        }
    }

    fn build_index(&mut self) {
        self.index = Index::build(self.rows.iter().map(|row| row.id.spread()));
    }

    /// Finds rows by these ids. Two values of one id share the row of the first.
    pub fn change_ids(&mut self, id_of: impl Fn(&Axis, &[u8]) -> ValueId) {
        for row in &mut self.rows {
            row.id = id_of(&self.axis, row.value.bytes());
        }
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        let key = |at: &usize| self.rows.get(*at).map(|row| (row.id, row.value()));
        order.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        let id = |at: usize| self.rows.get(at).map(|row| row.id);
        let mut shared: Vec<(usize, usize)> = Vec::new();
        let mut first = None;
        for at in order {
            match first.filter(|first| id(*first) == id(at)) {
                Some(first) => shared.push((first, at)),
                None => first = Some(at),
            }
        }
        self.share_rows(shared);
        self.build_index();
    }

    /// Merges rows into others: each pair is the row that stays, and the one that goes.
    fn share_rows(&mut self, mut shared: Vec<(usize, usize)>) {
        for (stays, goes) in &shared {
            let cells = self.rows.get(*goes).map(|row| row.cells.clone());
            if let (Some(row), Some(cells)) = (self.rows.get_mut(*stays), cells) {
                row.cells.merge(&cells);
            }
        }
        shared.sort_unstable_by_key(|(_, goes)| std::cmp::Reverse(*goes));
        for (_, goes) in shared {
            self.rows.remove(goes);
            if let Some(spill) = self.spill.as_mut().filter(|spill| goes < spill.rows.len()) {
                spill.rows.remove(goes);
            }
        }
    }

    /// Moves the lightest rows into `~other` until an eighth of the capacity is free.
    fn evict(&mut self, capacity: usize, latest: i64) {
        let keep = capacity - (capacity / 8).clamp(1, capacity);
        let leave = self.rows.len().saturating_sub(keep);
        if leave == 0 {
            return;
        }
        let weight =
            |row: usize, it: &Row<A>| it.cells.total().began().saturating_add(self.error(row));
        let rows = self.rows.iter().enumerate();
        let mut order: Vec<(u64, &[u8], usize)> = rows
            .map(|(at, row)| (weight(at, row), row.value(), at))
            .collect();
        let (_, last, _) = order.select_nth_unstable(leave - 1);
        let heaviest = last.0;
        let mut leaving = vec![false; self.rows.len()];
        for (.., at) in order.iter().take(leave) {
            if let Some(leaving) = leaving.get_mut(*at) {
                *leaving = true;
            }
        }
        let mut spill = self.spill.take().unwrap_or_else(|| {
            Box::new(Spill {
                until: i64::MIN,
                floor: 0,
                other: Cells::default(),
                rows: vec![(i64::MIN, 0); self.rows.len()],
            })
        });
        spill.until = spill.until.max(latest);
        spill.floor = spill.floor.max(heaviest);
        for (row, _) in self.rows.iter().zip(&leaving).filter(|(_, goes)| **goes) {
            spill.other.merge(&row.cells);
        }
        let mut stays = leaving.iter().map(|leaves| !leaves);
        spill.rows.retain(|_| stays.next().unwrap_or(true));
        let mut stays = leaving.iter().map(|leaves| !leaves);
        self.rows.retain(|_| stays.next().unwrap_or(true));
        self.spill = Some(spill);
        self.build_index();
    }

    pub fn heap_bytes(&self) -> usize {
        let rows = self.rows.iter();
        let rows = rows.map(|row| row.value.heap_bytes() + row.cells.heap_bytes());
        let spill = self.spill.as_ref().map_or(0, |spill| {
            allocated(size_of::<Spill<A>>())
                + spill.other.heap_bytes()
                + allocated(spill.rows.capacity() * size_of::<(i64, u64)>())
        });
        let name = match &self.axis {
            Axis::By(name) => allocated(name.bytes().len()),
            _ => 0,
        };
        allocated(self.rows.capacity() * size_of::<Row<A>>())
            + rows.sum::<usize>()
            + self.index.heap_bytes()
            + spill
            + name
    }

    pub fn encode(&self, writer: &mut Writer) {
        let (kind, name) = self.axis.order();
        writer.u8(kind);
        if let Axis::By(_) = self.axis {
            writer.bytes(name);
        }
        match &self.spill {
            None => writer.u8(0),
            Some(spill) => {
                writer.u8(1);
                writer.signed(spill.until);
                writer.varint(spill.floor);
                spill.other.encode(writer);
            }
        }
        for (at, row) in in_order(&self.rows, Row::value) {
            writer.turn_page();
            writer.u8(1);
            writer.bytes(row.value());
            writer.varint(row.id.bits());
            row.cells.encode(writer);
            if let Some((since, error)) = self.spill.as_ref().and_then(|spill| spill.rows.get(at)) {
                writer.signed(*since);
                writer.varint(*error);
            }
        }
        writer.u8(0);
    }

    pub fn decode(reader: &mut Reader, slots: u8) -> Result<Table<A>, Corrupt> {
        let axis = match reader.u8("table of visits")? {
            0 => Axis::Entry,
            1 => Axis::Exit,
            2 => {
                let name = reader.bytes("dimension of visits", limits::NAME)?;
                if check_dimension_name(name).is_err() {
                    return Err(corrupt("dimension of visits", "no name for one"));
                }
                Axis::By(Name::new(name))
            }
            _ => return Err(corrupt("table of visits", "unknown")),
        };
        let mut table = Table::new(axis);
        match reader.u8("spilled visits")? {
            0 => {}
            1 => {
                table.spill = Some(Box::new(Spill {
                    until: reader.signed("until")?,
                    floor: reader.varint("floor of visits")?,
                    other: Cells::decode(reader, slots)?,
                    rows: Vec::new(),
                }));
            }
            _ => return Err(corrupt("spilled visits", "neither 0 nor 1")),
        }
        while reader.next_item("row of visits")? {
            if table.rows.len() >= limits::DIMENSION_CAPACITY {
                return Err(corrupt("rows of visits", "more than any capacity"));
            }
            let value = reader.bytes("value of visits", limits::DIMENSION_VALUE)?;
            if table
                .rows
                .last()
                .is_some_and(|before| before.value() >= value)
            {
                return Err(corrupt("value of visits", "not ascending"));
            }
            let id = ValueId::stored(reader.varint("id of visits")?);
            let id = id.filter(|id| id.is_valid() && table.find(*id).is_none());
            let id = id.ok_or(corrupt("id of visits", "of two values, or out of range"))?;
            let cells = Cells::decode(reader, slots)?;
            let since = match &table.spill {
                None => None,
                Some(spill) => {
                    let since = reader.signed("since")?;
                    if since > spill.until {
                        return Err(corrupt("since", "after the last change"));
                    }
                    Some((since, reader.varint("error of visits")?))
                }
            };
            table.push(id, value, cells, since);
        }
        if table.rows.is_empty() && table.spill.is_none() {
            return Err(corrupt("rows of visits", "none"));
        }
        Ok(table)
    }
}

impl<A: Sums> Spill<A> {
    /// Raises the bound of the value by what the visit adds to `~other`. Returns whether the visit is there.
    fn raise_if_in_other(&mut self, place: Option<usize>, addition: &Addition<A>) -> bool {
        let (until, bound) = match place {
            None => (self.until, &mut self.floor),
            Some(place) => match self.rows.get_mut(place) {
                Some((since, error)) => (*since, error),
                None => return false,
            },
        };
        let is_in_other = addition.beginning <= until;
        if is_in_other {
            *bound = bound.saturating_add(addition.amounts.began());
        }
        is_in_other
    }
}

impl Axis {
    /// Whether it is the one of this name.
    pub fn is(&self, dimension: Text) -> bool {
        match self {
            Axis::Entry => dimension.bytes == crate::schema::visits::ENTRY,
            Axis::Exit => dimension.bytes == crate::schema::visits::EXIT,
            Axis::By(name) => name.is(dimension),
        }
    }
}
