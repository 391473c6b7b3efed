//! Tracks the events of a command: parse, find their buckets, apply them or let them wait, replicate.

use std::ffi::CStr;

use super::arguments::{Parser, Request};
use super::directories;
use super::directory::SiteDirectory;
use super::ids::{has_ids, OpenIds};
use super::lateness::LatenessClock;
use super::log::OpenLog;
use super::origin::Origin;
use super::outcome::TrackOutcome;
use super::replicate;
use super::scratch::Scratch;
use super::site::OpenSite;
use super::waiting_partitions;
use super::write::DirectWrite;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::string::StringRef;
use crate::api::words::Words;
use crate::store::changes::Changes;
use crate::store::cluster;
use crate::{config, stats};
use analytics_core::error::{shown, Error};
use analytics_core::schema::keys::check_site_name;
use analytics_core::schema::Settings;

/// Tracks the events that `parse` reads, and returns how many counted.
pub fn track_events<'c>(
    ctx: Ctx<'c>,
    words: Words<'c>,
    guard: WriteGuard,
    parse: impl FnOnce(Parser<'c, '_>) -> Outcome,
) -> Outcome<u64> {
    let mut scratch = Scratch::take();
    let outcome = track_with(ctx, words, guard, parse, &mut scratch);
    scratch.give_back();
    outcome
}

fn track_with<'c>(
    ctx: Ctx<'c>,
    words: Words<'c>,
    mut guard: WriteGuard,
    parse: impl FnOnce(Parser<'c, '_>) -> Outcome,
    scratch: &mut Scratch<'c>,
) -> Outcome<u64> {
    let Scratch { request, write } = scratch;
    let (key, name) = (words.string(1)?, words.required(1)?);
    // Read once, because the server examines its memory use for them.
    let flags = ctx.flags();
    let (origin, now) = (Origin::from_flags(flags), ctx.now());
    let changes = Changes::until_now();
    // SAFETY: the only guard of this command, which drops the site before it.
    let mut site = unsafe { OpenSite::find(ctx, &mut guard, flags, key, name, now) }?;
    let is_new = site.is_new();
    if is_new {
        check_site_name(name)?;
        cluster::refuse_if_site_is_elsewhere(ctx, &mut guard, key, name)?;
    }
    let settings = &site.value(&guard).site.settings;
    parse(Parser {
        words,
        settings,
        now,
        strict: settings.is_strict() && origin == Origin::Client,
        origin,
        request,
    })?;
    let ignored = match settings.ignores_names() {
        true => request.batch.keep_names(
            |name| !settings.ignores_dimension(name),
            |name| !settings.ignores_value(name),
        ),
        false => 0,
    };
    let clock = LatenessClock::new(origin, now, request.clock_time);
    if origin == Origin::Client {
        refuse_future(request, now)?;
    }
    let learned = site.value(&guard).site.settings_for(&request.batch)?;
    let settings = &site.value(&guard).site.settings;
    let log = settings.log;
    let log = match log.is_on() && origin == Origin::Client {
        true => {
            let keeps_from = log.age.and_then(|age| age.before(now, &settings.zone));
            Some(OpenLog::open(ctx, &mut guard, key, log, keeps_from)?)
        }
        false => None,
    };
    let call = TrackCall {
        ctx,
        words,
        key,
        name,
        origin,
        clock,
        changes,
        learned: learned.as_deref(),
        log: log.as_ref(),
    };
    let batch = &request.batch;
    let waits = learned.is_none()
        && (directories::accept(site.value(&guard), batch, clock)
            || waiting_partitions::take_handles(ctx, &mut guard, &site, batch, clock)?
                && directories::accept(site.value(&guard), batch, clock));
    let outcome = match waits {
        true => call.let_wait_or_apply(&mut guard, &mut site, request, write)?,
        false => call.apply_now(&mut guard, &mut site, request, write)?,
    };
    if ignored > 0 {
        site.value_mut(&guard).dropped.names += ignored as u64;
    }
    let counted = outcome.counted(&request.batch);
    if counted > 0 || request.replayed_to.is_some() {
        site.store(ctx, &mut guard, key);
        stats::EVENTS.add(counted);
        ctx.signal_modified(key);
        drop(site);
        let stream = log.map(OpenLog::into_name);
        if let Some(stream) = &stream {
            ctx.signal_modified(stream.get());
        }
        guard.notify(ctx, keyspace_event(request), key);
        if let Some(stream) = &stream {
            ctx.notify_stream(c"xadd", stream.get());
        }
    }
    Ok(counted)
}

fn keyspace_event(request: &Request) -> &'static CStr {
    match (request.is_json, request.replayed_after) {
        (true, _) => c"analytics.trackjson",
        (_, Some(_)) => c"analytics.replay",
        _ => c"analytics.track",
    }
}

