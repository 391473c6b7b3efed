//! The visits that began in the period of a bucket: of the whole site, by entry, by exit and by the
//! dimensions of `BY`. Buckets of hours and coarser ones have them, where the site counts visits.
//!
//! ```text
//! stored:  tag 8 | first | last | cells | spread? | [4 × 16] | (1 | table)* | 0      tables by kind, then name
//! ```

mod cells;
mod table;
#[cfg(test)]
mod tests;

pub use cells::{Cells, Sums};
pub use table::{Addition, Axis, Row, Table};

use crate::codec::{corrupt, in_order, Reader, Writer};
use crate::error::Corrupt;
use crate::memory::allocated;
use crate::schema::limits;
use crate::text::Text;
use crate::visitors::{Amounts, Seed, Spread, ValueId, MOST_VALUES};

#[derive(Debug, Clone)]
pub struct Visits {
    /// Of the seed that the ids of rows are made with.
    tag: u64,
    /// The ids were made here, and not read: those of a payload may be any.
    has_own_ids: bool,
    /// The earliest and the latest beginning of a visit.
    first: i64,
    last: i64,
    whole: Cells,
    /// Where visitors were sampled.
    spread: Option<Box<Spread>>,
    tables: Vec<Table>,
}

/// Where the tables of a bucket are, by the numbers that the caller gives them.
#[derive(Debug, Default)]
pub struct TablePlaces([Option<usize>; MOST_VALUES]);

/// What an event adds to the visit that it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// When the visit began, and whether it does now.
    pub beginning: i64,
    pub is_new: bool,
    pub slot: u8,
    pub whole: Amounts,
    pub spread: Spread,
}

impl Visits {
    pub fn new(tag: u64) -> Visits {
        Visits {
            tag,
            has_own_ids: true,
            first: i64::MAX,
            last: i64::MIN,
            whole: Cells::default(),
            spread: None,
            tables: Vec::new(),
        }
    }

    /// The tag of the ids of a seed.
    pub fn tag_of(seed: Seed) -> u64 {
        seed.tag(b"ids")
    }

    pub fn whole(&self) -> &Cells {
        &self.whole
    }

    pub fn spread(&self) -> Option<&Spread> {
        self.spread.as_deref()
    }

    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The table of a dimension as it is asked for.
    pub fn table(&self, dimension: Text) -> Option<&Table> {
        self.tables.iter().find(|table| table.axis().is(dimension))
    }

    /// The id of a value, where rows are found by this seed.
    pub fn id_of(&self, seed: Seed, axis: &Axis, value: &[u8]) -> Option<ValueId> {
        (self.tag == Visits::tag_of(seed)).then(|| id_of(seed, axis, value))
    }

    /// Whether there is room for the tables of one more site.
    pub fn has_room(&self) -> bool {
        self.tables.len() + MOST_VALUES <= limits::VISIT_TABLES_PER_BUCKET
    }

    /// Finds rows by the ids of this seed, whose tag is given.
    #[inline]
    pub fn use_seed(&mut self, seed: Seed, tag: u64) {
        if self.tag == tag && self.has_own_ids {
            return;
        }
        self.change_seed(seed, tag);
    }

    #[cold]
    fn change_seed(&mut self, seed: Seed, tag: u64) {
        (self.tag, self.has_own_ids) = (tag, true);
        for table in &mut self.tables {
            table.change_ids(|axis, value| id_of(seed, axis, value));
        }
    }

