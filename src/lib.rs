//! Real-time analytics inside Redis: one command per event, one command per question.
//!
//! `domain` is the subject, and knows nothing of Redis; `module` is how Redis reaches it.

// A panic in a command or a callback ends the user's server: code outside the tests has none.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

use std::ffi::{c_char, c_int};

use redis_module::raw;

pub mod domain;
#[cfg(test)]
mod hostile;
mod module;
#[cfg(test)]
#[path = "../tests/flow/promises.rs"]
mod promises;

#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: module::alloc::RedisAllocator = module::alloc::RedisAllocator;

/// What the server calls when it loads the module.
///
/// # Safety
/// Called by the server, with its own context and the arguments of the module.
#[no_mangle]
pub unsafe extern "C" fn RedisModule_OnLoad(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    const NAME: *const c_char = c"analytics".as_ptr();
    // SAFETY: by the contract above. This fills in the module API, so that it comes first.
    let status = unsafe {
        raw::Export_RedisModule_Init(
            ctx,
            NAME,
            module::VERSION,
            raw::REDISMODULE_APIVER_1 as c_int,
        )
    };
    if status != raw::REDISMODULE_OK as c_int {
        return status;
    }
    // SAFETY: the context and the arguments are valid until this returns.
    let (ctx, arguments) = unsafe {
        (
            module::redis::Ctx::new(ctx),
            module::redis::Words::new(argv, argc),
        )
    };
    let loaded = module::load(ctx, arguments);
    (if loaded {
        raw::REDISMODULE_OK
    } else {
        raw::REDISMODULE_ERR
    }) as c_int
}
