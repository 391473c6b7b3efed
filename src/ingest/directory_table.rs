//! The table of all directories: found by their ids and by the names of their sites, at most so many.

use std::collections::VecDeque;

use redis_module::raw::RedisModuleString;

use super::directory::SiteDirectory;
use crate::store::hooks::PendingId;
use crate::store::site_value::SiteValue;
use analytics_core::apply::ApplyScratch;
use analytics_core::hash::keyed_hash;

/// How many sites have a directory at a time.
const MOST_DIRECTORIES: usize = 10_000;

/// How many directories have many buckets at a time.
const MOST_LARGE: usize = 8;

/// At the maximum, the least recently used of so many is dropped.
const SAMPLED: usize = 5;

#[derive(Default)]
pub struct Directories {
    /// By their ids, from 1.
    pub all: Vec<Option<Box<SiteDirectory>>>,
    pub vacant: Vec<PendingId>,
    /// Their ids, by the hash of the site's name; of several with one place, the last that began to take
    /// events.
    pub by_name: Vec<PendingId>,
    /// What becomes of the one that the present command has.
    pub lent: Option<Lent>,
    /// How many flushes of a database are under way: a callback for one may begin another.
    pub flushes: u32,
    /// Those with many buckets, the last one at the end: batches that catch up go to the minutes of an
    /// hour or the hours of a week, again and again.
    pub large: VecDeque<PendingId>,
    /// The place that is checked next.
    pub next: usize,
    pub scratch: ApplyScratch,
    pub names: Vec<*mut RedisModuleString>,
}

/// What happened to the directory that a command has taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lent {
    /// It goes on to take events.
    Kept(PendingId),
    /// Something has happened to a bucket or to the expiry of the site.
    Detached,
    /// Its data was removed.
    Gone,
}

impl Directories {
    pub fn get(&self, id: PendingId) -> Option<&SiteDirectory> {
        self.all.get(place_of(id))?.as_deref()
    }

    #[inline]
    pub fn of(&mut self, site: &SiteValue) -> Option<&mut SiteDirectory> {
        Some(self.of_with_scratch(site)?.0)
    }

    #[inline]
    pub fn of_with_scratch(
        &mut self,
        site: &SiteValue,
    ) -> Option<(&mut SiteDirectory, &mut ApplyScratch)> {
        let directory = self.all.get_mut(place_of(site.directory()))?;
        let directory = directory.as_deref_mut()?;
        std::ptr::eq(directory.site().as_ptr(), site).then_some((directory, &mut self.scratch))
    }

    /// The id of a new directory. At the maximum, one is dropped for it: the one of a few that was used
    /// the longest time ago.
    pub fn new_id_or_evict(&mut self) -> Option<PendingId> {
        if let Some(id) = self.vacant.pop() {
            return Some(id);
        }
        if self.all.len() < MOST_DIRECTORIES {
            self.all.push(None);
            return Some(self.all.len() as PendingId);
        }
        let few: [usize; SAMPLED] = std::array::from_fn(|_| self.next_place());
        let used_at = |place: usize| Some((self.all.get(place)?.as_ref()?.used_at, place));
        let (_, place) = few.into_iter().filter_map(used_at).min()?;
        let mut directory = self.all.get_mut(place)?.take()?;
        directory.flush_and_detach(&mut self.scratch);
        Some(place as PendingId + 1)
    }

    /// So that ten thousand sites that caught up once do not keep many buckets each, the directory that
    /// had them longest keeps those of its last path.
    pub fn keep_large(&mut self, id: PendingId) {
        if self.large.contains(&id) {
            return;
        }
        self.large.push_back(id);
        if self.large.len() <= MOST_LARGE {
            return;
        }
        let oldest = self.large.pop_front().map(place_of);
        let Directories { all, scratch, .. } = self;
        let oldest = oldest.and_then(|place| all.get_mut(place)?.as_mut());
        if let Some(oldest) = oldest.filter(|it| it.has_many_buckets()) {
            oldest.flush(scratch);
            oldest.keep_last_path();
        }
    }

    pub fn vacate(&mut self, id: PendingId) {
        if id != 0 {
            if let Some(place) = self.all.get_mut(place_of(id)) {
                *place = None;
                self.vacant.push(id);
            }
        }
    }

    /// If `goes` is true of the directory at this place, applies its waiting events and takes it out for
    /// good.
    pub fn take_out(
        &mut self,
        place: usize,
        goes: impl FnOnce(&mut SiteDirectory) -> bool,
    ) -> Option<Box<SiteDirectory>> {
        let mut directory = self.all.get_mut(place)?.take_if(|it| goes(it))?;
        directory.flush_and_detach(&mut self.scratch);
        self.vacant.push(place as PendingId + 1);
        Some(directory)
    }

    /// Frees the memory of many directories when all are dropped.
    pub fn shrink(&mut self) {
        if self.vacant.len() == self.all.len() {
            self.all = Vec::new();
            self.vacant = Vec::new();
            self.by_name = Vec::new();
            self.next = 0;
        }
    }

    pub fn enter_name(&mut self, hash: u64, id: PendingId) {
        if self.by_name.len() < 2 * self.all.len() {
            let wanted = 4 * self.all.len();
            self.by_name.clear();
            self.by_name.resize(wanted, 0);
        }
        let place = self.place_of_hash(hash);
        if let Some(place) = self.by_name.get_mut(place) {
            *place = id;
        }
    }

    pub fn place_of(&self, name: &[u8]) -> usize {
        self.place_of_hash(keyed_hash(name))
    }

    fn place_of_hash(&self, hash: u64) -> usize {
        let places = self.by_name.len();
        (hash as usize).checked_rem(places).unwrap_or(0)
    }

    pub fn next_place(&mut self) -> usize {
        let place = self.next;
        self.next = if place + 1 < self.all.len() {
            place + 1
        } else {
            0
        };
        place
    }
}

/// 0 is none.
#[inline]
pub fn place_of(id: PendingId) -> usize {
    (id as usize).wrapping_sub(1)
}
