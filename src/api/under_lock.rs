//! State of the whole module, for the thread that holds the server's lock. Commands and callbacks run on
//! any thread that holds it, such as one of another module that calls our commands, and one at a time.

use std::cell::RefCell;

/// Made at the first use, and never freed.
pub struct UnderLock<T>(RefCell<Option<T>>);

// SAFETY: used under the server's lock only, by the contract of `new`.
unsafe impl<T> Sync for UnderLock<T> {}

impl<T: Default> UnderLock<T> {
    /// # Safety
    /// It is used by commands and by callbacks that run under the server's lock, not by the functions that
    /// free values on a background thread.
    pub const unsafe fn new() -> UnderLock<T> {
        UnderLock(RefCell::new(None))
    }

    /// `act` must not run foreign code, which could use the state again: a nested use has no effect and
    /// returns a default, and fails a debug build.
    #[inline]
    pub fn with<R: Default>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        let borrowed = self.0.try_borrow_mut();
        debug_assert!(borrowed.is_ok(), "state used while it is in use");
        match borrowed {
            Ok(mut it) => act(it.get_or_insert_default()),
            Err(_) => R::default(),
        }
    }
}
