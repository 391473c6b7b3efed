//! Settings as arguments of the module, `loadmodule libredis_analytics.so timezone Europe/Paris`: pairs
//! of a name, with `analytics.` in front or without, and a value. They take the place of the
//! defaults, so that a line of redis.conf still wins.

use std::ffi::{CStr, CString};

use crate::api::words::Words;
use analytics_core::error::{shown, Error, Result};
use analytics_core::text::nearest::did_you_mean;

pub struct Arguments<'c> {
    pairs: Vec<(&'static CStr, &'c [u8])>,
}

impl<'c> Arguments<'c> {
    /// `names`: those of all settings.
    pub fn parse(words: Words<'c>, names: &[&'static CStr]) -> Result<Arguments<'c>> {
        let mut pairs: Vec<(&'static CStr, &'c [u8])> = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let name = find(word, names)?;
            let value = words.next().ok_or_else(|| {
                Error::new(format!("module argument '{}' needs a value", shown(word)))
            })?;
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(Error::new(format!(
                    "module argument '{}' is given twice",
                    shown(word)
                )));
            }
            pairs.push((name, value));
        }
        Ok(Arguments { pairs })
    }

    fn get(&self, name: &CStr) -> Option<&'c [u8]> {
        let pair = self.pairs.iter().find(|(other, _)| *other == name)?;
        Some(pair.1)
    }

    /// The default of a number, from `min` to `max`.
    pub fn number(&self, name: &CStr, default: i64, min: i64, max: i64) -> Result<i64> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        let number = std::str::from_utf8(value).ok();
        let number = number.and_then(|number| number.parse().ok());
        number
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| {
                Error::new(format!(
                    "module argument {} '{}' is not a number from {min} to {max}",
                    name.to_string_lossy(),
                    shown(value)
                ))
            })
    }

    /// The default of a text that `check` accepts.
    pub fn text(
        &self,
        name: &CStr,
        default: &CStr,
        check: impl FnOnce(&[u8]) -> Result<()>,
    ) -> Result<CString> {
        let value = self.get(name).unwrap_or(default.to_bytes());
        let named = |error: Error| {
            let name = name.to_string_lossy();
            Error::new(format!("module argument {name}: {error}"))
        };
        check(value).map_err(named)?;
        CString::new(value).map_err(|_| named(Error::new("a value cannot contain a NUL")))
    }
}

fn find(word: &[u8], names: &[&'static CStr]) -> Result<&'static CStr> {
    let name = word.strip_prefix(b"analytics.").unwrap_or(word);
    let known = names.iter().find(|it| it.to_bytes() == name);
    known.copied().ok_or_else(|| {
        let all: Vec<_> = names.iter().map(|it| it.to_string_lossy()).collect();
        Error::new(format!(
            "module argument '{}' is not one of {}{}",
            shown(word),
            all.join(", "),
            did_you_mean(name, names.iter().map(|it| it.to_bytes()))
        ))
    })
}
