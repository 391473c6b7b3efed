//! Where a metric is divided: `events@status=5xx/events` is a ratio of two terms.
//!
//! A value of a dimension may have a `/` as well, and so may the name of a value. So a `/` divides only
//! where a whole term precedes it and a whole term follows it, up to the end. Even then:
//!
//! ```text
//! events@page=/events              the page /events: a value is not empty in front of a division
//! events@page=/pricing             the page /pricing: pricing is no term
//! users@page=/api/users            refused: it may be the page /api/users, or a ratio with the page /api
//! (users@page=/api/users)          the page /api/users: inside of parentheses nothing divides
//! (users@page=/api)/users          the ratio
//! users@page=/api/(users)          the same
//! ```
//!
//! What is refused has a `/` in the value that the division would end, or more than one place to divide.
//! What nearly is a term is refused as well (`events@status=5xx/evnts`), where the value in front of it has
//! no `/` of its own.

use super::{Measure, Term};
use crate::error::{shown, Error, Result};
use crate::schema::{Names, Selector, Settings, SUBJECTS};
use crate::text::nearest::nearest;

pub(super) enum Form<'t> {
    Term(Side<'t>),
    Ratio(Side<'t>, Side<'t>),
}

/// The text of a term.
#[derive(Clone, Copy)]
pub(super) struct Side<'t> {
    pub(super) text: &'t [u8],
    pub(super) is_enclosed: bool,
}

impl<'t> Side<'t> {
    fn open(text: &'t [u8]) -> Side<'t> {
        Side {
            text,
            is_enclosed: false,
        }
    }

    fn enclosed(text: &'t [u8]) -> Side<'t> {
        Side {
            text,
            is_enclosed: true,
        }
    }

    /// Without the parentheses around it.
    fn of(text: &'t [u8]) -> Side<'t> {
        let inner = text.strip_prefix(b"(");
        let inner = inner.and_then(|inner| inner.strip_suffix(b")"));
        inner.map_or(Side::open(text), Side::enclosed)
    }

    /// The names that it may have.
    pub(super) fn names<'s>(&self, names: Names<'s>) -> Names<'s> {
        match self.is_enclosed {
            true => names.literal(),
            false => names,
        }
    }
}

/// A longer text is no metric, and is not searched.
const LONGEST: usize = 16_384;
/// Each `/` is a place to divide, for which the text is read.
const MOST_SLASHES: usize = 64;

pub(super) fn form<'t>(text: &'t [u8], names: Names) -> Result<Form<'t>> {
    if text.len() > LONGEST {
        return Ok(Form::Term(Side::open(text)));
    }
    let site = names.site();
    if let Some(inner) = text.strip_prefix(b"(") {
        return Ok(enclosed(text, inner, site));
    }
    if slashes(text).count() > MOST_SLASHES {
        return Err(Error::new(format!(
            "it has more than {MOST_SLASHES} /: write it in parentheses if they belong to a value"
        )));
    }
    let mut found = None;
    for (before, after) in slashes(text) {
        let Some(division) = Division::at(before, after, site) else {
            continue;
        };
        if found.is_some() || division.is_doubtful {
            return Err(doubtful(text, before, after));
        }
        found = Some(Form::Ratio(Side::open(before), division.per));
    }
    match found {
        Some(ratio) => Ok(ratio),
        None => {
            refuse_near_division(text, names)?;
            Ok(Form::Term(Side::open(text)))
        }
    }
}

/// A text behind its `(`.
fn enclosed<'t>(text: &'t [u8], inner: &'t [u8], site: Option<&Settings>) -> Form<'t> {
    let ends = inner.windows(2).zip(0..);
    let ends = ends.filter_map(|(pair, end)| (pair == b")/").then_some(end));
    let ratio = |end: usize| {
        let (of, rest) = inner.split_at_checked(end)?;
        Some((of, Side::of(rest.get(2..)?)))
    };
    let mut ratios = ends.filter_map(ratio).take(MOST_SLASHES);
    let first = ratios.clone().next();
    match ratios
        .find(|(_, per)| Shape::of(per.text, site).is_some())
        .or(first)
    {
        Some((of, per)) => Form::Ratio(Side::enclosed(of), per),
        None => Form::Term(Side::of(text)),
    }
}

/// A `/` with a whole term on either side.
struct Division<'t> {
    per: Side<'t>,
    /// The `/` may as well belong to the value in front of it.
    is_doubtful: bool,
}

impl<'t> Division<'t> {
    fn at(before: &[u8], after: &'t [u8], site: Option<&Settings>) -> Option<Division<'t>> {
        let per = Side::of(after);
        let is_open = !per.is_enclosed;
        Shape::of(per.text, site)?;
        let shape = Shape::of(before, site).filter(|shape| !shape.ends_empty())?;
        if is_open && shape.value.is_some() && Term::split(per.text).0.contains(&b'/') {
            // In https://a.b/c:sum, no value /a.b/c is meant.
            return None;
        }
        Some(Division {
            per,
            is_doubtful: is_open && shape.ends_with_a_path(),
        })
    }
}

/// A text that is a term, whichever names the site has.
struct Shape {
    /// The value of a dimension that ends it, if one does.
    value: Option<Vec<u8>>,
}

impl Shape {
    fn of(text: &[u8], site: Option<&Settings>) -> Option<Shape> {
        let (measure, row) = Term::split(text);
        Measure::parse(measure, Names::all(site)).ok()?;
        let value = match row {
            None => None,
            Some(row) => Some(Selector::last_value(row, site).ok()?),
        };
        Some(Shape { value })
    }

    fn ends_empty(&self) -> bool {
        self.value.as_ref().is_some_and(Vec::is_empty)
    }

    fn ends_with_a_path(&self) -> bool {
        self.value
            .as_ref()
            .is_some_and(|value| value.contains(&b'/'))
    }
}

/// Each `/` of a text: what precedes it and what follows it.
fn slashes(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let places = text.iter().zip(0..);
    let places = places.filter_map(|(byte, place)| (*byte == b'/').then_some(place));
    places.filter_map(|place: usize| Some((text.get(..place)?, text.get(place + 1..)?)))
}

#[cold]
fn doubtful(text: &[u8], before: &[u8], after: &[u8]) -> Error {
    let [text, before, after] = [text, before, after].map(shown);
    Error::new(format!(
        "it may end with a value or be a ratio: write ({text}) for the value, ({before})/{after} for the ratio"
    ))
}

/// Refuses a text whose part behind a `/` is meant to be a term, and is none.
fn refuse_near_division(text: &[u8], names: Names) -> Result<()> {
    for (before, after) in slashes(text) {
        let Some(shape) = Shape::of(before, names.site()) else {
            continue;
        };
        if shape.ends_empty() || shape.ends_with_a_path() {
            continue;
        }
        let side = Side::of(after);
        let per = side.text;
        let end = per.iter().position(|byte| b":@".contains(byte));
        let subject = end.and_then(|end| per.get(..end)).unwrap_or(per);
        let known = names.site().into_iter().flat_map(Settings::values);
        let known = known.map(|value| value.name.bytes());
        if nearest(subject, SUBJECTS.into_iter().chain(known)).is_none() {
            continue;
        }
        if let Err(error) = Term::parse(side, names) {
            let text = shown(text);
            return Err(Error::new(format!(
                "behind its /: {error}; a value with a / is written ({text})"
            )));
        }
    }
    Ok(())
}
