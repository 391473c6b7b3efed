//! The path of an event: from the words of a command to the buckets.
//!
//! ```text
//! arguments -> Request     the events of a command, parsed
//! directories              of each site, the buckets of its events
//!   accept, add            where there are handles on all of them: the events wait (pending)
//!   lend -> DirectWrite    else: find paths, open buckets, apply, publish
//! replicate                what replicas and the AOF receive
//! ```

mod apply;
pub mod arguments;
pub mod bucket_ref;
pub mod directories;
mod directory;
mod directory_table;
mod funnels;
mod ids;
mod late;
pub mod lateness;
pub mod log;
pub mod open_bucket;
pub mod origin;
mod outcome;
mod partitions;
mod path_cache;
mod pending;
mod pending_funnels;
mod pending_people;
mod pending_visits;
mod people;
mod record_containment;
pub mod remember;
pub mod replicate;
pub mod scratch;
pub mod site;
mod taken_paths;
pub mod track;
pub mod unescape_buffer;
mod visits;
pub mod waiting_partitions;
mod write;
