//! The real binary over real HTTP, in front of a real Redis with the module. A file a topic.

mod alerts;
mod answers;
mod clients;
mod cluster;
mod enrichment;
mod faults;
mod gateway;
mod hostile;
mod http;
mod http_docs;
mod live;
mod live_hostile;
mod native;
mod openapi;
mod operations;
mod pages;
mod protocols;
mod receivers;
mod redis_server;
mod sites;
mod socket;
