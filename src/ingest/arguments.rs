//! The arguments of `ANALYTICS.TRACK`, `MTRACK` and `TRACKJSON`: read from left to right by position,
//! so that a name or a value is never mistaken for a keyword.

use super::origin::Origin;
use crate::api::failure::{Failure, Outcome};
use crate::api::stream::EntryId;
use crate::api::words::Words;
use analytics_core::error::{shown, Error, Result};
use analytics_core::event::at::parse_at;
use analytics_core::event::json::Events;
use analytics_core::event::{Batch, Event, Identity};
use analytics_core::schema::{limits, Settings};
use analytics_core::site::Replayed;
use analytics_core::text::numeral::{parse_integer, parse_number};
use analytics_core::text::syntax::{once, unknown, Argument};
use analytics_core::time::is_supported;

/// The places of an event's words in its command, by which the event can be replicated alone.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// Its words: event, user, options.
    pub start: usize,
    pub end: usize,
    /// The word after `AT`.
    pub at: Option<usize>,
    pub session: Option<usize>,
    pub id: Option<usize>,
}

/// What was parsed of a command. `'c`: the words are borrowed.
#[derive(Debug, Default)]
pub struct Request<'c> {
    pub batch: Batch<'c>,
    pub sources: Vec<Source>,
    /// In place of the sources, for events from JSON or from a log.
    pub identities: Vec<Identity<'c>>,
    pub is_json: bool,
    /// The events are those of an event log, after this entry.
    pub replayed_after: Option<EntryId>,
    /// Where that replay ends, if any entry was read.
    pub replayed_to: Option<Replayed>,
    /// The word after `CLOCK`, and the time that it gives.
    pub clock: Option<usize>,
    pub clock_time: Option<i64>,
    /// Every event has its time: a number, or in JSON ISO 8601 with a zone.
    pub timed: bool,
}

pub const KIND: Argument = Argument::text(c"event");
pub const USER: Argument = Argument::text(c"user");
pub const AT: Argument = Argument::one_of(
    c"time",
    &[Argument::text(c"ms"), Argument::token(c"now", c"*")],
)
.behind(c"AT")
.optional();
pub const SESSION: Argument = Argument::text(c"id").behind(c"SESSION").optional();
pub const ID: Argument = Argument::text(c"id").behind(c"ID").optional();
/// A heartbeat, or an event of a server: it makes a visit longer, but neither begins one nor ends a bounce.
pub const PASSIVE: Argument = Argument::token(c"passive", c"PASSIVE").optional();
pub const DIM: Argument = Argument::block(
    c"dimension",
    &[Argument::text(c"name"), Argument::text(c"value")],
)
.behind(c"DIM")
.optional()
.multiple();
pub const VAL: Argument = Argument::block(
    c"value",
    &[Argument::text(c"name"), Argument::number(c"number")],
)
.behind(c"VAL")
.optional()
.multiple();
pub const EVENT: Argument =
    Argument::block(c"event", &[KIND, USER, AT, SESSION, ID, PASSIVE, DIM, VAL])
        .behind(c"EVENT")
        .multiple();

const OPTIONS: &[Argument] = &[AT, SESSION, ID, PASSIVE, DIM, VAL];
const FIRST_EVENT: Argument = Argument::block(c"event", &[KIND, USER]).behind(c"EVENT");
const OPTIONS_OR_EVENT: &[Argument] = &[AT, SESSION, ID, PASSIVE, DIM, VAL, FIRST_EVENT];

/// Used in replication only: the time by which the master decided lateness, which is also the time of
/// events without one.
pub const CLOCK: Argument = Argument::integer(c"ms")
    .behind(c"CLOCK")
    .optional()
    .internal();

