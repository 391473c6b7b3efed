//! The inside of a JSON string: finding its end, and resolving its escapes.

/// A string as written between its quotes. Its escapes are well formed, and its bytes are UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'a> {
    pub raw: &'a [u8],
    pub escaped: bool,
}

/// Why a string has no end, and how many bytes before the end of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    pub left: usize,
    pub problem: &'static str,
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that a string cannot just go over: a quote, a backslash, a control
/// character. Above the lowest of them there may be false ones.
#[inline]
fn stops(word: u64) -> u64 {
    let is_zero = |word: u64| word.wrapping_sub(LOW) & !word;
    let control = word.wrapping_sub(LOW * 0x20) & !word;
    let quote = is_zero(word ^ (LOW * 0x22));
    let backslash = is_zero(word ^ (LOW * 0x5c));
    (control | quote | backslash) & HIGH
}

/// Reads a string up to its closing quote; gives it and what comes after.
#[inline(always)]
pub fn quoted(begun: &[u8]) -> Result<(Quoted<'_>, &[u8]), Broken> {
    let mut rest = begun;
    let mut escaped = false;
    // A high bit is set where a byte is not ASCII.
    let mut bits = 0;
    loop {
        while let Some((word, after)) = rest.split_first_chunk() {
            let word = u64::from_le_bytes(*word);
            let stops = stops(word);
            if stops == 0 {
                bits |= word;
                rest = after;
                continue;
            }
            let before = stops.trailing_zeros() / 8;
            bits |= word & !(u64::MAX << (8 * before));
            rest = rest.get(before as usize..).unwrap_or_default();
            break;
        }
        match rest {
            [b'"', after @ ..] => {
                let raw = before(begun, rest);
                if bits & HIGH != 0 {
                    check_utf8(raw, rest.len())?;
                }
                return Ok((Quoted { raw, escaped }, after));
            }
            [b'\\', after @ ..] => {
                escaped = true;
                rest = after_escape(after)?;
            }
            [0..0x20, ..] => {
                return Err(broken(
                    rest,
                    "a control character in a string is to be escaped",
                ))
            }
            [byte, after @ ..] => {
                bits |= u64::from(*byte);
                rest = after;
            }
            [] => return Err(broken(rest, "a string does not end")),
        }
    }
}

fn before<'a>(text: &'a [u8], rest: &[u8]) -> &'a [u8] {
    text.get(..text.len() - rest.len()).unwrap_or_default()
}

fn broken(rest: &[u8], problem: &'static str) -> Broken {
    Broken {
        left: rest.len(),
        problem,
    }
}

#[inline(never)]
fn check_utf8(raw: &[u8], after: usize) -> Result<(), Broken> {
    std::str::from_utf8(raw)
        .map(|_| ())
        .map_err(|error| Broken {
            left: raw.len() - error.valid_up_to() + after,
            problem: "a string is not UTF-8",
        })
}

/// What comes after an escape, of which the backslash has been read.
fn after_escape(text: &[u8]) -> Result<&[u8], Broken> {
    match text {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', rest @ ..] => Ok(rest),
        [b'u', rest @ ..] => {
            hex(rest).map(|(_, rest)| rest).ok_or_else(|| broken(rest, "\\u needs four hexadecimal digits"))
        }
        _ => Err(broken(text, "an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four hexadecimal digits")),
    }
}

/// Four hexadecimal digits, and what comes after them.
fn hex(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let number = digits.iter().try_fold(0, |number, digit| {
        Some(number << 4 | char::from(*digit).to_digit(16)?)
    })?;
    Some((number, rest))
}

/// A string with its escapes resolved, and what is left of the buffer; `None` if that is shorter
/// than the string between its quotes. An escaped half of a surrogate pair without its other half,
/// which JavaScript makes when it cuts a text, is U+FFFD.
pub fn unescape<'a>(raw: &[u8], buffer: &'a mut [u8]) -> Option<(&'a [u8], &'a mut [u8])> {
    let mut written = 0;
    let mut rest = raw;
    while !rest.is_empty() {
        let plain = rest.iter().position(|byte| *byte == b'\\');
        let (bytes, escape) = rest.split_at_checked(plain.unwrap_or(rest.len()))?;
        buffer
            .get_mut(written..)?
            .get_mut(..bytes.len())?
            .copy_from_slice(bytes);
        written += bytes.len();
        if escape.is_empty() {
            break;
        }
        let (character, after) = unescaped(escape)?;
        let room = buffer.get_mut(written..)?.get_mut(..character.len_utf8())?;
        written += character.encode_utf8(room).len();
        rest = after;
    }
    let (text, left) = buffer.split_at_mut_checked(written)?;
    Some((text, left))
}

/// The character of an escape, and what follows it.
fn unescaped(escape: &[u8]) -> Option<(char, &[u8])> {
    let (letter, rest) = escape.get(1..)?.split_first()?;
    let character = match letter {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return code_point(rest),
        other => char::from(*other),
    };
    Some((character, rest))
}

fn code_point(digits: &[u8]) -> Option<(char, &[u8])> {
    let (unit, rest) = hex(digits)?;
    if let (0xd800..0xdc00, [b'\\', b'u', second @ ..]) = (unit, rest) {
        let (second, rest) = hex(second)?;
        if let 0xdc00..0xe000 = second {
            let code = 0x1_0000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
            return Some((char::from_u32(code)?, rest));
        }
    }
    let character = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
    Some((character, rest))
}
