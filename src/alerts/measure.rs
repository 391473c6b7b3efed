//! What rules or live metrics come to now, from the same buckets as any query.

use crate::api::redis::{Failure, Outcome};
use crate::query::Query;
use analytics_core::alert::live::Feed;
use analytics_core::alert::Rule;
use analytics_core::query::fold::{change, Answer, Fold};
use analytics_core::query::metric::Metric;

/// None when nothing was measured.
pub fn measure(query: &Query, rule: &Rule) -> Outcome<Option<f64>> {
    let metric = Metric::parse(&rule.metric, query.settings())?;
    let answers = values_together(query, &[rule], &[metric])?;
    let measured = answers.first().and_then(|answer| answer.number());
    Ok(measured.filter(|number| number.is_finite()))
}

/// What an evaluation found.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    /// None when nothing was measured.
    Value(Option<f64>),
    /// The metric cannot be answered.
    Failure,
    /// A part of the site may be on another node: a part is not the truth.
    Elsewhere,
}

/// The same for several rules of one window, which read its buckets once.
pub fn measure_together(query: &Query, rules: &[&Rule]) -> Vec<Found> {
    let mut metrics = Vec::with_capacity(rules.len());
    let mut readable = Vec::with_capacity(rules.len());
    for rule in rules {
        if let Ok(metric) = Metric::parse(&rule.metric, query.settings()) {
            metrics.push(metric);
            readable.push(*rule);
        }
    }
    let mut found = match values_together(query, &readable, &metrics) {
        Ok(values) => values.into_iter(),
        Err(failure) => {
            let found = match failure {
                Failure::TryAgain => Found::Elsewhere,
                _ => Found::Failure,
            };
            return vec![found; rules.len()];
        }
    };
    let mut readable = readable.into_iter().peekable();
    let mut next = || found.next().unwrap_or(Answer::Nothing).number();
    rules
        .iter()
        .map(
            |rule| match readable.next_if(|it| std::ptr::eq(*it, *rule)) {
                Some(_) => Found::Value(next().filter(|number| number.is_finite())),
                None => Found::Failure,
            },
        )
        .collect()
}

/// One answer for each of these metrics, which are those of the rules.
fn values_together(query: &Query, rules: &[&Rule], metrics: &[Metric]) -> Outcome<Vec<Answer>> {
    let Some(first) = rules.first() else {
        return Ok(Vec::new());
    };
    let of_change = |rule: &&Rule| rule.condition.op().is_of_change();
    let mut fold = Fold::new(metrics);
    let mut answers = query.answers(&mut fold, query.range_of(&first.window)?)?;
    if rules.iter().any(of_change) {
        let zone = &query.site().settings.zone;
        let before = query.answers(&mut fold, first.window.before(query.now, zone)?)?;
        for ((answer, before), rule) in answers.iter_mut().zip(before).zip(rules) {
            if of_change(rule) {
                *answer = change(*answer, before);
            }
        }
    }
    Ok(answers)
}

pub fn answers(query: &Query, feed: &Feed) -> Outcome<Vec<Answer>> {
    let metrics = feed.metrics.iter().map(|metric| &**metric);
    let metrics = Metric::parse_all(metrics, query.settings())?;
    let mut fold = Fold::new(&metrics);
    query.answers(&mut fold, query.range_of(&feed.window)?)
}
