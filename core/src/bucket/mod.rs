//! A bucket: all aggregates of one site in one granularity and one period.
//!
//! ```text
//! stored:  version | granularity | start | end | n | n × value name | total | (1 | breakdown)* | 0
//!          value names ascending; breakdowns by kind, then name
//! ```
//!
//! A bucket that counts visits has version 2, and they follow at its end (`visits/`). One of a site that
//! remembers people or counts funnels has version 3, and at its end `parts 1 | [visits] | [people] | [funnels]`
//! (`people.rs`, `funnels/`): a bit each, 1 for visits, 2 for people, 4 for funnels.
//!
//! The next version of the format gets the next number: whatever stores the same content as other
//! bytes, or refuses bytes that were taken, is one, a limit that shrinks too. `decode` then reads all
//! of them and `encode` writes the last, so that a value changes its form when it is next stored;
//! servers that are to read it are upgraded first. A file of each version that was ever released
//! stays under test (`tests/golden.rs`).

mod breakdown;
pub mod funnels;
pub mod people;
mod table;
pub mod tally;
pub mod visits;

pub use breakdown::{Breakdown, OTHER};
use funnels::Funnels;
use people::People;
pub use table::Row;
use visits::Visits;

use super::codec::{corrupt, in_order, Page, Reader, Writer};
use super::error::Corrupt;
use super::memory::allocated;
use super::text::{Name, Text};
use super::time::{Granularity, Period, DAY, HOUR, MAX_TIME, MINUTE, MIN_TIME};
use crate::bucket::tally::{Distinct, Tally, ValueOrder};
use crate::event::{Facet, RowKind};
use crate::people::Seen;
use crate::schema::{check_value_name, limits, Selector};
use crate::sketch::hll::Sketch;

const VERSION: u8 = 1;
/// The same, and the visits at its end.
const WITH_VISITS: u8 = 2;
/// The same, and a byte of what follows at its end.
const WITH_PARTS: u8 = 3;

const VISITS: u8 = 1;
const PEOPLE: u8 = 2;
const FUNNELS: u8 = 4;

#[derive(Debug, Clone)]
pub struct Bucket {
    start: i64,
    /// In milliseconds; the longest month has 2.7 billion.
    length: u32,
    granularity: Granularity,
    total: Tally,
    /// New ones are rare: there is no spare capacity.
    breakdowns: Box<[Breakdown]>,
    /// The names of values; a value's id is its index. Behind one word: many buckets have none.
    #[allow(clippy::box_collection)]
    values: Option<Box<Vec<Name>>>,
    more: Option<Box<More>>,
}

/// What the buckets of most sites do not have.
#[derive(Debug, Clone, Default)]
struct More {
    visits: Option<Box<Visits>>,
    people: Option<Box<People>>,
    funnels: Option<Box<Funnels>>,
}

impl Bucket {
    pub fn new(period: &Period) -> Bucket {
        Bucket::spanning(period.granularity(), period.start(), period.end())
    }

    fn spanning(granularity: Granularity, start: i64, end: i64) -> Bucket {
        Bucket {
            granularity,
            start,
            // Periods come from a calendar, or were checked by `most_slots`.
            length: u32::try_from(end.saturating_sub(start)).unwrap_or(u32::MAX),
            total: Tally::default(),
            breakdowns: Box::default(),
            values: None,
            more: None,
        }
    }

    fn end(&self) -> i64 {
        self.start + i64::from(self.length)
    }

    #[inline]
    pub fn is_of(&self, period: &Period) -> bool {
        self.granularity == period.granularity()
            && self.start == period.start()
            && self.end() == period.end()
    }

    /// The tally of the whole site.
    pub fn total(&self) -> &Tally {
        &self.total
    }

    pub(crate) fn total_mut(&mut self) -> &mut Tally {
        &mut self.total
    }

    pub fn granularity(&self) -> Granularity {
        self.granularity
    }

    pub(crate) fn breakdown_mut(&mut self, position: usize) -> Option<&mut Breakdown> {
        self.breakdowns.get_mut(position)
    }

    pub fn breakdowns(&self) -> &[Breakdown] {
        &self.breakdowns
    }

    pub fn breakdown(&self, kind: RowKind, name: Text) -> Option<&Breakdown> {
        self.breakdowns.iter().find(|it| it.is(kind, name))
    }

