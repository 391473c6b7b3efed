//! The real binary over real HTTP, in front of a real Redis with the module. A file a topic.

mod alerts;
mod answers;
mod batches;
mod clients;
mod cluster;
mod enrichment;
mod faults;
mod first_steps;
mod gateway;
mod gateway_docs;
mod hostile;
mod http;
mod http_docs;
mod live;
mod live_hostile;
mod native;
mod openapi;
mod operations;
mod overload;
mod pages;
mod prometheus;
mod protocols;
mod receivers;
mod redis_server;
mod sites;
mod socket;
