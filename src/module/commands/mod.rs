//! The commands: each parses its arguments, opens its keys, acts and replies.

mod alter;
mod compare;
mod create;
mod drop;
mod explain;
mod get;
mod info;
mod range;
mod restore;
mod track;
mod unique;

use std::ffi::{c_int, CStr};

use redis_module::raw;

use super::redis::{api, Ctx, Failure, Outcome, Words};
use super::stats;

struct Command {
    name: &'static CStr,
    flags: &'static CStr,
    run: fn(Ctx, Words) -> Outcome,
    entry: raw::RedisModuleCmdFunc,
}

const COMMANDS: [Command; 12] = [
    command::<0>(c"analytics.track", c"write deny-oom fast", track::track),
    command::<1>(c"analytics.mtrack", c"write deny-oom", track::mtrack),
    command::<2>(c"analytics.create", c"write deny-oom fast", create::create),
    command::<3>(c"analytics.alter", c"write deny-oom", alter::alter),
    command::<4>(c"analytics.drop", c"write", drop::drop_site),
    command::<5>(c"analytics.unique", c"readonly", unique::unique),
    command::<6>(c"analytics.explain", c"readonly", explain::explain),
    command::<7>(c"analytics.info", c"readonly", info::info),
    command::<8>(c"analytics.restore", c"write deny-oom", restore::restore),
    command::<9>(c"analytics.get", c"readonly", get::get),
    command::<10>(c"analytics.compare", c"readonly", compare::compare),
    command::<11>(c"analytics.range", c"readonly", range::range),
];

const fn command<const N: usize>(
    name: &'static CStr,
    flags: &'static CStr,
    run: fn(Ctx, Words) -> Outcome,
) -> Command {
    Command {
        name,
        flags,
        run,
        entry: Some(entry::<N>),
    }
}

/// What Redis calls for the command in this place of the table.
unsafe extern "C" fn entry<const N: usize>(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: Redis hands a command its context and its words, both valid until it returns.
    let (ctx, words) = unsafe { (Ctx::new(ctx), Words::new(argv, argc)) };
    let Some(command) = COMMANDS.get(N) else {
        return raw::REDISMODULE_ERR as c_int;
    };
    if let Err(failure) = (command.run)(ctx, words) {
        stats::REFUSED.add(1);
        ctx.reply_failure(&failure);
    }
    raw::REDISMODULE_OK as c_int
}

/// Registers every command; false if the server will not have one. The site is always the one key.
pub fn register(ctx: Ctx) -> bool {
    COMMANDS.iter().all(|command| {
        // SAFETY: called while the module loads; Redis copies the texts.
        let status = unsafe {
            api!(RedisModule_CreateCommand(
                ctx.raw(),
                command.name.as_ptr(),
                command.entry,
                command.flags.as_ptr(),
                1,
                1,
                1
            ))
        };
        status == raw::REDISMODULE_OK as c_int
    })
}

/// The word in this place, where the arity has been checked or is refused here.
fn word<'c>(words: &Words<'c>, place: usize) -> Outcome<&'c [u8]> {
    words.get(place).ok_or(Failure::WrongArity)
}
