//! Quantiles of several sketches, each counted in part.

use super::{bin, Quantiles};

/// Up to this span, bins are added up in an array; beyond it they are sorted.
const DENSE_SPAN: usize = 1 << 13;

/// Bins with their weights, in the order of their numbers.
#[derive(Debug, Clone, Default)]
pub struct Mixture {
    bins: Vec<(i32, f64)>,
    total: f64,
}

impl Mixture {
    /// The sum of the sketches times their weights. A weight below zero takes away what another sketch has
    /// too much; no bin gets less than nothing.
    pub fn of(parts: &[(f64, &Quantiles)]) -> Mixture {
        let mut bins: Vec<(i32, f64)> = Vec::new();
        for (weight, sketch) in parts.iter().filter(|(weight, _)| *weight != 0.0) {
            sketch.for_each_bin(|position, n| bins.push((position, weight * n as f64)));
        }
        let bins = match span(&bins) {
            None => Vec::new(),
            Some((first, span)) if span <= DENSE_SPAN => added_up(&bins, first, span),
            Some(_) => sorted(bins),
        };
        Mixture {
            total: bins.iter().map(|(_, weight)| weight).sum(),
            bins,
        }
    }

    /// The weight of all numbers.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The first number up to which there is this part of the weight, within 1 %.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if q.is_nan() {
            return None;
        }
        // Parts of a weight do not add up to exactly one half.
        let rank = q.clamp(0.0, 1.0) * self.total * (1.0 - 1e-12);
        let mut passed = 0.0;
        let reached = self.bins.iter().find(|(_, weight)| {
            passed += weight;
            passed >= rank
        });
        let (position, _) = reached.or(self.bins.last())?;
        Some(bin::value(*position))
    }
}

/// The first position, and how many there are up to the last.
fn span(bins: &[(i32, f64)]) -> Option<(i32, usize)> {
    let first = bins.iter().map(|(position, _)| *position).min()?;
    let last = bins.iter().map(|(position, _)| *position).max()?;
    Some((first, last.abs_diff(first) as usize + 1))
}

fn added_up(bins: &[(i32, f64)], first: i32, span: usize) -> Vec<(i32, f64)> {
    let mut sums = vec![0.0; span];
    for (position, weight) in bins {
        if let Some(sum) = sums.get_mut(position.abs_diff(first) as usize) {
            *sum += weight;
        }
    }
    (first..)
        .zip(sums)
        .filter(|(_, weight)| *weight > LEAST)
        .collect()
}

fn sorted(mut bins: Vec<(i32, f64)>) -> Vec<(i32, f64)> {
    bins.sort_unstable_by_key(|(position, _)| *position);
    let same = bins.chunk_by(|a, b| a.0 == b.0);
    let sums = same.filter_map(|bins| {
        let (position, _) = bins.first()?;
        Some((*position, bins.iter().map(|(_, weight)| weight).sum()))
    });
    sums.filter(|(_, weight): &(i32, f64)| *weight > LEAST)
        .collect()
}

/// Less than this is what rounding leaves of a bin that was taken away.
const LEAST: f64 = 1e-9;
