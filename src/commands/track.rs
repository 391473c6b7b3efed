//! `ANALYTICS.TRACK`, `ANALYTICS.MTRACK` and `ANALYTICS.TRACKJSON`.

use std::ffi::CStr;

use redis_module::raw::RedisModuleString;

use super::word;
use crate::api::key::Key;
use crate::api::redis::{Ctx, Failure, Outcome, Words};
use crate::api::registration::{entry, Access, Command};
use crate::ingest::arguments::{
    Parser, Request, AT, CLOCK, DIM, EVENT, ID, KIND, SESSION, USER, VAL,
};
use crate::ingest::escapes::Escapes;
use crate::ingest::log::OpenLog;
use crate::ingest::origin::Origin;
use crate::ingest::record::Judge;
use crate::ingest::scratch::Scratch;
use crate::ingest::{replicate, tray};
use crate::store::cluster;
use crate::store::site_value::SiteValue;
use crate::{config, stats};
use analytics_core::error::{shown, Error};
use analytics_core::site::Site;
use analytics_core::text::syntax::Argument;

pub const TRACK: Command = Command {
    name: c"analytics.track",
    summary: c"Counts an event in every aggregate of its site",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of dimensions, cubes and values of the event",
    tips: None,
    access: Access::Write { may_grow: true },
    is_fast: true,
    arguments: &[Argument::SITE, KIND, USER, CLOCK, AT, SESSION, ID, DIM, VAL],
    run: entry!(track),
};

pub const MTRACK: Command = Command {
    name: c"analytics.mtrack",
    summary: c"Counts many events of a site, all or none",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of events, with their dimensions, cubes and values",
    tips: None,
    access: Access::Write { may_grow: true },
    is_fast: false,
    arguments: &[Argument::SITE, CLOCK, EVENT],
    run: entry!(mtrack),
};

pub const TRACKJSON: Command = Command {
    name: c"analytics.trackjson",
    summary: c"Counts an event or an array of them in JSON, all or none",
    arguments: &[Argument::SITE, Argument::text(c"json")],
    run: entry!(trackjson),
    ..MTRACK
};

/// Replies 1 when the event counted, 0 when it was dropped.
pub fn track(ctx: Ctx, words: Words) -> Outcome {
    write(ctx, words, |parser| parser.track())
}

/// Replies how many of the events counted.
pub fn mtrack(ctx: Ctx, words: Words) -> Outcome {
    write(ctx, words, |parser| parser.mtrack())
}

/// Replies how many of the events counted.
pub fn trackjson(ctx: Ctx, words: Words) -> Outcome {
    if words.len() != 3 {
        return Err(Failure::WrongArity);
    }
    let mut escapes = Escapes::take(word(&words, 2)?);
    let outcome = write(ctx, words, |parser| parser.trackjson(escapes.buffer()));
    escapes.give_back();
    outcome
}

fn write<'c>(
    ctx: Ctx<'c>,
    words: Words<'c>,
    parse: impl FnOnce(Parser<'c, '_>) -> Outcome,
) -> Outcome {
    let counted = count(ctx, words, parse)?;
    ctx.reply_integer(counted as i64);
    Ok(())
}

/// Counts the events that `parse` reads, and gives how many counted.
pub fn count<'c>(
    ctx: Ctx<'c>,
    words: Words<'c>,
    parse: impl FnOnce(Parser<'c, '_>) -> Outcome,
) -> Outcome<u64> {
    let mut scratch = Scratch::take();
    let outcome = count_with(ctx, words, parse, &mut scratch);
    scratch.give_back();
    outcome
}

