//! `ANALYTICS.DROP site`: the site, every bucket of it, its visits under way, what it remembers of people, the
//! ids of its events and the streams of its alerts and events. Replies how many buckets there were.

use std::ptr::NonNull;

use redis_module::raw;

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::WriteGuard;
use crate::api::key::{self, Key};
use crate::api::registration::entry;
use crate::api::string::{OwnedString, StringRef};
use crate::api::words::Words;
use crate::config;
use crate::ingest::replicate;
use crate::store::changes::{self, Changes};
use crate::store::contents::{BucketValue, IdsValue, PartitionContents};
use crate::store::owned_value::OwnedValue;
use crate::store::site_value::SiteValue;
use crate::store::value::Value;
use crate::store::{cluster, value, walk};
use analytics_core::people::People;
use analytics_core::schema::keys::{alerts_stream, check_site_name, events_stream, ids_key};
use analytics_core::schema::{self, Settings, Visits};
use analytics_core::text::syntax::Argument;
use analytics_core::time::{Granularity, MAX_TIME};
use analytics_core::visitors::Partition;

pub const COMMAND: Command = Command {
    name: c"analytics.drop",
    summary: c"Removes a site and every bucket of it",
    since: c"0.1.0",
    complexity: c"O(B) where B is the number of buckets that the retention of the site allows; they are freed in the background",
    tips: None,
    access: Access::Write { may_grow: false },
    is_fast: false,
    arguments: &[Argument::SITE],
    run: entry!(drop_site),
};

pub fn drop_site(ctx: Ctx, words: Words) -> Outcome {
    let name = words.required(1)?;
    if words.len() > 2 {
        return Err(Failure::WrongArity);
    }
    check_site_name(name)?;
    let mut guard = WriteGuard::new()?;
    let key = Key::for_writing(ctx, &mut guard, words.string(1)?);
    let found = value::write::<SiteValue>(key)?;
    let site = found.as_ref();
    let wrote = site.map_or([false; 2], |value| {
        [value.site.has_alerted(), value.site.has_logged()]
    });
    let site = site.map(|value| (value.site.settings.clone(), value.site.span()));
    let found = found.map(NonNull::from);
    let is_there = found.is_some();
    if !is_there {
        cluster::refuse_if_site_is_elsewhere(ctx, &mut guard, words.string(1)?, name)?;
    }
    let changes = Changes::until_now();
    // A site whose key alone was deleted has left its buckets behind: those that the default settings
    // would give it are found.
    let (settings, span) = site.unwrap_or_else(|| (config::default_settings(), None));
    let latest = ctx.now().saturating_add(config::max_future());
    let known = span.map_or(latest, |(_, last)| last);
    // Streams of these names that the site has not written to are not its own.
    let streams = [alerts_stream(name), events_stream(name)];
    let streams = streams.iter().zip(wrote).filter(|(_, wrote)| *wrote);
    let streams: Vec<_> = streams.map(|(name, _)| OwnedString::new(name)).collect();
    let ids = OwnedString::new(&ids_key(name));
    for other in streams.iter().chain([&ids]) {
        let (name, guard) = (other.get(), &mut guard);
        if !changes::opening(name, || key::exists(ctx, &mut *guard, name)) {
            cluster::refuse_if_key_is_elsewhere(ctx, guard, words.string(1)?, name)?;
        }
    }
    let visitors = settings.visits.as_deref().map_or(0, Visits::partitions);
    let people = settings
        .people
        .as_deref()
        .map_or(0, schema::People::partitions);
    let key = words.string(1)?;
    let visitors = walk::existing_partitions::<Partition>(ctx, &mut guard, key, visitors)?;
    let people = walk::existing_partitions::<People>(ctx, &mut guard, key, people)?;
    let last = known.max(latest).min(MAX_TIME);
    let buckets = find_buckets(ctx, &mut guard, words.string(1)?, &settings, last)?;
    changes.refuse_if_changed()?;

    // The keys that had expired are gone: from here on no foreign code runs until all is removed.
    let dropped = drop_buckets(ctx, &mut guard, buckets);
    drop_partitions::<Partition>(ctx, &mut guard, &visitors);
    drop_partitions::<People>(ctx, &mut guard, &people);
    for stream in &streams {
        if drop_stream(ctx, &mut guard, stream) {
            replicate::keys(ctx, c"UNLINK", std::slice::from_ref(stream));
        }
    }
    if drop_value::<IdsValue>(ctx, &mut guard, &ids) {
        replicate::keys(ctx, c"UNLINK", std::slice::from_ref(&ids));
    }
    let site_key = words.string(1)?;
    let key = Key::for_writing(ctx, &mut guard, site_key);
    // A value that another module has stored there meanwhile is later, and stays.
    if is_there && matches!(value::find(&key), Ok(it) if it == found) {
        key.unlink();
        ctx.replicate(c"UNLINK", &[site_key]);
        ctx.signal_modified(site_key);
        guard.notify(ctx, c"analytics.drop", site_key);
    }
    ctx.reply_integer(dropped as i64);
    Ok(())
}

/// A value of another type stays.
fn drop_stream(ctx: Ctx, guard: &mut WriteGuard, name: &OwnedString) -> bool {
    let key = Key::for_writing(ctx, guard, name.get());
    let is_stream = key.kind() == raw::REDISMODULE_KEYTYPE_STREAM;
    if is_stream {
        key.unlink();
        ctx.signal_modified(name.get());
    }
    is_stream
}

/// The buckets that exist. Foreign code may run, and nothing is changed.
fn find_buckets(
    ctx: Ctx,
    guard: &mut WriteGuard,
    name: StringRef,
    settings: &Settings,
    last: i64,
) -> Outcome<Vec<OwnedString>> {
    let mut names = Vec::new();
    for granularity in Granularity::ALL {
        let found = walk::existing_buckets(ctx, guard, name, settings, granularity, last)?;
        names.extend(found.into_iter().map(|bucket| bucket.name));
    }
    Ok(names)
}

/// Returns how many there were.
fn drop_buckets(ctx: Ctx, guard: &mut WriteGuard, mut names: Vec<OwnedString>) -> usize {
    names.retain(|name| drop_value::<BucketValue>(ctx, guard, name));
    for names in names.chunks(NAMES_IN_A_COMMAND) {
        replicate::keys(ctx, c"UNLINK", names);
    }
    names.len()
}

/// Removes partitions. A value of another type stays.
pub fn drop_partitions<C: PartitionContents>(
    ctx: Ctx,
    guard: &mut WriteGuard,
    names: &[OwnedString],
) {
    for name in names {
        let key = Key::for_writing(ctx, guard, name.get());
        if matches!(value::find::<OwnedValue<C>>(&key), Ok(Some(_))) {
            key.unlink();
            ctx.signal_modified(name.get());
            replicate::keys(ctx, c"UNLINK", std::slice::from_ref(name));
        }
    }
}

/// A value of another type stays.
fn drop_value<T: Value>(ctx: Ctx, guard: &mut WriteGuard, name: &OwnedString) -> bool {
    let key = Key::for_writing(ctx, guard, name.get());
    let is_there = matches!(value::find::<T>(&key), Ok(Some(_)));
    if is_there {
        key.unlink();
        ctx.signal_modified(name.get());
    }
    is_there
}

const NAMES_IN_A_COMMAND: usize = 1_000;
