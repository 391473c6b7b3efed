//! Walks over the buckets that a site has.

use redis_module::raw::RedisModuleString;

use super::cluster;
use super::keys::Place;
use super::redis::{bytes_of, Ctx, Outcome};
use crate::domain::site::Settings;
use crate::domain::time::Granularity;

/// Where the keys of a granularity exist that have not expired, up to the period of `last`. Nothing
/// is opened or touched.
pub fn live(
    ctx: Ctx,
    site: *mut RedisModuleString,
    settings: &Settings,
    granularity: Granularity,
    last: i64,
) -> Outcome<Vec<Place>> {
    let zone = &settings.zone;
    let first = settings.retention.kept_from(granularity, ctx.now(), zone);
    let first = first.and_then(|first| zone.period(granularity, first));
    let places: Vec<Place> = std::iter::successors(first, |period| period.next(zone))
        .take_while(|period| period.start() <= last)
        .filter_map(|period| Place::of(bytes_of(site), settings, period))
        .collect();
    let (there, missing): (Vec<_>, Vec<_>) = places
        .into_iter()
        .partition(|place| ctx.exists(place.name()));
    if let Some(place) = missing.first() {
        cluster::refuse_if_bucket_is_elsewhere(ctx, site, place.name())?;
    }
    Ok(there)
}
