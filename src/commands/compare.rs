//! `ANALYTICS.COMPARE site window metric [metric ...]`: per metric [now, before, change in percent].
//!
//! Both windows are measured in the same way, for exactly their length. The change is null where nothing
//! was measured or the value before was zero, and `before` as well where no such measure is left.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::reply::reply_answer;
use crate::query::{Query, METRICS, WINDOW};
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
    let metrics = Metric::parse_all(words.from(3).iter(), query.settings())?;
    let window = query.window(window)?;
    let rows = query.compare(&metrics, &window)?.rows();

    ctx.reply_array(rows.len());
    for row in rows {
        ctx.reply_array(row.len());
        row.into_iter().for_each(|number| reply_answer(ctx, number));
    }
    Ok(())
}
