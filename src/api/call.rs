//! Commands of the server, called by this module.

use std::ffi::{c_int, CStr};

use redis_module::raw;

use super::context::Ctx;
use super::guard::CallOut;
use super::macros::api;
use super::string::{OwnedString, StringRef};

/// Freed when it is dropped.
pub struct CallReply(*mut raw::RedisModuleCallReply);

/// Runs a command that is replicated as it is executed. None if it failed, and so did nothing.
pub fn replicated<'g>(
    ctx: Ctx,
    _guard: impl CallOut<'g>,
    command: &CStr,
    words: &[&[u8]],
) -> Option<CallReply> {
    call_words(ctx, command, c"!v", words)
}

/// Runs a command that changes nothing. None if it failed.
pub fn read_only<'g>(
    ctx: Ctx,
    _guard: impl CallOut<'g>,
    command: &CStr,
    words: &[&[u8]],
) -> Option<CallReply> {
    call_words(ctx, command, c"v", words)
}

/// In a cluster: whether this node would serve a command on these keys, all of one slot. While the
/// slot moves it does not if any of several keys is missing: `EXISTS` then fails.
pub fn are_keys_served<'g>(ctx: Ctx, _guard: impl CallOut<'g>, keys: &[StringRef]) -> bool {
    call(ctx, c"EXISTS", c"v", keys).is_some()
}

fn call_words(ctx: Ctx, command: &CStr, format: &CStr, words: &[&[u8]]) -> Option<CallReply> {
    let words: Vec<OwnedString> = words.iter().map(|word| OwnedString::new(word)).collect();
    let words: Vec<StringRef> = words.iter().map(OwnedString::get).collect();
    call(ctx, command, format, &words)
}

fn call(ctx: Ctx, command: &CStr, format: &CStr, words: &[StringRef]) -> Option<CallReply> {
    // SAFETY: "v" takes a vector of strings, whose layout a slice of `StringRef` has, and its length.
    let reply = unsafe {
        api!(RedisModule_Call(
            ctx.raw(),
            command.as_ptr(),
            format.as_ptr(),
            words.as_ptr(),
            words.len()
        ))
    };
    // Null: the command was refused before it ran.
    let reply = (!reply.is_null()).then(|| CallReply(reply))?;
    (reply.kind() != raw::REDISMODULE_REPLY_ERROR as c_int).then_some(reply)
}

impl CallReply {
    fn kind(&self) -> c_int {
        // SAFETY: a reply that was not freed.
        unsafe { api!(RedisModule_CallReplyType(self.0)) }
    }

    pub fn integer(&self) -> i64 {
        // SAFETY: as above; a reply of another type gives the smallest integer.
        unsafe { api!(RedisModule_CallReplyInteger(self.0)) }
    }

    /// The integer at this place of an array.
    pub fn integer_at(&self, place: usize) -> Option<i64> {
        // SAFETY: as above; an element belongs to its reply; null is none.
        unsafe {
            let element = api!(RedisModule_CallReplyArrayElement(self.0, place));
            let is_one = !element.is_null()
                && api!(RedisModule_CallReplyType(element))
                    == raw::REDISMODULE_REPLY_INTEGER as c_int;
            is_one.then(|| api!(RedisModule_CallReplyInteger(element)))
        }
    }

    /// The text at this place of an array.
    pub fn text_at(&self, place: usize) -> Option<Vec<u8>> {
        // SAFETY: as above; the string is new, and the caller's to free.
        unsafe {
            let element = api!(RedisModule_CallReplyArrayElement(self.0, place));
            if element.is_null() {
                return None;
            }
            let string = api!(RedisModule_CreateStringFromCallReply(element));
            if string.is_null() {
                return None;
            }
            Some(OwnedString::take(string).bytes().to_vec())
        }
    }
}

impl Drop for CallReply {
    fn drop(&mut self) {
        // SAFETY: made by `call`, freed once.
        unsafe { api!(RedisModule_FreeCallReply(self.0)) }
    }
}
