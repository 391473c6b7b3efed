//! What the flow tests, benches and examples share. A test takes what it needs by name:
//!
//!     use testkit::{cmd, Server};
//!
//!     let server = Server::start();
//!     cmd!(server.connection(), "SET", "key", 5).ok();
//!
//! | module | what is in it |
//! |---|---|
//! | [`server`] | [`Server`]: a real redis-server with the module, its own port and folder; [`ServerOptions`] |
//! | [`replicas`] | [`ReplicaChain`]: a master, its replica, and a replica of that |
//! | [`cluster`] | [`Cluster`]: nodes, slots that move, failovers; [`ClusterClient`] follows redirections |
//! | [`connection`] | [`Connection`], [`cmd!`], [`encode`]: commands with arguments of any type |
//! | [`reply`] | [`Reply`]: RESP2 and RESP3, read and compared |
//! | [`clock`] | [`Clock`]: another time or speed for a server; [`ManualClock`]: moves only when the test moves it |
//! | [`wait`] | [`wait_until`] and [`time_limit`] |
//! | [`process`], [`programs`] | child processes that end with the test; programs in other languages |
//! | [`project`] | [`module_file`], files of the project, the folder that cargo builds in |
//! | [`random`] | [`Random`]: the same numbers in every run |
//! | [`state`] | [`State`], [`Trace`]: the whole data of a server; commands that must fail and change nothing |
//! | [`calendar`] | the oracle of which buckets an event belongs to, by jiff's dates |
//! | [`operations`] | random operations of every kind on sites and buckets |
//! | [`corrupt`] | payloads with random damage |
//! | [`event_json`] | the JSON of the event that the words of a `TRACK` describe |
//! | [`filler`], [`sites`] | many events into a site, fast; a site with every kind of content |
//! | [`command_docs`], [`transcript`] | `COMMAND DOCS` as data; the `redis-cli` sessions of a page |
//! | [`bench`] | what only benches share: made-up events, a run of a workload, a large site |
//!
//! It depends on no crate of the project: what it compares the module with is its own.

pub mod bench;
pub mod calendar;
pub mod clock;
pub mod cluster;
pub mod command_docs;
pub mod connection;
pub mod corrupt;
pub mod event_json;
pub mod filler;
pub mod operations;
pub mod process;
pub mod programs;
pub mod project;
pub mod random;
pub mod replicas;
pub mod reply;
pub mod server;
pub mod sites;
pub mod state;
pub mod transcript;
pub mod wait;

pub use clock::{Clock, ManualClock};
pub use cluster::{Cluster, ClusterClient};
pub use connection::{encode, Arg, Connection};
pub use filler::Filler;
pub use project::{module_file, number_from_env};
pub use random::Random;
pub use replicas::ReplicaChain;
pub use reply::Reply;
pub use server::{is_valkey, Server, ServerOptions};
pub use state::{State, Trace};
pub use wait::{time_limit, wait_until};
