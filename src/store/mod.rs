//! Sites, buckets and partitions of users as Redis values: the callbacks of their types, their owners, and
//! handles.

pub mod bucket_handle;
pub mod bucket_value;
pub mod changes;
pub mod cluster;
pub mod containment;
pub mod hooks;
pub mod ids_value;
mod owners;
pub mod partition_contents;
pub mod partition_handle;
pub mod partition_value;
pub mod site_value;
pub mod value;
pub mod walk;
