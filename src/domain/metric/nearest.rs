//! Guesses which of the accepted words a user meant.

/// Longer words are never guessed at: the work is their lengths multiplied.
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

/// One wrong letter in three, and no more than two.
fn allowed(len: usize) -> usize {
    (len / 3).clamp(1, 2)
}

/// Letters to insert, delete or replace (Levenshtein), in any case.
fn distance(a: &[u8], b: &[u8]) -> usize {
    // row[j]: from what was read of `a` to the first j letters of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let (first, rest) = match row.split_first_mut() {
            Some(parts) => parts,
            None => return a.len(),
        };
        *first = left;
        for (above, other) in rest.iter_mut().zip(b) {
            let replaced = diagonal + usize::from(!letter.eq_ignore_ascii_case(other));
            diagonal = *above;
            left = replaced.min(left + 1).min(*above + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or(a.len())
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
