//! The real binary over real HTTP, in front of a real Redis with the module. A file a topic.

mod clients;
mod cluster;
mod enrichment;
mod faults;
mod gateway;
mod hostile;
mod http;
mod native;
mod operations;
mod pages;
mod protocols;
mod redis_server;
mod sites;
