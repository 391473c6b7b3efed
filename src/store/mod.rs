//! Sites, buckets and partitions of users as Redis values: the callbacks of their types, their owners, and
//! handles.

pub mod changes;
pub mod cluster;
pub mod containment;
pub mod contents;
pub mod handle;
pub mod hooks;
pub mod open_value;
pub mod owned_value;
mod owners;
pub mod site_value;
pub mod value;
pub mod walk;
