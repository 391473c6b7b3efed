//! A Redis stream, through an open key. Nothing is replicated: the caller replicates what it appends or
//! trims.

use std::ffi::{c_int, c_long};
use std::fmt;

use redis_module::raw;

use super::failure::{Failure, Outcome};
use super::key::Key;
use super::macros::api;
use super::string::{OwnedString, StringRef};

/// `milliseconds-number`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    pub ms: u64,
    pub number: u64,
}

impl EntryId {
    /// As in `XRANGE`: without a number it is 0.
    pub fn parse(word: &[u8]) -> Option<EntryId> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let word = std::str::from_utf8(word).ok()?;
        let (ms, number) = word.split_once('-').unwrap_or((word, "0"));
        if !digits(ms) || !digits(number) {
            return None;
        }
        Some(EntryId {
            ms: ms.parse().ok()?,
            number: number.parse().ok()?,
        })
    }

    /// None after the largest id.
    fn next(self) -> Option<EntryId> {
        match self.number.checked_add(1) {
            Some(number) => Some(EntryId { number, ..self }),
            None => Some(EntryId {
                ms: self.ms.checked_add(1)?,
                number: 0,
            }),
        }
    }

    fn raw(self) -> raw::RedisModuleStreamID {
        raw::RedisModuleStreamID {
            ms: self.ms,
            seq: self.number,
        }
    }

    fn of(id: raw::RedisModuleStreamID) -> EntryId {
        EntryId {
            ms: id.ms,
            number: id.seq,
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.number)
    }
}

pub struct Stream<'c>(Key<'c>);

impl<'c> Stream<'c> {
    /// Fails where the key holds something else than a stream.
    pub fn of(key: Key<'c>) -> Outcome<Stream<'c>> {
        let is_stream = key.kind() == raw::REDISMODULE_KEYTYPE_STREAM;
        if key.exists() && !is_stream {
            return Err(Failure::WrongType);
        }
        Ok(Stream(key))
    }

    pub fn exists(&self) -> bool {
        self.0.exists()
    }

    /// Appends an entry of these fields, each followed by its value, to a key that is open for writing.
    /// Returns its id: None if the ids of the stream are used up. Making the stream may run foreign code, so
    /// the key is not used any more.
    pub fn append(self, fields: &[StringRef]) -> Option<EntryId> {
        let mut id = EntryId::default().raw();
        // SAFETY: the key is open for writing, and of a stream or empty; the strings are alive, two for
        // each field, and are copied, not changed.
        let status = unsafe {
            api!(RedisModule_StreamAdd(
                self.0.raw(),
                raw::REDISMODULE_STREAM_ADD_AUTOID as c_int,
                &mut id,
                fields.as_ptr().cast_mut().cast(),
                (fields.len() / 2) as i64
            ))
        };
        (status == raw::REDISMODULE_OK as c_int).then(|| EntryId::of(id))
    }

    /// Removes the oldest entries beyond `most`, in whole nodes, which is cheap. Returns how many entries
    /// remain, if any was removed.
    pub fn trim(&mut self, most: u64) -> Option<usize> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        // SAFETY: the key is open for writing, and of a stream.
        unsafe {
            let approximately = raw::REDISMODULE_STREAM_TRIM_APPROX as c_int;
            let trimmed = api!(RedisModule_StreamTrimByLength(
                self.0.raw(),
                approximately,
                most
            ));
            (trimmed > 0).then(|| api!(RedisModule_ValueLength(self.0.raw())))
        }
    }

    /// Removes entries that are older than one, in whole nodes, which is cheap. Returns the id of the first
    /// that remains, if any was removed.
    pub fn trim_before(&mut self, id: EntryId) -> Option<EntryId> {
        // SAFETY: the key is open for writing, and of a stream.
        let trimmed = unsafe {
            let approximately = raw::REDISMODULE_STREAM_TRIM_APPROX as c_int;
            api!(RedisModule_StreamTrimByID(
                self.0.raw(),
                approximately,
                &mut id.raw()
            ))
        };
        let first = (trimmed > 0).then(|| self.after(EntryId::default()).next());
        first.flatten().map(|(id, _)| id)
    }

    /// The id of the last entry.
    pub fn last(&self) -> Option<EntryId> {
        // SAFETY: the key is open, and of a stream or nothing, for which this fails; null is no bound.
        let begun = unsafe {
            api!(RedisModule_StreamIteratorStart(
                self.0.raw(),
                raw::REDISMODULE_STREAM_ITERATOR_REVERSE as c_int,
                std::ptr::null_mut(),
                std::ptr::null_mut()
            )) == raw::REDISMODULE_OK as c_int
        };
        let mut entries = Entries {
            stream: self,
            begun,
        };
        entries.next().map(|(id, _)| id)
    }

    /// The entries after one, oldest first.
    pub fn after(&self, id: EntryId) -> Entries<'_, 'c> {
        let begun = id.next().is_some_and(|first| {
            // SAFETY: the key is open, and of a stream or nothing, for which this fails; null is no end.
            let status = unsafe {
                api!(RedisModule_StreamIteratorStart(
                    self.0.raw(),
                    0,
                    &mut first.raw(),
                    std::ptr::null_mut()
                ))
            };
            status == raw::REDISMODULE_OK as c_int
        });
        Entries {
            stream: self,
            begun,
        }
    }
}

/// A walk through a stream, which it borrows, because the stream must not be changed meanwhile.
pub struct Entries<'s, 'c> {
    stream: &'s Stream<'c>,
    begun: bool,
}

impl Entries<'_, '_> {
    /// The next entry, and how many fields it has.
    pub fn next(&mut self) -> Option<(EntryId, usize)> {
        if !self.begun {
            return None;
        }
        let mut id = EntryId::default().raw();
        let mut fields: c_long = 0;
        // SAFETY: the iterator was started; both places are ours.
        let status = unsafe {
            api!(RedisModule_StreamIteratorNextID(
                self.stream.0.raw(),
                &mut id,
                &mut fields
            ))
        };
        let is_one = status == raw::REDISMODULE_OK as c_int;
        is_one.then(|| (EntryId::of(id), usize::try_from(fields).unwrap_or(0)))
    }

    /// The next field of the entry, and its value.
    pub fn field<T>(&mut self, look: impl FnOnce(&[u8], &[u8]) -> T) -> Option<T> {
        let (mut name, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the iterator was started; the two strings are new, and ours to free.
        let status = unsafe {
            api!(RedisModule_StreamIteratorNextField(
                self.stream.0.raw(),
                &mut name,
                &mut value
            ))
        };
        if status != raw::REDISMODULE_OK as c_int {
            return None;
        }
        // SAFETY: see above.
        let (name, value) = unsafe { (OwnedString::take(name), OwnedString::take(value)) };
        Some(look(name.bytes(), value.bytes()))
    }
}

impl Drop for Entries<'_, '_> {
    fn drop(&mut self) {
        if self.begun {
            // SAFETY: started, and stopped once.
            unsafe { api!(RedisModule_StreamIteratorStop(self.stream.0.raw())) };
        }
    }
}
