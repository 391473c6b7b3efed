//! An event as it was received, and as it is resolved for its buckets.

pub mod at;
mod build;
mod id;
pub mod json;
pub mod log;

pub use crate::schema::{Facet, RowKind, EVENT};
pub use id::Fingerprint;

use super::text::{Name, Text};
use crate::people::Seen;
use crate::sketch::hll::Member;
use crate::sketch::Number;

/// A thing that happened. It borrows its texts; everything is checked and hashed once.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub time: i64,
    pub kind: Text<'a>,
    /// The hashes of the user and of the session.
    pub user: u64,
    pub session: Option<u64>,
    pub id: Option<Fingerprint>,
    /// It makes a visit longer, but is no action of the visitor.
    pub passive: bool,
    pub dimensions: Run,
    pub values: Run,
}

/// The texts of which an event keeps the hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Empty where there is only the hash; the session and the id are then `None`.
    pub user: &'a [u8],
    pub session: Option<&'a [u8]>,
    pub id: Option<&'a [u8]>,
}

/// The range of an event's dimensions or values in its batch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Run {
    pub start: u32,
    pub len: u32,
}

impl Run {
    /// Of so many that are about to be added behind these items.
    pub fn behind<T>(items: &[T], len: usize) -> Run {
        Run {
            start: items.len() as u32,
            len: len as u32,
        }
    }

    /// Adds items behind others.
    pub fn extend<T: Copy>(items: &mut Vec<T>, more: &[T]) -> Run {
        let run = Run::behind(items, more.len());
        items.extend_from_slice(more);
        run
    }

    pub fn of<T>(self, items: &[T]) -> &[T] {
        let start = self.start as usize;
        items
            .get(start..start + self.len as usize)
            .unwrap_or_default()
    }
}

/// The events of one command, in order, with all that belongs to them: three vectors, whatever
/// their number.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    pub events: Vec<Event<'a>>,
    pub dimensions: Vec<(Text<'a>, Text<'a>)>,
    pub values: Vec<(Text<'a>, f64)>,
}

impl<'a> Batch<'a> {
    pub fn dimensions_of(&self, event: &Event) -> &[(Text<'a>, Text<'a>)] {
        event.dimensions.of(&self.dimensions)
    }

    /// The value of a dimension of an event, where `event` is the type.
    pub fn value_of(&self, event: &Event<'a>, name: &Name) -> Option<&'a [u8]> {
        if name.bytes() == b"event" {
            return Some(event.kind.bytes);
        }
        let mut dimensions = self.dimensions_of(event).iter();
        let found = dimensions.find(|(other, _)| name.is(*other));
        found.map(|(_, value)| value.bytes)
    }

    pub fn values_of(&self, event: &Event) -> &[(Text<'a>, f64)] {
        event.values.of(&self.values)
    }

    /// Removes the dimensions and values whose names are not to be kept; returns how many there were.
    pub fn keep_names(
        &mut self,
        keeps_dimension: impl Fn(Text) -> bool,
        keeps_value: impl Fn(Text) -> bool,
    ) -> usize {
        let before = self.dimensions.len() + self.values.len();
        let (mut dimensions, mut values) = (0, 0);
        for event in &mut self.events {
            event.dimensions = keep(
                &mut self.dimensions,
                event.dimensions,
                &mut dimensions,
                |(name, _)| keeps_dimension(*name),
            );
            event.values = keep(&mut self.values, event.values, &mut values, |(name, _)| {
                keeps_value(*name)
            });
        }
        self.dimensions.truncate(dimensions);
        self.values.truncate(values);
        before - dimensions - values
    }

    /// Empties it, but keeps the memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.dimensions.clear();
        self.values.clear();
    }
}

/// Moves the items of a run that are kept to `end`, and returns their run. Runs come in order.
fn keep<T: Copy>(items: &mut [T], run: Run, end: &mut usize, keeps: impl Fn(&T) -> bool) -> Run {
    let start = *end;
    for place in run.start as usize..(run.start + run.len) as usize {
        let Some(item) = items.get(place).copied() else {
            break;
        };
        if keeps(&item) {
            if let Some(target) = items.get_mut(*end) {
                *target = item;
                *end += 1;
            }
        }
    }
    Run {
        start: start as u32,
        len: (*end - start) as u32,
    }
}

/// Empties a vector for items of another lifetime; collecting in place keeps the allocation.
pub fn recycle<A, B>(mut items: Vec<A>) -> Vec<B> {
    items.clear();
    items.into_iter().filter_map(|_| None).collect()
}

/// An event resolved by the settings of its site: the rows that it counts in, and what it counts there.
#[derive(Clone, Copy)]
pub struct ResolvedEvent<'e, 'a> {
    pub user: Member,
    pub session: Option<Member>,
    pub facets: &'e [Facet<'a>],
    /// Of its values the names, and as many numbers.
    pub names: &'e [Text<'a>],
    pub numbers: &'e [Number],
    /// The site remembers who was there before.
    pub counts_people: bool,
    /// Whether its user is new, and since when the user is there, where that is counted.
    pub seen: Option<Seen>,
}

impl ResolvedEvent<'_, '_> {
    /// How many users are new with it.
    #[inline]
    pub fn new_users(&self) -> u64 {
        let seen = self.seen.filter(|seen| seen.is_new());
        seen.map_or(0, Seen::weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recycled_vector_keeps_its_memory() {
        let text = String::from("purchase");
        let mut values = Vec::with_capacity(40);
        values.push((Text::new(text.as_bytes()), 1.0));
        let before = values.as_ptr() as usize;
        let values: Vec<(Text<'static>, f64)> = recycle(values);
        assert!(values.is_empty());
        assert_eq!(values.capacity(), 40);
        assert_eq!(values.as_ptr() as usize, before);
    }

    #[test]
    fn only_the_kept_names_are_left_of_each_event() {
        let text = |text: &'static str| Text::new(text.as_bytes());
        let mut batch = Batch::default();
        for names in [&["a", "b"][..], &[], &["b"], &["c", "b", "a"]] {
            let mut event = batch.begin(0);
            for name in names {
                batch.add_dimension(&mut event, text(name), b"x").unwrap();
                batch.add_value(&mut event, text(name), 1.0).unwrap();
            }
            batch.events.push(event);
        }
        let removed = batch.keep_names(|name| name.bytes != b"b", |name| name.bytes == b"b");
        assert_eq!(removed, 3 + 3);
        let left: Vec<(String, String)> = batch
            .events
            .iter()
            .map(|event| {
                let dimensions = batch
                    .dimensions_of(event)
                    .iter()
                    .map(|(name, _)| name.bytes);
                let values = batch.values_of(event).iter().map(|(name, _)| name.bytes);
                let joined = |names: Vec<&[u8]>| String::from_utf8(names.concat()).unwrap();
                (joined(dimensions.collect()), joined(values.collect()))
            })
            .collect();
        let expected = [("a", "b"), ("", ""), ("", "b"), ("ca", "b")];
        let expected = expected.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(left, expected);
    }
}
