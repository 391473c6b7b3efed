//! Registers commands with the server, and runs their handlers.

use std::ffi::{c_int, CString};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use redis_module::raw;

use super::categories;
use super::command::Command;
use super::context::Ctx;
use super::description::describe;
use super::failure::{Failure, Outcome};
use super::macros::api;
use super::words::Words;

/// How many commands failed, other than with `TRYAGAIN`.
static REFUSED: AtomicU64 = AtomicU64::new(0);
/// How many commands failed with `TRYAGAIN`.
static TRY_AGAIN: AtomicU64 = AtomicU64::new(0);

pub fn refused_count() -> u64 {
    REFUSED.load(Relaxed)
}

pub fn try_again_count() -> u64 {
    TRY_AGAIN.load(Relaxed)
}

/// The entry of a handler.
macro_rules! entry {
    ($handler:path) => {{
        unsafe extern "C" fn entry(
            ctx: *mut redis_module::raw::RedisModuleCtx,
            argv: *mut *mut redis_module::raw::RedisModuleString,
            argc: std::ffi::c_int,
        ) -> std::ffi::c_int {
            // SAFETY: the server passes a command its context and its words, valid until it returns.
            unsafe { $crate::api::registration::run($handler, ctx, argv, argc) }
        }
        entry
    }};
}
pub(crate) use entry;

/// # Safety
/// The context and the words are those that the server passes to a command.
pub unsafe fn run(
    handler: fn(Ctx, Words) -> Outcome,
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: by the contract above.
    let (ctx, words) = unsafe { (Ctx::new(ctx), Words::new(argv, argc)) };
    if let Err(failure) = handler(ctx, words) {
        let counter = match failure {
            Failure::TryAgain => &TRY_AGAIN,
            _ => &REFUSED,
        };
        counter.fetch_add(1, Relaxed);
        ctx.reply_failure(&failure);
    }
    raw::REDISMODULE_OK as c_int
}

/// False if the server refuses one of them.
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
