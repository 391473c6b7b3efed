//! Mergeable summaries of a stream: distinct counts, percentiles, sums, and counters by slot.

pub mod counters;
pub mod hll;
mod number;
pub mod quantiles;
pub mod sums;

pub use number::Number;
