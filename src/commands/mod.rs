//! The commands: each parses its arguments, opens its keys, acts and replies.
//!
//! A handler compares options with the tokens of its arguments (`if LIMIT.is(word)`), and refuses others
//! with `syntax::unknown`, so that each option is declared once.

mod alert;
mod alter;
mod compare;
mod create;
mod dashboard;
mod drop;
mod explain;
mod export;
mod forget;
mod funnel;
mod get;
mod help;
mod import;
mod info;
mod live;
mod range;
mod replay;
mod restore;
mod retention;
mod seed;
mod site;
mod top;
mod track;
mod unique;

use crate::api::command::Command;
use crate::api::context::Ctx;
use crate::api::registration;

/// Every command. To add one: write its handler in a file of its own, with its `COMMAND` above, and list
/// it here. The server and `ANALYTICS.HELP` describe the command from `COMMAND`; the line in
/// docs/commands.md is written by hand, and a test compares it.
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
    &retention::COMMAND,
    &explain::COMMAND,
    &info::COMMAND,
    &export::COMMAND,
    &import::COMMAND,
    &seed::COMMAND,
    &forget::COMMAND,
    &alert::ALERT,
    &alert::ALERT_RO,
    &live::LIVE,
    &live::LIVE_RO,
    &funnel::FUNNEL,
    &funnel::FUNNEL_RO,
    &replay::COMMAND,
    &restore::COMMAND,
    &help::COMMAND,
];

/// Registers every command; false if the server refuses one.
pub fn register(ctx: Ctx) -> bool {
    registration::register(ctx, COMMANDS)
}
