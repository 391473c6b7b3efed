//! The ids of the events of a site that arrived recently: an event with one of them does not count again,
//! whatever time it carries.
//!
//! An id belongs to the quarter of an hour in which it first arrived, by the clock of the master, and is
//! remembered for an hour after the end of that quarter. Each quarter has a set of its own, so that
//! forgetting frees a set as a whole.
//!
//! A site states how many ids are remembered at most. A set holds an eighth of that; beyond it the next set
//! begins, and the oldest one is forgotten early where there is no room. So at least the last three
//! quarters of that number are remembered.
//!
//! ```text
//! stored:  version | forgotten | n | n × (start | ids)
//!          start: the quarter, in milliseconds; sets in the order in which they began
//! ```

mod set;

use crate::codec::{corrupt, Page, Reader, Writer};
use crate::error::Corrupt;
use crate::event::Fingerprint;
use crate::memory::allocated;
use crate::schema::limits;
use crate::time::{is_supported, HOUR, MINUTE};
use set::{IdSet, PlacedId};

const VERSION: u8 = 1;

/// The length of the period of a set.
const QUARTER: i64 = 15 * MINUTE;

/// How long a set is kept after the end of its period.
const KEPT: i64 = HOUR;

/// A set holds this part of the ids that a site may have.
const PARTS: usize = 8;

/// Six by the clock, and eight by their size.
const MOST_SETS: usize = 16;

#[derive(Debug, Clone, Default)]
pub struct RecentIds {
    /// In the order in which they began.
    sets: Vec<Arrived>,
    /// How many ids were forgotten early, for want of room.
    forgotten: u64,
}

/// The ids that arrived in one period.
#[derive(Debug, Clone)]
struct Arrived {
    start: i64,
    ids: IdSet,
}

impl Arrived {
    fn end(&self) -> i64 {
        self.start.saturating_add(QUARTER + KEPT)
    }

    fn is_kept(&self, now: i64) -> bool {
        self.end() > now
    }
}

impl RecentIds {
    /// Whether the id arrived recently.
    pub fn contains(&self, id: Fingerprint, now: i64) -> bool {
        let id = PlacedId::new(id);
        let mut kept = self.sets.iter().rev().filter(|set| set.is_kept(now));
        kept.any(|set| set.ids.contains(id))
    }

    /// The id, which is none of them, arrives now. `capacity`: how many are remembered at most.
    pub fn insert(&mut self, id: Fingerprint, now: i64, capacity: usize) {
        self.begin(now, capacity);
        if let Some(set) = self.sets.last_mut() {
            set.ids.insert(PlacedId::new(id));
        }
    }

    /// Forgets what is over, and begins a set if the last one takes no more.
    fn begin(&mut self, now: i64, capacity: usize) {
        let start = now.div_euclid(QUARTER) * QUARTER;
        let most = capacity.div_ceil(PARTS);
        let takes_more = |set: &Arrived| set.start == start && set.ids.len() < most;
        if self.sets.last().is_some_and(takes_more) {
            return;
        }
        self.sets.retain(|set| set.is_kept(now));
        let mut len: usize = self.len();
        while self.sets.len() == MOST_SETS || len + most > capacity {
            if self.sets.is_empty() {
                break;
            }
            let oldest = self.sets.remove(0).ids.len();
            len -= oldest;
            self.forgotten = self.forgotten.saturating_add(oldest as u64);
        }
        let ids = IdSet::default();
        self.sets.push(Arrived { start, ids });
    }

    fn len(&self) -> usize {
        self.sets.iter().map(|set| set.ids.len()).sum()
    }

    /// When the last of them is over.
    pub fn expiry(&self) -> i64 {
        let ends = self.sets.iter().map(Arrived::end);
        ends.max().unwrap_or(i64::MIN)
    }

    /// How many are remembered.
    pub fn remembered(&self, now: i64) -> usize {
        let kept = self.sets.iter().filter(|set| set.is_kept(now));
        kept.map(|set| set.ids.len()).sum()
    }

    /// The beginning of the earliest period of which ids are remembered.
    pub fn since(&self, now: i64) -> Option<i64> {
        let kept = self.sets.iter().filter(|set| set.is_kept(now));
        kept.map(|set| set.start).min()
    }

    /// How many were forgotten early.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What they occupy, the value itself not included.
    pub fn heap_bytes(&self) -> usize {
        let sets = self.sets.iter().map(|set| set.ids.heap_bytes());
        allocated(self.sets.capacity() * size_of::<Arrived>()) + sets.sum::<usize>()
    }

    /// About the number of allocations, which is the work to free them.
    pub fn parts(&self) -> usize {
        let sets = self.sets.iter().map(|set| 1 + set.ids.parts());
        1 + sets.sum::<usize>()
    }

    pub fn encode(&self) -> Vec<Page> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        writer.varint(self.forgotten);
        writer.varint(self.sets.len() as u64);
        for set in &self.sets {
            writer.signed(set.start);
            set.ids.encode(&mut writer);
        }
        writer.into_pages()
    }

    pub fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<RecentIds, Corrupt> {
        RecentIds::read(Reader::over(&mut pages.iter().map(P::as_ref)))
    }

    fn read(mut reader: Reader) -> Result<RecentIds, Corrupt> {
        if reader.u8("version")? != VERSION {
            return Err(corrupt("version", "not one that this module reads"));
        }
        let forgotten = reader.varint("forgotten ids")?;
        let count = reader.count("sets of ids", MOST_SETS, 2)?;
        let mut sets = Vec::with_capacity(count);
        let mut room = limits::IDS_PER_SITE;
        for _ in 0..count {
            let start = reader.signed("start")?;
            if !is_supported(start) || start.rem_euclid(QUARTER) != 0 {
                return Err(corrupt("start", "not the beginning of a period"));
            }
            let ids = IdSet::decode(&mut reader, room)?;
            room -= ids.len();
            sets.push(Arrived { start, ids });
        }
        if sets.is_empty() {
            return Err(corrupt("sets of ids", "none"));
        }
        reader.finish()?;
        Ok(RecentIds { sets, forgotten })
    }
}

#[cfg(test)]
mod tests;
