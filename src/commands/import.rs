//! `ANALYTICS.IMPORT site granularity time users|sessions hll [dimension value]...`: merges a Redis
//! HyperLogLog into the distinct users or sessions of a bucket. Replies 1 when any of it was new, else 0.
//!
//! A user of a day is one of its week and month: the same is merged into the coarser buckets that contain
//! the whole period, so that windows which these answer include it. As with an event, a bucket that has
//! expired or is not kept is left out.
//!
//! A master replicates `CLOCK ms` before the granularity: the time by which lateness was decided.

use super::export::{not_kept, pairs, period, GRANULARITY, ROW, SUBJECT, TIME};
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::registration::entry;
use crate::api::string::{OwnedString, StringRef};
use crate::api::words::Words;
use crate::ingest::arguments::{clock, CLOCK};
use crate::ingest::open_bucket::check_room_for_names;
use crate::ingest::origin::Origin;
use crate::ingest::site::OpenSite;
use crate::ingest::{directories, replicate};
use crate::store::changes::Changes;
use crate::store::cluster;
use crate::store::contents::check_period;
use crate::store::open_value::OpenValue;
use crate::{config, stats};
use analytics_core::apply::{Import, Row};
use analytics_core::bucket::tally::Distinct;
use analytics_core::bucket::Bucket;
use analytics_core::error::Error;
use analytics_core::schema::keys::{check_site_name, BucketName};
use analytics_core::schema::Settings;
use analytics_core::sketch::hll::Sketch;
use analytics_core::text::syntax::Argument;
use analytics_core::time::{Granularity, Period, MIN_TIME};

pub const COMMAND: Command = Command {
    name: c"analytics.import",
    summary: c"Merges a Redis HyperLogLog into the users or sessions of a bucket",
    since: c"0.1.0",
    complexity: c"O(1) with a large constant, for 16,384 registers in up to five buckets",
    tips: None,
    access: Access::Write { may_grow: true },
    is_fast: false,
    arguments: &[
        Argument::SITE,
        CLOCK,
        GRANULARITY,
        TIME,
        SUBJECT,
        Argument::text(c"hll"),
        ROW,
    ],
    run: entry!(import),
};

pub fn import(ctx: Ctx, words: Words) -> Outcome {
    let (name, site) = (words.required(1)?, words.string(1)?);
    // There is no granularity named CLOCK.
    let origin = Origin::of(ctx);
    let clock = clock(words, 2, origin)?;
    let arguments = words.from(if clock.is_some() { 4 } else { 2 });
    let granularity = Granularity::parse(arguments.required(0)?)?;
    let time = arguments.required(1)?;
    let what = Distinct::parse(arguments.required(2)?)?;
    let sketch = Sketch::from_redis(arguments.required(3)?)
        .map_err(|corrupt| Error::new(format!("hll is not a Redis HyperLogLog: {corrupt}")))?;
    let pairs = pairs(arguments.from(4))?;

    let mut guard = WriteGuard::new()?;
    let changes = Changes::until_now();
    // SAFETY: the only guard of this command, which drops the site before it.
    let open = unsafe { OpenSite::find(ctx, &mut guard, ctx.flags(), site, name, ctx.now()) };
    let mut open = open?;
    let is_new = open.is_new();
    check_site_name(name)?;
    if is_new {
        cluster::refuse_if_site_is_elsewhere(ctx, &mut guard, site, name)?;
    }
    let clock = clock.unwrap_or_else(|| ctx.now());
    let settings = &open.value(&guard).site.settings;
    let period = period(granularity, time, settings, clock)?;
    if origin == Origin::Client {
        refuse_future(&period, ctx.now())?;
    }
    let row = Row::new(&pairs, settings)?;
    let batch = row.batch();
    let learned = open.value(&guard).site.settings_for(&batch)?;
    let settings = learned.as_deref().unwrap_or(settings).clone();
    directories::flush_and_detach(open.value(&guard).directory());
    let mut targets = Target::all(name, &settings, &period, clock)?;
    Target::open_all(ctx, &mut guard, &mut targets, site, &settings)?;

    changes.refuse_if_changed()?;

    // From here on no step can fail.
    let import = Import { what, sketch, row };
    let mut is_changed = false;
    for target in &mut targets {
        is_changed |= target.import(&guard, &import, &settings);
    }
    if is_changed {
        let value = open.value_mut(&guard);
        value.site.learn(&batch.dimensions, &[]);
        // Of a period that has not ended, the time after now is unknown.
        let last = clock.min(period.end() - 1).max(period.start());
        value.site.import(period.start(), last);
        if is_new && origin == Origin::Client {
            replicate::creation(ctx, site, &value.site.settings);
        }
        // Replicated before a key is made, so that what foreign code does then is later.
        replicate_import(ctx, site, arguments, clock, &period);
        for target in targets {
            target.publish(ctx, &mut guard);
        }
        open.store(ctx, &mut guard, site);
        drop(open);
        ctx.signal_modified(site);
        guard.notify(ctx, c"analytics.import", site);
    }
    ctx.reply_integer(is_changed.into());
    Ok(())
}

