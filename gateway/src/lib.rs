//! HTTP in front of the analytics module: events in, answers out. The module itself is reached by
//! its `ANALYTICS.*` commands only.
//!
//! A request's way is one line: `http` (limits, headers) → a handler of `ingest` or `query` →
//! `auth` (which site, allowed to do what) → `store` (Redis).

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod alerts;
pub mod auth;
pub mod cli;
pub mod config;
pub mod enrich;
pub mod error;
pub mod http;
pub mod ingest;
pub mod live;
pub mod metrics;
pub mod object;
mod page;
pub mod query;
pub mod sites;
pub mod state;
pub mod store;
pub mod time;
