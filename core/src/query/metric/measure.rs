//! What is measured: the part of a term before its `@`.
//!
//! | subject    | aggregates                                            | alone         |
//! |------------|-------------------------------------------------------|---------------|
//! | `events`   | `count` `rate`                                        | `:count`      |
//! | `users`    | `unique`                                              | `:unique`     |
//! | users      | people.rs                                             |               |
//! | `sessions` | `unique`                                              | `:unique`     |
//! | visits     | visits.rs                                             |               |
//! | a funnel   | funnels.rs                                            |               |
//! | a value    | `sum` `avg` `min` `max` `count` `rate` `p0` to `p100` | is refused    |
//!
//! Aggregates are read in any case.

use super::funnels::{self, FunnelMeasure, FunnelSource};
use super::people::PeopleMeasure;
use super::visits::VisitMeasure;
use crate::error::{shown, Error, Result};
use crate::schema::{check_value_name, Names, Settings, SUBJECTS};
use crate::text::nearest::{did_you_mean, nearest};
use crate::text::Name;
use crate::visitors::Seed;

/// What is measured of a row, or of the whole site.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    Events,
    /// Events per second.
    EventRate,
    Users,
    /// New or returning.
    People(PeopleMeasure),
    Sessions,
    /// Of visits, whose values are found by this seed.
    Visits(VisitMeasure, Seed),
    Funnel(FunnelMeasure, FunnelSource),
    Value(Name, Aggregate),
}

/// What is measured of a named value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    /// The number of events with the value.
    Count,
    /// The same, per second.
    Rate,
    Sum,
    Avg,
    Min,
    Max,
    /// From 0 to 100.
    Percentile(f64),
}

pub(super) const AGGREGATES: [(&[u8], Aggregate); 6] = [
    (b"sum", Aggregate::Sum),
    (b"avg", Aggregate::Avg),
    (b"min", Aggregate::Min),
    (b"max", Aggregate::Max),
    (b"count", Aggregate::Count),
    (b"rate", Aggregate::Rate),
];
const ACCEPTED: &str = "sum, avg, min, max, count, rate or a percentile such as p50, p95, p99.9";

impl Measure {
    /// A term without a row.
    pub fn parse(text: &[u8], names: Names) -> Result<Measure> {
        if let Some(funnel) = funnels::parse(text, names) {
            return funnel;
        }
        let colon = text.iter().rposition(|byte| *byte == b':');
        let (subject, aggregate) = match colon {
            None => (text, None),
            Some(at) => {
                let (subject, rest) = text.split_at_checked(at).unwrap_or((text, b""));
                (subject, rest.get(1..))
            }
        };
        if let Some(people) = PeopleMeasure::parse(subject, aggregate) {
            return Measure::of_people(people?, names);
        }
        match subject {
            b"events" => match aggregate {
                None => Ok(Measure::Events),
                Some(word) if word.eq_ignore_ascii_case(b"count") => Ok(Measure::Events),
                Some(word) if word.eq_ignore_ascii_case(b"rate") => Ok(Measure::EventRate),
                Some(word) => Err(no_aggregate_of("events", word, &["count", "rate"])),
            },
            b"users" => {
                unique("users", aggregate, &["unique", "new", "returning"]).map(|()| Measure::Users)
            }
            b"sessions" => unique("sessions", aggregate, &["unique"]).map(|()| Measure::Sessions),
            _ => match VisitMeasure::parse(subject, aggregate) {
                Some(measure) => Measure::of_visits(measure?, names),
                None => Measure::of_value(subject, aggregate, names),
            },
        }
    }

    fn of_people(measure: PeopleMeasure, names: Names) -> Result<Measure> {
        match names.site() {
            Some(site) if !site.counts_people() => Err(Error::new(
                "the site does not remember who was there before; ANALYTICS.ALTER with RETURNING 365d does \
                 from then on",
            )),
            _ => Ok(Measure::People(measure)),
        }
    }

    fn of_visits(measure: VisitMeasure, names: Names) -> Result<Measure> {
        let Some(site) = names.site() else {
            return Ok(Measure::Visits(measure, Seed([0; 2])));
        };
        match &site.visits {
            Some(visits) => Ok(Measure::Visits(measure, visits.seed())),
            None => Err(Error::new(
                "the site counts no visits; ANALYTICS.ALTER with VISITS 30m counts them from then on",
            )),
        }
    }

