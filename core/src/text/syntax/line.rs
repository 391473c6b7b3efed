//! Arguments as a line of text: `site event user [AT ms|*] [DIM name value]...`.

use std::fmt;

use super::{Argument, Kind};

/// A whole command.
pub fn line(name: &str, arguments: &[Argument]) -> String {
    match Sequence(arguments).to_string() {
        arguments if arguments.is_empty() => name.to_uppercase(),
        arguments => format!("{} {arguments}", name.to_uppercase()),
    }
}

/// The options among the arguments, as an error lists them: `AT ms|*, SESSION id`.
pub fn options(arguments: &[Argument]) -> String {
    let options = shown(arguments).filter(|it| it.tokens().next().is_some());
    let once: Vec<String> = options.map(|it| Once(it).to_string()).collect();
    once.join(", ")
}

fn shown(arguments: &[Argument]) -> impl Iterator<Item = &Argument> {
    arguments.iter().filter(|argument| !argument.internal)
}

struct Sequence<'a>(&'a [Argument]);

impl fmt::Display for Sequence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (place, argument) in shown(self.0).enumerate() {
            let blank = if place > 0 { " " } else { "" };
            let once = Once(argument);
            match (argument.optional, argument.multiple) {
                (false, false) => write!(f, "{blank}{once}")?,
                (false, true) => write!(f, "{blank}{once} [{} ...]", argument.head())?,
                (true, false) => write!(f, "{blank}[{once}]")?,
                (true, true) => write!(f, "{blank}[{once}]...")?,
            }
        }
        Ok(())
    }
}

/// An argument as it is given once.
struct Once<'a>(&'a Argument);

impl fmt::Display for Once<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Once(argument) = self;
        if let Some(token) = argument.token {
            f.write_str(&token.to_string_lossy())?;
            if argument.kind != Kind::Token {
                f.write_str(" ")?;
            }
        }
        match argument.kind {
            Kind::Token => Ok(()),
            Kind::Block => Sequence(argument.parts).fmt(f),
            Kind::OneOf => {
                for (place, part) in argument.parts.iter().enumerate() {
                    let bar = if place > 0 { "|" } else { "" };
                    write!(f, "{bar}{}", Once(part))?;
                }
                Ok(())
            }
            Kind::Key | Kind::Text | Kind::Integer | Kind::Number => {
                f.write_str(&argument.name.to_string_lossy())
            }
        }
    }
}

impl Argument {
    /// What it begins with.
    fn head(&self) -> std::borrow::Cow<'static, str> {
        self.token.unwrap_or(self.name).to_string_lossy()
    }
}
