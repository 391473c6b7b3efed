//! Cluster slots that move from one node to another: a key that is missing here may be on the other node.
//!
//! The source node redirects clients that name a missing key; the target node serves clients that send
//! `ASKING`. Redis decides by the site's key alone, which moves apart from the buckets. So a command that
//! finds a key missing calls these functions before it makes the key or replies without it. Where nothing
//! is missing, no call is needed.

use redis_module::raw::REDISMODULE_CTX_FLAGS_CLUSTER;

use crate::api::call;
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::CallOut;
use crate::api::string::{OwnedString, StringRef};
use analytics_core::schema::keys::{check_site_name, BucketName};
use analytics_core::time::Granularity;

/// For a command that does not find a key of this site: a bucket, a partition of users, the ids, the log.
pub fn refuse_if_key_is_elsewhere<'g>(
    ctx: Ctx,
    guard: impl CallOut<'g>,
    site: StringRef,
    key: StringRef,
) -> Outcome {
    if is_enabled(ctx) && !call::are_keys_served(ctx, guard, &[site, key]) {
        return Err(Failure::TryAgain);
    }
    Ok(())
}

/// For a command that does not find its site. The target node would serve that key, and a site made there
/// would block the one that has not been moved yet.
pub fn refuse_if_site_is_elsewhere<'g>(
    ctx: Ctx,
    guard: impl CallOut<'g>,
    site: StringRef,
    name: &[u8],
) -> Outcome {
    // A name that no site can have is missing nowhere.
    if !is_enabled(ctx) || check_site_name(name).is_err() {
        return Ok(());
    }
    // Any second key of the slot: with several keys, none may be missing.
    let companion = BucketName::new(name, Granularity::Minute, b"");
    let companion = OwnedString::new(companion.bytes());
    refuse_if_key_is_elsewhere(ctx, guard, site, companion.get())
}

/// Whether this node serves a site that it has: the site may have arrived before its slot, or have stayed
/// after it.
pub fn is_served<'g>(ctx: Ctx, guard: impl CallOut<'g>, site: StringRef) -> bool {
    !is_enabled(ctx) || call::are_keys_served(ctx, guard, &[site])
}

pub fn is_enabled(ctx: Ctx) -> bool {
    ctx.flags() & REDISMODULE_CTX_FLAGS_CLUSTER != 0
}
