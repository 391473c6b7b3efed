//! Sites and buckets as Redis values: the callbacks of their types, their owners, and handles on buckets.

pub mod bucket_handle;
pub mod bucket_value;
pub mod changes;
pub mod cluster;
pub mod containment;
pub mod hooks;
pub mod ids_value;
mod owners;
pub mod site_value;
pub mod value;
pub mod walk;