    fn of_value(subject: &[u8], aggregate: Option<&[u8]>, names: Names) -> Result<Measure> {
        check_value_name(subject)?;
        let parsed = match aggregate {
            None => Err(Error::new(format!(
                "a value needs an aggregate after a colon: {ACCEPTED}"
            ))),
            Some(word) => Aggregate::parse(word),
        };
        let error = match parsed {
            Ok(aggregate) => {
                names.check_value(subject)?;
                return Ok(Measure::Value(Name::new(subject), aggregate));
            }
            Err(error) => error,
        };
        let known = names.site().into_iter().flat_map(Settings::values);
        let known = known.map(|value| value.name.bytes());
        if known.clone().any(|name| name == subject) {
            return Err(error);
        }
        Err(match nearest(subject, SUBJECTS.into_iter().chain(known)) {
            Some(meant) => Error::new(format!("{error}; or did you mean {}?", shown(meant))),
            None => error,
        })
    }

    /// Whether it counts distinct users or sessions.
    pub fn is_distinct(&self) -> bool {
        matches!(self, Measure::Users | Measure::Sessions)
    }

    /// Whether it counts distinct users or sessions, or some of the users.
    pub fn counts_users(&self) -> bool {
        self.is_distinct() || matches!(self, Measure::People(_))
    }

    /// Whether it is not kept by slot, and is answered from whole buckets.
    pub fn widens(&self) -> bool {
        match self {
            Measure::People(people) => people.needs_users(),
            Measure::Value(_, Aggregate::Percentile(_)) => true,
            measure => measure.is_distinct(),
        }
    }

    /// Whether the numbers of rows add up to the number of the whole.
    pub fn is_additive(&self) -> bool {
        match self {
            Measure::Events | Measure::EventRate => true,
            Measure::Users | Measure::Sessions => false,
            Measure::People(people) => people.is_additive(),
            Measure::Visits(measure, _) => measure.is_additive(),
            Measure::Funnel(measure, _) => measure.is_additive(),
            Measure::Value(_, aggregate) => matches!(
                aggregate,
                Aggregate::Count | Aggregate::Rate | Aggregate::Sum
            ),
        }
    }
}

impl Aggregate {
    fn parse(word: &[u8]) -> Result<Aggregate> {
        let named = |(name, _): &&(&[u8], _)| name.eq_ignore_ascii_case(word);
        if let Some((_, aggregate)) = AGGREGATES.iter().find(named) {
            return Ok(*aggregate);
        }
        if let Some(percent) = percent(word) {
            return percent.map(Aggregate::Percentile);
        }
        let names = AGGREGATES.iter().map(|(name, _)| *name);
        let guess = did_you_mean(word, names);
        Err(Error::new(format!(
            "aggregate '{}' of a value is not one of {ACCEPTED}{guess}",
            shown(word)
        )))
    }
}

/// `p95`, `p99.9`; None for a word of any other form.
fn percent(word: &[u8]) -> Option<Result<f64>> {
    let digits = word
        .strip_prefix(b"p")
        .or_else(|| word.strip_prefix(b"P"))?;
    if !digits.first()?.is_ascii_digit() {
        return None;
    }
    // Digits, and a point between digits: neither a sign nor an exponent.
    let plain = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let is_plain = digits.iter().all(plain) && digits.last() != Some(&b'.');
    let percent = std::str::from_utf8(digits)
        .ok()
        .filter(|_| is_plain)
        .and_then(|digits| digits.parse::<f64>().ok())
        .filter(|percent| (0.0..=100.0).contains(percent));
    Some(percent.ok_or_else(|| {
        Error::new(format!(
            "percentile '{}' is not one from p0 to p100, such as p50, p95 or p99.9",
            shown(word)
        ))
    }))
}

fn unique(subject: &str, aggregate: Option<&[u8]>, accepted: &[&str]) -> Result<()> {
    match aggregate {
        None => Ok(()),
        Some(word) if word.eq_ignore_ascii_case(b"unique") => Ok(()),
        Some(word) => Err(no_aggregate_of(subject, word, accepted)),
    }
}

fn no_aggregate_of(subject: &str, word: &[u8], accepted: &[&str]) -> Error {
    Error::new(format!(
        "{subject} have no aggregate '{}', only {}{}",
        shown(word),
        accepted.join(" and "),
        did_you_mean(word, accepted.iter().map(|it| it.as_bytes()))
    ))
}
