//! `ANALYTICS.TOP site window dimension [BY metric] [LIMIT n]`: rows [value, number, share, error
//! bound], largest first, and `~other` for all other values. The value of a cube is the array of its
//! dimensions' values.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::reply::reply_answer;
use crate::query::{Query, WINDOW};
use crate::stats;
use analytics_core::error::{shown, Error};
use analytics_core::query::fold::seconds;
use analytics_core::query::metric::Measure;
use analytics_core::query::top::{top as rank, Axis, Ranked, Ranking};
use analytics_core::schema::limits;
use analytics_core::schema::{Names, Settings};
use analytics_core::text::numeral::parse_integer;
use analytics_core::text::syntax::{once, unknown, Argument};

pub const COMMAND: Command = Command {
    name: c"analytics.top",
    summary: c"Ranks the values of a dimension or a cube",
    since: c"0.1.0",
    complexity: c"O(B*V) where B is the number of buckets that cover the window and V that of the values they keep",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, WINDOW, Argument::text(c"dimension"), BY, LIMIT],
    run: entry!(top),
};

const BY: Argument = Argument::text(c"metric").behind(c"BY").optional();
const LIMIT: Argument = Argument::integer(c"n").behind(c"LIMIT").optional();

const DEFAULT_LIMIT: usize = 10;

pub fn top(ctx: Ctx, words: Words) -> Outcome {
    let (window, dimension) = (words.required(2)?, words.required(3)?);
    let query = Query::start(ctx, words)?;
    let axis = Axis::parse(dimension, Names::of(query.settings()))?;
    let (measure, limit) = options(words.after(4), query.settings())?;
    if measure.is_distinct() {
        axis.check_users()?;
    }
    let cover = query.cover(query.range(window)?)?;
    let parts = query.parts(&cover)?;
    let seconds = seconds(cover.counts, query.now);
    let ranking = rank(&parts, &axis, &measure, limit, seconds);
    stats::QUERY_UNIONS.add(ranking.united);
    reply(ctx, &axis, &ranking);
    Ok(())
}

fn options(words: Words, site: Option<&Settings>) -> Outcome<(Measure, usize)> {
    let (mut measure, mut limit) = (None, None);
    let mut words = words.iter();
    while let Some(option) = words.next() {
        let mut next = |what: &str| {
            words.next().ok_or_else(|| {
                let option = shown(option).to_uppercase();
                Error::new(format!("{option} needs a {what}"))
            })
        };
        if BY.is(option) {
            let metric = next("metric, as in BY users or BY revenue:sum")?;
            once(&BY, measure.is_none())?;
            measure = Some(by(metric, site)?);
        } else if LIMIT.is(option) {
            let number = next("number of rows")?;
            once(&LIMIT, limit.is_none())?;
            limit = Some(rows(number)?);
        } else {
            return Err(unknown(option, &[BY, LIMIT]).into());
        }
    }
    Ok((
        measure.unwrap_or(Measure::Events),
        limit.unwrap_or(DEFAULT_LIMIT),
    ))
}

fn by(metric: &[u8], site: Option<&Settings>) -> Outcome<Measure> {
    let named = |error: Error| Error::new(format!("BY '{}': {error}", shown(metric)));
    if metric.contains(&b'@') {
        return Err(named(Error::new(
            "a metric without a row is required, because each row of the reply is one; a cube lists the \
             values of several dimensions",
        ))
        .into());
    }
    Ok(Measure::parse(metric, Names::of(site)).map_err(named)?)
}

fn rows(word: &[u8]) -> Outcome<usize> {
    let rows = parse_integer(word).and_then(|rows| usize::try_from(rows).ok());
    let rows = rows.filter(|rows| (1..=limits::ROWS_PER_TOP).contains(rows));
    Ok(rows.ok_or_else(|| {
        Error::new(format!(
            "LIMIT '{}' is not a number of rows from 1 to {}",
            shown(word),
            limits::ROWS_PER_TOP
        ))
    })?)
}

pub fn reply(ctx: Ctx, axis: &Axis, ranking: &Ranking) {
    ctx.reply_array(ranking.rows.len() + usize::from(ranking.other.is_some()));
    for row in &ranking.rows {
        ctx.reply_array(4);
        if axis.is_cube() {
            let values = axis.values_of(row.value);
            ctx.reply_array(values.len());
            values.iter().for_each(|value| ctx.reply_bytes(value));
        } else {
            ctx.reply_bytes(row.value);
        }
        reply_numbers(ctx, row);
    }
    if let Some(other) = &ranking.other {
        ctx.reply_array(4);
        ctx.reply_bytes(other.value);
        reply_numbers(ctx, other);
    }
}

fn reply_numbers(ctx: Ctx, row: &Ranked) {
    reply_answer(ctx, row.number);
    reply_answer(ctx, row.share);
    reply_answer(ctx, row.error);
}
