//! How Redis reaches the domain: types and their callbacks, keys, arguments, replies, commands,
//! settings. The only code that knows Redis.

#[cfg(not(test))]
pub mod alloc;
mod arguments;
mod bucket_value;
mod call;
mod categories;
mod cluster;
mod commands;
mod config;
mod description;
mod disposal;
mod escapes;
mod expiries;
mod gathered;
mod info;
mod key;
mod keys;
mod log;
mod nest;
mod origin;
mod query;
mod record;
pub mod redis;
mod registration;
mod replicate;
mod scratch;
mod site_value;
mod stats;
mod stream;
mod target;
mod tray;
mod types;
mod under_lock;
mod walk;
mod warm;
mod watch;
mod ways;

use std::ffi::c_int;

use redis::{api, Ctx, Words};
use redis_module::raw;

/// As `MODULE LIST` shows it: 10203 is 1.2.3.
pub const VERSION: c_int = version(env!("CARGO_PKG_VERSION"));

const OLDEST_SERVER: c_int = 0x0007_0000;

/// Registers everything; false if this server cannot have the module.
pub fn load(ctx: Ctx, arguments: Words) -> bool {
    // SAFETY: takes nothing; servers older than 6.2 do not have it.
    let server = unsafe { raw::RedisModule_GetServerVersion.map_or(0, |version| version()) };
    if server < OLDEST_SERVER {
        ctx.log(c"warning", "analytics needs Redis 7.0 or later, or Valkey");
        return false;
    }
    // A replica may load new values beside those that it answers from (`repl-diskless-load swapdb`):
    // they know nothing of each other.
    let options = raw::REDISMODULE_OPTIONS_HANDLE_IO_ERRORS
        | raw::REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD
        | raw::REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED;
    // SAFETY: called while the module loads.
    unsafe { api!(RedisModule_SetModuleOptions(ctx.raw(), options as c_int)) };
    types::register(ctx)
        && expiries::listen(ctx)
        && config::register(ctx, arguments)
        && info::register(ctx)
        && watch::register(ctx)
        && commands::register(ctx)
}

/// `major.minor.patch` as one number, two digits each.
const fn version(text: &str) -> c_int {
    let bytes = text.as_bytes();
    let (mut number, mut part, mut at) = (0, 0, 0);
    while at < bytes.len() {
        // The bound is the line above.
        #[allow(clippy::indexing_slicing)]
        let byte = bytes[at];
        if byte == b'.' {
            number = (number + part) * 100;
            part = 0;
        } else {
            part = part * 10 + (byte - b'0') as c_int;
        }
        at += 1;
    }
    number + part
}
