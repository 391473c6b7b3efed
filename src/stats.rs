//! Counters and gauges for `INFO analytics`, since the server started, as in `INFO stats`.
//! docs/monitoring.md describes every field.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::api::alloc::allocated_bytes;
use crate::api::info::Figure;
use crate::api::macros::api;
use crate::api::registration::{refused_count, try_again_count};

/// Only rises. Commands run on one thread: a load and a store cost less than a locked addition.
pub struct Counter(AtomicU64);

impl Counter {
    const fn new() -> Counter {
        Counter(AtomicU64::new(0))
    }

    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub fn raise_to(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).max(n), Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Rises and falls; on any thread, since values are freed on background threads, too.
pub struct Gauge(AtomicU64);

impl Gauge {
    pub const fn new() -> Gauge {
        Gauge(AtomicU64::new(0))
    }

    #[inline]
    pub fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Relaxed);
    }

    #[inline]
    pub fn subtract(&self, n: usize) {
        self.0.fetch_sub(n as u64, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

pub static EVENTS: Counter = Counter::new();
pub static DUPLICATES: Counter = Counter::new();
pub static LATE: Counter = Counter::new();
/// Events that count, but were too late for the visits of their users.
pub static VISITS_LATE: Counter = Counter::new();
/// Events that count, but are of a day before the last one of their users.
pub static PEOPLE_LATE: Counter = Counter::new();
/// Events that count, but are earlier than the last step of their users in a funnel.
pub static FUNNELS_LATE: Counter = Counter::new();
pub static SITES: Counter = Counter::new();
pub static BUCKETS: Counter = Counter::new();
pub static QUERIES: Counter = Counter::new();
pub static QUERY_MICROSECONDS: Counter = Counter::new();
pub static QUERY_BUCKETS: Counter = Counter::new();
pub static QUERY_UNIONS: Counter = Counter::new();

pub static LIVE_SITES: Gauge = Gauge::new();
pub static LIVE_BUCKETS: Gauge = Gauge::new();
pub static LIVE_IDS: Gauge = Gauge::new();
pub static LIVE_PARTITIONS: Gauge = Gauge::new();
pub static LIVE_PEOPLE: Gauge = Gauge::new();

pub static ALERT_EVALUATIONS: Counter = Counter::new();
pub static ALERT_MESSAGES: Counter = Counter::new();
/// Evaluations that failed, as of a rule on users of a dimension that no longer counts users.
pub static ALERT_FAILURES: Counter = Counter::new();
/// Evaluations postponed to the next time that they are due: the server took no writes, or a slot was
/// moving.
pub static ALERT_SKIPPED: Counter = Counter::new();
/// Ticks that ended before all that was due was done.
pub static ALERT_DEFERRED: Counter = Counter::new();
pub static ALERT_TICKS: Counter = Counter::new();
pub static ALERT_TICK_USEC_MAX: Counter = Counter::new();
pub static ALERT_TICK_USEC_TOTAL: Counter = Counter::new();
pub static LIVE_MESSAGES: Counter = Counter::new();

/// All of them, by their names in `INFO analytics`.
pub fn figures() -> Vec<Figure> {
    vec![
        (c"events_counted", EVENTS.get()),
        (c"events_duplicate", DUPLICATES.get()),
        (c"events_late", LATE.get()),
        (c"events_late_for_visits", VISITS_LATE.get()),
        (c"events_late_for_people", PEOPLE_LATE.get()),
        (c"events_late_for_funnels", FUNNELS_LATE.get()),
        (c"commands_refused", refused_count()),
        (c"commands_try_again", try_again_count()),
        (c"sites", LIVE_SITES.get()),
        (c"sites_created", SITES.get()),
        (c"buckets", LIVE_BUCKETS.get()),
        (c"buckets_created", BUCKETS.get()),
        (c"sites_with_ids", LIVE_IDS.get()),
        (c"visitor_partitions", LIVE_PARTITIONS.get()),
        (c"people_partitions", LIVE_PEOPLE.get()),
        (c"queries", QUERIES.get()),
        (c"queries_microseconds", QUERY_MICROSECONDS.get()),
        (c"queries_buckets_read", QUERY_BUCKETS.get()),
        (c"queries_sketches_united", QUERY_UNIONS.get()),
        (c"memory_bytes", allocated_bytes() as u64),
        (c"alert_evaluations", ALERT_EVALUATIONS.get()),
        (c"alert_messages", ALERT_MESSAGES.get()),
        (c"alert_failures", ALERT_FAILURES.get()),
        (c"alert_skipped", ALERT_SKIPPED.get()),
        (c"alert_deferred", ALERT_DEFERRED.get()),
        (c"alert_ticks", ALERT_TICKS.get()),
        (c"alert_tick_usec_max", ALERT_TICK_USEC_MAX.get()),
        (c"alert_tick_usec_total", ALERT_TICK_USEC_TOTAL.get()),
        (c"live_messages", LIVE_MESSAGES.get()),
    ]
}

/// Counts a query, and its time from now until this is dropped.
pub struct QueryTimer {
    start: u64,
}

impl QueryTimer {
    pub fn start() -> QueryTimer {
        QUERIES.add(1);
        QueryTimer {
            start: microseconds(),
        }
    }
}

impl Drop for QueryTimer {
    fn drop(&mut self) {
        QUERY_MICROSECONDS.add(microseconds().saturating_sub(self.start));
    }
}

fn microseconds() -> u64 {
    // SAFETY: the function takes no arguments.
    unsafe { api!(RedisModule_MonotonicMicroseconds()) }
}
