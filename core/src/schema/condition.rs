//! A condition on an event, of a funnel: `dimension=value[&dimension=value]...`, where `event` is its type.
//!
//! It is read as a row is (`funnel_words.rs`), but needs no cube.

use super::limits;
use super::name_rules::check_part;
use crate::error::{shown, Error, Result};
use crate::memory::allocated;
use crate::text::{Name, Text};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// As it was given.
    text: Box<[u8]>,
    /// The type that an event has to be of.
    event: Option<Name>,
    /// The values that it has to have, with their dimensions.
    parts: Vec<(Name, Name)>,
}

/// Dimensions and their values, as they are stored and read.
pub type Pair<'p> = (&'p [u8], &'p [u8]);

impl Condition {
    /// `text`: as it is shown.
    pub fn of_parts(text: &[u8], pairs: &[Pair]) -> Result<Condition> {
        let limit = limits::DIMENSIONS_PER_CUBE;
        if text.len() > limits::METRIC || !(1..=limit).contains(&pairs.len()) {
            return Err(Error::new(format!(
                "a condition has at most {limit} dimensions and {} bytes",
                limits::METRIC
            )));
        }
        let mut condition = Condition {
            text: text.into(),
            event: None,
            parts: Vec::with_capacity(pairs.len()),
        };
        for (place, (name, value)) in pairs.iter().enumerate() {
            check_part(name, value)?;
            if pairs.iter().take(place).any(|(before, _)| before == name) {
                let name = shown(name);
                return Err(Error::new(format!("dimension '{name}' is given twice")));
            }
            match *name {
                b"event" => condition.event = Some(Name::new(value)),
                _ => condition.parts.push((Name::new(name), Name::new(value))),
            }
        }
        // As many bytes as they take, whatever made them.
        condition.parts.shrink_to_fit();
        Ok(condition)
    }

    /// As it was given.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The dimensions and their values; the type of the event comes first.
    pub fn pairs(&self) -> impl Iterator<Item = Pair<'_>> {
        let event = self.event.iter().map(|kind| (&b"event"[..], kind.bytes()));
        event.chain(
            self.parts
                .iter()
                .map(|(name, value)| (name.bytes(), value.bytes())),
        )
    }

    /// Whether it asks for the same as another one.
    pub fn is_same(&self, other: &Condition) -> bool {
        let mut pairs = self.pairs();
        self.pairs().count() == other.pairs().count()
            && pairs.all(|pair| other.pairs().any(|other| other == pair))
    }

    /// Whether an event of this type and these dimensions meets it.
    #[inline]
    pub fn is_met(&self, kind: Text, dimensions: &[(Text, Text)]) -> bool {
        self.event.as_ref().is_none_or(|event| event.is(kind))
            && self.parts.iter().all(|(name, value)| {
                let mut dimensions = dimensions.iter();
                dimensions.any(|(other, has)| name.is(*other) && value.is(*has))
            })
    }

    pub fn heap_bytes(&self) -> usize {
        let name = |name: &Name| allocated(name.bytes().len());
        let parts = self.parts.iter().map(|(a, b)| name(a) + name(b));
        allocated(self.text.len())
            + self.event.as_ref().map_or(0, name)
            + allocated(self.parts.capacity() * size_of::<(Name, Name)>())
            + parts.sum::<usize>()
    }
}
