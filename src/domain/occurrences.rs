//! The events of a call as their site sees them, sorted by the rows that they count in: a bucket finds
//! a row once for all of its events.
//!
//! ```text
//! events    0       1       2
//! entries   a b     a c     a b         of each event, the rows that it counts in
//! sorted    0 1 2   0 2     1           of each row, its events
//! rows      a       b       c
//! ```
//!
//! Texts are kept once for every row, so that nothing is borrowed from the events.

use super::bucket::Kind;
use super::event::{Facet, Occurrence, Run};
use super::hll::Member;
use super::limits;
use super::number::Number;
use super::text::Text;

#[derive(Debug, Default)]
pub struct Occurrences {
    events: Vec<Occurred>,
    /// Of each event.
    users: Vec<Member>,
    has_sessions: bool,
    /// Numbers of rows.
    entries: Vec<u32>,
    /// Places of events.
    sorted: Vec<u32>,
    rows: Vec<Row>,
    tables: Vec<Table>,
    /// Finds rows by their hashes: row numbers plus one, 0 where there is none. At most half full.
    index: Vec<u32>,
    /// The names of values, and for each value the number of its name.
    names: Vec<Kept>,
    named: Vec<u8>,
    numbers: Vec<Number>,
    texts: Vec<u8>,
}

/// One of the events.
#[derive(Debug)]
pub struct Occurred {
    /// Its place in the call.
    pub number: u32,
    pub session: Option<Member>,
    entries: Run,
    pub values: Run,
}

#[derive(Debug)]
struct Row {
    /// The number of its table.
    table: u32,
    value: Kept,
    /// Among those that are sorted.
    events: Run,
}

/// The breakdown that rows are of.
#[derive(Debug)]
struct Table {
    kind: Kind,
    users: bool,
    name: Kept,
    rows: usize,
}

/// Where a text lies.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    hash: u64,
    start: u32,
    len: u32,
}

/// Beyond that, the memory of texts does not stay.
const MOST_TEXT: usize = 1 << 16;

impl Occurrences {
    /// Empties it, but keeps the memory.
    pub fn clear(&mut self) {
        if self.events.is_empty() {
            return;
        }
        self.events.clear();
        self.users.clear();
        self.has_sessions = false;
        self.entries.clear();
        self.sorted.clear();
        self.rows.clear();
        self.tables.clear();
        self.index.clear();
        self.names.clear();
        self.named.clear();
        self.numbers.clear();
        self.texts.clear();
        self.texts.shrink_to(MOST_TEXT);
    }

    /// `number`: the place of the event in its call.
    pub fn add(&mut self, number: usize, occurrence: &Occurrence) {
        let entries = Run::behind(&self.entries, occurrence.facets.len());
        for facet in occurrence.facets {
            let table = self.table_of(facet);
            let number = match self.find(table, facet.value) {
                Some(number) => number,
                None => self.make_row(table, facet.value),
            };
            self.entries.push(number);
            if let Some(row) = self.rows.get_mut(number as usize) {
                row.events.len += 1;
            }
        }
        let values = Run::behind(&self.numbers, occurrence.numbers.len());
        for name in occurrence.names {
            let name = self.number_of(*name);
            self.named.push(name);
        }
        self.numbers.extend_from_slice(occurrence.numbers);
        self.users.push(occurrence.user);
        self.has_sessions |= occurrence.session.is_some();
        self.events.push(Occurred {
            number: number as u32,
            session: occurrence.session,
            entries,
            values,
        });
    }

    /// When all events are there, before it is asked for rows.
    pub fn sort(&mut self) {
        let mut start = 0;
        for row in &mut self.rows {
            row.events.start = start;
            start += std::mem::take(&mut row.events.len);
        }
        self.sorted.resize(self.entries.len(), 0);
        for (event, place) in self.events.iter().zip(0..) {
            for number in event.entries.of(&self.entries) {
                let Some(row) = self.rows.get_mut(*number as usize) else {
                    continue;
                };
                let next = (row.events.start + row.events.len) as usize;
                if let Some(next) = self.sorted.get_mut(next) {
                    *next = place;
                }
                row.events.len += 1;
            }
        }
    }

    pub fn text_bytes(&self) -> usize {
        self.texts.len()
    }

    #[inline]
    pub fn events(&self) -> &[Occurred] {
        &self.events
    }

    #[inline]
    pub fn users(&self) -> &[Member] {
        &self.users
    }

    /// No event has a session or a value.
    pub fn are_plain(&self) -> bool {
        !self.has_sessions && self.numbers.is_empty()
    }

    #[inline]
    pub fn numbers_of(&self, event: &Occurred) -> &[Number] {
        event.values.of(&self.numbers)
    }

    /// The names of as many values, by their numbers.
    pub fn name_numbers_of(&self, event: &Occurred) -> &[u8] {
        event.values.of(&self.named)
    }

