//! The recent ids of a site, under `{site}:ids`, for a command whose events have ids.
//!
//! They are looked up by the time at which the command arrived at the master, whatever times its events
//! carry. That time is replicated, so that replicas and the AOF keep an id in the same period.

use std::collections::BTreeSet;
use std::ptr::{null_mut, NonNull};

use super::lateness::LatenessClock;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::string::{OwnedString, StringRef};
use crate::store::contents::IdsValue;
use crate::store::owned_value::OwnedValue;
use crate::store::{changes, cluster, value};
use analytics_core::event::{Event, Fingerprint};
use analytics_core::ids::RecentIds;
use analytics_core::schema::keys::ids_key;

/// The ids of the site of one command. The guard of the command keeps the value.
pub struct OpenIds {
    name: OwnedString,
    /// Null until one is made.
    value: *mut IdsValue,
    /// It has no key yet.
    is_unpublished: bool,
    is_changed: bool,
    expiry: Option<i64>,
    arrival: i64,
    capacity: usize,
}

/// Whether an event of a command has an id.
#[inline]
pub fn has_ids(events: &[Event]) -> bool {
    events.iter().any(|event| event.id.is_some())
}

impl OpenIds {
    /// Changes nothing. `capacity`: how many ids the site remembers.
    pub fn open(
        ctx: Ctx,
        guard: &mut WriteGuard,
        site: StringRef,
        clock: LatenessClock,
        capacity: usize,
    ) -> Outcome<OpenIds> {
        let name = OwnedString::new(&ids_key(site.bytes()));
        let key = changes::opening(name.get(), || Key::for_writing(ctx, guard, name.get()));
        let (found, expiry) = (value::find::<IdsValue>(&key)?, key.expiry());
        drop(key);
        if found.is_none() {
            cluster::refuse_if_bucket_is_elsewhere(ctx, guard, site, name.get())?;
        }
        Ok(OpenIds {
            name,
            value: found.map_or(null_mut(), NonNull::as_ptr),
            is_unpublished: false,
            is_changed: false,
            expiry,
            arrival: clock.arrival(),
            capacity,
        })
    }

    pub fn contains(&self, _guard: &WriteGuard, id: Fingerprint) -> bool {
        // SAFETY: found or made in this command, whose guard keeps it; nothing changes it meanwhile.
        let value = unsafe { self.value.as_ref() };
        value.is_some_and(|ids| ids.contains(id, self.arrival))
    }

    /// Whether all events with an id have one of their own that is new.
    pub fn are_new(&self, guard: &WriteGuard, events: &[Event]) -> bool {
        let mut ids = events.iter().filter_map(|event| event.id);
        if let [_] = events {
            return ids.all(|id| !self.contains(guard, id));
        }
        let mut given = BTreeSet::new();
        ids.all(|id| !self.contains(guard, id) && given.insert(id))
    }

    /// Adds an id that is not there.
    pub fn insert(&mut self, _guard: &WriteGuard, id: Fingerprint) {
        if self.value.is_null() {
            self.value = value::allocate(OwnedValue::new(RecentIds::default())).as_ptr();
            self.is_unpublished = true;
        }
        self.is_changed = true;
        // SAFETY: as above, and no other reference is alive: this command has one `OpenIds`.
        let ids = unsafe { OwnedValue::contents_mut(self.value) };
        ids.insert(id, self.arrival, self.capacity);
    }

    /// Stores new ids under their key, and sets its expiry. A value that foreign code has stored there
    /// meanwhile is later than this command, and stays.
    pub fn publish(&mut self, ctx: Ctx, guard: &mut WriteGuard) {
        if !std::mem::take(&mut self.is_changed) {
            return;
        }
        let value = self.value;
        // SAFETY: as in `contains`.
        let expiry = unsafe { value.as_ref() }.map_or(i64::MIN, |ids| ids.expiry());
        if std::mem::take(&mut self.is_unpublished) {
            let key = Key::for_writing(ctx, guard, self.name.get());
            if key.exists() {
                drop(key);
                self.value = null_mut();
                // SAFETY: made by `insert`, and not passed on.
                unsafe { value::free_unowned(value) };
                return;
            }
            // SAFETY: a value of this type, which belongs to the server from now on.
            unsafe { value::put_allocated(key, value) };
            self.set_expiry(ctx, guard, expiry);
        } else if self.expiry != Some(expiry) {
            self.set_expiry(ctx, guard, expiry);
        }
        ctx.signal_modified(self.name.get());
    }

    fn set_expiry(&self, ctx: Ctx, guard: &mut WriteGuard, expiry: i64) {
        let key = Key::for_writing(ctx, guard, self.name.get());
        let found = value::find::<IdsValue>(&key);
        if matches!(found, Ok(Some(found)) if found.as_ptr() == self.value) {
            key.expire_at(expiry);
        }
    }
}

impl Drop for OpenIds {
    /// Frees new ids that were not stored.
    fn drop(&mut self) {
        if self.is_unpublished {
            // SAFETY: made by `insert`, and not stored.
            unsafe { value::free_unowned(self.value) };
        }
    }
}
