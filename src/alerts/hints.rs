//! How it is known which sites are watched: commands and the callbacks of the type say so when a site
//! comes, is copied, or goes; the server says when sites are renamed, moved, swapped or flushed, and
//! when a role changes; and how the clock goes.

use std::ffi::{c_char, c_int, c_void, CStr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use redis_module::raw;

use super::{note, schedule, timer};
use crate::api::key::Key;
use crate::api::redis::{api, bytes_of, now, Ctx};
use crate::ingest::tray;
use crate::store::disposal;
use crate::store::site_value::SiteValue;
use crate::store::warm;
use analytics_core::alert::watch::Schedule;

/// What was known before a replica began to load new data beside the old.
static BEFORE: Mutex<Option<Schedule>> = Mutex::new(None);

pub fn register(ctx: Ctx) -> bool {
    timer::register(ctx);
    let events: [(u64, raw::RedisModuleEventCallback); 5] = [
        (
            raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
            Some(role_changed),
        ),
        (raw::REDISMODULE_EVENT_FLUSHDB, Some(flushed)),
        (raw::REDISMODULE_EVENT_SWAPDB, Some(swapped)),
        (raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD, Some(loading_beside)),
        (raw::REDISMODULE_EVENT_CRON_LOOP, Some(time_passed)),
    ];
    events.into_iter().all(|(id, callback)| {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: called while the module loads.
        unsafe {
            api!(RedisModule_SubscribeToServerEvent(
                ctx.raw(),
                event,
                callback
            )) == 0
        }
    })
}

/// Subscribes to what the server says of keys, once, and not before there is something to watch: from
/// then on every command such as DEL costs a call.
pub fn listen() {
    static LISTENS: AtomicBool = AtomicBool::new(false);
    if LISTENS.swap(true, Relaxed) {
        return;
    }
    let context = timer::context();
    if !context.is_null() {
        let kind = raw::REDISMODULE_NOTIFY_GENERIC;
        // SAFETY: the context is that of the module.
        unsafe {
            api!(RedisModule_SubscribeToKeyspaceEvents(
                context,
                kind,
                Some(key_came)
            ))
        };
    }
}

/// Under these a value comes to a name in another way than by a command or a payload of ours. RESTORE
/// and COPY make the new value before they remove the old one.
const ARRIVALS: [&CStr; 4] = [c"rename_to", c"move_to", c"copy_to", c"restore"];

unsafe extern "C" fn key_came(
    ctx: *mut raw::RedisModuleCtx,
    _kind: c_int,
    event: *const c_char,
    name: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: Redis hands in a context, a text that ends with a NUL and a string, all of them valid
    // until this returns.
    let (ctx, event) = unsafe { (Ctx::new(ctx), CStr::from_ptr(event)) };
    if ARRIVALS.contains(&event) {
        let key = Key::for_peeking(ctx, name);
        if let Ok(Some(value)) = key.value::<SiteValue>() {
            note(ctx.db(), bytes_of(name), &value.site, ctx.now());
        }
    }
    raw::REDISMODULE_OK as c_int
}

unsafe extern "C" fn role_changed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    role: u64,
    _data: *mut c_void,
) {
    if role == raw::REDISMODULE_EVENT_REPLROLECHANGED_NOW_MASTER {
        timer::wake();
    }
}

/// At the server's `hz`: some ten times a second.
unsafe extern "C" fn time_passed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _step: u64,
    _data: *mut c_void,
) {
    let now = now();
    timer::follow_clock(now);
    tray::tidy(now);
}

/// Redis knows one callback of a module for an event: this one hears of it for the whole of ours.
unsafe extern "C" fn flushed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    step: u64,
    data: *mut c_void,
) {
    if step == raw::REDISMODULE_SUBEVENT_FLUSHDB_END {
        disposal::flush_ends();
    } else if !data.is_null() {
        // SAFETY: what comes with this event, valid until this returns.
        let info = unsafe { &*data.cast::<raw::RedisModuleFlushInfo>() };
        let db = (info.dbnum >= 0).then_some(info.dbnum);
        schedule().flush(db);
        tray::forget(db);
        disposal::flush_begins(info.sync != 0);
    }
}

unsafe extern "C" fn swapped(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _step: u64,
    data: *mut c_void,
) {
    if !data.is_null() {
        // SAFETY: what comes with this event, valid until this returns.
        let info = unsafe { &*data.cast::<raw::RedisModuleSwapDbInfo>() };
        tray::swap(info.dbnum_first, info.dbnum_second);
        schedule().swap(info.dbnum_first, info.dbnum_second);
    }
}

/// What is loaded beside the old data takes its place, or is given up.
unsafe extern "C" fn loading_beside(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    step: u64,
    _data: *mut c_void,
) {
    // The old data is freed on another thread, when the new data is there.
    tray::close_all();
    warm::forget_all();
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    match step {
        raw::REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_STARTED => {
            *before = Some(std::mem::take(&mut *schedule()));
        }
        raw::REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_ABORTED => {
            if let Some(before) = before.take() {
                *schedule() = before;
            }
        }
        _ => *before = None,
    }
}
