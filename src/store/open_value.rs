//! The value of a key during a command: found under it, or made for what counts and published at the end.

use std::ptr::null_mut;

use super::contents::Contents;
use super::owned_value::OwnedValue;
use super::{changes, value};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::string::StringRef;

/// The guard of the command keeps a value that was found, and nothing but this changes it meanwhile.
pub struct OpenValue<C: Contents> {
    /// Null until it is found or made.
    value: *mut OwnedValue<C>,
    /// It has no key yet.
    is_unpublished: bool,
}

/// How the server keeps a key that was opened.
pub struct KeyState {
    pub expiry: Option<i64>,
    /// There are no handles then.
    pub counts_uses: bool,
}

impl<C: Contents> Default for OpenValue<C> {
    fn default() -> OpenValue<C> {
        OpenValue {
            value: null_mut(),
            is_unpublished: false,
        }
    }
}

impl<C: Contents> OpenValue<C> {
    /// # Safety
    /// The value of a key, or null. It is used in one command, whose guard exists, and is the only one there
    /// of this value.
    #[inline]
    pub unsafe fn found(value: *mut OwnedValue<C>) -> OpenValue<C> {
        OpenValue {
            value,
            is_unpublished: false,
        }
    }

    /// Opens the key. No event waits for what is there. Changes nothing.
    pub fn look_up(
        &mut self,
        ctx: Ctx,
        guard: &mut WriteGuard,
        name: StringRef,
    ) -> Outcome<KeyState> {
        let key = changes::opening(name, || Key::for_writing(ctx, guard, name));
        let state = KeyState {
            expiry: key.expiry(),
            counts_uses: key.counts_uses(),
        };
        if let Some(value) = value::write::<OwnedValue<C>>(key)? {
            self.value = value;
        }
        Ok(state)
    }

    #[inline]
    pub fn exists(&self) -> bool {
        !self.value.is_null()
    }

    #[inline]
    pub fn is_unpublished(&self) -> bool {
        self.is_unpublished
    }

    /// Where it is, for a handle.
    #[inline]
    pub fn address(&self) -> *mut OwnedValue<C> {
        self.value
    }

    /// None until it is made.
    #[inline]
    pub fn get(&self, _guard: &WriteGuard) -> Option<&C> {
        // SAFETY: found or made in this command, whose guard keeps it; nothing changes it meanwhile.
        self.exists()
            .then(|| unsafe { OwnedValue::contents(self.value) })
    }

    /// For writing.
    #[inline]
    pub fn get_mut(&mut self, _guard: &WriteGuard) -> Option<&mut C> {
        // SAFETY: as above, and the reference borrows all that leads there in this command.
        self.exists()
            .then(|| unsafe { OwnedValue::contents_mut(self.value) })
    }

    /// For writing; made where there is none.
    #[inline]
    pub fn get_or_make(&mut self, _guard: &WriteGuard, make: impl FnOnce() -> C) -> &mut C {
        if !self.exists() {
            self.make(make());
        }
        // SAFETY: as above.
        unsafe { OwnedValue::contents_mut(self.value) }
    }

    /// For writing something else than events of the holder.
    pub fn begin_import(&mut self, _guard: &WriteGuard) -> Option<&mut C> {
        // SAFETY: as above.
        self.exists()
            .then(|| unsafe { OwnedValue::begin_import(self.value) })
    }

    /// Makes the value, where there is none.
    pub fn make(&mut self, contents: C) {
        if !self.exists() {
            self.value = value::allocate(OwnedValue::new(contents)).as_ptr();
            self.is_unpublished = true;
        }
    }

    /// Frees a new value that was not published.
    pub fn discard(&mut self) {
        if std::mem::take(&mut self.is_unpublished) {
            let value = std::mem::replace(&mut self.value, null_mut());
            // SAFETY: made by `make`, and not passed on.
            unsafe { value::free_unowned(value) };
        }
    }

    /// Stores a new value under its key, and sets the expiry of the key. A value that foreign code stores
    /// there meanwhile is later than the command, and stays. Returns whether a handle on the value can be
    /// taken: it is there, and the server does not count the uses of keys.
    pub fn publish(
        &mut self,
        ctx: Ctx,
        guard: &mut WriteGuard,
        name: StringRef,
        expiry: i64,
    ) -> bool {
        if self.is_unpublished {
            let key = Key::for_writing(ctx, guard, name);
            if key.exists() {
                drop(key);
                self.discard();
                return false;
            }
            self.is_unpublished = false;
            // SAFETY: a value of this type, which belongs to the server from now on.
            unsafe { value::put_allocated(key, self.value) };
        }
        // When the key was made, foreign code may have put something else there.
        let key = Key::for_writing(ctx, guard, name);
        let found = value::find::<OwnedValue<C>>(&key);
        let is_there = matches!(found, Ok(Some(found)) if found.as_ptr() == self.value);
        if is_there {
            key.expire_at(expiry);
        }
        is_there && !key.counts_uses()
    }
}

impl<C: Contents> Drop for OpenValue<C> {
    #[inline]
    fn drop(&mut self) {
        self.discard();
    }
}
