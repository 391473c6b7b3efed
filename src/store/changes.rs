//! Whether sites and buckets came or went while a command opened what it works on. Foreign code runs
//! then: a command that found some keys before such a change and some after it is refused.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};

use redis_module::raw::RedisModuleString;

use crate::api::redis::{bytes_of, Failure};
use analytics_core::error::Error;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// The key that is being opened.
static OPENING: AtomicPtr<RedisModuleString> = AtomicPtr::new(null_mut());

/// How many changes there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes(u64);

impl Changes {
    #[inline]
    pub fn until_now() -> Changes {
        Changes(COUNT.load(Relaxed))
    }

    /// Refuses a command in whose course there was one.
    #[inline]
    pub fn refuse_more(self) -> Result<(), Failure> {
        match self == Changes::until_now() {
            true => Ok(()),
            false => Err(changed()),
        }
    }
}

#[cold]
fn changed() -> Failure {
    Error::new(
        "keys of this module were changed by another module while this command opened its own; \
         nothing was done, send it again",
    )
    .into()
}

/// Values came, went, or got another expiry or database.
pub fn note() {
    COUNT.store(COUNT.load(Relaxed).wrapping_add(1), Relaxed);
}

/// A value leaves the key of this name. That a key which is being opened is over is no change to the
/// command that opens it.
pub fn note_unlinked(name: &[u8]) {
    let opening = OPENING.load(Relaxed);
    if opening.is_null() || bytes_of(opening) != name {
        note();
    }
}

/// Opens a key.
#[inline]
pub fn opening<T>(name: *mut RedisModuleString, open: impl FnOnce() -> T) -> T {
    OPENING.store(name, Relaxed);
    let opened = open();
    OPENING.store(null_mut(), Relaxed);
    opened
}
