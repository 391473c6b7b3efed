//! The recent ids of a site, under `{site}:ids`, for a command whose events have ids.
//!
//! They are looked up by the time at which the command arrived at the master, whatever times its events
//! carry. That time is replicated, so that replicas and the AOF keep an id in the same period.

use std::collections::BTreeSet;

use super::lateness::LatenessClock;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::string::{OwnedString, StringRef};
use crate::store::cluster;
use crate::store::open_value::OpenValue;
use analytics_core::event::{Event, Fingerprint};
use analytics_core::ids::RecentIds;
use analytics_core::schema::keys::ids_key;

/// The ids of the site of one command. The guard of the command keeps the value.
pub struct OpenIds {
    name: OwnedString,
    value: OpenValue<RecentIds>,
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
        let mut value = OpenValue::default();
        let expiry = value.look_up(ctx, guard, name.get())?.expiry;
        if !value.exists() {
            cluster::refuse_if_key_is_elsewhere(ctx, guard, site, name.get())?;
        }
        Ok(OpenIds {
            name,
            value,
            is_changed: false,
            expiry,
            arrival: clock.arrival(),
            capacity,
        })
    }

    pub fn contains(&self, guard: &WriteGuard, id: Fingerprint) -> bool {
        let ids = self.value.get(guard);
        ids.is_some_and(|ids| ids.contains(id, self.arrival))
    }

    /// Whether every id is new and given once.
    pub fn are_new(&self, guard: &WriteGuard, events: &[Event]) -> bool {
        let mut ids = events.iter().filter_map(|event| event.id);
        if let [_] = events {
            return ids.all(|id| !self.contains(guard, id));
        }
        let mut given = BTreeSet::new();
        ids.all(|id| !self.contains(guard, id) && given.insert(id))
    }

    /// Adds an id that is not there.
    pub fn insert(&mut self, guard: &WriteGuard, id: Fingerprint) {
        self.is_changed = true;
        let ids = self.value.get_or_make(guard, RecentIds::default);
        ids.insert(id, self.arrival, self.capacity);
    }

    /// Stores new ids under their key, and sets its expiry.
    pub fn publish(&mut self, ctx: Ctx, guard: &mut WriteGuard) {
        if !std::mem::take(&mut self.is_changed) {
            return;
        }
        let ids = self.value.get(guard);
        let expiry = ids.map_or(i64::MIN, RecentIds::expiry);
        if self.value.is_unpublished() || self.expiry != Some(expiry) {
            self.value.publish(ctx, guard, self.name.get(), expiry);
        }
        ctx.signal_modified(self.name.get());
    }
}
