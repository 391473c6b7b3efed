//! What holds while a command of this module runs.
//!
//! Opening a key that has expired, making one, and calling another command run foreign code: that of other
//! modules. It may delete, rename or flush the values that the command uses, and call the commands of this
//! module again. So:
//!
//! - A value that leaves its key while a guard exists is freed when the last guard is dropped. A pointer
//!   to a value that was found under its key is valid as long as the guard.
//! - A command that writes is refused while another command of this module runs. A shared reference to a
//!   value is valid as long as the guard, too: a value is changed only by such commands, and by the
//!   events that wait for it, which are applied before the reference is made.
//! - A function that may run foreign code takes `&mut WriteGuard`, and a reference that may change a value
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
    /// Fails inside of another command of this module.
    #[inline]
    pub fn new() -> Outcome<WriteGuard> {
        if is_command_running() {
            return Err(nested_write());
        }
        WRITES.store(true, Relaxed);
        Ok(WriteGuard(PhantomData))
    }

    /// Ends the command with a keyspace event on this key. Subscribers may call commands of this module.
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

/// Proof that foreign code may run. What is found lives as long as the guard, for `'g`.
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

/// For code that uses no value, and is no part of a command that does.
pub struct Outside(());

impl Outside {
    /// None while a command of this module runs.
    pub fn new() -> Option<Outside> {
        (!is_command_running()).then_some(Outside(()))
    }
}

impl<'g> CallOut<'g> for &'g Outside {}

#[cold]
fn nested_write() -> Failure {
    Error::new(
        "this command writes, and was called from inside another command of this module that is \
         not done yet",
    )
    .into()
}

/// Whether a command of this module runs.
#[inline]
pub fn is_command_running() -> bool {
    WRITES.load(Relaxed) || READERS.load(Relaxed) != 0
}

/// A value that no key owns any more.
struct Unowned {
    value: *mut c_void,
    free: unsafe fn(*mut c_void),
}

// SAFETY: any thread may free the value. A handle that points to it reads its owners only, which are atomic.
unsafe impl Send for Unowned {}

impl Drop for Unowned {
    fn drop(&mut self) {
        // SAFETY: by the contract of `free_when_unused`, once.
        unsafe { (self.free)(self.value) }
    }
}

static DEFERRED: Mutex<Vec<Unowned>> = Mutex::new(Vec::new());
static HAS_DEFERRED: AtomicBool = AtomicBool::new(false);

/// As many values as this are freed on another thread, so that the client does not wait.
const MANY: usize = 512;

/// Frees a value at once, or, while a command runs, when it ends.
///
/// On a freeing thread: either the value was unlinked before the command began, or the server passed it to
/// the thread after the guard was made, so that the thread observes the guard.
///
/// # Safety
/// No key owns the value any more, and `free` frees it, on any thread.
#[inline]
pub unsafe fn free_when_unused(value: *mut c_void, free: unsafe fn(*mut c_void)) {
    let unowned = Unowned { value, free };
    if is_command_running() {
        let mut deferred = DEFERRED.lock().unwrap_or_else(PoisonError::into_inner);
        deferred.push(unowned);
        HAS_DEFERRED.store(true, Relaxed);
    }
}

/// Also called from time to time: a freeing thread may defer a value when the last command has just ended.
#[inline]
pub fn free_deferred() {
    if HAS_DEFERRED.load(Relaxed) && !is_command_running() {
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
        // If no thread can be started, the values are freed here, with the closure.
        let _ = Builder::new().spawn(move || drop(values));
    }
}
