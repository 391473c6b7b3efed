//! The data types of the module: Redis stores, saves, copies, digests and frees their values.
//!
//! In an RDB file and in a DUMP payload a value is the number of its pages, then each page as a
//! string; in an AOF it is one `ANALYTICS.RESTORE`. One decoder reads all of them, and checks
//! everything.

use std::ffi::{c_char, c_int, c_void, CStr};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, Ordering::Relaxed};

use redis_module::raw;

use super::changes;
use super::hooks::{self, PendingId};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::{self, free_when_unused, WriteGuard};
use crate::api::key::{Key, WritableKey};
use crate::api::macros::api;
use crate::api::string::{OwnedString, StringRef};
use crate::stats::Gauge;
use analytics_core::codec::{corrupt, Page};
use analytics_core::error::Corrupt;
use analytics_core::prefetch::prefetch_slice;

/// A value never has more pages than this: a page holds a mebibyte or a row.
const MOST_PAGES: u64 = 1 << 22;

/// How values are laid out between the pages and Redis. The pages have versions of their own.
const ENCODING: c_int = 1;

/// A Rust type that is registered as a data type.
pub trait Value: Sized + 'static {
    /// Nine characters: what `TYPE` replies and what RDB files carry.
    const NAME: &'static CStr;
    /// Its keyword in `ANALYTICS.RESTORE`.
    const KEYWORD: &'static CStr;

    fn slot() -> &'static AtomicPtr<raw::RedisModuleType>;
    fn encode(&self) -> Vec<Page>;
    fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<Self, Corrupt>;
    fn copy(&self) -> Self;
    fn bytes(&self) -> usize;
    fn free_effort(&self) -> usize;

    /// Marks that the value has left its key, because the key was deleted, overwritten or renamed. Called
    /// on the main thread, before `free`.
    fn mark_unlinked(&self) {}

    /// The pending writes whose events wait for this value; 0 for none.
    ///
    /// # Safety
    /// The value of a key. No other part of it is read, because it may be about to change.
    unsafe fn pending(_value: *const Self) -> PendingId {
        0
    }

    /// Whether nothing but Redis points to the value, when no events wait for it.
    fn may_move(&self) -> bool {
        true
    }

    /// Called before the value may be moved to another address.
    fn leaves_address(&self) {}

    /// # Safety
    /// `value` was a box, and Redis is done with it. Any thread may call this.
    unsafe fn free(value: *mut Self) {
        // SAFETY: by the contract.
        drop(unsafe { Box::from_raw(value) });
    }

    /// Counts the values that Redis owns.
    fn gauge() -> &'static Gauge;

    /// Called when the value was read for this key, from an RDB file or a DUMP payload.
    fn entered_key(&self, _db: c_int, _name: &[u8]) {}

    /// Called when the value leaves the key of this name, after `mark_unlinked`.
    fn left_key(&self, _db: c_int, _name: &[u8]) {}

    fn registered() -> *mut raw::RedisModuleType {
        Self::slot().load(Relaxed)
    }
}

/// Registers a type with the server; false if it refuses.
pub fn register<T: Value>(ctx: Ctx) -> bool {
    let mut methods = raw::RedisModuleTypeMethods {
        version: raw::REDISMODULE_TYPE_METHOD_VERSION.into(),
        rdb_load: Some(rdb_load::<T>),
        rdb_save: Some(rdb_save::<T>),
        aof_rewrite: Some(aof_rewrite::<T>),
        mem_usage: Some(mem_usage::<T>),
        digest: Some(digest::<T>),
        free: Some(free::<T>),
        free_effort: Some(free_effort::<T>),
        copy: Some(copy::<T>),
        defrag: Some(defrag::<T>),
        aux_load: None,
        aux_save: None,
        aux_save_triggers: 0,
        unlink: None,
        mem_usage2: None,
        free_effort2: None,
        unlink2: Some(unlink::<T>),
        copy2: None,
        aux_save2: None,
    };
    // SAFETY: called while the module loads; Redis copies the methods.
    let made = unsafe {
        api!(RedisModule_CreateDataType(
            ctx.raw(),
            T::NAME.as_ptr(),
            ENCODING,
            &mut methods
        ))
    };
    T::slot().store(made, Relaxed);
    !made.is_null()
}

