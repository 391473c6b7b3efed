//! What a command is, and how the server gets to know its name and flags.

use std::ffi::{c_int, CStr, CString};

use redis_module::raw;

use super::categories;
use super::description::describe;
use super::redis::{api, Ctx, Failure, Outcome, Words};
use crate::stats;
use analytics_core::text::syntax::Argument;

/// All that is to be known of a command. One source: `COMMAND DOCS`, the arity, `ANALYTICS.HELP` and,
/// compared by a test, the README.
pub struct Command {
    pub name: &'static CStr,
    pub summary: &'static CStr,
    pub since: &'static CStr,
    pub complexity: &'static CStr,
    /// For clients and proxies: https://redis.io/docs/reference/command-tips
    pub tips: Option<&'static CStr>,
    pub access: Access,
    /// It takes the same time however much is kept.
    pub is_fast: bool,
    pub arguments: &'static [Argument],
    pub run: Entry,
}

/// What a command does to its key, the site. The site's buckets are its own affair.
#[derive(Clone, Copy)]
pub enum Access {
    /// There is no key.
    Nothing,
    Read,
    /// Writes, and replies what is there.
    ReadWrite,
    /// What may grow memory is refused when there is none left.
    Write {
        may_grow: bool,
    },
    /// Writes, and reads a second key, two words behind the first.
    WriteFrom,
}

impl Access {
    fn flags(self) -> &'static str {
        match self {
            Access::Nothing => "allow-loading allow-stale",
            Access::Read => "readonly",
            Access::ReadWrite | Access::WriteFrom | Access::Write { may_grow: true } => {
                "write deny-oom"
            }
            Access::Write { may_grow: false } => "write",
        }
    }

    /// Where the key stands; 0 if there is none.
    pub fn key(self) -> c_int {
        match self {
            Access::Nothing => 0,
            _ => 1,
        }
    }

    /// Where the last one stands.
    pub fn last_key(self) -> c_int {
        match self {
            Access::WriteFrom => 3,
            _ => self.key(),
        }
    }

    pub fn key_flags(self) -> u32 {
        match self {
            Access::Nothing => 0,
            Access::Read => raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS,
            Access::ReadWrite => {
                raw::REDISMODULE_CMD_KEY_RW
                    | raw::REDISMODULE_CMD_KEY_ACCESS
                    | raw::REDISMODULE_CMD_KEY_UPDATE
            }
            Access::WriteFrom | Access::Write { may_grow: true } => {
                raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE
            }
            Access::Write { may_grow: false } => {
                raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_DELETE
            }
        }
    }
}

/// A command as Redis calls it.
pub type Entry = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    *mut *mut raw::RedisModuleString,
    c_int,
) -> c_int;

/// A handler as an entry.
macro_rules! entry {
    ($handler:path) => {{
        unsafe extern "C" fn entry(
            ctx: *mut redis_module::raw::RedisModuleCtx,
            argv: *mut *mut redis_module::raw::RedisModuleString,
            argc: std::ffi::c_int,
        ) -> std::ffi::c_int {
            // SAFETY: Redis hands a command its context and its words, both valid until it returns.
            unsafe { $crate::api::registration::run($handler, ctx, argv, argc) }
        }
        entry
    }};
}
pub(crate) use entry;

/// # Safety
/// The context and the words are those that Redis hands a command.
pub unsafe fn run(
    handler: fn(Ctx, Words) -> Outcome,
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: by the contract above.
    let (ctx, words) = unsafe { (Ctx::new(ctx), Words::new(argv, argc)) };
    if let Err(failure) = handler(ctx, words) {
        let is_refused = !matches!(failure, Failure::TryAgain);
        if is_refused {
            stats::REFUSED.add(1);
        } else {
            stats::TRY_AGAIN.add(1);
        }
        ctx.reply_failure(&failure);
    }
    raw::REDISMODULE_OK as c_int
}

/// False if the server will not have one of them.
pub fn register(ctx: Ctx, commands: &[&Command]) -> bool {
    let mut each = commands.iter();
    let made = each.all(|command| create(ctx, command) && describe(ctx, command));
    if made {
        categories::assign(ctx, commands);
    }
    made
}

fn create(ctx: Ctx, command: &Command) -> bool {
    let fast = if command.is_fast { " fast" } else { "" };
    let flags = CString::new(format!("{}{fast}", command.access.flags())).unwrap_or_default();
    let (first, last) = (command.access.key(), command.access.last_key());
    // SAFETY: called while the module loads; Redis copies the texts.
    let made = unsafe {
        api!(RedisModule_CreateCommand(
            ctx.raw(),
            command.name.as_ptr(),
            Some(command.run),
            flags.as_ptr(),
            first,
            last,
            first.max(last - first)
        ))
    };
    made == raw::REDISMODULE_OK as c_int
}
