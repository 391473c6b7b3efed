//! `ANALYTICS.COMPARE site window metric [metric ...]`: per metric [now, before, change in percent].
//!
//! The change is null where there is nothing to compare: nothing was measured, or it was zero before.

use super::word;
use crate::domain::fold::{seconds, Answer, Fold};
use crate::domain::metric::Metric;
use crate::domain::syntax::Argument;
use crate::domain::time::Range;
use crate::module::query::{Query, METRICS, WINDOW};
use crate::module::redis::{Ctx, Failure, Outcome, Words};
use crate::module::registration::{entry, Access, Command};
use crate::module::stats;

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
    let window = word(&words, 2)?;
    if words.len() < 4 {
        return Err(Failure::WrongArity);
    }
    let query = Query::ask(ctx, words)?;
    let metrics = Metric::parse_all(words.after(3).iter(), query.settings())?;
    let window = query.window(window)?;
    let zone = &query.site.settings.zone;
    let (now, before) = (query.range_of(&window)?, window.before(query.now, zone)?);
    let mut fold = Fold::new(&metrics);
    let now = answers(&query, &mut fold, now)?;
    fold.clear();
    let before = answers(&query, &mut fold, before)?;
    stats::QUERY_UNIONS.add(fold.united());

    ctx.reply_array(metrics.len());
    for (now, before) in now.into_iter().zip(before) {
        ctx.reply_array(3);
        ctx.reply_answer(now);
        ctx.reply_answer(before);
        ctx.reply_answer(change(now, before));
    }
    Ok(())
}

fn answers(query: &Query, fold: &mut Fold, range: Range) -> Outcome<Vec<Answer>> {
    let cover = query.cover(range)?;
    query.read(&cover, |piece, bucket| fold.add(piece, bucket))?;
    Ok(fold.answers(seconds(cover.counts, query.now)).collect())
}

/// In percent of what was before; a sum that was below zero and rises has risen.
fn change(now: Answer, before: Answer) -> Answer {
    match (now.number(), before.number()) {
        (Some(now), Some(before)) if before != 0.0 => {
            let change = 100.0 * (now - before) / before.abs();
            Answer::Number(change.clamp(f64::MIN, f64::MAX))
        }
        _ => Answer::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_change_is_relative_to_what_was_before() {
        let of = |now: f64, before: f64| change(Answer::Number(now), Answer::Number(before));
        assert_eq!(of(150.0, 100.0), Answer::Number(50.0));
        assert_eq!(of(0.0, 100.0), Answer::Number(-100.0));
        assert_eq!(of(-50.0, -100.0), Answer::Number(50.0));
        assert_eq!(of(1.0, 0.0), Answer::Nothing);
        assert_eq!(of(1e300, 1e-300), Answer::Number(f64::MAX));
        assert_eq!(
            change(Answer::Count(3), Answer::Count(2)),
            Answer::Number(50.0)
        );
        assert_eq!(change(Answer::Nothing, Answer::Count(2)), Answer::Nothing);
        assert_eq!(change(Answer::Count(2), Answer::Nothing), Answer::Nothing);
    }
}
