//! The commands: each parses its arguments, opens its keys, acts and replies.

mod alter;
mod compare;
mod create;
mod dashboard;
mod drop;
mod explain;
mod get;
mod info;
mod range;
mod restore;
mod top;
mod track;
mod unique;

use super::redis::{Ctx, Failure, Outcome, Words};
use super::registration::{self, entry, Access, Command};

/// One source for what the server is told of each command.
const COMMANDS: &[Command] = &[
    Command {
        name: c"analytics.track",
        summary: c"Counts an event in every aggregate of its site",
        arity: -4,
        access: Access::Write { may_grow: true },
        run: entry!(track::track),
    },
    Command {
        name: c"analytics.mtrack",
        summary: c"Counts many events of a site, all or none",
        arity: -5,
        access: Access::Write { may_grow: true },
        run: entry!(track::mtrack),
    },
    Command {
        name: c"analytics.trackjson",
        summary: c"Counts an event or an array of them in JSON, all or none",
        arity: 3,
        access: Access::Write { may_grow: true },
        run: entry!(track::trackjson),
    },
    Command {
        name: c"analytics.create",
        summary: c"Makes a site with these settings",
        arity: -2,
        access: Access::Write { may_grow: true },
        run: entry!(create::create),
    },
    Command {
        name: c"analytics.alter",
        summary: c"Changes the settings of a site",
        arity: -2,
        access: Access::Write { may_grow: true },
        run: entry!(alter::alter),
    },
    Command {
        name: c"analytics.drop",
        summary: c"Removes a site and every bucket of it",
        arity: 2,
        access: Access::Write { may_grow: false },
        run: entry!(drop::drop_site),
    },
    Command {
        name: c"analytics.unique",
        summary: c"Counts the distinct users of a window",
        arity: -3,
        access: Access::Read,
        run: entry!(unique::unique),
    },
    Command {
        name: c"analytics.get",
        summary: c"Measures a window: counts, distinct users, sums, percentiles",
        arity: -4,
        access: Access::Read,
        run: entry!(get::get),
    },
    Command {
        name: c"analytics.range",
        summary: c"Measures a window step by step",
        arity: -5,
        access: Access::Read,
        run: entry!(range::range),
    },
    Command {
        name: c"analytics.compare",
        summary: c"Measures a window and the one before it",
        arity: -4,
        access: Access::Read,
        run: entry!(compare::compare),
    },
    Command {
        name: c"analytics.top",
        summary: c"Ranks the values of a dimension or a cube",
        arity: -4,
        access: Access::Read,
        run: entry!(top::top),
    },
    Command {
        name: c"analytics.dashboard",
        summary: c"Shows a site at a glance",
        arity: 2,
        access: Access::Read,
        run: entry!(dashboard::dashboard),
    },
    Command {
        name: c"analytics.explain",
        summary: c"Says what a query over a window would read",
        arity: 3,
        access: Access::Read,
        run: entry!(explain::explain),
    },
    Command {
        name: c"analytics.info",
        summary: c"Says what a site is set to and what it has counted",
        arity: 2,
        access: Access::Read,
        run: entry!(info::info),
    },
    Command {
        name: c"analytics.restore",
        summary: c"Puts back a site or a bucket, as a rewritten AOF tells it",
        arity: -4,
        access: Access::Write { may_grow: true },
        run: entry!(restore::restore),
    },
];

/// Registers every command; false if the server will not have one.
pub fn register(ctx: Ctx) -> bool {
    registration::register(ctx, COMMANDS)
}

/// The word in this place, where the arity has been checked or is refused here.
fn word<'c>(words: &Words<'c>, place: usize) -> Outcome<&'c [u8]> {
    words.get(place).ok_or(Failure::WrongArity)
}
