//! Count, sum, minimum and maximum of numbers.

mod magnitude;
mod series;
mod sum;

use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;
pub use series::Summaries;
use sum::Sum;

/// What is left of the finite numbers that were added: the same in any order, as long as the sum is
/// exact (see `sum.rs`). Infinities are taken as the largest numbers, and NaN is ignored.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    count: u64,
    sum: Sum,
    /// Infinite while there is no number.
    min: f64,
    max: f64,
}

/// The least that a summary of something takes when stored.
const STORED_BYTES: usize = 1 + size_of::<f64>();

impl Summary {
    pub const fn new() -> Summary {
        Summary {
            count: 0,
            sum: Sum::ZERO,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    pub fn of(x: f64) -> Summary {
        let mut summary = Summary::new();
        summary.add(x);
        summary
    }

    #[inline]
    pub fn add(&mut self, x: f64) {
        if x.is_finite() {
            // Adding zero makes the negative zero an ordinary one.
            let x = x + 0.0;
            self.include(1, Sum::of(x), x, x);
        } else if !x.is_nan() {
            self.add(x.clamp(f64::MIN, f64::MAX));
        }
    }

    #[inline]
    pub fn merge(&mut self, other: &Summary) {
        self.include(other.count, other.sum, other.min, other.max);
    }

    #[inline(always)]
    fn include(&mut self, count: u64, sum: Sum, min: f64, max: f64) {
        self.count = self.count.saturating_add(count);
        self.sum.add(sum);
        // Comparisons, as `f64::min` would look for NaN.
        self.min = if min < self.min { min } else { self.min };
        self.max = if max > self.max { max } else { self.max };
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// Correctly rounded, and zero when there is no number.
    pub fn sum(&self) -> f64 {
        self.sum.value()
    }

    pub fn min(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.min)
    }

    pub fn max(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.max)
    }

    /// Never outside of what was measured, however the division rounds.
    pub fn mean(&self) -> Option<f64> {
        let mean = self.sum() / self.count as f64;
        (!self.is_empty()).then(|| mean.max(self.min).min(self.max))
    }

    // The stored form:
    //
    //   count  varint
    //   min    float      if count > 0
    //   max    float      if count > 1: one number is its own maximum and sum
    //   sum               if count > 1
    //
    pub fn encode(&self, writer: &mut Writer) {
        writer.varint(self.count);
        if self.count > 0 {
            writer.float(self.min);
        }
        if self.count > 1 {
            writer.float(self.max);
            self.sum.encode(writer);
        }
    }

    pub fn decode(reader: &mut Reader) -> Result<Summary, Corrupt> {
        let count = reader.varint("count")?;
        if count == 0 {
            return Ok(Summary::new());
        }
        let min = reader.float("minimum")?;
        if count == 1 {
            return Ok(Summary::of(min));
        }
        let max = reader.float("maximum")?;
        if max < min {
            return Err(corrupt("maximum", "less than the minimum"));
        }
        let sum = Sum::decode(reader)?;
        let whole = Sum::of(min).is_exact() && Sum::of(max).is_exact();
        if sum.is_exact() && !whole {
            return Err(corrupt("sum", "more exact than its numbers"));
        }
        Ok(Summary {
            count,
            sum,
            min,
            max,
        })
    }
}

impl Default for Summary {
    fn default() -> Summary {
        Summary::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn summary(numbers: &[f64]) -> Summary {
        let mut summary = Summary::new();
        for x in numbers {
            summary.add(*x);
        }
        summary
    }

    fn encoded(summary: &Summary) -> Vec<u8> {
        let mut writer = Writer::new();
        summary.encode(&mut writer);
        writer.into_bytes()
    }

    fn decoded(bytes: &[u8]) -> Result<Summary, Corrupt> {
        let mut reader = Reader::new(bytes);
        let summary = Summary::decode(&mut reader)?;
        reader.finish()?;
        Ok(summary)
    }

    proptest! {
        #[test]
        fn any_numbers_have_finite_summaries(numbers in prop::collection::vec(any::<f64>(), 0..30)) {
            let summary = summary(&numbers);
            let kept: Vec<f64> = numbers
                .into_iter()
                .filter(|x| !x.is_nan())
                .map(|x| x.clamp(f64::MIN, f64::MAX))
                .collect();
            prop_assert_eq!(summary.count(), kept.len() as u64);
            prop_assert_eq!(summary.min(), kept.iter().copied().reduce(f64::min));
            prop_assert_eq!(summary.max(), kept.iter().copied().reduce(f64::max));
            prop_assert!(summary.sum().is_finite());
            if let (Some(min), Some(mean), Some(max)) = (summary.min(), summary.mean(), summary.max()) {
                prop_assert!(min <= mean && mean <= max);
            }
            prop_assert_eq!(decoded(&encoded(&summary)), Ok(summary));
        }

        #[test]
        fn merging_is_adding_both(
            a in prop::collection::vec(-1e9..1e9f64, 0..30),
            b in prop::collection::vec(-1e-3..1e-3f64, 0..30),
        ) {
            let mut merged = summary(&b);
            merged.merge(&summary(&a));
            prop_assert_eq!(encoded(&merged), encoded(&summary(&[a, b].concat())));
        }

        #[test]
        fn any_bytes_are_refused_or_canonical(bytes in prop::collection::vec(0..4u8, 0..30)) {
            if let Ok(summary) = decoded(&bytes) {
                prop_assert_eq!(encoded(&summary), bytes);
            }
        }
    }

    #[test]
    fn a_summary_is_six_words() {
        assert_eq!(size_of::<Summary>(), 48);
    }

    #[test]
    fn nothing_has_no_mean() {
        let none = Summary::new();
        assert_eq!(
            (none.min(), none.mean(), none.max(), none.sum()),
            (None, None, None, 0.0)
        );
        assert_eq!(encoded(&none), [0]);
    }

    #[test]
    fn the_negative_zero_is_zero() {
        let zero = Summary::of(-0.0);
        assert!(zero.min().is_some_and(f64::is_sign_positive));
        assert_eq!(encoded(&zero), encoded(&Summary::of(0.0)));
    }

    #[test]
    fn a_stored_summary_is_consistent() {
        let payload = |min: f64, max: f64, sum: Sum| {
            let mut writer = Writer::new();
            writer.varint(2);
            writer.float(min);
            writer.float(max);
            sum.encode(&mut writer);
            writer.into_bytes()
        };
        let problem = |bytes: &[u8]| decoded(bytes).unwrap_err().problem;
        assert_eq!(
            problem(&payload(2.0, 1.0, Sum::of(3.0))),
            "less than the minimum"
        );
        assert_eq!(
            problem(&payload(2.0, 1e200, Sum::of(3.0))),
            "more exact than its numbers"
        );
        assert!(decoded(&payload(1.0, 2.0, Sum::of(3.0))).is_ok());
    }
}
