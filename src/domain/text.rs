//! A text of the user's and its hash: hashed once per event, then known by the hash in every bucket.

use super::hash::hash;

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
            hash: hash(bytes),
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
        self.hash == text.hash && *self.bytes == *text.bytes
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
