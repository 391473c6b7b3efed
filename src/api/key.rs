//! An open key.

use std::ffi::c_void;
use std::marker::PhantomData;

use redis_module::raw;

use super::redis::{api, Ctx, Failure, Outcome};
use crate::store::types::{boxed, Type};

/// Closed when it goes.
pub struct Key<'c> {
    raw: *mut raw::RedisModuleKey,
    life: PhantomData<&'c ()>,
}

impl<'c> Key<'c> {
    /// For a command that may change it. Opening, closing and looking change nothing and signal
    /// nothing: the module signals by itself what it really changed.
    #[inline]
    pub fn for_writing(ctx: Ctx<'c>, name: *mut raw::RedisModuleString) -> Key<'c> {
        Key::open(ctx, name, raw::KeyMode::READ | raw::KeyMode::WRITE)
    }

    #[inline]
    pub fn for_reading(ctx: Ctx<'c>, name: *mut raw::RedisModuleString) -> Key<'c> {
        Key::open(ctx, name, raw::KeyMode::READ)
    }

    /// For reading, without a trace in what the server knows of the use of its keys.
    pub fn for_peeking(ctx: Ctx<'c>, name: *mut raw::RedisModuleString) -> Key<'c> {
        let traceless = raw::REDISMODULE_OPEN_KEY_NOTOUCH
            | raw::REDISMODULE_OPEN_KEY_NONOTIFY
            | raw::REDISMODULE_OPEN_KEY_NOSTATS;
        // The flags lie beyond those that the type knows; older servers overlook some of them.
        Key::open_with(ctx, name, raw::KeyMode::READ.bits() | traceless as i32)
    }

    #[inline]
    fn open(ctx: Ctx<'c>, name: *mut raw::RedisModuleString, mode: raw::KeyMode) -> Key<'c> {
        Key::open_with(ctx, name, mode.bits())
    }

    #[inline]
    fn open_with(ctx: Ctx<'c>, name: *mut raw::RedisModuleString, mode: i32) -> Key<'c> {
        // SAFETY: the context is valid and the string alive. A null handle is a key that is not
        // there, which every call below takes.
        let raw = unsafe { api!(RedisModule_OpenKey(ctx.raw(), name, mode)) };
        Key {
            raw: raw.cast(),
            life: PhantomData,
        }
    }

    /// The value, if it is of our type; None if the key does not exist.
    #[inline]
    pub fn value<T: Type>(&self) -> Outcome<Option<&'c T>> {
        // SAFETY: as for `value_mut_as_it_is`, and nothing writes to a value while a command reads it.
        Ok(self.value_ptr::<T>()?.map(|value| unsafe {
            T::before_reading(value);
            &*value
        }))
    }

    /// The value of a key that is open for writing.
    #[inline]
    #[allow(clippy::mut_from_ref)] // the key is only a handle; one command has one handle of a key
    pub fn value_mut<T: Type>(&self) -> Outcome<Option<&'c mut T>> {
        // SAFETY: as for `value_mut_as_it_is`, and this command has no other reference to the value.
        Ok(self.value_ptr::<T>()?.map(|value| unsafe {
            T::before_writing(value);
            &mut *value
        }))
    }

    /// The same of a value for which something may wait, and go on to.
    #[inline]
    #[allow(clippy::mut_from_ref)] // as above
    pub fn value_mut_as_it_is<T: Type>(&self) -> Outcome<Option<&'c mut T>> {
        // SAFETY: the value lives until the key is deleted or set, which only this command can do,
        // and commands run one at a time.
        Ok(self.value_ptr::<T>()?.map(|value| unsafe { &mut *value }))
    }

    /// For calls that take the handle itself.
    pub fn raw(&self) -> *mut raw::RedisModuleKey {
        self.raw
    }

    pub fn exists(&self) -> bool {
        self.kind() != raw::REDISMODULE_KEYTYPE_EMPTY
    }

    /// One of the types that Redis tells apart: `REDISMODULE_KEYTYPE_...`.
    pub fn kind(&self) -> isize {
        // SAFETY: the handle is open or null.
        unsafe { api!(RedisModule_KeyType(self.raw)) as isize }
    }

    /// Where the value stands. It stays there until the key is deleted or set.
    #[inline]
    pub fn value_ptr<T: Type>(&self) -> Outcome<Option<*mut T>> {
        // SAFETY: the handle is open or null; the value was made by `T`'s own constructor, because
        // the key's type is the one that was registered for `T`.
        unsafe {
            if api!(RedisModule_ModuleTypeGetType(self.raw)) == T::registered() {
                return Ok(Some(api!(RedisModule_ModuleTypeGetValue(self.raw)).cast()));
            }
        }
        if self.exists() {
            Err(Failure::WrongType)
        } else {
            Ok(None)
        }
    }

    /// Puts a value into a key that is open for writing, and gives where it stands now.
    pub fn set<T: Type>(&self, value: T) -> *mut T {
        let value = boxed(value);
        // SAFETY: the key is open for writing; from here on Redis owns the value and frees it with
        // the callback of `T`.
        unsafe {
            api!(RedisModule_ModuleTypeSetValue(
                self.raw,
                T::registered(),
                value.cast::<c_void>()
            ));
        }
        value
    }

    /// When the key expires, if it does.
    pub fn expiry(&self) -> Option<i64> {
        // SAFETY: the handle is open or null.
        let time = unsafe { api!(RedisModule_GetAbsExpire(self.raw)) };
        (time != i64::from(raw::REDISMODULE_NO_EXPIRE)).then_some(time)
    }

    /// Whether the server counts every use of a key, and evicts by that.
    pub fn counts_uses(&self) -> bool {
        let mut uses = -1;
        // SAFETY: the handle is open or null; the number is -1 under any other policy.
        unsafe { api!(RedisModule_GetLFU(self.raw, &mut uses)) };
        uses >= 0
    }

    pub fn expire_at(&self, time: i64) {
        // SAFETY: the key is open for writing. A time before 1970 would be refused, and is over
        // either way.
        unsafe { api!(RedisModule_SetAbsExpire(self.raw, time.max(1))) };
    }

    /// Deletes the key; a large value is freed in the background.
    pub fn unlink(&self) {
        // SAFETY: the key is open for writing.
        unsafe { api!(RedisModule_UnlinkKey(self.raw)) };
    }
}

impl Drop for Key<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: opened by `open`, closed once; null is taken.
        unsafe { api!(RedisModule_CloseKey(self.raw)) }
    }
}
