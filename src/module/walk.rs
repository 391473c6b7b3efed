//! Walks over the buckets that a site has.

use redis_module::raw::RedisModuleString;

use super::cluster;
use super::config;
use super::redis::{bytes_of, Ctx, Outcome, OwnedString};
use crate::domain::site::keys::BucketName;
use crate::domain::site::Settings;
use crate::domain::time::{Granularity, Period};

/// The key of a bucket that is there: a site may have a hundred thousand, so no more than is asked for.
pub struct Found {
    pub period: Period,
    pub name: OwnedString,
}

/// Where the keys of a granularity exist that have not expired, up to the period of `last`. Nothing
/// is opened or touched.
pub fn live(
    ctx: Ctx,
    site: *mut RedisModuleString,
    settings: &Settings,
    granularity: Granularity,
    last: i64,
) -> Outcome<Vec<Found>> {
    let (zone, now) = (&settings.zone, ctx.now());
    // A payload may claim events up to the end of the calendar, but no command takes one.
    let last = last.min(now.saturating_add(config::MOST_FUTURE));
    let first = settings.retention.kept_from(granularity, now, zone);
    let first = first.and_then(|first| zone.period(granularity, first));
    let periods = std::iter::successors(first, |period| period.next(zone));
    let (mut there, mut missing) = (Vec::new(), None);
    for period in periods.take_while(|period| period.start() <= last) {
        let name = BucketName::new(bytes_of(site), granularity, period.label().as_str());
        let name = OwnedString::new(name.bytes());
        if ctx.exists(name.raw()) {
            there.push(Found { period, name });
        } else {
            missing.get_or_insert(name);
        }
    }
    if let Some(name) = missing {
        cluster::refuse_if_bucket_is_elsewhere(ctx, site, name.raw())?;
    }
    Ok(there)
}
