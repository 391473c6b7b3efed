//! HTTP itself: the routes of all parts put together (`routes.rs`), what every request goes through
//! (`middleware.rs`), taking connections (`listen.rs`), serving and stopping (`server.rs`). Handlers are in `ingest`, `query`, `live`,
//! `settings` and `page`.

mod health;
mod listen;
mod middleware;
mod routes;
mod server;
mod stalled;
mod unread;

pub use server::serve;