    /// Adds to the whole and to these rows, each with the number and the name of its table. A visit that
    /// began before all that the bucket has is none of its own: the bucket was made anew meanwhile.
    pub fn add<'t>(
        &mut self,
        change: &Change,
        rows: impl Iterator<Item = (u8, &'t Axis, Addition<'t>)>,
        places: &mut TablePlaces,
        capacity: usize,
    ) {
        if !change.is_new && change.beginning < self.first {
            return;
        }
        self.whole.add(change.slot, change.whole);
        if !change.spread.is_zero() {
            let spread = self.spread.get_or_insert_default();
            **spread = spread.plus(change.spread);
        }
        for (number, axis, addition) in rows {
            let last = self.last;
            if let Some(table) = self.table_or_new(number, axis, &addition, places) {
                table.add(&addition, capacity, last);
            }
        }
        if change.is_new {
            self.first = self.first.min(change.beginning);
            self.last = self.last.max(change.beginning);
        }
    }

    /// None for an addition to a value that the bucket does not have any more.
    #[inline]
    fn table_or_new(
        &mut self,
        number: u8,
        axis: &Axis,
        addition: &Addition,
        places: &mut TablePlaces,
    ) -> Option<&mut Table> {
        let place = places.0.get_mut(usize::from(number))?;
        if place.is_none() {
            *place = self.tables.iter().position(|table| table.axis() == axis);
        }
        if place.is_none() && addition.text.is_some() {
            *place = Some(self.tables.len());
            self.tables.reserve_exact(1);
            self.tables.push(Table::new(axis.clone()));
        }
        self.tables.get_mut((*place)?)
    }

    /// What it occupies, itself included.
    pub fn bytes(&self) -> usize {
        let tables: usize = self.tables.iter().map(Table::heap_bytes).sum();
        let spread = self.spread.as_ref();
        allocated(size_of::<Visits>())
            + self.whole.heap_bytes()
            + spread.map_or(0, |_| allocated(size_of::<Spread>()))
            + allocated(self.tables.capacity() * size_of::<Table>())
            + tables
    }

    /// About the number of its allocations.
    pub fn parts(&self) -> usize {
        let rows: usize = self.tables.iter().map(|table| table.rows().len()).sum();
        1 + 2 * rows
    }

    pub fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.tag.to_le_bytes());
        writer.signed(self.first);
        writer.signed(self.last);
        self.whole.encode(writer);
        match &self.spread {
            None => writer.u8(0),
            Some(spread) => {
                writer.u8(1);
                for number in [spread.visits, spread.bounces, spread.time, spread.events] {
                    writer.raw(&number.to_le_bytes());
                }
            }
        }
        for (_, table) in in_order(&self.tables, |table| table.axis().order()) {
            writer.turn_page();
            writer.u8(1);
            table.encode(writer);
        }
        writer.turn_page();
        writer.u8(0);
    }

    /// `slots`: how many the bucket has.
    pub fn decode(reader: &mut Reader, slots: u8) -> Result<Visits, Corrupt> {
        let tag = reader.raw("tag of visits", 8)?;
        let tag = tag.first_chunk().map_or(0, |tag| u64::from_le_bytes(*tag));
        let mut visits = Visits::new(tag);
        visits.has_own_ids = false;
        visits.first = reader.signed("first visit")?;
        visits.last = reader.signed("last visit")?;
        if visits.first > visits.last {
            return Err(corrupt("first visit", "after the last"));
        }
        visits.whole = Cells::decode(reader, slots)?;
        match reader.u8("spread of visits")? {
            0 => {}
            1 => {
                let mut number = || -> Result<i128, Corrupt> {
                    let bytes = reader.raw("spread of visits", 16)?;
                    Ok(bytes.first_chunk().map_or(0, |it| i128::from_le_bytes(*it)))
                };
                visits.spread = Some(Box::new(Spread {
                    visits: number()?,
                    bounces: number()?,
                    time: number()?,
                    events: number()?,
                }));
            }
            _ => return Err(corrupt("spread of visits", "neither 0 nor 1")),
        }
        while reader.next_item("table of visits")? {
            if visits.tables.len() >= limits::VISIT_TABLES_PER_BUCKET {
                return Err(corrupt("tables of visits", "too many"));
            }
            let table = Table::decode(reader, slots)?;
            let last = visits.tables.last();
            if last.is_some_and(|before| before.axis().order() >= table.axis().order()) {
                return Err(corrupt("table of visits", "not in order"));
            }
            visits.tables.reserve_exact(1);
            visits.tables.push(table);
        }
        Ok(visits)
    }
}

fn id_of(seed: Seed, axis: &Axis, value: &[u8]) -> ValueId {
    match axis {
        Axis::By(_) => seed.value(value),
        _ => seed.path(value),
    }
}
