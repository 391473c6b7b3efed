//! `ANALYTICS.ALTER site [options]`: the new settings hold from the next event on. A new retention also
//! changes the expiry of existing buckets.

use super::create::fill_seeds;
use super::drop::drop_partitions;
use super::site::site_to_change;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::registration::entry;
use crate::api::string::{OwnedString, StringRef};
use crate::api::words::Words;
use crate::config::MOST_FUTURE;
use crate::ingest::arguments::{clock, CLOCK};
use crate::ingest::origin::Origin;
use crate::ingest::{directories, replicate};
use crate::store::changes::Changes;
use crate::store::contents::BucketValue;
use crate::store::{value, walk};
use analytics_core::people::People;
use analytics_core::schema::options::{
    CAPACITY, CUBE, DIM, FORGET, IDS, LOG, LOGUSERS, RETENTION, TZ, UNDECLARED, VAL,
};
use analytics_core::schema::{self, parse_alter, Change, Settings, Visits};
use analytics_core::schema::{PEOPLE, RETURNING, SEED, VISITS};
use analytics_core::text::syntax::Argument;
use analytics_core::time::Granularity;
use analytics_core::visitors::Partition;

pub const COMMAND: Command = Command {
    name: c"analytics.alter",
    summary: c"Changes the settings of a site",
    since: c"0.1.0",
    complexity:
        c"O(N+B) where N is the number of options and B that of the buckets whose expiry changes",
    tips: None,
    access: Access::Write { may_grow: true },
    is_fast: false,
    arguments: &[
        Argument::SITE,
        CLOCK,
        TZ,
        RETENTION,
        DIM,
        CUBE,
        VAL,
        FORGET,
        CAPACITY,
        IDS,
        UNDECLARED,
        LOG,
        LOGUSERS,
        VISITS,
        SEED,
        RETURNING,
        PEOPLE,
    ],
    run: entry!(alter),
};

pub fn alter(ctx: Ctx, words: Words) -> Outcome {
    let mut guard = WriteGuard::new()?;
    let changes_before = Changes::until_now();
    let value = site_to_change(ctx, words, &mut guard)?;
    let origin = Origin::of(ctx);
    let clock = clock(words, 2, origin)?;
    let options = words.from(if clock.is_some() { 4 } else { 2 });
    let mut changes = parse_alter(&options.to_vec())?;
    let now = clock.unwrap_or_else(|| ctx.now());
    let (before, span) = (value.site.settings.clone(), value.site.span());
    fill_seeds(&mut changes, Some(&before), origin)?;
    let complete = complete_from(span, now);
    let settings = before.with(&changes, span.is_some(), complete)?;
    let expiries = match (origin, span) {
        (Origin::Client, Some((_, last))) => {
            let key = words.string(1)?;
            new_expiries(ctx, &mut guard, key, (&before, &settings), last)?
        }
        _ => Vec::new(),
    };
    let partitions = match origin {
        Origin::Client => OldPartitions::find(ctx, &mut guard, words, (&before, &settings))?,
        Origin::Master => OldPartitions::default(),
    };
    changes_before.refuse_if_changed()?;
    let seeds = seeds_of(&changes, &settings);
    let value = site_to_change(ctx, words, &mut guard)?;
    value.site.settings = settings;
    value.forget_found_span();
    directories::clear_of(value);
    if origin == Origin::Client {
        replicate_alter(ctx, words.string(1)?, options, &seeds, now);
        drop_partitions::<Partition>(ctx, &mut guard, &partitions.visitors);
        drop_partitions::<People>(ctx, &mut guard, &partitions.people);
        set_expiries(ctx, &mut guard, expiries, now);
    } else {
        ctx.replicate_verbatim();
    }
    ctx.signal_modified(words.string(1)?);
    guard.notify(ctx, c"analytics.alter", words.string(1)?);
    ctx.reply_ok();
    Ok(())
}

/// From when on all events are in what is switched on now: those that were accepted for the near future before
/// are not.
pub fn complete_from(span: Option<(i64, i64)>, now: i64) -> i64 {
    span.map_or(now, |(_, last)| {
        let latest = now.saturating_add(MOST_FUTURE);
        last.saturating_add(1).clamp(now, latest)
    })
}

