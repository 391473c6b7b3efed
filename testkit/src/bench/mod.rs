//! What only benches share: made-up events and encoded requests, one measured run of a workload, and a
//! site with a million users.

pub mod events;
pub mod large_site;
pub mod measure;

pub use events::{user, Event, Requests, Stamps, USERS};
pub use measure::{median, microseconds, Sample, Series};
