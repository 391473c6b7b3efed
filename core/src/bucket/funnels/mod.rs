//! The attempts of funnels that began in the period of a bucket: how many reached each step, of the whole site
//! and of the values of the dimensions of `BY`, and how long each step took. Buckets of hours and coarser ones
//! have them, where the site counts funnels.
//!
//! ```text
//! stored:   n | n × funnel                                    tags ascending
//! funnel:   tag 8 | steps 1 | first | last | cells | sampled? | a sketch for each step behind the first
//!           | (1 | table)* | 0                                tables by name
//! sampled:  followed | a sum of squares of 16 bytes for each step
//! ```

mod steps;
#[cfg(test)]
mod tests;

pub use steps::Steps;

use super::visits::{Addition, Axis, Cells, Sums, Table};
use crate::codec::{corrupt, in_order, Reader, Writer};
use crate::error::Corrupt;
use crate::funnel::{LEAST_STEPS, MOST_BY, MOST_STEPS};
use crate::memory::allocated;
use crate::schema::limits::FUNNELS_PER_SITE;
use crate::sketch::quantiles::Quantiles;
use crate::text::Text;
use crate::visitors::{Seed, ValueId};

/// At most as many as a site has.
#[derive(Debug, Clone, Default)]
pub struct Funnels(Vec<Counted>);

/// What was counted of a funnel.
#[derive(Debug, Clone)]
pub struct Counted {
    tag: u64,
    /// The ids were made here, and not read: those of a payload may be any.
    has_own_ids: bool,
    /// The earliest and the latest beginning of an attempt.
    first: i64,
    last: i64,
    whole: Cells<Steps>,
    /// Where users were sampled.
    sampled: Option<Box<Sampled>>,
    /// The seconds from the step before, of each step behind the first.
    gaps: Vec<Quantiles>,
    tables: Vec<Table<Steps>>,
}

/// By which the error of sampling is estimated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampled {
    /// How many attempts there were of users that were followed.
    pub followed: u64,
    /// For each step, the sum of `w * (w - 1)` over the attempts that reached it, where one counts for `w`.
    pub spread: [u128; MOST_STEPS],
}

/// What an event adds to an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// When the attempt began.
    pub beginning: i64,
    pub slot: u8,
    /// The steps that it had reached, and has now.
    pub from: u8,
    pub to: u8,
    /// The milliseconds from the step before to the first of them.
    pub gap: i64,
    /// For how many attempts it counts.
    pub weight: u64,
}

impl Change {
    fn is_new(&self) -> bool {
        self.from == 0
    }
}

impl Funnels {
    pub fn get(&self, tag: u64) -> Option<&Counted> {
        self.0.iter().find(|it| it.tag == tag)
    }

    pub fn all(&self) -> &[Counted] {
        &self.0
    }

    /// What is counted of a funnel of so many steps. Where it is new to the bucket, all that the site does not
    /// count any more is removed: `is_current`.
    pub fn get_or_insert(
        &mut self,
        tag: u64,
        steps: usize,
        is_current: impl Fn(u64) -> bool,
    ) -> Option<&mut Counted> {
        let has_other_steps = |it: &Counted| it.tag == tag && it.steps() != steps;
        if self.get(tag).is_none_or(has_other_steps) {
            self.0.retain(|it| it.tag != tag && is_current(it.tag));
            self.0.reserve_exact(1);
            self.0.push(Counted::new(tag, steps));
        }
        self.get_mut(tag)
    }

    pub fn get_mut(&mut self, tag: u64) -> Option<&mut Counted> {
        self.0.iter_mut().find(|it| it.tag == tag)
    }

    /// What it occupies, itself included.
    pub fn bytes(&self) -> usize {
        let each: usize = self.0.iter().map(Counted::heap_bytes).sum();
        allocated(size_of::<Funnels>()) + allocated(self.0.capacity() * size_of::<Counted>()) + each
    }

    /// About the number of its allocations.
    pub fn parts(&self) -> usize {
        let rows = { self.0.iter() }.flat_map(|it| &it.tables);
        let rows: usize = rows.map(|table| table.rows().len()).sum();
        1 + self.0.len() * (2 + MOST_STEPS) + 2 * rows
    }

    pub fn encode(&self, writer: &mut Writer) {
        writer.varint(self.0.len() as u64);
        for (_, counted) in in_order(&self.0, |it| it.tag) {
            counted.encode(writer);
        }
    }

