//! The callbacks that are points: keyspace events, the command filter, events of the server.

use std::ffi::{c_char, c_int, c_void, CStr};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use redis_module::raw;

use crate::api::{api, bytes_of, OK};
use crate::rules::{pass, Point};

/// A filter gets no context that could run a command.
static CONTEXT: AtomicPtr<raw::RedisModuleCtx> = AtomicPtr::new(std::ptr::null_mut());

/// Of each event of the server its name, and what its steps are called.
const SERVER: [(u64, &CStr, &[&str]); 6] = [
    (raw::REDISMODULE_EVENT_FLUSHDB, c"flush", &["start", "end"]),
    (raw::REDISMODULE_EVENT_SWAPDB, c"swapdb", &["done"]),
    (
        raw::REDISMODULE_EVENT_LOADING,
        c"loading",
        &["rdb", "aof", "replica", "end", "failed"],
    ),
    (raw::REDISMODULE_EVENT_SHUTDOWN, c"shutdown", &["start"]),
    (raw::REDISMODULE_EVENT_CRON_LOOP, c"cron", &["tick"]),
    (
        raw::REDISMODULE_EVENT_PERSISTENCE,
        c"persistence",
        &["rdb", "aof", "sync-rdb", "end", "failed", "sync-aof"],
    ),
];

/// # Safety
/// The context of the load.
pub unsafe fn register(ctx: *mut raw::RedisModuleCtx) -> bool {
    // SAFETY: by the contract; the detached context is never freed.
    unsafe {
        CONTEXT.store(api!(RedisModule_GetDetachedThreadSafeContext(ctx)), Relaxed);
        let kinds = raw::REDISMODULE_NOTIFY_ALL
            | raw::REDISMODULE_NOTIFY_KEY_MISS
            | raw::REDISMODULE_NOTIFY_NEW
            | raw::REDISMODULE_NOTIFY_MODULE;
        let made = api!(RedisModule_SubscribeToKeyspaceEvents(
            ctx,
            kinds as c_int,
            Some(key)
        ));
        let own = raw::REDISMODULE_CMDFILTER_NOSELF as c_int;
        let filter = api!(RedisModule_RegisterCommandFilter(ctx, Some(filter), own));
        made == OK && !filter.is_null() && SERVER.iter().all(|(id, ..)| subscribe(ctx, *id))
    }
}

/// # Safety
/// The context of the load.
unsafe fn subscribe(ctx: *mut raw::RedisModuleCtx, id: u64) -> bool {
    let event = raw::RedisModuleEvent { id, dataver: 1 };
    // SAFETY: by the contract.
    unsafe { api!(RedisModule_SubscribeToServerEvent(ctx, event, Some(server))) == OK }
}

/// # Safety
/// Called by the server.
unsafe extern "C" fn key(
    ctx: *mut raw::RedisModuleCtx,
    _kind: c_int,
    event: *const c_char,
    name: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: Redis hands in a context, a text that ends with a NUL and a string.
    unsafe {
        let point = Point {
            place: "key",
            name: &bytes_of(name),
            event: CStr::from_ptr(event).to_bytes(),
        };
        pass(ctx, &point);
    }
    OK
}

/// What comes from other clients by themselves, and what steers this module.
const OVERHEARD: [&[u8]; 5] = [b"hostile.", b"replconf", b"ping", b"info", b"psync"];

/// # Safety
/// Called by the server.
unsafe extern "C" fn filter(filter: *mut raw::RedisModuleCommandFilterCtx) {
    // SAFETY: Redis hands in the words of a command; every command has a name.
    unsafe {
        let name = bytes_of(api!(RedisModule_CommandFilterArgGet(filter, 0)));
        let name = name.to_ascii_lowercase();
        if OVERHEARD.iter().any(|it| name.starts_with(it)) {
            return;
        }
        let point = Point {
            place: "filter",
            name: &name,
            event: b"-",
        };
        pass(CONTEXT.load(Relaxed), &point);
    }
}

/// # Safety
/// Called by the server.
unsafe extern "C" fn server(
    ctx: *mut raw::RedisModuleCtx,
    event: raw::RedisModuleEvent,
    step: u64,
    _data: *mut c_void,
) {
    let Some((_, name, steps)) = SERVER.iter().find(|(id, ..)| *id == event.id) else {
        return;
    };
    let step = usize::try_from(step).ok().and_then(|step| steps.get(step));
    let point = Point {
        place: "server",
        name: name.to_bytes(),
        event: step.map_or(&b"?"[..], |step| step.as_bytes()),
    };
    // SAFETY: Redis hands in a context that is valid until this returns.
    unsafe { pass(ctx, &point) };
}
