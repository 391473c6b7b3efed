//! Slots or whole buckets: what the cells of a series are made of.

/// The parts that a cell is the sum of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// Slots, for counts and sums.
    Slot,
    /// Whole buckets, for distinct counts and percentiles, which are not kept by slot.
    Bucket,
}
