//! A text that a client sent, and its hash: hashed once per event, then found by the hash in every bucket.

pub mod index;
pub mod nearest;
pub mod numeral;
pub mod syntax;

use super::hash::keyed_hash;
use super::memory::allocated;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    pub bytes: &'a [u8],
    pub hash: u64,
}

impl<'a> Text<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Text<'a> {
        Text {
            bytes,
            hash: keyed_hash(bytes),
        }
    }

    /// The same, with the hash of another text where that is the same text.
    #[inline]
    pub fn like(bytes: &'a [u8], other: Option<Text>) -> Text<'a> {
        match other {
            Some(other) if same(bytes, other.bytes) => Text { bytes, ..other },
            _ => Text::new(bytes),
        }
    }

    /// As `==`, by the hash first.
    #[inline]
    pub fn is(self, other: Text) -> bool {
        self.hash == other.hash && same(self.bytes, other.bytes)
    }
}

/// Whether two texts are the same. Most are short, and a call to compare memory costs more than that.
/// Not inline, for events compare in many places, and each would take room in the instruction cache.
#[inline(never)]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        17.. => a == b,
        8.. => same_ends::<8>(a, b),
        4.. => same_ends::<4>(a, b),
        2.. => same_ends::<2>(a, b),
        _ => a.first() == b.first(),
    }
}

/// Compares the first and the last `N` bytes, each as one word; together they are all of the text.
#[inline]
fn same_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

/// A text that is kept. Most are short and stored inline, so that comparing reads no other memory.
#[derive(Debug, Clone)]
pub enum Kept {
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    Boxed(Box<[u8]>),
}

/// As many as make it three words.
const INLINE_BYTES: usize = 22;

impl Kept {
    pub fn new(text: &[u8]) -> Kept {
        let mut bytes = [0; INLINE_BYTES];
        match bytes.get_mut(..text.len()) {
            Some(target) => {
                target.copy_from_slice(text);
                let len = text.len() as u8;
                Kept::Inline { len, bytes }
            }
            None => Kept::Boxed(text.into()),
        }
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Kept::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Kept::Boxed(bytes) => bytes,
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Kept::Inline { .. } => 0,
            Kept::Boxed(bytes) => allocated(bytes.len()),
        }
    }
}

/// A name that is kept: of a dimension, a cube or a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    bytes: Box<[u8]>,
    hash: u64,
}

impl Name {
    pub fn new(bytes: &[u8]) -> Name {
        Name::from(Text::new(bytes))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn text(&self) -> Text<'_> {
        Text {
            bytes: &self.bytes,
            hash: self.hash,
        }
    }

    #[inline]
    pub fn is(&self, text: Text) -> bool {
        self.hash == text.hash && same(&self.bytes, text.bytes)
    }
}

impl From<Text<'_>> for Name {
    fn from(text: Text) -> Name {
        Name {
            bytes: text.bytes.into(),
            hash: text.hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_kept_text_is_itself_at_any_length() {
        for len in 0..60 {
            let text: Vec<u8> = (0..len).collect();
            let kept = Kept::new(&text);
            assert_eq!(kept.bytes(), text);
            assert_eq!(kept.heap_bytes() > 0, text.len() > INLINE_BYTES);
        }
        assert_eq!(size_of::<Kept>(), 24);
    }

    proptest! {
        #[test]
        fn texts_are_the_same_when_their_bytes_are(
            text in prop::collection::vec(0u8..2, 0..24),
            other in prop::collection::vec(0u8..2, 0..24),
            target: usize,
        ) {
            prop_assert!(same(&text, &text.clone()));
            prop_assert_eq!(same(&text, &other), text == other);
            if !text.is_empty() {
                let mut changed = text.clone();
                changed[target % text.len()] ^= 1;
                prop_assert!(!same(&text, &changed));
            }
        }
    }
}
