//! `ANALYTICS.RETENTION site window day|week|month`: how many users came for the first time in each period that
//! begins in the window, and how many of them were seen again in the ones after it.
//!
//! ```text
//! horizon    for how long a user is remembered, in milliseconds
//! since      from when on all events were taken note of; null for all
//! sampling   the part of the users that was followed
//! late       events of a day before the last one of their users: they are in no cohort
//! rows       of each period [its beginning, users, [seen in the next one, in the one after, ...]]
//! ```
//!
//! Null stands for what is unknown: a bucket that has expired, or with events that nobody took note of.

use super::site::no_site;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::{Query, WINDOW};
use analytics_core::error::Error;
use analytics_core::query::retention::{cohorts, sampling, Cohort};
use analytics_core::schema::people::Returning;
use analytics_core::schema::People;
use analytics_core::text::syntax::{unknown, Argument};
use analytics_core::time::{Granularity, DAY};

pub const COMMAND: Command = Command {
    name: c"analytics.retention",
    summary: c"Shows how many users of each day, week or month come back",
    since: c"0.1.0",
    complexity:
        c"O(P*P) where P is the number of periods from the beginning of the window until now",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, WINDOW, PERIOD],
    run: entry!(retention),
};

const DAYS: Argument = Argument::token(c"day", c"day");
const WEEKS: Argument = Argument::token(c"week", c"week");
const MONTHS: Argument = Argument::token(c"month", c"month");
const PERIODS: [Argument; 3] = [DAYS, WEEKS, MONTHS];
const PERIOD: Argument = Argument::one_of(c"period", &PERIODS);

pub fn retention(ctx: Ctx, words: Words) -> Outcome {
    let (window, period) = (words.required(2)?, words.required(3)?);
    if words.len() > 4 {
        return Err(Failure::WrongArity);
    }
    let Some(query) = Query::start_existing(ctx, words)? else {
        return Err(no_site(words.required(1)?).into());
    };
    let granularities = [Granularity::Day, Granularity::Week, Granularity::Month];
    let mut named = PERIODS.iter().zip(granularities);
    let granularity = named.find(|(token, _)| token.is(period));
    let (_, granularity) = granularity.ok_or_else(|| unknown(period, &PERIODS))?;
    let settings = &query.site().settings;
    let returning = settings.people.as_deref().and_then(People::returning);
    let returning = returning.ok_or_else(|| {
        Error::new(
            "the site does not remember who was there before; ANALYTICS.ALTER with RETURNING 365d does from then on",
        )
    })?;
    if settings.retention.get(granularity).is_none() {
        let name = granularity.name();
        let error = format!("this site keeps no {name}s: its RETENTION {name} is off");
        return Err(Error::new(error).into());
    }
    let asked = cohorts(settings, granularity, query.range(window)?, query.now)?;
    let buckets = query.buckets(asked.periods.iter().copied())?;
    let rows = asked.rows(settings, &buckets, query.now);

    ctx.reply_map(5);
    reply_head(ctx, &query, returning, sampling(&buckets, asked.count));
    ctx.reply_bytes(b"rows");
    ctx.reply_array(rows.len());
    rows.iter().for_each(|row| reply_row(ctx, row));
    Ok(())
}

fn reply_head(ctx: Ctx, query: &Query, returning: &Returning, sampling: f64) {
    ctx.reply_bytes(b"horizon");
    ctx.reply_integer(i64::from(returning.horizon()) * DAY);
    ctx.reply_bytes(b"since");
    match returning.since() {
        i64::MIN => ctx.reply_null(),
        since => ctx.reply_integer(since),
    }
    ctx.reply_bytes(b"sampling");
    ctx.reply_double(sampling);
    ctx.reply_bytes(b"late");
    ctx.reply_integer(query.dropped().late_for_people as i64);
}

fn reply_row(ctx: Ctx, row: &Cohort) {
    let reply_count = |count: Option<u64>| match count {
        Some(count) => ctx.reply_integer(i64::try_from(count).unwrap_or(i64::MAX)),
        None => ctx.reply_null(),
    };
    ctx.reply_array(3);
    ctx.reply_integer(row.start);
    reply_count(row.users);
    ctx.reply_array(row.returned.len());
    row.returned.iter().for_each(|count| reply_count(*count));
}
