//! What the benches share: servers, events, measuring. A bench takes all of it to its root, where the
//! files here look for each other, as those of the tests do:
//!
//!     #[macro_use]
//!     #[path = "../harness/mod.rs"]
//!     mod harness;
//!     use harness::*;

#![allow(dead_code)] // No bench uses all of it.

#[path = "../../tests/flow/calendar.rs"]
pub mod calendar;
#[macro_use]
#[path = "../../tests/flow/client.rs"]
pub mod client;
#[path = "../../tests/flow/clock.rs"]
pub mod clock;
#[path = "../../tests/flow/module_file.rs"]
pub mod module_file;
#[path = "../../tests/flow/process.rs"]
pub mod process;
#[path = "../../tests/flow/reply.rs"]
pub mod reply;
#[path = "../../tests/flow/server.rs"]
pub mod server;

pub mod dice;
pub mod events;
pub mod fill;
pub mod large_site;
pub mod measure;
pub mod noop;
