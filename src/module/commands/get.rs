//! `ANALYTICS.GET site window metric [metric ...]`: one number per metric, in order.

use super::word;
use crate::domain::fold::{seconds, Fold};
use crate::domain::metric::Metric;
use crate::module::query::Query;
use crate::module::redis::{Ctx, Failure, Outcome, Words};

pub fn get(ctx: Ctx, words: Words) -> Outcome {
    let window = word(&words, 2)?;
    if words.len() < 4 {
        return Err(Failure::WrongArity);
    }
    let query = Query::ask(ctx, words)?;
    let metrics = Metric::parse_all(words.after(3).iter(), query.settings())?;
    let mut fold = Fold::new(&metrics);
    let cover = query.cover(query.range(window)?)?;
    query.read(&cover, |piece, bucket| fold.add(piece, bucket))?;

    ctx.reply_array(metrics.len());
    for answer in fold.answers(seconds(cover.counts, query.now)) {
        ctx.reply_answer(answer);
    }
    Ok(())
}
