//! Registers in the form that follows from their content.
//!
//! Nibbles while at most 512 registers are 15 or more, packed beyond: registers only ever rise, so
//! the step is taken once, at the same content, in whatever order the content came.

use super::entry::{rank, register};
use super::layout::{Full, PACKED_BYTES};
use super::nibbles::Nibbles;
use super::packed::Packed;
use super::registers::Registers;
use super::sparse::Sparse;

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Dense {
    Nibbles(Nibbles),
    Packed(Packed),
}

impl Dense {
    pub(super) fn from_sparse(sparse: &Sparse) -> Dense {
        let mut dense = Dense::Nibbles(Nibbles::zeroed());
        dense.add_sparse(sparse);
        dense
    }

    pub(super) fn from_registers(registers: &Registers) -> Dense {
        match Nibbles::from_registers(registers) {
            Ok(nibbles) => Dense::Nibbles(nibbles),
            Err(Full) => Dense::Packed(Packed::from_registers(registers)),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Dense::Nibbles(nibbles) => nibbles.heap_bytes(),
            Dense::Packed(_) => PACKED_BYTES,
        }
    }

    /// Raises a register to at least this rank. Returns whether it was lower.
    #[inline]
    pub(super) fn raise(&mut self, register: u16, rank: u8) -> bool {
        match self {
            Dense::Packed(packed) => packed.raise(register, rank),
            Dense::Nibbles(nibbles) => match nibbles.raise(register, rank) {
                Ok(changed) => changed,
                Err(Full) => self.pack().raise(register, rank),
            },
        }
    }

    pub(super) fn add_sparse(&mut self, sparse: &Sparse) {
        for entry in sparse.iter() {
            self.raise(register(entry), rank(entry));
        }
    }

    pub(super) fn merge(&mut self, other: &Dense) {
        if let (Dense::Nibbles(mine), Dense::Nibbles(theirs)) = (&mut *self, other) {
            if mine.merge(theirs).is_ok() {
                return;
            }
        }
        // One of them is packed, or both together are too high for nibbles.
        let mut registers = self.to_registers();
        other.add_to(&mut registers);
        *self = Dense::Packed(Packed::from_registers(&registers));
    }

    pub(super) fn add_to(&self, registers: &mut Registers) {
        match self {
            Dense::Nibbles(nibbles) => nibbles.add_to(registers),
            Dense::Packed(packed) => packed.add_to(registers),
        }
    }

    pub(super) fn to_registers(&self) -> Registers {
        let mut registers = Registers::zeroed();
        self.add_to(&mut registers);
        registers
    }

    pub(super) fn to_packed(&self) -> Packed {
        match self {
            Dense::Nibbles(_) => Packed::from_registers(&self.to_registers()),
            Dense::Packed(packed) => packed.clone(),
        }
    }

    #[cold]
    fn pack(&mut self) -> &mut Dense {
        *self = Dense::Packed(self.to_packed());
        self
    }
}
