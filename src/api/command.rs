//! What a command is: its name, its summary, its keys and its arguments.

use std::ffi::{c_int, CStr};

use redis_module::raw;

use analytics_core::text::syntax::Argument;

/// The one description of a command, from which come `COMMAND DOCS`, the arity and `ANALYTICS.HELP`. A
/// test compares docs/commands.md with it.
pub struct Command {
    pub name: &'static CStr,
    pub summary: &'static CStr,
    pub since: &'static CStr,
    pub complexity: &'static CStr,
    /// Tips for clients and proxies: https://redis.io/docs/reference/command-tips
    pub tips: Option<&'static CStr>,
    pub access: Access,
    /// Its time does not depend on how much data is stored.
    pub is_fast: bool,
    pub arguments: &'static [Argument],
    pub run: Entry,
}

/// What a command does to its key, the site. The keys of the site's buckets are not declared.
#[derive(Clone, Copy)]
pub enum Access {
    /// There is no key.
    Nothing,
    Read,
    /// Writes, and replies stored data.
    ReadWrite,
    /// A command that may grow memory is refused when the server is out of it.
    Write {
        may_grow: bool,
    },
    /// Writes, and reads a second key, two words behind the first.
    WriteFrom,
}

impl Access {
    pub fn flags(self) -> &'static str {
        match self {
            Access::Nothing => "allow-loading allow-stale",
            Access::Read => "readonly",
            Access::ReadWrite | Access::WriteFrom | Access::Write { may_grow: true } => {
                "write deny-oom"
            }
            Access::Write { may_grow: false } => "write",
        }
    }

    /// The place of the key among the words; 0 for none.
    pub fn key(self) -> c_int {
        match self {
            Access::Nothing => 0,
            _ => 1,
        }
    }

    /// The place of the last key.
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

/// A command as the server calls it.
pub type Entry = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    *mut *mut raw::RedisModuleString,
    c_int,
) -> c_int;
