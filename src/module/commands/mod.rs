//! The commands: each parses its arguments, opens its keys, acts and replies.

mod alter;
mod compare;
mod create;
mod dashboard;
mod drop;
mod explain;
mod get;
mod info;
mod restore;
mod top;
mod track;
mod unique;

use super::redis::{Ctx, Failure, Outcome, Words};
use super::registration::{self, Access, Command};

/// One source for what the server is told of each command.
const COMMANDS: [Command; 13] = [
    Command {
        name: c"analytics.track",
        summary: c"Counts an event in every aggregate of its site",
        arity: -4,
        access: Access::Write { may_grow: true },
        run: track::track,
    },
    Command {
        name: c"analytics.mtrack",
        summary: c"Counts many events of a site, all or none",
        arity: -5,
        access: Access::Write { may_grow: true },
        run: track::mtrack,
    },
    Command {
        name: c"analytics.create",
        summary: c"Makes a site with these settings",
        arity: -2,
        access: Access::Write { may_grow: true },
        run: create::create,
    },
    Command {
        name: c"analytics.alter",
        summary: c"Changes the settings of a site",
        arity: -2,
        access: Access::Write { may_grow: true },
        run: alter::alter,
    },
    Command {
        name: c"analytics.drop",
        summary: c"Removes a site and every bucket of it",
        arity: 2,
        access: Access::Write { may_grow: false },
        run: drop::drop_site,
    },
    Command {
        name: c"analytics.unique",
        summary: c"Counts the distinct users of a window",
        arity: -3,
        access: Access::Read,
        run: unique::unique,
    },
    Command {
        name: c"analytics.get",
        summary: c"Gives the metrics of a window",
        arity: -4,
        access: Access::Read,
        run: get::get,
    },
    Command {
        name: c"analytics.compare",
        summary: c"Compares the metrics of a window with those of the window before",
        arity: -4,
        access: Access::Read,
        run: compare::compare,
    },
    Command {
        name: c"analytics.top",
        summary: c"Lists the heaviest values of a dimension or a cube",
        arity: -4,
        access: Access::Read,
        run: top::top,
    },
    Command {
        name: c"analytics.dashboard",
        summary: c"Shows a site at a glance",
        arity: 2,
        access: Access::Read,
        run: dashboard::dashboard,
    },
    Command {
        name: c"analytics.explain",
        summary: c"Says what a query over a window would read",
        arity: 3,
        access: Access::Read,
        run: explain::explain,
    },
    Command {
        name: c"analytics.info",
        summary: c"Says what a site is set to and what it has counted",
        arity: 2,
        access: Access::Read,
        run: info::info,
    },
    Command {
        name: c"analytics.restore",
        summary: c"Puts back a site or a bucket, as a rewritten AOF tells it",
        arity: -4,
        access: Access::Write { may_grow: true },
        run: restore::restore,
    },
];

/// Registers every command; false if the server will not have one.
pub fn register(ctx: Ctx) -> bool {
    registration::register(ctx, &COMMANDS, &ENTRIES)
}

/// What Redis calls for the command in this place of the table.
const ENTRIES: [registration::Entry; COMMANDS.len()] =
    registration::entries!(COMMANDS; 0 1 2 3 4 5 6 7 8 9 10 11 12);

/// The word in this place, where the arity has been checked or is refused here.
fn word<'c>(words: &Words<'c>, place: usize) -> Outcome<&'c [u8]> {
    words.get(place).ok_or(Failure::WrongArity)
}