    /// `slots`: how many the bucket has.
    pub fn decode(reader: &mut Reader, slots: u8) -> Result<Funnels, Corrupt> {
        let count = reader.count("funnels", FUNNELS_PER_SITE, LEAST_BYTES)?;
        let mut funnels = Funnels(Vec::with_capacity(count));
        for _ in 0..count {
            let counted = Counted::decode(reader, slots)?;
            let last = funnels.0.last();
            if last.is_some_and(|last| last.tag >= counted.tag) {
                return Err(corrupt("funnel", "not in order"));
            }
            funnels.0.push(counted);
        }
        match count {
            0 => Err(corrupt("funnels", "none")),
            _ => Ok(funnels),
        }
    }
}

/// The fewest bytes of a funnel: its tag, its steps, two times, and lists without items.
const LEAST_BYTES: usize = 15;

impl Counted {
    fn new(tag: u64, steps: usize) -> Counted {
        Counted {
            tag,
            has_own_ids: true,
            first: i64::MAX,
            last: i64::MIN,
            whole: Cells::default(),
            sampled: None,
            gaps: vec![Quantiles::new(); steps.saturating_sub(1)],
            tables: Vec::new(),
        }
    }

    pub fn tag(&self) -> u64 {
        self.tag
    }

    pub fn steps(&self) -> usize {
        self.gaps.len() + 1
    }

    pub fn whole(&self) -> &Cells<Steps> {
        &self.whole
    }

    pub fn sampled(&self) -> Option<&Sampled> {
        self.sampled.as_deref()
    }

    /// The seconds from the step before to this one, which is not the first (0).
    pub fn gaps(&self, step: usize) -> Option<&Quantiles> {
        self.gaps.get(step.checked_sub(1)?)
    }

    pub fn tables(&self) -> &[Table<Steps>] {
        &self.tables
    }

    pub fn table(&self, dimension: Text) -> Option<&Table<Steps>> {
        self.tables.iter().find(|table| table.axis().is(dimension))
    }

    /// Finds rows by the ids of this seed.
    fn use_seed(&mut self, seed: Seed) {
        if !std::mem::replace(&mut self.has_own_ids, true) {
            for table in &mut self.tables {
                table.change_ids(|_, value| seed.value(value));
            }
        }
    }

