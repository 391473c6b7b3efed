//! Numbers as users write them, and as they are shown.

/// A whole number, and nothing else.
pub fn parse_integer(word: &[u8]) -> Option<i64> {
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    Some(if negative { -number } else { number })
}

/// A finite number; the negative zero is zero.
pub fn parse_number(word: &[u8]) -> Option<f64> {
    if let Some(number) = parse_integer(word).filter(|number| number.abs() < 1 << 53) {
        return Some(number as f64);
    }
    let number: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    number.is_finite().then_some(number + 0.0)
}

/// In as few digits as give the number back: 74.4 and not 74.400000000000006, 5 and not 5.0.
pub fn shown_number(number: f64) -> String {
    let mut text = format!("{number:?}");
    if text.ends_with(".0") {
        text.truncate(text.len() - 2);
    }
    text
}
