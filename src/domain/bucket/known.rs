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

use crate::domain::limits;
use crate::domain::time::{Granularities, Granularity};

/// Rows of an event, one bit each: first the whole, then its facets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rows(u64);

const _: () = assert!(limits::ROWS_PER_EVENT <= u64::BITS as usize);

impl Rows {
    pub const NONE: Rows = Rows(0);

    /// The whole is row 0.
    #[inline]
    pub fn number(row: u32) -> Rows {
        Rows(1 << (row % u64::BITS))
    }

    #[inline]
    pub fn has(self, row: Rows) -> bool {
        self.0 & row.0 != 0
    }

    #[inline]
    pub fn add(&mut self, rows: Rows) {
        self.0 |= rows.0;
    }
}

/// Of an event: the rows in which a bucket knows its user, and those in which it knows its session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    pub users: Rows,
    pub sessions: Rows,
}

/// Of an event: what the bucket of each granularity is sure to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sure([Known; Granularity::COUNT]);

impl Sure {
    #[inline]
    pub fn of(&self, granularity: Granularity) -> Known {
        let Sure(known) = self;
        known.get(granularity.index()).copied().unwrap_or_default()
    }

    /// What a bucket knows is known to those around it.
    #[inline]
    pub fn add(&mut self, around: Granularities, users: Rows, sessions: Rows) {
        for (granularity, sure) in Granularity::ALL.into_iter().zip(&mut self.0) {
            if around.has(granularity) {
                sure.users.add(users);
                sure.sessions.add(sessions);
            }
        }
    }
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
