//! Bins cut out of the bits of a float.
//!
//! ```text
//!  63   62       52 51    46 45                     0
//! | s | exponent   | 6 bits | the rest of the mantissa |
//!     |<--- magnitude: 17 -->|
//! ```
//!
//! Each power of two is cut into 64 bins of equal width. Numbers below the smallest ordinary float
//! (2.2e-308) are one bin with zero. Positions are ordered like the numbers:
//!
//! ```text
//! -130944 ... -1     0     1 ... 130944
//! largest negative  zero      largest positive
//! ```

const CUT: u32 = 46;
const PER_OCTAVE: u64 = 64;
/// The magnitude of the smallest ordinary float is `PER_OCTAVE`, and its position 1.
const OFFSET: u64 = PER_OCTAVE - 1;
const LARGEST: u64 = f64::MAX.to_bits() >> CUT;

pub const MAX: i32 = (LARGEST - OFFSET) as i32;
pub const MIN: i32 = -MAX;

/// Of any finite number.
#[inline]
pub fn position(x: f64) -> i32 {
    let magnitude = x.abs().to_bits() >> CUT;
    let position = magnitude.saturating_sub(OFFSET) as i32;
    if x < 0.0 {
        -position
    } else {
        position
    }
}

/// The value of a bin: the harmonic mean of its bounds, which is no more than one part
/// in 129 away from either.
pub fn value(position: i32) -> f64 {
    let magnitude = match u64::from(position.unsigned_abs()) {
        0 => return 0.0,
        distance => (distance + OFFSET).min(LARGEST),
    };
    let low = f64::from_bits(magnitude << CUT);
    let step = (PER_OCTAVE + magnitude % PER_OCTAVE) as f64;
    let value = low * ((2.0 * step + 2.0) / (2.0 * step + 1.0));
    if position < 0 {
        -value
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn low_bound(position: i32) -> f64 {
        f64::from_bits((position as u64 + OFFSET) << CUT)
    }

    #[test]
    fn no_number_is_further_than_one_in_129_from_the_value_of_its_bin() {
        for bin in 1..=MAX {
            let low = low_bound(bin);
            let high = f64::from_bits(low_bound(bin + 1).to_bits() - 1);
            for x in [low, high, -low, -high] {
                assert_eq!(position(x), if x < 0.0 { -bin } else { bin });
                let value = value(position(x));
                assert!(((value - x) / x).abs() <= 1.0 / 129.0 + 1e-15, "{x}");
                assert_eq!(position(value), position(x));
            }
        }
    }

    #[test]
    fn what_is_too_small_is_zero_and_nothing_is_too_large() {
        for x in [0.0, -0.0, 5e-324, -2.2e-308] {
            assert_eq!(position(x), 0);
        }
        assert_eq!(value(0), 0.0);
        assert_eq!((position(f64::MIN_POSITIVE), position(f64::MAX)), (1, MAX));
        assert_eq!(position(f64::MIN), MIN);
        assert!(value(i32::MIN).is_finite());
    }
}
