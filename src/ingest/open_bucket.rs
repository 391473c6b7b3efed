//! A bucket of a command: opened once, and made only for an event that counts.

use std::ptr::null_mut;

use super::bucket_ref::BucketRef;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::stats;
use crate::store::containment::{HandleNumbers, LastPath};
use crate::store::contents::check_period;
use crate::store::handle::Since;
use crate::store::open_value::OpenValue;
use analytics_core::bucket::Bucket;
use analytics_core::error::{shown, Error};
use analytics_core::event::{RowKind, EVENT};
use analytics_core::schema::Settings;
use analytics_core::time::{Granularities, Granularity, Slots};

/// The state of a bucket during a command.
#[derive(Default)]
pub struct OpenBucket {
    /// The number of the command.
    pub command: u64,
    value: OpenValue<Bucket>,
    /// The directory has a handle on it.
    has_handle: bool,
    /// No event went into it yet.
    is_new: bool,
    pub is_changed: bool,
    /// The coarser granularities whose bucket has counted every event of this one.
    pub contained_in: Granularities,
}

/// The contents of a bucket, for writing.
pub struct OpenContents<'b> {
    pub contents: &'b mut Bucket,
    pub contained_in: Granularities,
    pub slots: &'b Slots,
}

impl BucketRef {
    /// Begins a command. Where the handle is valid, the key does not have to be opened.
    #[inline]
    pub fn begin(&mut self, command: u64, now: i64) {
        let value = self.handle.valid(now);
        self.open = OpenBucket {
            command,
            has_handle: value.is_some(),
            // SAFETY: under its key. A command has one `BucketRef` for it.
            value: unsafe { OpenValue::found(value.unwrap_or(null_mut())) },
            ..OpenBucket::default()
        };
    }

    /// Opens the key. Changes nothing.
    #[inline(never)]
    pub fn look_up(&mut self, ctx: Ctx, guard: &mut WriteGuard, now: i64) -> Outcome {
        let name = self.name.get();
        let key = self.open.value.look_up(ctx, guard, name)?;
        let Some(bucket) = self.bucket(guard) else {
            return Ok(());
        };
        check_period(bucket, &self.period, name.bytes())?;
        // With another expiry than its own, the key is opened every time: Redis decides whether it is
        // over.
        if key.expiry == Some(self.expiry) && !key.counts_uses {
            // SAFETY: the value of a key; the guard keeps it.
            unsafe { self.take_handle(now) };
        }
        Ok(())
    }

    /// None until it is made.
    #[inline]
    pub fn bucket(&self, guard: &WriteGuard) -> Option<&Bucket> {
        self.open.value.get(guard)
    }

    /// For writing; made where there is none.
    #[inline]
    pub fn bucket_mut(&mut self, guard: &WriteGuard) -> &mut Bucket {
        if !self.open.value.exists() {
            self.make();
        }
        self.open.is_changed = true;
        let period = &self.period;
        self.open.value.get_or_make(guard, || Bucket::new(period))
    }

    /// For writing, where it was opened or made.
    #[inline]
    pub fn existing_mut(&mut self, guard: &WriteGuard) -> Option<OpenContents<'_>> {
        let contents = self.open.value.get_mut(guard)?;
        self.open.is_changed = true;
        Some(OpenContents {
            contents,
            contained_in: self.open.contained_in,
            slots: &self.slots,
        })
    }

    #[cold]
    fn make(&mut self) {
        self.open.value.make(Bucket::new(&self.period));
        self.open.is_new = true;
        // SAFETY: a new one, until `publish` stores or frees it.
        unsafe { self.take_handle(i64::MIN) };
    }

    /// # Safety
    /// The value of a key or a new one, which is not freed before this returns.
    unsafe fn take_handle(&mut self, now: i64) {
        // SAFETY: by the contract.
        let taken = unsafe { self.handle.take(self.open.value.address(), now) };
        if taken == Some(Since::Changed) {
            self.containment.begin();
        }
        self.open.has_handle = taken.is_some();
    }

    /// Stores a new bucket under its key.
    pub fn publish(&mut self, ctx: Ctx, guard: &mut WriteGuard, now: i64) {
        let (value, name) = (&mut self.open.value, self.name.get());
        if !value.is_unpublished() {
            return;
        }
        let may_hold = value.publish(ctx, guard, name, self.expiry);
        if value.exists() {
            stats::BUCKETS.add(1);
        }
        if may_hold {
            // SAFETY: the value of a key.
            unsafe { self.take_handle(now) };
        } else {
            self.handle.release();
            self.open.has_handle = false;
        }
    }

    #[inline]
    pub fn has_handle(&self) -> bool {
        self.open.has_handle
    }

    /// The number of the handle, or 0.
    #[inline]
    pub fn handle_number(&self) -> u64 {
        match self.open.has_handle {
            true => self.containment.number(),
            false => 0,
        }
    }

    /// Whether there is a handle, and the containment was recorded before.
    #[inline]
    pub fn is_recorded(&self) -> bool {
        self.open.has_handle && !self.open.is_new
    }

    /// To be called before an event goes into this bucket and those of `handles`.
    #[inline]
    pub fn update_containment(&mut self, handles: &HandleNumbers) -> Granularities {
        const NONE: HandleNumbers = [0; Granularity::COUNT];
        let handles = if self.open.has_handle { handles } else { &NONE };
        let is_new = std::mem::take(&mut self.open.is_new);
        let granularity = self.granularity();
        self.containment.update(granularity, handles, is_new)
    }

    /// The same, when the buckets of all coarser granularities are those of the last path.
    #[inline]
    pub fn record_containment_of_next(&mut self, guard: &WriteGuard, last: &mut LastPath) {
        self.bucket_mut(guard);
        self.open.contained_in = self.update_containment(&last.handles);
        let (granularity, number) = (self.granularity(), self.handle_number());
        last.replace(granularity, number, self.open.contained_in);
    }

    /// Fails where a bucket, left over from earlier sites of this name, has no room for more names.
    #[inline]
    pub fn check_room(&self, guard: &WriteGuard, settings: &Settings) -> Outcome {
        match self.bucket(guard) {
            Some(bucket) if !bucket.has_room() => {
                check_room_for_names(bucket, self.name().bytes(), settings)
            }
            _ => Ok(()),
        }
    }
}

#[cold]
pub fn check_room_for_names(bucket: &Bucket, name: &[u8], settings: &Settings) -> Outcome {
    let breakdowns = settings.cubes_and_dimensions();
    let breakdowns = breakdowns.chain([(RowKind::Event, EVENT)]);
    let values = settings.values().iter().map(|value| value.name.text());
    if bucket.has_room_for(breakdowns, values) {
        return Ok(());
    }
    Err(Error::new(format!(
        "bucket '{}' holds the dimensions or values of several earlier sites, and has no room for \
         more; delete it to go on",
        shown(name)
    ))
    .into())
}
