//! Calls from the store into the rooms above it, installed by the composition root: events that wait for a
//! value are applied before it is read, and cached pointers to a value are dropped before it is freed.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use analytics_core::site::Site;

/// Functions of `ingest` and `alerts`. They run on the thread with the server's lock.
pub struct Hooks {
    /// Applies the pending writes of this number.
    pub flush: fn(PendingId),
    /// The same, and no more events wait for the value.
    pub flush_and_detach: fn(PendingId),
    /// A site is about to leave its key or its address: the events that wait in its directory are applied,
    /// and the directory is dropped. The pointer is the address of the site's value.
    pub drop_directory: fn(PendingId, *const c_void),
    /// A site has come to a key.
    pub site_entered: fn(c_int, &[u8], &Site),
    /// A site is about to leave its key.
    pub site_left: fn(c_int, &[u8]),
}

/// The number of the directory of a site, where events may wait; 0 for none.
pub type PendingId = u32;

static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// To be called before the types are registered.
pub fn install(hooks: Hooks) {
    let _ = HOOKS.set(hooks);
}

#[inline]
pub fn flush(pending: PendingId) {
    if pending != 0 {
        run(|hooks| (hooks.flush)(pending));
    }
}

#[inline]
pub fn flush_and_detach(pending: PendingId) {
    if pending != 0 {
        run(|hooks| (hooks.flush_and_detach)(pending));
    }
}

pub fn run(act: impl FnOnce(&Hooks)) {
    if let Some(hooks) = HOOKS.get() {
        act(hooks);
    }
}