    /// What was counted of a value of a dimension, or of a cell of a cube.
    pub fn tally_of(&self, row: &Selector) -> Option<&Tally> {
        self.breakdown(row.kind(), row.name())?.tally(row.value())
    }

    /// The visits that began in its period, where they are counted.
    pub fn visits(&self) -> Option<&Visits> {
        self.more.as_ref()?.visits.as_deref()
    }

    pub(crate) fn visits_mut(&mut self) -> &mut Option<Box<Visits>> {
        &mut self.more.get_or_insert_default().visits
    }

    /// The attempts of funnels that began in its period, where there are any.
    pub fn funnels(&self) -> Option<&Funnels> {
        self.more.as_ref()?.funnels.as_deref()
    }

    pub(crate) fn funnels_mut(&mut self) -> &mut Option<Box<Funnels>> {
        &mut self.more.get_or_insert_default().funnels
    }

    /// Who was seen in its period, where the site remembers who was there before.
    pub fn people(&self) -> Option<&People> {
        self.more.as_ref()?.people.as_deref()
    }

    /// To be called before events are counted. `counts`: whether they were taken note of.
    #[inline]
    pub(crate) fn begin_people(&mut self, counts: bool) {
        if counts || self.more.is_some() {
            self.mark_people(counts);
        }
    }

    fn mark_people(&mut self, counts: bool) {
        // Who was counted elsewhere may have been there before.
        let is_first = self.total.events() == 0 && self.total.users().is_empty();
        match (self.more.as_mut().and_then(|it| it.people.as_mut()), counts) {
            (Some(_), true) | (None, false) => {}
            (Some(people), false) => people.set_incomplete(),
            (None, true) => {
                let more = self.more.get_or_insert_default();
                more.people = Some(Box::new(People::new(is_first)));
            }
        }
    }

    /// Counts the user of an event as new or returning.
    #[inline]
    pub(crate) fn add_seen(&mut self, seen: Seen) {
        let granularity = self.granularity;
        if let Some(people) = self.more.as_mut().and_then(|it| it.people.as_mut()) {
            people.add(seen, granularity);
        }
    }

    /// The id of a value, in tallies.
    pub fn value(&self, name: Text) -> Option<u8> {
        let position = self.values().iter().position(|value| value.is(name))?;
        u8::try_from(position).ok()
    }

    #[inline]
    fn values(&self) -> &[Name] {
        self.values.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Whether there is room for all the names that one site may have.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.breakdowns.len() + limits::BREAKDOWNS_PER_SITE <= limits::BREAKDOWNS_PER_BUCKET
            && self.values().len() + limits::VALUES_PER_SITE <= limits::VALUES_PER_BUCKET
            && self.visits().is_none_or(Visits::has_room)
    }

    /// Whether there is room for these names.
    pub fn has_room_for<'n>(
        &self,
        breakdowns: impl Iterator<Item = (RowKind, Text<'n>)>,
        values: impl Iterator<Item = Text<'n>>,
    ) -> bool {
        let new = breakdowns.filter(|(kind, name)| self.breakdown(*kind, *name).is_none());
        let new_values = values.filter(|name| self.value(*name).is_none());
        self.breakdowns.len() + new.count() <= limits::BREAKDOWNS_PER_BUCKET
            && self.values().len() + new_values.count() <= limits::VALUES_PER_BUCKET
            && self.visits().is_none_or(Visits::has_room)
    }

    /// The index of the facet's breakdown, which is added if there is none. Most events have the same
    /// dimensions in the same order: `likely` is tried first.
    #[inline]
    pub(crate) fn breakdown_or_new(&mut self, facet: &Facet, likely: usize) -> usize {
        let named = |it: &Breakdown| it.is(facet.kind, facet.name);
        match self.breakdowns.get(likely) {
            Some(it) if named(it) => likely,
            _ => self.search_or_new(facet),
        }
    }

    #[inline(never)]
    fn search_or_new(&mut self, facet: &Facet) -> usize {
        let named = |it: &Breakdown| it.is(facet.kind, facet.name);
        match self.breakdowns.iter().position(named) {
            Some(position) => position,
            None => self.make_breakdown(facet),
        }
    }

    #[cold]
    fn make_breakdown(&mut self, facet: &Facet) -> usize {
        let mut breakdowns = std::mem::take(&mut self.breakdowns).into_vec();
        breakdowns.reserve_exact(1);
        breakdowns.push(Breakdown::new(facet.kind, facet.name));
        self.breakdowns = breakdowns.into_boxed_slice();
        self.breakdowns.len() - 1
    }

