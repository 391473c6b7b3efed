//! The arguments of a command, as data: for the parsers, for `COMMAND DOCS`, for the lines of docs/commands.md
//! and of `ANALYTICS.HELP`, and for the error that names the options.
//!
//! A tree: a word of the user's, a token that stands for itself, one of several, or a block of
//! arguments in a row; each of them behind a token of its own, optional, repeated.

mod line;
#[cfg(test)]
mod tests;

pub use line::line;

use std::ffi::CStr;

use super::nearest::did_you_mean;
use crate::error::{shown, Error, Result};

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Argument {
    /// What the user's word is, or what the block is about.
    pub name: &'static CStr,
    pub kind: Kind,
    /// The word in front of it, in any case.
    pub token: Option<&'static CStr>,
    pub optional: bool,
    /// May be given again, together with its token.
    pub multiple: bool,
    /// Of a block, one after the other; of one of several, each of them.
    pub parts: &'static [Argument],
    /// What a master adds for its replicas; it is not documented.
    pub internal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Key,
    Text,
    Integer,
    Number,
    /// Only its token.
    Token,
    OneOf,
    Block,
}

impl Argument {
    /// The key that nearly every command works on.
    pub const SITE: Argument = Argument::key(c"site");

    const fn new(name: &'static CStr, kind: Kind) -> Argument {
        Argument {
            name,
            kind,
            token: None,
            optional: false,
            multiple: false,
            parts: &[],
            internal: false,
        }
    }

    pub const fn key(name: &'static CStr) -> Argument {
        Argument::new(name, Kind::Key)
    }

    pub const fn text(name: &'static CStr) -> Argument {
        Argument::new(name, Kind::Text)
    }

    pub const fn integer(name: &'static CStr) -> Argument {
        Argument::new(name, Kind::Integer)
    }

    pub const fn number(name: &'static CStr) -> Argument {
        Argument::new(name, Kind::Number)
    }

    pub const fn token(name: &'static CStr, token: &'static CStr) -> Argument {
        Argument::new(name, Kind::Token).behind(token)
    }

    pub const fn one_of(name: &'static CStr, parts: &'static [Argument]) -> Argument {
        Argument {
            parts,
            ..Argument::new(name, Kind::OneOf)
        }
    }

    pub const fn block(name: &'static CStr, parts: &'static [Argument]) -> Argument {
        Argument {
            parts,
            ..Argument::new(name, Kind::Block)
        }
    }

    pub const fn behind(self, token: &'static CStr) -> Argument {
        Argument {
            token: Some(token),
            ..self
        }
    }

    pub const fn optional(self) -> Argument {
        Argument {
            optional: true,
            ..self
        }
    }

    pub const fn multiple(self) -> Argument {
        Argument {
            multiple: true,
            ..self
        }
    }

    pub const fn internal(self) -> Argument {
        Argument {
            internal: true,
            ..self
        }
    }

    /// Whether a word is this argument's token.
    #[inline(always)]
    pub fn is(&self, word: &[u8]) -> bool {
        match self.token {
            Some(token) => word.eq_ignore_ascii_case(token.to_bytes()),
            None => false,
        }
    }

    /// The tokens that it may begin with.
    fn tokens(&self) -> impl Iterator<Item = &'static [u8]> + use<'_> {
        let alternatives = match (self.token, self.kind) {
            (None, Kind::OneOf) => self.parts,
            _ => &[],
        };
        let tokens = alternatives.iter().filter_map(|part| part.token);
        let tokens = self.token.into_iter().chain(tokens);
        tokens.map(CStr::to_bytes).filter(|_| !self.internal)
    }

    /// The fewest words that it takes when it is given, and whether it may take more.
    fn words(&self) -> (usize, bool) {
        let (own, varies) = match self.kind {
            Kind::Token => (0, false),
            Kind::Key | Kind::Text | Kind::Integer | Kind::Number => (1, false),
            Kind::Block => words(self.parts),
            Kind::OneOf => {
                let each = self.parts.iter().map(Argument::words);
                let fewest = each.clone().map(|(words, _)| words).min().unwrap_or(0);
                let mut each = each;
                (fewest, each.any(|it| it != (fewest, false)))
            }
        };
        (usize::from(self.token.is_some()) + own, varies)
    }
}

fn words(arguments: &[Argument]) -> (usize, bool) {
    let mut sum = (0, false);
    for argument in arguments {
        let (words, varies) = argument.words();
        if !argument.optional {
            sum.0 += words;
        }
        sum.1 |= varies || argument.optional || argument.multiple;
    }
    sum
}

/// As in `COMMAND INFO`: the name counts, a negative number is a minimum.
pub fn arity(arguments: &[Argument]) -> i32 {
    let (words, varies) = words(arguments);
    let words = i32::try_from(words + 1).unwrap_or(i32::MAX);
    if varies {
        -words
    } else {
        words
    }
}

/// The refusal of a word where an option is expected.
pub fn unknown(word: &[u8], accepted: &[Argument]) -> Error {
    let tokens = all_tokens(accepted);
    Error::new(format!(
        "unknown option '{}': expected {}{}",
        shown(word),
        line::options(accepted),
        did_you_mean(word, tokens.into_iter())
    ))
}

/// At any depth: what is inside of an option may be mistyped as well.
fn all_tokens(arguments: &[Argument]) -> Vec<&'static [u8]> {
    let shown = arguments.iter().filter(|argument| !argument.internal);
    let tokens = shown.flat_map(|it| {
        it.token
            .into_iter()
            .map(CStr::to_bytes)
            .chain(all_tokens(it.parts))
    });
    tokens.collect()
}

/// Refuses an option that is given twice.
#[inline]
pub fn once(option: &Argument, is_first: bool) -> Result<()> {
    if is_first {
        Ok(())
    } else {
        Err(twice(option))
    }
}

#[cold]
fn twice(option: &Argument) -> Error {
    let tokens: Vec<_> = option.tokens().map(String::from_utf8_lossy).collect();
    Error::new(format!("{} is given twice", tokens.join(" or ")))
}
