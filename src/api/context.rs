//! The context of a command or a callback: the database, the clock, and what the server does in its name.

use std::ffi::{c_char, c_int, CStr};
use std::marker::PhantomData;

use redis_module::raw;

use super::macros::api;
use super::string::{OwnedString, StringRef};

/// Valid for `'c`, until the command or the callback returns.
#[derive(Clone, Copy)]
pub struct Ctx<'c> {
    raw: *mut raw::RedisModuleCtx,
    life: PhantomData<&'c ()>,
}

/// The server's clock, in milliseconds since the epoch.
pub fn now() -> i64 {
    // SAFETY: takes nothing.
    unsafe { api!(RedisModule_Milliseconds()) }
}

impl<'c> Ctx<'c> {
    /// # Safety
    /// `raw` is a context that is valid as long as `'c`.
    pub unsafe fn new(raw: *mut raw::RedisModuleCtx) -> Ctx<'c> {
        Ctx {
            raw,
            life: PhantomData,
        }
    }

    pub fn raw(self) -> *mut raw::RedisModuleCtx {
        self.raw
    }

    /// The server's clock, in milliseconds since the epoch.
    pub fn now(self) -> i64 {
        now()
    }

    pub fn flags(self) -> u32 {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_GetContextFlags(self.raw)) as u32 }
    }

    /// The selected database.
    pub fn db(self) -> c_int {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_GetSelectedDb(self.raw)) }
    }

    pub fn select_db(self, db: c_int) {
        // SAFETY: the context is valid; a number without a database changes nothing.
        unsafe { api!(RedisModule_SelectDb(self.raw, db)) };
    }

    /// Publishes to `SSUBSCRIBE`rs, in a cluster on the nodes of the channel's shard.
    pub fn publish_to_shard(self, channel: &[u8], message: &[u8]) {
        let (channel, message) = (OwnedString::new(channel), OwnedString::new(message));
        // SAFETY: the context is valid and the strings alive.
        unsafe {
            api!(RedisModule_PublishMessageShard(
                self.raw,
                channel.get().raw(),
                message.get().raw()
            ))
        };
    }

    /// Publishes to the subscribers of this server, in a cluster to those of every node. It is not
    /// replicated.
    pub fn publish(self, channel: &[u8], message: &[u8]) {
        let (channel, message) = (OwnedString::new(channel), OwnedString::new(message));
        // SAFETY: the context is valid and the strings alive.
        unsafe {
            api!(RedisModule_PublishMessage(
                self.raw,
                channel.get().raw(),
                message.get().raw()
            ))
        };
    }

    /// Signals to `WATCH` and to client-side caches that a key has changed.
    #[inline]
    pub fn signal_modified(self, key: StringRef) {
        // SAFETY: the context is valid and the string alive.
        unsafe { api!(RedisModule_SignalModifiedKey(self.raw, key.raw())) };
    }

    pub fn notify(self, event: &CStr, key: StringRef) {
        self.notify_of(raw::REDISMODULE_NOTIFY_MODULE, event, key);
    }

    /// An event of the class that the stream commands of Redis have.
    pub fn notify_stream(self, event: &CStr, key: StringRef) {
        self.notify_of(raw::REDISMODULE_NOTIFY_STREAM, event, key);
    }

    fn notify_of(self, kind: c_int, event: &CStr, key: StringRef) {
        // SAFETY: the context is valid, the texts alive during the call.
        unsafe {
            api!(RedisModule_NotifyKeyspaceEvent(
                self.raw,
                kind,
                event.as_ptr(),
                key.raw()
            ))
        };
    }

    pub fn replicate_verbatim(self) {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplicateVerbatim(self.raw)) };
    }

    /// Replicates `command` with these words.
    pub fn replicate(self, command: &CStr, words: &[StringRef]) {
        // SAFETY: a `StringRef` has the layout of a pointer, and every string is valid.
        unsafe { self.replicate_raw(command, words.as_ptr().cast(), words.len()) }
    }

    /// # Safety
    /// `words` points to `len` strings that are valid during the call.
    pub unsafe fn replicate_raw(
        self,
        command: &CStr,
        words: *const *mut raw::RedisModuleString,
        len: usize,
    ) {
        // SAFETY: the context is valid; "v" takes a vector of strings and its length.
        unsafe {
            api!(RedisModule_Replicate(
                self.raw,
                command.as_ptr(),
                c"v".as_ptr(),
                words,
                len
            ))
        };
    }

    pub fn log(self, level: &CStr, text: &str) {
        let mut line: Vec<u8> = text.bytes().filter(|byte| *byte != 0).collect();
        line.push(0);
        let line = line.as_ptr() as *const c_char;
        // SAFETY: "%s" takes a text that ends with a NUL.
        unsafe {
            api!(RedisModule_Log(
                self.raw,
                level.as_ptr(),
                c"%s".as_ptr(),
                line
            ))
        };
    }
}
