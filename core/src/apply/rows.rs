//! Resolved events sorted by the rows that they count in: a bucket looks a row up once for all of its
//! events.
//!
//! ```text
//! events    0       1       2
//! entries   a b     a c     a b         of each event, the rows that it counts in
//! sorted    0 1 2   0 1 2   0 2     1   of the whole and of each row, its events
//! rows              a       b       c
//! ```
//!
//! Texts are kept once for every row, so that nothing is borrowed from the events.

use crate::event::{Facet, ResolvedEvent, RowKind, Run};
use crate::people::Seen;
use crate::prefetch::{prefetch_end, prefetch_slice};
use crate::schema::limits;
use crate::sketch::hll::Member;
use crate::sketch::Number;
use crate::text::{index::Index, Text};

#[derive(Debug, Default)]
pub struct RowBatch {
    events: Vec<BatchEvent>,
    /// The user of each event.
    users: Vec<Member>,
    has_sessions: bool,
    /// The site remembers who was there before.
    counts_people: bool,
    /// Of the users that are counted as new or returning, with the indexes of their events, ascending. Most
    /// events have none.
    seen: Vec<(u32, Seen)>,
    has_new_users: bool,
    span: Span,
    /// The numbers of the rows of each event, one event after the other.
    entries: Vec<u32>,
    sorted: Vec<EventRow>,
    rows: Vec<Row>,
    tables: Vec<Table>,
    /// Finds rows by table and value.
    index: Index,
    /// The names of values, and for each value the number of its name.
    names: Vec<Kept>,
    named: Vec<u8>,
    numbers: Vec<Number>,
    texts: Vec<u8>,
}

/// An event of the batch.
#[derive(Debug)]
pub struct BatchEvent {
    /// The caller's number for the buckets of the event.
    pub path: u32,
    pub time: i64,
    pub session: Option<Member>,
    entries: Run,
    pub values: Run,
    /// One more than the shift of a new user; 0 where its user is not new.
    new_user: u8,
}

impl BatchEvent {
    #[inline]
    pub fn is_new(&self) -> bool {
        self.new_user > 0
    }

    /// How many users are new with it.
    #[inline]
    pub fn new_users(&self) -> u64 {
        match self.new_user {
            0 => 0,
            shift => 1 << (shift - 1),
        }
    }

    /// Every event has one row more than entries: the whole, which is its first.
    #[inline]
    fn first_row(&self, position: u32) -> u32 {
        self.entries.start + position
    }
}

/// From the earliest of the events to the latest, inclusive.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub first: i64,
    pub last: i64,
}

impl Default for Span {
    /// The span of no event.
    fn default() -> Span {
        Span {
            first: i64::MAX,
            last: i64::MIN,
        }
    }
}

/// The events of a row, or of the whole.
#[derive(Debug, Clone, Copy)]
pub struct RowEvents {
    /// The number of the row, from 1; 0 is the whole.
    pub row: u32,
    /// The range of its events in `sorted`.
    pub run: Run,
}

/// An event in one of its rows, or in the whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventRow {
    /// Its index in `events`.
    pub event: u32,
    /// The index of the row among those of all events.
    pub row: u32,
}

#[derive(Debug)]
struct Row {
    /// The number of its table.
    table: u32,
    value: Kept,
    /// The range of its events in `sorted`.
    events: Run,
}

/// A breakdown of the rows.
#[derive(Debug)]
struct Table {
    kind: RowKind,
    users: bool,
    capacity: u32,
    name: Kept,
    rows: usize,
}

/// The range of a text in the buffer.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    hash: u64,
    start: u32,
    len: u32,
}

/// A batch is full with so many events, or with `MUCH_TEXT` bytes of text.
const MOST_EVENTS: usize = 1_000;
const MUCH_TEXT: usize = 1 << 20;

/// `clear` frees more memory of texts than this.
const KEPT_TEXT: usize = 1 << 16;

impl RowBatch {
    /// Empties it, but keeps the memory.
    pub fn clear(&mut self) {
        if self.events.is_empty() {
            return;
        }
        self.events.clear();
        self.users.clear();
        self.has_sessions = false;
        (self.counts_people, self.has_new_users) = (false, false);
        self.seen.clear();
        self.span = Span::default();
        self.entries.clear();
        self.sorted.clear();
        self.rows.clear();
        self.tables.clear();
        self.index = Index::default();
        self.names.clear();
        self.named.clear();
        self.numbers.clear();
        self.texts.clear();
        self.texts.shrink_to(KEPT_TEXT);
    }

    /// Prefetches what `add` reads and writes.
    #[inline]
    pub fn prefetch(&self) {
        prefetch_end(&self.events);
        prefetch_end(&self.users);
        prefetch_end(&self.entries);
        prefetch_slice(&self.rows);
        prefetch_slice(&self.tables);
        prefetch_slice(&self.texts);
    }

