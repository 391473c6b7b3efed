//! What every event goes through, as a list of named steps. A step completes the draft, or drops it
//! for a reason that is counted in `analytics_dropped_total`.
//!
//! Steps that look at a browser do so only for events that a page sent (`Draft::is_web`): of an
//! event from a server, agent and address are the server's.

use super::event::{cut, is_found, new_id, Draft, Event};
use super::event::{DIMENSIONS, NAME_BYTES, USER_BYTES, VALUES, VALUE_BYTES};
use super::reason::Reason;
use super::source::Source;
use crate::enrich::{host_of, source_of, Enrich, Rotation};
use crate::sites::{IdMode, Site};
use url::Url;

/// What is the same for all events of a request.
pub struct Context<'a> {
    pub site: &'a Site,
    pub source: &'a Source,
    pub enrich: &'a Enrich,
}

type Step = fn(&mut Draft, &Context) -> Result<(), Reason>;

/// In this order; the names are those of the documentation.
const STEPS: &[(&str, Step)] = &[
    ("validate", validate),
    ("server time", server_time),
    ("sender", sender),
    ("privacy", privacy),
    ("bot", bot),
    ("visitor id", visitor_id),
    ("properties", properties),
    ("page", page),
    ("source", source),
    ("user agent", user_agent),
    ("country", country),
    ("limits", limits),
];