impl<'c> Request<'c> {
    /// The user, session and id of an event, as far as they were given.
    pub fn identity(&self, words: Words<'c>, number: usize) -> Identity<'c> {
        let identity = self.identities.get(number).copied();
        identity
            .or_else(|| {
                let source = self.sources.get(number)?;
                Some(Identity {
                    user: words.get(source.start + 1)?,
                    session: source.session.and_then(|place| words.get(place)),
                    id: source.id.and_then(|place| words.get(place)),
                })
            })
            .unwrap_or_default()
    }

    /// Empties it, but keeps the memory.
    pub fn clear(&mut self) {
        self.batch.clear();
        self.sources.clear();
        self.identities.clear();
        self.is_json = false;
        (self.replayed_after, self.replayed_to) = (None, None);
        (self.clock, self.clock_time) = (None, None);
        self.timed = false;
    }
}

/// Parses into the memory of a request.
pub struct Parser<'c, 'r> {
    pub words: Words<'c>,
    /// Those of the site.
    pub settings: &'r Settings,
    pub now: i64,
    /// Dimensions and values that the site does not have are refused.
    pub strict: bool,
    /// A client's `CLOCK` is a word like any other.
    pub origin: Origin,
    pub request: &'r mut Request<'c>,
}

impl<'c> Parser<'c, '_> {
    /// `ANALYTICS.TRACK site event user [options]`
    pub fn track(mut self) -> Outcome {
        if self.words.len() < 4 {
            return Err(Failure::WrongArity);
        }
        self.request.timed = true;
        // In replication it comes right after the user.
        self.clock(4)?;
        let (_, behind) = self.event(2)?;
        match behind {
            Some(word) => Err(unknown(word, OPTIONS).into()),
            None => Ok(()),
        }
    }

    /// `ANALYTICS.MTRACK site EVENT event user [options] [EVENT event user [options]]...`
    pub fn mtrack(mut self) -> Outcome {
        if self.words.len() < 5 {
            return Err(Failure::WrongArity);
        }
        self.request.timed = true;
        let mut place = 2;
        if self.clock(place)? {
            place += 2;
        }
        let mut next = self.words.get(place);
        while let Some(word) = next {
            let number = self.request.batch.events.len() + 1;
            if number > limits::EVENTS_PER_CALL {
                let most = limits::EVENTS_PER_CALL;
                return Err(Error::new(format!("a call has at most {most} events")).into());
            }
            let parsed = if FIRST_EVENT.is(word) {
                self.event(place + 1)
            } else if number == 1 {
                return Err(unknown(word, &[FIRST_EVENT]).into());
            } else {
                // What cannot be an option belongs to the event before it.
                let error = unknown(word, OPTIONS_OR_EVENT);
                return Err(number_event(error.into(), number - 1));
            };
            (place, next) = parsed.map_err(|failure| number_event(failure, number))?;
        }
        Ok(())
    }

    /// `ANALYTICS.TRACKJSON site json`, with a buffer for texts that have escapes.
    pub fn trackjson(mut self, buffer: &'c mut [u8]) -> Outcome {
        // In replication.
        let is_behind = |words: Words, place| words.len() > place;
        if self.clock(3)? != is_behind(self.words, 3) || is_behind(self.words, 5) {
            return Err(Failure::WrongArity);
        }
        self.request.is_json = true;
        let events = Events {
            json: self.words.get(2).ok_or(Failure::WrongArity)?,
            buffer,
            now: self.now,
            settings: self.settings,
            strict: self.strict,
            batch: &mut self.request.batch,
            identities: &mut self.request.identities,
        };
        self.request.timed = events.read()?;
        Ok(())
    }

