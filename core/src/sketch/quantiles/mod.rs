//! A quantile sketch: how many numbers fell into which bin.
//!
//! Bins are so narrow that any number of one is at most one part in 129 away from the bin's value, so
//! that every quantile is exact to 1 %. A sketch merges by adding up counts: parts
//! merged in any order are the sketch of the whole, byte for byte.
//!
//! Zero has no bin, and bins near it are as far from 1 as those of 1e300. So zero is counted apart, and so
//! are the numbers below it, by their magnitudes: the bins of each side are close to each other.

mod bin;
mod bins;
mod mixture;
mod side;

use std::fmt;

use super::counters::stored;
use crate::codec::{Reader, Writer};
use crate::error::Corrupt;
use crate::memory::allocated;
use side::Side;

pub use mixture::Mixture;

/// Where a number is counted, in every sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bin(i32);

impl Bin {
    /// None for what is no number.
    #[inline]
    pub fn of(x: f64) -> Option<Bin> {
        if x.is_finite() {
            Some(Bin(bin::position(x)))
        } else if x.is_nan() {
            None
        } else {
            Some(Bin(if x < 0.0 { bin::MIN } else { bin::MAX }))
        }
    }
}

#[derive(Clone, Default)]
pub struct Quantiles {
    above: Side,
    /// Most values are never zero or below.
    rest: Option<Box<Rest>>,
}

#[derive(Clone, Default)]
struct Rest {
    zeros: u64,
    below: Side,
}

/// 0.07 of a hundred is the seventh, though the float for 0.07 is a little more than that.
const ROUNDED: f64 = 1.0 - 4.0 * f64::EPSILON;

/// Bytes outside of a sketch that is called small.
const SMALL: usize = 256;

impl Quantiles {
    pub const fn new() -> Quantiles {
        Quantiles {
            above: Side::new(),
            rest: None,
        }
    }

    /// Infinities are taken as the largest numbers, and what is no number is ignored.
    #[inline]
    pub fn insert(&mut self, x: f64) {
        if let Some(bin) = Bin::of(x) {
            self.insert_into(bin);
        }
    }

    /// A number that falls into this bin.
    #[inline]
    pub fn insert_into(&mut self, Bin(position): Bin) {
        self.add(position, 1);
    }

    /// So many of one number.
    pub fn insert_many(&mut self, x: f64, n: u64) {
        if let (Some(Bin(position)), true) = (Bin::of(x), n > 0) {
            self.add(position, n);
        }
    }

    #[inline]
    fn add(&mut self, position: i32, n: u64) {
        if position > 0 {
            self.above.add(position, n);
        } else {
            self.add_to_rest(position, n);
        }
    }

    fn add_to_rest(&mut self, position: i32, n: u64) {
        let rest = self.rest.get_or_insert_default();
        if position == 0 {
            rest.zeros = rest.zeros.saturating_add(n);
        } else {
            rest.below.add(-position, n);
        }
    }

    pub fn merge(&mut self, other: &Quantiles) {
        self.above.merge(&other.above);
        if let Some(theirs) = &other.rest {
            let ours = self.rest.get_or_insert_default();
            ours.zeros = ours.zeros.saturating_add(theirs.zeros);
            ours.below.merge(&theirs.below);
        }
    }

    /// Merges many. The bins of the small ones are put in order first: one by one, each would move those
    /// of all before it.
    pub fn merge_all<'q>(&mut self, others: impl Iterator<Item = &'q Quantiles>) {
        let mut bins = Vec::new();
        for other in others {
            if other.heap_bytes() > SMALL {
                self.merge(other);
                continue;
            }
            if let Some(rest) = &other.rest {
                bins.extend(rest.below.bins().map(|(magnitude, n)| (-magnitude, n)));
                bins.extend((rest.zeros > 0).then_some((0, rest.zeros)));
            }
            bins.extend(other.above.bins());
        }
        bins.sort_unstable_by_key(|(position, _)| *position);
        for bins in bins.chunk_by(|a, b| a.0 == b.0) {
            if let Some((position, _)) = bins.first() {
                let n = bins
                    .iter()
                    .fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
                self.add(*position, n);
            }
        }
    }

    /// How many numbers were inserted, at most `u64::MAX`.
    pub fn count(&self) -> u64 {
        let (below, zeros) = self.counts_of_rest();
        below
            .saturating_add(zeros)
            .saturating_add(self.above.count())
    }

    /// How many numbers are below zero, and how many are zero.
    fn counts_of_rest(&self) -> (u64, u64) {
        let rest = self.rest.as_ref();
        rest.map_or((0, 0), |rest| (rest.below.count(), rest.zeros))
    }

    /// The number at rank `ceil(q * count)`, counted from one, within 1 %.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 || q.is_nan() {
            return None;
        }
        let rank = (q.clamp(0.0, 1.0) * count as f64 * ROUNDED).ceil() as u64;
        self.at_rank(rank.clamp(1, count)).map(bin::value)
    }

    fn at_rank(&self, rank: u64) -> Option<i32> {
        let (below, zeros) = self.counts_of_rest();
        if rank <= below {
            // The largest magnitude is the smallest number.
            let magnitude = self.rest.as_ref()?.below.at_rank(below - rank + 1);
            return magnitude.map(|magnitude| -magnitude);
        }
        if rank - below <= zeros {
            return Some(0);
        }
        self.above.at_rank(rank - below - zeros)
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    pub fn heap_bytes(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| {
            allocated(size_of::<Rest>()) + rest.below.heap_bytes()
        });
        self.above.heap_bytes() + rest
    }

    pub fn encode(&self, writer: &mut Writer) {
        let bins = self.bins();
        stored::encode(bins.len(), bins.into_iter(), writer);
    }

    pub fn decode(reader: &mut Reader) -> Result<Quantiles, Corrupt> {
        let mut quantiles = Quantiles::new();
        let mut below = Vec::new();
        stored::decode(reader, bin::MIN, bin::MAX, |position, n| {
            if position < 0 {
                below.push((position, n));
            } else {
                quantiles.add(position, n);
            }
        })?;
        // The largest magnitudes come first, and every bin in front of others would move them all.
        for (position, n) in below.into_iter().rev() {
            quantiles.add(position, n);
        }
        Ok(quantiles)
    }

    /// Passes the bins that are not empty, in any order.
    fn for_each_bin(&self, mut take: impl FnMut(i32, u64)) {
        if let Some(rest) = &self.rest {
            rest.below.bins().for_each(|(bin, n)| take(-bin, n));
            if rest.zeros > 0 {
                take(0, rest.zeros);
            }
        }
        self.above.bins().for_each(|(bin, n)| take(bin, n));
    }

    /// The bins that are not empty, in the order of their numbers.
    fn bins(&self) -> Vec<(i32, u64)> {
        let mut bins = Vec::new();
        if let Some(rest) = &self.rest {
            bins.extend(rest.below.bins().map(|(magnitude, n)| (-magnitude, n)));
            bins.reverse();
            bins.extend((rest.zeros > 0).then_some((0, rest.zeros)));
        }
        bins.extend(self.above.bins());
        bins
    }
}

/// By content, whatever the form.
impl PartialEq for Quantiles {
    fn eq(&self, other: &Quantiles) -> bool {
        self.bins() == other.bins()
    }
}

impl fmt::Debug for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.bins()).finish()
    }
}

#[cfg(test)]
mod tests;
