//! The sum of numbers, the same in whatever order they come.
//!
//! ```text
//!  191             128 127             64 63               0
//! |  words[2], signed |     words[1]     |     words[0]     |   in units of 2^-106
//! |              whole              | fraction              |
//! ```
//!
//! A fixed-point number of 192 bits. Every multiple of 2^-106 below 2^80 goes in as it is: all
//! floats between 2^-54 (some 5e-17) and 1e24, be they money, bytes or seconds. Adding them is
//! adding integers, so a month is the sum of its days to the last bit.
//!
//! A number outside of that, or a sum that outgrows the words, makes the whole a float: no more
//! exact than any sum of floats, but of the right size, and never infinite. `words[2]` then holds
//! the one value that no fixed sum takes, and `words[0]` the float's bits.

use super::magnitude::Magnitude;
use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sum([u64; 3]);

const FRACTION_BITS: i32 = 106;
/// Numbers below 2^80 leave room for 32 of the largest of them.
const WHOLE_BITS: i32 = 80;
/// In the last word: the sum is a float.
const FLOAT: i64 = i64::MIN;

const MANTISSA_BITS: u32 = 52;
/// The exponent field of the floats whose mantissa counts units.
const UNIT_EXPONENT: i32 = 1023 + 52 - FRACTION_BITS;
const LARGEST_SHIFT: i32 = FRACTION_BITS + WHOLE_BITS - 53;

impl Sum {
    pub const ZERO: Sum = Sum([0; 3]);

    /// One finite number.
    #[inline]
    pub fn of(x: f64) -> Sum {
        let bits = x.to_bits();
        let exponent = (bits >> MANTISSA_BITS & 0x7ff) as i32;
        let mantissa = bits & ((1 << MANTISSA_BITS) - 1) | 1 << MANTISSA_BITS;
        let shift = exponent - UNIT_EXPONENT;
        if !(0..=LARGEST_SHIFT).contains(&shift) {
            return Sum::of_rare(x, mantissa, shift);
        }
        let wide = u128::from(mantissa) << (shift % 64);
        let (a, b) = (wide as u64, (wide >> 64) as u64);
        let magnitude = match shift / 64 {
            0 => Sum([a, b, 0]),
            1 => Sum([0, a, b]),
            _ => Sum([0, 0, a]),
        };
        magnitude.with_sign_of(x)
    }

    /// Zero, small numbers (those whose last bits are zero are multiples of the unit), huge ones.
    #[cold]
    fn of_rare(x: f64, mantissa: u64, shift: i32) -> Sum {
        if x == 0.0 {
            return Sum::ZERO;
        }
        let down = shift.unsigned_abs();
        if shift > 0 || mantissa.trailing_zeros() < down {
            return Sum::float(x);
        }
        Sum([mantissa.unbounded_shr(down), 0, 0]).with_sign_of(x)
    }

    /// A sum as a float, kept finite.
    fn float(x: f64) -> Sum {
        let finite = x.clamp(f64::MIN, f64::MAX) + 0.0;
        Sum([finite.to_bits(), 0, FLOAT as u64])
    }

    /// Whether it is the fixed-point number, which does not depend on the order of what was added.
    #[inline]
    pub fn is_exact(self) -> bool {
        self.high() != FLOAT
    }

    #[inline(always)]
    pub fn add(&mut self, other: Sum) {
        // The sum of two of these fits into the words, and neither is a float.
        const SMALL: i64 = 1 << 61;
        let is_small = |sum: Sum| (-SMALL..SMALL).contains(&sum.high());
        if is_small(*self) & is_small(other) {
            let (low, carry) = self.low().overflowing_add(other.low());
            let high = self.high() + other.high() + i64::from(carry);
            *self = Sum::from_parts(low, high);
        } else {
            self.add_large(other);
        }
    }

    #[cold]
    fn add_large(&mut self, other: Sum) {
        *self = match self.fixed_sum(other) {
            Some(sum) => sum,
            None => Sum::float(self.value() + other.value()),
        };
    }

