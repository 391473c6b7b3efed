//! The names of dimensions and values that a question may have.
//!
//! A site learns names from its events, so that a question about a name that it does not have yet is
//! answered with nothing. A name that is nearly one that the site has is refused: it is a typing mistake,
//! and nothing would look like an answer. A strict site, a rule and live metrics accept no other names
//! than those of the site.

use super::settings::forgotten;
use super::subjects::SUBJECTS;
use super::Settings;
use crate::error::{shown, Error, Result};
use crate::text::nearest::{nearest, suggest};
use crate::text::Text;

/// The names that a question may have.
#[derive(Clone, Copy)]
pub struct Names<'s> {
    /// None when there is no such site.
    site: Option<&'s Settings>,
    accepted: Accepted,
    /// Whether rows are written by a program, which makes no typing mistakes.
    is_literal: bool,
    /// Whether an `&` in front of any name and `=` begins a dimension.
    is_open: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Accepted {
    All,
    /// All but those that are nearly a name of the site.
    Distinct,
    /// Those of the site.
    Known,
}

/// A shorter name is near to too many others.
const SHORTEST_NEAR: usize = 3;

impl<'s> Names<'s> {
    /// Of a question about a site. None when there is no such site: it has no names, and all are accepted.
    pub fn of(site: Option<&'s Settings>) -> Names<'s> {
        let accepted = match site {
            Some(site) if site.is_strict() => Accepted::Known,
            _ => Accepted::Distinct,
        };
        Names::new(site, accepted)
    }

    fn new(site: Option<&'s Settings>, accepted: Accepted) -> Names<'s> {
        Names {
            site,
            accepted,
            is_literal: false,
            is_open: false,
        }
    }

    /// Of what a site evaluates again and again.
    pub fn known(site: &'s Settings) -> Names<'s> {
        Names::new(Some(site), Accepted::Known)
    }

    /// Any names.
    pub fn all(site: Option<&'s Settings>) -> Names<'s> {
        Names::new(site, Accepted::All)
    }

    /// The same, for a row that stands in parentheses: an `&` in front of what is nearly a dimension belongs
    /// to the value.
    pub fn literal(self) -> Names<'s> {
        Names {
            is_literal: true,
            ..self
        }
    }

    /// The same, for conditions of events: an `&` in front of any name and `=` begins a dimension.
    pub(super) fn open(self) -> Names<'s> {
        Names {
            is_open: true,
            ..self
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    pub fn site(&self) -> Option<&'s Settings> {
        self.site
    }

    /// Whether a name is nearly that of a dimension, and not one.
    pub fn is_near_dimension(&self, name: &[u8]) -> bool {
        if self.is_literal {
            return false;
        }
        let near = Names {
            accepted: Accepted::Distinct,
            ..*self
        };
        near.check_dimension(name).is_err()
    }

    pub fn check_dimension(&self, name: &[u8]) -> Result<()> {
        let Some(site) = self.site else {
            return Ok(());
        };
        if name == b"event" || site.dimension(Text::new(name)).is_some() {
            return Ok(());
        }
        if site.has_forgotten(name) {
            return Err(forgotten(name));
        }
        let visits = site.visits.as_ref();
        if visits.is_some_and(|visits| visits.is_derived(Text::new(name))) {
            let name = shown(name);
            return Err(Error::new(format!(
                "'{name}' is a dimension of visits alone, as in visits@{name}=/ and TOP ... {name} BY bounces"
            )));
        }
        let dimensions = site.dimensions().iter().map(|it| it.name.bytes());
        let known: Vec<&[u8]> = std::iter::once(&b"event"[..]).chain(dimensions).collect();
        self.check("dimension", name, &known, &[])
    }

    pub fn check_value(&self, name: &[u8]) -> Result<()> {
        let Some(site) = self.site else {
            return Ok(());
        };
        if site.has_value(Text::new(name)) {
            return Ok(());
        }
        let known: Vec<&[u8]> = site.values().iter().map(|it| it.name.bytes()).collect();
        self.check("value", name, &known, &SUBJECTS)
    }

    /// Checks a name that the site does not have. `other`: what it may have been meant to be, too.
    #[cold]
    fn check(&self, what: &str, name: &[u8], known: &[&[u8]], other: &[&[u8]]) -> Result<()> {
        if self.accepted == Accepted::All {
            return Ok(());
        }
        let long = known.iter().chain(other).copied();
        let meant = nearest(name, long.filter(|known| known.len() >= SHORTEST_NEAR));
        if self.accepted == Accepted::Distinct && meant.is_none() {
            return Ok(());
        }
        let names: Vec<String> = known.iter().map(|name| shown(name)).collect();
        let names = match names.as_slice() {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        Err(Error::new(format!(
            "the site has no {what} '{}'; it has: {names}{}",
            shown(name),
            meant.map_or(String::new(), suggest)
        )))
    }
}