    /// Merges users or sessions that were counted elsewhere into these rows and the whole. Returns whether
    /// anything changed.
    pub fn import(
        &mut self,
        facets: &[Facet],
        what: Distinct,
        sketch: &Sketch,
        capacity: usize,
    ) -> bool {
        // An empty sketch would make rows in which nothing is counted.
        if sketch.is_empty() {
            return false;
        }
        let mut is_new = self.total.import(what, sketch);
        for facet in facets.iter().filter(|facet| facet.users) {
            let position = self.breakdown_or_new(facet, 0);
            if let Some(breakdown) = self.breakdowns.get_mut(position) {
                is_new |= breakdown.import(facet.value, what, sketch, facet.capacity_or(capacity));
            }
        }
        let people = self.more.as_mut().and_then(|it| it.people.as_mut());
        if let Some(people) = people.filter(|_| is_new && what == Distinct::Users) {
            people.set_incomplete();
        }
        is_new
    }

    pub(crate) fn value_or_new(&mut self, name: Text) -> u8 {
        self.value(name).unwrap_or_else(|| {
            let values = self.values.get_or_insert_default();
            values.reserve_exact(1);
            values.push(Name::from(name));
            (values.len() - 1) as u8
        })
    }

    /// What the bucket occupies, itself not included.
    pub fn heap_bytes(&self) -> usize {
        let breakdowns: usize = self.breakdowns.iter().map(Breakdown::heap_bytes).sum();
        let names = self.values.as_ref().map_or(0, |values| {
            let texts = values.iter().map(|name| allocated(name.bytes().len()));
            allocated(size_of::<Vec<Name>>())
                + allocated(values.capacity() * size_of::<Name>())
                + texts.sum::<usize>()
        });
        self.total.heap_bytes()
            + allocated(size_of_val(&*self.breakdowns))
            + breakdowns
            + names
            + self.visits().map_or(0, Visits::bytes)
            + self.people().map_or(0, People::bytes)
            + self.funnels().map_or(0, Funnels::bytes)
            + self
                .more
                .as_ref()
                .map_or(0, |_| allocated(size_of::<More>()))
    }

    /// About the number of its allocations, which is the work to free it.
    pub fn parts(&self) -> usize {
        let rows: usize = self
            .breakdowns
            .iter()
            .map(|it| 1 + 4 * it.rows().len())
            .sum();
        1 + rows + self.visits().map_or(0, Visits::parts) + self.funnels().map_or(0, Funnels::parts)
    }

    pub fn encode(&self) -> Vec<Page> {
        let mut writer = Writer::new();
        let (visits, people, funnels) = (self.visits(), self.people(), self.funnels());
        let bit = |bit: u8, is_there: bool| if is_there { bit } else { 0 };
        let parts = bit(VISITS, visits.is_some())
            | bit(PEOPLE, people.is_some())
            | bit(FUNNELS, funnels.is_some());
        writer.u8(match parts {
            0 => VERSION,
            VISITS => WITH_VISITS,
            _ => WITH_PARTS,
        });
        writer.u8(self.granularity.index() as u8);
        writer.signed(self.start);
        writer.signed(self.end());
        let order = self.encode_values(&mut writer);
        self.total.encode(&mut writer, &order);
        for (_, breakdown) in in_order(&self.breakdowns, Breakdown::order) {
            writer.turn_page();
            writer.u8(1);
            breakdown.encode(&mut writer, &order);
        }
        writer.turn_page();
        writer.u8(0);
        if parts & !VISITS != 0 {
            writer.u8(parts);
        }
        if let Some(visits) = visits {
            visits.encode(&mut writer);
        }
        if let Some(people) = people {
            people.encode(&mut writer);
        }
        if let Some(funnels) = funnels {
            funnels.encode(&mut writer);
        }
        writer.into_pages()
    }

    fn encode_values(&self, writer: &mut Writer) -> ValueOrder {
        let mut names: Vec<(&[u8], usize)> =
            self.values().iter().map(Name::bytes).zip(0..).collect();
        names.sort_unstable();
        writer.varint(names.len() as u64);
        let mut stored = vec![0; names.len()];
        for (position, (name, id)) in names.into_iter().enumerate() {
            writer.bytes(name);
            if let Some(stored) = stored.get_mut(id) {
                *stored = position as u8;
            }
        }
        ValueOrder::new(stored)
    }

