//! The subject itself: events, periods, sketches, buckets, sites. Nothing in here knows Redis,
//! reads a clock or keeps a global.

pub mod bucket;
pub mod codec;
pub mod counters;
pub mod error;
pub mod event;
pub mod fold;
pub mod hash;
pub mod hll;
pub mod intake;
pub mod json;
pub mod limits;
pub mod memory;
pub mod metric;
pub mod quantiles;
pub mod site;
pub mod summary;
pub mod tally;
pub mod text;
pub mod time;
pub mod top;
