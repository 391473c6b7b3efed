//! A metric of a query: a term, or the ratio of two terms. A term is
//! `subject[:aggregate][@dimension=value[&dimension=value]...]`.
//!
//! ```text
//! latency:p95@event=checkout&country=FR          a term
//! |       |   '- the row: schema/selector.rs
//! |       '- after the last colon before the @: a value's name may have colons of its own
//! '- events, users, sessions, new or returning users (people.rs), something of visits
//! |          (visits.rs), or the name of a value, as it was given with
//!    the events: measure.rs
//!
//! events@status=5xx/events                       a ratio: ratio.rs
//! ```
//!
//! A value or a dimension that the site does not have is no error, unless it is nearly one that the site
//! has, or the site is strict: schema/names.rs.

mod funnels;
mod measure;
mod people;
mod ratio;
#[cfg(test)]
mod ratio_tests;
#[cfg(test)]
mod tests;
mod visits;

pub use crate::schema::Selector;
pub use funnels::{check_by, FunnelMeasure, FunnelSource};
pub use measure::{Aggregate, Measure};
pub use people::PeopleMeasure;
pub use visits::VisitMeasure;

use crate::error::{shown, Error, Result};
use crate::schema::limits;
use crate::schema::selector::split;
use crate::schema::{Names, Settings};
use ratio::{Form, Side};

#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub of: Term,
    /// What `of` is divided by.
    pub per: Option<Term>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    pub measure: Measure,
    /// None for the whole site.
    pub row: Option<Selector>,
}

impl Metric {
    /// `site`: the settings that hold dimensions and cubes; None when there is no such site: every
    /// metric is then accepted and counts nothing.
    pub fn parse(text: &[u8], site: Option<&Settings>) -> Result<Metric> {
        Metric::parse_named(text, Names::of(site))
    }

    /// The same, with these names only.
    pub fn parse_named(text: &[u8], names: Names) -> Result<Metric> {
        let metric = ratio::form(text, names).and_then(|form| match form {
            Form::Term(of) => Ok(Metric::of(Term::parse(of, names)?)),
            Form::Ratio(of, per) => Ok(Metric {
                of: Term::parse(of, names)?,
                per: Some(Term::parse(per, names)?),
            }),
        });
        metric.map_err(|error| Error::new(format!("metric '{}': {error}", shown(text))))
    }

    /// From when on everything that it measures was counted; `i64::MIN` where that is always.
    pub fn since(&self) -> i64 {
        let terms = std::iter::once(&self.of).chain(&self.per);
        let since = terms.map(|term| match term.measure {
            Measure::Funnel(_, source) => source.since,
            _ => i64::MIN,
        });
        since.max().unwrap_or(i64::MIN)
    }

    /// All metrics of a query.
    pub fn parse_all<'t>(
        texts: impl ExactSizeIterator<Item = &'t [u8]>,
        site: Option<&Settings>,
    ) -> Result<Vec<Metric>> {
        if texts.len() > limits::METRICS_PER_QUERY {
            return Err(Error::new(format!(
                "{} metrics are too many: a query has at most {}",
                texts.len(),
                limits::METRICS_PER_QUERY
            )));
        }
        texts.map(|text| Metric::parse(text, site)).collect()
    }

    /// The same, for a reply that is a map: each metric once.
    pub fn parse_different<'t>(
        texts: impl ExactSizeIterator<Item = &'t [u8]>,
        site: Option<&Settings>,
    ) -> Result<Vec<Metric>> {
        let texts: Vec<&[u8]> = texts.collect();
        for (place, text) in texts.iter().enumerate() {
            if texts.iter().take(place).any(|before| before == text) {
                let text = shown(text);
                return Err(Error::new(format!("metric '{text}' is given twice")));
            }
        }
        Metric::parse_all(texts.into_iter(), site)
    }

    pub fn of(of: Term) -> Metric {
        Metric { of, per: None }
    }

    /// Of the whole site.
    pub fn of_site(measure: Measure) -> Metric {
        Metric::of(Term { measure, row: None })
    }

    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        std::iter::once(&self.of).chain(&self.per)
    }

    /// Whether any of it is of visits or funnels, which are kept in buckets of hours and coarser ones.
    pub fn has_visits(&self) -> bool {
        self.terms().any(Term::is_of_visits)
    }

    /// Whether any of it is answered from whole buckets.
    pub fn widens(&self) -> bool {
        self.terms().any(|term| term.measure.widens())
    }
}

impl Term {
    fn parse(side: Side, names: Names) -> Result<Term> {
        let (measure, row) = Term::split(side.text);
        let measure = Measure::parse(measure, names)?;
        let row = row.map(|row| match measure {
            Measure::Visits(..) => Selector::parse_of_visits(row, side.names(names)),
            Measure::Funnel(_, source) => funnels::parse_row(row, source.tag, side.names(names)),
            _ => Selector::parse(row, side.names(names)),
        });
        let row = row.transpose()?;
        let term = Term { measure, row };
        match &term.row {
            Some(row) if term.measure.counts_users() => row.check_users()?,
            _ => {}
        }
        Ok(term)
    }

    /// Whether it is of visits or funnels.
    pub fn is_of_visits(&self) -> bool {
        matches!(self.measure, Measure::Visits(..) | Measure::Funnel(..))
    }

    /// What precedes the `@`, and what follows it.
    fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
        match text.iter().position(|byte| *byte == b'@') {
            None => (text, None),
            Some(at) => {
                let (measure, row) = text.split_at_checked(at).unwrap_or((text, b""));
                (measure, row.get(1..))
            }
        }
    }
}

/// A term of a metric, before its row is looked up: `TOP` adds dimensions to it.
pub struct TermText<'t> {
    pub measure: Measure,
    /// Dimensions and their values.
    pub row: Vec<(&'t [u8], Vec<u8>)>,
}

/// The terms of a metric.
pub fn read_terms<'t>(
    text: &'t [u8],
    names: Names,
) -> Result<(TermText<'t>, Option<TermText<'t>>)> {
    let read = |side: Side<'t>| {
        let (measure, row) = Term::split(side.text);
        let row = row.map(|row| split(row, side.names(names)));
        Ok(TermText {
            measure: Measure::parse(measure, names)?,
            row: row.transpose()?.unwrap_or_default(),
        })
    };
    match ratio::form(text, names)? {
        Form::Term(of) => Ok((read(of)?, None)),
        Form::Ratio(of, per) => Ok((read(of)?, Some(read(per)?))),
    }
}