fn count_with<'c>(
    ctx: Ctx<'c>,
    words: Words<'c>,
    parse: impl FnOnce(Parser<'c, '_>) -> Outcome,
    scratch: &mut Scratch<'c>,
) -> Outcome<u64> {
    let Scratch { request, routes } = scratch;
    let (site, name) = (words.string(1), word(&words, 1)?);
    let (origin, now) = (Origin::of(ctx), ctx.now());
    let mut named = NamedSite::find(ctx, site, name, now)?;
    let is_new = named.is_new();
    let value = named.value();
    value.keys.serve(name)?;
    if is_new {
        cluster::refuse_if_site_is_elsewhere(ctx, site, name)?;
    }
    parse(Parser {
        words,
        zone: &value.site.settings.zone,
        now,
        strict: value.site.settings.strict && origin == Origin::Client,
        request,
    })?;
    let judge = Judge::new(origin, now, request.clock_time);
    if origin == Origin::Client {
        refuse_future(request, now)?;
    }
    let learned = value.site.settings_for(&request.batch)?;
    let settings = learned.as_deref().unwrap_or(&value.site.settings);
    // To open a key that is over calls whoever listens for that: before it is seen what may wait.
    let log = match settings.log.entries > 0 && origin == Origin::Client {
        true => Some(OpenLog::open(ctx, site, settings.log)?),
        false => None,
    };
    let waits = learned.is_none() && tray::admits(value.keys.tray, &request.batch, judge);
    if !waits {
        match &learned {
            None => tray::give_way(value.keys.tray, judge),
            // Whether a bucket has room for new names is looked at when it is opened.
            Some(_) => tray::close_of(value.keys.tray),
        }
        let opened = routes.open(ctx, site, settings, &mut value.keys, &request.batch, judge);
        value.keys.end();
        opened?;
    }

    if let Some(log) = &log {
        let counting = match waits {
            true => (0..request.batch.events.len()).collect(),
            false => routes.counting(&request.batch),
        };
        log.append(words, request, &counting)?;
    }
    let counted = match waits {
        true => tray::put(ctx, value, &request.batch, &mut routes.desk),
        false => routes.record(ctx, value, learned.is_some(), &request.batch),
    };
    match &mut named {
        NamedSite::OnTray(value) => routes.open_tray(ctx, name, None, value, now),
        NamedSite::Stored(key, value) => routes.open_tray(ctx, name, Some(key), value, now),
        NamedSite::New(..) => {}
    }
    if origin != Origin::Client {
        ctx.replicate_verbatim();
    } else if counted.counted > 0 {
        if is_new {
            replicate::creation(ctx, site, &named.value().site.settings);
        }
        replicate::events(ctx, words, request, &counted, judge, routes.partly_late);
    }
    if counted.counted > 0 {
        named.store();
        stats::EVENTS.add(counted.counted);
        ctx.signal_modified(site);
        if let Some(log) = &log {
            log.signal();
        }
        ctx.notify(event_of(request), site);
    }
    Ok(counted.counted)
}

fn event_of(request: &Request) -> &'static CStr {
    match (request.is_json, request.replayed_after) {
        (true, _) => c"analytics.trackjson",
        (_, Some(_)) => c"analytics.replay",
        _ => c"analytics.track",
    }
}

/// The site that a command names.
enum NamedSite<'c> {
    /// Its tray is open, so that its key needs not be.
    OnTray(&'c mut SiteValue),
    Stored(Key<'c>, &'c mut SiteValue),
    /// With the settings of the module, and stored only if an event counts.
    New(Key<'c>, Box<SiteValue>),
}

impl<'c> NamedSite<'c> {
    #[inline]
    fn find(
        ctx: Ctx<'c>,
        site: *mut RedisModuleString,
        name: &[u8],
        now: i64,
    ) -> Outcome<NamedSite<'c>> {
        if let Some(value) = tray::site(ctx, name, now) {
            return Ok(NamedSite::OnTray(value));
        }
        let key = Key::for_writing(ctx, site);
        Ok(match key.value_mut_as_it_is()? {
            Some(value) => NamedSite::Stored(key, value),
            None => NamedSite::New(key, default_site()),
        })
    }

    fn is_new(&self) -> bool {
        matches!(self, NamedSite::New(..))
    }

    fn value(&mut self) -> &mut SiteValue {
        match self {
            NamedSite::OnTray(value) | NamedSite::Stored(_, value) => value,
            NamedSite::New(_, value) => value,
        }
    }

    /// Puts what is new under its key.
    fn store(self) {
        if let NamedSite::New(key, value) = self {
            stats::SITES.add(1);
            key.set(*value);
        }
    }
}

#[cold]
fn default_site() -> Box<SiteValue> {
    Box::new(SiteValue::new(Site::new(config::default_settings())))
}

#[inline]
fn refuse_future(request: &Request, now: i64) -> Outcome {
    let latest = now.saturating_add(config::max_future());
    let mut events = request.batch.events.iter();
    match events.position(|event| event.time > latest) {
        None => Ok(()),
        Some(number) => Err(from_the_future(request, number, now).into()),
    }
}

#[cold]
fn from_the_future(request: &Request, number: usize, now: i64) -> Error {
    let events = &request.batch.events;
    let event = events.get(number);
    let name = event.map_or(&b""[..], |event| event.kind.bytes);
    let ahead = event.map_or(0, |event| event.time - now);
    let which = if events.len() > 1 {
        format!("event {}: ", number + 1)
    } else {
        String::new()
    };
    let what = if request.is_json { "timestamp" } else { "AT" };
    Error::new(format!(
        "{which}{what} of '{}' is {ahead} ms in the future; analytics.max-future allows {}",
        shown(name),
        config::max_future()
    ))
}
