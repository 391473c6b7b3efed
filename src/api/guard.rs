//! What must not happen while a command of ours is at work.
//!
//! Opening a key that has expired, making one, and calling another command run code of other modules,
//! in the middle of ours. That code may delete, rename or flush the very values that the command looks
//! at, and call our commands again. So:
//!
//! - A value that leaves its key while a guard exists is freed when the last guard is gone. A pointer
//!   to a value that was found under its key is valid as long as the guard.
//! - A command that writes is refused while another one of ours is under way. A shared reference to a
//!   value is valid as long as the guard, too: nothing changes a value but such commands, and events
//!   that wait for it, which are applied before the reference is made.
//! - Whatever may run foreign code takes `&mut WriteGuard`, and a reference that may change a value
//!   borrows the guard: none is alive while foreign code runs.
//!
//! Commands and callbacks run one at a time, under the server's lock; values are freed on any thread.

use std::ffi::{c_void, CStr};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use super::context::Ctx;
use super::failure::{Failure, Outcome};
use super::string::StringRef;
use analytics_core::error::Error;

static READERS: AtomicU32 = AtomicU32::new(0);
static WRITES: AtomicBool = AtomicBool::new(false);

/// Of a command that only reads. Not `Send`: it belongs to the thread that holds the server's lock.
pub struct ReadGuard(PhantomData<*const ()>);

/// Of a command that may write: there is one at a time, and no other guard began before it.
pub struct WriteGuard(PhantomData<*const ()>);

impl ReadGuard {
    #[inline]
    pub fn new() -> ReadGuard {
        READERS.store(READERS.load(Relaxed) + 1, Relaxed);
        ReadGuard(PhantomData)
    }
}

impl Drop for ReadGuard {
    #[inline]
    fn drop(&mut self) {
        READERS.store(READERS.load(Relaxed) - 1, Relaxed);
        free_deferred();
    }
}

impl WriteGuard {
    /// Refused inside of another command of ours.
    #[inline]
    pub fn new() -> Outcome<WriteGuard> {
        if is_any() {
            return Err(nested());
        }
        WRITES.store(true, Relaxed);
        Ok(WriteGuard(PhantomData))
    }

    /// Ends the command with a keyspace event on this key: whoever listens may call our commands.
    pub fn notify(self, ctx: Ctx, event: &CStr, key: StringRef) {
        drop(self);
        ctx.notify(event, key);
    }
}

impl Drop for WriteGuard {
    #[inline]
    fn drop(&mut self) {
        WRITES.store(false, Relaxed);
        free_deferred();
    }
}

/// Proof that foreign code may run: with `'g`, what is found out lives as long as the guard does.
pub trait CallOut<'g> {}

/// Shared references stay valid.
impl<'g> CallOut<'g> for &'g ReadGuard {}

/// No reference is alive.
impl<'g> CallOut<'g> for &'g mut WriteGuard {}

/// For functions that run foreign code more than once.
pub trait Again {
    fn again(&mut self) -> impl CallOut<'_>;
}

impl Again for WriteGuard {
    fn again(&mut self) -> impl CallOut<'_> {
        self
    }
}

impl Again for &ReadGuard {
    fn again(&mut self) -> impl CallOut<'_> {
        *self
    }
}

impl Again for Outside {
    fn again(&mut self) -> impl CallOut<'_> {
        &*self
    }
}

/// For code that looks at no value, and is no part of a command that does.
pub struct Outside(());

impl Outside {
    pub fn new() -> Outside {
        debug_assert!(!is_any(), "a command of ours is at work");
        Outside(())
    }
}

impl<'g> CallOut<'g> for &'g Outside {}

#[cold]
fn nested() -> Failure {
    Error::new(
        "this command writes, and was called from inside another command of this module that is \
         not done yet",
    )
    .into()
}

/// Whether a command of ours is at work.
#[inline]
pub fn is_any() -> bool {
    WRITES.load(Relaxed) || READERS.load(Relaxed) != 0
}

/// A value that no key owns any more.
struct Unowned {
    value: *mut c_void,
    free: unsafe fn(*mut c_void),
}

// SAFETY: nobody else has the value, and any thread may free it.
unsafe impl Send for Unowned {}

impl Drop for Unowned {
    fn drop(&mut self) {
        // SAFETY: by the contract of `free_when_unused`, once.
        unsafe { (self.free)(self.value) }
    }
}

static DEFERRED: Mutex<Vec<Unowned>> = Mutex::new(Vec::new());
static HAS_DEFERRED: AtomicBool = AtomicBool::new(false);

/// From so many values on, a thread of its own frees them: the client need not wait.
const MANY: usize = 512;

/// Frees a value at once, or, where a command is at work, when it is done.
///
/// A value that a freeing thread finds here was unlinked before its command began, or comes later than
/// the guard, which the thread then sees: the server handed it over after that.
///
/// # Safety
/// No key owns the value any more, and `free` frees it, on any thread.
#[inline]
pub unsafe fn free_when_unused(value: *mut c_void, free: unsafe fn(*mut c_void)) {
    let unowned = Unowned { value, free };
    if is_any() {
        let mut deferred = DEFERRED.lock().unwrap_or_else(PoisonError::into_inner);
        deferred.push(unowned);
        HAS_DEFERRED.store(true, Relaxed);
    }
}

/// Also called from time to time: a freeing thread may come when the command is just done.
#[inline]
pub fn free_deferred() {
    if HAS_DEFERRED.load(Relaxed) && !is_any() {
        take_and_free();
    }
}

#[cold]
fn take_and_free() {
    let values = {
        let mut deferred = DEFERRED.lock().unwrap_or_else(PoisonError::into_inner);
        HAS_DEFERRED.store(false, Relaxed);
        std::mem::take(&mut *deferred)
    };
    if values.len() >= MANY {
        // Without a thread they are freed here, with what should have run there.
        let _ = Builder::new().spawn(move || drop(values));
    }
}