    pub fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<Bucket, Corrupt> {
        Bucket::read(Reader::over(&mut pages.iter().map(P::as_ref)))
    }

    fn read(mut reader: Reader) -> Result<Bucket, Corrupt> {
        let version = reader.u8("version")?;
        match version {
            VERSION | WITH_VISITS | WITH_PARTS => {}
            _ => return Err(corrupt("version", "not one that this module reads")),
        }
        let granularity = usize::from(reader.u8("granularity")?);
        let granularity = *Granularity::ALL
            .get(granularity)
            .ok_or(corrupt("granularity", "unknown"))?;
        let (start, end) = (reader.signed("start")?, reader.signed("end")?);
        let slots = most_slots(granularity, start, end)
            .ok_or(corrupt("period", "not one of its granularity"))?;
        let mut bucket = Bucket::spanning(granularity, start, end);
        bucket.decode_values(&mut reader)?;
        let values = bucket.values().len();
        bucket.total = Tally::decode(&mut reader, slots, values)?;
        let mut breakdowns: Vec<Breakdown> = Vec::new();
        while reader.next_item("breakdown")? {
            if breakdowns.len() >= limits::BREAKDOWNS_PER_BUCKET {
                return Err(corrupt("breakdowns", "too many"));
            }
            let breakdown = Breakdown::decode(&mut reader, slots, values)?;
            let last = breakdowns.last();
            if last.is_some_and(|before| before.order() >= breakdown.order()) {
                return Err(corrupt("breakdown", "not in order"));
            }
            if breakdowns.is_empty() {
                // Most buckets have one.
                breakdowns.reserve_exact(1);
            }
            breakdowns.push(breakdown);
        }
        bucket.breakdowns = breakdowns.into_boxed_slice();
        let parts = match version {
            VERSION => 0,
            WITH_VISITS => VISITS,
            _ => reader.u8("parts")?,
        };
        let is_more = parts & !VISITS != 0 && parts & !(VISITS | PEOPLE | FUNNELS) == 0;
        if version == WITH_PARTS && !is_more {
            return Err(corrupt("parts", "none of this version"));
        }
        if parts & VISITS != 0 {
            let visits = Visits::decode(&mut reader, slots)?;
            bucket.more.get_or_insert_default().visits = Some(Box::new(visits));
        }
        if parts & PEOPLE != 0 {
            let people = People::decode(&mut reader, granularity)?;
            bucket.more.get_or_insert_default().people = Some(Box::new(people));
        }
        if parts & FUNNELS != 0 {
            let funnels = Funnels::decode(&mut reader, slots)?;
            bucket.more.get_or_insert_default().funnels = Some(Box::new(funnels));
        }
        reader.finish()?;
        Ok(bucket)
    }

    fn decode_values(&mut self, reader: &mut Reader) -> Result<(), Corrupt> {
        let mut values: Vec<Name> = Vec::new();
        for _ in 0..reader.count("value names", limits::VALUES_PER_BUCKET, 2)? {
            let name = reader.bytes("value name", limits::NAME)?;
            if check_value_name(name).is_err() {
                return Err(corrupt("value name", "no name for one"));
            }
            if values.last().is_some_and(|before| before.bytes() >= name) {
                return Err(corrupt("value name", "not ascending"));
            }
            values.push(Name::new(name));
        }
        self.values = (!values.is_empty()).then(|| Box::new(values));
        Ok(())
    }
}

/// How many slots a period of this start and length may have; None if no zone has such a period of
/// this granularity.
fn most_slots(granularity: Granularity, start: i64, end: i64) -> Option<u8> {
    let len = end.checked_sub(start)?;
    let lies_in_time = MIN_TIME - MONTH <= start && end <= MAX_TIME + MONTH;
    let whole = |len: i64| start.rem_euclid(len) == 0;
    let (slots, is_one) = match granularity {
        Granularity::Minute => (60, len == MINUTE && whole(MINUTE)),
        Granularity::Hour => (60, len == HOUR && whole(HOUR)),
        // A day was skipped or repeated where a zone moved across the date line.
        Granularity::Day => ((len / HOUR + 1).min(60) as u8, 0 < len && len <= 60 * HOUR),
        Granularity::Week => (7, (5 * DAY..=9 * DAY).contains(&len)),
        Granularity::Month => (31, (26 * DAY..=MONTH).contains(&len)),
    };
    (lies_in_time && is_one).then_some(slots)
}

const MONTH: i64 = 33 * DAY;
