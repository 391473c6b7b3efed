//! Replies to a command: values, or its failure.

use std::ffi::c_longlong;

use redis_module::raw;

use super::context::Ctx;
use super::failure::Failure;
use super::macros::api;
use analytics_core::text::numeral::shown_number;

impl Ctx<'_> {
    pub fn reply_integer(self, number: i64) {
        // SAFETY: the context is valid.
        unsafe {
            api!(RedisModule_ReplyWithLongLong(
                self.raw(),
                number as c_longlong
            ))
        };
    }

    pub fn reply_bytes(self, bytes: &[u8]) {
        // SAFETY: the context is valid; Redis copies the bytes.
        unsafe {
            api!(RedisModule_ReplyWithStringBuffer(
                self.raw(),
                bytes.as_ptr().cast(),
                bytes.len()
            ))
        };
    }

    /// A double in RESP3. In RESP2 a bulk string with as few digits as give the number back:
    /// 74.4 and not 74.400000000000006.
    pub fn reply_double(self, number: f64) {
        if self.flags() & raw::REDISMODULE_CTX_FLAGS_RESP3 == 0 {
            return self.reply_bytes(shown_number(number).as_bytes());
        }
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplyWithDouble(self.raw(), number)) };
    }

    pub fn reply_null(self) {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplyWithNull(self.raw())) };
    }

    pub fn reply_ok(self) {
        // SAFETY: the context is valid.
        unsafe {
            api!(RedisModule_ReplyWithSimpleString(
                self.raw(),
                c"OK".as_ptr()
            ))
        };
    }

    /// A simple string: one line, which ends at a NUL.
    pub fn reply_line(self, line: &str) {
        let line = one_line(line);
        // SAFETY: the context is valid; the line ends with its only NUL.
        unsafe {
            api!(RedisModule_ReplyWithSimpleString(
                self.raw(),
                line.as_ptr().cast()
            ))
        };
    }

    pub fn reply_array(self, len: usize) {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplyWithArray(self.raw(), len as _)) };
    }

    /// A map in RESP3, a flat array in RESP2.
    pub fn reply_map(self, len: usize) {
        // SAFETY: the context is valid.
        unsafe { api!(RedisModule_ReplyWithMap(self.raw(), len as _)) };
    }

    pub fn reply_failure(self, failure: &Failure) {
        let line = match failure {
            Failure::WrongArity => {
                // SAFETY: the context is valid.
                unsafe { api!(RedisModule_WrongArity(self.raw())) };
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
        unsafe { api!(RedisModule_ReplyWithError(self.raw(), line.as_ptr().cast())) };
    }
}

/// Without control characters, and with a NUL at its end.
fn one_line(text: &str) -> Vec<u8> {
    let printable = |byte: u8| if byte.is_ascii_control() { b' ' } else { byte };
    text.bytes().map(printable).chain([0]).collect()
}
