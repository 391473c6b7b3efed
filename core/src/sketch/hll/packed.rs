//! The largest form: 16,384 registers of 6 bits, in Redis's own layout.
//!
//! ```text
//!              byte 0     byte 1     byte 2     byte 3
//!            +----------+----------+----------+----------+--
//!            | 11000000 | 22221111 | 33333322 | 55444444 | ...     12,288 bytes
//!            +----------+----------+----------+----------+--
//! ```
//!
//! Least significant bits first: four registers are three bytes, eight are six.

use super::layout::{MAX_RANK, PACKED_BYTES, REGISTERS};
use super::registers::{zeroed, Registers};
use super::widen::{self, unpack};

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Packed(Box<[u8; PACKED_BYTES]>);

impl Packed {
    /// Bytes from outside: none when a register holds more than any hash can give.
    pub(super) fn from_bytes(bytes: &[u8; PACKED_BYTES]) -> Option<Packed> {
        let (sixes, _) = bytes.as_chunks::<6>();
        let possible = |six| unpack(six).iter().all(|rank| *rank <= MAX_RANK);
        let mut packed = Packed(zeroed());
        packed.0.copy_from_slice(bytes);
        sixes.iter().all(possible).then_some(packed)
    }

    pub(super) fn from_registers(registers: &Registers) -> Packed {
        let mut packed = Packed(zeroed());
        let (sixes, _) = packed.0.as_chunks_mut::<6>();
        let (eights, _) = registers.ranks().as_chunks::<8>();
        for (six, eight) in sixes.iter_mut().zip(eights) {
            *six = pack(eight);
        }
        packed
    }

    pub(super) fn bytes(&self) -> &[u8; PACKED_BYTES] {
        &self.0
    }

    /// Raises a register to at least this rank. Returns whether it was lower.
    #[inline]
    pub(super) fn raise(&mut self, register: u16, rank: u8) -> bool {
        let register = usize::from(register) & (REGISTERS - 1);
        let shift = (register & 3) * 6;
        let (threes, _) = self.0.as_chunks_mut::<3>();
        let Some(three) = threes.get_mut(register / 4) else {
            return false;
        };
        let [a, b, c] = *three;
        let word = u32::from_le_bytes([a, b, c, 0]);
        let old = (word >> shift) as u8 & 0x3f;
        if rank <= old {
            return false;
        }
        let [a, b, c, _] = (word ^ u32::from(rank ^ old) << shift).to_le_bytes();
        *three = [a, b, c];
        true
    }

    pub(super) fn add_to(&self, registers: &mut Registers) {
        widen::max_packed(registers.ranks_mut(), &self.0);
    }
}

/// Six bytes out of eight registers.
#[inline(always)]
fn pack(eight: &[u8; 8]) -> [u8; 6] {
    let x = u64::from_le_bytes(*eight);
    let x = (x & 0x003f_003f_003f_003f) | (x & 0x3f00_3f00_3f00_3f00) >> 2;
    let x = (x & 0x0000_0fff_0000_0fff) | (x & 0x0fff_0000_0fff_0000) >> 4;
    let [a, b, c, _, d, e, f, _] = x.to_le_bytes();
    [a, b, c, d, e, f]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn eight_registers_are_48_bits_in_redis_order(eight: [u8; 8]) {
            let eight = eight.map(|rank| rank & 0x3f);
            let bits = eight.iter().rev().fold(0u64, |bits, rank| bits << 6 | u64::from(*rank));
            prop_assert_eq!(&pack(&eight)[..], &bits.to_le_bytes()[..6]);
            prop_assert_eq!(unpack(&pack(&eight)), eight);
        }

        #[test]
        fn a_raise_touches_one_register(raises: Vec<(u16, u8)>) {
            let mut packed = Packed(zeroed());
            let mut oracle = Registers::zeroed();
            for (register, rank) in raises {
                let (register, rank) = (register & 0x3fff, rank & 0x3f);
                let old = oracle.ranks()[usize::from(register)];
                prop_assert_eq!(packed.raise(register, rank), old < rank);
                oracle.raise(register, rank);
            }
            prop_assert!(packed == Packed::from_registers(&oracle));
        }
    }
}
