//! A module with commands that do nothing, for the cost of a module's command in Redis itself. The benches
//! load it beside the module under test.
//!
//! - `NOOP.DO key [argument ...]`
//! - `NOOP.REPLICATE key [argument ...]`, which is replicated and written to the append-only file as it is

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
    const OK: c_int = raw::REDISMODULE_OK as c_int;
    // SAFETY: by the contract above. `Init` fills in the module API, so that it comes first.
    unsafe {
        let version = raw::REDISMODULE_APIVER_1 as c_int;
        let status = raw::Export_RedisModule_Init(ctx, c"noop".as_ptr(), 1, version);
        let Some(create) = raw::RedisModule_CreateCommand.filter(|_| status == OK) else {
            return raw::REDISMODULE_ERR as c_int;
        };
        let flags = c"write deny-oom fast".as_ptr();
        match create(ctx, c"noop.do".as_ptr(), Some(do_nothing), flags, 1, 1, 1) {
            OK => create(
                ctx,
                c"noop.replicate".as_ptr(),
                Some(replicate),
                flags,
                1,
                1,
                1,
            ),
            failed => failed,
        }
    }
}

/// # Safety
/// Called by the server, with its own context.
unsafe extern "C" fn do_nothing(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    // SAFETY: the context is valid until this returns.
    unsafe { raw::RedisModule_ReplyWithLongLong.map_or(0, |reply| reply(ctx, 1)) }
}

/// # Safety
/// Called by the server, with its own context.
unsafe extern "C" fn replicate(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        if let Some(replicate) = raw::RedisModule_ReplicateVerbatim {
            replicate(ctx);
        }
        do_nothing(ctx, argv, argc)
    }
}
