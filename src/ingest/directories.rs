//! The directories of all sites that were written to recently.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::ptr::NonNull;

use redis_module::raw::RedisModuleString;

use super::directory::SiteDirectory;
use super::lateness::LatenessClock;
use super::pending_visits::VisitPlace;
use super::visits::count_late;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::info::Figure;
use crate::api::string::StringRef;
use crate::api::under_lock::UnderLock;
use crate::store::containment;
use crate::store::hooks::PendingId;
use crate::store::site_value::SiteValue;
use analytics_core::apply::{ApplyScratch, RowResolver};
use analytics_core::event::Batch;
use analytics_core::hash::keyed_hash;
use analytics_core::schema::keys::check_site_name;

/// Waiting events of a site are applied when they take this much memory, which is some two hundred events;
/// earlier where there are so many directories that all would take more than the second bound.
const MAX_BYTES: usize = 20_480;
const MAX_BYTES_OF_ALL: usize = 16 << 20;

/// How many sites have a directory at a time.
const MOST_DIRECTORIES: usize = 10_000;

/// How many directories have many buckets at a time.
const MOST_LARGE: usize = 8;

/// Of how many the one that was used the longest time ago is dropped at the maximum.
const SAMPLED: usize = 5;

/// How many are checked at each tick of the server's `hz`.
const TIDIED: usize = 1_024;

#[derive(Default)]
struct Directories {
    /// By their ids, from 1.
    all: Vec<Option<Box<SiteDirectory>>>,
    vacant: Vec<PendingId>,
    /// Their ids, by the hash of the site's name; of several with one place, the last that began to take
    /// events.
    by_name: Vec<PendingId>,
    /// What becomes of the one that the present command has.
    lent: Option<Lent>,
    /// How many flushes of a database are under way: a callback for one may begin another.
    flushes: u32,
    /// Those with many buckets, the last one at the end: batches that catch up go to the minutes of an
    /// hour or the hours of a week, again and again.
    large: VecDeque<PendingId>,
    /// The place that is checked next.
    next: usize,
    scratch: ApplyScratch,
    names: Vec<*mut RedisModuleString>,
}

/// A directory that a command has cannot be reached by others: they leave word here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lent {
    /// It goes on to take events.
    Kept(PendingId),
    /// Something has happened to a bucket or to the expiry of the site.
    Detached,
    /// Its data was removed.
    Gone,
}

/// `act` runs no foreign code, so that the directories are never in use here.
fn with<T: Default>(act: impl FnOnce(&mut Directories) -> T) -> T {
    static DIRECTORIES: UnderLock<Directories> = UnderLock::new();
    DIRECTORIES.with(act)
}

/// The site of this name, if its directory takes events: then its key does not have to be opened.
#[inline]
pub fn site(ctx: Ctx, name: &[u8], now: i64) -> Option<NonNull<SiteValue>> {
    let db = ctx.db();
    with(|directories| {
        let id = *directories.by_name.get(directories.place_of(name))?;
        let directory = directories.get(id)?;
        let is_it = directory.is_named(db, name) && directory.pending.is_open(now);
        is_it.then(|| directory.site())
    })
}

/// Whether all events of a call may wait, if their ids are new.
#[inline]
pub fn accept(site: &SiteValue, batch: &Batch, clock: LatenessClock) -> bool {
    with(|directories| {
        let directory = directories.of(site);
        directory.is_some_and(|it| {
            let visits = site.site.settings.visits.as_deref();
            let visits = visits.map(|visits| VisitPlace {
                visits,
                partitions: &mut it.partitions,
                paths: &it.visit_paths,
            });
            it.pending.accepts(batch, clock, &it.paths, visits)
        })
    })
}

