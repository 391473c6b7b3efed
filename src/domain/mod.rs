//! The subject itself: events, periods, sketches, buckets, sites. Nothing in here knows Redis,
//! reads a clock or keeps a global, but for the key of a hash.

pub mod alert;
pub mod bucket;
pub mod codec;
pub mod counters;
pub mod desk;
pub mod error;
pub mod event;
pub mod fingerprint;
pub mod fold;
pub mod hash;
pub mod hll;
pub mod import;
pub mod intake;
pub mod json;
pub mod limits;
pub mod live;
pub mod log;
pub mod memory;
pub mod metric;
pub mod nearest;
pub mod number;
pub mod numeral;
pub mod occurrences;
pub mod prefetch;
pub mod quantiles;
pub mod site;
pub mod summary;
pub mod syntax;
pub mod tally;
pub mod text;
pub mod time;
pub mod top;
pub mod watch;
