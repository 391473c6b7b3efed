//! Who is no news.
//!
//! When all that a bucket ever counted was counted in a coarser one as well, whoever was seen in a row
//! here was seen in that row there, and need not be told again. Most events are of users who were there
//! a moment ago: of their sketches only the finest is touched.
//!
//! ```text
//! minute   knows ann      nobody else is told
//! minute   is told of bob, and told the hour, which knows bob: the day, week and month are not told
//! ```
//!
//! A sketch forgets nothing, but a table may let rows go. Once it has, it is told of everyone, and what
//! it knows is no word on the others: in its `~other` are users whom they know in rows.

use std::cell::Cell;

use crate::domain::occurrences::{Occurrences, Seen, Sighting};
use crate::domain::time::Granularities;

/// Of an event in one of its rows: the granularities whose bucket is sure to know its user there, and
/// those that are sure to know its session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sure {
    pub users: Granularities,
    pub sessions: Granularities,
}

/// Of whom a row is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It counts neither users nor sessions.
    Nobody,
    /// Of those whom it is not sure to know: no row ever left its table.
    News,
    Everyone,
}

impl Told {
    /// `knows` tells the row, and says whether it knew. Do those around know for sure?
    #[inline]
    pub fn vouches(self, is_sure: bool, knows: impl FnOnce() -> bool) -> bool {
        match self {
            Told::Nobody => false,
            Told::News => !is_sure && knows(),
            Told::Everyone => {
                knows();
                false
            }
        }
    }
}

/// Of the whole and each row of a call: the events whose user may be news to a bucket that is still to
/// come. Most are gone after the first.
#[derive(Debug, Default)]
pub struct News {
    /// Sorted as those of the call.
    sightings: Vec<Sighting>,
    /// Of each row, how many are left in front.
    left: Vec<u32>,
}

impl News {
    pub fn begin(&mut self, all: &Occurrences) {
        self.sightings.clear();
        self.sightings.extend_from_slice(all.sightings());
        self.left.clear();
        self.left.extend(all.seen().map(|seen| seen.run.len));
    }

    #[inline]
    pub fn retain(&mut self, seen: Seen, mut is_news: impl FnMut(Sighting) -> bool) {
        let Some(left) = self.left.get_mut(seen.row as usize) else {
            return;
        };
        let start = seen.run.start as usize;
        let sightings = self.sightings.get_mut(start..start + *left as usize);
        let sightings = Cell::from_mut(sightings.unwrap_or_default()).as_slice_of_cells();
        *left = 0;
        for sighting in sightings.iter().map(Cell::get) {
            if let Some(next) = sightings.get(*left as usize) {
                next.set(sighting);
            }
            *left += u32::from(is_news(sighting));
        }
    }
}
