//! Where a command comes from: a client, or a master or an AOF that has judged it already.

use redis_module::raw::{REDISMODULE_CTX_FLAGS_LOADING, REDISMODULE_CTX_FLAGS_REPLICATED};

use super::redis::Ctx;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Client,
    Master,
    /// An AOF that is being loaded.
    Aof,
}

impl Origin {
    pub fn of(ctx: Ctx) -> Origin {
        let flags = ctx.flags();
        if flags & REDISMODULE_CTX_FLAGS_LOADING != 0 {
            Origin::Aof
        } else if flags & REDISMODULE_CTX_FLAGS_REPLICATED != 0 {
            Origin::Master
        } else {
            Origin::Client
        }
    }
}
