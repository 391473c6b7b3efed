//! Numbers as users write them, and as they are shown.

/// A whole number, and nothing else.
pub fn parse_integer(word: &[u8]) -> Option<i64> {
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    // Times have thirteen digits: eight of them at once, and the rest one by one.
    let (eights, rest) = digits.as_chunks::<8>();
    let mut number = 0;
    for eight in eights {
        number = number * 100_000_000 + parse_eight(*eight)?;
    }
    for digit in rest {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(if negative { -number } else { number })
}

/// Eight digits in one word, the first in its lowest byte: neighbours are joined to pairs, pairs to
/// fours, and those to the number.
#[inline]
fn parse_eight(digits: [u8; 8]) -> Option<i64> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(digits);
    let digits = word ^ (EACH * 0x30);
    // What is no digit has a high half now, or gets one.
    if (digits | digits.wrapping_add(EACH * 6)) & (EACH * 0xf0) != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let number = (fours * 10_000 + (fours >> 32)) & 0xffff_ffff;
    Some(number as i64)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_whole_number_is_read_as_it_was_written(number in -999_999_999_999_999_999i64..=999_999_999_999_999_999, digits in 1u32..=18) {
            let number = number % 10i64.pow(digits);
            prop_assert_eq!(parse_integer(number.to_string().as_bytes()), Some(number));
        }

        #[test]
        fn anything_but_digits_is_no_number(
            mut word in prop::collection::vec(b'0'..=b'9', 1..=18),
            position: prop::sample::Index,
            byte: u8,
        ) {
            let position = position.index(word.len());
            word[position] = byte;
            let is_minus = byte == b'-' && position == 0 && word.len() > 1;
            let is_number = is_minus || byte.is_ascii_digit();
            prop_assert_eq!(parse_integer(&word).is_some(), is_number);
        }
    }

    #[test]
    fn numbers_have_at_most_eighteen_digits() {
        assert_eq!(parse_integer(b""), None);
        assert_eq!(parse_integer(b"-"), None);
        assert_eq!(parse_integer(&[b'9'; 18]), Some(999_999_999_999_999_999));
        assert_eq!(parse_integer(&[b'0'; 19]), None);
    }
}
