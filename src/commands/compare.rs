//! `ANALYTICS.COMPARE site window metric [metric ...]`: per metric [now, before, change in percent].
//!
//! The change is null where nothing was measured, or the value before was zero.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::reply::reply_answer;
use crate::query::{Query, METRICS, WINDOW};
use crate::stats;
use analytics_core::query::fold::{change, Fold};
use analytics_core::query::metric::Metric;
use analytics_core::text::syntax::Argument;

pub const COMMAND: Command = Command {
    name: c"analytics.compare",
    summary: c"Measures a window and the one before it",
    since: c"0.1.0",
    complexity:
        c"O(B*M) where B is the number of buckets that cover both windows and M that of the metrics",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, WINDOW, METRICS],
    run: entry!(compare),
};

pub fn compare(ctx: Ctx, words: Words) -> Outcome {
    let window = words.required(2)?;
    if words.len() < 4 {
        return Err(Failure::WrongArity);
    }
    let query = Query::start(ctx, words)?;
    let metrics = Metric::parse_all(words.after(3).iter(), query.settings())?;
    let window = query.window(window)?;
    let zone = &query.site().settings.zone;
    let (now, before) = (query.range_of(&window)?, window.before(query.now, zone)?);
    let mut fold = Fold::new(&metrics);
    let now = query.answers(&mut fold, now)?;
    let before = query.answers(&mut fold, before)?;
    stats::QUERY_UNIONS.add(fold.united());

    ctx.reply_array(metrics.len());
    for (now, before) in now.into_iter().zip(before) {
        ctx.reply_array(3);
        reply_answer(ctx, now);
        reply_answer(ctx, before);
        reply_answer(ctx, change(now, before));
    }
    Ok(())
}
