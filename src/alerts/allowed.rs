//! Whether the server would take a write of a client now: what it does of its own accord keeps to
//! the same rules.

use std::ffi::CStr;

use redis_module::raw;

use crate::api::call;
use crate::api::guard::Outside;
use crate::api::redis::{api, Ctx};

pub fn takes_writes(ctx: Ctx) -> bool {
    // SAFETY: takes nothing. It is said of a pause for a failover: what was written then, the replica
    // that takes over would not have.
    let is_paused = unsafe { api!(RedisModule_AvoidReplicaTraffic()) } != 0;
    // A server that evicts makes room before a client's next command, and is nearly always full.
    let flags = ctx.flags();
    let is_full = flags & raw::REDISMODULE_CTX_FLAGS_OOM != 0
        && flags & raw::REDISMODULE_CTX_FLAGS_EVICT == 0;
    !is_paused && !is_full && has_its_replicas(ctx) && keeps_what_it_has(ctx)
}

/// As `min-replicas-to-write` asks for.
fn has_its_replicas(ctx: Ctx) -> bool {
    let wanted = setting(ctx, b"min-replicas-to-write");
    let wanted = wanted.and_then(|text| std::str::from_utf8(&text).ok()?.parse::<u64>().ok());
    if wanted == Some(0) {
        return true;
    }
    // The field is there when the maximal lag is set as well. Where CONFIG was renamed, one is wanted.
    let good = Info::of(ctx, c"replication").number(c"min_slaves_good_slaves");
    good.is_none_or(|good| good >= wanted.unwrap_or(1))
}

/// The last snapshot, as far as `stop-writes-on-bgsave-error` asks for it, and the AOF could be
/// written.
fn keeps_what_it_has(ctx: Ctx) -> bool {
    let info = Info::of(ctx, c"persistence");
    if info.says(c"aof_enabled", c"1") && info.says(c"aof_last_write_status", c"err") {
        return false;
    }
    if !info.says(c"rdb_last_bgsave_status", c"err") {
        return true;
    }
    // Where CONFIG was renamed: as by default.
    let saves = setting(ctx, b"save").is_none_or(|save| !save.is_empty());
    let stops = setting(ctx, b"stop-writes-on-bgsave-error").is_none_or(|stops| stops == b"yes");
    !(saves && stops)
}

fn setting(ctx: Ctx, name: &[u8]) -> Option<Vec<u8>> {
    call::ask(ctx, &Outside::new(), c"CONFIG", &[b"GET", name])?.text_at(1)
}

/// A section of `INFO`.
struct Info<'c> {
    ctx: Ctx<'c>,
    raw: *mut raw::RedisModuleServerInfoData,
}

impl<'c> Info<'c> {
    fn of(ctx: Ctx<'c>, section: &CStr) -> Info<'c> {
        // SAFETY: the context is valid; freed by `drop`.
        let raw = unsafe { api!(RedisModule_GetServerInfo(ctx.raw(), section.as_ptr())) };
        Info { ctx, raw }
    }

    fn number(&self, field: &CStr) -> Option<u64> {
        let mut status = 0;
        // SAFETY: both are valid.
        let number = unsafe {
            api!(RedisModule_ServerInfoGetFieldUnsigned(
                self.raw,
                field.as_ptr(),
                &mut status
            ))
        };
        (status == raw::REDISMODULE_OK as i32).then_some(number)
    }

    fn says(&self, field: &CStr, text: &CStr) -> bool {
        // SAFETY: both are valid; null is no such field, and a text lives as long as the section.
        unsafe {
            let found = api!(RedisModule_ServerInfoGetFieldC(self.raw, field.as_ptr()));
            !found.is_null() && CStr::from_ptr(found) == text
        }
    }
}

impl Drop for Info<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `of`, freed once.
        unsafe { api!(RedisModule_FreeServerInfo(self.ctx.raw(), self.raw)) }
    }
}
