//! The stored form of a partition.
//!
//! ```text
//! version 1 | parts | expiry signed | [identities] | [n | n × funnel]      parts: 1 identities, 2 funnels
//! identities:  tag 8 | shift 1 | base, latest signed | slots, len varint | len × entry 8
//! ```
//!
//! Entries are little-endian, and ascend by their keys. The number of slots is stored, because the next
//! growth follows from it.

use super::entry::{Entry, Shape, Table, BYTES, MOST_DAY};
use super::identities::{Identities, MOST_SHIFT};
use super::partition::People;
use crate::codec::{corrupt, in_order, Page, Reader, Writer};
use crate::error::Corrupt;
use crate::funnel::{Progress, LEAST_BYTES as LEAST_FUNNEL, MOST_FUNNELS};
use crate::table::{is_followed, Filling};
use crate::time::{DayNumber, DAY, MAX_TIME, MIN_TIME};
use crate::visitors::MOST_IN_PARTITION;

const VERSION: u8 = 1;

const IDENTITIES: u8 = 1;
/// In the order of their tags.
const FUNNELS: u8 = 2;

impl People {
    pub fn encode(&self) -> Vec<Page> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        let bit = |bit: u8, is_there: bool| if is_there { bit } else { 0 };
        let identities = bit(IDENTITIES, self.identities.is_some());
        writer.u8(identities | bit(FUNNELS, !self.funnels.is_empty()));
        writer.signed(self.expiry);
        if let Some(identities) = &self.identities {
            identities.encode(&mut writer);
        }
        if !self.funnels.is_empty() {
            writer.varint(self.funnels.len() as u64);
            for (_, funnel) in in_order(&self.funnels, Progress::tag) {
                writer.turn_page();
                funnel.encode(&mut writer);
            }
        }
        writer.into_pages()
    }

    pub fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<People, Corrupt> {
        People::read(Reader::over(&mut pages.iter().map(P::as_ref)))
    }

    fn read(mut reader: Reader) -> Result<People, Corrupt> {
        if reader.u8("version")? != VERSION {
            return Err(corrupt("version", "not one that this module reads"));
        }
        let parts = reader.u8("parts")?;
        if parts & !(IDENTITIES | FUNNELS) != 0 {
            return Err(corrupt("parts", "one that this module does not have"));
        }
        let expiry = reader.signed("expiry")?;
        if expiry < 0 {
            return Err(corrupt("expiry", "out of range"));
        }
        let identities = match parts & IDENTITIES {
            0 => None,
            _ => Some(Identities::decode(&mut reader)?),
        };
        let funnels = match parts & FUNNELS {
            0 => Vec::new(),
            _ => read_funnels(&mut reader)?,
        };
        reader.finish()?;
        Ok(People {
            identities,
            funnels,
            expiry,
        })
    }
}

fn read_funnels(reader: &mut Reader) -> Result<Vec<Progress>, Corrupt> {
    let count = reader.count("funnels", MOST_FUNNELS, LEAST_FUNNEL)?;
    let mut funnels: Vec<Progress> = Vec::with_capacity(count);
    for _ in 0..count {
        reader.turn_page()?;
        let funnel = Progress::decode(reader)?;
        if { funnels.last() }.is_some_and(|last| last.tag() >= funnel.tag()) {
            return Err(corrupt("funnel", "not in order"));
        }
        funnels.push(funnel);
    }
    match count {
        0 => Err(corrupt("funnels", "none")),
        _ => Ok(funnels),
    }
}

impl Identities {
    fn encode(&self, writer: &mut Writer) {
        writer.reserve(self.table.len() * BYTES);
        writer.raw(&self.tag.to_le_bytes());
        writer.u8(self.shift as u8);
        writer.signed(self.base.into());
        writer.signed(self.latest.into());
        writer.varint(self.table.slots() as u64);
        writer.varint(self.table.len() as u64);
        self.table.iter().for_each(|entry| writer.raw(entry));
    }

    fn decode(reader: &mut Reader) -> Result<Identities, Corrupt> {
        let tag = read_u64(reader, "tag")?;
        let shift = reader.u8("shift")?.into();
        if shift > MOST_SHIFT {
            return Err(corrupt("shift", "out of range"));
        }
        let base = read_day(reader, "base", MOST_DAY)?;
        let latest = read_day(reader, "latest", 0)?;
        if !(base..=base + MOST_DAY).contains(&latest) {
            return Err(corrupt("latest", "not among the days of entries"));
        }
        let slots = reader.varint("slots")?;
        let table = read_table(reader, slots, |entry| {
            if !is_followed(entry.key, shift) {
                return Err(corrupt("entry", "of a user who is not followed"));
            }
            match base + entry.last > latest {
                true => Err(corrupt("entry", "later than the latest")),
                false => Ok(()),
            }
        })?;
        Ok(Identities {
            tag,
            table,
            shift,
            base,
            latest,
        })
    }
}

fn read_table(
    reader: &mut Reader,
    slots: u64,
    check: impl Fn(Entry) -> Result<(), Corrupt>,
) -> Result<Table, Corrupt> {
    let len = reader.count("entries", MOST_IN_PARTITION, BYTES)?;
    let mut filling = Filling::for_reading(Shape, slots, len)
        .ok_or(corrupt("slots", "not as many as such a table has"))?;
    for _ in 0..len {
        let bytes = reader.raw("entry", BYTES)?;
        let entry = Entry::of(bytes);
        if entry.first > entry.last || !filling.push(bytes) {
            return Err(corrupt("entry", "none of a partition, or not in order"));
        }
        check(entry)?;
    }
    Ok(filling.finish())
}

fn read_u64(reader: &mut Reader, field: &'static str) -> Result<u64, Corrupt> {
    let bytes = reader.raw(field, size_of::<u64>())?;
    Ok(bytes
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes)))
}

/// A day of the calendar, or at most `before` days before it.
fn read_day(reader: &mut Reader, field: &'static str, before: i32) -> Result<DayNumber, Corrupt> {
    let (first, last) = (MIN_TIME / DAY - 2 - i64::from(before), MAX_TIME / DAY + 2);
    let day = reader.signed(field)?;
    let day = Some(day).filter(|day| (first..=last).contains(day));
    day.and_then(|day| DayNumber::try_from(day).ok())
        .ok_or(corrupt(field, "out of range"))
}