fn refuse_future(period: &Period, now: i64) -> Outcome {
    let ahead = period.start().saturating_sub(now);
    if ahead <= config::max_future() {
        return Ok(());
    }
    Err(Error::new(format!(
        "{} {} begins {ahead} ms in the future; analytics.max-future allows {}",
        period.granularity().name(),
        period.label(),
        config::max_future()
    ))
    .into())
}

/// A bucket that the import goes to.
struct Target {
    period: Period,
    expiry: i64,
    name: OwnedString,
    bucket: OpenValue<Bucket>,
    is_changed: bool,
}

impl Target {
    /// The bucket of the period, and the coarser ones that contain all of it.
    fn all(name: &[u8], settings: &Settings, period: &Period, clock: i64) -> Outcome<Vec<Target>> {
        let first = first_of(period);
        let mut targets = Vec::with_capacity(Granularity::COUNT);
        for granularity in Granularity::ALL {
            let Some(holder) = settings.zone.period(granularity, first) else {
                continue;
            };
            if granularity < period.granularity() || holder.end() < period.end() {
                continue;
            }
            let expiry = settings.retention.expiry(&holder, &settings.zone);
            if let Some(expiry) = expiry.filter(|expiry| *expiry > clock) {
                let name = BucketName::new(name, granularity, &holder.label());
                targets.push(Target {
                    period: holder,
                    expiry,
                    name: OwnedString::new(name.bytes()),
                    bucket: OpenValue::default(),
                    is_changed: false,
                });
            }
        }
        let why = not_kept(period, settings, clock).filter(|_| targets.is_empty());
        if let Some(why) = why {
            let why = format!("{why}, and no coarser bucket that contains it is kept");
            return Err(Error::new(why).into());
        }
        Ok(targets)
    }

    /// Opens the buckets, and changes none.
    fn open_all(
        ctx: Ctx,
        guard: &mut WriteGuard,
        targets: &mut [Target],
        site: StringRef,
        settings: &Settings,
    ) -> Outcome {
        let mut missing = None;
        for target in targets {
            let name = target.name.get();
            target.bucket.look_up(ctx, guard, name)?;
            match target.bucket.get(guard) {
                None => missing = missing.or(Some(name)),
                Some(bucket) => {
                    check_period(bucket, &target.period, name.bytes())?;
                    if !bucket.has_room() {
                        check_room_for_names(bucket, name.bytes(), settings)?;
                    }
                }
            }
        }
        missing.map_or(Ok(()), |name| {
            cluster::refuse_if_key_is_elsewhere(ctx, guard, site, name)
        })
    }

    /// True if any of it was new.
    fn import(&mut self, guard: &WriteGuard, import: &Import, settings: &Settings) -> bool {
        self.is_changed = match self.bucket.begin_import(guard) {
            Some(bucket) => import.apply(bucket, settings),
            None => {
                let mut bucket = Bucket::new(&self.period);
                let is_changed = import.apply(&mut bucket, settings);
                if is_changed {
                    self.bucket.make(bucket);
                }
                is_changed
            }
        };
        self.is_changed
    }

    /// Stores a bucket that was made, and signals what has changed.
    fn publish(mut self, ctx: Ctx, guard: &mut WriteGuard) {
        let name = self.name.get();
        if self.bucket.is_unpublished() {
            self.bucket.publish(ctx, guard, name, self.expiry);
            if self.bucket.exists() {
                stats::BUCKETS.add(1);
            }
        }
        if self.is_changed {
            ctx.signal_modified(name);
        }
    }
}

/// The first period of the calendar begins before it.
fn first_of(period: &Period) -> i64 {
    period.start().max(MIN_TIME)
}

/// Replicated with the period and the clock of its lateness.
fn replicate_import(ctx: Ctx, site: StringRef, arguments: Words, clock: i64, period: &Period) {
    let own = [
        OwnedString::new(b"CLOCK"),
        OwnedString::of_number(clock),
        OwnedString::new(period.granularity().name().as_bytes()),
        OwnedString::of_number(first_of(period)),
    ];
    let mut strings = vec![site];
    strings.extend(own.iter().map(OwnedString::get));
    strings.extend(arguments.from(2).strings());
    ctx.replicate(c"ANALYTICS.IMPORT", &strings);
}
