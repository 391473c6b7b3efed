//! What a rule or live metrics come to now, from the same buckets as any query.

use crate::domain::alert::Rule;
use crate::domain::fold::{change, Answer, Fold};
use crate::domain::live::Feed;
use crate::domain::metric::Metric;
use crate::module::query::Query;
use crate::module::redis::Outcome;

/// None when nothing was measured.
pub fn measure(query: &Query, rule: &Rule) -> Outcome<Option<f64>> {
    let metric = Metric::parse(&rule.metric, query.settings())?;
    let mut fold = Fold::new(std::slice::from_ref(&metric));
    let mut answer = |range| {
        let answers = query.answers(&mut fold, range)?;
        Outcome::Ok(answers.first().copied().unwrap_or(Answer::Nothing))
    };
    let mut measured = answer(query.range_of(&rule.window)?)?;
    if rule.condition.op().is_of_change() {
        let zone = &query.site.settings.zone;
        let before = answer(rule.window.before(query.now, zone)?)?;
        measured = change(measured, before);
    }
    Ok(measured.number().filter(|number| number.is_finite()))
}

pub fn answers(query: &Query, feed: &Feed) -> Outcome<Vec<Answer>> {
    let metrics = feed.metrics.iter().map(|metric| &**metric);
    let metrics = Metric::parse_all(metrics, query.settings())?;
    let mut fold = Fold::new(&metrics);
    query.answers(&mut fold, query.range_of(&feed.window)?)
}
