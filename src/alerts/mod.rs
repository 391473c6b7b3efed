//! Alert rules and live metrics: what the server does without a command.
//!
//! A schedule lists the sites that have any, on replicas too, so that a promoted replica continues at
//! once. On a master, while the list is not empty, a timer evaluates the sites that are due (`timer`,
//! `evaluation`). A change of state is replicated as its result (`effects`), if the server accepts writes
//! (`write_permission`).

pub mod effects;
mod evaluation;
mod measure;
pub mod schedule;
pub mod timer;
mod write_permission;

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub use measure::measure;

use crate::api::context::Ctx;
use analytics_core::schema::keys::check_site_name;
use analytics_core::site::Site;
use schedule::{place, schedule};

/// Some site has had rules or live metrics since the server started.
static HAS_BEEN_USED: AtomicBool = AtomicBool::new(false);

/// Until then no site has to be looked up.
pub fn has_been_used() -> bool {
    HAS_BEEN_USED.load(Relaxed)
}

/// Enters a site that has come to this key, or whose rules or live metrics have changed.
pub fn note(db: c_int, name: &[u8], site: &Site, now: i64) {
    match site.watch().filter(|_| check_site_name(name).is_ok()) {
        Some(watch) => {
            schedule().set(place(db, name), watch, now);
            HAS_BEEN_USED.store(true, Relaxed);
            timer::wake();
        }
        None => forget(db, name),
    }
}

/// The same for the site of a command.
pub fn note_here(ctx: Ctx, name: &[u8], site: &Site) {
    note(ctx.db(), name, site, ctx.now());
}

/// Removes a site that has left this key.
pub fn forget(db: c_int, name: &[u8]) {
    let mut schedule = schedule();
    if schedule.sites() > 0 {
        schedule.remove(&place(db, name));
    }
}
