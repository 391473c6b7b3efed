//! The settings of sites in Redis: a hash of JSON by name, and a version that goes up with every
//! change. Both keys share a slot, so that a change is one script on a cluster too.
//!
//! ```text
//! {analytics-gateway}:sites     name → JSON of `Site`
//! {analytics-gateway}:version   a number
//! ```

use super::Site;
use crate::error::ApiError;
use crate::store::{integer, text, Redis, StoreError};
use redis::{cmd, Value};

const SITES: &str = "{analytics-gateway}:sites";
const VERSION: &str = "{analytics-gateway}:version";

/// Sets the site unless it is another than it was when it was read; an empty text is none.
const SET: &str = "if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) \
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
redis.call('INCR', KEYS[2])
return 1";

/// Concurrent changes of one site are made one after the other, each after at most so many others.
const TRIES: usize = 20;

/// 0 before the first change.
pub async fn version(redis: &Redis) -> Result<i64, StoreError> {
    let reply = redis.query(cmd("GET").arg(VERSION)).await?;
    Ok(integer(&reply).unwrap_or(0))
}

pub async fn all(redis: &Redis) -> Result<Vec<Site>, StoreError> {
    let reply = redis.query(cmd("HVALS").arg(SITES)).await?;
    let Value::Array(values) = reply else {
        return Ok(Vec::new());
    };
    let sites = values.iter().filter_map(text).filter_map(read);
    Ok(sites.collect())
}

/// A site that cannot be read is left out and logged, so that it does not take the others along.
fn read(json: &str) -> Option<Site> {
    serde_json::from_str(json)
        .inspect_err(|error| tracing::error!(%error, "the settings of a site cannot be read"))
        .ok()
}

pub async fn one(redis: &Redis, name: &str) -> Result<Option<Site>, StoreError> {
    Ok(raw(redis, name).await?.as_deref().and_then(read))
}

async fn raw(redis: &Redis, name: &str) -> Result<Option<String>, StoreError> {
    let reply = redis.query(cmd("HGET").arg(SITES).arg(name)).await?;
    Ok(text(&reply).map(String::from))
}

/// Reads the site, changes it and stores the result; None removes it. If it was changed elsewhere
/// between reading and storing, it is read and changed again.
pub async fn change<T>(
    redis: &Redis,
    name: &str,
    mut edit: impl FnMut(Option<Site>) -> Result<(Option<Site>, T), ApiError>,
) -> Result<T, ApiError> {
    for _ in 0..TRIES {
        let before = raw(redis, name).await?;
        let (after, answer) = edit(before.as_deref().and_then(read))?;
        let json = match &after {
            Some(site) => serde_json::to_string(site).map_err(|_| ApiError::internal())?,
            None => String::new(),
        };
        let mut set = cmd("EVAL");
        set.arg(SET).arg(2).arg(SITES).arg(VERSION);
        set.arg(name).arg(before.unwrap_or_default()).arg(json);
        if integer(&redis.query(&set).await?) == Some(1) {
            return Ok(answer);
        }
    }
    Err(ApiError::unavailable(
        "the site is being changed by others",
        1,
    ))
}
