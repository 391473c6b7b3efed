//! An open key.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

use redis_module::raw;

use super::context::Ctx;
use super::failure::{Failure, Outcome};
use super::guard::{CallOut, ReadGuard, WriteGuard};
use super::macros::api;
use super::string::StringRef;

/// Closed when it is dropped, upon which the server reads the value again. A key that is open for writing
/// borrows the guard of its command, so that foreign code runs only after it is closed.
pub struct Key<'g> {
    raw: *mut raw::RedisModuleKey,
    life: PhantomData<&'g ()>,
}

/// A key that is open for writing: nothing else opens a key or makes a reference to a value meanwhile.
pub struct WritableKey<'g>(Key<'g>);

/// Whether a key exists, without counting as a use of it. A key that has expired is deleted.
pub fn exists<'g>(ctx: Ctx, _guard: impl CallOut<'g>, name: StringRef) -> bool {
    // SAFETY: the context and the string are valid.
    unsafe { api!(RedisModule_KeyExists(ctx.raw(), name.raw())) == 1 }
}

impl<'g> Key<'g> {
    /// For a command that may change it. Opening, reading and closing neither change nor signal anything:
    /// the module itself signals what it changed.
    #[inline]
    pub fn for_writing(ctx: Ctx, _guard: &'g mut WriteGuard, name: StringRef) -> WritableKey<'g> {
        let mode = raw::KeyMode::READ | raw::KeyMode::WRITE;
        WritableKey(Key::open(ctx, name, mode.bits()))
    }

    #[inline]
    pub fn for_reading(ctx: Ctx, _guard: impl CallOut<'g>, name: StringRef) -> Key<'g> {
        Key::open(ctx, name, raw::KeyMode::READ.bits())
    }

    /// For reading, without an effect on the server's statistics of key use.
    pub fn for_peeking(ctx: Ctx, _guard: &'g ReadGuard, name: StringRef) -> Key<'g> {
        let traceless = raw::REDISMODULE_OPEN_KEY_NOTOUCH
            | raw::REDISMODULE_OPEN_KEY_NONOTIFY
            | raw::REDISMODULE_OPEN_KEY_NOSTATS;
        // `KeyMode` has no names for these flags; older servers ignore some of them.
        Key::open(ctx, name, raw::KeyMode::READ.bits() | traceless as i32)
    }

    #[inline]
    fn open(ctx: Ctx, name: StringRef, mode: i32) -> Key<'g> {
        // SAFETY: the context and the string are valid. The handle is null where a key that does not
        // exist is opened for reading: the calls of `Key` accept that. For writing it is never null.
        let raw = unsafe { api!(RedisModule_OpenKey(ctx.raw(), name.raw(), mode)) };
        Key {
            raw: raw.cast(),
            life: PhantomData,
        }
    }

    /// For calls that take the handle itself.
    pub fn raw(&self) -> *mut raw::RedisModuleKey {
        self.raw
    }

    pub fn exists(&self) -> bool {
        self.kind() != raw::REDISMODULE_KEYTYPE_EMPTY
    }

    /// One of the types of the server: `REDISMODULE_KEYTYPE_...`.
    pub fn kind(&self) -> isize {
        // SAFETY: the handle is open or null.
        unsafe { api!(RedisModule_KeyType(self.raw)) as isize }
    }

    /// The value; None if the key does not exist. Fails where it has another type.
    #[inline]
    pub fn value(&self, kind: *mut raw::RedisModuleType) -> Outcome<Option<NonNull<c_void>>> {
        // SAFETY: the handle is open or null.
        unsafe {
            if api!(RedisModule_ModuleTypeGetType(self.raw)) == kind {
                return Ok(NonNull::new(api!(RedisModule_ModuleTypeGetValue(self.raw))));
            }
        }
        if self.exists() {
            Err(Failure::WrongType)
        } else {
            Ok(None)
        }
    }
}

impl<'g> Deref for WritableKey<'g> {
    type Target = Key<'g>;

    fn deref(&self) -> &Key<'g> {
        &self.0
    }
}

impl<'g> From<WritableKey<'g>> for Key<'g> {
    fn from(key: WritableKey<'g>) -> Key<'g> {
        key.0
    }
}

impl WritableKey<'_> {
    /// Puts a value into the key.
    ///
    /// # Safety
    /// The value is one of this type, and belongs to the server from now on.
    pub unsafe fn set(self, kind: *mut raw::RedisModuleType, value: *mut c_void) {
        // SAFETY: by the contract; the handle is open for writing.
        unsafe { api!(RedisModule_ModuleTypeSetValue(self.raw, kind, value)) };
    }

    /// When the key expires, if it does.
    pub fn expiry(&self) -> Option<i64> {
        // SAFETY: the handle is open.
        let time = unsafe { api!(RedisModule_GetAbsExpire(self.raw)) };
        (time != i64::from(raw::REDISMODULE_NO_EXPIRE)).then_some(time)
    }

    /// Whether the server counts every use of a key, for eviction.
    pub fn counts_uses(&self) -> bool {
        let mut uses = -1;
        // SAFETY: the handle is open; the number is -1 under any other policy.
        unsafe { api!(RedisModule_GetLFU(self.raw, &mut uses)) };
        uses >= 0
    }

    /// Sets the expiry of the key.
    pub fn expire_at(&self, time: i64) {
        // SAFETY: the handle is open for writing. The call refuses a time before 1970, which is
        // over like 1.
        unsafe { api!(RedisModule_SetAbsExpire(self.raw, time.max(1))) };
    }

    /// Deletes the key; a large value is freed in the background.
    pub fn unlink(self) {
        // SAFETY: the handle is open for writing.
        unsafe { api!(RedisModule_UnlinkKey(self.raw)) };
    }
}

impl Drop for Key<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: opened by `open`, closed once; the call accepts null.
        unsafe { api!(RedisModule_CloseKey(self.raw)) }
    }
}