/// The seeds and bounds of visits and of people that are switched on by a change, in words.
fn seeds_of(changes: &[Change], settings: &Settings) -> Vec<OwnedString> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    for change in changes {
        match change {
            Change::Visits(Some(_)) => {
                let visits = settings.visits.as_deref();
                words.extend(visits.iter().flat_map(|visits| visits.seed_words()));
            }
            Change::Returning(Some(_)) => {
                let people = settings.people.as_deref();
                words.extend(people.iter().flat_map(|people| people.seed_words()));
            }
            _ => {}
        }
    }
    let words = words.iter();
    words.map(|word| OwnedString::new(word)).collect()
}

fn replicate_alter(ctx: Ctx, site: StringRef, options: Words, seed: &[OwnedString], now: i64) {
    let clock = [OwnedString::new(b"CLOCK"), OwnedString::of_number(now)];
    let mut strings = vec![site];
    strings.extend(clock.iter().map(OwnedString::get));
    strings.extend(options.strings());
    strings.extend(seed.iter().map(OwnedString::get));
    ctx.replicate(c"ANALYTICS.ALTER", &strings);
}

/// The partitions of what is counted otherwise from now on, or not any more.
#[derive(Default)]
struct OldPartitions {
    visitors: Vec<OwnedString>,
    people: Vec<OwnedString>,
}

impl OldPartitions {
    fn find(
        ctx: Ctx,
        guard: &mut WriteGuard,
        words: Words,
        (before, after): (&Settings, &Settings),
    ) -> Outcome<OldPartitions> {
        let terms = |settings: &Settings| settings.visits.as_deref().map(Visits::terms);
        let visitors = before
            .visits
            .as_deref()
            .filter(|_| terms(before) != terms(after))
            .map_or(0, Visits::partitions);
        let people = before
            .people
            .as_deref()
            .filter(|_| after.people.is_none())
            .map_or(0, schema::People::partitions);
        let key = words.string(1)?;
        Ok(OldPartitions {
            visitors: walk::existing_partitions::<Partition>(ctx, guard, key, visitors)?,
            people: walk::existing_partitions::<People>(ctx, guard, key, people)?,
        })
    }
}

/// A bucket whose expiry changes: to a time, or to none where its granularity is switched off.
struct NewExpiry {
    name: OwnedString,
    expiry: Option<i64>,
}

/// The buckets whose expiry differs between the settings before and after.
fn new_expiries(
    ctx: Ctx,
    guard: &mut WriteGuard,
    name: StringRef,
    (before, after): (&Settings, &Settings),
    last: i64,
) -> Outcome<Vec<NewExpiry>> {
    let mut expiries = Vec::new();
    for granularity in Granularity::ALL {
        let kept = after.retention.get(granularity);
        if before.retention.get(granularity) == kept {
            continue;
        }
        for found in walk::existing_buckets(ctx, guard, name, before, granularity, last)? {
            expiries.push(NewExpiry {
                expiry: after.retention.expiry(&found.period, &after.zone),
                name: found.name,
            });
        }
    }
    Ok(expiries)
}

/// Replicates every change: a replica does not look for buckets by its own clock.
fn set_expiries(ctx: Ctx, guard: &mut WriteGuard, expiries: Vec<NewExpiry>, now: i64) {
    for NewExpiry { name, expiry } in expiries {
        let key = Key::for_writing(ctx, guard, name.get());
        if !matches!(value::find::<BucketValue>(&key), Ok(Some(_))) {
            continue;
        }
        match expiry.filter(|expiry| *expiry > now) {
            Some(expiry) => {
                key.expire_at(expiry);
                let time = OwnedString::of_number(expiry);
                ctx.replicate(c"PEXPIREAT", &[name.get(), time.get()]);
            }
            None => {
                key.unlink();
                replicate::keys(ctx, c"UNLINK", std::slice::from_ref(&name));
            }
        }
        ctx.signal_modified(name.get());
    }
}
