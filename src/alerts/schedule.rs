//! The sites that have alert rules or live metrics, in every database, and when something is due there.

use std::ffi::c_int;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::info::Figure;
use analytics_core::alert::watch::{Counts, Schedule, SiteKey, Watch};

/// Locked for a moment at a time, never during a call of the server, which may call back.
static SCHEDULE: Mutex<Schedule> = Mutex::new(Schedule::new());

pub fn schedule() -> MutexGuard<'static, Schedule> {
    SCHEDULE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn place(db: c_int, site: &[u8]) -> SiteKey {
    SiteKey {
        db,
        site: Arc::from(site),
    }
}

/// For `INFO`: empty while the schedule is locked, as it may be in a crash report.
pub fn figures() -> Vec<Figure> {
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

/// The rules and live metrics of a site that has none.
pub fn none() -> &'static Watch {
    static NONE: Watch = Watch::new();
    &NONE
}