/// Adds events to the pending writes of their site, which were accepted just now.
pub fn add<'c>(
    ctx: Ctx,
    site: &mut SiteValue,
    batch: &Batch<'c>,
    resolver: &mut RowResolver<'c>,
    clock: LatenessClock,
) {
    for event in &batch.events {
        site.site.count(event.time);
    }
    let (mut names, late) = with(|directories| {
        let mut late = 0;
        let mut names = std::mem::take(&mut directories.names);
        if let Some((directory, scratch)) = directories.of_with_scratch(site) {
            let place = (&directory.paths, &mut directory.buckets[..]);
            let settings = &site.site.settings;
            let visits = settings.visits.as_deref().map(|visits| VisitPlace {
                visits,
                partitions: &mut directory.partitions,
                paths: &directory.visit_paths,
            });
            let visits = visits.map(|place| (place, clock));
            let pending = &mut directory.pending;
            let memory = (scratch, &mut names);
            late = pending.add(settings, batch, resolver, place, visits, memory);
        }
        (names, late)
    });
    count_late(site, late);
    for name in names.drain(..) {
        // SAFETY: the name of a bucket of the directory, which stays: no foreign code runs here.
        ctx.signal_modified(unsafe { StringRef::new(name) });
    }
    with(|directories| directories.names = names);
}

/// Takes the directory of a site out for a command, with its waiting events applied, or makes one. Fails
/// where the name is none that a site can have. The directory is given back after the command.
pub fn lend(
    ctx: Ctx,
    name: &[u8],
    site: NonNull<SiteValue>,
    id: PendingId,
    clock: LatenessClock,
) -> Outcome<Box<SiteDirectory>> {
    let db = ctx.db();
    let lent = with(|directories| {
        directories.lent = Some(Lent::Kept(0));
        let place = directories.all.get_mut(place_of(id))?;
        let mut directory = place.take_if(|it| it.is_of(db, name, site))?;
        directories.lent = Some(Lent::Kept(id));
        directory.flush(&mut directories.scratch);
        Some(directory)
    });
    let mut directory = match lent {
        Some(directory) => directory,
        None => {
            // It may have been renamed.
            check_site_name(name)?;
            Box::new(SiteDirectory::new(0, db, name, site))
        }
    };
    directory.used_at = clock.now;
    if !directory.pending.takes_events(clock) {
        directory.pending.detach(&mut directory.buckets);
    }
    Ok(directory)
}

/// Keeps the directory of a command for the next one, unless the site has left its key meanwhile.
pub fn give_back(mut directory: Box<SiteDirectory>, site: &SiteValue, address: NonNull<SiteValue>) {
    let dropped = with(|directories| {
        let lent = directories.lent.take().unwrap_or(Lent::Gone);
        if lent == Lent::Detached {
            directory.detach();
        }
        if lent == Lent::Gone || site.is_unlinked() || directories.flushes > 0 {
            directory.clear();
            directories.vacate(directory.id);
            return Some(directory);
        }
        if directory.is_large() {
            directory.keep_last_path();
        }
        if directory.id == 0 {
            let Some(id) = directories.vacancy() else {
                return Some(directory);
            };
            directory.id = id;
        }
        site.set_directory(directory.id);
        directory.set_site(address);
        if directory.has_many_buckets() {
            directories.keep_large(directory.id);
        }
        let place = place_of(directory.id);
        if let Some(place) = directories.all.get_mut(place) {
            *place = Some(directory);
        }
        None
    });
    drop(dropped);
}

