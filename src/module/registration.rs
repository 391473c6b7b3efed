//! How the server gets to know the commands: names, flags, arity, keys.

use std::ffi::{c_int, CStr};

use redis_module::raw;

use super::redis::{api, Ctx, Outcome, Words};
use super::stats;

pub struct Command {
    pub name: &'static CStr,
    pub summary: &'static CStr,
    /// As in `COMMAND INFO`: the name counts, a negative number is a minimum.
    pub arity: c_int,
    pub access: Access,
    pub run: Entry,
}

/// What a command does to its one key, the site. The site's buckets are its own affair.
#[derive(Clone, Copy)]
pub enum Access {
    Read,
    /// What may grow memory is refused when there is none left.
    Write {
        may_grow: bool,
    },
}

impl Access {
    fn flags(self) -> &'static CStr {
        match self {
            Access::Read => c"readonly",
            Access::Write { may_grow: true } => c"write deny-oom",
            Access::Write { may_grow: false } => c"write",
        }
    }

    fn key_flags(self) -> u32 {
        match self {
            Access::Read => raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS,
            Access::Write { may_grow: true } => {
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
            unsafe { $crate::module::registration::run($handler, ctx, argv, argc) }
        }
        entry
    }};
}
pub(super) use entry;

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
        stats::REFUSED.add(1);
        ctx.reply_failure(&failure);
    }
    raw::REDISMODULE_OK as c_int
}

/// False if the server will not have one of them.
pub fn register(ctx: Ctx, commands: &[Command]) -> bool {
    commands.iter().all(|command| {
        // SAFETY: called while the module loads; Redis copies the texts.
        let made = unsafe {
            api!(RedisModule_CreateCommand(
                ctx.raw(),
                command.name.as_ptr(),
                Some(command.run),
                command.access.flags().as_ptr(),
                1,
                1,
                1
            ))
        };
        made == raw::REDISMODULE_OK as c_int && describe(ctx, command)
    })
}

fn describe(ctx: Ctx, command: &Command) -> bool {
    let version = raw::RedisModuleCommandInfoVersion {
        version: 1,
        sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
        sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
        sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
    };
    // SAFETY: all zeros is the specification that ends a list of them.
    let mut keys: [raw::RedisModuleCommandKeySpec; 2] = unsafe { std::mem::zeroed() };
    let [site, _] = &mut keys;
    site.flags = command.access.key_flags().into();
    site.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX;
    site.bs.index.pos = 1;
    site.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE;
    site.fk.range.lastkey = 0;
    site.fk.range.keystep = 1;
    site.fk.range.limit = 0;
    let info = raw::RedisModuleCommandInfo {
        version: &version,
        summary: command.summary.as_ptr(),
        complexity: std::ptr::null(),
        since: c"0.1.0".as_ptr(),
        history: std::ptr::null_mut(),
        tips: std::ptr::null(),
        arity: command.arity,
        key_specs: keys.as_mut_ptr(),
        args: std::ptr::null_mut(),
    };
    // SAFETY: called while the module loads; Redis copies all of it.
    unsafe {
        let made = api!(RedisModule_GetCommand(ctx.raw(), command.name.as_ptr()));
        !made.is_null() && api!(RedisModule_SetCommandInfo(made, &info)) == 0
    }
}
