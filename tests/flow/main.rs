//! The module as users meet it: every test starts a real redis-server of its own and speaks to it
//! over the protocol. One module here per command or topic.

#[macro_use]
mod client;
mod body;
mod calendar;
mod clock;
mod cluster_nodes;
mod everything;
mod mixed;
mod module_file;
mod process;
mod random;
mod reply;
mod server;
mod state;

mod acl;
mod aof;
mod broken;
mod cluster;
mod coarse;
mod compare;
mod config;
mod create_alter;
mod dashboard;
mod drop;
mod eviction;
mod explain;
mod get;
mod golden;
mod harness;
mod holds;
mod hostile_arguments;
mod hostile_payloads;
mod info;
mod links;
mod loading;
mod memory;
mod memory_use;
mod mtrack;
mod oracle;
mod power_cuts;
mod range;
mod readme;
mod refusals;
mod replication;
mod resharding;
mod times;
mod top;
mod track;
mod trackjson;
mod transactions;
mod types;
mod unique;
mod user_data;
