//! The module API, as far as it is used here.

use std::ffi::c_int;

use redis_module::raw;

pub const OK: c_int = raw::REDISMODULE_OK as c_int;

/// Calls a function of the module API, all of which servers from 7.0 on have.
macro_rules! api {
    ($name:ident($($argument:expr),* $(,)?)) => {
        match redis_module::raw::$name {
            Some(function) => function($($argument),*),
            None => std::process::abort(),
        }
    };
}
pub(crate) use api;

/// # Safety
/// A string that is alive.
pub unsafe fn bytes_of(string: *const raw::RedisModuleString) -> Vec<u8> {
    if string.is_null() {
        return Vec::new();
    }
    let mut len = 0;
    // SAFETY: by the contract; so many bytes stand there.
    unsafe {
        let start = api!(RedisModule_StringPtrLen(string, &mut len));
        std::slice::from_raw_parts(start.cast::<u8>(), len).to_vec()
    }
}

/// # Safety
/// The context of a command under way.
pub unsafe fn reply_bytes(ctx: *mut raw::RedisModuleCtx, bytes: &[u8]) {
    // SAFETY: by the contract; the bytes are copied.
    unsafe {
        api!(RedisModule_ReplyWithStringBuffer(
            ctx,
            bytes.as_ptr().cast(),
            bytes.len()
        ))
    };
}
