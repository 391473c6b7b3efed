//! Strings of the server. Their contents are bytes: a NUL or broken UTF-8 is ordinary.

use std::ffi::c_longlong;
use std::marker::PhantomData;
use std::ptr::NonNull;

use redis_module::raw::RedisModuleString;

use super::macros::api;

/// A string that its owner keeps unchanged for `'s`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct StringRef<'s> {
    raw: NonNull<RedisModuleString>,
    life: PhantomData<&'s RedisModuleString>,
}

impl<'s> StringRef<'s> {
    /// # Safety
    /// `raw` is a string of the server, not null, and neither freed nor changed during `'s`.
    pub unsafe fn new(raw: *mut RedisModuleString) -> StringRef<'s> {
        StringRef {
            // SAFETY: by the contract.
            raw: unsafe { NonNull::new_unchecked(raw) },
            life: PhantomData,
        }
    }

    /// Not inline, because the calls are many and the code of one is long.
    #[inline(never)]
    pub fn bytes(self) -> &'s [u8] {
        let mut len = 0;
        // SAFETY: the string is valid, and the bytes stay in place as long as it does.
        unsafe {
            let start = api!(RedisModule_StringPtrLen(self.raw.as_ptr(), &mut len));
            if start.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(start.cast(), len)
            }
        }
    }

    /// For calls of the module API.
    pub fn raw(self) -> *mut RedisModuleString {
        self.raw.as_ptr()
    }
}

/// A string that this module owns, and frees.
pub struct OwnedString(NonNull<RedisModuleString>);

impl OwnedString {
    pub fn new(bytes: &[u8]) -> OwnedString {
        // SAFETY: Redis copies the bytes. A string made without a context is the caller's to free.
        unsafe {
            OwnedString::take(api!(RedisModule_CreateString(
                std::ptr::null_mut(),
                bytes.as_ptr().cast(),
                bytes.len()
            )))
        }
    }

    pub fn of_number(number: i64) -> OwnedString {
        // SAFETY: as in `new`.
        unsafe {
            OwnedString::take(api!(RedisModule_CreateStringFromLongLong(
                std::ptr::null_mut(),
                number as c_longlong
            )))
        }
    }

    /// # Safety
    /// `string` is not null, and the caller's to free, who leaves that to this.
    pub unsafe fn take(string: *mut RedisModuleString) -> OwnedString {
        // SAFETY: by the contract.
        OwnedString(unsafe { NonNull::new_unchecked(string) })
    }

    pub fn get(&self) -> StringRef<'_> {
        StringRef {
            raw: self.0,
            life: PhantomData,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        self.get().bytes()
    }

    /// Gives the string to the server, which frees it.
    pub fn into_raw(self) -> *mut RedisModuleString {
        std::mem::ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Drop for OwnedString {
    fn drop(&mut self) {
        // SAFETY: the string is this one's, and is freed once.
        unsafe {
            api!(RedisModule_FreeString(
                std::ptr::null_mut(),
                self.0.as_ptr()
            ))
        }
    }
}
