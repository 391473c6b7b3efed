//! `ANALYTICS.GET site window metric [metric ...] [WINDOW window metric [metric ...]]...`: one number per
//! metric, in the order in which they are given.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::reply::reply_answer;
use crate::query::{Query, METRICS, WINDOW};
use crate::stats;
use analytics_core::query::fold::{Answer, Fold};
use analytics_core::query::groups::{groups, MORE};
use analytics_core::query::metric::Metric;
use analytics_core::text::syntax::Argument;

pub const COMMAND: Command = Command {
    name: c"analytics.get",
    summary: c"Measures one or more windows: counts, distinct users, sums, percentiles, ratios",
    since: c"0.1.0",
    complexity:
        c"O(B*M) where B is the number of buckets that cover the windows and M that of the metrics",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, WINDOW, METRICS, MORE],
    run: entry!(get),
};

pub fn get(ctx: Ctx, words: Words) -> Outcome {
    if words.len() < 4 {
        return Err(Failure::WrongArity);
    }
    let query = Query::start(ctx, words)?;
    let mut answers: Vec<Answer> = Vec::with_capacity(words.len());
    // Everything is parsed before anything is read.
    let mut asked = Vec::new();
    for (window, metrics) in groups(words.required(2)?, &words.from(3).to_vec())? {
        let metrics = Metric::parse_all(metrics.iter().copied(), query.settings())?;
        asked.push((query.range(window)?, metrics));
    }
    for (range, metrics) in asked {
        let mut fold = Fold::new(&metrics);
        answers.extend(query.answers(&mut fold, range)?);
        stats::QUERY_UNIONS.add(fold.united());
    }
    ctx.reply_array(answers.len());
    answers.iter().for_each(|it| reply_answer(ctx, *it));
    Ok(())
}
