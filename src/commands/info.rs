//! `ANALYTICS.INFO site`: its settings, and how many events it has counted and dropped.

use super::site::no_site;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::ReadGuard;
use crate::api::key::Key;
use crate::api::registration::entry;
use crate::api::string::{OwnedString, StringRef};
use crate::api::words::Words;
use crate::config;
use crate::store::contents::{BucketValue, IdsValue, PartitionContents};
use crate::store::owned_value::OwnedValue;
use crate::store::site_value::SiteValue;
use crate::store::value;
use crate::store::{cluster, walk};
use analytics_core::people::{Identities, People};
use analytics_core::query::full;
use analytics_core::schema::keys::{ids_key, BucketName};
use analytics_core::schema::people::Returning;
use analytics_core::schema::{self, Settings, Visits};
use analytics_core::site::Site;
use analytics_core::text::syntax::Argument;
use analytics_core::time::Granularity;
use analytics_core::visitors::Partition;
use std::collections::BTreeMap;

pub const COMMAND: Command = Command {
    name: c"analytics.info",
    summary: c"Shows the settings of a site and what it has counted",
    since: c"0.1.0",
    complexity: c"O(B) where B is the number of buckets that the retention of the site allows",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE],
    run: entry!(info),
};

pub fn info(ctx: Ctx, words: Words) -> Outcome {
    let name = words.required(1)?;
    if words.len() > 2 {
        return Err(Failure::WrongArity);
    }
    let guard = ReadGuard::new();
    let key = Key::for_reading(ctx, &guard, words.string(1)?);
    let Some(value) = value::read::<SiteValue>(key)? else {
        cluster::refuse_if_site_is_elsewhere(ctx, &guard, words.string(1)?, name)?;
        return Err(no_site(name).into());
    };
    let site = &value.site;
    let buckets = count_buckets(ctx, &guard, words.string(1)?, site)?;
    let ids_name = OwnedString::new(&ids_key(name));
    let ids_key = Key::for_reading(ctx, &guard, ids_name.get());
    if !ids_key.exists() {
        cluster::refuse_if_key_is_elsewhere(ctx, &guard, words.string(1)?, ids_name.get())?;
    }
    let ids = value::read::<IdsValue>(ids_key).ok().flatten();
    let key = words.string(1)?;
    let visitors = count_visitors(ctx, &guard, key, &site.settings)?;
    let people = count_people(ctx, &guard, key, &site.settings)?;

    let full = full_now(ctx, &guard, key, site);

    ctx.reply_map(37);
    field(ctx, "site", || ctx.reply_bytes(name));
    field(ctx, "timezone", || {
        ctx.reply_bytes(site.settings.zone.name().as_bytes())
    });
    field(ctx, "strict", || {
        ctx.reply_integer(site.settings.is_strict().into())
    });
    field(ctx, "undeclared", || {
        ctx.reply_bytes(site.settings.undeclared.name().as_bytes())
    });
    field(ctx, "capacity", || {
        ctx.reply_integer(site.settings.capacity as i64)
    });
    let now = ctx.now();
    let (ids, since, forgotten) = ids.map_or((0, None, 0), |ids| {
        (ids.remembered(now), ids.since(now), ids.forgotten())
    });
    field(ctx, "ids-capacity", || {
        ctx.reply_integer(site.settings.ids as i64)
    });
    field(ctx, "ids", || ctx.reply_integer(ids as i64));
    field(ctx, "ids-since", || reply_time(ctx, since));
    field(ctx, "ids-forgotten", || {
        ctx.reply_integer(i64::try_from(forgotten).unwrap_or(i64::MAX));
    });
    field(ctx, "log", || {
        ctx.reply_integer(i64::try_from(site.settings.log.entries).unwrap_or(i64::MAX));
    });
    field(ctx, "log-age", || match site.settings.log.age {
        Some(age) => ctx.reply_bytes(age.to_string().as_bytes()),
        None => ctx.reply_null(),
    });
    field(ctx, "log-users", || {
        ctx.reply_integer(site.settings.log.users.into())
    });
    field(ctx, "events", || ctx.reply_integer(site.events() as i64));
    field(ctx, "duplicates", || {
        ctx.reply_integer(value.dropped.duplicates as i64)
    });
    field(ctx, "late", || ctx.reply_integer(value.dropped.late as i64));
    field(ctx, "ignored-names", || {
        ctx.reply_integer(value.dropped.names as i64)
    });
    field(ctx, "first-event", || {
        reply_time(ctx, site.observed().map(|(first, _)| first))
    });
    field(ctx, "last-event", || {
        reply_time(ctx, site.observed().map(|(_, last)| last))
    });
    field(ctx, "retention", || {
        by_granularity(ctx, |granularity| {
            ctx.reply_bytes(site.settings.retention_text(granularity).as_bytes());
        });
    });
    field(ctx, "buckets", || {
        by_granularity(ctx, |granularity| {
            let count = buckets.get(granularity.index());
            ctx.reply_integer(count.copied().unwrap_or(0));
        });
    });
    field(ctx, "dimensions", || reply_dimensions(ctx, &site.settings));
    field(ctx, "cubes", || reply_cubes(ctx, &site.settings));
    field(ctx, "values", || reply_values(ctx, &site.settings));
    field(ctx, "capacities", || reply_capacities(ctx, &site.settings));
    field(ctx, "full", || reply_full(ctx, &full));
    field(ctx, "forgotten", || {
        let forgotten = site.settings.forgotten();
        ctx.reply_array(forgotten.len());
        forgotten.iter().for_each(|it| ctx.reply_bytes(it.bytes()));
    });
    field(ctx, "visits", || reply_visits(ctx, &site.settings));
    field(ctx, "visitors", || {
        ctx.reply_integer(visitors.followed as i64)
    });
    field(ctx, "visitor-sampling", || {
        ctx.reply_double(1.0 / visitors.weight as f64)
    });
    field(ctx, "late-for-visits", || {
        ctx.reply_integer(value.dropped.late_for_visits as i64)
    });
    let people_of = site.settings.people.as_deref();
    let returning = people_of.filter(|people| people.returning().is_some());
    field(ctx, "returning", || match returning {
        Some(people) => {
            let words = people.words();
            ctx.reply_array(words.len());
            words.iter().for_each(|word| ctx.reply_bytes(word));
        }
        None => ctx.reply_null(),
    });
    let returning = returning.and_then(schema::People::returning);
    field(ctx, "returning-since", || {
        reply_time(
            ctx,
            returning
                .map(Returning::since)
                .filter(|since| *since > i64::MIN),
        );
    });
    field(ctx, "people", || ctx.reply_integer(people.followed as i64));
    field(ctx, "people-sampling", || {
        ctx.reply_double(1.0 / people.weight as f64)
    });
    field(ctx, "late-for-people", || {
        ctx.reply_integer(value.dropped.late_for_people as i64)
    });
    field(ctx, "funnels", || {
        let funnels = site.settings.funnels();
        let funnels = funnels.map_or(&[][..], |(funnels, _)| funnels.list());
        ctx.reply_array(funnels.len());
        funnels.iter().for_each(|it| ctx.reply_bytes(it.name()));
    });
    field(ctx, "late-for-funnels", || {
        ctx.reply_integer(value.dropped.late_for_funnels as i64)
    });
    Ok(())
}