/// What a command has beside its events, which are parsed and checked. Changes are replicated before a key is
/// made, so that what foreign code does then is later, here and on replicas.
struct TrackCall<'c, 'w> {
    ctx: Ctx<'c>,
    words: Words<'c>,
    key: StringRef<'c>,
    name: &'c [u8],
    origin: Origin,
    clock: LatenessClock,
    /// The changes when the command began.
    changes: Changes,
    /// The settings with the dimensions and values that the events name first.
    learned: Option<&'w Settings>,
    log: Option<&'w OpenLog>,
}

impl<'c> TrackCall<'c, '_> {
    /// Adds all events to the pending writes, unless some id is not new.
    fn let_wait_or_apply(
        self,
        guard: &mut WriteGuard,
        site: &mut OpenSite,
        request: &Request<'c>,
        write: &mut DirectWrite<'c>,
    ) -> Outcome<TrackOutcome> {
        let batch = &request.batch;
        if !has_ids(&batch.events) {
            return self.let_wait(guard, site, None, request, write);
        }
        let ids = self.open_ids(guard, site)?;
        // The directory is detached if foreign code ran when the key was opened.
        if ids.are_new(guard, &batch.events)
            && directories::accept(site.value(guard), batch, self.clock)
        {
            return self.let_wait(guard, site, Some(ids), request, write);
        }
        drop(ids);
        self.apply_now(guard, site, request, write)
    }

    fn open_ids(&self, guard: &mut WriteGuard, site: &OpenSite) -> Outcome<OpenIds> {
        let capacity = site.value(guard).site.settings.ids;
        OpenIds::open(self.ctx, guard, self.key, self.clock, capacity)
    }

    /// Adds all events to the pending writes.
    fn let_wait(
        self,
        guard: &mut WriteGuard,
        site: &mut OpenSite,
        mut ids: Option<OpenIds>,
        request: &Request<'c>,
        write: &mut DirectWrite<'c>,
    ) -> Outcome<TrackOutcome> {
        let outcome = TrackOutcome::default();
        let numbers: Vec<usize> = match self.log {
            Some(_) => (0..request.batch.events.len()).collect(),
            None => Vec::new(),
        };
        self.append_to_stream(guard, request, &numbers)?;
        if let Some(ids) = &mut ids {
            for id in request.batch.events.iter().filter_map(|event| event.id) {
                ids.insert(guard, id);
            }
        }
        let value = site.value_mut(guard);
        let resolver = &mut write.resolver;
        directories::add(self.ctx, value, &request.batch, resolver, self.clock);
        let by_clock = self.has_future(guard, site, request);
        self.set_replayed(guard, site, request);
        self.replicate(guard, site, request, &outcome, by_clock);
        self.make_stream(guard, request, &numbers);
        if let Some(ids) = &mut ids {
            ids.publish(self.ctx, guard);
        }
        Ok(outcome)
    }

    fn apply_now(
        self,
        guard: &mut WriteGuard,
        site: &mut OpenSite,
        request: &Request<'c>,
        write: &mut DirectWrite<'c>,
    ) -> Outcome<TrackOutcome> {
        let (address, id) = (site.address(), site.value(guard).directory());
        let mut directory = directories::lend(self.ctx, self.name, address, id, self.clock)?;
        if self.learned.is_some() {
            // The room of a bucket for new names is checked when it is opened.
            directory.detach();
        }
        let applied = self.apply_in(guard, &mut directory, site, request, write);
        let (may_wait, may_begin) = write.may_wait(&directory);
        directories::give_back(directory, site.value(guard), address);
        let outcome = applied?;
        if may_wait && site.is_lasting() {
            let (now, value) = (self.clock.now, site.value(guard));
            let paths = (write.path_numbers(), write.visits.path_numbers());
            directories::attach(value, paths.0, paths.1, now, may_begin);
        }
        Ok(outcome)
    }

    fn apply_in(
        &self,
        guard: &mut WriteGuard,
        directory: &mut SiteDirectory,
        site: &mut OpenSite,
        request: &Request<'c>,
        write: &mut DirectWrite<'c>,
    ) -> Outcome<TrackOutcome> {
        let (ctx, now) = (self.ctx, self.clock.now);
        let settings = self.settings(guard, site);
        write.find_paths(directory, settings, &request.batch.events, self.clock);
        self.open_partitions(guard, directory, site, request, write)?;
        write.open_buckets(ctx, guard, directory, now)?;
        let settings = self.settings(guard, site);
        if let Some(name) = write.check_buckets(guard, directory, settings)? {
            cluster::refuse_if_key_is_elsewhere(ctx, &mut *guard, self.key, name)?;
        }
        let mut ids = match has_ids(&request.batch.events) {
            true => Some(self.open_ids(guard, site)?),
            false => None,
        };
        self.changes.refuse_if_changed()?;
        let numbers = match self.log {
            Some(_) => write.counting(guard, ids.as_ref(), &request.batch),
            None => Vec::new(),
        };
        self.append_to_stream(guard, request, &numbers)?;
        let (learns, value) = (self.learned.is_some(), site.value_mut(guard));
        let outcome = write.apply(
            guard,
            directory,
            ids.as_mut(),
            value,
            learns,
            &request.batch,
        );
        let by_clock = write.is_by_clock(directory) || self.has_future(guard, site, request);
        self.set_replayed(guard, site, request);
        self.replicate(guard, site, request, &outcome, by_clock);
        self.make_stream(guard, request, &numbers);
        write.publish(ctx, guard, directory, now);
        if let Some(ids) = &mut ids {
            ids.publish(ctx, guard);
        }
        Ok(outcome)
    }

    fn settings<'g>(&'g self, guard: &'g WriteGuard, site: &'g OpenSite) -> &'g Settings {
        self.learned.unwrap_or(&site.value(guard).site.settings)
    }

    /// Opens the partitions of the users, and finds the buckets in which their visits began. Nothing, on a site
    /// that keeps no visits, people or funnels.
    fn open_partitions(
        &self,
        guard: &mut WriteGuard,
        directory: &mut SiteDirectory,
        site: &OpenSite,
        request: &Request<'c>,
        write: &mut DirectWrite<'c>,
    ) -> Outcome {
        let command = write.command;
        let settings = self.settings(guard, site);
        if settings.visits.is_some() {
            let visits = &mut write.visits;
            visits.find_partitions(directory, settings, &request.batch, command);
        }
        if let Some(people) = settings.people.as_deref() {
            let found = &mut write.people;
            found.find_partitions(directory, people, &request.batch, command);
            let partitions = &mut found.partitions;
            let funnels = &mut write.funnels;
            funnels.find_partitions(directory, partitions, settings, &request.batch, command);
        }
        let (ctx, now) = (self.ctx, self.clock.now);
        let visitors = &write.visits.partitions;
        visitors.open(ctx, guard, &mut directory.visitors, now)?;
        let people = &write.people.partitions;
        people.open(ctx, guard, &mut directory.people, now)?;
        let settings = self.settings(guard, site);
        write
            .visits
            .find_beginnings(guard, directory, settings, command);
        write
            .funnels
            .find_beginnings(guard, directory, settings, &mut write.visits, command);
        Ok(())
    }

    /// Before foreign code can copy the site: on replicas that comes after the whole command.
    fn set_replayed(&self, guard: &WriteGuard, site: &mut OpenSite, request: &Request) {
        if let Some(replayed) = request.replayed_to {
            site.value_mut(guard).site.set_replayed(replayed);
        }
    }

    fn replicate(
        &self,
        guard: &WriteGuard,
        site: &OpenSite,
        request: &Request,
        outcome: &TrackOutcome,
        needs_clock: bool,
    ) {
        let (ctx, words) = (self.ctx, self.words);
        if self.origin != Origin::Client {
            ctx.replicate_verbatim();
        } else if outcome.counted(&request.batch) > 0 || request.replayed_to.is_some() {
            if site.is_new() {
                let settings = &site.value(guard).site.settings;
                replicate::creation(ctx, self.key, settings);
            }
            replicate::events(ctx, words, request, outcome, self.clock, needs_clock);
        }
    }

    /// Whether an event of a visit or a funnel is later than the clock: what visits have ended, and what
    /// attempts are over, is decided by the earlier one of both.
    fn has_future(&self, guard: &WriteGuard, site: &OpenSite, request: &Request) -> bool {
        let mut events = request.batch.events.iter();
        let settings = &site.value(guard).site.settings;
        (settings.visits.is_some() || settings.funnels().is_some())
            && events.any(|event| event.time > self.clock.now)
    }

    /// Appends to the log where its stream is there: that may fail, and comes before any change. It runs no
    /// foreign code, unless it fails.
    fn append_to_stream(
        &self,
        guard: &mut WriteGuard,
        request: &Request,
        numbers: &[usize],
    ) -> Outcome {
        match self.log.filter(|log| log.exists()) {
            Some(log) => log.append(self.ctx, guard, self.words, request, numbers),
            None => Ok(()),
        }
    }

    /// Appends to the log where its stream is to be made: that runs foreign code, and comes when all is
    /// replicated. It fails only where that code puts something else under the key, after this command.
    fn make_stream(&self, guard: &mut WriteGuard, request: &Request, numbers: &[usize]) {
        if let Some(log) = self.log.filter(|log| !log.exists()) {
            let _ = log.append(self.ctx, guard, self.words, request, numbers);
        }
    }
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
