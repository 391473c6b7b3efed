//! Sites, buckets and partitions of visitors as Redis values: the callbacks of their types, their owners, and
//! handles.

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
pub mod visitors_handle;
pub mod visitors_value;
pub mod walk;