/// The value of a key: a pointer that is valid as long as the guard. Events may wait for it.
#[inline]
pub fn find<T: Value>(key: &Key) -> Outcome<Option<NonNull<T>>> {
    // The key's type is the one that was registered for `T`: the value was made as a `T`.
    Ok(key.value(T::registered())?.map(NonNull::cast))
}

/// The value of a key with all events that wait for it.
#[inline]
pub fn read<'g, T: Value>(key: Key<'g>) -> Outcome<Option<&'g T>> {
    // SAFETY: `Key` borrows a guard of the command: the value is not freed before that is gone, and
    // changed by nothing but what waits, which is applied first.
    Ok(find::<T>(&key)?.map(|value| unsafe {
        hooks::flush(T::pending(value.as_ptr()));
        value.as_ref()
    }))
}

/// The value of a key that is open for writing. No event waits for it.
#[inline]
pub fn write<'g, T: Value>(key: WritableKey<'g>) -> Outcome<Option<&'g mut T>> {
    // SAFETY: the key borrows the command's guard for as long as the reference lives, so that no other
    // reference to a value is made meanwhile, by this command or by foreign code.
    Ok(find::<T>(&key)?.map(|mut value| unsafe {
        hooks::flush_and_detach(T::pending(value.as_ptr()));
        value.as_mut()
    }))
}

/// The value of a key, after other calls of the server. No event waits for it.
///
/// # Safety
/// It was found with this guard.
pub unsafe fn get_mut<T: Value>(mut found: NonNull<T>, _guard: &mut WriteGuard) -> &mut T {
    // SAFETY: by the contract, the guard keeps it, and no other reference is alive.
    unsafe {
        hooks::flush_and_detach(T::pending(found.as_ptr()));
        found.as_mut()
    }
}

/// Puts a value into a key that is open for writing.
pub fn put<T: Value>(key: WritableKey, value: T) {
    // SAFETY: made here, and only the server has it from here on.
    unsafe { put_allocated(key, allocate(value).as_ptr()) };
}

/// The same of a value that was made before.
///
/// # Safety
/// It was made by `allocate`, and is the server's from here on.
pub unsafe fn put_allocated<T: Value>(key: WritableKey, value: *mut T) {
    // SAFETY: by the contract, a value of this type.
    unsafe { key.set(T::registered(), value.cast()) };
}

/// # Safety
/// `value` was made by `allocate`, for this type, and is not freed while `'v` lasts.
unsafe fn value_of<'v, T: Value>(value: *const c_void) -> &'v T {
    // SAFETY: by the contract above.
    unsafe { &*value.cast() }
}

/// The same with all events that wait for it.
///
/// # Safety
/// That of `value_of`.
unsafe fn flushed<'v, T: Value>(value: *const c_void) -> &'v T {
    // SAFETY: by the contract; a callback runs while no reference that may change a value is alive.
    unsafe {
        // Redis visits one value after the other, none of which is in the CPU cache.
        prefetch_slice(std::slice::from_ref(value_of::<T>(value)));
        hooks::flush(T::pending(value.cast()));
        value_of(value)
    }
}

unsafe extern "C" fn rdb_load<T: Value>(
    io: *mut raw::RedisModuleIO,
    encoding: c_int,
) -> *mut c_void {
    // SAFETY: the server passes its own stream.
    match unsafe { load::<T>(io, encoding) } {
        Ok(value) => {
            changes::note();
            changes::note_arrival();
            // SAFETY: `io` is valid; null is a key without a name.
            unsafe {
                let name = api!(RedisModule_GetKeyNameFromIO(io));
                if !name.is_null() {
                    let name = StringRef::new(name.cast_mut());
                    value.entered_key(api!(RedisModule_GetDbIdFromIO(io)), name.bytes());
                }
            }
            allocate(value).as_ptr().cast()
        }
        Err(corrupt) => {
            // SAFETY: `io` is valid.
            let ctx = unsafe { Ctx::new(api!(RedisModule_GetContextFromIO(io))) };
            log_refusal::<T>(ctx, corrupt);
            std::ptr::null_mut()
        }
    }
}

