//! The site of a command that requires one, or changes its rules or live metrics.

use std::ffi::CStr;

use crate::alerts;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::{ReadGuard, WriteGuard};
use crate::api::key::Key;
use crate::api::words::Words;
use crate::ingest::origin::Origin;
use crate::store::cluster;
use crate::store::site_value::SiteValue;
use crate::store::value;
use analytics_core::alert::watch::Watch;
use analytics_core::error::{shown, Error};
use analytics_core::schema::keys::check_site_name;
use analytics_core::schema::{Names, Settings};

pub fn no_site(name: &[u8]) -> Error {
    Error::new(format!(
        "site '{}' does not exist; ANALYTICS.CREATE or the first ANALYTICS.TRACK creates it",
        shown(name)
    ))
}

/// The site that a command changes. Fails where it does not exist.
pub fn site_to_change<'g>(
    ctx: Ctx,
    words: Words,
    guard: &'g mut WriteGuard,
) -> Outcome<&'g mut SiteValue> {
    let name = words.required(1)?;
    check_site_name(name)?;
    let key = Key::for_writing(ctx, guard, words.string(1)?);
    let Some(found) = value::find::<SiteValue>(&key)? else {
        drop(key);
        cluster::refuse_if_site_is_elsewhere(ctx, guard, words.string(1)?, name)?;
        return Err(no_site(name).into());
    };
    drop(key);
    // SAFETY: it was found with this guard.
    Ok(unsafe { value::get_mut(found, guard) })
}

/// The names that the metrics of a rule or of live metrics may have: those of the site. What a master
/// accepted is accepted.
pub fn names<'s>(ctx: Ctx, site: &'s Settings) -> Names<'s> {
    match Origin::of(ctx) {
        Origin::Client => Names::known(site),
        Origin::Master => Names::all(Some(site)),
    }
}

/// Changes the rules or live metrics of a site, and ends the command.
pub fn change_watch<T>(
    ctx: Ctx,
    words: Words,
    mut guard: WriteGuard,
    event: &CStr,
    change: impl FnOnce(&mut Watch) -> T,
) -> Outcome<T> {
    let value = site_to_change(ctx, words, &mut guard)?;
    let outcome = value.site.change_watch(change);
    alerts::note_here(ctx, words.required(1)?, &value.site);
    ctx.signal_modified(words.string(1)?);
    guard.notify(ctx, event, words.string(1)?);
    Ok(outcome)
}

/// Passes the rules and live metrics of a site to a command that reads them: none where the site does
/// not exist.
pub fn with_watch(ctx: Ctx, words: Words, read: impl FnOnce(&Watch) -> Outcome) -> Outcome {
    let name = words.required(1)?;
    check_site_name(name)?;
    let guard = ReadGuard::new();
    let key = Key::for_reading(ctx, &guard, words.string(1)?);
    let found = value::read::<SiteValue>(key)?;
    if found.is_none() {
        cluster::refuse_if_site_is_elsewhere(ctx, &guard, words.string(1)?, name)?;
    }
    read(
        found
            .and_then(|it| it.site.watch())
            .unwrap_or(alerts::schedule::none()),
    )
}
