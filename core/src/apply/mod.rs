//! Applying events to buckets: an event is resolved into the rows that it counts in, events that go to
//! the same buckets are sorted by row, and a bucket counts them row by row.

mod beginnings;
mod containment;
mod events;
mod funnels;
mod import;
mod resolve;
mod rows;
mod scratch;
mod visits;

pub use beginnings::Beginnings;
pub use containment::KnownIn;
pub use events::ApplyTerms;
pub use funnels::{FunnelBatch, FunnelEvent};
pub use import::{Import, Row};
pub use resolve::RowResolver;
pub use rows::{BatchEvent, RowBatch, Span};
pub use scratch::ApplyScratch;
pub use visits::{write_previous, VisitBatch, VisitEvent};

#[cfg(test)]
mod tests;
