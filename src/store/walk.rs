//! Walks over the buckets that a site has.

use super::cluster;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::Again;
use crate::api::key;
use crate::api::string::{OwnedString, StringRef};
use crate::config;
use analytics_core::schema::keys::BucketName;
use analytics_core::schema::Settings;
use analytics_core::time::{Granularity, Period};

/// The key of a bucket: a site may have a hundred thousand, so no more than is asked for.
pub struct Found {
    pub period: Period,
    pub name: OwnedString,
}

/// Where the keys of a granularity may exist that have not expired, up to the period of `last`.
pub fn places<'w>(
    ctx: Ctx,
    site: StringRef<'w>,
    settings: &'w Settings,
    granularity: Granularity,
    last: i64,
) -> impl Iterator<Item = Found> + 'w {
    let (zone, now) = (&settings.zone, ctx.now());
    // A payload may claim events up to the end of the calendar, but no command takes one.
    let last = last.min(now.saturating_add(config::MOST_FUTURE));
    let first = settings.retention.kept_from(granularity, now, zone);
    let first = first.and_then(|first| zone.period(granularity, first));
    let periods = std::iter::successors(first, |period| period.next(zone));
    let periods = periods.take_while(move |period| period.start() <= last);
    periods.map(move |period| {
        let name = BucketName::new(site.bytes(), granularity, &period.label());
        let name = OwnedString::new(name.bytes());
        Found { period, name }
    })
}

/// Where they do exist. Nothing is opened or touched.
pub fn live(
    ctx: Ctx,
    guard: &mut impl Again,
    site: StringRef,
    settings: &Settings,
    granularity: Granularity,
    last: i64,
) -> Outcome<Vec<Found>> {
    let (mut there, mut missing) = (Vec::new(), None);
    for place in places(ctx, site, settings, granularity, last) {
        if key::exists(ctx, guard.again(), place.name.get()) {
            there.push(place);
        } else {
            missing.get_or_insert(place.name);
        }
    }
    if let Some(name) = missing {
        cluster::refuse_if_bucket_is_elsewhere(ctx, guard.again(), site, name.get())?;
    }
    Ok(there)
}