/// The users that are followed.
struct Followed {
    followed: usize,
    /// For how many one of them counts, in the partition with the most users.
    weight: i64,
}

fn count_visitors(
    ctx: Ctx,
    guard: &ReadGuard,
    name: StringRef,
    settings: &Settings,
) -> Outcome<Followed> {
    let partitions = settings.visits.as_deref().map_or(0, Visits::partitions);
    count_followed(ctx, guard, name, partitions, |partition: &Partition| {
        (partition.len(), partition.weight())
    })
}

fn count_people(
    ctx: Ctx,
    guard: &ReadGuard,
    name: StringRef,
    settings: &Settings,
) -> Outcome<Followed> {
    let people = settings.people.as_deref();
    let terms = people.and_then(schema::People::terms);
    let partitions = people.map_or(0, schema::People::partitions);
    count_followed(ctx, guard, name, partitions, |people: &People| {
        let identities = terms.and_then(|terms| people.identities(&terms));
        let weight = identities.map_or(1, |it| it.weight() as i64);
        (identities.map_or(0, Identities::len), weight)
    })
}

fn count_followed<C: PartitionContents>(
    ctx: Ctx,
    guard: &ReadGuard,
    name: StringRef,
    partitions: u32,
    count: impl Fn(&C) -> (usize, i64),
) -> Outcome<Followed> {
    let mut all = Followed {
        followed: 0,
        weight: 1,
    };
    let mut again = guard;
    for key in walk::existing_partitions::<C>(ctx, &mut again, name, partitions)? {
        let key = Key::for_reading(ctx, guard, key.get());
        if let Some(value) = value::read::<OwnedValue<C>>(key)? {
            let (followed, weight) = count(value);
            all.followed += followed;
            all.weight = all.weight.max(weight);
        }
    }
    Ok(all)
}

/// How many buckets there are of each granularity.
fn count_buckets(
    ctx: Ctx,
    mut guard: &ReadGuard,
    name: StringRef,
    site: &Site,
) -> Outcome<[i64; Granularity::COUNT]> {
    let mut counts = [0; Granularity::COUNT];
    // The key of the site may be newer or older than its buckets.
    let latest = ctx.now().saturating_add(config::max_future());
    let last = site.span().map_or(latest, |(_, last)| last.max(latest));
    for (granularity, count) in Granularity::ALL.into_iter().zip(&mut counts) {
        *count = walk::existing_buckets(ctx, &mut guard, name, &site.settings, granularity, last)?
            .len() as i64;
    }
    Ok(counts)
}

