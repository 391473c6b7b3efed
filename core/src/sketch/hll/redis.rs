//! Redis's own HyperLogLog strings: what `PFADD` writes, `PFCOUNT` and `PFMERGE` read.
//!
//! ```text
//! +------+----------+--------+-------------+----------
//! | HYLL | encoding | unused | cardinality | registers        4 + 1 + 3 + 8 bytes, then
//! +------+----------+--------+-------------+----------
//!
//! cardinality  little-endian; out of date while the highest bit of its last byte is set
//! encoding 0   dense: 12,288 bytes, as in the packed form
//! encoding 1   sparse: opcodes that cover 16,384 registers from the first to the last
//!              00nnnnnn             ZERO    n+1 registers are 0
//!              01nnnnnn nnnnnnnn    XZERO   n+1 registers are 0, high bits first
//!              1rrrrrnn             VAL     n+1 registers are r+1
//! ```

use super::dense::Dense;
use super::layout::PACKED_BYTES;
use super::packed::Packed;
use super::registers::Registers;
use super::{Form, Sketch};
use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;

const MAGIC: &[u8; 4] = b"HYLL";
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const OUT_OF_DATE: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 0x80];
const HEADER: usize = MAGIC.len() + 4 + OUT_OF_DATE.len();

/// Up to so many bytes Redis itself keeps a string sparse (`hll-sparse-max-bytes`).
const LONGEST_SPARSE: usize = 3_000;
/// The largest rank of a VAL opcode.
const MAX_SPARSE_RANK: u8 = 32;

impl Sketch {
    /// A HyperLogLog string with the same registers: sparse where Redis would keep it so.
    pub fn to_redis(&self) -> Vec<u8> {
        match write_sparse(&self.to_registers()) {
            Some(opcodes) => string(SPARSE, &opcodes),
            None => self.to_redis_dense(),
        }
    }

    pub(super) fn to_redis_dense(&self) -> Vec<u8> {
        let packed = match &self.form {
            Form::Sparse(sparse) => Dense::from_sparse(sparse).to_packed(),
            Form::Dense(dense) => dense.to_packed(),
        };
        string(DENSE, packed.bytes())
    }

    /// The registers of a HyperLogLog string, dense or sparse. All of it is checked, and its cached
    /// cardinality is not read.
    pub fn from_redis(string: &[u8]) -> Result<Sketch, Corrupt> {
        let mut reader = Reader::new(string);
        if reader.raw("hyperloglog magic", MAGIC.len())? != MAGIC {
            return Err(corrupt("hyperloglog magic", "not HYLL"));
        }
        let encoding = reader.u8("hyperloglog encoding")?;
        reader.raw("hyperloglog header", 3 + OUT_OF_DATE.len())?;
        let registers = match encoding {
            DENSE => read_dense(&mut reader)?,
            SPARSE => read_sparse(&mut reader)?,
            _ => return Err(corrupt("hyperloglog encoding", "neither dense nor sparse")),
        };
        reader.finish()?;
        Ok(Sketch::from_registers(&registers))
    }
}

fn string(encoding: u8, registers: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.raw(MAGIC);
    writer.raw(&[encoding, 0, 0, 0]);
    writer.raw(&OUT_OF_DATE);
    writer.raw(registers);
    writer.into_bytes()
}

/// None when a register is too high for it, or it would be too long.
fn write_sparse(registers: &Registers) -> Option<Vec<u8>> {
    let mut opcodes = Vec::new();
    for run in registers.ranks().chunk_by(|a, b| a == b) {
        match run.first().copied().unwrap_or(0) {
            0 if run.len() <= 64 => opcodes.push((run.len() - 1) as u8),
            0 => opcodes.extend((0x4000 | (run.len() - 1) as u16).to_be_bytes()),
            rank @ 1..=MAX_SPARSE_RANK => {
                let vals = run.chunks(4).map(|vals| (vals.len() - 1) as u8);
                opcodes.extend(vals.map(|len| 0x80 | (rank - 1) << 2 | len));
            }
            _ => return None,
        }
        if HEADER + opcodes.len() > LONGEST_SPARSE {
            return None;
        }
    }
    Some(opcodes)
}

fn read_dense(reader: &mut Reader) -> Result<Registers, Corrupt> {
    let packed = read_packed(reader, "hyperloglog registers")?;
    let mut registers = Registers::zeroed();
    packed.add_to(&mut registers);
    Ok(registers)
}

/// The 12,288 bytes which dense strings and our own packed form share.
pub(super) fn read_packed(reader: &mut Reader, field: &'static str) -> Result<Packed, Corrupt> {
    let bytes = reader.raw(field, PACKED_BYTES)?;
    let bytes = bytes.try_into().map_err(|_| corrupt(field, "truncated"))?;
    Packed::from_bytes(bytes).ok_or(corrupt(field, "a rank above 51"))
}

fn read_sparse(reader: &mut Reader) -> Result<Registers, Corrupt> {
    const FIELD: &str = "hyperloglog opcodes";
    let mut registers = Registers::zeroed();
    let mut rest = &mut registers.ranks_mut()[..];
    while reader.remaining() > 0 {
        let opcode = reader.u8(FIELD)?;
        let (rank, run) = match opcode >> 6 {
            0 => (0, u16::from(opcode)),
            1 => (0, u16::from_be_bytes([opcode & 0x3f, reader.u8(FIELD)?])),
            _ => ((opcode >> 2 & 0x1f) + 1, u16::from(opcode & 3)),
        };
        let (covered, after) = rest
            .split_at_mut_checked(usize::from(run) + 1)
            .ok_or(corrupt(FIELD, "more than 16384 registers"))?;
        covered.fill(rank);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(corrupt(FIELD, "fewer than 16384 registers"));
    }
    Ok(registers)
}
