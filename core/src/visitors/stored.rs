//! The stored form of a partition.
//!
//! ```text
//! version 1 | tag 8 | path 1 | by 1 | bits 1 | shift 1 | latest, expiry signed | slots, len varint
//! len × entry       hashes ascending
//! n × (id, text)    the texts of paths; ids ascending
//! ```
//!
//! The number of slots is stored, because the next growth follows from it.

use super::entry::{Layout, Shape, Table};
use super::ids::ValueId;
use super::partition::{Partition, MOST_SHIFT};
use super::paths::{Paths, MOST_PATHS};
use super::{LONGEST_PATH, MOST_BITS, MOST_BY, MOST_IN_PARTITION};
use crate::codec::{corrupt, Page, Reader, Writer};
use crate::error::Corrupt;
use crate::table::{Filling, Shape as _};
use crate::time::{MAX_TIME, MIN_TIME};

const VERSION: u8 = 1;

impl Partition {
    pub fn encode(&self) -> Vec<Page> {
        let shape = self.table.shape();
        let layout = shape.layout;
        let mut writer = Writer::new();
        writer.reserve(self.table.len() * shape.width());
        writer.u8(VERSION);
        writer.raw(&self.tag.to_le_bytes());
        writer.u8(layout.path.into());
        writer.u8(layout.by);
        writer.u8(shape.bits as u8);
        writer.u8(self.shift as u8);
        writer.signed(self.latest);
        writer.signed(self.expiry);
        writer.varint(self.table.slots() as u64);
        writer.varint(self.table.len() as u64);
        self.table.iter().for_each(|entry| writer.raw(entry));
        writer.varint(self.paths.iter().len() as u64);
        for (id, text) in self.paths.iter() {
            writer.turn_page();
            writer.varint(id.bits());
            writer.bytes(text);
        }
        writer.into_pages()
    }

    pub fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<Partition, Corrupt> {
        Partition::read(Reader::over(&mut pages.iter().map(P::as_ref)))
    }

    fn read(mut reader: Reader) -> Result<Partition, Corrupt> {
        if reader.u8("version")? != VERSION {
            return Err(corrupt("version", "not one that this module reads"));
        }
        let tag = reader.raw("tag", 8)?;
        let tag = tag.first_chunk().map_or(0, |tag| u64::from_le_bytes(*tag));
        let layout = Layout {
            path: match reader.u8("path")? {
                0 => false,
                1 => true,
                _ => return Err(corrupt("path", "neither 0 nor 1")),
            },
            by: reader.u8("by")?,
        };
        let (bits, shift) = (reader.u8("bits")?.into(), reader.u8("shift")?.into());
        if usize::from(layout.by) > MOST_BY || bits > MOST_BITS || shift > MOST_SHIFT {
            return Err(corrupt("layout", "out of range"));
        }
        let (latest, expiry) = (reader.signed("latest")?, reader.signed("expiry")?);
        if latest != i64::MIN && !(MIN_TIME..=MAX_TIME).contains(&latest) || expiry < 0 {
            return Err(corrupt("latest or expiry", "out of range"));
        }
        let slots = reader.varint("slots")?;
        let shape = Shape { layout, bits };
        let table = read_table(&mut reader, shape, shift, slots)?;
        let paths = read_paths(&mut reader)?;
        reader.finish()?;
        Ok(Partition {
            tag,
            table,
            paths,
            shift,
            latest,
            expiry,
        })
    }
}

fn read_table(reader: &mut Reader, shape: Shape, shift: u32, slots: u64) -> Result<Table, Corrupt> {
    let width = shape.width();
    let len = reader.count("entries", MOST_IN_PARTITION, width)?;
    let mut filling = Filling::for_reading(shape, slots, len)
        .ok_or(corrupt("slots", "not as many as such a table has"))?;
    let mut partition = None;
    for _ in 0..len {
        let entry = reader.raw("entry", width)?;
        let visitor = shape.layout.checked(entry).filter(|visitor| {
            let own = visitor.partition(shape.bits);
            *partition.get_or_insert(own) == own && filling.push(entry)
        });
        let visitor = visitor.ok_or(corrupt("entry", "none of a partition, or not in order"))?;
        if !visitor.is_followed(shift) {
            return Err(corrupt("entry", "of a visitor who is not followed"));
        }
    }
    Ok(filling.finish())
}

fn read_paths(reader: &mut Reader) -> Result<Paths, Corrupt> {
    let mut paths = Paths::default();
    let mut last = None;
    let count = reader.varint_to("paths", MOST_PATHS as u64)?;
    for _ in 0..count {
        reader.turn_page()?;
        let id = ValueId::stored(reader.varint("path id")?).filter(|id| id.is_valid());
        let id = id.filter(|id| last.is_none_or(|last| last < *id));
        let id = id.ok_or(corrupt("path id", "not ascending"))?;
        paths.insert(id, reader.bytes("path", LONGEST_PATH)?);
        last = Some(id);
    }
    Ok(paths)
}
