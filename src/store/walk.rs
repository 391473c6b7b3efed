//! The keys of the buckets and of the partitions of users that a site has.

use super::contents::PartitionContents;
use super::{changes, cluster};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::Again;
use crate::api::key;
use crate::api::string::{OwnedString, StringRef};
use crate::config;
use analytics_core::schema::keys::BucketName;
use analytics_core::schema::Settings;
use analytics_core::time::{Granularity, Period};

/// A site may have a hundred thousand of them, so they are made one by one.
pub struct BucketKey {
    pub period: Period,
    pub name: OwnedString,
}

/// The keys of a granularity that may exist and have not expired, up to the period of `last`.
pub fn possible_buckets<'w>(
    ctx: Ctx,
    site: StringRef<'w>,
    settings: &'w Settings,
    granularity: Granularity,
    last: i64,
) -> impl Iterator<Item = BucketKey> + 'w {
    let (zone, now) = (&settings.zone, ctx.now());
    // A payload may claim events up to the end of the calendar, but no command accepts such events.
    let last = last.min(now.saturating_add(config::MOST_FUTURE));
    let first = settings.retention.kept_from(granularity, now, zone);
    let first = first.and_then(|first| zone.period(granularity, first));
    let periods = std::iter::successors(first, |period| period.next(zone));
    let periods = periods.take_while(move |period| period.start() <= last);
    periods.map(move |period| {
        let name = BucketName::new(site.bytes(), granularity, &period.label());
        let name = OwnedString::new(name.bytes());
        BucketKey { period, name }
    })
}

/// The keys of those of so many partitions that exist. No key is opened.
pub fn existing_partitions<C: PartitionContents>(
    ctx: Ctx,
    guard: &mut impl Again,
    site: StringRef,
    partitions: u32,
) -> Outcome<Vec<OwnedString>> {
    let keys = (0..partitions).map(|number| OwnedString::new(&C::key(site.bytes(), number)));
    existing(ctx, guard, site, keys, OwnedString::get)
}

/// Those of them that exist. No key is opened.
pub fn existing_buckets(
    ctx: Ctx,
    guard: &mut impl Again,
    site: StringRef,
    settings: &Settings,
    granularity: Granularity,
    last: i64,
) -> Outcome<Vec<BucketKey>> {
    let keys = possible_buckets(ctx, site, settings, granularity, last);
    existing(ctx, guard, site, keys, |key| key.name.get())
}

fn existing<T>(
    ctx: Ctx,
    guard: &mut impl Again,
    site: StringRef,
    keys: impl Iterator<Item = T>,
    name: impl Fn(&T) -> StringRef<'_>,
) -> Outcome<Vec<T>> {
    let (mut there, mut missing) = (Vec::new(), None);
    for key in keys {
        let opened = name(&key);
        if changes::opening(opened, || key::exists(ctx, guard.again(), opened)) {
            there.push(key);
        } else {
            missing.get_or_insert(key);
        }
    }
    if let Some(missing) = missing {
        cluster::refuse_if_key_is_elsewhere(ctx, guard.again(), site, name(&missing))?;
    }
    Ok(there)
}
