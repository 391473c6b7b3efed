//! Sites and buckets as Redis values.

pub mod bucket_value;
pub mod cluster;
pub mod disposal;
pub mod expiries;
pub mod keys;
pub mod nest;
pub mod site_value;
pub mod types;
pub mod walk;
pub mod warm;
