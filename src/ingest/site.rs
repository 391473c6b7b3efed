//! The site that a writing command names.

use std::ptr::NonNull;

use redis_module::raw::{REDISMODULE_CTX_FLAGS_DENY_BLOCKING, REDISMODULE_CTX_FLAGS_LOADING};

use super::directories;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::string::StringRef;
use crate::config;
use crate::stats;
use crate::store::changes;
use crate::store::site_value::SiteValue;
use crate::store::value;
use analytics_core::site::Site;

/// Valid as long as the guard of its command, even if the key is deleted meanwhile: the command then counts
/// as earlier than the deletion.
pub struct OpenSite {
    value: NonNull<SiteValue>,
    /// Made with the settings of the module, and stored only if an event counts.
    is_new: bool,
    /// It is under its key, which does not expire.
    is_lasting: bool,
}

impl OpenSite {
    /// # Safety
    /// It is used with this guard only, and dropped before it.
    #[inline]
    pub unsafe fn find(
        ctx: Ctx,
        guard: &mut WriteGuard,
        flags: u32,
        site: StringRef,
        name: &[u8],
        now: i64,
    ) -> Outcome<OpenSite> {
        let waiting = match may_be_inside_of_an_event(flags) {
            true => None,
            false => directories::site(ctx, name, now),
        };
        if let Some(value) = waiting {
            return Ok(OpenSite {
                value,
                is_new: false,
                is_lasting: true,
            });
        }
        let key = changes::opening(site, || Key::for_writing(ctx, guard, site));
        let found = value::find::<SiteValue>(&key)?;
        let is_lasting = key.expiry().is_none();
        Ok(match found {
            Some(value) => {
                // SAFETY: the value of a key; the guard keeps it.
                unsafe { value.as_ref() }.set_linked();
                OpenSite {
                    value,
                    is_new: false,
                    is_lasting,
                }
            }
            None => OpenSite::make(),
        })
    }

    #[cold]
    fn make() -> OpenSite {
        let site = Site::new(config::default_settings());
        OpenSite {
            value: value::allocate(SiteValue::new(site)),
            is_new: true,
            is_lasting: false,
        }
    }

    /// Frees a new site that was not stored, and the directory that a command has made for it.
    #[cold]
    fn free(&mut self) {
        // SAFETY: made by `make`, and not stored: nothing but this and its directory points to it.
        unsafe {
            directories::drop_of(self.value.as_ref().directory(), self.value.as_ptr());
            value::free_unowned(self.value.as_ptr());
        }
    }

    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether events may wait without its key being opened.
    pub fn is_lasting(&self) -> bool {
        self.is_lasting
    }

    /// Where it is, for its directory.
    pub fn address(&self) -> NonNull<SiteValue> {
        self.value
    }

    #[inline]
    pub fn value<'g>(&'g self, _guard: &'g WriteGuard) -> &'g SiteValue {
        // SAFETY: found under its key, or in a directory, which is dropped when the site leaves its key: by
        // the contract of `find`, the guard keeps it. Nothing changes it but this command, by `value_mut`.
        unsafe { self.value.as_ref() }
    }

    #[inline]
    pub fn value_mut<'g>(&'g mut self, _guard: &'g WriteGuard) -> &'g mut SiteValue {
        // SAFETY: the guard keeps it, and no foreign code runs while the reference lives. This command
        // has one `OpenSite`.
        unsafe { self.value.as_mut() }
    }

    /// Stores a new site under its key. A value that foreign code has stored there meanwhile is later, and
    /// stays.
    pub fn store(&mut self, ctx: Ctx, guard: &mut WriteGuard, site: StringRef) {
        if !self.is_new {
            return;
        }
        let key = Key::for_writing(ctx, guard, site);
        if !key.exists() {
            self.is_new = false;
            stats::SITES.add(1);
            // SAFETY: made by `make`; it belongs to the server from now on.
            unsafe { value::put_allocated(key, self.value.as_ptr()) };
        }
    }
}

/// Whether the command may have been called by another module's callback for a server event, before the
/// callback of this module ran: after a swap of two databases, a directory may then be that of the other
/// one. Such calls may not block; the same is true in transactions and scripts, where the key is opened too.
fn may_be_inside_of_an_event(flags: u32) -> bool {
    flags & REDISMODULE_CTX_FLAGS_DENY_BLOCKING != 0 && flags & REDISMODULE_CTX_FLAGS_LOADING == 0
}

impl Drop for OpenSite {
    #[inline]
    fn drop(&mut self) {
        if self.is_new {
            self.free();
        }
    }
}
