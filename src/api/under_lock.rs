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

    /// None to one who asks while another is at it; who calls nothing that calls back is never that.
    #[inline]
    pub fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut it = self.0.try_borrow_mut().ok()?;
        Some(act(it.get_or_insert_default()))
    }
}
