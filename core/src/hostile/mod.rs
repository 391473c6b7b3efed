//! Payloads that no server wrote: what the decoders of all types refuse, and what they accept.
//!
//! Every byte of a payload is taken for the start of a number and of a float, and replaced by extreme
//! ones, whether a field begins there or not; then bytes are cut off, flipped, inserted and removed.
//! What is accepted has to be as good as what commands make: it is stored as the same bytes again,
//! counts more events, answers queries, and is read again after that. Reading never takes more memory
//! than a small multiple of the payload.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod corpus;
pub mod funnels;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod mutation;
pub mod people;
mod setup;
#[cfg(test)]
mod tests;
pub mod use_of_bucket;
pub mod use_of_ids;
pub mod use_of_site;
pub mod visits;
