//! The texts of the paths that visits are at, for sites that count the path before (`from`). An entry of
//! the table has only the id of its path.

use super::ids::ValueId;
use crate::memory::allocated;
use crate::text::Kept;
use std::collections::HashSet;

/// No more are kept in a partition: the path before is then `~other`.
pub const MOST_PATHS: usize = 1_024;

/// In the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct Paths(Vec<(ValueId, Kept)>);

impl PartialEq for Paths {
    fn eq(&self, other: &Paths) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Paths {}

impl Paths {
    pub fn get(&self, id: ValueId) -> Option<&[u8]> {
        let at = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.0.get(at).map(|(_, text)| text.bytes())
    }

    /// Adds a text, if there is room.
    #[inline]
    pub fn insert(&mut self, id: ValueId, text: &[u8]) {
        if let Err(at) = self.0.binary_search_by_key(&id, |(id, _)| *id) {
            if self.0.len() < MOST_PATHS {
                self.0.insert(at, (id, Kept::new(text)));
            }
        }
    }

    /// Keeps those that are exits.
    pub fn retain(&mut self, mut exits: impl Iterator<Item = ValueId>) {
        let mut gone: HashSet<ValueId> = self.0.iter().map(|(id, _)| *id).collect();
        while let (false, Some(exit)) = (gone.is_empty(), exits.next()) {
            gone.remove(&exit);
        }
        self.0.retain(|(id, _)| !gone.contains(id));
        self.0.shrink_to_fit();
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ValueId, &[u8])> {
        self.0.iter().map(|(id, text)| (*id, text.bytes()))
    }

    pub fn heap_bytes(&self) -> usize {
        let texts: usize = self.0.iter().map(|(_, text)| text.heap_bytes()).sum();
        allocated(self.0.capacity() * size_of::<(ValueId, Kept)>()) + texts
    }
}
