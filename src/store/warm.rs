//! Places beyond the few that a site keeps at hand, of the sites that last needed them: batches that catch
//! up go to the minutes of an hour or the hours of a week, again and again. They are kept here and not
//! beside the site, so that ten thousand sites that caught up once do not keep them for ever.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::keys::Place;
use crate::api::under_lock::UnderLock;
use analytics_core::time::Granularity;

/// So many sites are kept warm.
const SITES: usize = 8;

/// With so many places at most: what a longer call needed is not kept.
const MOST_PLACES: usize = 512;

/// Places of one site, by their granularity and time: each behind the start of its period, so that to find
/// one looks into no other.
#[derive(Default)]
pub struct Places([Vec<(i64, Rc<Place>)>; Granularity::COUNT]);

impl Places {
    pub fn find(&self, granularity: Granularity, time: i64) -> Option<&Rc<Place>> {
        let places = self.0.get(granularity.index())?;
        let behind = places.partition_point(|(start, _)| *start <= time);
        let (_, place) = places.get(behind.checked_sub(1)?)?;
        place.period.contains(time).then_some(place)
    }

    /// Keeps a place, once.
    pub fn put(&mut self, place: Rc<Place>) {
        let (granularity, start) = (place.period.granularity(), place.period.start());
        let Some(places) = self.0.get_mut(granularity.index()) else {
            return;
        };
        if let Err(at) = places.binary_search_by_key(&start, |(start, _)| *start) {
            places.insert(at, (start, place));
        }
    }

    fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }
}

/// The site that was last here is the last.
static WARM: UnderLock<Vec<(u64, Box<Places>)>> = UnderLock::new();

/// By which a site is known here, under one name and with one calendar.
pub fn new_id() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Relaxed) + 1
}

/// What is kept of a site, to be kept again.
pub fn take(id: u64) -> Box<Places> {
    let taken = WARM.with(|warm| {
        let at = warm.iter().position(|(other, _)| *other == id)?;
        Some(warm.remove(at).1)
    });
    taken.flatten().unwrap_or_default()
}

pub fn keep(id: u64, places: Box<Places>) {
    if places.len() > MOST_PLACES {
        return;
    }
    let coldest = WARM.with(|warm| {
        warm.push((id, places));
        (warm.len() > SITES).then(|| warm.remove(0))
    });
    drop(coldest);
}

pub fn forget(id: u64) {
    drop(take(id));
}

/// The sites are about to go.
pub fn forget_all() {
    drop(WARM.with(std::mem::take));
}
