//! The subject itself: events, periods, sketches, buckets, sites. Nothing in here knows Redis,
//! reads a clock or keeps a global.

pub mod codec;
pub mod counters;
pub mod error;
pub mod hash;
pub mod hll;
pub mod quantiles;
pub mod summary;
pub mod time;
