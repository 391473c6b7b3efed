//! The commands: each parses its arguments, opens its keys, acts and replies.
//!
//! A handler finds its options by the tokens of its arguments (`if LIMIT.is(word)`), and refuses others
//! with `syntax::unknown`, so that no option is known in one place only.

mod alert;
mod alter;
mod compare;
mod create;
mod dashboard;
mod drop;
mod explain;
mod export;
mod get;
mod help;
mod import;
mod info;
mod live;
mod range;
mod replay;
mod restore;
mod site;
mod top;
mod track;
mod unique;

use crate::api::command::Command;
use crate::api::context::Ctx;
use crate::api::registration;

/// Every command. To add one: write its handler in a file of its own, its `COMMAND` above the handler,
/// and list it here. `COMMAND` is all that the server, `ANALYTICS.HELP` and the README know of it; what
/// has to be written by hand is the line of the README's table, and a test compares that.
static COMMANDS: &[&Command] = &[
    &track::TRACK,
    &track::MTRACK,
    &track::TRACKJSON,
    &create::COMMAND,
    &alter::COMMAND,
    &drop::COMMAND,
    &unique::COMMAND,
    &get::COMMAND,
    &range::COMMAND,
    &compare::COMMAND,
    &top::COMMAND,
    &dashboard::COMMAND,
    &explain::COMMAND,
    &info::COMMAND,
    &export::COMMAND,
    &import::COMMAND,
    &alert::ALERT,
    &alert::ALERT_RO,
    &live::LIVE,
    &live::LIVE_RO,
    &replay::COMMAND,
    &restore::COMMAND,
    &help::COMMAND,
];

/// Registers every command; false if the server will not have one.
pub fn register(ctx: Ctx) -> bool {
    registration::register(ctx, COMMANDS)
}
