//! The visits that are under way: who is on a visit, since when, and what is counted of it so far.
//!
//! ```text
//! event -> Seed: hash of the visitor -> Partition::observe -> Step -> what to add to which rows
//! ```
//!
//! A visit is a run of events of one visitor, with less than a timeout between two of them, at most
//! [`LONGEST`] long. All that is counted of it belongs to the time of its beginning, and is right after
//! every event: the first one adds a visit that is a bounce, later ones change what was added (`step.rs`).
//!
//! The visitors of a site are spread over partitions by their hash. A partition is a table of fixed-width
//! entries (`entry.rs`, `table`) with a bound: past it, only visitors whose hash ends with so many zero bits are
//! followed, and each of them counts for as many as are not (`partition.rs`).

mod entry;
mod ids;
mod partition;
mod paths;
#[cfg(test)]
mod sampling_tests;
mod step;
mod stored;
#[cfg(test)]
mod tests;

pub use entry::Layout;
pub use ids::{Seed, ValueId, Visitor};
pub use partition::{Observed, Partition, Previous, Terms};
pub use step::{Amounts, Moment, Row, Spread, Step, Visit};

use crate::time::DAY;

/// A visit is no longer than this; an event behind it begins another.
pub const LONGEST: i64 = DAY;

/// The most dimensions of `BY`.
pub const MOST_BY: usize = 4;

/// The values that an entry keeps: of its first and its last path, and of each dimension of `BY`.
pub const MOST_VALUES: usize = 2 + MOST_BY;

/// The longest value of a path.
pub const LONGEST_PATH: usize = 512;

/// The visitors of a site are spread over partitions: so many of them in each, and at most
/// `1 << MOST_BITS` partitions.
const VISITORS_PER_PARTITION: usize = 8_192;
/// No partition has more.
pub const MOST_IN_PARTITION: usize = 2 * VISITORS_PER_PARTITION;
const MOST_BITS: u32 = 11;

/// The most visitors of a site that are followed at a time.
pub const MOST_VISITORS: u64 = (VISITORS_PER_PARTITION as u64) << MOST_BITS;

/// How many partitions so many visitors have: `1 << bits`, and how many visitors each takes. Hashes spread
/// visitors unevenly, so that it takes some more than its part.
pub fn partitions_of(visitors: u64) -> (u32, usize) {
    let needed = visitors.div_ceil(VISITORS_PER_PARTITION as u64).max(1);
    let bits = needed.next_power_of_two().trailing_zeros().min(MOST_BITS);
    let part = (visitors >> bits).clamp(1, VISITORS_PER_PARTITION as u64);
    match bits {
        0 => (0, part as usize),
        _ => (bits, (part + 5 * part.isqrt()) as usize),
    }
}
