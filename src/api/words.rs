//! The words of a command: its name and its arguments.

use std::ffi::c_int;

use redis_module::raw::RedisModuleString;

use super::failure::{Failure, Outcome};
use super::string::StringRef;

/// Borrowed from the client; the name of the command comes first.
#[derive(Clone, Copy)]
pub struct Words<'c> {
    strings: &'c [StringRef<'c>],
}

impl<'c> Words<'c> {
    /// # Safety
    /// The arguments of a command or of the module: `argv` points to `argc` strings that are valid
    /// during `'c`.
    pub unsafe fn new(argv: *mut *mut RedisModuleString, argc: c_int) -> Words<'c> {
        let len = usize::try_from(argc).unwrap_or(0);
        if len == 0 || argv.is_null() {
            return Words { strings: &[] };
        }
        // SAFETY: by the contract; a `StringRef` has the layout of a pointer.
        let strings = unsafe { std::slice::from_raw_parts(argv.cast::<StringRef>(), len) };
        Words { strings }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.strings.len()
    }

    #[inline]
    pub fn get(&self, place: usize) -> Option<&'c [u8]> {
        self.strings.get(place).map(|string| string.bytes())
    }

    /// Fails as a wrong number of arguments where the word is missing.
    #[inline]
    pub fn required(&self, place: usize) -> Outcome<&'c [u8]> {
        self.get(place).ok_or(Failure::WrongArity)
    }

    /// The string itself, for calls that take one. Fails like `required`.
    #[inline]
    pub fn string(&self, place: usize) -> Outcome<StringRef<'c>> {
        let string = self.strings.get(place).copied();
        string.ok_or(Failure::WrongArity)
    }

    /// The words from this place on.
    pub fn from(&self, place: usize) -> Words<'c> {
        Words {
            strings: self.strings.get(place..).unwrap_or_default(),
        }
    }

    pub fn iter(self) -> impl ExactSizeIterator<Item = &'c [u8]> {
        self.strings.iter().map(|string| string.bytes())
    }

    pub fn to_vec(self) -> Vec<&'c [u8]> {
        self.iter().collect()
    }

    pub fn strings(&self) -> &'c [StringRef<'c>] {
        self.strings
    }
}
