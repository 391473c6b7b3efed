//! The module API of the server. All raw calls are in here; nothing in here is about analytics.

#[cfg(not(test))]
pub mod alloc;
pub mod call;
pub mod categories;
pub mod description;
pub mod guard;
pub mod key;
pub mod offers;
pub mod redis;
pub mod registration;
pub mod stream;
pub mod under_lock;
