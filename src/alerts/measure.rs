//! The present values of rules and live metrics, from the same buckets as any query.

use crate::api::failure::{Failure, Outcome};
use crate::query::Query;
use analytics_core::alert::live::Feed;
use analytics_core::alert::Rule;
use analytics_core::error::Error;
use analytics_core::query::fold::{Answer, Fold};
use analytics_core::query::metric::Metric;
use analytics_core::schema::Names;

/// Measures one rule: None where there is nothing to measure.
pub fn measure(query: &Query, rule: &Rule) -> Outcome<Option<f64>> {
    let metric = metric(query, &rule.metric)?;
    let answers = values_together(query, &[rule], &[metric])?;
    let measured = answers.first().and_then(|answer| answer.number());
    Ok(measured.filter(|number| number.is_finite()))
}

/// A metric that was accepted once. What the site has forgotten since cannot be measured.
fn metric(query: &Query, text: &[u8]) -> Result<Metric, Error> {
    Metric::parse_named(text, Names::known(&query.site().settings))
}

/// The result of measuring a rule.
#[derive(Debug, Clone, Copy)]
pub enum Measured {
    /// None where there is nothing to measure.
    Value(Option<f64>),
    /// The metric cannot be measured.
    Failure,
    /// A part of the site may be on another node.
    Incomplete,
}

/// Measures several rules of one window, whose buckets are read once.
pub fn measure_together(query: &Query, rules: &[&Rule]) -> Vec<Measured> {
    let mut metrics = Vec::with_capacity(rules.len());
    let mut readable = Vec::with_capacity(rules.len());
    for rule in rules {
        if let Ok(metric) = metric(query, &rule.metric) {
            metrics.push(metric);
            readable.push(*rule);
        }
    }
    let mut found = match values_together(query, &readable, &metrics) {
        Ok(values) => values.into_iter(),
        Err(failure) => {
            let found = match failure {
                Failure::TryAgain => Measured::Incomplete,
                _ => Measured::Failure,
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
                Some(_) => Measured::Value(next().filter(|number| number.is_finite())),
                None => Measured::Failure,
            },
        )
        .collect()
}

/// One answer for each metric; `metrics` are those of the rules.
fn values_together(query: &Query, rules: &[&Rule], metrics: &[Metric]) -> Outcome<Vec<Answer>> {
    let Some(first) = rules.first() else {
        return Ok(Vec::new());
    };
    let of_change = |rule: &&Rule| rule.condition.op().is_of_change();
    let mut fold = Fold::new(metrics);
    let mut answers = query.answers(&mut fold, query.range_of(&first.window)?)?;
    if rules.iter().any(of_change) {
        let compared = query.compare(metrics, &first.window)?.rows();
        for ((answer, [.., change]), rule) in answers.iter_mut().zip(compared).zip(rules) {
            if of_change(rule) {
                *answer = change;
            }
        }
    }
    Ok(answers)
}

/// The answers of live metrics, one for each of them, in order.
pub fn answers(query: &Query, feed: &Feed) -> Outcome<Vec<Answer>> {
    let mut answers = Vec::new();
    for it in &feed.windows {
        let metrics = it.metrics.iter().map(|text| metric(query, text));
        let metrics = metrics.collect::<Result<Vec<Metric>, Error>>()?;
        let mut fold = Fold::new(&metrics);
        answers.extend(query.answers(&mut fold, query.range_of(&it.window)?)?);
    }
    Ok(answers)
}
