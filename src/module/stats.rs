//! What the module counts of itself, for `INFO analytics`. Since the server started, as `INFO stats`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub struct Counter(AtomicU64);

impl Counter {
    const fn new() -> Counter {
        Counter(AtomicU64::new(0))
    }

    /// Commands run on one thread: a load and a store cost less than a locked addition.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

pub static EVENTS: Counter = Counter::new();
pub static DUPLICATES: Counter = Counter::new();
pub static LATE: Counter = Counter::new();
pub static REFUSED: Counter = Counter::new();
pub static SITES: Counter = Counter::new();
pub static BUCKETS: Counter = Counter::new();
pub static QUERIES: Counter = Counter::new();

/// By the names under which `INFO analytics` shows them.
pub fn all() -> [(&'static std::ffi::CStr, &'static Counter); 7] {
    [
        (c"events_counted", &EVENTS),
        (c"events_duplicate", &DUPLICATES),
        (c"events_late", &LATE),
        (c"commands_refused", &REFUSED),
        (c"sites_created", &SITES),
        (c"buckets_created", &BUCKETS),
        (c"queries", &QUERIES),
    ]
}
