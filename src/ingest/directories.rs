//! The directories of all sites that were written to recently.

use std::ffi::c_int;
use std::ptr::NonNull;

use super::directory::{SiteDirectory, UserContents};
use super::directory_table::{place_of, Directories, Lent};
use super::late::LateCounts;
use super::lateness::LatenessClock;
use super::partitions::PartitionRef;
use super::pending::UserPlaces;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::info::Figure;
use crate::api::string::StringRef;
use crate::api::under_lock::UnderLock;
use crate::store::containment;
use crate::store::hooks::PendingId;
use crate::store::site_value::SiteValue;
use analytics_core::apply::RowResolver;
use analytics_core::event::{Batch, Event};
use analytics_core::hash::keyed_hash;
use analytics_core::schema::keys::check_site_name;

/// What waits of a site is applied when its events, its changes of visits or its attempts of funnels take
/// this much memory, which is some two hundred events; earlier where there are so many directories that the
/// events of all would take more than the second bound.
const MAX_BYTES: usize = 20_480;
const MAX_BYTES_OF_ALL: usize = 16 << 20;

/// The memory of more sites is in no cache when their next event comes: it is prefetched while the arguments
/// of the event are parsed.
const MANY: usize = 256;

/// How many are checked at each tick of the server's `hz`.
const TIDIED: usize = 1_024;

/// `act` runs no foreign code, so that the directories are never in use here.
fn with<T: Default>(act: impl FnOnce(&mut Directories) -> T) -> T {
    static DIRECTORIES: UnderLock<Directories> =
        // SAFETY: commands and callbacks use it, under the server's lock; what frees values does not.
        unsafe { UnderLock::new() };
    DIRECTORIES.with(act)
}

/// The site of this name, if its directory takes events: then its key does not have to be opened.
#[inline]
pub fn site(ctx: Ctx, name: &[u8], now: i64) -> Option<NonNull<SiteValue>> {
    let db = ctx.db();
    with(|directories| {
        let id = *directories.by_name.get(directories.place_of(name))?;
        let directory = directories.get(id)?;
        let has_many = directories.all.len() > MANY;
        if has_many {
            directory.pending.prefetch();
        }
        let is_it = directory.is_named(db, name) && directory.pending.is_open(now);
        if is_it && has_many {
            directory.prefetch(now);
        }
        is_it.then(|| directory.site())
    })
}

/// Whether all events of a call may wait, if their ids are new.
#[inline]
pub fn accept(site: &SiteValue, batch: &Batch, clock: LatenessClock) -> bool {
    with(|directories| {
        directories.of(site).is_some_and(|directory| {
            let (pending, place, users) = directory.pending_of(&site.site.settings, clock);
            pending.prepare(batch, place.0, users)
        })
    })
}

/// The partition of an event's user and its number, which is put back later. None where the events of the
/// call cannot wait, whatever their users.
pub fn take_partition<C: UserContents>(
    site: &SiteValue,
    event: &Event,
    batch: &Batch,
    clock: LatenessClock,
) -> Option<(u32, Box<PartitionRef<C>>)> {
    let number = C::number(&site.site.settings, event)?;
    with(|directories| {
        let directory = directories.of(site)?;
        let users = UserPlaces {
            visits: None,
            people: None,
            clock,
        };
        let may_wait = directory.pending.prepare(batch, &directory.paths, users);
        may_wait.then(|| (number, directory.take(number)))
    })
}

/// Puts a partition back, unless the directory has another one or is gone.
pub fn put_partition_back<C: UserContents>(
    site: &SiteValue,
    number: u32,
    partition: Box<PartitionRef<C>>,
) {
    with(|directories| {
        if let Some(directory) = directories.of(site) {
            C::of(directory).0.put(number, partition);
        }
    });
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
        let mut late = LateCounts::default();
        let mut names = std::mem::take(&mut directories.names);
        if let Some((directory, scratch)) = directories.of_with_scratch(site) {
            let settings = &site.site.settings;
            let (pending, place, users) = directory.pending_of(settings, clock);
            let memory = (scratch, &mut names);
            late = pending.add(settings, batch, resolver, place, users, memory);
        }
        (names, late)
    });
    late.count(site);
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
        directory.detach();
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
            let Some(id) = directories.new_id_or_evict() else {
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
    mut paths: impl Iterator<Item = u32>,
    mut visit_paths: impl Iterator<Item = u32>,
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
            directory.detach();
            directory
                .pending
                .attach(site.site.settings.capacity, max_bytes);
        }
        let id = directory.id;
        let SiteDirectory {
            pending, buckets, ..
        } = directory;
        let takes_all = paths.all(|number| {
            let path = directory.paths.get(number);
            path.is_none_or(|path| pending.take_path(id, number, path, buckets, now))
        }) && visit_paths.all(|number| {
            let path = directory.visit_paths.get(number);
            path.is_none_or(|path| pending.take_visit_path(id, number, path, buckets, now))
        });
        if !takes_all || !pending.has_paths() {
            directory.detach();
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
            let place = directories.next_place();
            gone.extend(directories.take_out(place, |it| it.is_over(now)));
            let Directories { all, scratch, .. } = directories;
            if let Some(Some(directory)) = all.get_mut(place) {
                if directory.is_idle(now) {
                    directory.release_memory(scratch);
                }
            }
        }
        directories.shrink();
        gone
    }));
}
