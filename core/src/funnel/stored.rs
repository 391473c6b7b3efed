//! The stored form of the attempts of a funnel in a partition.
//!
//! ```text
//! tag 8 | within varint | steps 1 | by 1 | shift 1 | latest signed | tables 1
//! tables × (slots, len varint | len × entry, keys ascending)      as many as the last one that has slots
//! ```
//!
//! The numbers of slots are stored, because the next growth follows from them.

use super::attempt::Rules;
use super::entry::{Layout, Shape, Table};
use super::progress::{Progress, MOST_SHIFT};
use super::{LEAST_STEPS, LONGEST, MOST_BY, MOST_STEPS};
use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;
use crate::table::{is_followed, Filling, Shape as _};
use crate::time::{MAX_TIME, MIN_TIME};
use crate::visitors::MOST_IN_PARTITION;
use std::collections::HashSet;

impl Progress {
    pub fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.tag.to_le_bytes());
        writer.varint(self.rules.within.unsigned_abs());
        writer.u8(self.rules.steps);
        writer.u8(self.rules.by);
        writer.u8(self.shift as u8);
        writer.signed(self.latest);
        let last = self.tables.iter().rposition(|table| table.slots() > 0);
        let count = last.map_or(0, |last| last + 1);
        writer.u8(count as u8);
        for table in self.tables.iter().take(count) {
            writer.varint(table.slots() as u64);
            writer.varint(table.len() as u64);
            table.iter().for_each(|entry| writer.raw(entry));
        }
    }

    pub fn decode(reader: &mut Reader) -> Result<Progress, Corrupt> {
        let tag = reader.raw("tag of a funnel", 8)?;
        let tag = tag.first_chunk().map_or(0, |tag| u64::from_le_bytes(*tag));
        let within = reader.varint_to("duration of a funnel", LONGEST.unsigned_abs())?;
        let rules = Rules {
            within: i64::try_from(within).unwrap_or(0),
            steps: reader.u8("steps of a funnel")?,
            by: reader.u8("dimensions of a funnel")?,
        };
        let shift = reader.u8("sampling of a funnel")?.into();
        let steps = usize::from(rules.steps);
        if rules.within == 0
            || !(LEAST_STEPS..=MOST_STEPS).contains(&steps)
            || usize::from(rules.by) > MOST_BY
            || shift > MOST_SHIFT
        {
            return Err(corrupt("rules of a funnel", "out of range"));
        }
        let latest = reader.signed("latest")?;
        if latest != i64::MIN && !(MIN_TIME..=MAX_TIME).contains(&latest) {
            return Err(corrupt("latest", "out of range"));
        }
        let mut progress = Progress {
            tag,
            rules,
            tables: Vec::new(),
            shift,
            latest,
        };
        let count = usize::from(reader.u8("tables of a funnel")?);
        if count > Progress::MOST_TABLES {
            return Err(corrupt("tables of a funnel", "too many"));
        }
        let mut keys = HashSet::new();
        for class in 0..count {
            let table = progress.read_table(reader, class, &mut keys)?;
            progress.tables.reserve_exact(1);
            progress.tables.push(table);
        }
        if progress.tables.last().is_some_and(|last| last.slots() == 0) {
            return Err(corrupt(
                "tables of a funnel",
                "one without slots at the end",
            ));
        }
        Ok(progress)
    }

    fn read_table(
        &self,
        reader: &mut Reader,
        class: usize,
        keys: &mut HashSet<u64>,
    ) -> Result<Table, Corrupt> {
        let layout = Layout::of(&self.rules);
        let shape = layout.shape(class);
        let slots = reader.varint("slots of a funnel")?;
        let most = MOST_IN_PARTITION.saturating_sub(self.len());
        let len = reader.count("users of a funnel", most, shape.width())?;
        let mut filling = Filling::for_reading(shape, slots, len).ok_or(corrupt(
            "slots of a funnel",
            "not as many as such a table has",
        ))?;
        for _ in 0..len {
            let entry = reader.raw("entry of a funnel", shape.width())?;
            let key = Shape::key(entry);
            if !is_followed(key, self.shift) || !keys.insert(key) || !filling.push(entry) {
                return Err(corrupt(
                    "entry of a funnel",
                    "not in order, given twice, or not followed",
                ));
            }
            let attempts = layout.read(entry);
            let attempts = attempts.filter(|attempts| attempts.are_possible(&self.rules));
            let is_ours = attempts.is_some_and(|attempts| {
                let ours = layout.write(key, &attempts);
                ours.class == class && ours.bytes() == entry
            });
            if !is_ours {
                return Err(corrupt("entry of a funnel", "none that events make"));
            }
        }
        Ok(filling.finish())
    }
}
