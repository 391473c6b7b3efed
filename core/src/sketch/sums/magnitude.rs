//! An unsigned number of 192 bits: what it takes to shift, store and round a sum.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Magnitude {
    pub low: u128,
    pub high: u64,
}

impl Magnitude {
    pub const BYTES: usize = 24;

    pub fn bits(self) -> u32 {
        match self.high {
            0 => 128 - self.low.leading_zeros(),
            high => 192 - high.leading_zeros(),
        }
    }

    pub fn trailing_zeros(self) -> u32 {
        match self.low {
            0 => 128 + self.high.trailing_zeros(),
            low => low.trailing_zeros(),
        }
    }

    pub fn shifted_down(self, bits: u32) -> Magnitude {
        let high = u128::from(self.high);
        let from_high = match bits.checked_sub(128) {
            Some(more) => high.unbounded_shr(more),
            None => high.unbounded_shl(128 - bits),
        };
        Magnitude {
            low: self.low.unbounded_shr(bits) | from_high,
            high: self.high.unbounded_shr(bits),
        }
    }

    pub fn shifted_up(self, bits: u32) -> Magnitude {
        let from_low = match bits.checked_sub(128) {
            Some(more) => self.low.unbounded_shl(more),
            None => self.low.unbounded_shr(128 - bits),
        };
        Magnitude {
            low: self.low.unbounded_shl(bits),
            high: self.high.unbounded_shl(bits) | from_low as u64,
        }
    }

    /// The float nearest to it, ties to even.
    pub fn rounded(self) -> f64 {
        let shift = self.bits().saturating_sub(64);
        // The last of the 64 bits that are left is set if any dropped bit was; as the conversion
        // keeps 53 of them, it decides ties and nothing else.
        let dropped = self.trailing_zeros() < shift;
        let top = self.shifted_down(shift).low as u64 | u64::from(dropped);
        top as f64 * f64::from_bits(u64::from(1023 + shift) << 52)
    }

    pub fn to_le_bytes(self) -> [u8; Magnitude::BYTES] {
        let mut bytes = [0; Magnitude::BYTES];
        let words = self
            .low
            .to_le_bytes()
            .into_iter()
            .chain(self.high.to_le_bytes());
        for (byte, value) in bytes.iter_mut().zip(words) {
            *byte = value;
        }
        bytes
    }

    /// At most `BYTES` bytes.
    pub fn from_le_bytes(bytes: &[u8]) -> Magnitude {
        let mut whole = Magnitude { low: 0, high: 0 };
        for byte in bytes.iter().rev() {
            whole = whole.shifted_up(8);
            whole.low |= u128::from(*byte);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bit(n: Magnitude, i: u32) -> bool {
        n.to_le_bytes()
            .get(i as usize / 8)
            .is_some_and(|byte| byte >> (i % 8) & 1 == 1)
    }

    proptest! {
        #[test]
        fn shifting_moves_every_bit(low: u128, high: u64, by in 0..200u32) {
            let n = Magnitude { low, high };
            for i in 0..192 {
                prop_assert_eq!(bit(n.shifted_down(by), i), bit(n, i + by));
                prop_assert_eq!(bit(n.shifted_up(by), i), i >= by && bit(n, i - by));
            }
            prop_assert_eq!(Magnitude::from_le_bytes(&n.to_le_bytes()), n);
        }

        #[test]
        fn rounding_is_that_of_the_integers(n: u128, by in 0..65u32) {
            let n = n >> (n as u32 % 128);
            let shifted = Magnitude { low: n, high: 0 }.shifted_up(by);
            if n.leading_zeros() + 64 >= by {
                let expected = n as f64 * 2f64.powi(by as i32);
                prop_assert_eq!(shifted.rounded(), expected);
            }
        }
    }
}
