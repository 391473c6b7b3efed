//! A cluster slot on its way from one node to another: what is missing here may be on the other side.
//!
//! The node that gives the slot sends a client that names a missing key to the other one; the node
//! that receives it serves whoever comes with `ASKING`. Redis judges by the site's key alone, which
//! moves on its own, apart from the buckets. So whoever misses something asks here before making it
//! or answering without it. Where nothing is missing, nothing is asked.

use redis_module::raw::REDISMODULE_CTX_FLAGS_CLUSTER;

use crate::api::call;
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::CallOut;
use crate::api::string::{OwnedString, StringRef};
use analytics_core::schema::keys::{check_site_name, BucketName};
use analytics_core::time::Granularity;

/// For a command that does not find a bucket of this site.
pub fn refuse_if_bucket_is_elsewhere<'g>(
    ctx: Ctx,
    guard: impl CallOut<'g>,
    site: StringRef,
    bucket: StringRef,
) -> Outcome {
    if is_on(ctx) && !call::are_keys_served(ctx, guard, &[site, bucket]) {
        return Err(Failure::TryAgain);
    }
    Ok(())
}

/// For a command that does not find its site. The receiving node would serve that key by itself,
/// and a site made there is in the way of the one that is yet to come.
pub fn refuse_if_site_is_elsewhere<'g>(
    ctx: Ctx,
    guard: impl CallOut<'g>,
    site: StringRef,
    name: &[u8],
) -> Outcome {
    // What cannot be the name of a site is missed nowhere.
    if !is_on(ctx) || check_site_name(name).is_err() {
        return Ok(());
    }
    // Any second key of the slot will do: of several, none may be missing.
    let companion = BucketName::new(name, Granularity::Minute, b"");
    let companion = OwnedString::new(companion.bytes());
    refuse_if_bucket_is_elsewhere(ctx, guard, site, companion.get())
}

/// Whether this node serves the site, which is here: it may have come before its slot has, or have
/// stayed behind.
pub fn is_served<'g>(ctx: Ctx, guard: impl CallOut<'g>, site: StringRef) -> bool {
    !is_on(ctx) || call::are_keys_served(ctx, guard, &[site])
}

pub fn is_on(ctx: Ctx) -> bool {
    ctx.flags() & REDISMODULE_CTX_FLAGS_CLUSTER != 0
}
