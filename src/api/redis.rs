//! The module API of Redis, as far as this module uses it, behind types that cannot be misused. Every
//! string that comes in or goes out is bytes: a NUL or broken UTF-8 is ordinary.

use std::ffi::{c_char, c_int, c_longlong, CStr};
use std::marker::PhantomData;

use redis_module::raw;

use super::guard::CallOut;
use analytics_core::error::Error;
use analytics_core::query::fold::Answer;
use analytics_core::text::numeral::shown_number;

/// Calls a function of the module API. `load` refuses servers older than 7.0, and those have all of
/// them, so that the abort is never reached.
macro_rules! api {
    ($name:ident($($argument:expr),* $(,)?)) => {
        match redis_module::raw::$name {
            Some(function) => function($($argument),*),
            None => std::process::abort(),
        }
    };
}
pub(crate) use api;

/// What a command failed with.
#[derive(Debug)]
pub enum Failure {
    /// `ERR` and one line.
    Refused(Error),
    WrongType,
    WrongArity,
    /// The cluster slot is on its way to another node.
    TryAgain,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Refused(error)
    }
}

pub type Outcome<T = ()> = Result<T, Failure>;

/// A command's or a callback's context. It is valid until that returns, which `'c` stands for.
#[derive(Clone, Copy)]
pub struct Ctx<'c> {
    raw: *mut raw::RedisModuleCtx,
    life: PhantomData<&'c ()>,
}

/// The words of a command, its name first, borrowed from the client.
#[derive(Clone, Copy)]
pub struct Words<'c> {
    raw: &'c [*mut raw::RedisModuleString],
}

impl<'c> Words<'c> {
    /// # Safety
    /// As handed to a command or to the module: `argv` holds `argc` strings that live as long as `'c`.
    pub unsafe fn new(argv: *mut *mut raw::RedisModuleString, argc: c_int) -> Words<'c> {
        let len = usize::try_from(argc).unwrap_or(0);
        if len == 0 || argv.is_null() {
            return Words { raw: &[] };
        }
        // SAFETY: by the contract above.
        let raw = unsafe { std::slice::from_raw_parts(argv, len) };
        Words { raw }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    #[inline]
    pub fn get(&self, place: usize) -> Option<&'c [u8]> {
        self.raw.get(place).map(|string| bytes_of(*string))
    }

    /// The string itself, for calls that take one.
    pub fn string(&self, place: usize) -> *mut raw::RedisModuleString {
        self.raw.get(place).copied().unwrap_or(std::ptr::null_mut())
    }

    pub fn after(&self, place: usize) -> Words<'c> {
        Words {
            raw: self.raw.get(place..).unwrap_or_default(),
        }
    }

    pub fn iter(self) -> impl ExactSizeIterator<Item = &'c [u8]> {
        self.raw.iter().map(|string| bytes_of(*string))
    }

    pub fn to_vec(self) -> Vec<&'c [u8]> {
        self.iter().collect()
    }

    pub fn strings(&self) -> &'c [*mut raw::RedisModuleString] {
        self.raw
    }
}

/// The bytes of a string that its owner keeps for `'c`. Not inline: it would be in very many places.
#[inline(never)]
pub fn bytes_of<'c>(string: *const raw::RedisModuleString) -> &'c [u8] {
    let mut len = 0;
    // SAFETY: the string is one that Redis handed out; Redis tells its length, and null for none.
    unsafe {
        let start = api!(RedisModule_StringPtrLen(string, &mut len));
        if start.is_null() {
            &[]
        } else {
            std::slice::from_raw_parts(start.cast(), len)
        }
    }
}

/// A string of our own.
pub struct OwnedString(*mut raw::RedisModuleString);

impl OwnedString {
    pub fn new(bytes: &[u8]) -> OwnedString {
        // SAFETY: Redis copies the bytes. Without a context, the string is ours to free.
        OwnedString(unsafe {
            api!(RedisModule_CreateString(
                std::ptr::null_mut(),
                bytes.as_ptr().cast(),
                bytes.len()
            ))
        })
    }

