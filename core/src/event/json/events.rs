//! One event object or an array of them, read into a batch:
//!
//! ```text
//! {"event": "purchase",            the type, also as "event_type"
//!  "user_id": "ann",               a string, or a whole number as it is written; also as "visitor_id"
//!  "timestamp": 1733927467123,     see `timestamp`; without it, the event is of now
//!  "session_id": "s-1",            as user_id, may be missing
//!  "id": "order-1001",             as user_id, may be missing
//!  "page_url": "/shoes",           the dimension "page", may be missing
//!  "properties": {                 also as "event_data"
//!    "country": "FR",              a string is a dimension
//!    "new": true,                  as the dimensions "true" and "false"
//!    "revenue": 9.99,              a number is a value, or where the site declares a dimension
//!                                  of this name, and no value, the dimension as it is written
//!    "coupon": null,               null is as if it were not there, in every place
//!    "items": [{"sku": 5}]}}       nothing to count by: skipped, or refused by a strict site
//! ```
//!
//! Other members are skipped, unless their names are another spelling of these.

use super::member::Member;
use super::reader::{Fault, Read, Reader, Value};
use super::text::{unescape, Quoted};
use super::timestamp;
use super::Number;
use crate::error::{shown, Error, Result};
use crate::event::{Batch, Event, Identity};
use crate::schema::{limits, Settings};

/// A JSON text, and the batch that its events are added to.
pub struct Events<'a, 'r> {
    pub json: &'a [u8],
    /// The buffer for texts that have escapes. The length of the input is always enough.
    pub buffer: &'a mut [u8],
    /// The time of events without one.
    pub now: i64,
    /// Those of the site: ISO times without an offset are in its zone, and numbers are its dimensions.
    pub settings: &'r Settings,
    /// Properties that are neither dimensions nor values are refused.
    pub strict: bool,
    pub batch: &'r mut Batch<'a>,
    pub identities: &'r mut Vec<Identity<'a>>,
}

/// Whether reading needs a buffer.
pub fn has_escapes(json: &[u8]) -> bool {
    json.contains(&b'\\')
}

impl Events<'_, '_> {
    /// Reads them all; true if the time of every event is the same in every zone.
    pub fn read(self) -> Result<bool> {
        let mut reading = Reading {
            reader: Reader::new(self.json),
            events: self,
            number: 0,
            timed: true,
        };
        match reading.body() {
            Ok(()) => Ok(reading.timed),
            Err(Fault { at, error }) if reading.number == 0 => {
                Err(Error::new(format!("at byte {at}: {error}")))
            }
            Err(Fault { at, error }) => {
                let number = reading.number;
                Err(Error::new(format!("event {number} at byte {at}: {error}")))
            }
        }
    }
}

struct Reading<'a, 'r> {
    reader: Reader<'a>,
    events: Events<'a, 'r>,
    /// The number of the current event of an array, from 1.
    number: usize,
    timed: bool,
}

