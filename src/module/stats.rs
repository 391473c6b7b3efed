//! What the module counts of itself, for `INFO analytics`. Since the server started, as `INFO stats`;
//! docs/monitoring.md tells of every field.

use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::redis::api;

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

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What there is now. Values are freed on background threads, too.
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
pub static REFUSED: Counter = Counter::new();
pub static TRY_AGAIN: Counter = Counter::new();
pub static SITES: Counter = Counter::new();
pub static BUCKETS: Counter = Counter::new();
pub static QUERIES: Counter = Counter::new();
pub static QUERY_MICROSECONDS: Counter = Counter::new();
pub static QUERY_BUCKETS: Counter = Counter::new();
pub static QUERY_UNIONS: Counter = Counter::new();

pub static LIVE_SITES: Gauge = Gauge::new();
pub static LIVE_BUCKETS: Gauge = Gauge::new();
/// What Rust has allocated in the server.
pub static MEMORY: Gauge = Gauge::new();

/// By the names under which `INFO analytics` shows them.
pub fn all() -> [(&'static CStr, u64); 14] {
    [
        (c"events_counted", EVENTS.get()),
        (c"events_duplicate", DUPLICATES.get()),
        (c"events_late", LATE.get()),
        (c"commands_refused", REFUSED.get()),
        (c"commands_try_again", TRY_AGAIN.get()),
        (c"sites", LIVE_SITES.get()),
        (c"sites_created", SITES.get()),
        (c"buckets", LIVE_BUCKETS.get()),
        (c"buckets_created", BUCKETS.get()),
        (c"queries", QUERIES.get()),
        (c"queries_microseconds", QUERY_MICROSECONDS.get()),
        (c"queries_buckets_read", QUERY_BUCKETS.get()),
        (c"queries_sketches_united", QUERY_UNIONS.get()),
        (c"memory_bytes", MEMORY.get()),
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
    // SAFETY: takes nothing.
    unsafe { api!(RedisModule_MonotonicMicroseconds()) }
}