/// Lets the next events of a site wait if they take one of these paths, to whose buckets there are
/// handles. The site is under its key, which does not expire.
pub fn attach(
    site: &SiteValue,
    paths: impl Iterator<Item = u32>,
    visit_paths: impl Iterator<Item = u32>,
    now: i64,
    may_begin: bool,
) {
    with(|directories| {
        let open = directories
            .all
            .len()
            .saturating_sub(directories.vacant.len());
        let max_bytes = (MAX_BYTES_OF_ALL / open.max(1)).min(MAX_BYTES);
        let Some(directory) = directories.of(site) else {
            return;
        };
        if !directory.pending.is_open(now) {
            if !may_begin {
                return;
            }
            directory.pending.detach(&mut directory.buckets);
            directory
                .pending
                .attach(site.site.settings.capacity, max_bytes);
        }
        let id = directory.id;
        for number in paths {
            let Some(path) = directory.paths.get(number) else {
                continue;
            };
            let buckets = &mut directory.buckets;
            if !directory.pending.take_path(id, number, path, buckets, now) {
                directory.pending.detach(buckets);
                return;
            }
        }
        for number in visit_paths {
            let Some(path) = directory.visit_paths.get(number) else {
                continue;
            };
            let (pending, buckets) = (&mut directory.pending, &mut directory.buckets);
            if !pending.take_visit_path(id, number, path, buckets, now) {
                directory.pending.detach(buckets);
                return;
            }
        }
        if !directory.pending.has_paths() {
            directory.pending.detach(&mut directory.buckets);
            return;
        }
        let hash = keyed_hash(directory.name());
        directories.enter_name(hash, id);
    });
}

/// Applies the events that wait there.
#[inline]
pub fn flush(id: PendingId) {
    with(|directories| {
        let Directories { all, scratch, .. } = directories;
        if let Some(Some(directory)) = all.get_mut(place_of(id)) {
            directory.flush(scratch);
        }
    });
}

/// The same, and it takes no more events.
#[inline]
pub fn flush_and_detach(id: PendingId) {
    with(|directories| {
        let Directories {
            all, scratch, lent, ..
        } = directories;
        if let Some(Some(directory)) = all.get_mut(place_of(id)) {
            directory.flush_and_detach(scratch);
        } else if *lent == Some(Lent::Kept(id)) {
            *lent = Some(Lent::Detached);
        }
    });
}

/// A site leaves its key. What waits for its buckets is applied.
pub fn drop_of(id: PendingId, site: *const SiteValue) {
    drop(with(|directories| {
        directories.take_out(place_of(id), |it| std::ptr::eq(it.site().as_ptr(), site))
    }));
}

/// To be called when the settings of a site have changed: its buckets are looked up again.
pub fn clear_of(site: &SiteValue) {
    with(|directories| {
        if let Some((directory, scratch)) = directories.of_with_scratch(site) {
            directory.flush(scratch);
            directory.clear();
        }
    });
}

/// To be called when the expiry of this key has changed: its directory takes no more events. It may take
/// none at the moment, but would again after the clock was set back and reaches its time again.
pub fn detach_named(ctx: Ctx, name: &[u8]) {
    let db = ctx.db();
    with(|directories| {
        // Its name is not at hand.
        if let Some(Lent::Kept(_)) = directories.lent {
            directories.lent = Some(Lent::Detached);
        }
        let id = directories.by_name.get(directories.place_of(name)).copied();
        let Directories { all, scratch, .. } = directories;
        let directory = id.and_then(|id| all.get_mut(place_of(id))?.as_mut());
        if let Some(directory) = directory.filter(|it| it.is_named(db, name)) {
            directory.flush_and_detach(scratch);
        }
    });
}

/// To be called before the data of a database, or of all, is removed, and again after that: waiting events
/// are dropped with it. In between, values are removed without a callback, so that no directory is kept.
pub fn discard(db: Option<c_int>, begins: bool) {
    with(|directories| {
        directories.flushes = match begins {
            true => directories.flushes + 1,
            false => directories.flushes.saturating_sub(1),
        };
    });
    drop_all(|directory| {
        let is_it = db.is_none_or(|db| directory.db == db);
        if is_it {
            directory.pending.discard();
        }
        is_it
    });
}

/// To be called before the old data of a replica is freed on another thread; it may also be restored.
pub fn drop_every() {
    drop_all(|_| true);
}

fn drop_all(mut goes: impl FnMut(&mut SiteDirectory) -> bool) {
    drop(with(|directories| {
        if let Some(lent) = &mut directories.lent {
            *lent = Lent::Gone;
        }
        let mut gone = Vec::new();
        for place in 0..directories.all.len() {
            gone.extend(directories.take_out(place, &mut goes));
        }
        directories.shrink();
        gone
    }));
}