/// Logs at most one line a second, so that bad payloads cannot fill the disk.
fn log_refusal<T: Value>(ctx: Ctx, corrupt: Corrupt) {
    static QUIET_UNTIL: AtomicI64 = AtomicI64::new(0);
    static UNLOGGED: AtomicU64 = AtomicU64::new(0);
    let now = ctx.now();
    // After the clock was set back, the time of the last line is in the future.
    if (1..=1_000).contains(&(QUIET_UNTIL.load(Relaxed) - now)) {
        UNLOGGED.fetch_add(1, Relaxed);
        return;
    }
    QUIET_UNTIL.store(now + 1_000, Relaxed);
    let kind = T::NAME.to_string_lossy();
    let more = match UNLOGGED.swap(0, Relaxed) {
        0 => String::new(),
        unlogged => format!(", and {unlogged} more since the last such line"),
    };
    ctx.log(
        c"warning",
        &format!("a value of type {kind} is refused: {corrupt}{more}"),
    );
}

/// # Safety
/// `io` is the stream of a load under way.
unsafe fn load<T: Value>(io: *mut raw::RedisModuleIO, encoding: c_int) -> Result<T, Corrupt> {
    const TRUNCATED: Corrupt = corrupt("pages", "truncated");
    // SAFETY: by the contract.
    let (count, page) = unsafe {
        let count = api!(RedisModule_LoadUnsigned(io));
        if api!(RedisModule_IsIOError(io)) != 0 {
            return Err(TRUNCATED);
        }
        (count, || LoadedPage::read(io).ok_or(TRUNCATED))
    };
    // All pages are read even of a refused value, because Redis expects the end mark behind them.
    let decode = |pages: &[LoadedPage]| match encoding {
        ENCODING => T::decode(pages),
        _ => Err(corrupt("encoding", "that of a later version")),
    };
    match count {
        // Nearly every value.
        1 => decode(&[page()?]),
        0..=MOST_PAGES => {
            let pages: Result<Vec<LoadedPage>, Corrupt> = (0..count).map(|_| page()).collect();
            decode(&pages?)
        }
        _ => Err(corrupt("pages", "too many")),
    }
}

/// A page in memory that Redis allocated.
struct LoadedPage {
    start: *mut c_char,
    len: usize,
}

impl LoadedPage {
    /// None when the stream ends early.
    ///
    /// # Safety
    /// That of `load`.
    unsafe fn read(io: *mut raw::RedisModuleIO) -> Option<LoadedPage> {
        let mut len = 0;
        // SAFETY: by the contract; what is handed out is ours to free.
        let start = unsafe { api!(RedisModule_LoadStringBuffer(io, &mut len)) };
        (!start.is_null()).then_some(LoadedPage { start, len })
    }
}

impl AsRef<[u8]> for LoadedPage {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: so many bytes, until they are freed.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.len) }
    }
}

impl Drop for LoadedPage {
    fn drop(&mut self) {
        // SAFETY: it was handed out by Redis and is freed once.
        unsafe { api!(RedisModule_Free(self.start.cast())) };
    }
}

unsafe extern "C" fn rdb_save<T: Value>(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    // SAFETY: the server passes its own stream and a value of this type.
    unsafe {
        let pages = flushed::<T>(value).encode();
        api!(RedisModule_SaveUnsigned(io, pages.len() as u64));
        for page in pages {
            api!(RedisModule_SaveStringBuffer(
                io,
                page.as_ptr().cast(),
                page.len()
            ));
        }
    }
}

unsafe extern "C" fn aof_rewrite<T: Value>(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    // SAFETY: the server passes its own stream, the key's name and a value of this type; "c" takes a
    // text that ends with a NUL, "v" a vector of strings and its length.
    unsafe {
        let pages = flushed::<T>(value).encode();
        let pages: Vec<OwnedString> = pages.iter().map(|page| OwnedString::new(page)).collect();
        let strings: Vec<_> = pages.iter().map(OwnedString::get).collect();
        api!(RedisModule_EmitAOF(
            io,
            c"ANALYTICS.RESTORE".as_ptr(),
            c"scv".as_ptr(),
            key,
            T::KEYWORD.as_ptr(),
            strings.as_ptr(),
            strings.len()
        ));
    }
}