    pub fn add(&mut self, path: u32, time: i64, resolved: &ResolvedEvent) {
        let entries = Run::behind(&self.entries, resolved.facets.len());
        for facet in resolved.facets {
            let table = self.table_or_new(facet);
            let number = match self.find(table, facet.value) {
                Some(number) => number,
                None => self.make_row(table, facet.value),
            };
            self.entries.push(number);
            if let Some(row) = self.rows.get_mut(number as usize) {
                row.events.len += 1;
            }
        }
        let values = Run::behind(&self.numbers, resolved.numbers.len());
        for name in resolved.names {
            let name = self.number_or_new(*name);
            self.named.push(name);
        }
        self.numbers.extend_from_slice(resolved.numbers);
        self.users.push(resolved.user);
        self.has_sessions |= resolved.session.is_some();
        self.span = Span {
            first: self.span.first.min(time),
            last: self.span.last.max(time),
        };
        self.counts_people |= resolved.counts_people;
        let mut new_user = 0;
        if let Some(seen) = resolved.seen {
            self.seen.push((self.events.len() as u32, seen));
            if seen.is_new() {
                new_user = seen.shift() + 1;
                self.has_new_users = true;
            }
        }
        self.events.push(BatchEvent {
            path,
            time,
            session: resolved.session,
            entries,
            values,
            new_user,
        });
    }

    /// To be called when all events are added, before rows are read.
    pub fn sort(&mut self) {
        let whole = self.events.iter().zip(0..).map(|(it, event)| EventRow {
            event,
            row: it.first_row(event),
        });
        self.sorted.clear();
        self.sorted.extend(whole);
        let mut start = self.sorted.len() as u32;
        for row in &mut self.rows {
            row.events.start = start;
            start += std::mem::take(&mut row.events.len);
        }
        self.sorted.resize(self.row_count(), EventRow::default());
        for (event, position) in self.events.iter().zip(0..) {
            let rows = event.first_row(position) + 1..;
            for (number, row) in event.entries.of(&self.entries).iter().zip(rows) {
                let Some(it) = self.rows.get_mut(*number as usize) else {
                    continue;
                };
                let next = (it.events.start + it.events.len) as usize;
                if let Some(next) = self.sorted.get_mut(next) {
                    *next = EventRow {
                        event: position,
                        row,
                    };
                }
                it.events.len += 1;
            }
        }
    }

    /// Whether the batch is to be applied and cleared before more is added.
    pub fn is_full(&self) -> bool {
        self.events.len() >= MOST_EVENTS || self.texts.len() >= MUCH_TEXT
    }

    /// The memory of the batch.
    pub fn bytes(&self) -> usize {
        self.events.len() * (size_of::<BatchEvent>() + size_of::<Member>())
            + self.entries.len() * size_of::<u32>()
            + self.row_count() * size_of::<EventRow>()
            + self.rows.len() * size_of::<Row>()
            + self.numbers.len() * (size_of::<u8>() + size_of::<Number>())
            + self.seen.len() * size_of::<(u32, Seen)>()
            + self.texts.len()
    }

    #[inline]
    pub fn events(&self) -> &[BatchEvent] {
        &self.events
    }

    #[inline]
    pub fn users(&self) -> &[Member] {
        &self.users
    }

    pub fn span(&self) -> Span {
        self.span
    }

