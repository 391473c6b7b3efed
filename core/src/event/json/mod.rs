//! Events as JSON (RFC 8259): the body that web collectors send. Texts are borrowed from the input,
//! those with escapes from a buffer of the caller's; nothing is allocated, nothing recurses. And
//! objects, as messages are made of them.

mod events;
#[cfg(test)]
mod events_tests;
mod member;
mod number;
mod object;
mod reader;
#[cfg(test)]
mod reader_tests;
#[cfg(test)]
mod refusals_tests;
mod text;
mod timestamp;

pub use events::{has_escapes, Events};
pub(super) use number::number;
pub use number::Number;
pub use object::Object;
pub use reader::{Fault, Reader, Value};
pub use text::Quoted;
