//! A number of an event and what it adds to each tally, computed once: an event has as many tallies as
//! rows in five buckets.

use super::quantiles::Bin;
use crate::sketch::sums::Summary;

#[derive(Debug, Clone)]
pub struct Number {
    pub summary: Summary,
    /// None for what is no number, of which the summary is empty.
    pub bin: Option<Bin>,
}

impl Number {
    pub fn of(x: f64) -> Number {
        Number {
            summary: Summary::of(x),
            bin: Bin::of(x),
        }
    }
}
