//! The module API of the server behind types that cannot be misused. Nothing here is about analytics, and
//! nothing here uses another room of the module.

// Unit tests run outside of a server, with the allocator of the system.
#[cfg_attr(test, allow(dead_code))]
pub mod alloc;
pub mod call;
mod categories;
pub mod command;
pub mod context;
mod description;
pub mod failure;
pub mod guard;
pub mod info;
pub mod key;
pub mod macros;
pub mod offers;
pub mod registration;
mod reply;
pub mod server_info;
pub mod stream;
pub mod string;
pub mod under_lock;
pub mod words;
