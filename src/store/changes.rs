//! Whether keys of sites and buckets changed while a command opened its own. Foreign code may run then: a
//! command that found some keys before such a change and some after it is refused.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};

use redis_module::raw::RedisModuleString;

use crate::api::failure::Failure;
use crate::api::string::StringRef;
use analytics_core::error::Error;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// How often a value came to a key otherwise than by events.
static ARRIVALS: AtomicU64 = AtomicU64::new(0);

/// The key that is being opened.
static OPENING: AtomicPtr<RedisModuleString> = AtomicPtr::new(null_mut());

/// The number of changes since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes(u64);

impl Changes {
    #[inline]
    pub fn until_now() -> Changes {
        Changes(COUNT.load(Relaxed))
    }

    /// Fails where there was a change since.
    #[inline]
    pub fn refuse_if_changed(self) -> Result<(), Failure> {
        match self == Changes::until_now() {
            true => Ok(()),
            false => Err(refusal()),
        }
    }
}

/// The failure of a command whose keys were changed while it opened them.
#[cold]
pub fn refusal() -> Failure {
    Error::new(
        "keys of this module were changed by another module while this command opened its own; \
         nothing was done, send it again",
    )
    .into()
}

/// To be called when a value appears, leaves its key, or gets another expiry or database.
pub fn note() {
    COUNT.store(COUNT.load(Relaxed).wrapping_add(1), Relaxed);
}

/// To be called when a value that was made elsewhere comes to a key.
pub fn note_arrival() {
    ARRIVALS.store(ARRIVALS.load(Relaxed).wrapping_add(1), Relaxed);
}

/// The number of such arrivals since the server started. As long as it does not change, the buckets
/// of a site are those that it wrote and those that were found before.
pub fn arrivals() -> u64 {
    ARRIVALS.load(Relaxed)
}

/// To be called when a value leaves the key of this name. The expiry of a key that is being opened is no
/// change to the command that opens it.
pub fn note_unlinked(name: &[u8]) {
    let opening = OPENING.load(Relaxed);
    // SAFETY: `opening` resets it before the name ceases to be valid, on the thread with the server's lock.
    if opening.is_null() || unsafe { StringRef::new(opening) }.bytes() != name {
        note();
    }
}

/// Opens a key by `open`.
#[inline]
pub fn opening<T>(name: StringRef, open: impl FnOnce() -> T) -> T {
    // A command inside of this one opens keys as well.
    let outer = OPENING.swap(name.raw(), Relaxed);
    let opened = open();
    OPENING.store(outer, Relaxed);
    opened
}
