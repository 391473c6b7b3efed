//! What every event goes through, as a list of named steps. A step completes the draft, or drops it
//! for a reason that is counted in `analytics_dropped_total`.

use super::event::{cut, new_id, Draft, Event};
use super::event::{DIMENSIONS, NAME_BYTES, USER_BYTES, VALUES, VALUE_BYTES};
use super::{numbered, Source};
use crate::error::ApiError;
use crate::sites::Site;

/// Why an event is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    NoName,
    NoUser,
    TooLong(&'static str),
    FarAhead,
    NoRandomness,
}

impl Reason {
    /// As the label of the metric.
    pub fn word(self) -> &'static str {
        match self {
            Reason::NoName => "no_name",
            Reason::NoUser => "no_user",
            Reason::TooLong(_) => "too_long",
            Reason::FarAhead => "far_ahead",
            Reason::NoRandomness => "no_randomness",
        }
    }

    /// Whether the event is wrong, rather than unwanted.
    pub fn is_invalid(self) -> bool {
        true
    }

    /// The answer to whoever sent it, alone or as one of many.
    pub fn error(self, index: Option<usize>) -> ApiError {
        let error = match self {
            Reason::NoName => ApiError::invalid("event", "an event needs its type"),
            Reason::NoUser => ApiError::invalid("user_id", "an event needs its user"),
            Reason::TooLong(field) => ApiError::invalid(field, "it is too long"),
            Reason::FarAhead => {
                ApiError::invalid("timestamp", "it lies more than five minutes ahead")
            }
            Reason::NoRandomness => ApiError::internal(),
        };
        numbered(error, index)
    }
}

/// What is the same for all events of a request.
pub struct Context<'a> {
    pub site: &'a Site,
    pub source: &'a Source,
}

impl<'a> Context<'a> {
    pub fn new(site: &'a Site, source: &'a Source) -> Context<'a> {
        Context { site, source }
    }
}

type Step = fn(&mut Draft, &Context) -> Result<(), Reason>;

const STEPS: &[Step] = &[validate, allowed_properties, within_limits, server_time];

pub fn complete(mut draft: Draft, context: &Context) -> Result<Event, Reason> {
    for step in STEPS {
        step(&mut draft, context)?;
    }
    let id = match draft.id.take() {
        Some(id) => id,
        None => new_id().ok_or(Reason::NoRandomness)?,
    };
    Ok(Event {
        name: draft.name,
        user: draft.user.ok_or(Reason::NoUser)?,
        session: draft.session,
        id,
        time: draft.time.unwrap_or(context.source.now),
        passive: draft.passive,
        dimensions: draft.dimensions,
        values: draft.values,
    })
}

/// Names and ids are there and not too long.
fn validate(draft: &mut Draft, _: &Context) -> Result<(), Reason> {
    for empty in [&mut draft.user, &mut draft.session, &mut draft.id] {
        if empty.as_ref().is_some_and(String::is_empty) {
            *empty = None;
        }
    }
    if draft.name.is_empty() {
        return Err(Reason::NoName);
    }
    if draft.name.len() > NAME_BYTES {
        return Err(Reason::TooLong("event"));
    }
    let ids = [
        (&draft.user, "user_id"),
        (&draft.session, "session_id"),
        (&draft.id, "id"),
    ];
    match ids
        .iter()
        .find(|(id, _)| id.as_ref().is_some_and(|id| id.len() > USER_BYTES))
    {
        Some((_, field)) => Err(Reason::TooLong(field)),
        None => Ok(()),
    }
}

/// Only properties that the site lists, if it lists any.
fn allowed_properties(draft: &mut Draft, context: &Context) -> Result<(), Reason> {
    let listed = &context.site.properties;
    if !listed.is_empty() {
        draft.dimensions.retain(|(name, _)| listed.contains(name));
        draft.values.retain(|(name, _)| listed.contains(name));
    }
    Ok(())
}

/// As many dimensions and values as the module takes, each as long as it may be.
fn within_limits(draft: &mut Draft, _: &Context) -> Result<(), Reason> {
    let fits = |name: &str| !name.is_empty() && name.len() <= NAME_BYTES;
    draft.dimensions.retain(|(name, _)| fits(name));
    draft.values.retain(|(name, _)| fits(name));
    draft.dimensions.truncate(DIMENSIONS);
    draft.values.truncate(VALUES);
    for (_, value) in &mut draft.dimensions {
        cut(value, VALUE_BYTES);
    }
    Ok(())
}

/// A time that the event does not have is the server's; one that lies ahead of it is an error.
fn server_time(draft: &mut Draft, context: &Context) -> Result<(), Reason> {
    const AHEAD: i64 = 300_000;
    match draft.time {
        Some(time) if time > context.source.now.saturating_add(AHEAD) => Err(Reason::FarAhead),
        Some(_) => Ok(()),
        None => {
            draft.time = Some(context.source.now);
            Ok(())
        }
    }
}
