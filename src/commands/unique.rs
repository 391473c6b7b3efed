//! `ANALYTICS.UNIQUE site window [dimension value]`: how many distinct users, an integer.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::reply::reply_answer;
use crate::query::{Query, WINDOW};
use crate::stats;
use analytics_core::query::fold::Fold;
use analytics_core::query::metric::{Measure, Metric, Selector, Term};
use analytics_core::schema::Names;
use analytics_core::text::syntax::Argument;

pub const COMMAND: Command = Command {
    name: c"analytics.unique",
    summary: c"Counts the distinct users of a window",
    since: c"0.1.0",
    complexity: c"O(B) where B is the number of buckets that cover the window",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, WINDOW, ROW],
    run: entry!(unique),
};

const ROW: Argument = Argument::block(
    c"row",
    &[Argument::text(c"dimension"), Argument::text(c"value")],
)
.optional();

pub fn unique(ctx: Ctx, words: Words) -> Outcome {
    let window = words.required(2)?;
    let row = match words.len() {
        3 => None,
        5 => Some((words.required(3)?, words.required(4)?)),
        _ => return Err(Failure::WrongArity),
    };
    let query = Query::start(ctx, words)?;
    let names = Names::of(query.settings());
    let row = row.map(|(name, value)| Selector::of(name, value, names));
    let row = row.transpose()?;
    if let Some(row) = &row {
        row.check_users()?;
    }
    let mut users = Fold::new(&[Metric::of(Term {
        measure: Measure::Users,
        row,
    })]);
    let cover = query.cover(query.range(window)?)?;
    query.read(&cover, |piece, bucket| users.add(piece, bucket))?;
    stats::QUERY_UNIONS.add(users.united());
    users
        .answers(0.0)
        .for_each(|users| reply_answer(ctx, users));
    Ok(())
}
