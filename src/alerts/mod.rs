//! What happens without being asked: alert rules are evaluated, live metrics are published.
//!
//! A schedule says which sites have any, in every database, on replicas too, so that a promoted one
//! goes on at once. While there is something to do on a master, a timer visits the sites
//! that are due (`timer`, `visit`); a state that changes is replicated as what it came to (`effects`),
//! once the server takes writes (`allowed`).

mod allowed;
pub mod effects;
mod measure;
pub mod timer;
mod visit;

use std::ffi::{c_int, CStr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use measure::measure;

use crate::api::redis::Ctx;
use analytics_core::alert::watch::{Counts, Schedule, SiteKey, Watch};
use analytics_core::schema::keys::check_site_name;
use analytics_core::site::Site;

/// Locked for a moment at a time, never while Redis is called: it may call back.
static SCHEDULE: Mutex<Schedule> = Mutex::new(Schedule::new());

pub fn schedule() -> MutexGuard<'static, Schedule> {
    SCHEDULE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn place(db: c_int, site: &[u8]) -> SiteKey {
    SiteKey {
        db,
        site: Arc::from(site),
    }
}

/// Some site had rules or live metrics at some time.
static HAS_BEEN_USED: AtomicBool = AtomicBool::new(false);

/// Until then no site needs to be looked for.
pub fn has_been_used() -> bool {
    HAS_BEEN_USED.load(Relaxed)
}

/// A site is there now, or has changed what it is watched for.
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

/// A site went away.
pub fn forget(db: c_int, name: &[u8]) {
    let mut schedule = schedule();
    if schedule.sites() > 0 {
        schedule.remove(&place(db, name));
    }
}

/// For `INFO`. Asked in the middle of a change, as a crash may be, it says nothing.
pub fn figures() -> Vec<(&'static CStr, u64)> {
    let Ok(schedule) = SCHEDULE.try_lock() else {
        return Vec::new();
    };
    let Counts {
        rules,
        feeds,
        firing,
    } = schedule.counts();
    vec![
        (c"alert_rules", rules),
        (c"alert_rules_firing", firing),
        (c"live_metrics", feeds),
        (c"sites_watched", schedule.sites() as u64),
    ]
}

/// What most sites are watched for.
pub fn none() -> &'static Watch {
    static NONE: Watch = Watch::new();
    &NONE
}
