//! HTTP in front of the analytics module: events in, answers out. The module itself is reached by
//! its `ANALYTICS.*` commands only.
//!
//! A request's way is one line: `http` (time limit, headers, figures) → a handler of `ingest`,
//! `query`, `live`, `settings` or `page` → `auth` and `limits` (which site, allowed to do what, how
//! often) → `store` (Redis). `scripts/rooms` holds the modules to it.

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
mod facts;
pub mod http;
pub mod ingest;
mod limits;
pub mod live;
pub mod metrics;
pub mod object;
mod page;
pub mod query;
mod settings;
pub mod sites;
pub mod state;
pub mod store;
pub mod time;
mod workers;
