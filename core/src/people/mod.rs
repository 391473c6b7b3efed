//! The people of a site: what is remembered of a user for longer than a visit.
//!
//! ```text
//! event -> Seed: hash of the user -> People::observe -> Noted: new, seen in a period again, or late
//! ```
//!
//! A user is remembered by an entry of eight bytes (`entry.rs`): a part of a keyed hash, and the first and
//! the last day with an event (`identities.rs`). Users are spread over partitions by their hash, with a bound
//! and sampling past it, as visitors are.
//!
//! What an event does to the counts follows from the entry before it: a user without one is new, and of
//! others it is known whether this is their first event in the day, the week and the month.

mod entry;
mod identities;
mod partition;
mod stored;
#[cfg(test)]
mod tests;

pub use identities::{Age, Identities, Noted, Seen, Terms};
pub use partition::People;

/// The horizon in days. A user who was away for longer is new again: with at least so many days that
/// happens once in a period at most.
pub const SHORTEST_HORIZON: i32 = 31;
pub const LONGEST_HORIZON: i32 = 3_650;
