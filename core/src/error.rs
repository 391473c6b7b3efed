//! The two errors of input: a request that is refused, and stored bytes that are corrupt.

use std::borrow::Cow;
use std::fmt;

/// A request that is refused: one line that names what is wrong and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Cow<'static, str>);

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    #[cold]
    pub fn new(message: impl Into<Cow<'static, str>>) -> Error {
        Error(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Serialized bytes that no encoder of ours can have written: which field, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt {
    pub field: &'static str,
    pub problem: &'static str,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// User bytes as they may stand in a message: short, printable, on one line.
pub fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 64;
    let mut text: String = bytes
        .iter()
        .take(LONGEST)
        .flat_map(|byte| std::ascii::escape_default(*byte))
        .map(char::from)
        .collect();
    if bytes.len() > LONGEST {
        text.push_str("...");
    }
    text
}