    pub fn of_number(number: i64) -> OwnedString {
        // SAFETY: as in `new`.
        OwnedString(unsafe {
            api!(RedisModule_CreateStringFromLongLong(
                std::ptr::null_mut(),
                number as c_longlong
            ))
        })
    }

    /// # Safety
    /// The string is the caller's to free, and leaves it to this.
    pub unsafe fn take(string: *mut raw::RedisModuleString) -> OwnedString {
        OwnedString(string)
    }

    pub fn raw(&self) -> *mut raw::RedisModuleString {
        self.0
    }
}

impl Drop for OwnedString {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { api!(RedisModule_FreeString(std::ptr::null_mut(), self.0)) }
    }
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

    /// The database that it works on.
    pub fn db(self) -> c_int {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_GetSelectedDb(self.raw)) }
    }

    pub fn select_db(self, db: c_int) {
        // SAFETY: the context is valid; a number that is none of a database changes nothing.
        unsafe { api!(RedisModule_SelectDb(self.raw, db)) };
    }

    /// To whoever listens here, in a cluster on any node; replicas are not told.
    pub fn publish(self, channel: &[u8], message: &[u8]) {
        let (channel, message) = (OwnedString::new(channel), OwnedString::new(message));
        // SAFETY: the context is valid and the strings alive.
        unsafe {
            api!(RedisModule_PublishMessage(
                self.raw,
                channel.raw(),
                message.raw()
            ))
        };
    }

    /// To whoever listens with `SSUBSCRIBE`, in a cluster on the nodes of the channel's shard.
    pub fn publish_to_shard(self, channel: &[u8], message: &[u8]) {
        let (channel, message) = (OwnedString::new(channel), OwnedString::new(message));
        // SAFETY: the context is valid and the strings alive.
        unsafe {
            api!(RedisModule_PublishMessageShard(
                self.raw,
                channel.raw(),
                message.raw()
            ))
        };
    }

    /// Tells WATCH and client-side caches that a key has changed.
    #[inline]
    pub fn signal_modified(self, key: *mut raw::RedisModuleString) {
        // SAFETY: the context is valid and the string alive.
        unsafe { api!(RedisModule_SignalModifiedKey(self.raw, key)) };
    }

    pub fn notify(self, event: &CStr, key: *mut raw::RedisModuleString) {
        self.notify_of(raw::REDISMODULE_NOTIFY_MODULE, event, key);
    }

    /// An event that a command of Redis's own on a stream has, too.
    pub fn notify_stream(self, event: &CStr, key: *mut raw::RedisModuleString) {
        self.notify_of(raw::REDISMODULE_NOTIFY_STREAM, event, key);
    }

    fn notify_of(self, kind: c_int, event: &CStr, key: *mut raw::RedisModuleString) {
        // SAFETY: the context is valid, the texts alive during the call.
        unsafe {
            api!(RedisModule_NotifyKeyspaceEvent(
                self.raw,
                kind,
                event.as_ptr(),
                key
            ))
        };
    }

    pub fn replicate_verbatim(self) {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplicateVerbatim(self.raw)) };
    }

    /// Replicates `command` with these words.
    pub fn replicate(self, command: &CStr, words: &[*mut raw::RedisModuleString]) {
        // SAFETY: "v" takes a vector of strings and its length.
        unsafe {
            api!(RedisModule_Replicate(
                self.raw,
                command.as_ptr(),
                c"v".as_ptr(),
                words.as_ptr(),
                words.len()
            ))
        };
    }

    /// Whether a key exists; does not touch it. One that is over goes.
    pub fn exists<'g>(self, _guard: impl CallOut<'g>, key: *mut raw::RedisModuleString) -> bool {
        // SAFETY: the context is valid and the string alive.
        unsafe { api!(RedisModule_KeyExists(self.raw, key)) == 1 }
    }

    /// In a cluster: whether this node would serve a command on these keys, all of one slot. While
    /// the slot moves it does not if any of several keys is missing, and `EXISTS` is refused
    /// instead of answered.
    pub fn serves<'g>(
        self,
        _guard: impl CallOut<'g>,
        keys: &[*mut raw::RedisModuleString],
    ) -> bool {
        // SAFETY: "v" takes a vector of strings and its length; the reply is freed.
        unsafe {
            let reply = api!(RedisModule_Call(
                self.raw,
                c"EXISTS".as_ptr(),
                c"v".as_ptr(),
                keys.as_ptr(),
                keys.len()
            ));
            if reply.is_null() {
                return false;
            }
            api!(RedisModule_FreeCallReply(reply));
            true
        }
    }

    pub fn reply_integer(self, number: i64) {
        // SAFETY: the context is valid.
        unsafe {
            api!(RedisModule_ReplyWithLongLong(
                self.raw,
                number as c_longlong
            ))
        };
    }

    pub fn reply_bytes(self, bytes: &[u8]) {
        // SAFETY: the context is valid; Redis copies the bytes.
        unsafe {
            api!(RedisModule_ReplyWithStringBuffer(
                self.raw,
                bytes.as_ptr().cast(),
                bytes.len()
            ))
        };
    }

    /// A double in RESP3, a bulk string in RESP2: there in as few digits as give the number back,
    /// 74.4 and not 74.400000000000006.
    pub fn reply_double(self, number: f64) {
        if self.flags() & raw::REDISMODULE_CTX_FLAGS_RESP3 == 0 {
            return self.reply_bytes(shown_number(number).as_bytes());
        }
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplyWithDouble(self.raw, number)) };
    }

    /// Counts are integers, every other number is a double, and what was not measured is null.
    pub fn reply_answer(self, answer: Answer) {
        match answer {
            Answer::Count(count) => self.reply_integer(i64::try_from(count).unwrap_or(i64::MAX)),
            Answer::Number(number) => self.reply_double(number),
            Answer::Nothing => self.reply_null(),
        }
    }

    pub fn reply_null(self) {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplyWithNull(self.raw)) };
    }

    pub fn reply_ok(self) {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplyWithSimpleString(self.raw, c"OK".as_ptr())) };
    }

    /// A simple string: one line, which ends at a NUL.
    pub fn reply_line(self, line: &str) {
        let line = one_line(line);
        // SAFETY: the context is valid; the line ends with its only NUL.
        unsafe {
            api!(RedisModule_ReplyWithSimpleString(
                self.raw,
                line.as_ptr().cast()
            ))
        };
    }

    pub fn reply_array(self, len: usize) {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplyWithArray(self.raw, len as _)) };
    }

    /// A map in RESP3, a flat array in RESP2.
    pub fn reply_map(self, len: usize) {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplyWithMap(self.raw, len as _)) };
    }

    pub fn reply_failure(self, failure: &Failure) {
        let line = match failure {
            Failure::WrongArity => {
                // SAFETY: the context is valid.
                unsafe { api!(RedisModule_WrongArity(self.raw)) };
                return;
            }
            Failure::WrongType => {
                "WRONGTYPE Operation against a key holding the wrong kind of value".to_owned()
            }
            Failure::TryAgain => {
                "TRYAGAIN Some buckets of the site may be on another node while its slot moves"
                    .to_owned()
            }
            Failure::Refused(error) => format!("ERR {error}"),
        };
        let line = one_line(&line);
        // SAFETY: the context is valid; the line ends with its only NUL.
        unsafe { api!(RedisModule_ReplyWithError(self.raw, line.as_ptr().cast())) };
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

/// Without control characters, and with a NUL at its end.
fn one_line(text: &str) -> Vec<u8> {
    let printable = |byte: u8| if byte.is_ascii_control() { b' ' } else { byte };
    text.bytes().map(printable).chain([0]).collect()
}
