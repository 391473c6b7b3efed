//! Registers at a byte each: what all other forms are widened to when they are counted or united.

use super::layout::{Histogram, REGISTERS};
use super::widen;

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Registers(Box<[u8; REGISTERS]>);

/// A block of zeros straight from the allocator, without a copy on the stack.
pub(super) fn zeroed<const N: usize>() -> Box<[u8; N]> {
    let block = vec![0; N].into_boxed_slice();
    block.try_into().unwrap_or_else(|_| Box::new([0; N]))
}

impl Registers {
    pub(super) fn zeroed() -> Registers {
        Registers(zeroed())
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn ranks(&self) -> &[u8; REGISTERS] {
        &self.0
    }

    pub(super) fn ranks_mut(&mut self) -> &mut [u8; REGISTERS] {
        &mut self.0
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|rank| *rank == 0)
    }

    /// How many have a rank.
    pub(super) fn occupied(&self) -> usize {
        let (rows, _) = self.0.as_chunks::<64>();
        // A byte holds a count of 64, so that the compiler makes vector code of it.
        let in_row = |row: &[u8; 64]| row.iter().map(|rank| u8::from(*rank != 0)).sum::<u8>();
        rows.iter().map(|row| usize::from(in_row(row))).sum()
    }

    /// The registers of at least this rank, in order, with their ranks. For the rare high ones: most rows
    /// have none, which one test of a row shows.
    pub(super) fn at_least(&self, least: u8) -> impl Iterator<Item = (u16, u8)> + '_ {
        let (rows, _) = self.0.as_chunks::<64>();
        let highest = |row: &[u8; 64]| row.iter().fold(0, |high, rank| high.max(*rank));
        (0..)
            .step_by(64)
            .zip(rows)
            .filter(move |(_, row)| highest(row) >= least)
            .flat_map(|(first, row)| (first..).zip(row.iter().copied()))
            .filter(move |(_, rank)| *rank >= least)
    }

    #[inline]
    pub(super) fn raise(&mut self, register: u16, rank: u8) {
        if let Some(old) = self.0.get_mut(usize::from(register)) {
            *old = rank.max(*old);
        }
    }

    pub(super) fn histogram(&self) -> Histogram {
        widen::histogram(&self.0)
    }
}
