//! What is measured of visits.
//!
//! | subject        | aggregates               | alone    |                                       |
//! |----------------|--------------------------|----------|---------------------------------------|
//! | `visits`       | `count` `rate`           | `:count` |                                       |
//! | `bounces`      | `count` `rate` `share`   | `:count` | share of the visits, from 0 to 1      |
//! | `visit-time`   | `sum` `avg`              | refused  | from the first to the last event, in s |
//! | `visit-events` | `sum` `avg`              | refused  |                                       |
//!
//! All belong to the time at which a visit began, and are kept by slot.

use crate::error::{shown, Error, Result};
use crate::query::answer::{rate, Answer};
use crate::text::nearest::did_you_mean;
use crate::visitors::Amounts;

/// What is measured of visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitMeasure {
    Visits,
    /// Per second.
    VisitRate,
    Bounces,
    BounceRate,
    BounceShare,
    /// In seconds.
    TimeSum,
    TimeAvg,
    EventsSum,
    EventsAvg,
}

use VisitMeasure::{
    BounceRate, BounceShare, Bounces, EventsAvg, EventsSum, TimeAvg, TimeSum, VisitRate, Visits,
};

/// A subject, its aggregates, and what it is without one.
type Subject = (
    &'static str,
    &'static [(&'static str, VisitMeasure)],
    Option<VisitMeasure>,
);

const SUBJECTS: [Subject; 4] = [
    (
        "visits",
        &[("count", Visits), ("rate", VisitRate)],
        Some(Visits),
    ),
    (
        "bounces",
        &[
            ("count", Bounces),
            ("rate", BounceRate),
            ("share", BounceShare),
        ],
        Some(Bounces),
    ),
    ("visit-time", &[("sum", TimeSum), ("avg", TimeAvg)], None),
    (
        "visit-events",
        &[("sum", EventsSum), ("avg", EventsAvg)],
        None,
    ),
];

impl VisitMeasure {
    /// None where the subject is none of visits.
    pub fn parse(subject: &[u8], aggregate: Option<&[u8]>) -> Option<Result<VisitMeasure>> {
        let is_it = |(name, ..): &&Subject| name.as_bytes() == subject;
        let (name, aggregates, alone) = SUBJECTS.iter().find(is_it)?;
        let Some(word) = aggregate else {
            return Some(alone.ok_or_else(|| {
                let names = aggregates.iter().map(|(name, _)| *name);
                let accepted = names.collect::<Vec<_>>().join(" or ");
                Error::new(format!(
                    "{name} needs an aggregate after a colon: {accepted}"
                ))
            }));
        };
        let named = |(name, _): &&(&str, VisitMeasure)| word.eq_ignore_ascii_case(name.as_bytes());
        let found = aggregates.iter().find(named).map(|(_, measure)| *measure);
        Some(found.ok_or_else(|| {
            let names: Vec<&str> = aggregates.iter().map(|(name, _)| *name).collect();
            Error::new(format!(
                "{name} have no aggregate '{}', only {}{}",
                shown(word),
                names.join(" and "),
                did_you_mean(word, names.iter().map(|name| name.as_bytes()))
            ))
        }))
    }

    /// Whether the numbers of rows add up to the number of the whole.
    pub fn is_additive(self) -> bool {
        !matches!(self, BounceShare | TimeAvg | EventsAvg)
    }

    /// The number of what was counted. Sampling may have taken back more than was added: nothing is
    /// below zero. `seconds`: the time that rates divide by.
    pub fn answer(self, sum: Amounts, seconds: f64) -> Answer {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let visits = count(sum.visits);
        let bounces = count(sum.visits.saturating_sub(sum.engaged));
        let time = count(sum.time) as f64 / 1_000.0;
        let events = count(sum.events);
        let per_visit = |number: f64| match visits {
            0 => Answer::Nothing,
            visits => Answer::Number(number / visits as f64),
        };
        match self {
            Visits => Answer::Count(visits),
            VisitRate => rate(visits, seconds),
            Bounces => Answer::Count(bounces),
            BounceRate => rate(bounces, seconds),
            BounceShare => per_visit(bounces.min(visits) as f64),
            TimeSum => Answer::Number(time),
            TimeAvg => per_visit(time),
            EventsSum => Answer::Count(events),
            EventsAvg => per_visit(events as f64),
        }
    }
}