    /// The whole and each row, with the range of its events.
    pub fn row_events(&self) -> impl Iterator<Item = RowEvents> + use<'_> {
        let rows = self.rows.iter().zip(1..);
        let rows = rows.map(|(it, row)| RowEvents {
            row,
            run: it.events,
        });
        std::iter::once(self.whole()).chain(rows)
    }

    pub fn whole(&self) -> RowEvents {
        RowEvents {
            row: 0,
            run: Run {
                start: 0,
                len: self.events.len() as u32,
            },
        }
    }

    pub fn event_rows(&self) -> &[EventRow] {
        &self.sorted
    }

    /// The number of rows of all events, with one whole for each.
    pub fn row_count(&self) -> usize {
        self.events.len() + self.entries.len()
    }

    /// The range of an event's rows among those of all events.
    #[inline]
    pub fn rows_of(&self, event: &BatchEvent, position: usize) -> std::ops::Range<usize> {
        let first = event.first_row(position as u32) as usize;
        first..first + 1 + event.entries.len as usize
    }

    /// Whether no event has a session or a value, or a new user.
    pub fn has_only_users(&self) -> bool {
        !self.has_sessions && self.numbers.is_empty() && !self.has_new_users
    }

    pub fn counts_people(&self) -> bool {
        self.counts_people
    }

    /// Of the users that are counted as new or returning, with the indexes of their events.
    pub fn seen(&self) -> &[(u32, Seen)] {
        &self.seen
    }

    /// The same of the event of this index.
    pub fn seen_of(&self, index: usize) -> Option<Seen> {
        let found = self
            .seen
            .binary_search_by_key(&index, |(event, _)| *event as usize);
        self.seen.get(found.ok()?).map(|(_, seen)| *seen)
    }

    #[inline]
    pub fn numbers_of(&self, event: &BatchEvent) -> &[Number] {
        event.values.of(&self.numbers)
    }

    /// The numbers of the names of an event's values.
    pub fn name_numbers_of(&self, event: &BatchEvent) -> &[u8] {
        event.values.of(&self.named)
    }

    pub fn names_of<'o>(&'o self, event: &BatchEvent) -> impl Iterator<Item = Text<'o>> + use<'o> {
        let numbers = self.name_numbers_of(event).iter();
        numbers.map(|number| self.name(*number))
    }

    pub fn name(&self, number: u8) -> Text<'_> {
        let kept = self.names.get(usize::from(number));
        self.text(kept.copied().unwrap_or_default())
    }

    pub fn facets_of<'o>(
        &'o self,
        event: &BatchEvent,
    ) -> impl Iterator<Item = Facet<'o>> + use<'o> {
        let entries = event.entries.of(&self.entries).iter();
        let rows = entries.filter_map(|number| self.rows.get(*number as usize));
        rows.filter_map(|row| self.facet(row))
    }

    /// The rows, each with the number of its table and its events.
    pub fn rows(&self) -> impl Iterator<Item = (usize, Facet<'_>, RowEvents)> {
        let rows = self.rows.iter().zip(self.row_events().skip(1));
        rows.filter_map(|(row, events)| Some((row.table as usize, self.facet(row)?, events)))
    }

    /// The breakdowns of the rows in the order of their numbers, each with the number of its rows and the
    /// capacity of its facets.
    pub fn tables(&self) -> impl Iterator<Item = (RowKind, Text<'_>, usize, u32)> {
        let tables = self.tables.iter();
        tables.map(|table| {
            (
                table.kind,
                self.text(table.name),
                table.rows,
                table.capacity,
            )
        })
    }

    fn facet(&self, row: &Row) -> Option<Facet<'_>> {
        let table = self.tables.get(row.table as usize)?;
        Some(Facet {
            kind: table.kind,
            name: self.text(table.name),
            value: self.text(row.value),
            users: table.users,
            capacity: table.capacity,
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
    fn number_or_new(&mut self, name: Text) -> u8 {
        let found = self.names.iter().position(|it| self.text(*it).is(name));
        let number = found.unwrap_or_else(|| {
            let name = self.keep(name);
            self.names.push(name);
            self.names.len() - 1
        });
        number as u8
    }

    #[inline]
    fn table_or_new(&mut self, facet: &Facet) -> u32 {
        // As in `Breakdown::is`: the breakdown of `event` has no name.
        let is_it = |table: &Table| {
            table.kind == facet.kind
                && (facet.kind == RowKind::Event || self.text(table.name).is(facet.name))
        };
        let found = self.tables.iter().position(is_it);
        let number = found.unwrap_or_else(|| {
            let name = self.keep(facet.name);
            self.tables.push(Table {
                kind: facet.kind,
                users: facet.users,
                capacity: facet.capacity,
                name,
                rows: 0,
            });
            self.tables.len() - 1
        });
        number as u32
    }

    #[inline]
    fn find(&self, table: u32, value: Text) -> Option<u32> {
        let is_it = |row: &Row| row.table == table && self.text(row.value).is(value);
        let found = if self.index.is_built() {
            let is_there = |number: usize| self.rows.get(number).is_some_and(is_it);
            self.index.find(hash(table, value.hash), is_there)
        } else {
            self.rows.iter().position(is_it)
        };
        found.map(|number| number as u32)
    }

    #[cold]
    fn make_row(&mut self, table: u32, value: Text) -> u32 {
        let number = self.rows.len();
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
        if self.index.is_full(number) {
            let hashes = self.rows.iter().map(|row| hash(row.table, row.value.hash));
            self.index = Index::build(hashes);
        } else if self.index.is_built() {
            self.index.insert(hash(table, value.hash), number);
        }
        number as u32
    }
}

/// A hash that differs between tables for the same value.
#[inline]
fn hash(table: u32, value: u64) -> u64 {
    value.rotate_left(table)
}

const _: () = assert!(Index::reaches(MOST_EVENTS * limits::FACETS_PER_EVENT));
const _: () = assert!(limits::VALUES_PER_SITE <= u8::MAX as usize);
