//! What the whole module has once. Commands and callbacks run on any thread that holds the server's
//! lock, such as one of another module that calls our commands; but one at a time.

use std::cell::RefCell;

/// Made when it is first asked for, and never freed.
pub struct UnderLock<T>(RefCell<Option<T>>);

// SAFETY: only commands and callbacks that run under the server's lock may ask for it: whoever frees
// values on a background thread does not.
unsafe impl<T> Sync for UnderLock<T> {}

impl<T: Default> UnderLock<T> {
    pub const fn new() -> UnderLock<T> {
        UnderLock(RefCell::new(None))
    }

    /// `act` runs no foreign code, so that nobody asks for it meanwhile. A default in place of what that
    /// would be, and loud in tests.
    #[inline]
    pub fn with<R: Default>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        let borrowed = self.0.try_borrow_mut();
        debug_assert!(borrowed.is_ok(), "asked for while it is in use");
        match borrowed {
            Ok(mut it) => act(it.get_or_insert_default()),
            Err(_) => R::default(),
        }
    }
}
