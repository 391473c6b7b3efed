//! Guesses which of the accepted words a user meant.

use crate::error::shown;

/// Longer words get no suggestion: the work is the product of both lengths.
const LONGEST: usize = 64;

/// The accepted word that is only a few keystrokes away, if one is.
pub fn nearest<'w>(word: &[u8], accepted: impl Iterator<Item = &'w [u8]>) -> Option<&'w [u8]> {
    let near = accepted
        .filter(|other| other.len() <= LONGEST && word.len() <= LONGEST)
        .map(|other| (distance(word, other), other))
        .filter(|(keystrokes, other)| *keystrokes <= allowed(other.len()));
    near.min_by_key(|(keystrokes, _)| *keystrokes)
        .map(|(_, other)| other)
}

/// The end of an error: `; did you mean users?`, or nothing.
pub fn did_you_mean<'w>(word: &[u8], accepted: impl Iterator<Item = &'w [u8]>) -> String {
    nearest(word, accepted).map_or(String::new(), suggest)
}

/// The same for a word that was found.
pub fn suggest(meant: &[u8]) -> String {
    format!("; did you mean {}?", shown(meant))
}

/// One wrong letter in three, and no more than two.
fn allowed(len: usize) -> usize {
    (len / 3).clamp(1, 2)
}

/// Letters to insert, delete, replace or swap with the next one (optimal string alignment), in any
/// case.
fn distance(a: &[u8], b: &[u8]) -> usize {
    // row[j]: from what was read of `a` to the first j letters of `b`.
    let mut two_above = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut read = 0u8;
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut left = i + 1;
        let mut before = 0u8;
        for (j, other) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&above, j) + usize::from(!letter.eq_ignore_ascii_case(other));
            left = replaced.min(left + 1).min(at(&above, j + 1) + 1);
            let is_swap = read.eq_ignore_ascii_case(other) && letter.eq_ignore_ascii_case(&before);
            if let (true, Some(j)) = (is_swap, j.checked_sub(1)) {
                left = left.min(at(&two_above, j).saturating_add(1));
            }
            row.push(left);
            before = *other;
        }
        two_above = std::mem::replace(&mut above, row);
        read = *letter;
    }
    above.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_keystrokes() {
        for (a, b, keystrokes) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("AVG", "avg", 0),
            ("agv", "avg", 1),
            ("usres", "users", 1),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), keystrokes);
        }
    }

    #[test]
    fn only_what_is_near_is_guessed() {
        let guess = |word: &str| {
            let accepted = ["events", "users", "sessions", "avg"];
            nearest(word.as_bytes(), accepted.iter().map(|it| it.as_bytes()))
        };
        assert_eq!(guess("user"), Some(&b"users"[..]));
        assert_eq!(guess("evnets"), Some(&b"events"[..]));
        assert_eq!(guess("avrg"), Some(&b"avg"[..]));
        assert_eq!(guess("latency"), None);
        assert_eq!(guess(""), None);
        assert_eq!(guess(&"users".repeat(20)), None);
    }
}
