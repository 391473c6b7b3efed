//! A module that does what no module should: in the middle of what the server and other modules do it
//! runs commands on the very keys that they are at work on. The flow tests load it beside ours.
//!
//! A program is one or several commands with a `;` between them. Where it runs is a point:
//!
//! | place  | name                        | event                                                |
//! |--------|-----------------------------|------------------------------------------------------|
//! | key    | the key's                   | that of the keyspace event, `new` and `keymiss` among them |
//! | filter | the command that is filtered | -                                                    |
//! | server | `flush`, `swapdb` ...       | what of it: `start`, `end` ...                       |
//!
//! - `HOSTILE.ON place name event skip times word ...`: at the points of this place, name and event (`*` at
//!   the end of a name stands for anything, `*` alone for any), the first `skip` of them left out, so many
//!   times. As a place, `*` is any but those of the server's cron
//! - `HOSTILE.TIMER ms times word ...`, `HOSTILE.THREAD times word ...`: in a timer of the module; on a thread
//!   that takes the server's lock
//! - `HOSTILE.NOW word ...`: in the command itself
//! - `HOSTILE.OFF`: no more; replies what was run since it was said last, each command with its reply
//! - `HOSTILE.POINTS`: every point that was passed since then
//! - `HOSTILE.RUNNING`: how many threads and timers are at work
//! - `HOSTILE.ERRORS`: how many errors valgrind has found in this process, 0 where it does not look

mod api;
mod commands;
mod elsewhere;
mod points;
mod programs;
mod rules;
mod valgrind;

use std::ffi::c_int;

use redis_module::raw;

/// What the server calls when it loads the module.
///
/// # Safety
/// Called by the server, with its own context.
#[no_mangle]
pub unsafe extern "C" fn RedisModule_OnLoad(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    // SAFETY: by the contract above. `Init` fills in the module API, so that it comes first.
    unsafe {
        let version = raw::REDISMODULE_APIVER_1 as c_int;
        if raw::Export_RedisModule_Init(ctx, c"hostile".as_ptr(), 1, version) != api::OK {
            return raw::REDISMODULE_ERR as c_int;
        }
        if commands::register(ctx) && points::register(ctx) {
            api::OK
        } else {
            raw::REDISMODULE_ERR as c_int
        }
    }
}
