//! Replies of answers.

use crate::api::context::Ctx;
use analytics_core::query::fold::Answer;

/// Counts are integers, every other number is a double, and what was not measured is null.
pub fn reply_answer(ctx: Ctx, answer: Answer) {
    match answer {
        Answer::Count(count) => ctx.reply_integer(i64::try_from(count).unwrap_or(i64::MAX)),
        Answer::Number(number) => ctx.reply_double(number),
        Answer::Nothing => ctx.reply_null(),
    }
}