/// To be called when two databases were swapped. Their directories are dropped, because one may have been
/// made between the swap and this call.
pub fn drop_of_databases(one: c_int, other: c_int) {
    drop_all(|directory| directory.db == one || directory.db == other);
}

/// For `INFO`: how many events wait, and how many handles on buckets were taken.
pub fn figures() -> Vec<Figure> {
    let waiting = with(|directories| {
        let all = directories.all.iter().flatten();
        all.map(|directory| directory.pending.waiting()).sum()
    });
    let handles = containment::records_begun();
    vec![(c"events_waiting", waiting), (c"bucket_handles", handles)]
}

/// Called from time to time: applies what waits for sites without events, and drops their directories
/// later.
pub fn tidy(now: i64) {
    drop(with(|directories| {
        let mut gone = Vec::new();
        for _ in 0..TIDIED.min(directories.all.len()) {
            let place = directories.turn();
            gone.extend(directories.take_out(place, |it| it.is_over(now)));
            let Directories { all, scratch, .. } = directories;
            if let Some(Some(directory)) = all.get_mut(place) {
                if directory.is_idle(now) {
                    directory.rest(scratch);
                }
            }
        }
        directories.shrink();
        gone
    }));
}

impl Directories {
    fn get(&self, id: PendingId) -> Option<&SiteDirectory> {
        self.all.get(place_of(id))?.as_deref()
    }

    #[inline]
    fn of(&mut self, site: &SiteValue) -> Option<&mut SiteDirectory> {
        Some(self.of_with_scratch(site)?.0)
    }

    #[inline]
    fn of_with_scratch(
        &mut self,
        site: &SiteValue,
    ) -> Option<(&mut SiteDirectory, &mut ApplyScratch)> {
        let directory = self.all.get_mut(place_of(site.directory()))?;
        let directory = directory.as_deref_mut()?;
        std::ptr::eq(directory.site().as_ptr(), site).then_some((directory, &mut self.scratch))
    }

    /// The id of a new directory. At the maximum, one is dropped for it: the one of a few that was used
    /// the longest time ago.
    fn vacancy(&mut self) -> Option<PendingId> {
        if let Some(id) = self.vacant.pop() {
            return Some(id);
        }
        if self.all.len() < MOST_DIRECTORIES {
            self.all.push(None);
            return Some(self.all.len() as PendingId);
        }
        let few: [usize; SAMPLED] = std::array::from_fn(|_| self.turn());
        let used_at = |place: usize| Some((self.all.get(place)?.as_ref()?.used_at, place));
        let (_, place) = few.into_iter().filter_map(used_at).min()?;
        let mut directory = self.all.get_mut(place)?.take()?;
        directory.flush_and_detach(&mut self.scratch);
        Some(place as PendingId + 1)
    }

    /// So that ten thousand sites that caught up once do not keep many buckets each, the directory that
    /// had them longest keeps those of its last path.
    fn keep_large(&mut self, id: PendingId) {
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

    fn vacate(&mut self, id: PendingId) {
        if id != 0 {
            if let Some(place) = self.all.get_mut(place_of(id)) {
                *place = None;
                self.vacant.push(id);
            }
        }
    }

    /// If `goes` is true of the directory at this place, applies its waiting events and takes it out for
    /// good.
    fn take_out(
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
    fn shrink(&mut self) {
        if self.vacant.len() == self.all.len() {
            self.all = Vec::new();
            self.vacant = Vec::new();
            self.by_name = Vec::new();
            self.next = 0;
        }
    }

    fn enter_name(&mut self, hash: u64, id: PendingId) {
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

    fn place_of(&self, name: &[u8]) -> usize {
        self.place_of_hash(keyed_hash(name))
    }

    fn place_of_hash(&self, hash: u64) -> usize {
        let places = self.by_name.len();
        (hash as usize).checked_rem(places).unwrap_or(0)
    }

    fn turn(&mut self) -> usize {
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
fn place_of(id: PendingId) -> usize {
    (id as usize).wrapping_sub(1)
}
