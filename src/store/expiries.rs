//! Hears when the expiry of a key is changed by a command: then what sites hold on to is looked up
//! again.

use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use redis_module::raw;

use crate::api::redis::{api, bytes_of, Ctx};
use crate::ingest::tray;
use analytics_core::schema::keys::may_be_bucket;

static HEARD: AtomicU64 = AtomicU64::new(0);

/// Another number than before, if the expiry of some bucket has been changed since.
#[inline]
pub fn heard() -> u64 {
    HEARD.load(Relaxed)
}

pub fn listen(ctx: Ctx) -> bool {
    // SAFETY: called while the module loads.
    unsafe {
        api!(RedisModule_SubscribeToKeyspaceEvents(
            ctx.raw(),
            raw::REDISMODULE_NOTIFY_GENERIC as c_int,
            Some(hear)
        )) == raw::REDISMODULE_OK as c_int
    }
}

/// `EXPIRE` and its kin say `expire`, `PERSIST` says `persist`.
unsafe extern "C" fn hear(
    ctx: *mut raw::RedisModuleCtx,
    _kind: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: Redis hands in a context, a text that ends with a NUL, and a key's name.
    let (ctx, event, key) = unsafe {
        (
            Ctx::new(ctx),
            std::ffi::CStr::from_ptr(event),
            bytes_of(key),
        )
    };
    if event == c"expire" || event == c"persist" {
        if may_be_bucket(key) {
            HEARD.store(heard().wrapping_add(1), Relaxed);
        }
        tray::close_named(ctx, key);
    }
    raw::REDISMODULE_OK as c_int
}
