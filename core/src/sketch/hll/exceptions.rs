//! The true ranks of the registers that are too high for a nibble.
//!
//! ```text
//!            31     22 21          8 7       0
//! exception  | 0      | register    | rank   |      ascending, one per register, at most 512
//! ```

use super::layout::{Full, MAX_EXCEPTIONS};
use crate::memory::allocated;

#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Exceptions(Vec<u32>);

impl Exceptions {
    pub(super) fn heap_bytes(&self) -> usize {
        allocated(self.0.capacity() * size_of::<u32>())
    }

    /// Registers and ranks, by register.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, u8)> + '_ {
        self.0.iter().map(|word| ((word >> 8) as u16, *word as u8))
    }

    /// Raises a register to at least this rank. Returns whether it was lower.
    pub(super) fn raise(&mut self, register: u16, rank: u8) -> Result<bool, Full> {
        let word = u32::from(register) << 8 | u32::from(rank);
        let index = self.0.partition_point(|other| other >> 8 < word >> 8);
        let full = self.0.len() >= MAX_EXCEPTIONS;
        match self.0.get_mut(index) {
            Some(same) if *same >> 8 == word >> 8 => {
                let lower = *same < word;
                *same = word.max(*same);
                Ok(lower)
            }
            _ if full => Err(Full),
            _ => {
                self.0.insert(index, word);
                Ok(true)
            }
        }
    }
}
