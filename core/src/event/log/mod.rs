//! The event log: an event as an entry of the stream `{site}:events`, and back. The fields are in this
//! order:
//!
//! ```text
//! event          the type
//! user           or user-hash: 16 hex digits
//! time           milliseconds since the epoch
//! session        or session-hash: 16 hex digits         if it has one
//! id             or id-hash: 32 hex digits              if it has one
//! passive        1                                      if it is passive
//! dim:<name>     the value                              as often as it has dimensions
//! val:<name>     the number, in its shortest form       as often as it has values
//! ```
//!
//! A hash is the one by which the event is counted, so that it counts alike when it is read back.

mod read;
#[cfg(test)]
mod tests;

pub use crate::schema::Log;
pub use read::read;

use crate::event::{Batch, Event, Identity};
use crate::text::numeral::shown_number;

const EVENT: &[u8] = b"event";
const USER: &[u8] = b"user";
const USER_HASH: &[u8] = b"user-hash";
const TIME: &[u8] = b"time";
const SESSION: &[u8] = b"session";
const SESSION_HASH: &[u8] = b"session-hash";
const ID: &[u8] = b"id";
const ID_HASH: &[u8] = b"id-hash";
const PASSIVE: &[u8] = b"passive";
const DIMENSION: &[u8] = b"dim:";
const VALUE: &[u8] = b"val:";

/// Passes the fields of an event's entry to `say`, each with its value. A text that `identity` does not
/// have is written as its hash, and without `users` all of them are.
pub fn write(
    event: &Event,
    identity: &Identity,
    batch: &Batch,
    users: bool,
    mut say: impl FnMut(&[u8], &[u8]),
) {
    let known = |text| if users { text } else { None };
    say(EVENT, event.kind.bytes);
    match known(Some(identity.user).filter(|user| !user.is_empty())) {
        Some(user) => say(USER, user),
        None => say(USER_HASH, format!("{:016x}", event.user).as_bytes()),
    }
    say(TIME, event.time.to_string().as_bytes());
    if let Some(hash) = event.session {
        match known(identity.session) {
            Some(session) => say(SESSION, session),
            None => say(SESSION_HASH, format!("{hash:016x}").as_bytes()),
        }
    }
    if let Some(fingerprint) = event.id {
        match known(identity.id) {
            Some(id) => say(ID, id),
            None => say(ID_HASH, format!("{:032x}", fingerprint.bits()).as_bytes()),
        }
    }
    if event.passive {
        say(PASSIVE, b"1");
    }
    let mut field = Vec::new();
    let mut named = |prefix: &[u8], name: &[u8], value: &[u8]| {
        field.clear();
        field.extend_from_slice(prefix);
        field.extend_from_slice(name);
        say(&field, value);
    };
    for (name, value) in batch.dimensions_of(event) {
        named(DIMENSION, name.bytes, value.bytes);
    }
    for (name, number) in batch.values_of(event) {
        named(VALUE, name.bytes, shown_number(*number).as_bytes());
    }
}
