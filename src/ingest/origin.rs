//! Where a command comes from: a client, or a master or an AOF, which have decided lateness already.

use redis_module::raw::{REDISMODULE_CTX_FLAGS_LOADING, REDISMODULE_CTX_FLAGS_REPLICATED};

use crate::api::context::Ctx;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Client,
    /// Or the AOF that is being loaded, which a master wrote.
    Master,
}

impl Origin {
    pub fn of(ctx: Ctx) -> Origin {
        Origin::from_flags(ctx.flags())
    }

    #[inline]
    pub fn from_flags(flags: u32) -> Origin {
        let replicated = REDISMODULE_CTX_FLAGS_LOADING | REDISMODULE_CTX_FLAGS_REPLICATED;
        if flags & replicated == 0 {
            Origin::Client
        } else {
            Origin::Master
        }
    }
}