/// With what Redis allocates for a module's value but does not count: the object, and the pair of the
/// value and its type.
unsafe extern "C" fn mem_usage<T: Value>(value: *const c_void) -> usize {
    const AROUND: usize = 16 + 16;
    // SAFETY: a value of this type.
    unsafe { AROUND + flushed::<T>(value).bytes() }
}

/// Over the stored form, which is equal for equal contents.
unsafe extern "C" fn digest<T: Value>(md: *mut raw::RedisModuleDigest, value: *mut c_void) {
    // SAFETY: the server passes its own digest and a value of this type.
    unsafe {
        for page in flushed::<T>(value).encode() {
            api!(RedisModule_DigestAddStringBuffer(
                md,
                page.as_ptr().cast(),
                page.len()
            ));
        }
        api!(RedisModule_DigestEndSequence(md));
    }
}

/// Frees a value that was made by `allocate` and that no key owns, as the server would.
///
/// # Safety
/// Once for each value; the server never got it.
pub unsafe fn free_unowned<T: Value>(value: *mut T) {
    // SAFETY: by the contract.
    unsafe { free::<T>(value.cast()) }
}

/// A value that Redis is about to own.
pub fn allocate<T: Value>(value: T) -> NonNull<T> {
    T::gauge().add(1);
    NonNull::from(Box::leak(Box::new(value)))
}

/// May run on a background thread.
unsafe extern "C" fn free<T: Value>(value: *mut c_void) {
    /// # Safety
    /// That of `Value::free`.
    unsafe fn free_now<T: Value>(value: *mut c_void) {
        T::gauge().subtract(1);
        // SAFETY: by the contract.
        unsafe { T::free(value.cast()) }
    }
    // SAFETY: a value of this type, which no key owns any more.
    unsafe { free_when_unused(value, free_now::<T>) }
}

unsafe extern "C" fn unlink<T: Value>(place: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) {
    // SAFETY: the server passes where the value was, and a value of this type.
    unsafe {
        hooks::flush_and_detach(T::pending(value.cast()));
        value_of::<T>(value).mark_unlinked();
        let name = api!(RedisModule_GetKeyNameFromOptCtx(place));
        if name.is_null() {
            changes::note();
        } else {
            let name = StringRef::new(name.cast_mut()).bytes();
            changes::note_unlinked(name);
            let db = api!(RedisModule_GetDbIdFromOptCtx(place));
            value_of::<T>(value).left_key(db, name);
        }
    }
}

unsafe extern "C" fn free_effort<T: Value>(
    _key: *mut raw::RedisModuleString,
    value: *const c_void,
) -> usize {
    if guard::is_command_running() {
        // Freed when the command ends: passing it to a thread before is useless.
        return 1;
    }
    // SAFETY: a value of this type.
    unsafe { value_of::<T>(value).free_effort() }
}

unsafe extern "C" fn copy<T: Value>(
    _from: *mut raw::RedisModuleString,
    _to: *mut raw::RedisModuleString,
    value: *const c_void,
) -> *mut c_void {
    changes::note();
    changes::note_arrival();
    // SAFETY: a value of this type.
    let copy = unsafe { flushed::<T>(value).copy() };
    allocate(copy).as_ptr().cast()
}

/// Moves the value to the place that Redis chooses.
unsafe extern "C" fn defrag<T: Value>(
    ctx: *mut raw::RedisModuleDefragCtx,
    _key: *mut raw::RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    // SAFETY: the server passes where it keeps its pointer to the value. `DefragAlloc` moves an
    // allocation as a whole, and nothing points to it but that pointer.
    unsafe {
        if !value_of::<T>(*value).may_move() {
            return 0;
        }
        hooks::flush_and_detach(T::pending((*value).cast()));
        value_of::<T>(*value).leaves_address();
        let moved = api!(RedisModule_DefragAlloc(ctx, *value));
        if !moved.is_null() {
            *value = moved;
        }
    }
    0
}
