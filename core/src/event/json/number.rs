//! A JSON number: as many of its digits as matter, and the double that is nearest to it.

/// `digits * 10^exponent`: of the digits the first 19, from the first that is not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'a> {
    pub text: &'a [u8],
    pub negative: bool,
    pub digits: u64,
    pub exponent: i64,
    /// Whether there were more digits.
    cut: bool,
    /// Whether it is written with digits only.
    pub whole: bool,
}

const MOST_DIGITS: u32 = 19;

/// What powers of ten a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Reads a number off a text; `Err` is what is left where a digit is missing or one too many.
#[inline]
pub fn number(text: &[u8]) -> Result<(Number<'_>, &[u8]), &[u8]> {
    let (negative, mut rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut digits = Digits::default();
    rest = match rest {
        [b'0', b'0'..=b'9', ..] => return Err(rest.get(1..).unwrap_or_default()),
        [b'0'..=b'9', ..] => digits.read(rest),
        _ => return Err(rest),
    };
    let mut exponent = digits.dropped;
    let mut whole = true;
    if let [b'.', fraction @ ..] = rest {
        whole = false;
        rest = digits.read(fraction);
        let read = (fraction.len() - rest.len()) as i64;
        if read == 0 {
            return Err(rest);
        }
        exponent = digits.dropped - read;
    }
    if let [b'e' | b'E', power @ ..] = rest {
        whole = false;
        let (sign, power) = match power {
            [b'-', power @ ..] => (-1, power),
            [b'+', power @ ..] => (1, power),
            _ => (1, power),
        };
        rest = power;
        let mut written = 0i64;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            // With a larger exponent the number is 0 or infinite, whatever its digits.
            written = (written * 10 + i64::from(digit - b'0')).min(1 << 40);
            rest = after;
        }
        if rest.len() == power.len() {
            return Err(rest);
        }
        exponent += sign * written;
    }
    let number = Number {
        text: text.get(..text.len() - rest.len()).unwrap_or_default(),
        negative,
        digits: digits.number,
        exponent,
        cut: digits.dropped > 0,
        whole,
    };
    Ok((number, rest))
}

#[derive(Default)]
struct Digits {
    number: u64,
    count: u32,
    /// The number of digits after the last that is kept.
    dropped: i64,
}

impl Digits {
    /// Reads all digits, and returns what follows them.
    #[inline]
    fn read<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let mut rest = text;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            rest = after;
            if self.count < MOST_DIGITS {
                self.number = self.number * 10 + u64::from(digit - b'0');
                self.count += u32::from(self.number != 0);
            } else {
                self.dropped += 1;
            }
        }
        rest
    }
}

impl Number<'_> {
    /// The nearest double: infinite where there is none. The negative zero is zero.
    #[inline]
    pub fn value(&self) -> f64 {
        let power = POWERS.get(self.exponent.unsigned_abs() as usize);
        match power {
            // Both are exact doubles, so that this rounds once.
            Some(power) if !self.cut && self.digits <= 1 << 53 => {
                let digits = self.digits as f64;
                let size = if self.exponent < 0 {
                    digits / power
                } else {
                    digits * power
                };
                (if self.negative { -size } else { size }) + 0.0
            }
            _ => self.parsed(),
        }
    }

    #[cold]
    fn parsed(&self) -> f64 {
        let text = std::str::from_utf8(self.text).unwrap_or_default();
        // Every JSON number is one of Rust's grammar.
        text.parse::<f64>().map_or(f64::NAN, |number| number + 0.0)
    }

    /// The number of digits before the point, as without an exponent; 0 for what is below 1.
    pub fn whole_digits(&self) -> i64 {
        match self.digits.checked_ilog10() {
            None => 0,
            Some(log) => (i64::from(log) + 1 + self.exponent).max(0),
        }
    }

    /// The whole part of the number times a power of ten, without its sign; `None` if it is large.
    pub fn scaled(&self, power: i64) -> Option<i64> {
        let power = self.exponent + power;
        let ten = 10u64.checked_pow(u32::try_from(power.unsigned_abs()).ok()?);
        let number = if power < 0 {
            ten.map_or(0, |ten| self.digits / ten)
        } else {
            self.digits.checked_mul(ten?)?
        };
        i64::try_from(number).ok()
    }
}