    fn fixed_sum(self, other: Sum) -> Option<Sum> {
        if !self.is_exact() || !other.is_exact() {
            return None;
        }
        let (low, carry) = self.low().overflowing_add(other.low());
        let (high, over) = self.high().overflowing_add(other.high());
        let (high, carried_over) = high.overflowing_add(i64::from(carry));
        // When both did, the carry brought it back.
        if over != carried_over || high == FLOAT {
            return None;
        }
        Some(Sum::from_parts(low, high))
    }

    /// The float nearest to the sum.
    pub fn value(self) -> f64 {
        let Sum([bits, ..]) = self;
        if !self.is_exact() {
            return f64::from_bits(bits);
        }
        let unit = f64::from_bits(((1023 - FRACTION_BITS) as u64) << MANTISSA_BITS);
        let value = self.magnitude().rounded() * unit;
        if self.is_negative() {
            -value
        } else {
            value
        }
    }

    #[inline]
    fn low(self) -> u128 {
        let Sum([a, b, _]) = self;
        u128::from(a) | u128::from(b) << 64
    }

    #[inline]
    fn high(self) -> i64 {
        let Sum([.., c]) = self;
        c as i64
    }

    #[inline]
    fn from_parts(low: u128, high: i64) -> Sum {
        Sum([low as u64, (low >> 64) as u64, high as u64])
    }

    fn is_negative(self) -> bool {
        self.high() < 0
    }

    #[inline]
    fn negated(self) -> Sum {
        let (low, carry) = (!self.low()).overflowing_add(1);
        Sum::from_parts(low, (!self.high()).wrapping_add(i64::from(carry)))
    }

    #[inline]
    fn with_sign_of(self, x: f64) -> Sum {
        if x < 0.0 {
            self.negated()
        } else {
            self
        }
    }

    fn magnitude(self) -> Magnitude {
        let positive = if self.is_negative() {
            self.negated()
        } else {
            self
        };
        Magnitude {
            low: positive.low(),
            high: positive.high() as u64,
        }
    }
}

// The stored form:
//
//   head       u8        0: zero. 1..=24: a positive number of so many bytes, | 0x80: a negative one.
//                        0x40: a float
//   scale      u8        unless zero or a float: how many zero bits were taken off its end
//   magnitude  bytes     the rest: little-endian, odd, without zero bytes at its end
//   float      float     only a float

const HEAD_FLOAT: u8 = 0x40;
const HEAD_NEGATIVE: u8 = 0x80;

impl Sum {
    pub fn encode(self, writer: &mut Writer) {
        if !self.is_exact() {
            writer.u8(HEAD_FLOAT);
            return writer.float(self.value());
        }
        let magnitude = self.magnitude();
        if magnitude.bits() == 0 {
            return writer.u8(0);
        }
        let scale = magnitude.trailing_zeros();
        let len = (magnitude.bits() - scale).div_ceil(8);
        let sign = if self.is_negative() { HEAD_NEGATIVE } else { 0 };
        writer.u8(sign | len as u8);
        writer.u8(scale as u8);
        let bytes = magnitude.shifted_down(scale).to_le_bytes();
        for byte in bytes.iter().take(len as usize) {
            writer.u8(*byte);
        }
    }

    pub fn decode(reader: &mut Reader) -> Result<Sum, Corrupt> {
        let head = reader.u8("sum")?;
        if head == 0 {
            return Ok(Sum::ZERO);
        }
        if head == HEAD_FLOAT {
            return Ok(Sum::float(reader.float("sum")?));
        }
        let len = usize::from(head & !HEAD_NEGATIVE);
        if !(1..=Magnitude::BYTES).contains(&len) {
            return Err(corrupt("sum", "of no form that is written"));
        }
        let scale = u32::from(reader.u8("sum's scale")?);
        let odd = Magnitude::from_le_bytes(reader.raw("sum", len)?);
        if odd.trailing_zeros() != 0 || odd.bits().div_ceil(8) as usize != len {
            return Err(corrupt("sum", "not in its shortest form"));
        }
        if odd.bits() + scale > 191 {
            return Err(corrupt("sum's scale", "out of range"));
        }
        let Magnitude { low, high } = odd.shifted_up(scale);
        let positive = Sum::from_parts(low, high as i64);
        Ok(match head & HEAD_NEGATIVE {
            0 => positive,
            _ => positive.negated(),
        })
    }
}

#[cfg(test)]
#[path = "sum_tests.rs"]
mod tests;
