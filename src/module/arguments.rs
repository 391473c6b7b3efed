//! The arguments of `ANALYTICS.TRACK` and `ANALYTICS.MTRACK`: read from left to right by position, so
//! that no word of the user's is ever taken for a keyword.

use super::redis::{Failure, Outcome, Words};
use crate::domain::bucket::Fingerprint;
use crate::domain::error::{shown, Error, Result};
use crate::domain::event::{Batch, Event, Run};
use crate::domain::hash::hash;
use crate::domain::limits;
use crate::domain::site;
use crate::domain::syntax::{once, unknown, Argument};
use crate::domain::text::Text;
use crate::domain::time::{is_supported, parse_instant, Zone};

/// Where an event stands among the words of its command, so that it can be replicated alone.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// Its words: event, user, options.
    pub start: usize,
    pub end: usize,
    /// The word after `AT`.
    pub at: Option<usize>,
}

/// What was parsed of a command. `'c`: the words are borrowed.
#[derive(Debug, Default)]
pub struct Request<'c> {
    pub batch: Batch<'c>,
    pub sources: Vec<Source>,
    /// The word after `CLOCK`, and the time that it gives.
    pub clock: Option<usize>,
    pub clock_time: Option<i64>,
    /// Every event came with its time in milliseconds.
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
pub const EVENT: Argument = Argument::block(c"event", &[KIND, USER, AT, SESSION, ID, DIM, VAL])
    .behind(c"EVENT")
    .multiple();

const OPTIONS: &[Argument] = &[AT, SESSION, ID, DIM, VAL];
const FIRST_EVENT: Argument = Argument::block(c"event", &[KIND, USER]).behind(c"EVENT");
const OPTIONS_OR_EVENT: &[Argument] = &[AT, SESSION, ID, DIM, VAL, FIRST_EVENT];

/// What a master adds for its replicas: the time by which it judged a command, and that of events
/// without one.
pub const CLOCK: Argument = Argument::integer(c"ms")
    .behind(c"CLOCK")
    .optional()
    .internal();

impl Request<'_> {
    /// An empty request that keeps the memory of this one.
    pub fn recycle<'n>(mut self) -> Request<'n> {
        self.sources.clear();
        Request {
            batch: self.batch.recycle(),
            sources: self.sources,
            ..Request::default()
        }
    }
}

/// Parses into the memory of a request.
pub struct Parser<'c, 'r> {
    pub words: Words<'c>,
    /// ISO times without an offset are in this zone.
    pub zone: &'r Zone,
    pub now: i64,
    pub request: &'r mut Request<'c>,
}

