//! The attempts of a funnel that are under way: who began, how far they got, and which steps may still follow.
//!
//! ```text
//! event -> Matched: which steps it is -> Progress::observe -> Rise -> what to add to which buckets
//! ```
//!
//! An attempt of a user begins with a first step, and takes the first steps within the funnel's duration after
//! it. How far it gets is what ClickHouse's `windowFunnel` says of the user's events in order, where only these
//! first steps count as such: the longest chain of steps, each after the one before, all within the duration
//! from the first step of the chain (`attempt.rs`). All that is counted of an attempt belongs to the time at
//! which it began, and nothing that was counted is taken back.
//!
//! The users of a funnel are spread over the partitions of a site by their hash. In a partition, the attempts
//! are entries of tables, one table for each length of entries (`entry.rs`, `progress.rs`).

mod attempt;
mod entry;
#[cfg(test)]
pub mod oracle;
mod progress;
mod stored;
#[cfg(test)]
mod tests;

pub use attempt::{Matched, Moment, Rise, Rules};
pub use progress::{Observed, Progress, Terms};

use crate::time::DAY;

pub const LEAST_STEPS: usize = 2;
pub const MOST_STEPS: usize = 8;

/// The most dimensions of `BY`.
pub const MOST_BY: usize = 4;

/// The most funnels of a site.
pub const MOST_FUNNELS: usize = 16;

/// The fewest bytes in which the attempts of a funnel are stored.
pub const LEAST_BYTES: usize = 14;

/// The longest duration from the first step to the last.
pub const LONGEST: i64 = 90 * DAY;
