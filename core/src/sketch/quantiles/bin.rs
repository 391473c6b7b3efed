//! Bins cut out of the bits of a float.
//!
//! ```text
//!  63   62       52 51    46 45                     0
//! | s | exponent   | 6 bits | the rest of the mantissa |
//!     |<--- magnitude: 17 -->|
//! ```
//!
//! Each power of two is cut into 64 bins of equal width, also those below the smallest ordinary float
//! (2.2e-308), whose bits are the number itself in steps of 5e-324. Positions are ordered like the numbers:
//!
//! ```text
//! -134272 ... -1     0     1 ... 3328 | 3329 ... 134272
//! largest negative  zero    subnormal          largest positive
//! ```

const CUT: u32 = 46;
const PER_OCTAVE: u64 = 64;
/// The positions of subnormal floats: 52 powers of two.
const SUBNORMAL: u64 = 52 * PER_OCTAVE;
/// The magnitude of the smallest ordinary float is `PER_OCTAVE`, and its position the next.
const OFFSET: u64 = PER_OCTAVE - 1;
const LARGEST: u64 = f64::MAX.to_bits() >> CUT;

pub const MAX: i32 = (LARGEST - OFFSET + SUBNORMAL) as i32;
pub const MIN: i32 = -MAX;

/// Of any finite number.
#[inline]
pub fn position(x: f64) -> i32 {
    let bits = x.abs().to_bits();
    let magnitude = bits >> CUT;
    let position = match magnitude >= PER_OCTAVE {
        true => (magnitude - OFFSET + SUBNORMAL) as i32,
        false => position_of_subnormal(bits),
    };
    if x < 0.0 {
        -position
    } else {
        position
    }
}

/// Of zero, too.
#[inline(never)]
fn position_of_subnormal(bits: u64) -> i32 {
    let Some(exponent) = bits.checked_ilog2() else {
        return 0;
    };
    // The six bits behind the first.
    let fraction = (bits << (63 - exponent) << 1) >> 58;
    (u64::from(exponent) * PER_OCTAVE + fraction + 1) as i32
}

/// The value of a bin: the harmonic mean of its bounds, which is no more than one part
/// in 129 away from either.
pub fn value(position: i32) -> f64 {
    let value = match u64::from(position.unsigned_abs()) {
        0 => return 0.0,
        // In steps of the smallest float, whole ones.
        distance if distance <= SUBNORMAL => {
            let (exponent, fraction) = ((distance - 1) / PER_OCTAVE, (distance - 1) % PER_OCTAVE);
            let width = 2f64.powi(exponent as i32 - 6);
            let steps = mean((PER_OCTAVE + fraction) as f64 * width, fraction);
            f64::from_bits(steps as u64)
        }
        distance => {
            let magnitude = (distance - SUBNORMAL + OFFSET).min(LARGEST);
            mean(f64::from_bits(magnitude << CUT), magnitude % PER_OCTAVE)
        }
    };
    if position < 0 {
        -value
    } else {
        value
    }
}

/// The harmonic mean of the bounds of a bin, of its power of two the one with this number.
fn mean(low: f64, number: u64) -> f64 {
    let step = (PER_OCTAVE + number) as f64;
    low * ((2.0 * step + 2.0) / (2.0 * step + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: i32 = SUBNORMAL as i32 + 1;

    fn low_bound(position: i32) -> f64 {
        f64::from_bits((position as u64 - SUBNORMAL + OFFSET) << CUT)
    }

    #[track_caller]
    fn check_subnormal(bits: u64) {
        let x = f64::from_bits(bits);
        for x in [x, -x] {
            let bin = position(x);
            assert_eq!(
                (x < 0.0, (1..FIRST).contains(&bin.abs())),
                (bin < 0, true),
                "{bits}"
            );
            let value = value(bin);
            // Both in steps of the smallest float, which are exact.
            let (given, found) = (x.abs().to_bits() as f64, value.abs().to_bits() as f64);
            assert!(
                (found - given).abs() / given <= 1.0 / 129.0 + 1e-15,
                "{bits}"
            );
            assert_eq!(position(value), bin, "{bits}");
        }
        assert!(position(x) <= position(f64::from_bits(bits + 1)), "{bits}");
    }

    #[test]
    fn subnormal_numbers_have_bins_as_narrow_as_others() {
        (1..1 << 14).for_each(check_subnormal);
        for exponent in 14..52 {
            for bits in [1 << exponent, (1 << exponent) + 1, (2 << exponent) - 1] {
                check_subnormal(bits);
            }
        }
        assert_eq!((position(5e-324), position(-5e-324)), (1, -1));
        assert_eq!(position(f64::from_bits((1 << 52) - 1)), FIRST - 1);
    }

    proptest! {
        #[test]
        fn any_subnormal_number_is_within_one_in_129(bits in 1u64..1 << 52, cut in 0u32..52) {
            check_subnormal((bits >> cut).max(1));
        }
    }

    #[test]
    fn no_number_is_further_than_one_in_129_from_the_value_of_its_bin() {
        for bin in FIRST..=MAX {
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
    fn only_zero_is_zero_and_nothing_is_too_large() {
        for x in [0.0, -0.0] {
            assert_eq!(position(x), 0);
        }
        assert_eq!(value(0), 0.0);
        assert_eq!(
            (position(f64::MIN_POSITIVE), position(f64::MAX)),
            (FIRST, MAX)
        );
        for bin in [1, SUBNORMAL as i32, FIRST] {
            assert!(value(bin) > 0.0);
        }
        assert_eq!(position(f64::MIN), MIN);
        assert!(value(i32::MIN).is_finite());
    }
}