impl<'c> Parser<'c, '_> {
    /// `ANALYTICS.TRACK site event user [options]`
    pub fn track(mut self) -> Outcome {
        if self.words.len() < 4 {
            return Err(Failure::WrongArity);
        }
        self.request.timed = true;
        // A master puts it right behind the user.
        self.clock(4)?;
        let end = self.event(2)?;
        if let Some(word) = self.words.get(end) {
            return Err(unknown(word, OPTIONS).into());
        }
        Ok(())
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
        while let Some(word) = self.words.get(place) {
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
            place = parsed.map_err(|failure| number_event(failure, number))?;
        }
        Ok(())
    }

    /// An event whose first word stands at `start`; gives where the next word after it stands.
    fn event(&mut self, start: usize) -> Outcome<usize> {
        let missing = |what| Error::new(format!("an event needs a type and a user: no {what}"));
        let kind = self.words.get(start).ok_or_else(|| missing("type"))?;
        let user = self.words.get(start + 1).ok_or_else(|| missing("user"))?;
        site::check_name("event", kind)?;
        check_id("user", user)?;
        let mut event = Event {
            time: self.now,
            kind: Text::new(kind),
            user: hash(user),
            session: None,
            id: None,
            dimensions: Run {
                start: self.request.batch.dimensions.len() as u32,
                len: 0,
            },
            values: Run {
                start: self.request.batch.values.len() as u32,
                len: 0,
            },
        };
        let mut at = None;
        let mut place = start + 2;
        while let Some(word) = self.words.get(place) {
            let next = |offset: usize, what: &str| {
                self.words.get(place + offset).ok_or_else(|| {
                    let option = shown(word).to_uppercase();
                    Error::new(format!("{option} needs {what}"))
                })
            };
            match word {
                _ if DIM.is(word) => {
                    let (name, value) = (
                        next(1, "a name and a value")?,
                        next(2, "a name and a value")?,
                    );
                    self.dimension(&mut event, name, value)?;
                    place += 3;
                }
                _ if VAL.is(word) => {
                    let (name, number) = (
                        next(1, "a name and a number")?,
                        next(2, "a name and a number")?,
                    );
                    self.value(&mut event, name, number)?;
                    place += 3;
                }
                _ if AT.is(word) => {
                    once(&AT, at.is_none())?;
                    let time = next(1, "a time in milliseconds, in ISO 8601, or *")?;
                    event.time = self.time(time)?;
                    at = Some(place + 1);
                    place += 2;
                }
                _ if ID.is(word) => {
                    once(&ID, event.id.is_none())?;
                    let id = next(1, "an id")?;
                    check_id("id", id)?;
                    event.id = Some(Fingerprint::of(id));
                    place += 2;
                }
                _ if SESSION.is(word) => {
                    once(&SESSION, event.session.is_none())?;
                    let id = next(1, "an id")?;
                    check_id("session", id)?;
                    event.session = Some(hash(id));
                    place += 2;
                }
                _ if self.request.clock == Some(place + 1) => place += 2,
                _ => break,
            }
        }
        self.request.timed &= at.is_some();
        self.request.batch.events.push(event);
        self.request.sources.push(Source {
            start,
            end: place,
            at,
        });
        Ok(place)
    }

    fn dimension(&mut self, event: &mut Event<'c>, name: &'c [u8], value: &'c [u8]) -> Result<()> {
        let name = Text::new(name);
        check_dimension(name.bytes)?;
        if value.len() > limits::DIMENSION_VALUE {
            return Err(Error::new(format!(
                "the value of dimension '{}' has more than {} bytes",
                shown(name.bytes),
                limits::DIMENSION_VALUE
            )));
        }
        let batch = &mut self.request.batch;
        let given = batch.dimensions_of(event);
        if given.iter().any(|(other, _)| *other == name) {
            return Err(twice("dimension", name.bytes));
        }
        if given.len() == limits::DIMENSIONS_PER_EVENT {
            return Err(one_too_many(
                "dimension",
                name.bytes,
                limits::DIMENSIONS_PER_EVENT,
            ));
        }
        batch.dimensions.push((name, Text::new(value)));
        event.dimensions.len += 1;
        Ok(())
    }

    fn value(&mut self, event: &mut Event<'c>, name: &'c [u8], number: &'c [u8]) -> Result<()> {
        let name = Text::new(name);
        site::check_value_name(name.bytes)?;
        let number = parse_number(number).ok_or_else(|| {
            Error::new(format!(
                "value '{}': '{}' is not a finite number",
                shown(name.bytes),
                shown(number)
            ))
        })?;
        let batch = &mut self.request.batch;
        let given = batch.values_of(event);
        if given.iter().any(|(other, _)| *other == name) {
            return Err(twice("value", name.bytes));
        }
        if given.len() == limits::VALUES_PER_EVENT {
            return Err(one_too_many("value", name.bytes, limits::VALUES_PER_EVENT));
        }
        batch.values.push((name, number));
        event.values.len += 1;
        Ok(())
    }

    fn time(&mut self, word: &[u8]) -> Result<i64> {
        if word == b"*" {
            self.request.timed = false;
            return Ok(self.now);
        }
        if let Some(time) = parse_integer(word).filter(|time| is_supported(*time)) {
            return Ok(time);
        }
        self.request.timed = false;
        parse_instant("AT", word, self.zone)
    }

    /// Whether a clock stands there.
    fn clock(&mut self, place: usize) -> Result<bool> {
        let Some(time) = clock(self.words, place)? else {
            return Ok(false);
        };
        self.now = time;
        self.request.clock = Some(place + 1);
        self.request.clock_time = Some(time);
        Ok(true)
    }
}

/// The time of a `CLOCK ms` in this place.
pub fn clock(words: Words, place: usize) -> Result<Option<i64>> {
    if !words.get(place).is_some_and(|word| CLOCK.is(word)) {
        return Ok(None);
    }
    let time = words.get(place + 1).and_then(parse_integer);
    match time.filter(|time| is_supported(*time)) {
        None => Err(Error::new("CLOCK needs a time in milliseconds")),
        time => Ok(time),
    }
}

fn check_dimension(name: &[u8]) -> Result<()> {
    if name == b"event" {
        return Err(Error::new(
            "dimension 'event' is built in: it is the type of the event",
        ));
    }
    site::check_dimension_name(name)
}

fn check_id(what: &str, id: &[u8]) -> Result<()> {
    if id.is_empty() {
        return Err(Error::new(format!("the {what} is empty")));
    }
    if id.len() > limits::USER {
        return Err(Error::new(format!(
            "the {what} has more than {} bytes",
            limits::USER
        )));
    }
    Ok(())
}

/// A whole number, and nothing else.
pub fn parse_integer(word: &[u8]) -> Option<i64> {
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    Some(if negative { -number } else { number })
}

/// A finite number; the negative zero is zero.
pub fn parse_number(word: &[u8]) -> Option<f64> {
    if let Some(number) = parse_integer(word).filter(|number| number.abs() < 1 << 53) {
        return Some(number as f64);
    }
    let number: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    number.is_finite().then_some(number + 0.0)
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

fn number_event(failure: Failure, number: usize) -> Failure {
    match failure {
        Failure::Refused(error) => Error::new(format!("event {number}: {error}")).into(),
        other => other,
    }
}
