//! A row as users name it: `dimension=value`, or two to four of them joined by `&`, for a cube.
//!
//! A name ends at its `=`, for it contains neither `=` nor `&`; a value may contain both. So an `&`
//! begins the next dimension only where the name of a dimension of the site, or `event`, and `=`
//! follow. Where they do and the `&` belongs to the value all the same, it is doubled:
//!
//! ```text
//! page=/x?a=1&b=2              the page /x?a=1&b=2, as long as b is no dimension
//! page=/x?a=1&&country=FR      the page /x?a=1&country=FR
//! page=/x?a=1&country=FR       the page /x?a=1 in FR: a cell of the cube page,country
//! ```
//!
//! In front of a dimension's name a run of n + 1 is n that belong to the value. A value that ends with an
//! `&` comes last, where it needs no doubling.
//!
//! A name that is nearly that of a dimension (`event=buy&contry=FR`) is a typing mistake and refused, unless
//! the `&` is doubled, the value has a `?` (it is a URL then, and has parameters), or the metric stands in
//! parentheses.

use super::limits;
use super::name_rules::check_part;
use super::{Names, RowKind, Settings, Visits, EVENT};
use crate::error::{shown, Error, Result};
use crate::text::{Name, Text};

/// A value of a dimension, or a cell of a cube.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    kind: RowKind,
    /// Of the dimension or the cube.
    name: Name,
    value: Name,
    /// Whether distinct users and sessions are counted there.
    users: bool,
}

pub(crate) type Part<'t> = (&'t [u8], Vec<u8>);

impl Selector {
    pub fn parse(text: &[u8], names: Names) -> Result<Selector> {
        Selector::of_parts(&split(text, names)?, names)
    }

    /// A value for which visits are counted.
    pub fn parse_of_visits(text: &[u8], names: Names) -> Result<Selector> {
        Selector::parse_alone(text, names, "visits", |name| check_of_visits(name, names))
    }

    /// A value of one dimension that `check` accepts. `what`: that is counted for it.
    pub fn parse_alone(
        text: &[u8],
        names: Names,
        what: &str,
        check: impl FnOnce(&[u8]) -> Result<()>,
    ) -> Result<Selector> {
        let parts = split(text, Names::all(names.site()))?;
        let [(name, value)] = parts.as_slice() else {
            return Err(Error::new(format!(
                "{what} are counted by one dimension at a time"
            )));
        };
        check(name)?;
        if value.len() > limits::DIMENSION_VALUE {
            return Err(Error::new(format!(
                "dimension '{}': a value has at most {} bytes",
                shown(name),
                limits::DIMENSION_VALUE
            )));
        }
        Ok(Selector {
            kind: RowKind::Dimension,
            name: Name::new(name),
            value: Name::new(value),
            users: true,
        })
    }

    /// The last value of a text that is a row of a site, whether or not the site has the dimensions and
    /// the cube.
    pub fn last_value(text: &[u8], site: Option<&Settings>) -> Result<Vec<u8>> {
        let parts = split(text, Names::all(site))?;
        parts
            .iter()
            .try_for_each(|(name, value)| check_part(name, value))?;
        Ok(parts
            .into_iter()
            .last()
            .map_or(Vec::new(), |(_, value)| value))
    }

    /// A value of one dimension, or of each dimension of a cube.
    pub fn of_pairs(pairs: &[(&[u8], &[u8])], names: Names) -> Result<Selector> {
        if pairs.len() > MOST_PARTS {
            return Err(Error::new(format!(
                "a cube has at most {MOST_PARTS} dimensions"
            )));
        }
        for (index, (name, _)) in pairs.iter().enumerate() {
            if pairs.iter().take(index).any(|(before, _)| before == name) {
                let name = shown(name);
                return Err(Error::new(format!("dimension '{name}' is given twice")));
            }
        }
        let parts: Vec<Part> = pairs
            .iter()
            .map(|(name, value)| (*name, value.to_vec()))
            .collect();
        Selector::of_parts(&parts, names)
    }

    fn of_parts(parts: &[Part], names: Names) -> Result<Selector> {
        for (name, value) in parts {
            check_part(name, value)?;
            names.check_dimension(name)?;
        }
        match parts {
            [(name, value)] => Selector::of(name, value, names),
            parts => Selector::of_cube(parts, names.site()),
        }
    }

    /// A value of one dimension.
    pub fn of(name: &[u8], value: &[u8], names: Names) -> Result<Selector> {
        check_part(name, value)?;
        names.check_dimension(name)?;
        let site = names.site();
        let (kind, name, users) = match name {
            b"event" => (
                RowKind::Event,
                EVENT,
                site.is_none_or(|site| site.event_users()),
            ),
            _ => {
                let name = Text::new(name);
                let known = site.and_then(|site| site.dimension(name));
                (
                    RowKind::Dimension,
                    name,
                    known.is_none_or(|known| known.users),
                )
            }
        };
        Ok(Selector {
            kind,
            name: Name::from(name),
            value: Name::new(value),
            users,
        })
    }