    /// Adds to the whole and to these values, each with its text where the attempt is new. An attempt that
    /// began before all that the bucket has is none of its own: the bucket was made anew meanwhile.
    pub fn add<'t>(
        &mut self,
        change: &Change,
        seed: Seed,
        values: impl Iterator<Item = (&'t Axis, ValueId, Option<&'t [u8]>)>,
        capacity: usize,
    ) {
        if !change.is_new() && change.beginning < self.first {
            return;
        }
        self.use_seed(seed);
        let amounts = Steps::reached(change.from, change.to, change.weight);
        self.add_sampled(change);
        self.whole.add(change.slot, amounts);
        let mut millis = change.gap;
        for step in change.from.max(1)..change.to {
            // The first of several steps is the event that follows the step before; the others are the same.
            if step > change.from {
                millis = 0;
            }
            if let Some(gaps) = self.gaps.get_mut(usize::from(step - 1)) {
                gaps.insert_many(millis as f64 / 1_000.0, change.weight);
            }
        }
        let last = self.last;
        for (axis, id, text) in values {
            let addition = Addition {
                id,
                text,
                beginning: change.beginning,
                slot: change.slot,
                amounts,
            };
            if let Some(table) = self.table_or_new(axis, text.is_some()) {
                table.add(&addition, capacity, last);
            }
        }
        if change.is_new() {
            self.first = self.first.min(change.beginning);
            self.last = self.last.max(change.beginning);
        }
    }

    fn add_sampled(&mut self, change: &Change) {
        if change.weight <= 1 && self.sampled.is_none() {
            return;
        }
        let began = self.whole.total().began();
        let sampled = self.sampled.get_or_insert_with(|| {
            Box::new(Sampled {
                followed: began,
                ..Sampled::default()
            })
        });
        sampled.followed = sampled.followed.saturating_add(change.is_new().into());
        let weight = u128::from(change.weight);
        let steps = usize::from(change.from)..usize::from(change.to);
        for sum in sampled.spread.get_mut(steps).into_iter().flatten() {
            *sum = sum.saturating_add(weight * weight.saturating_sub(1));
        }
    }

    fn table_or_new(&mut self, axis: &Axis, is_new: bool) -> Option<&mut Table<Steps>> {
        let at = self.tables.iter().position(|table| table.axis() == axis);
        if at.is_none() && is_new && self.tables.len() < MOST_BY {
            self.tables.reserve_exact(1);
            self.tables.push(Table::new(axis.clone()));
            return self.tables.last_mut();
        }
        self.tables.get_mut(at?)
    }

    fn heap_bytes(&self) -> usize {
        let tables: usize = self.tables.iter().map(Table::heap_bytes).sum();
        let gaps: usize = self.gaps.iter().map(Quantiles::heap_bytes).sum();
        let sampled = self.sampled.as_ref();
        self.whole.heap_bytes()
            + sampled.map_or(0, |_| allocated(size_of::<Sampled>()))
            + allocated(self.gaps.capacity() * size_of::<Quantiles>())
            + gaps
            + allocated(self.tables.capacity() * size_of::<Table<Steps>>())
            + tables
    }

    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.tag.to_le_bytes());
        writer.u8(self.steps() as u8);
        writer.signed(self.first);
        writer.signed(self.last);
        self.whole.encode(writer);
        match &self.sampled {
            None => writer.u8(0),
            Some(sampled) => {
                writer.u8(1);
                writer.varint(sampled.followed);
                for sum in sampled.spread.iter().take(self.steps()) {
                    writer.raw(&sum.to_le_bytes());
                }
            }
        }
        self.gaps.iter().for_each(|gaps| gaps.encode(writer));
        for (_, table) in in_order(&self.tables, |table| table.axis().order()) {
            writer.turn_page();
            writer.u8(1);
            table.encode(writer);
        }
        writer.turn_page();
        writer.u8(0);
    }

    fn decode(reader: &mut Reader, slots: u8) -> Result<Counted, Corrupt> {
        let tag = reader.raw("tag of a funnel", 8)?;
        let tag = tag.first_chunk().map_or(0, |tag| u64::from_le_bytes(*tag));
        let steps = usize::from(reader.u8("steps of a funnel")?);
        if !(LEAST_STEPS..=MOST_STEPS).contains(&steps) {
            return Err(corrupt("steps of a funnel", "out of range"));
        }
        let mut counted = Counted::new(tag, steps);
        counted.has_own_ids = false;
        counted.first = reader.signed("first attempt")?;
        counted.last = reader.signed("last attempt")?;
        if counted.first > counted.last {
            return Err(corrupt("first attempt", "after the last"));
        }
        counted.whole = Cells::decode(reader, slots)?;
        counted.sampled = Sampled::decode(reader, steps)?;
        let total = counted.whole.total();
        for (step, gaps) in (1..).zip(&mut counted.gaps) {
            *gaps = Quantiles::decode(reader)?;
            if gaps.count() != total.at(step) {
                return Err(corrupt(
                    "step of a funnel",
                    "its slots and its times count differently",
                ));
            }
        }
        if total.all().iter().skip(steps).any(|attempts| *attempts > 0) {
            return Err(corrupt("step of a funnel", "more than it has"));
        }
        while reader.next_item("table of a funnel")? {
            let table: Table<Steps> = Table::decode(reader, slots)?;
            let last = counted.tables.last();
            let is_next = last.is_none_or(|last| last.axis().order() < table.axis().order());
            let is_by = matches!(table.axis(), Axis::By(_));
            if !is_next || !is_by || counted.tables.len() >= MOST_BY {
                return Err(corrupt(
                    "table of a funnel",
                    "too many, not in order, or of visits",
                ));
            }
            counted.tables.reserve_exact(1);
            counted.tables.push(table);
        }
        Ok(counted)
    }
}

impl Sampled {
    fn decode(reader: &mut Reader, steps: usize) -> Result<Option<Box<Sampled>>, Corrupt> {
        match reader.u8("sampled attempts")? {
            0 => return Ok(None),
            1 => {}
            _ => return Err(corrupt("sampled attempts", "neither 0 nor 1")),
        }
        let mut sampled = Sampled {
            followed: reader.varint("followed attempts")?,
            ..Sampled::default()
        };
        for sum in sampled.spread.iter_mut().take(steps) {
            let bytes = reader.raw("spread of attempts", 16)?;
            *sum = bytes.first_chunk().map_or(0, |it| u128::from_le_bytes(*it));
        }
        Ok(Some(Box::new(sampled)))
    }
}
