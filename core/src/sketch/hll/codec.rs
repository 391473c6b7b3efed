//! How a sketch is stored.
//!
//! ```text
//! form 0, sparse     varint count (at most 2,560), then the entries by ascending index, each:
//!                    varint  index - the index before it - 1 (of the first: its index)
//!                    byte    rank, 12 to 51, only where the index is below 16,384
//! form 1, nibbles    8,192 bytes as in memory, not all zero, then for every full nibble
//!                    (at most 512), by register: byte rank, 15 to 51
//! form 2, packed     12,288 bytes as in memory, each rank at most 51, more than 512 of 15 or more
//! ```
//!
//! One content, one payload: nothing is stored that could disagree with the rest.

use super::dense::Dense;
use super::entry::{entry, has_extra, index, rank, MIN_EXTRA_RANK};
use super::layout::{Full, FULL_NIBBLE, MAX_ENTRIES, MAX_INDEX, MAX_RANK, NIBBLE_BYTES};
use super::nibbles::Nibbles;
use super::redis::read_packed;
use super::registers::Registers;
use super::sparse::Sparse;
use super::widen;
use super::{Form, Sketch};
use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;

const SPARSE: u8 = 0;
const NIBBLES: u8 = 1;
const PACKED: u8 = 2;

impl Sketch {
    pub fn encode(&self, writer: &mut Writer) {
        match &self.form {
            Form::Sparse(sparse) => write_sparse(writer, sparse),
            Form::Dense(Dense::Nibbles(nibbles)) => {
                writer.u8(NIBBLES);
                writer.raw(nibbles.bytes());
                nibbles.exceptions().for_each(|(_, rank)| writer.u8(rank));
            }
            Form::Dense(Dense::Packed(packed)) => {
                writer.u8(PACKED);
                writer.raw(packed.bytes());
            }
        }
    }

    pub fn decode(reader: &mut Reader) -> Result<Sketch, Corrupt> {
        let form = match reader.u8("sketch form")? {
            SPARSE => Form::Sparse(read_sparse(reader)?),
            NIBBLES => Form::Dense(read_nibbles(reader)?),
            PACKED => Form::Dense(read_packed_form(reader)?),
            _ => return Err(corrupt("sketch form", "unknown")),
        };
        Ok(Sketch { form })
    }
}

fn write_sparse(writer: &mut Writer, sparse: &Sparse) {
    writer.u8(SPARSE);
    sparse.in_order(|entries| {
        // An index takes four bytes, or three and one for its rank.
        writer.reserve(2 + 4 * entries.len());
        writer.varint(entries.len() as u64);
        let mut lowest = 0;
        for entry in entries {
            let index = index(*entry);
            writer.varint(u64::from(index - lowest));
            if has_extra(index) {
                writer.u8(rank(*entry));
            }
            lowest = index + 1;
        }
    });
}

fn read_sparse(reader: &mut Reader) -> Result<Sparse, Corrupt> {
    let count = reader.count("sketch entries", MAX_ENTRIES, 1)?;
    let mut entries = Vec::with_capacity(count);
    let mut lowest = 0;
    for _ in 0..count {
        let gap = reader.varint_to("sketch index", u64::from(MAX_INDEX))?;
        let index = lowest + gap as u32;
        if index > MAX_INDEX {
            return Err(corrupt("sketch index", "out of range"));
        }
        entries.push(if has_extra(index) {
            entry(index, read_rank(reader, MIN_EXTRA_RANK)?)
        } else {
            index
        });
        lowest = index + 1;
    }
    Sparse::of(&entries).map_err(|Full| corrupt("sketch entries", "out of range"))
}

fn read_nibbles(reader: &mut Reader) -> Result<Dense, Corrupt> {
    const FIELD: &str = "sketch nibbles";
    let bytes = reader.raw(FIELD, NIBBLE_BYTES)?;
    let bytes = bytes.try_into().map_err(|_| corrupt(FIELD, "truncated"))?;
    let mut registers = Registers::zeroed();
    widen::max_nibbles(registers.ranks_mut(), bytes);
    if registers.is_zero() {
        return Err(corrupt(FIELD, "no register is set"));
    }
    for (register, _) in registers.clone().at_least(FULL_NIBBLE) {
        registers.raise(register, read_rank(reader, FULL_NIBBLE)?);
    }
    match Nibbles::from_registers(&registers) {
        Ok(nibbles) => Ok(Dense::Nibbles(nibbles)),
        Err(Full) => Err(corrupt(FIELD, "more than 512 exceptions")),
    }
}

fn read_packed_form(reader: &mut Reader) -> Result<Dense, Corrupt> {
    const FIELD: &str = "sketch registers";
    let packed = read_packed(reader, FIELD)?;
    let mut registers = Registers::zeroed();
    packed.add_to(&mut registers);
    match Dense::from_registers(&registers) {
        Dense::Nibbles(_) => Err(corrupt(FIELD, "low enough for nibbles")),
        packed => Ok(packed),
    }
}

fn read_rank(reader: &mut Reader, least: u8) -> Result<u8, Corrupt> {
    let rank = reader.u8("sketch rank")?;
    if (least..=MAX_RANK).contains(&rank) {
        Ok(rank)
    } else {
        Err(corrupt("sketch rank", "out of range"))
    }
}
