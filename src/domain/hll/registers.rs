//! Registers at a byte each: what all other forms are widened to when they are counted or united.

use super::entry::REGISTERS;
use super::estimate::Histogram;
use super::widen;

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Registers(Box<[u8; REGISTERS]>);

/// A block of zeros straight from the allocator, without a detour over the stack.
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

    /// Registers and ranks of those that are set, by register.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, u8)> + '_ {
        let numbered = (0..).zip(self.0.iter().copied());
        numbered.filter(|(_, rank)| *rank > 0)
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
