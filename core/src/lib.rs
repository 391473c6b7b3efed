//! The subject: what an event is, where it counts, and how a query is answered. No Redis, no clock, no
//! I/O, and no global but the keys of hashes; the clock is an argument.
//!
//! Each room imports only from those above it, and all from `error`, `hash`, `memory` and `prefetch`
//! (`scripts/rooms` checks it):
//!
//! ```text
//! time  text  codec            calendar and windows, names and numbers, stored primitives
//! table                        a hash table of entries of one length, and its bound
//! sketch                       distinct counts, percentiles, sums, counters
//! visitors                     the visits under way, and what an event does to one
//! funnel                       the attempts of funnels that are under way, and what an event does to one
//! people                       who was there before, and who is new
//! schema                       names, options, settings, cubes, limits: no state
//! event                        what comes in, and its entry in a log
//! ids                          the ids of recent events: an event counts once
//! bucket                       all aggregates of one period: storage only
//! apply                        events -> rows -> a bucket
//! query                        metrics, folds, rankings: buckets -> answers
//! alert                        rules and live metrics, and the schedule of both
//! site                         the state of a site, and its stored form
//! ```

// A panic in a command or a callback ends the user's server: code outside the tests has none.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

pub mod alert;
pub mod apply;
pub mod bucket;
pub mod codec;
pub mod error;
pub mod event;
pub mod funnel;
pub mod hash;
#[cfg(any(test, feature = "hostile"))]
pub mod hostile;
pub mod ids;
pub mod memory;
pub mod people;
pub mod prefetch;
pub mod query;
pub mod schema;
pub mod site;
pub mod sketch;
pub mod table;
pub mod text;
pub mod time;
pub mod visitors;
