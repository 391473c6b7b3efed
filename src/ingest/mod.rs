//! The path of an event: from the words of a command to the buckets.

pub mod arguments;
pub mod escapes;
pub mod gathered;
pub mod log;
pub mod origin;
pub mod record;
pub mod replicate;
pub mod scratch;
pub mod target;
pub mod tray;
pub mod ways;
