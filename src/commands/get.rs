//! `ANALYTICS.GET site window metric [metric ...]`: one number per metric, in order.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::reply::reply_answer;
use crate::query::{Query, METRICS, WINDOW};
use crate::stats;
use analytics_core::query::fold::{seconds, Fold};
use analytics_core::query::metric::Metric;
use analytics_core::text::syntax::Argument;

pub const COMMAND: Command = Command {
    name: c"analytics.get",
    summary: c"Measures a window: counts, distinct users, sums, percentiles",
    since: c"0.1.0",
    complexity:
        c"O(B*M) where B is the number of buckets that cover the window and M that of the metrics",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, WINDOW, METRICS],
    run: entry!(get),
};

pub fn get(ctx: Ctx, words: Words) -> Outcome {
    let window = words.required(2)?;
    if words.len() < 4 {
        return Err(Failure::WrongArity);
    }
    let query = Query::start(ctx, words)?;
    let metrics = Metric::parse_all(words.after(3).iter(), query.settings())?;
    let mut fold = Fold::new(&metrics);
    let cover = query.cover(query.range(window)?)?;
    query.read(&cover, |piece, bucket| fold.add(piece, bucket))?;
    stats::QUERY_UNIONS.add(fold.united());

    ctx.reply_array(metrics.len());
    for answer in fold.answers(seconds(cover.counts, query.now)) {
        reply_answer(ctx, answer);
    }
    Ok(())
}
