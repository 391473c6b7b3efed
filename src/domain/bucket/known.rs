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
use crate::domain::time::{Granularities, Granularity};

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

/// Where a bucket stands among those that the same events go to.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub own: Granularity,
    /// The coarser granularities whose bucket has counted everything that this one has.
    pub around: Granularities,
}

impl Standing {
    /// Tells a row of this bucket of somebody, if it is to be told; `knows` takes him in, and says
    /// whether he was known. `sure`: the granularities that are sure to know him there.
    #[inline]
    pub fn tell(self, sure: &mut Granularities, told: Told, knows: impl FnOnce() -> bool) {
        match told {
            Told::Nobody => {}
            Told::Everyone => {
                knows();
            }
            Told::News => {
                if !sure.has(self.own) && knows() {
                    sure.add(self.around);
                }
            }
        }
    }
}

/// Of the whole and each row of a call: the events whose user may be news to a bucket that is still to
/// come. Where the finest bucket counts row by row, most are gone after it.
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

    /// Goes through those of a row, and moves what stays to the front.
    #[inline]
    pub fn retain(&mut self, seen: Seen, mut stays: impl FnMut(Sighting) -> bool) {
        let Some(left) = self.left.get_mut(seen.row as usize) else {
            return;
        };
        let start = seen.run.start as usize;
        let sightings = self.sightings.get_mut(start..start + *left as usize);
        // Read and written at once, in two places.
        let sightings = Cell::from_mut(sightings.unwrap_or_default()).as_slice_of_cells();
        let mut front = sightings.iter();
        for sighting in sightings.iter().map(Cell::get).filter(|it| stays(*it)) {
            if let Some(place) = front.next() {
                place.set(sighting);
            }
        }
        *left -= front.len() as u32;
    }
}
