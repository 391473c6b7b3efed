//! What a server answers, in RESP2 or RESP3, and short methods for what a test expects.
//!
//! The accessors panic with the whole reply when it is of another type, at the line of the caller.

use std::fmt;
use std::io::{self, BufRead, ErrorKind};

#[derive(Clone, PartialEq)]
pub enum Reply {
    Simple(String),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Nil,
    Array(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
    Set(Vec<Reply>),
    Push(Vec<Reply>),
    Double(f64),
    Bool(bool),
    BigNumber(String),
}

impl Reply {
    #[track_caller]
    fn unexpected(&self, wanted: &str) -> ! {
        panic!("expected {wanted}, the reply is {self:?}")
    }

    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Reply::Int(n) => *n,
            _ => self.unexpected("an integer"),
        }
    }

    /// A number of any kind: a double in RESP3, in RESP2 a bulk string that holds one.
    #[track_caller]
    pub fn double(&self) -> f64 {
        match self {
            Reply::Double(x) => *x,
            Reply::Int(n) => *n as f64,
            Reply::Bulk(bytes) => {
                match std::str::from_utf8(bytes).ok().and_then(|s| s.parse().ok()) {
                    Some(x) => x,
                    None => self.unexpected("a number"),
                }
            }
            _ => self.unexpected("a number"),
        }
    }

    #[track_caller]
    pub fn text(&self) -> &str {
        match self {
            Reply::Simple(s) | Reply::BigNumber(s) => s,
            Reply::Bulk(bytes) => match std::str::from_utf8(bytes) {
                Ok(s) => s,
                Err(_) => self.unexpected("text"),
            },
            _ => self.unexpected("text"),
        }
    }

    #[track_caller]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Reply::Bulk(bytes) => bytes,
            _ => self.unexpected("a bulk string"),
        }
    }

    #[track_caller]
    pub fn ok(&self) {
        if !matches!(self, Reply::Simple(s) if s == "OK") {
            self.unexpected("OK")
        }
    }

    #[track_caller]
    pub fn error(&self) -> &str {
        match self {
            Reply::Error(line) => line,
            _ => self.unexpected("an error"),
        }
    }

    #[track_caller]
    pub fn bool(&self) -> bool {
        match self {
            Reply::Bool(b) => *b,
            _ => self.unexpected("a boolean"),
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }

    pub fn is_nil(&self) -> bool {
        matches!(self, Reply::Nil)
    }

    #[track_caller]
    pub fn array(&self) -> &[Reply] {
        match self {
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => items,
            _ => self.unexpected("an array"),
        }
    }

    #[track_caller]
    pub fn at(&self, index: usize) -> &Reply {
        match self.array().get(index) {
            Some(item) => item,
            None => self.unexpected(&format!("an item at {index}")),
        }
    }

    /// The names and values of a RESP3 map, or of the flat array that it is in RESP2.
    #[track_caller]
    pub fn fields(&self) -> Vec<(&str, &Reply)> {
        match self {
            Reply::Map(pairs) => pairs.iter().map(|(k, v)| (k.text(), v)).collect(),
            Reply::Array(items) if items.len() % 2 == 0 => items
                .chunks(2)
                .map(|pair| (pair[0].text(), &pair[1]))
                .collect(),
            _ => self.unexpected("a map or a flat array of pairs"),
        }
    }

    #[track_caller]
    pub fn get(&self, field: &str) -> &Reply {
        match self.fields().into_iter().find(|(name, _)| *name == field) {
            Some((_, value)) => value,
            None => self.unexpected(&format!("a field {field:?}")),
        }
    }

    /// The items of an array as text.
    #[track_caller]
    pub fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        for item in self.array() {
            texts.push(item.text());
        }
        texts
    }

    /// The items of an array as integers.
    #[track_caller]
    pub fn ints(&self) -> Vec<i64> {
        let mut ints = Vec::new();
        for item in self.array() {
            ints.push(item.int());
        }
        ints
    }

    /// Reads one reply. An attribute (`|`) is read and left out, as clients are asked to.
    pub fn read(from: &mut impl BufRead) -> io::Result<Reply> {
        let line = read_line(from)?;
        let Some((kind, rest)) = line.split_at_checked(1) else {
            return Err(malformed("an empty line"));
        };
        Ok(match kind {
            "+" => Reply::Simple(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Int(number(rest)?),
            "," => Reply::Double(number(rest)?),
            "(" => Reply::BigNumber(rest.to_owned()),
            "#" => Reply::Bool(rest == "t"),
            "_" => Reply::Nil,
            "$" | "!" | "=" => match number::<i64>(rest)? {
                -1 => Reply::Nil,
                length => {
                    let mut bytes = read_bytes(from, length as usize)?;
                    match kind {
                        "!" => Reply::Error(String::from_utf8_lossy(&bytes).into_owned()),
                        // A verbatim string begins with its format, as in "txt:".
                        "=" => Reply::Bulk(bytes.split_off(4.min(bytes.len()))),
                        _ => Reply::Bulk(bytes),
                    }
                }
            },
            "*" | "~" | ">" => match number::<i64>(rest)? {
                -1 => Reply::Nil,
                length => {
                    let items = (0..length)
                        .map(|_| Reply::read(from))
                        .collect::<io::Result<_>>()?;
                    match kind {
                        "*" => Reply::Array(items),
                        "~" => Reply::Set(items),
                        _ => Reply::Push(items),
                    }
                }
            },
            "%" => Reply::Map(read_pairs(from, number(rest)?)?),
            "|" => {
                read_pairs(from, number(rest)?)?;
                return Reply::read(from);
            }
            _ => return Err(malformed(&line)),
        })
    }
}

fn read_pairs(from: &mut impl BufRead, length: i64) -> io::Result<Vec<(Reply, Reply)>> {
    (0..length)
        .map(|_| Ok((Reply::read(from)?, Reply::read(from)?)))
        .collect()
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
        None => Err(io::Error::new(
            ErrorKind::UnexpectedEof,
            "the server closed the connection",
        )),
    }
}

fn read_bytes(from: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length + 2];
    from.read_exact(&mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn number<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| malformed(text))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        format!("not the Redis protocol: {what:?}"),
    )
}

/// As redis-cli would show it, on one line.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Reply::Simple(s) => write!(f, "+{s}"),
            Reply::Error(line) => write!(f, "(error) {line}"),
            Reply::Int(n) => write!(f, "{n}"),
            Reply::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Reply::Nil => write!(f, "(nil)"),
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => {
                f.debug_list().entries(items).finish()
            }
            Reply::Map(pairs) => f
                .debug_map()
                .entries(pairs.iter().map(|(k, v)| (k, v)))
                .finish(),
            Reply::Double(x) => write!(f, "(double) {x}"),
            Reply::Bool(b) => write!(f, "({b})"),
            Reply::BigNumber(s) => write!(f, "({s})"),
        }
    }
}

impl PartialEq<i64> for Reply {
    fn eq(&self, other: &i64) -> bool {
        matches!(self, Reply::Int(n) if n == other)
    }
}

impl PartialEq<&str> for Reply {
    fn eq(&self, other: &&str) -> bool {
        match self {
            Reply::Simple(s) => s == other,
            Reply::Bulk(bytes) => bytes == other.as_bytes(),
            _ => false,
        }
    }
}
