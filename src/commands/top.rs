//! `ANALYTICS.TOP site window dimension [WHERE dimension value]... [BY metric] [WITH metric [metric ...]]
//! [LIMIT n]`: rows [value, number, share, error bound, numbers of WITH ...], largest first, and `~other`
//! for all other values. The value of a row of several dimensions is the array of their values.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::reply::reply_answer;
use crate::query::{Query, METRICS, WINDOW};
use crate::stats;
use analytics_core::error::{shown, Error};
use analytics_core::query::fold::seconds;
use analytics_core::query::top::{Asked, Axis, Ranked, Ranking, Table, VisitTable};
use analytics_core::schema::{limits, Names};
use analytics_core::text::numeral::parse_integer;
use analytics_core::text::syntax::{once, unknown, Argument};

pub const COMMAND: Command = Command {
    name: c"analytics.top",
    summary: c"Ranks the values of a dimension or a cube",
    since: c"0.1.0",
    complexity: c"O(B*V*M) where B is the number of buckets that cover the window, V that of the values they keep and M that of the metrics",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[
        Argument::SITE,
        WINDOW,
        Argument::text(c"dimension"),
        WHERE,
        BY,
        WITH,
        LIMIT,
    ],
    run: entry!(top),
};

const WHERE: Argument = Argument::block(
    c"held",
    &[Argument::text(c"dimension"), Argument::text(c"value")],
)
.behind(c"WHERE")
.optional()
.multiple();
const BY: Argument = Argument::text(c"metric").behind(c"BY").optional();
const WITH: Argument = Argument::block(c"columns", &[METRICS])
    .behind(c"WITH")
    .optional();
const LIMIT: Argument = Argument::integer(c"n").behind(c"LIMIT").optional();

const OPTIONS: [Argument; 4] = [WHERE, BY, WITH, LIMIT];
const DEFAULT_LIMIT: usize = 10;

pub fn top(ctx: Ctx, words: Words) -> Outcome {
    let (window, dimension) = (words.required(2)?, words.required(3)?);
    let query = Query::start(ctx, words)?;
    let (asked, limit) = options(dimension, words.from(4))?;
    let names = Names::of(query.settings());
    if let Some(table) = VisitTable::parse(&asked, limit, names)? {
        let cover = query.visit_cover(query.range(window)?)?;
        let parts = query.parts(&cover)?;
        let ranking = table.rank(&parts, seconds(cover.counts, query.now));
        reply(ctx, &Axis::of(dimension, Names::all(None)), &ranking);
        return Ok(());
    }
    let table = Table::parse(&asked, limit, names)?;
    let cover = query.cover(query.range(window)?)?;
    let parts = query.parts(&cover)?;
    let ranking = table.rank(&parts, seconds(cover.counts, query.now));
    stats::QUERY_UNIONS.add(ranking.united);
    reply(ctx, &table.axis, &ranking);
    Ok(())
}

fn options<'c>(dimension: &'c [u8], words: Words<'c>) -> Outcome<(Asked<'c>, usize)> {
    let mut asked = Asked {
        listed: dimension,
        ..Asked::default()
    };
    let mut limit = None;
    let mut words = words.iter().peekable();
    while let Some(option) = words.next() {
        let mut next = |what: &str| {
            words.next().ok_or_else(|| {
                let option = shown(option).to_uppercase();
                Error::new(format!("{option} needs a {what}"))
            })
        };
        if WHERE.is(option) {
            let name = next("dimension and a value, as in WHERE country FR")?;
            asked.held.push((name, next("value behind its dimension")?));
        } else if BY.is(option) {
            let metric = next("metric, as in BY users or BY revenue:sum")?;
            once(&BY, asked.by.replace(metric).is_none())?;
        } else if WITH.is(option) {
            once(&WITH, asked.with.is_empty())?;
            asked.with.push(next("metric, as in WITH users")?);
            let is_option = |word: &[u8]| OPTIONS.iter().any(|option| option.is(word));
            while let Some(metric) = words.next_if(|word| !is_option(word)) {
                asked.with.push(metric);
            }
        } else if LIMIT.is(option) {
            let number = next("number of rows")?;
            once(&LIMIT, limit.replace(rows(number)?).is_none())?;
        } else {
            return Err(unknown(option, &OPTIONS).into());
        }
    }
    Ok((asked, limit.unwrap_or(DEFAULT_LIMIT)))
}

pub fn rows(word: &[u8]) -> Outcome<usize> {
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
        ctx.reply_array(4 + row.with.len());
        if axis.lists_several() {
            let values = axis.values_of(row.value);
            ctx.reply_array(values.len());
            values.iter().for_each(|value| ctx.reply_bytes(value));
        } else {
            let value = axis.values_of(row.value).into_iter().next();
            ctx.reply_bytes(value.unwrap_or_default());
        }
        reply_numbers(ctx, row);
    }
    if let Some(other) = &ranking.other {
        ctx.reply_array(4 + other.with.len());
        ctx.reply_bytes(other.value);
        reply_numbers(ctx, other);
    }
}

fn reply_numbers(ctx: Ctx, row: &Ranked) {
    reply_answer(ctx, row.number);
    reply_answer(ctx, row.share);
    reply_answer(ctx, row.error);
    row.with.iter().for_each(|it| reply_answer(ctx, *it));
}
