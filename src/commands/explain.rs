//! `ANALYTICS.EXPLAIN site window`: the buckets that a query over this window would read, and the error of
//! its distinct counts.

use super::site::no_site;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::{Query, WINDOW};
use crate::stats;
use analytics_core::sketch::hll::Union;
use analytics_core::text::syntax::Argument;
use analytics_core::time::{Granularity, Range};

pub const COMMAND: Command = Command {
    name: c"analytics.explain",
    summary: c"Shows what a query over a window would read",
    since: c"0.1.0",
    complexity: c"O(B) where B is the number of buckets that cover the window",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, WINDOW],
    run: entry!(explain),
};

pub fn explain(ctx: Ctx, words: Words) -> Outcome {
    let window = words.required(2)?;
    if words.len() > 3 {
        return Err(Failure::WrongArity);
    }
    let Some(query) = Query::start_existing(ctx, words)? else {
        return Err(no_site(words.required(1)?).into());
    };
    let window = query.range(window)?;
    let cover = query.cover(window)?;
    let mut planned = [0i64; Granularity::COUNT];
    for piece in &cover.pieces {
        if let Some(count) = planned.get_mut(piece.period.granularity().index()) {
            *count += 1;
        }
    }
    let mut users = Union::new();
    let found = query.read(&cover, |_, bucket| users.add(bucket.total().users()))?;
    stats::QUERY_UNIONS.add(users.added());

    ctx.reply_map(6);
    ctx.reply_bytes(b"window");
    reply_range(ctx, window);
    ctx.reply_bytes(b"counts");
    reply_range(ctx, cover.counts);
    ctx.reply_bytes(b"users");
    reply_range(ctx, cover.users);
    ctx.reply_bytes(b"buckets");
    ctx.reply_map(Granularity::COUNT);
    for (granularity, count) in Granularity::ALL.into_iter().zip(planned) {
        ctx.reply_bytes(granularity.name().as_bytes());
        ctx.reply_integer(count);
    }
    ctx.reply_bytes(b"found");
    ctx.reply_integer(found as i64);
    ctx.reply_bytes(b"standard-error");
    ctx.reply_double(users.standard_error());
    Ok(())
}

/// From, and up to but not including.
fn reply_range(ctx: Ctx, range: Range) {
    ctx.reply_array(2);
    ctx.reply_integer(range.from);
    ctx.reply_integer(range.to);
}
