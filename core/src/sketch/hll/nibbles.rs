//! The usual register form: 16,384 registers of 4 bits, and the few that need more on the side.
//!
//! ```text
//!              byte 0                byte 31             256 blocks of 32 bytes, 64 registers
//!            +------------+       +------------+
//! block b    | r+32 |  r  |  ...  | r+63 | r+31|         r = 64 b
//!            +------------+       +------------+
//!             7..4   3..0          7..4   3..0
//!
//! nibble     0 to 14: the rank; 15: 15 or more, the rank is in the exceptions
//! ```
//!
//! So the low nibbles of a block are 32 neighbours and the high ones the next 32: widening is a mask
//! and a shift of whole vectors, without any shuffle.

use super::exceptions::Exceptions;
use super::layout::{Full, FULL_NIBBLE, NIBBLE_BYTES, REGISTERS};
use super::registers::{zeroed, Registers};
use super::widen;
use crate::memory::allocated;

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Nibbles {
    bytes: Box<[u8; NIBBLE_BYTES]>,
    /// Behind one thin pointer: most sketches have none.
    exceptions: Option<Box<Exceptions>>,
}

impl Nibbles {
    pub(super) fn zeroed() -> Nibbles {
        Nibbles {
            bytes: zeroed(),
            exceptions: None,
        }
    }

    pub(super) fn from_registers(registers: &Registers) -> Result<Nibbles, Full> {
        let mut nibbles = Nibbles::zeroed();
        let (halves, _) = registers.ranks().as_chunks::<32>();
        let (pairs, _) = halves.as_chunks::<2>();
        let (blocks, _) = nibbles.bytes.as_chunks_mut::<32>();
        for (block, [low, high]) in blocks.iter_mut().zip(pairs) {
            for (byte, (low, high)) in block.iter_mut().zip(low.iter().zip(high)) {
                *byte = (*low).min(FULL_NIBBLE) | (*high).min(FULL_NIBBLE) << 4;
            }
        }
        for (register, rank) in registers.at_least(FULL_NIBBLE) {
            nibbles.raise(register, rank)?;
        }
        Ok(nibbles)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let boxed = |e: &Exceptions| allocated(size_of::<Exceptions>()) + e.heap_bytes();
        NIBBLE_BYTES + self.exceptions.as_deref().map_or(0, boxed)
    }

    pub(super) fn bytes(&self) -> &[u8; NIBBLE_BYTES] {
        &self.bytes
    }

    /// Registers and ranks of the full nibbles, by register.
    pub(super) fn exceptions(&self) -> impl Iterator<Item = (u16, u8)> + '_ {
        self.exceptions.iter().flat_map(|e| e.iter())
    }

    /// Raises a register to at least this rank. Returns whether it was lower.
    #[inline]
    pub(super) fn raise(&mut self, register: u16, rank: u8) -> Result<bool, Full> {
        if rank < FULL_NIBBLE {
            Ok(self.raise_nibble(register, rank))
        } else {
            self.raise_exception(register, rank)
        }
    }

    #[cold]
    fn raise_exception(&mut self, register: u16, rank: u8) -> Result<bool, Full> {
        let exceptions = self.exceptions.get_or_insert_default();
        let raised = exceptions.raise(register, rank)?;
        self.raise_nibble(register, FULL_NIBBLE);
        Ok(raised)
    }

    /// The rank is at most `FULL_NIBBLE`.
    #[inline]
    pub(super) fn raise_nibble(&mut self, register: u16, rank: u8) -> bool {
        let (byte, shift) = byte_and_shift(register);
        // The index is masked to be inside.
        #[allow(clippy::indexing_slicing)]
        let byte = &mut self.bytes[byte];
        let old = (*byte >> shift) & 0x0f;
        if rank <= old {
            return false;
        }
        *byte ^= (rank ^ old) << shift;
        true
    }

    /// Merges all of another's registers, or none when the exceptions would be too many.
    pub(super) fn merge(&mut self, other: &Nibbles) -> Result<(), Full> {
        if other.exceptions.is_some() {
            let mut exceptions = self.exceptions.clone().unwrap_or_default();
            for (register, rank) in other.exceptions() {
                exceptions.raise(register, rank)?;
            }
            self.exceptions = Some(exceptions);
        }
        for (mine, theirs) in self.bytes.iter_mut().zip(other.bytes.iter()) {
            let low = (*mine & 0x0f).max(*theirs & 0x0f);
            let high = (*mine & 0xf0).max(*theirs & 0xf0);
            *mine = high | low;
        }
        Ok(())
    }

    pub(super) fn add_to(&self, registers: &mut Registers) {
        widen::max_nibbles(registers.ranks_mut(), &self.bytes);
        for (register, rank) in self.exceptions() {
            registers.raise(register, rank);
        }
    }
}

#[inline]
fn byte_and_shift(register: u16) -> (usize, u32) {
    let register = usize::from(register) & (REGISTERS - 1);
    let byte = (register >> 6) << 5 | (register & 31);
    let shift = (register as u32 >> 5 & 1) * 4;
    (byte, shift)
}
