//! `ANALYTICS.IMPORT site granularity time users|sessions hll [dimension value]...`: merges a Redis
//! HyperLogLog into what a bucket counts once. Replies 1 when any of it was new, else 0.
//!
//! Who was there on a day was there in its week and month: the coarser buckets that hold the whole of
//! the period take the same in. Without them a window that they answer would not see what is in the
//! finer one. As with an event, a bucket that is over or not kept is left out.
//!
//! A master tells its replicas `CLOCK ms` before the granularity: the time by which it judged.

use super::export::{not_kept, pairs, period, GRANULARITY, ROW, SUBJECT, TIME};
use super::word;
use crate::api::key::Key;
use crate::api::redis::{Ctx, Outcome, OwnedString, Words};
use crate::api::registration::{entry, Access, Command};
use crate::ingest::arguments::{clock, CLOCK};
use crate::ingest::origin::Origin;
use crate::ingest::replicate;
use crate::ingest::target::check;
use crate::store::bucket_value::BucketValue;
use crate::store::cluster;
use crate::store::keys::Place;
use crate::store::site_value::SiteValue;
use crate::{config, stats};
use analytics_core::apply::{Import, Row};
use analytics_core::bucket::tally::Distinct;
use analytics_core::bucket::Bucket;
use analytics_core::error::Error;
use analytics_core::schema::Settings;
use analytics_core::site::Site;
use analytics_core::sketch::hll::Sketch;
use analytics_core::text::syntax::Argument;
use analytics_core::time::{Granularity, Period, MIN_TIME};

pub const COMMAND: Command = Command {
    name: c"analytics.import",
    summary: c"Merges a HyperLogLog of Redis into the users or sessions of a bucket",
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
    let (name, site) = (word(&words, 1)?, words.string(1));
    // No granularity is called CLOCK.
    let clock = clock(words, 2)?;
    let arguments = words.after(if clock.is_some() { 4 } else { 2 });
    let granularity = Granularity::parse(word(&arguments, 0)?)?;
    let time = word(&arguments, 1)?;
    let what = Distinct::parse(word(&arguments, 2)?)?;
    let sketch = Sketch::from_redis(word(&arguments, 3)?)
        .map_err(|corrupt| Error::new(format!("hll is not a HyperLogLog of Redis: {corrupt}")))?;
    let pairs = pairs(arguments.after(4))?;

    let key = Key::for_writing(ctx, site);
    let mut new_site = None;
    let found = key.value_mut::<SiteValue>()?;
    let is_new = found.is_none();
    let value = match found {
        Some(value) => value,
        None => new_site.insert(SiteValue::new(Site::new(config::default_settings()))),
    };
    value.keys.serve(name)?;
    if is_new {
        cluster::refuse_if_site_is_elsewhere(ctx, site, name)?;
    }
    let (origin, settings) = (Origin::of(ctx), &value.site.settings);
    let clock = match origin {
        Origin::Client => clock.unwrap_or(i64::MIN).max(ctx.now()),
        Origin::Master => clock.unwrap_or_else(|| ctx.now()),
    };
    let period = period(granularity, time, settings, clock)?;
    if origin == Origin::Client {
        refuse_future(&period, ctx.now())?;
    }
    let row = Row::new(&pairs, settings)?;
    let batch = row.batch();
    let learned = value.site.settings_for(&batch)?;
    let settings = learned.as_deref().unwrap_or(settings);
    let mut targets = Target::open_all(ctx, words, settings, &period, clock)?;

    // From here on nothing can fail.
    let import = Import { what, sketch, row };
    let mut is_news = false;
    for target in &mut targets {
        is_news |= target.take_in(ctx, &import, settings);
    }
    if is_news {
        value.site.learn(&batch.dimensions, &[]);
        // Of a period that lasts nothing is known beyond now.
        let last = clock.min(period.end() - 1).max(period.start());
        value.site.import(period.start(), last);
        if is_new && origin == Origin::Client {
            replicate::creation(ctx, site, &value.site.settings);
        }
        if let Some(value) = new_site {
            key.set(value);
            stats::SITES.add(1);
        }
        tell(ctx, site, arguments, clock, &period);
        ctx.signal_modified(site);
        ctx.notify(c"analytics.import", site);
    }
    ctx.reply_integer(is_news.into());
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
struct Target<'c> {
    place: Place,
    key: Key<'c>,
    bucket: Option<&'c mut BucketValue>,
}

impl<'c> Target<'c> {
    /// The bucket of the period, and those of the coarser ones that hold all of it. Changes nothing.
    fn open_all(
        ctx: Ctx<'c>,
        words: Words<'c>,
        settings: &Settings,
        period: &Period,
        clock: i64,
    ) -> Outcome<Vec<Target<'c>>> {
        let name = word(&words, 1)?;
        let first = first_of(period);
        let mut targets = Vec::with_capacity(Granularity::COUNT);
        for granularity in Granularity::ALL {
            let Some(holder) = settings.zone.period(granularity, first) else {
                continue;
            };
            if granularity < period.granularity() || holder.end() < period.end() {
                continue;
            }
            let place = Place::of(name, settings, holder);
            if let Some(place) = place.filter(|place| place.expiry > clock) {
                targets.push(Target::open(ctx, settings, place)?);
            }
        }
        let why = not_kept(period, settings, clock).filter(|_| targets.is_empty());
        if let Some(why) = why {
            let why = format!("{why}, and nothing coarser that holds it is kept");
            return Err(Error::new(why).into());
        }
        let missing = targets.iter().find(|target| target.bucket.is_none());
        missing.map_or(Ok(()), |target| {
            cluster::refuse_if_bucket_is_elsewhere(ctx, words.string(1), target.place.name())
        })?;
        Ok(targets)
    }

    fn open(ctx: Ctx<'c>, settings: &Settings, place: Place) -> Outcome<Target<'c>> {
        let key = Key::for_writing(ctx, place.name());
        let bucket = key.value_mut::<BucketValue>()?;
        if let Some(bucket) = &bucket {
            check(bucket, &place, settings)?;
        }
        Ok(Target { place, key, bucket })
    }

    /// Was any of it new?
    fn take_in(&mut self, ctx: Ctx, import: &Import, settings: &Settings) -> bool {
        let is_news = match &mut self.bucket {
            Some(bucket) => {
                bucket.was_added_to();
                import.apply(bucket, settings)
            }
            None => {
                let mut bucket = Bucket::new(&self.place.period);
                let is_news = import.apply(&mut bucket, settings);
                if is_news {
                    self.key.set(BucketValue::new(bucket));
                    self.key.expire_at(self.place.expiry);
                    stats::BUCKETS.add(1);
                }
                is_news
            }
        };
        if is_news {
            ctx.signal_modified(self.place.name());
        }
        is_news
    }
}

/// The first period of the calendar begins before it.
fn first_of(period: &Period) -> i64 {
    period.start().max(MIN_TIME)
}

/// Replicas and the AOF are told the same, with the period and the clock that it was judged by.
fn tell(
    ctx: Ctx,
    site: *mut redis_module::raw::RedisModuleString,
    arguments: Words,
    clock: i64,
    period: &Period,
) {
    let own = [
        OwnedString::new(b"CLOCK"),
        OwnedString::of_number(clock),
        OwnedString::new(period.granularity().name().as_bytes()),
        OwnedString::of_number(first_of(period)),
    ];
    let mut strings = vec![site];
    strings.extend(own.iter().map(OwnedString::raw));
    strings.extend(arguments.after(2).strings());
    ctx.replicate(c"ANALYTICS.IMPORT", &strings);
}