    fn of_cube(parts: &[Part], site: Option<&Settings>) -> Result<Selector> {
        let names: Vec<&[u8]> = parts.iter().map(|(name, _)| *name).collect();
        let Some(site) = site else {
            return Ok(Selector {
                kind: RowKind::Cube,
                name: Name::new(&names.join(&b","[..])),
                value: Name::new(b""),
                users: true,
            });
        };
        let cube = site.cube_of(&names)?;
        let of = |name: &[u8]| parts.iter().find(|(part, _)| *part == name);
        let event = of(b"event").map_or(EVENT, |(_, value)| Text::new(value));
        let dimensions: Vec<(Text, Text)> = parts
            .iter()
            .map(|(name, value)| (Text::new(name), Text::new(value)))
            .collect();
        let mut cell = Vec::new();
        cube.write_cell(event, &dimensions, &mut cell);
        Ok(Selector {
            kind: RowKind::Cube,
            name: cube.name.clone(),
            value: Name::new(&cell),
            users: cube.users,
        })
    }

    pub fn kind(&self) -> RowKind {
        self.kind
    }

    /// Of the dimension or the cube.
    pub fn name(&self) -> Text<'_> {
        self.name.text()
    }

    /// Of the dimension, or the cell of the cube.
    pub fn value(&self) -> Text<'_> {
        self.value.text()
    }

    pub fn check_users(&self) -> Result<()> {
        if self.users {
            return Ok(());
        }
        let (what, name) = match self.kind {
            RowKind::Event => ("dimension", &b"event"[..]),
            RowKind::Dimension => ("dimension", self.name.bytes()),
            RowKind::Cube => ("cube", self.name.bytes()),
        };
        Err(no_users(what, name))
    }
}

/// Refuses a dimension by which the site does not count visits.
pub fn check_of_visits(name: &[u8], names: Names) -> Result<()> {
    let Some(site) = names.site() else {
        return Ok(());
    };
    let visits = site.visits.as_deref();
    if visits.is_some_and(|visits| visits.counts_by(Text::new(name))) {
        return Ok(());
    }
    let known = visits.into_iter().flat_map(Visits::dimensions);
    let known: Vec<String> = known.map(shown).collect();
    let known = match known.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    Err(Error::new(format!(
        "the site counts no visits by '{}', but by: {known}; see VISITS ... BY",
        shown(name)
    )))
}

/// The refusal of distinct counts where none are kept.
pub fn no_users(what: &str, name: &[u8]) -> Error {
    Error::new(format!(
        "{what} '{}' is declared NOUSERS: it keeps counts and values, but no users and sessions",
        shown(name)
    ))
}

pub(crate) fn split<'t>(text: &'t [u8], names: Names) -> Result<Vec<Part<'t>>> {
    let mut parts: Vec<Part> = Vec::with_capacity(1);
    let mut rest = Some(text);
    while let Some(part) = rest {
        let (name, value) = cut(part).ok_or_else(|| {
            Error::new("after the @ comes dimension=value, such as @country=FR or @event=purchase")
        })?;
        if parts.iter().any(|(before, _)| *before == name) {
            return Err(Error::new(format!(
                "dimension '{}' is given twice; an & that belongs to a value is written && here",
                shown(name)
            )));
        }
        if parts.len() == MOST_PARTS {
            return Err(Error::new(format!(
                "a cube has at most {MOST_PARTS} dimensions; an & that belongs to a value is \
                 written && in front of the name of a dimension"
            )));
        }
        let (value, next) = value_and_next(value, names)?;
        parts.push((name, value));
        rest = next;
    }
    Ok(parts)
}

const MOST_PARTS: usize = limits::DIMENSIONS_PER_CUBE;

/// Splits at the first `=`.
fn cut(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = part.iter().position(|byte| *byte == b'=')?;
    let (name, rest) = part.split_at_checked(at)?;
    Some((name, rest.get(1..)?))
}

/// A value without its doubling, and what follows it: the next dimension, with its name.
fn value_and_next<'t>(text: &'t [u8], names: Names) -> Result<(Vec<u8>, Option<&'t [u8]>)> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'&') {
        let (before, run) = rest.split_at_checked(at).unwrap_or((rest, b""));
        let len = run.iter().take_while(|byte| **byte == b'&').count();
        let (run, after) = run.split_at_checked(len).unwrap_or((run, b""));
        value.extend_from_slice(before);
        rest = after;
        match next_name(after) {
            Some(name) if is_dimension(name, names) || names.is_open() && is_plain(&value) => {
                if len == 1 {
                    return Ok((value, Some(after)));
                }
                value.extend(run.iter().skip(1));
            }
            Some(name) if is_plain(&value) && names.is_near_dimension(name) => {
                if len == 1 {
                    names.check_dimension(name)?;
                }
                value.extend(run.iter().skip(usize::from(len > 1)));
            }
            _ => value.extend_from_slice(run),
        }
    }
    value.extend_from_slice(rest);
    Ok((value, None))
}

/// Whether a value is no URL with parameters, and not too long for a value.
fn is_plain(value: &[u8]) -> bool {
    value.len() <= limits::DIMENSION_VALUE && !value.contains(&b'?')
}

/// What may be the name of a dimension at the beginning of a text.
fn next_name(text: &[u8]) -> Option<&[u8]> {
    // No name is longer, so that a text of nothing but & is not searched over and over.
    let start = text.get(..limits::NAME + 1).unwrap_or(text);
    let (name, _) = cut(start)?;
    (!name.contains(&b'&')).then_some(name)
}

fn is_dimension(name: &[u8], names: Names) -> bool {
    let site = names.site();
    name == b"event" || site.is_some_and(|site| site.dimension(Text::new(name)).is_some())
}