    /// Parses an event from `start` on. Returns the place after it, and the word there.
    fn event(&mut self, start: usize) -> Outcome<(usize, Option<&'c [u8]>)> {
        let missing = |what| Error::new(format!("an event needs a type and a user: no {what}"));
        let kind = self.words.get(start).ok_or_else(|| missing("type"))?;
        let user = self.words.get(start + 1).ok_or_else(|| missing("user"))?;
        let mut event = self.request.batch.begin(self.now);
        event.set_kind(self.request.batch.kind(kind))?;
        event.set_user(user)?;
        let (mut at, mut session_at, mut id_at) = (None, None, None);
        let mut place = start + 2;
        let behind = loop {
            let Some(word) = self.words.get(place) else {
                break None;
            };
            let next = |offset: usize, what: &str| {
                self.words.get(place + offset).ok_or_else(|| {
                    let option = shown(word).to_uppercase();
                    Error::new(format!("{option} needs {what}"))
                })
            };
            match word {
                _ if DIM.is(word) => {
                    let needed = "a name and a value";
                    let (name, value) = (next(1, needed)?, next(2, needed)?);
                    let batch = &mut self.request.batch;
                    let name = batch.dimension_name(&event, name);
                    batch.add_dimension(&mut event, name, value)?;
                    place += 3;
                }
                _ if VAL.is(word) => {
                    let needed = "a name and a number";
                    let (name, number) = (next(1, needed)?, next(2, needed)?);
                    self.value(&mut event, name, number)?;
                    place += 3;
                }
                _ if AT.is(word) => {
                    once(&AT, at.is_none())?;
                    let time = next(1, "a time in seconds or milliseconds, in ISO 8601, or *")?;
                    event.time = self.time(time)?;
                    at = Some(place + 1);
                    place += 2;
                }
                _ if ID.is(word) => {
                    once(&ID, event.id.is_none())?;
                    let id = next(1, "an id")?;
                    event.set_id(id)?;
                    id_at = Some(place + 1);
                    place += 2;
                }
                _ if SESSION.is(word) => {
                    once(&SESSION, event.session.is_none())?;
                    let id = next(1, "an id")?;
                    event.set_session(id)?;
                    session_at = Some(place + 1);
                    place += 2;
                }
                _ if PASSIVE.is(word) => {
                    once(&PASSIVE, !event.passive)?;
                    event.passive = true;
                    place += 1;
                }
                _ if self.request.clock == Some(place + 1) => place += 2,
                _ => break Some(word),
            }
        };
        self.request.timed &= at.is_some();
        self.request.batch.events.push(event);
        self.request.sources.push(Source {
            start,
            end: place,
            at,
            session: session_at,
            id: id_at,
        });
        Ok((place, behind))
    }

    fn value(&mut self, event: &mut Event<'c>, name: &'c [u8], number: &'c [u8]) -> Result<()> {
        let number = parse_number(number).ok_or_else(|| {
            Error::new(format!(
                "value '{}': '{}' is not a finite number",
                shown(name),
                shown(number)
            ))
        })?;
        let batch = &mut self.request.batch;
        let name = batch.value_name(event, name);
        batch.add_value(event, name, number)
    }

    fn time(&mut self, word: &[u8]) -> Result<i64> {
        if word == b"*" {
            self.request.timed = false;
            return Ok(self.now);
        }
        let (time, is_timed) = parse_at(word, &self.settings.zone)?;
        self.request.timed &= is_timed;
        Ok(time)
    }

    /// Parses a clock at this place. True if there is one.
    #[inline]
    fn clock(&mut self, place: usize) -> Result<bool> {
        let is_there = is_clock(self.words, place, self.origin);
        if is_there {
            let time = clock_time(self.words, place)?;
            self.now = time;
            self.request.clock = Some(place + 1);
            self.request.clock_time = Some(time);
        }
        Ok(is_there)
    }
}

/// The time of a `CLOCK ms` in this place, which only a master or an AOF gives.
pub fn clock(words: Words, place: usize, origin: Origin) -> Result<Option<i64>> {
    match is_clock(words, place, origin) {
        true => clock_time(words, place).map(Some),
        false => Ok(None),
    }
}

#[inline]
fn is_clock(words: Words, place: usize, origin: Origin) -> bool {
    origin == Origin::Master && words.get(place).is_some_and(|word| CLOCK.is(word))
}

#[inline(never)]
fn clock_time(words: Words, place: usize) -> Result<i64> {
    let time = words.get(place + 1).and_then(parse_integer);
    time.filter(|time| is_supported(*time))
        .ok_or_else(|| Error::new("CLOCK needs a time in milliseconds"))
}

fn number_event(failure: Failure, number: usize) -> Failure {
    match failure {
        Failure::Refused(error) => Error::new(format!("event {number}: {error}")).into(),
        other => other,
    }
}
