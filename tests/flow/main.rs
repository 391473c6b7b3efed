//! The module as users meet it: every test starts a real redis-server of its own and speaks to it
//! over the protocol. One module here per command or topic.

#[macro_use]
mod client;
mod module_file;
mod process;
mod reply;
mod server;

mod compare;
mod dashboard;
mod get;
mod harness;
mod loading;
mod top;