impl<'a> Reading<'a, '_> {
    fn body(&mut self) -> Read<()> {
        let begin = self.reader.clone();
        match self.reader.value() {
            Ok(Value::Object) => self.event()?,
            Ok(Value::Array) => self.array()?,
            _ => return Err(begin.expected("an event object or an array of them")),
        }
        self.number = 0;
        self.reader.end()
    }

    fn array(&mut self) -> Read<()> {
        let mut more = self.reader.first_item()?;
        while more {
            self.number += 1;
            if self.number > limits::EVENTS_PER_CALL {
                let most = limits::EVENTS_PER_CALL;
                let many = Error::new(format!("a call has at most {most} events"));
                return Err(self.reader.fault(many));
            }
            let at = self.reader.at();
            match self.reader.value()? {
                Value::Object => self.event()?,
                other => return Err(wrong(at, "an event", &other, "an object")),
            }
            more = self.reader.next_item()?;
        }
        Ok(())
    }

    /// Reads an event, of which the brace has been read.
    fn event(&mut self) -> Read<()> {
        let begun = self.reader.at();
        let mut event = self.events.batch.begin(self.events.now);
        let mut identity = Identity::default();
        let (mut members, mut timed) = (0, false);
        let mut name = self.reader.first_member()?;
        while let Some(given) = name {
            let at = self.reader.at();
            let given = self.text(given)?;
            let value = self.reader.value()?;
            let Some(member) = Member::of(given) else {
                if let Some(meant) = Member::meant(given) {
                    let given = shown(given);
                    let error = Error::new(format!("unknown member '{given}': write '{meant}'"));
                    return Err(Fault { at, error });
                }
                self.skip_rest(&value)?;
                name = self.reader.next_member()?;
                continue;
            };
            if members & member.bit() != 0 {
                let (name, other) = member.names();
                let also =
                    other.map_or(String::new(), |other| format!(", which is also '{other}',"));
                let error = Error::new(format!("'{name}'{also} is given twice"));
                return Err(Fault { at, error });
            }
            members |= member.bit();
            let fault = |error| Fault { at, error };
            match (member, value) {
                (_, Value::Null) => {}
                (Member::Event, Value::String(kind)) => {
                    let kind = self.text(kind)?;
                    event
                        .set_kind(self.events.batch.kind(kind))
                        .map_err(fault)?;
                }
                (Member::Event, _) => return Err(wrong(at, "event", &value, "a string")),
                (Member::User, _) => {
                    identity.user = self.identity(at, "user_id", &value)?;
                    event.set_user(identity.user).map_err(fault)?;
                }
                (Member::Session, _) => {
                    let session = self.identity(at, "session_id", &value)?;
                    identity.session = Some(session);
                    event.set_session(session).map_err(fault)?;
                }
                (Member::Id, _) => {
                    let id = self.identity(at, "id", &value)?;
                    identity.id = Some(id);
                    event.set_id(id).map_err(fault)?;
                }
                (Member::Timestamp, Value::Number(number)) => {
                    event.time = timestamp::of_number(&number).map_err(fault)?;
                    timed = true;
                }
                (Member::Timestamp, Value::String(text)) => {
                    let text = self.text(text)?;
                    (event.time, timed) =
                        timestamp::of_text(text, &self.events.settings.zone).map_err(fault)?;
                }
                (Member::Timestamp, _) => {
                    return Err(wrong(at, "timestamp", &value, "a number or a string"))
                }
                (Member::Page, Value::String(page)) => {
                    let page = self.text(page)?;
                    self.dimension(at, &mut event, b"page", page)?;
                }
                (Member::Page, _) => return Err(wrong(at, "page_url", &value, "a string")),
                (Member::Passive, Value::Bool(passive)) => event.passive = passive,
                (Member::Passive, _) => return Err(wrong(at, "passive", &value, "true or false")),
                (Member::Properties, Value::Object) => self.properties(&mut event)?,
                (Member::Properties, _) => {
                    return Err(wrong(at, "properties", &value, "an object"))
                }
            }
            name = self.reader.next_member()?;
        }
        for (missing, what) in [
            (event.kind.bytes.is_empty(), "event"),
            (identity.user.is_empty(), "user_id"),
        ] {
            if missing {
                let error = Error::new(format!("an event needs event and user_id: no {what}"));
                return Err(Fault { at: begun, error });
            }
        }
        self.timed &= timed;
        self.events.batch.events.push(event);
        self.events.identities.push(identity);
        Ok(())
    }

    fn properties(&mut self, event: &mut Event<'a>) -> Read<()> {
        let mut name = self.reader.first_member()?;
        while let Some(given) = name {
            let at = self.reader.at();
            let name_text = self.text(given)?;
            match self.reader.value()? {
                Value::String(text) => {
                    let text = self.text(text)?;
                    self.dimension(at, event, name_text, text)?;
                }
                Value::Number(number) => self.number(at, event, name_text, &number)?,
                Value::Bool(true) => self.dimension(at, event, name_text, b"true")?,
                Value::Bool(false) => self.dimension(at, event, name_text, b"false")?,
                Value::Null => {}
                nested if self.events.strict => {
                    let what = format!("properties.{}", shown(name_text));
                    let accepted = "a string, a number, a boolean or null on a strict site";
                    return Err(wrong(at, &what, &nested, accepted));
                }
                nested => self.reader.skip(&nested)?,
            }
            name = self.reader.next_member()?;
        }
        Ok(())
    }

    #[inline]
    fn dimension(
        &mut self,
        at: usize,
        event: &mut Event<'a>,
        name: &'a [u8],
        value: &'a [u8],
    ) -> Read<()> {
        let batch = &mut *self.events.batch;
        let name = batch.dimension_name(event, name);
        if batch
            .values_of(event)
            .iter()
            .any(|(other, _)| other.is(name))
        {
            return Err(twice(at, name.bytes));
        }
        let added = batch.add_dimension(event, name, value);
        added.map_err(|error| Fault { at, error })
    }

    #[inline]
    fn number(
        &mut self,
        at: usize,
        event: &mut Event<'a>,
        name: &'a [u8],
        number: &Number<'a>,
    ) -> Read<()> {
        let batch = &mut *self.events.batch;
        let name = batch.value_name(event, name);
        if self.events.settings.counts_numbers_as_dimension(name) {
            return self.dimension(at, event, name.bytes, number.text);
        }
        if batch
            .dimensions_of(event)
            .iter()
            .any(|(other, _)| other.is(name))
        {
            return Err(twice(at, name.bytes));
        }
        let value = number.value();
        if !value.is_finite() {
            let (name, text) = (shown(name.bytes), shown(number.text));
            let error = Error::new(format!(
                "value '{name}': {text} is beyond what a double holds"
            ));
            return Err(Fault { at, error });
        }
        let added = batch.add_value(event, name, value);
        added.map_err(|error| Fault { at, error })
    }

    /// The text of a user, a session or an id.
    fn identity(&mut self, at: usize, what: &str, value: &Value<'a>) -> Read<&'a [u8]> {
        match value {
            Value::String(text) => self.text(*text),
            Value::Number(number) if number.whole => Ok(number.text),
            other => Err(wrong(at, what, other, "a string or a whole number")),
        }
    }

    fn skip_rest(&mut self, value: &Value) -> Read<()> {
        match value {
            Value::Array | Value::Object => self.reader.skip(value),
            _ => Ok(()),
        }
    }

    #[inline]
    fn text(&mut self, text: Quoted<'a>) -> Read<&'a [u8]> {
        if !text.escaped {
            return Ok(text.raw);
        }
        self.unescaped(text.raw)
    }

    fn unescaped(&mut self, raw: &[u8]) -> Read<&'a [u8]> {
        let buffer = std::mem::take(&mut self.events.buffer);
        let Some((text, left)) = unescape(raw, buffer) else {
            return Err(self.reader.fault(Error::new("no room for the escapes")));
        };
        self.events.buffer = left;
        Ok(text)
    }
}

#[cold]
fn wrong(at: usize, what: &str, value: &Value, accepted: &str) -> Fault {
    let is = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(number) => shown(number.text),
        Value::String(_) => "a string".to_owned(),
        Value::Array => "an array".to_owned(),
        Value::Object => "an object".to_owned(),
    };
    Fault {
        at,
        error: Error::new(format!("{what} is {is}: expected {accepted}")),
    }
}

#[cold]
fn twice(at: usize, name: &[u8]) -> Fault {
    let name = shown(name);
    Fault {
        at,
        error: Error::new(format!("property '{name}' is given twice")),
    }
}
