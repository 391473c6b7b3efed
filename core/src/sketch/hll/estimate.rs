//! From what a sketch holds to how many users that is.
//!
//! Registers: Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017),
//! the improved raw estimator, with Redis's constants and order of operations, so that `PFCOUNT` of
//! the same registers is the same number. Sparse entries: linear counting over 2^25 cells.

use super::layout::{Histogram, MAX_INDEX, MAX_RANK, REGISTERS};

/// The relative standard error of a count of entries: 1 / sqrt(2 * 2^25).
pub const ERROR_OF_ENTRIES: f64 = 0.000_122;

/// The relative standard error of a count by registers: 1.04 / sqrt(2^14).
pub const ERROR_OF_REGISTERS: f64 = 0.008_125;

/// 1 / (2 ln 2)
const ALPHA_INF: f64 = 0.721_347_520_444_481_7;

/// No more users than hashes: registers from outside may all be at their highest.
const MOST: f64 = u64::MAX as f64;

pub(super) fn of_registers(histogram: &Histogram) -> f64 {
    let m = REGISTERS as f64;
    let of_rank = |rank: u8| {
        histogram
            .get(usize::from(rank))
            .copied()
            .map_or(0.0, f64::from)
    };
    let mut z = m * tau((m - of_rank(MAX_RANK)) / m);
    for rank in (1..MAX_RANK).rev() {
        z = (z + of_rank(rank)) * 0.5;
    }
    z += m * sigma(of_rank(0) / m);
    (ALPHA_INF * m * m / z).min(MOST)
}

pub(super) fn of_entries(count: usize) -> f64 {
    let cells = f64::from(MAX_INDEX) + 1.0;
    -cells * (-(count as f64) / cells).ln_1p()
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        y *= 0.5;
        let before = z;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_are_numbers() {
        let all_at = |rank: usize| {
            let mut histogram = [0; 64];
            histogram[rank] = REGISTERS as u32;
            of_registers(&histogram)
        };
        assert_eq!(all_at(0), 0.0);
        assert_eq!(all_at(51), MOST);
        assert!((1..51).all(|rank| all_at(rank) < all_at(rank + 1)));
    }

    #[test]
    fn few_entries_are_counted_as_they_are() {
        assert_eq!(of_entries(0), 0.0);
        assert_eq!(of_entries(1).round(), 1.0);
        assert!((of_entries(2560) - 2560.0).abs() < 0.2);
    }
}
