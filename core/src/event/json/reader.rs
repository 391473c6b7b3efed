//! A pull parser: each call returns the next token, or the position and the reason of an error. It holds
//! nothing but its position in the input.

use super::number::{number, Number};
use super::text::{quoted, Broken, Quoted};
use crate::error::{shown, Error};

/// How deep what is skipped may be nested.
pub const DEPTH: u32 = 64;

/// Where in the input something is wrong, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub at: usize,
    pub error: Error,
}

pub type Read<T> = Result<T, Fault>;

/// A value, or how one begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    String(Quoted<'a>),
    /// To be followed by `first_item` or `skip`.
    Array,
    /// To be followed by `first_member` or `skip`.
    Object,
}

/// White space is skipped wherever a value may follow, so that errors give the value's position.
#[derive(Clone)]
pub struct Reader<'a> {
    text: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Skips a byte order mark at the start.
    pub fn new(text: &'a [u8]) -> Reader<'a> {
        let rest = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        let mut reader = Reader { text, rest };
        reader.pass_space();
        reader
    }

    /// How many bytes have been read.
    #[inline]
    pub fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    #[inline(always)]
    pub fn value(&mut self) -> Read<Value<'a>> {
        let (value, rest) = match self.rest {
            [b'"', rest @ ..] => match quoted(rest) {
                Ok((string, rest)) => (Value::String(string), rest),
                Err(broken) => return Err(self.broken(broken)),
            },
            [b'-' | b'0'..=b'9', ..] => match number(self.rest) {
                Ok((number, rest)) => (Value::Number(number), rest),
                Err(left) => {
                    return Err(self.expected_at(left, "a digit of a number, as JSON has it,"))
                }
            },
            [b'{', rest @ ..] => (Value::Object, rest),
            [b'[', rest @ ..] => (Value::Array, rest),
            [b't', b'r', b'u', b'e', rest @ ..] => (Value::Bool(true), rest),
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => (Value::Bool(false), rest),
            [b'n', b'u', b'l', b'l', rest @ ..] => (Value::Null, rest),
            _ => return Err(self.expected("a value")),
        };
        self.rest = rest;
        Ok(value)
    }

    /// The name of the first member of an object that has begun, with its colon; `None` where the
    /// object has ended.
    #[inline]
    pub fn first_member(&mut self) -> Read<Option<Quoted<'a>>> {
        self.pass_space();
        if let [b'}', rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(None);
        }
        self.name("a member in quotes or '}'").map(Some)
    }

    /// The name of the next member, after the value of the one before.
    #[inline]
    pub fn next_member(&mut self) -> Read<Option<Quoted<'a>>> {
        self.pass_space();
        match self.rest {
            [b',', rest @ ..] => {
                self.rest = rest;
                self.pass_space();
                self.name("a member in quotes").map(Some)
            }
            [b'}', rest @ ..] => {
                self.rest = rest;
                Ok(None)
            }
            _ => Err(self.expected("',' or '}'")),
        }
    }

    #[inline(always)]
    fn name(&mut self, expected: &str) -> Read<Quoted<'a>> {
        let [b'"', rest @ ..] = self.rest else {
            return Err(self.expected(expected));
        };
        let (name, rest) = quoted(rest).map_err(|broken| self.broken(broken))?;
        self.rest = rest;
        self.pass_space();
        let [b':', rest @ ..] = self.rest else {
            return Err(self.expected("':'"));
        };
        self.rest = rest;
        self.pass_space();
        Ok(name)
    }

    /// Whether an array that has begun has an item; if not, it has ended.
    #[inline]
    pub fn first_item(&mut self) -> Read<bool> {
        self.pass_space();
        if let [b']', rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(false);
        }
        Ok(true)
    }

    /// Whether another item comes after the one before.
    #[inline]
    pub fn next_item(&mut self) -> Read<bool> {
        self.pass_space();
        match self.rest {
            [b',', rest @ ..] => {
                self.rest = rest;
                self.pass_space();
                Ok(true)
            }
            [b']', rest @ ..] => {
                self.rest = rest;
                Ok(false)
            }
            _ => Err(self.expected("',' or ']'")),
        }
    }

    /// Reads on to the end of a value that has begun.
    pub fn skip(&mut self, begun: &Value) -> Read<()> {
        let mut open = Open::default();
        let mut value = *begun;
        loop {
            let first = match value {
                Value::Array | Value::Object => {
                    if !open.push(value == Value::Object) {
                        let deep = format!("more than {DEPTH} levels of nesting");
                        return Err(self.fault(Error::new(deep)));
                    }
                    true
                }
                _ => false,
            };
            let mut goes_on = match open.innermost() {
                None => return Ok(()),
                Some(is_object) => self.step(is_object, first)?,
            };
            while !goes_on {
                open.pop();
                goes_on = match open.innermost() {
                    None => return Ok(()),
                    Some(is_object) => self.step(is_object, false)?,
                };
            }
            value = self.skipped()?;
        }
    }

    #[inline(never)]
    fn skipped(&mut self) -> Read<Value<'a>> {
        self.value()
    }

    /// Whether the innermost array or object has another value.
    fn step(&mut self, is_object: bool, first: bool) -> Read<bool> {
        match (is_object, first) {
            (true, true) => self.first_member().map(|name| name.is_some()),
            (true, false) => self.next_member().map(|name| name.is_some()),
            (false, true) => self.first_item(),
            (false, false) => self.next_item(),
        }
    }

    /// Only white space is left.
    pub fn end(&mut self) -> Read<()> {
        self.pass_space();
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self.expected("the end of the JSON"))
    }

    #[inline(always)]
    fn pass_space(&mut self) {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    #[cold]
    pub fn fault(&self, error: Error) -> Fault {
        Fault {
            at: self.at(),
            error,
        }
    }

    #[cold]
    pub fn expected(&self, what: &str) -> Fault {
        self.expected_at(self.rest, what)
    }

    #[cold]
    fn expected_at(&self, rest: &[u8], what: &str) -> Fault {
        let found = match rest.first() {
            None => "the end".to_owned(),
            Some(byte) if byte.is_ascii_graphic() => format!("'{}'", char::from(*byte)),
            Some(byte) => format!("'{}'", shown(&[*byte])),
        };
        Fault {
            at: self.text.len() - rest.len(),
            error: Error::new(format!("expected {what} and found {found}")),
        }
    }

    #[cold]
    fn broken(&self, broken: Broken) -> Fault {
        Fault {
            at: self.text.len() - broken.left,
            error: Error::new(broken.problem),
        }
    }
}

/// The brackets that are open, innermost last: a bit each, 1 for an object.
#[derive(Default)]
struct Open {
    objects: u64,
    depth: u32,
}

impl Open {
    /// False if there are too many.
    fn push(&mut self, is_object: bool) -> bool {
        self.objects = self.objects << 1 | u64::from(is_object);
        self.depth += 1;
        self.depth <= DEPTH
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth = self.depth.saturating_sub(1);
    }

    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.objects & 1 == 1)
    }
}
