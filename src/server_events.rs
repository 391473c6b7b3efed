//! Every subscription to events of the server and of its keyspace, and the actions that follow.

use std::ffi::{c_char, c_int, c_void, CStr};
use std::sync::{Mutex, PoisonError};

use redis_module::raw;

use crate::alerts::schedule::schedule;
use crate::alerts::{self, timer};
use crate::api::context::{now, Ctx};
use crate::api::guard::{self, ReadGuard};
use crate::api::key::Key;
use crate::api::macros::api;
use crate::api::offers;
use crate::api::string::StringRef;
use crate::ingest::directories;
use crate::store::changes;
use crate::store::handle::advance_expiry_epoch;
use crate::store::site_value::SiteValue;
use crate::store::value;
use analytics_core::alert::watch::Schedule;
use analytics_core::schema::keys::may_be_bucket;

pub fn subscribe(ctx: Ctx) -> bool {
    let mut events: Vec<(u64, raw::RedisModuleEventCallback)> = vec![
        (
            raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
            Some(role_changed),
        ),
        (raw::REDISMODULE_EVENT_FLUSHDB, Some(flushed)),
        (raw::REDISMODULE_EVENT_SWAPDB, Some(swapped)),
        (raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD, Some(async_loading)),
        (raw::REDISMODULE_EVENT_CRON_LOOP, Some(time_passed)),
    ];
    if offers::notifies_of_trimmed_slots() {
        let trim = raw::REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION_TRIM;
        events.push((trim, Some(slots_trimmed)));
    }
    let mut keyspace = raw::REDISMODULE_NOTIFY_GENERIC as c_int;
    if offers::notifies_of_trimmed_keys() {
        // Asking is all: the server then deletes each key on this thread, and calls `unlink` first.
        keyspace |= raw::REDISMODULE_NOTIFY_KEY_TRIMMED as c_int;
    }
    let subscribed = events.into_iter().all(|(id, callback)| {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: called while the module loads.
        unsafe {
            api!(RedisModule_SubscribeToServerEvent(
                ctx.raw(),
                event,
                callback
            )) == 0
        }
    });
    // SAFETY: called while the module loads.
    subscribed
        && unsafe {
            api!(RedisModule_SubscribeToKeyspaceEvents(
                ctx.raw(),
                keyspace,
                Some(key_changed)
            )) == raw::REDISMODULE_OK as c_int
        }
}

/// The events by which a value comes to a key otherwise than by a command of the module or an RDB file.
/// RESTORE and COPY make the new value before they remove the old one.
const VALUE_ARRIVES: [&CStr; 4] = [c"rename_to", c"move_to", c"copy_to", c"restore"];

unsafe extern "C" fn key_changed(
    ctx: *mut raw::RedisModuleCtx,
    _kind: c_int,
    event: *const c_char,
    name: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: the server passes a context, a text that ends with a NUL and a string, all of them valid
    // until this returns.
    let (ctx, event, name) =
        unsafe { (Ctx::new(ctx), CStr::from_ptr(event), StringRef::new(name)) };
    let bytes = name.bytes();
    // `EXPIRE` and its kin cause `expire`, `PERSIST` causes `persist`.
    if event == c"expire" || event == c"persist" {
        if may_be_bucket(bytes) {
            advance_expiry_epoch();
        }
        directories::detach_named(ctx, bytes);
        return raw::REDISMODULE_OK as c_int;
    }
    if !VALUE_ARRIVES.contains(&event) {
        return raw::REDISMODULE_OK as c_int;
    }
    if may_be_bucket(bytes) {
        changes::note_arrival();
    }
    let guard = ReadGuard::new();
    let key = Key::for_peeking(ctx, &guard, name);
    if let Ok(Some(value)) = value::read::<SiteValue>(key) {
        changes::note_arrival();
        if alerts::has_been_used() {
            alerts::note(ctx.db(), bytes, &value.site, ctx.now());
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

/// At the server's `hz`, ten times a second by default.
unsafe extern "C" fn time_passed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _step: u64,
    _data: *mut c_void,
) {
    let now = now();
    timer::follow_clock(now);
    directories::tidy(now);
    guard::free_deferred();
}

unsafe extern "C" fn flushed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    step: u64,
    data: *mut c_void,
) {
    if data.is_null() {
        return;
    }
    changes::note();
    // SAFETY: the data of this event, valid until this returns.
    let info = unsafe { &*data.cast::<raw::RedisModuleFlushInfo>() };
    let db = (info.dbnum >= 0).then_some(info.dbnum);
    let begins = step == raw::REDISMODULE_SUBEVENT_FLUSHDB_START;
    if begins {
        schedule().flush(db);
    }
    // Callbacks of other modules may write between start and end.
    directories::discard(db, begins);
}

unsafe extern "C" fn swapped(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _step: u64,
    data: *mut c_void,
) {
    if !data.is_null() {
        // SAFETY: the data of this event, valid until this returns.
        let info = unsafe { &*data.cast::<raw::RedisModuleSwapDbInfo>() };
        changes::note();
        changes::note_arrival();
        directories::drop_of_databases(info.dbnum_first, info.dbnum_second);
        schedule().swap(info.dbnum_first, info.dbnum_second);
    }
}

/// The schedule of the old data, while a replica loads new data.
static OLD_SCHEDULE: Mutex<Option<Schedule>> = Mutex::new(None);

/// The keys of slots that have moved away are detached all at once, and freed on another thread without
/// a call of `unlink`. What waits is applied, and no handle is kept. The schedule forgets a site when it
/// is due and not there.
unsafe extern "C" fn slots_trimmed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    step: u64,
    _data: *mut c_void,
) {
    if step == raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_TRIM_BACKGROUND {
        directories::drop_every();
    }
}

/// A replica loads new data, which then replaces the old data or is discarded.
unsafe extern "C" fn async_loading(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    step: u64,
    _data: *mut c_void,
) {
    changes::note();
    changes::note_arrival();
    // The old data is freed on another thread, when the new data is there.
    directories::drop_every();
    let mut before = OLD_SCHEDULE.lock().unwrap_or_else(PoisonError::into_inner);
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
