//! A section of the server's `INFO`, read by this module.

use std::ffi::CStr;

use redis_module::raw;

use super::context::Ctx;
use super::macros::api;

pub struct ServerInfo<'c> {
    ctx: Ctx<'c>,
    raw: *mut raw::RedisModuleServerInfoData,
}

impl<'c> ServerInfo<'c> {
    pub fn section(ctx: Ctx<'c>, section: &CStr) -> ServerInfo<'c> {
        // SAFETY: the context is valid; `drop` frees what is made here.
        let raw = unsafe { api!(RedisModule_GetServerInfo(ctx.raw(), section.as_ptr())) };
        ServerInfo { ctx, raw }
    }

    /// None where the section has no such field, or it is no number.
    pub fn number(&self, field: &CStr) -> Option<u64> {
        let mut status = 0;
        // SAFETY: both are valid.
        let number = unsafe {
            api!(RedisModule_ServerInfoGetFieldUnsigned(
                self.raw,
                field.as_ptr(),
                &mut status
            ))
        };
        (status == raw::REDISMODULE_OK as i32).then_some(number)
    }

    /// Whether the field exists and has this text.
    pub fn is(&self, field: &CStr, text: &CStr) -> bool {
        // SAFETY: both are valid; null is no such field, and a text lives as long as the section.
        unsafe {
            let found = api!(RedisModule_ServerInfoGetFieldC(self.raw, field.as_ptr()));
            !found.is_null() && CStr::from_ptr(found) == text
        }
    }
}

impl Drop for ServerInfo<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `section`, and freed once.
        unsafe { api!(RedisModule_FreeServerInfo(self.ctx.raw(), self.raw)) }
    }
}
