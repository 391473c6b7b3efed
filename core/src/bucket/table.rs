//! The rows of a breakdown, and what was evicted from them.
//!
//! Most breakdowns of most buckets have one row: it is stored inline, where a table of many rows has
//! its pointers.

use crate::bucket::tally::Tally;
use crate::memory::allocated;
use crate::schema::limits;
use crate::text::index::Index;
use crate::text::{same, Kept, Text};

const _: () = assert!(Index::reaches(limits::DIMENSION_CAPACITY));

#[derive(Debug, Clone)]
pub struct Row {
    value: Kept,
    pub tally: Tally,
}

/// What was evicted from the table.
#[derive(Debug, Clone, Default)]
pub(super) struct Spill {
    pub floor: u64,
    pub other: Tally,
    /// Of every row, the most events that may be counted in `other`; 0 for the rows behind.
    pub errors: Vec<u64>,
}

#[derive(Debug, Clone)]
pub(super) enum Table {
    One(Row),
    Many(Many),
}

/// A table of any number of rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Many {
    pub rows: Vec<Row>,
    pub index: Index,
    pub spill: Option<Box<Spill>>,
}

impl Row {
    pub fn new(value: Text) -> Row {
        Row {
            value: Kept::new(value.bytes),
            tally: Tally::default(),
        }
    }

    pub fn value(&self) -> &[u8] {
        self.value.bytes()
    }

    #[inline]
    fn is(&self, value: Text) -> bool {
        same(self.value(), value.bytes)
    }

    fn heap_bytes(&self) -> usize {
        self.value.heap_bytes() + self.tally.heap_bytes()
    }
}

impl Default for Table {
    fn default() -> Table {
        Table::Many(Many::default())
    }
}

impl Table {
    #[inline]
    pub fn rows(&self) -> &[Row] {
        match self {
            Table::One(row) => std::slice::from_ref(row),
            Table::Many(many) => &many.rows,
        }
    }

    #[inline]
    pub fn find(&self, value: Text) -> Option<&Row> {
        match self {
            Table::One(row) => row.is(value).then_some(row),
            Table::Many(many) => many.rows.get(many.find(value)?),
        }
    }

    #[inline]
    pub fn find_mut(&mut self, value: Text) -> Option<&mut Row> {
        match self {
            Table::One(row) => row.is(value).then_some(row),
            Table::Many(many) => many.find(value).and_then(|at| many.rows.get_mut(at)),
        }
    }

    pub fn spill(&self) -> Option<&Spill> {
        match self {
            Table::One(_) => None,
            Table::Many(many) => many.spill.as_deref(),
        }
    }

    pub fn spill_mut(&mut self) -> &mut Spill {
        self.widen_to_many().spill.get_or_insert_default()
    }

    pub fn push(&mut self, row: Row, hash: u64, error: u64) {
        match self {
            Table::Many(many) if many.rows.is_empty() && many.spill.is_none() => {
                *self = Table::One(row);
            }
            _ => self.widen_to_many().push(row, hash, error),
        }
    }

    /// Converts it into a table of many rows, if it is none.
    pub fn widen_to_many(&mut self) -> &mut Many {
        loop {
            match self {
                Table::Many(many) => return many,
                Table::One(_) => {
                    let rows = match std::mem::take(self) {
                        Table::One(row) => vec![row],
                        Table::Many(many) => many.rows,
                    };
                    *self = Table::Many(Many {
                        rows,
                        ..Many::default()
                    });
                }
            }
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Table::One(row) => row.heap_bytes(),
            Table::Many(many) => many.heap_bytes(),
        }
    }
}

impl Many {
    #[inline]
    fn find(&self, value: Text) -> Option<usize> {
        let is_it = |row: &Row| row.is(value);
        if self.index.is_built() {
            self.index
                .find(value.hash, |row| self.rows.get(row).is_some_and(is_it))
        } else {
            self.rows.iter().position(is_it)
        }
    }

    fn push(&mut self, row: Row, hash: u64, error: u64) {
        let at = self.rows.len();
        if let Some(spill) = &mut self.spill {
            spill.errors.resize(at, 0);
            spill.errors.push(error);
        }
        if at == self.rows.capacity() {
            // Grows by a half: doubling would leave much of a large bucket empty.
            self.rows.reserve_exact(1 + at / 2);
        }
        self.rows.push(row);
        if self.index.is_full(at) {
            self.build_index();
        } else if self.index.is_built() {
            self.index.insert(hash, at);
        }
    }

    pub fn build_index(&mut self) {
        self.index = Index::build(self.rows.iter().map(|row| Text::new(row.value()).hash));
    }

    fn heap_bytes(&self) -> usize {
        let rows: usize = self.rows.iter().map(Row::heap_bytes).sum();
        let spill = self.spill.as_ref().map_or(0, |spill| {
            allocated(size_of::<Spill>())
                + spill.other.heap_bytes()
                + allocated(spill.errors.capacity() * size_of::<u64>())
        });
        allocated(self.rows.capacity() * size_of::<Row>()) + self.index.heap_bytes() + rows + spill
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_no_larger_than_a_row() {
        assert_eq!(size_of::<Row>(), 80);
        assert_eq!(size_of::<Table>(), size_of::<Row>());
    }
}
