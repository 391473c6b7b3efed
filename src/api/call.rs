//! Commands of the server's own, called from inside.

use std::ffi::{c_int, CStr};

use redis_module::raw;

use super::guard::CallOut;
use super::redis::{api, bytes_of, Ctx, OwnedString};

/// What a command replied; freed when it goes.
pub struct Reply(*mut raw::RedisModuleCallReply);

/// Runs a command that is replicated as it is executed: None if it was refused or failed, and did
/// nothing.
pub fn write<'g>(
    ctx: Ctx,
    _guard: impl CallOut<'g>,
    command: &CStr,
    words: &[&[u8]],
) -> Option<Reply> {
    call(ctx, command, c"!v", words)
}

/// Runs a command that changes nothing.
pub fn ask<'g>(
    ctx: Ctx,
    _guard: impl CallOut<'g>,
    command: &CStr,
    words: &[&[u8]],
) -> Option<Reply> {
    call(ctx, command, c"v", words)
}

fn call(ctx: Ctx, command: &CStr, format: &CStr, words: &[&[u8]]) -> Option<Reply> {
    let words: Vec<OwnedString> = words.iter().map(|word| OwnedString::new(word)).collect();
    let strings: Vec<_> = words.iter().map(OwnedString::raw).collect();
    // SAFETY: "v" takes a vector of strings and its length; null is a command that was refused.
    let reply = unsafe {
        api!(RedisModule_Call(
            ctx.raw(),
            command.as_ptr(),
            format.as_ptr(),
            strings.as_ptr(),
            strings.len()
        ))
    };
    if reply.is_null() {
        return None;
    }
    let reply = Reply(reply);
    (reply.kind() != raw::REDISMODULE_REPLY_ERROR as c_int).then_some(reply)
}

impl Reply {
    fn kind(&self) -> c_int {
        // SAFETY: a reply that was not freed.
        unsafe { api!(RedisModule_CallReplyType(self.0)) }
    }

    pub fn integer(&self) -> i64 {
        // SAFETY: as above; what is no integer gives the smallest one.
        unsafe { api!(RedisModule_CallReplyInteger(self.0)) }
    }

    /// The integer in this place of an array.
    pub fn integer_at(&self, place: usize) -> Option<i64> {
        // SAFETY: as above; an element belongs to its reply, and null is none.
        unsafe {
            let element = api!(RedisModule_CallReplyArrayElement(self.0, place));
            let is_one = !element.is_null()
                && api!(RedisModule_CallReplyType(element))
                    == raw::REDISMODULE_REPLY_INTEGER as c_int;
            is_one.then(|| api!(RedisModule_CallReplyInteger(element)))
        }
    }

    /// The text in this place of an array.
    pub fn text_at(&self, place: usize) -> Option<Vec<u8>> {
        // SAFETY: as above; the string is a new one, which is ours to free.
        unsafe {
            let element = api!(RedisModule_CallReplyArrayElement(self.0, place));
            if element.is_null() {
                return None;
            }
            let string = api!(RedisModule_CreateStringFromCallReply(element));
            if string.is_null() {
                return None;
            }
            let text = bytes_of(string).to_vec();
            api!(RedisModule_FreeString(std::ptr::null_mut(), string));
            Some(text)
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        // SAFETY: made by `call`, freed once.
        unsafe { api!(RedisModule_FreeCallReply(self.0)) }
    }
}
