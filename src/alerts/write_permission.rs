//! Whether the server would accept a write of a client now: writes of the timer keep to the same rules.

use redis_module::raw;

use crate::api::call;
use crate::api::context::Ctx;
use crate::api::guard::Outside;
use crate::api::macros::api;
use crate::api::server_info::ServerInfo;

pub fn may_write(ctx: Ctx) -> bool {
    // During a failover: the replica that takes over would lack what is written now.
    // SAFETY: the function takes no arguments.
    let is_paused = unsafe { api!(RedisModule_AvoidReplicaTraffic()) } != 0;
    // A server that evicts is nearly always full, and makes room before the next command.
    let flags = ctx.flags();
    let is_full = flags & raw::REDISMODULE_CTX_FLAGS_OOM != 0
        && flags & raw::REDISMODULE_CTX_FLAGS_EVICT == 0;
    !is_paused && !is_full && has_enough_replicas(ctx) && can_persist(ctx)
}

/// Whether there are as many good replicas as `min-replicas-to-write` requires.
fn has_enough_replicas(ctx: Ctx) -> bool {
    let required = setting(ctx, b"min-replicas-to-write");
    let required = required.and_then(|text| std::str::from_utf8(&text).ok()?.parse::<u64>().ok());
    if required == Some(0) {
        return true;
    }
    // The field exists if the maximal lag is set as well. Where CONFIG is renamed, one is required.
    let good = ServerInfo::section(ctx, c"replication").number(c"min_slaves_good_slaves");
    good.is_none_or(|good| good >= required.unwrap_or(1))
}

/// Whether the AOF was written, and the last snapshot if `stop-writes-on-bgsave-error` requires it.
fn can_persist(ctx: Ctx) -> bool {
    let info = ServerInfo::section(ctx, c"persistence");
    if info.is(c"aof_enabled", c"1") && info.is(c"aof_last_write_status", c"err") {
        return false;
    }
    if !info.is(c"rdb_last_bgsave_status", c"err") {
        return true;
    }
    // Where CONFIG is renamed, the defaults hold.
    let saves = setting(ctx, b"save").is_none_or(|save| !save.is_empty());
    let stops = setting(ctx, b"stop-writes-on-bgsave-error").is_none_or(|stops| stops == b"yes");
    !(saves && stops)
}

fn setting(ctx: Ctx, name: &[u8]) -> Option<Vec<u8>> {
    call::read_only(ctx, &Outside::new()?, c"CONFIG", &[b"GET", name])?.text_at(1)
}