/// Of a dimension, a cube or a table of visits, how much is in `~other`, by granularity.
type Full = BTreeMap<Vec<u8>, [u64; Granularity::COUNT]>;

/// What is full in the buckets of the last event.
fn full_now(ctx: Ctx, guard: &ReadGuard, name: StringRef, site: &Site) -> Full {
    let mut full = Full::new();
    let Some((_, last)) = site.observed() else {
        return full;
    };
    let last = last.min(ctx.now());
    for granularity in Granularity::ALL {
        let Some(period) = site.settings.zone.period(granularity, last) else {
            continue;
        };
        let key = BucketName::new(name.bytes(), granularity, &period.label());
        let key = OwnedString::new(key.bytes());
        let key = Key::for_reading(ctx, guard, key.get());
        // What is in the way of a bucket is an error of the questions that need it.
        let bucket = value::read::<BucketValue>(key).ok().flatten();
        let Some(bucket) = bucket.filter(|bucket| bucket.is_of(&period)) else {
            continue;
        };
        for (name, number) in full::full(bucket, &site.settings) {
            let numbers = full.entry(name).or_default();
            if let Some(place) = numbers.get_mut(granularity.index()) {
                *place = number;
            }
        }
    }
    full
}

fn field(ctx: Ctx, name: &str, reply: impl FnOnce()) {
    ctx.reply_bytes(name.as_bytes());
    reply();
}

fn reply_time(ctx: Ctx, time: Option<i64>) {
    match time {
        Some(time) => ctx.reply_integer(time),
        None => ctx.reply_null(),
    }
}

fn by_granularity(ctx: Ctx, reply: impl Fn(Granularity)) {
    ctx.reply_map(Granularity::COUNT);
    for granularity in Granularity::ALL {
        ctx.reply_bytes(granularity.name().as_bytes());
        reply(granularity);
    }
}

/// As they were given, or null.
fn reply_visits(ctx: Ctx, settings: &Settings) {
    match &settings.visits {
        None => ctx.reply_null(),
        Some(visits) => {
            let words = visits.words();
            ctx.reply_array(words.len());
            words.iter().for_each(|word| ctx.reply_bytes(word));
        }
    }
}

/// Each as [name, users or nousers, declared or learned]; `event` first.
fn reply_dimensions(ctx: Ctx, settings: &Settings) {
    let dimensions = settings.dimensions();
    ctx.reply_array(1 + dimensions.len());
    reply_words(ctx, [b"event", users(settings.event_users()), b"declared"]);
    for it in dimensions {
        reply_words(
            ctx,
            [it.name.bytes(), users(it.users), declared(it.declared)],
        );
    }
}

fn reply_cubes(ctx: Ctx, settings: &Settings) {
    ctx.reply_array(settings.cubes().len());
    for cube in settings.cubes() {
        reply_words(ctx, [cube.name.bytes(), users(cube.users)]);
    }
}

fn reply_values(ctx: Ctx, settings: &Settings) {
    ctx.reply_array(settings.values().len());
    for it in settings.values() {
        reply_words(ctx, [it.name.bytes(), declared(it.declared)]);
    }
}

/// The dimensions and cubes that have a capacity of their own: [name, rows].
fn reply_capacities(ctx: Ctx, settings: &Settings) {
    let event = std::iter::once((&b"event"[..], settings.event_capacity()));
    let dimensions = settings.dimensions().iter();
    let dimensions = dimensions.map(|it| (it.name.bytes(), it.capacity));
    let cubes = settings
        .cubes()
        .iter()
        .map(|it| (it.name.bytes(), it.capacity));
    let all = event.chain(dimensions).chain(cubes);
    let own: Vec<_> = all.filter(|(_, rows)| *rows > 0).collect();
    ctx.reply_array(own.len());
    for (name, rows) in own {
        ctx.reply_array(2);
        ctx.reply_bytes(name);
        ctx.reply_integer(rows.into());
    }
}

/// Of each what is in `~other`, in the granularities where it is full.
fn reply_full(ctx: Ctx, full: &Full) {
    ctx.reply_map(full.len());
    for (name, numbers) in full {
        ctx.reply_bytes(name);
        let all = Granularity::ALL.into_iter().zip(numbers);
        let numbers: Vec<_> = all.filter(|(_, number)| **number > 0).collect();
        ctx.reply_map(numbers.len());
        for (granularity, number) in numbers {
            ctx.reply_bytes(granularity.name().as_bytes());
            ctx.reply_integer(i64::try_from(*number).unwrap_or(i64::MAX));
        }
    }
}

fn reply_words<const N: usize>(ctx: Ctx, words: [&[u8]; N]) {
    ctx.reply_array(N);
    for word in words {
        ctx.reply_bytes(word);
    }
}

fn users(counted: bool) -> &'static [u8] {
    if counted {
        b"users"
    } else {
        b"nousers"
    }
}

fn declared(declared: bool) -> &'static [u8] {
    if declared {
        b"declared"
    } else {
        b"learned"
    }
}
