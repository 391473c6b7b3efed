//! Building an event, from arguments or from JSON: piece by piece, each of which is checked when it is
//! added.

use crate::error::{shown, Error, Result};
use crate::event::Fingerprint;
use crate::event::{Batch, Event, Run};
use crate::hash::hash;
use crate::schema::limits;
use crate::schema::{check_dimension_name, check_name, check_value_name};
use crate::text::Text;

impl<'a> Batch<'a> {
    /// An event that has only its time so far.
    pub fn begin(&self, time: i64) -> Event<'a> {
        Event {
            time,
            kind: Text {
                bytes: b"",
                hash: 0,
            },
            user: 0,
            session: None,
            id: None,
            passive: false,
            dimensions: Run::behind(&self.dimensions, 0),
            values: Run::behind(&self.values, 0),
        }
    }

    /// A type. Most events of a call are like the one before in type and in names, whose hashes are taken over.
    #[inline]
    pub fn kind(&self, kind: &'a [u8]) -> Text<'a> {
        Text::like(kind, self.events.last().map(|before| before.kind))
    }

    /// The name of the next dimension of an event.
    #[inline]
    pub fn dimension_name(&self, event: &Event, name: &'a [u8]) -> Text<'a> {
        let before = self.events.last().map(|before| self.dimensions_of(before));
        next_name(before, event.dimensions, name)
    }

    /// The name of the next value of an event.
    #[inline]
    pub fn value_name(&self, event: &Event, name: &'a [u8]) -> Text<'a> {
        let before = self.events.last().map(|before| self.values_of(before));
        next_name(before, event.values, name)
    }

    pub fn add_dimension(
        &mut self,
        event: &mut Event<'a>,
        name: Text<'a>,
        value: &'a [u8],
    ) -> Result<()> {
        if name.bytes == b"event" {
            return Err(Error::new(
                "dimension 'event' is built in: it is the type of the event",
            ));
        }
        check_dimension_name(name.bytes)?;
        if value.len() > limits::DIMENSION_VALUE {
            return Err(Error::new(format!(
                "the value of dimension '{}' has more than {} bytes",
                shown(name.bytes),
                limits::DIMENSION_VALUE
            )));
        }
        let given = self.dimensions_of(event);
        if given.iter().any(|(other, _)| other.is(name)) {
            return Err(twice("dimension", name.bytes));
        }
        if given.len() == limits::DIMENSIONS_PER_EVENT {
            return Err(one_too_many(
                "dimension",
                name.bytes,
                limits::DIMENSIONS_PER_EVENT,
            ));
        }
        self.dimensions.push((name, Text::new(value)));
        event.dimensions.len += 1;
        Ok(())
    }

    /// `number` is finite.
    pub fn add_value(&mut self, event: &mut Event<'a>, name: Text<'a>, number: f64) -> Result<()> {
        check_value_name(name.bytes)?;
        let given = self.values_of(event);
        if given.iter().any(|(other, _)| other.is(name)) {
            return Err(twice("value", name.bytes));
        }
        if given.len() == limits::VALUES_PER_EVENT {
            return Err(one_too_many("value", name.bytes, limits::VALUES_PER_EVENT));
        }
        self.values.push((name, number));
        event.values.len += 1;
        Ok(())
    }
}

impl<'a> Event<'a> {
    pub fn set_kind(&mut self, kind: Text<'a>) -> Result<()> {
        check_name("event", kind.bytes)?;
        self.kind = kind;
        Ok(())
    }

    pub fn set_user(&mut self, user: &[u8]) -> Result<()> {
        check_id("user", user)?;
        self.user = hash(user);
        Ok(())
    }

    pub fn set_session(&mut self, session: &[u8]) -> Result<()> {
        check_id("session", session)?;
        self.session = Some(hash(session));
        Ok(())
    }

    pub fn set_id(&mut self, id: &[u8]) -> Result<()> {
        check_id("id", id)?;
        self.id = Some(Fingerprint::of(id));
        Ok(())
    }
}

/// The name after those of a run. `before`: the names of the event before, with what they are of.
#[inline]
fn next_name<'a, T>(before: Option<&[(Text, T)]>, given: Run, name: &'a [u8]) -> Text<'a> {
    let before = before.and_then(|names| names.get(given.len as usize));
    Text::like(name, before.map(|(name, _)| *name))
}

fn check_id(what: &str, id: &[u8]) -> Result<()> {
    if id.is_empty() {
        return Err(Error::new(format!("the {what} is empty")));
    }
    if id.len() > limits::ID {
        return Err(Error::new(format!(
            "the {what} has more than {} bytes",
            limits::ID
        )));
    }
    Ok(())
}

fn twice(what: &str, name: &[u8]) -> Error {
    Error::new(format!("{what} '{}' is given twice", shown(name)))
}

fn one_too_many(what: &str, name: &[u8], limit: usize) -> Error {
    let name = shown(name);
    Error::new(format!(
        "{what} '{name}' is one too many: an event has at most {limit}"
    ))
}
