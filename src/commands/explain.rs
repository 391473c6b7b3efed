//! `ANALYTICS.EXPLAIN site window [metric]...`: the buckets that a query over this window would read, what
//! of its distinct counts is interpolated, and their error.
//!
//! ```text
//! window          the range that was asked for
//! counts          the range that is answered: the same, widened to slots
//! users           from the beginning to the end of the buckets that are read
//! interpolated    1 where buckets reach beyond the window, so that users and percentiles are estimated
//! inner, outer    the users of the buckets inside the window, and of all that are read
//! edges           the buckets that reach beyond it: bucket, range, and the part that counts
//! metrics         only with metrics: of each its value, and the events that it may be missing
//! buckets, found  how many the plan has of each granularity, and how many of them exist
//! ```

use super::site::no_site;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::reply::reply_answer;
use crate::query::{Query, WINDOW};
use crate::stats;
use analytics_core::query::fold::{seconds, Answer, EdgePart, Fold};
use analytics_core::query::metric::{Measure, Metric};
use analytics_core::query::moved::moved;
use analytics_core::text::syntax::Argument;
use analytics_core::time::{Cover, Granularity, Range};

pub const COMMAND: Command = Command {
    name: c"analytics.explain",
    summary: c"Shows what a query over a window would read",
    since: c"0.1.0",
    complexity: c"O(B) where B is the number of buckets that cover the window",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, WINDOW, METRIC],
    run: entry!(explain),
};

const METRIC: Argument = Argument::text(c"metric").optional().multiple();

pub fn explain(ctx: Ctx, words: Words) -> Outcome {
    let window = words.required(2)?;
    let Some(query) = Query::start_existing(ctx, words)? else {
        return Err(no_site(words.required(1)?).into());
    };
    let window = query.range(window)?;
    let texts = words.after(3);
    let metrics = Metric::parse_different(texts.iter(), query.settings())?;
    let cover = query.cover(window)?;
    let mut planned = [0i64; Granularity::COUNT];
    for piece in &cover.pieces {
        if let Some(count) = planned.get_mut(piece.period.granularity().index()) {
            *count += 1;
        }
    }
    let mut fold = Fold::new(&[Metric::of_site(Measure::Users)]);
    let found = query.read(&cover, |piece, bucket| fold.add(piece, bucket))?;
    stats::QUERY_UNIONS.add(fold.united());
    let Some(users) = fold.users() else {
        return Ok(());
    };

    let measured = measured(&query, &cover, &metrics)?;

    ctx.reply_map(10 + usize::from(texts.len() > 0));
    ctx.reply_bytes(b"window");
    reply_range(ctx, window);
    ctx.reply_bytes(b"counts");
    reply_range(ctx, cover.counts);
    ctx.reply_bytes(b"users");
    reply_range(ctx, cover.users);
    ctx.reply_bytes(b"interpolated");
    ctx.reply_integer((!users.edges.is_empty()).into());
    for (name, count) in [("inner", users.inner), ("outer", users.outer)] {
        ctx.reply_bytes(name.as_bytes());
        ctx.reply_integer(count.round() as i64);
    }
    ctx.reply_bytes(b"edges");
    ctx.reply_array(users.edges.len());
    users.edges.iter().for_each(|edge| reply_edge(ctx, edge));
    ctx.reply_bytes(b"buckets");
    ctx.reply_map(Granularity::COUNT);
    for (granularity, count) in Granularity::ALL.into_iter().zip(planned) {
        ctx.reply_bytes(granularity.name().as_bytes());
        ctx.reply_integer(count);
    }
    ctx.reply_bytes(b"found");
    ctx.reply_integer(found as i64);
    ctx.reply_bytes(b"standard-error");
    ctx.reply_double(users.standard_error);
    if texts.len() > 0 {
        ctx.reply_bytes(b"metrics");
        ctx.reply_map(texts.len());
        for (text, (answer, missing)) in texts.iter().zip(measured) {
            ctx.reply_bytes(text);
            ctx.reply_map(2);
            ctx.reply_bytes(b"value");
            reply_answer(ctx, answer);
            ctx.reply_bytes(b"missing");
            reply_answer(ctx, Answer::Count(missing));
        }
    }
    Ok(())
}

/// Of each metric its answer, and the most events that full buckets may have moved out of its rows.
fn measured(query: &Query, cover: &Cover, metrics: &[Metric]) -> Outcome<Vec<(Answer, u64)>> {
    let mut fold = Fold::new(metrics);
    let mut missing = vec![0u64; metrics.len()];
    query.read(cover, |piece, bucket| {
        fold.add(piece, bucket);
        for (metric, missing) in metrics.iter().zip(&mut missing) {
            let rows = metric.terms().filter_map(|term| term.row.as_ref());
            let moved = rows.map(|row| moved(piece, bucket, row));
            *missing = moved.fold(*missing, u64::saturating_add);
        }
    })?;
    stats::QUERY_UNIONS.add(fold.united());
    let answers = fold.answers(seconds(cover.counts, query.now));
    Ok(answers.zip(missing).collect())
}

/// A bucket at an edge of the window, as its key names it, and the part of it that counts.
fn reply_edge(ctx: Ctx, edge: &EdgePart) {
    ctx.reply_map(3);
    ctx.reply_bytes(b"bucket");
    let granularity = edge.period.granularity().name();
    ctx.reply_bytes(format!("{granularity}:{}", edge.period.label()).as_bytes());
    ctx.reply_bytes(b"range");
    reply_range(ctx, edge.period.range());
    ctx.reply_bytes(b"part");
    ctx.reply_double(edge.part);
}

/// From, and up to but not including.
fn reply_range(ctx: Ctx, range: Range) {
    ctx.reply_array(2);
    ctx.reply_integer(range.from);
    ctx.reply_integer(range.to);
}
