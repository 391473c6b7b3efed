//! Texts and lists that state how long they may be, for serde.
//!
//! serde's own would reserve memory for the length that a payload claims. These reserve nothing ahead,
//! and refuse what is longer than the most that a site may have.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// At most `MOST` bytes. What is read borrows from the payload.
pub struct Bytes<'a, const MOST: usize>(Cow<'a, [u8]>);

impl<'a, const MOST: usize> Bytes<'a, MOST> {
    pub fn get(&self) -> &[u8] {
        &self.0
    }

    pub fn boxed(self) -> Box<[u8]> {
        self.0.into_owned().into_boxed_slice()
    }
}

impl<'a, const MOST: usize> From<&'a [u8]> for Bytes<'a, MOST> {
    fn from(bytes: &'a [u8]) -> Self {
        Bytes(Cow::Borrowed(bytes))
    }
}

impl<const MOST: usize> From<String> for Bytes<'_, MOST> {
    fn from(text: String) -> Self {
        Bytes(Cow::Owned(text.into_bytes()))
    }
}

impl<const MOST: usize> Serialize for Bytes<'_, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de: 'a, 'a, const MOST: usize> Deserialize<'de> for Bytes<'a, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed<const MOST: usize>;
        impl<'de, const MOST: usize> Visitor<'de> for Borrowed<MOST> {
            type Value = &'de [u8];

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "at most {MOST} bytes")
            }

            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<&'de [u8], E> {
                match bytes.len() <= MOST {
                    true => Ok(bytes),
                    false => Err(E::invalid_length(bytes.len(), &self)),
                }
            }
        }
        let bytes = deserializer.deserialize_bytes(Borrowed::<MOST>)?;
        Ok(Bytes::from(bytes))
    }
}

/// At most `MOST` items.
pub struct List<T, const MOST: usize>(Vec<T>);

impl<T, const MOST: usize> List<T, MOST> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<T, const MOST: usize> FromIterator<T> for List<T, MOST> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        List(items.into_iter().collect())
    }
}

impl<T, const MOST: usize> IntoIterator for List<T, MOST> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Serialize, const MOST: usize> Serialize for List<T, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for List<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const MOST: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Items<T, MOST> {
            type Value = List<T, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "at most {MOST} items")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let claimed = seq.size_hint().unwrap_or(0);
                if claimed > MOST {
                    return Err(A::Error::invalid_length(claimed, &self));
                }
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MOST {
                        return Err(A::Error::invalid_length(MOST + 1, &self));
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}
