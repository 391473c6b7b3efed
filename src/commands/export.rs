//! `ANALYTICS.EXPORT site granularity time [users|sessions] [dimension value]...`: the distinct users or
//! sessions of one bucket, as the string of a Redis HyperLogLog. Null where nothing was counted.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::Query;
use analytics_core::bucket::tally::Distinct;
use analytics_core::error::{shown, Error};
use analytics_core::query::metric::Selector;
use analytics_core::schema::{Names, Settings};
use analytics_core::text::syntax::Argument;
use analytics_core::time::{instant_in, Granularity, Period};

pub const COMMAND: Command = Command {
    name: c"analytics.export",
    summary: c"Exports the users or sessions of a bucket as a Redis HyperLogLog",
    since: c"0.1.0",
    complexity: c"O(1) with a large constant, for 16,384 registers",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, GRANULARITY, TIME, SUBJECT.optional(), ROW],
    run: entry!(export),
};

pub(super) const GRANULARITY: Argument = Argument::text(c"granularity");
pub(super) const TIME: Argument = Argument::text(c"time");
pub(super) const SUBJECT: Argument = Argument::one_of(
    c"subject",
    &[
        Argument::token(c"users", c"users"),
        Argument::token(c"sessions", c"sessions"),
    ],
);
pub(super) const ROW: Argument = Argument::block(
    c"row",
    &[Argument::text(c"dimension"), Argument::text(c"value")],
)
.optional()
.multiple();

pub fn export(ctx: Ctx, words: Words) -> Outcome {
    let granularity = Granularity::parse(words.required(2)?)?;
    let time = words.required(3)?;
    // Dimensions and values are pairs: an odd word is the subject.
    let (what, row) = match words.len() % 2 {
        0 => (Distinct::Users, 4),
        _ => (Distinct::parse(words.required(4)?)?, 5),
    };
    let pairs = pairs(words.from(row))?;
    let query = Query::start(ctx, words)?;
    let row = match pairs.as_slice() {
        [] => None,
        pairs => Some(Selector::of_pairs(pairs, Names::of(query.settings()))?),
    };
    if let Some(row) = &row {
        row.check_users()?;
    }
    let period = period(granularity, time, &query.site().settings, query.now)?;
    let bucket = query.buckets(std::iter::once(period))?.pop().flatten();
    let settings = query.settings().filter(|_| bucket.is_none());
    if let Some(why) = settings.and_then(|settings| not_kept(&period, settings, query.now)) {
        return Err(why.into());
    }
    let tally = bucket.and_then(|bucket| match &row {
        None => Some(bucket.total()),
        Some(row) => bucket.tally_of(row),
    });
    let sketch = tally.and_then(|tally| tally.distinct(what));
    match sketch.filter(|sketch| !sketch.is_empty()) {
        Some(sketch) => ctx.reply_bytes(&sketch.to_redis()),
        None => ctx.reply_null(),
    }
    Ok(())
}

/// Names of dimensions, each with a value.
pub(super) fn pairs<'c>(words: Words<'c>) -> Outcome<Vec<(&'c [u8], &'c [u8])>> {
    let words = words.to_vec();
    let (pairs, rest) = words.as_chunks::<2>();
    match rest {
        [] => Ok(pairs.iter().map(|[name, value]| (*name, *value)).collect()),
        _ => Err(Failure::WrongArity),
    }
}

pub(super) fn period(
    granularity: Granularity,
    time: &[u8],
    settings: &Settings,
    now: i64,
) -> Outcome<Period> {
    let instant = instant_in(granularity, time, &settings.zone, now)?;
    let period = settings.zone.period(granularity, instant);
    Ok(period.ok_or_else(|| Error::new(format!("time '{}' is out of range", shown(time))))?)
}

/// The error for a period of which the site keeps no bucket; None if it keeps one.
pub(super) fn not_kept(period: &Period, settings: &Settings, now: i64) -> Option<Error> {
    let granularity = period.granularity();
    let (name, label) = (granularity.name(), period.label());
    match settings.retention.expiry(period, &settings.zone) {
        Some(expiry) if expiry > now => None,
        Some(_) => Some(Error::new(format!(
            "{name} {label} has expired: this site keeps {name}s for {} after their end",
            settings.retention_text(granularity)
        ))),
        None => Some(Error::new(format!(
            "this site keeps no {name}s: its RETENTION {name} is off"
        ))),
    }
}