pub fn complete(mut draft: Draft, context: &Context) -> Result<Event, Reason> {
    for (_, step) in STEPS {
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

/// The name is there, and names and ids are not too long.
fn validate(draft: &mut Draft, _: &Context) -> Result<(), Reason> {
    for id in [&mut draft.user, &mut draft.session, &mut draft.id] {
        if id.as_ref().is_some_and(String::is_empty) {
            *id = None;
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
    let long = |id: &Option<String>| id.as_ref().is_some_and(|id| id.len() > USER_BYTES);
    match ids.iter().find(|(id, _)| long(id)) {
        Some((_, field)) => Err(Reason::TooLong(field)),
        None => Ok(()),
    }
}

/// A time that the event does not have is the server's; one far ahead of it is refused, as the
/// module refuses it.
fn server_time(draft: &mut Draft, context: &Context) -> Result<(), Reason> {
    const AHEAD: i64 = 300_000;
    let time = *draft.time.get_or_insert(context.source.now);
    if time > context.source.now.saturating_add(AHEAD) {
        return Err(Reason::FarAhead);
    }
    Ok(())
}

/// Agent and address of the visitor: those that the event names, else those of the request.
fn sender(draft: &mut Draft, context: &Context) -> Result<(), Reason> {
    if draft.is_web && !draft.is_relayed {
        if draft.agent.is_none() {
            draft.agent.clone_from(&context.source.agent);
        }
        draft.address = draft.address.or(Some(context.source.address));
    }
    Ok(())
}

fn privacy(draft: &mut Draft, context: &Context) -> Result<(), Reason> {
    let asked = context.source.asks_for_privacy && !context.site.ignore_privacy_signals;
    if draft.is_web && asked {
        return Err(Reason::Privacy);
    }
    Ok(())
}

fn bot(draft: &mut Draft, context: &Context) -> Result<(), Reason> {
    let agent = draft.agent.as_deref().unwrap_or_default();
    if draft.is_web && context.enrich.agents.look_up(agent).is_bot {
        return Err(Reason::Bot);
    }
    Ok(())
}

/// A site that derives ids takes none as it comes: what is sent is hashed under the salt, too.
fn visitor_id(draft: &mut Draft, context: &Context) -> Result<(), Reason> {
    let rotation = match (context.site.id_mode, &draft.user) {
        (IdMode::Supplied, Some(_)) => return Ok(()),
        (IdMode::Supplied, None) if !draft.is_web => return Err(Reason::NoUser),
        (IdMode::Supplied | IdMode::Daily, _) => Rotation::Daily,
        (IdMode::Monthly, _) => Rotation::Monthly,
    };
    let site = context.site.name.as_bytes();
    let now = context.source.now;
    let id = match &draft.user {
        Some(user) => {
            let parts = [site, b"user", user.as_bytes()];
            context.enrich.salts.visitor(rotation, &parts, now)
        }
        None => {
            let address = draft.address.unwrap_or(context.source.address).to_string();
            let agent = draft.agent.as_deref().unwrap_or_default();
            let parts = [site, b"web", address.as_bytes(), agent.as_bytes()];
            context.enrich.salts.visitor(rotation, &parts, now)
        }
    };
    draft.user = Some(id.ok_or(Reason::NoSalt)?);
    Ok(())
}

/// Only those that the site lists, if it lists any; numbers become texts where its settings ask for it.
fn properties(draft: &mut Draft, context: &Context) -> Result<(), Reason> {
    let site = context.site;
    let listed = |name: &String| site.properties.is_empty() || site.properties.contains(name);
    draft.dimensions.retain(|(name, _)| listed(name));
    draft.values.retain(|(name, _)| listed(name));
    if !site.number_dimensions.is_empty() {
        let (texts, numbers) = std::mem::take(&mut draft.values)
            .into_iter()
            .partition(|(name, _)| site.number_dimensions.contains(name));
        draft.values = numbers;
        for (name, number) in texts {
            draft.dimension(&name, number.to_string());
        }
    }
    Ok(())
}

/// The path of the page, and the parameters of its campaign.
fn page(draft: &mut Draft, _: &Context) -> Result<(), Reason> {
    let Some(url) = draft.url.as_deref().and_then(|url| Url::parse(url).ok()) else {
        return Ok(());
    };
    let mut found = Vec::new();
    for (name, value) in url.query_pairs() {
        let name = match &*name {
            "utm_source" | "utm_medium" | "utm_campaign" | "utm_term" | "utm_content" => {
                name.into_owned()
            }
            "source" | "ref" => String::from("utm_source"),
            _ => continue,
        };
        found.push((name, value.into_owned()));
    }
    let path = match (draft.hash_routing, url.fragment()) {
        (true, Some(fragment)) => format!("{}#{fragment}", url.path()),
        _ => String::from(url.path()),
    };
    draft.dimension("page", path);
    for (name, value) in found {
        draft.dimension(&name, value);
    }
    Ok(())
}

/// The campaign's source, else a name for the referrer, else that there was none.
fn source(draft: &mut Draft, _: &Context) -> Result<(), Reason> {
    if !draft.is_web || draft.passive {
        return Ok(());
    }
    let campaign = draft
        .dimensions
        .iter()
        .find(|(name, _)| name == "utm_source");
    let source = match (campaign, draft.referrer.as_deref()) {
        (Some((_, source)), _) => Some(source.clone()),
        (None, Some(referrer)) if !referrer.is_empty() => {
            let host = draft.url.as_deref().and_then(host_of);
            source_of(referrer, host.as_deref())
        }
        (None, _) => Some(String::from("Direct")),
    };
    if let Some(source) = source {
        draft.dimension("source", source);
    }
    Ok(())
}

fn user_agent(draft: &mut Draft, context: &Context) -> Result<(), Reason> {
    let Some(agent) = draft.agent.as_deref().filter(|_| draft.is_web) else {
        return Ok(());
    };
    let found = context.enrich.agents.look_up(agent);
    let device = found.device.map(String::from);
    for (name, value) in [
        ("browser", found.browser.clone()),
        ("os", found.os.clone()),
        ("device", device),
    ] {
        draft.dimension(name, value.unwrap_or_default());
    }
    Ok(())
}

fn country(draft: &mut Draft, context: &Context) -> Result<(), Reason> {
    let address = draft.address.filter(|_| draft.is_web);
    if let Some(code) = address.and_then(|address| context.enrich.countries.look_up(address)) {
        draft.dimension("country", code);
    }
    Ok(())
}

/// What the steps found is kept before the event's own properties, for an event takes 16 dimensions
/// and 16 values; each text is cut to what the module takes.
fn limits(draft: &mut Draft, _: &Context) -> Result<(), Reason> {
    let fits = |name: &str| !name.is_empty() && name.len() <= NAME_BYTES;
    draft
        .dimensions
        .retain(|(name, value)| fits(name) && !value.is_empty());
    draft.values.retain(|(name, _)| fits(name));
    if draft.dimensions.len() > DIMENSIONS {
        draft.dimensions.sort_by_key(|(name, _)| !is_found(name));
        draft.dimensions.truncate(DIMENSIONS);
    }
    draft.values.truncate(VALUES);
    for (_, value) in &mut draft.dimensions {
        cut(value, VALUE_BYTES);
    }
    Ok(())
}
