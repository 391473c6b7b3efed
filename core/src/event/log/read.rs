//! An entry read back. Any client may write to the stream: every field is checked as the argument of a
//! `TRACK` is, and a field of any other name is refused.

use super::{
    DIMENSION, EVENT, ID, ID_HASH, PASSIVE, SESSION, SESSION_HASH, TIME, USER, USER_HASH, VALUE,
};
use crate::error::{shown, Error, Result};
use crate::event::Fingerprint;
use crate::event::{Batch, Event, Identity};
use crate::text::numeral::{parse_integer, parse_number};
use crate::text::Text;
use crate::time::is_supported;

/// Adds the event of an entry to the batch, and returns the texts of its user, session and id.
pub fn read<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    batch: &mut Batch<'a>,
) -> Result<Identity<'a>> {
    let mut event = batch.begin(0);
    let mut identity = Identity::default();
    let mut given = GivenFields::default();
    for (field, text) in fields {
        if let Some(name) = field.strip_prefix(DIMENSION) {
            let name = batch.dimension_name(&event, name);
            batch.add_dimension(&mut event, name, text)?;
        } else if let Some(name) = field.strip_prefix(VALUE) {
            let number = parse_number(text).ok_or_else(|| wrong(field, text, "a finite number"))?;
            let name = batch.value_name(&event, name);
            batch.add_value(&mut event, name, number)?;
        } else {
            given.once(field)?;
            set(&mut event, &mut identity, field, text)?;
        }
    }
    given.check()?;
    batch.events.push(event);
    Ok(identity)
}

fn set<'a>(
    event: &mut Event<'a>,
    identity: &mut Identity<'a>,
    field: &[u8],
    text: &'a [u8],
) -> Result<()> {
    match field {
        EVENT => event.set_kind(Text::new(text))?,
        USER => {
            event.set_user(text)?;
            identity.user = text;
        }
        USER_HASH => event.user = hash(field, text)?,
        SESSION => {
            event.set_session(text)?;
            identity.session = Some(text);
        }
        SESSION_HASH => event.session = Some(hash(field, text)?),
        ID => {
            event.set_id(text)?;
            identity.id = Some(text);
        }
        ID_HASH => {
            let id = hex(text, 32).and_then(Fingerprint::from_bits);
            event.id = Some(id.ok_or_else(|| wrong(field, text, "32 hex digits of a hash"))?);
        }
        PASSIVE => {
            if text != b"1" {
                return Err(wrong(field, text, "1"));
            }
            event.passive = true;
        }
        _ => {
            let time = parse_integer(text).filter(|time| is_supported(*time));
            event.time = time.ok_or_else(|| wrong(field, text, "a time in milliseconds"))?;
        }
    }
    Ok(())
}

/// The fields that an event has at most once, and whether each was given.
#[derive(Default)]
struct GivenFields([bool; FIELDS.len()]);

/// Each under its names, and whether an event must have it.
const FIELDS: [([&[u8]; 2], bool); 6] = [
    ([EVENT, EVENT], true),
    ([USER, USER_HASH], true),
    ([TIME, TIME], true),
    ([SESSION, SESSION_HASH], false),
    ([ID, ID_HASH], false),
    ([PASSIVE, PASSIVE], false),
];

impl GivenFields {
    fn once(&mut self, field: &[u8]) -> Result<()> {
        let mut fields = FIELDS.iter().zip(&mut self.0);
        let Some((_, given)) = fields.find(|((names, _), _)| names.contains(&field)) else {
            return Err(Error::new(format!(
                "field '{}' is none of an event's: event, user or user-hash, time, session or \
                 session-hash, id or id-hash, passive, dim:name, val:name",
                shown(field)
            )));
        };
        if std::mem::replace(given, true) {
            return Err(Error::new(format!(
                "field '{}' is given twice, as a text or as a hash",
                shown(field)
            )));
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let mut fields = FIELDS.iter().zip(self.0);
        match fields.find(|((_, needed), given)| *needed && !given) {
            None => Ok(()),
            Some((([name, _], _), _)) => Err(Error::new(format!("no field '{}'", shown(name)))),
        }
    }
}

fn hash(field: &[u8], text: &[u8]) -> Result<u64> {
    let hash = hex(text, 16).and_then(|hash| u64::try_from(hash).ok());
    hash.ok_or_else(|| wrong(field, text, "16 hex digits of a hash"))
}

/// So many digits, as they are written.
fn hex(text: &[u8], digits: usize) -> Option<u128> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let text = std::str::from_utf8(text).ok()?;
    let is_hash = text.len() == digits && text.bytes().all(|byte| is_digit(&byte));
    is_hash.then(|| u128::from_str_radix(text, 16).ok())?
}

fn wrong(field: &[u8], text: &[u8], what: &str) -> Error {
    Error::new(format!("{}: '{}' is not {what}", shown(field), shown(text)))
}