    pub fn names_of<'o>(&'o self, event: &Occurred) -> impl Iterator<Item = Text<'o>> + use<'o> {
        let numbers = self.name_numbers_of(event).iter();
        numbers.map(|number| self.name(*number))
    }

    pub fn name(&self, number: u8) -> Text<'_> {
        let kept = self.names.get(usize::from(number));
        self.text(kept.copied().unwrap_or_default())
    }

    pub fn facets_of<'o>(&'o self, event: &Occurred) -> impl Iterator<Item = Facet<'o>> + use<'o> {
        let entries = event.entries.of(&self.entries).iter();
        let rows = entries.filter_map(|number| self.rows.get(*number as usize));
        rows.filter_map(|row| self.facet(row))
    }

    /// The rows, each with the number of its table and the places of its events in `events`.
    pub fn rows(&self) -> impl Iterator<Item = (usize, Facet<'_>, &[u32])> {
        self.rows.iter().filter_map(|row| {
            let events = row.events.of(&self.sorted);
            Some((row.table as usize, self.facet(row)?, events))
        })
    }

    /// The breakdowns that the rows are of, by their numbers, each with how many rows it has.
    pub fn tables(&self) -> impl Iterator<Item = (Kind, Text<'_>, usize)> {
        let tables = self.tables.iter();
        tables.map(|table| (table.kind, self.text(table.name), table.rows))
    }

    fn facet(&self, row: &Row) -> Option<Facet<'_>> {
        let table = self.tables.get(row.table as usize)?;
        Some(Facet {
            kind: table.kind,
            name: self.text(table.name),
            value: self.text(row.value),
            users: table.users,
        })
    }

    #[inline]
    fn text(&self, kept: Kept) -> Text<'_> {
        let start = kept.start as usize;
        let bytes = self.texts.get(start..start + kept.len as usize);
        Text {
            bytes: bytes.unwrap_or_default(),
            hash: kept.hash,
        }
    }

    fn keep(&mut self, text: Text) -> Kept {
        let start = self.texts.len() as u32;
        self.texts.extend_from_slice(text.bytes);
        Kept {
            hash: text.hash,
            start,
            len: text.bytes.len() as u32,
        }
    }

    /// A site has no more than `limits::VALUES_PER_SITE`.
    fn number_of(&mut self, name: Text) -> u8 {
        let found = self.names.iter().position(|it| self.text(*it).is(name));
        let number = found.unwrap_or_else(|| {
            let name = self.keep(name);
            self.names.push(name);
            self.names.len() - 1
        });
        number as u8
    }

    #[inline]
    fn table_of(&mut self, facet: &Facet) -> u32 {
        let is_it =
            |table: &Table| table.kind == facet.kind && self.text(table.name).is(facet.name);
        let found = self.tables.iter().position(is_it);
        let number = found.unwrap_or_else(|| {
            let name = self.keep(facet.name);
            self.tables.push(Table {
                kind: facet.kind,
                users: facet.users,
                name,
                rows: 0,
            });
            self.tables.len() - 1
        });
        number as u32
    }

    #[inline]
    fn find(&self, table: u32, value: Text) -> Option<u32> {
        let mut at = self.home(table, value);
        loop {
            let number = self.index.get(at)?.checked_sub(1)?;
            let row = self.rows.get(number as usize)?;
            if row.table == table && self.text(row.value).is(value) {
                return Some(number);
            }
            at = self.next(at);
        }
    }

    /// Hashes are keyed: nobody can choose texts that share a place.
    #[inline]
    fn home(&self, table: u32, value: Text) -> usize {
        let hash = (value.hash >> 20).wrapping_add(u64::from(table));
        hash as usize & self.index.len().wrapping_sub(1)
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        (at + 1) & self.index.len().wrapping_sub(1)
    }

    #[cold]
    fn make_row(&mut self, table: u32, value: Text) -> u32 {
        let value = self.keep(value);
        let events = Run::default();
        self.rows.push(Row {
            table,
            value,
            events,
        });
        if let Some(table) = self.tables.get_mut(table as usize) {
            table.rows += 1;
        }
        let count = self.rows.len();
        if count * 2 > self.index.len() {
            self.index.clear();
            self.index.resize((count * 4).next_power_of_two(), 0);
            (0..count).for_each(|number| self.place(number));
        } else {
            self.place(count - 1);
        }
        count as u32 - 1
    }

    fn place(&mut self, number: usize) {
        let Some(row) = self.rows.get(number) else {
            return;
        };
        let mut at = self.home(row.table, self.text(row.value));
        while let Some(place) = self.index.get_mut(at) {
            if *place == 0 {
                *place = number as u32 + 1;
                return;
            }
            at = self.next(at);
        }
    }
}

const _: () = assert!(limits::VALUES_PER_SITE <= u8::MAX as usize);
