//! A bucket of a command: opened once, and made only for an event that counts.

use std::ptr::null_mut;

use super::bucket_ref::BucketRef;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::store::changes;
use crate::store::containment::{HandleNumbers, LastPath};
use crate::store::contents::{check_period, BucketValue};
use crate::store::handle::Since;
use crate::store::publish::publish;
use crate::store::value;
use analytics_core::bucket::Bucket;
use analytics_core::error::{shown, Error};
use analytics_core::event::{RowKind, EVENT};
use analytics_core::schema::Settings;
use analytics_core::time::{Granularities, Granularity, Slots};

/// The state of a bucket during a command.
pub struct OpenBucket {
    /// The number of the command.
    pub command: u64,
    /// Null until the bucket is made.
    value: *mut BucketValue,
    /// The directory has a handle on it.
    has_handle: bool,
    /// No event went into it yet.
    is_new: bool,
    /// It has no key yet.
    is_unpublished: bool,
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

impl Default for OpenBucket {
    fn default() -> OpenBucket {
        OpenBucket {
            command: 0,
            value: null_mut(),
            has_handle: false,
            is_new: false,
            is_unpublished: false,
            is_changed: false,
            contained_in: Granularities::NONE,
        }
    }
}

impl BucketRef {
    /// Begins a command. Where the handle is valid, the key does not have to be opened.
    #[inline]
    pub fn begin(&mut self, command: u64, now: i64) {
        let value = self.handle.valid(now);
        self.open = OpenBucket {
            command,
            value: value.unwrap_or(null_mut()),
            has_handle: value.is_some(),
            ..OpenBucket::default()
        };
    }

    /// Opens the key. Changes nothing.
    #[inline(never)]
    pub fn look_up(&mut self, ctx: Ctx, guard: &mut WriteGuard, now: i64) -> Outcome {
        let name = self.name();
        let key = changes::opening(name, || Key::for_writing(ctx, guard, name));
        let expiry = key.expiry();
        let may_hold = expiry == Some(self.expiry) && !key.counts_uses();
        let Some(value) = value::write::<BucketValue>(key)? else {
            return Ok(());
        };
        check_period(value, &self.period, self.name().bytes())?;
        self.open.value = value;
        // With another expiry than its own, the key is opened every time: Redis decides whether it is
        // over.
        if may_hold {
            // SAFETY: the value of a key; the guard keeps it.
            unsafe { self.take_handle(now) };
        }
        Ok(())
    }

    /// None until it is made.
    #[inline]
    pub fn bucket(&self, _guard: &WriteGuard) -> Option<&Bucket> {
        // SAFETY: found or made in this command, whose guard keeps it; nothing changes it meanwhile.
        unsafe { self.open.value.as_ref() }.map(|value| &**value)
    }

    /// For writing; made where there is none.
    #[inline]
    pub fn bucket_mut(&mut self, _guard: &WriteGuard) -> &mut Bucket {
        if self.open.value.is_null() {
            self.make();
        }
        self.open.is_changed = true;
        // SAFETY: as above, and this reference borrows the only `BucketRef` that leads there.
        unsafe { BucketValue::contents_mut(self.open.value) }
    }

    /// For writing, where it was opened or made.
    #[inline]
    pub fn existing_mut(&mut self, _guard: &WriteGuard) -> Option<OpenContents<'_>> {
        if self.open.value.is_null() {
            return None;
        }
        self.open.is_changed = true;
        Some(OpenContents {
            // SAFETY: as above.
            contents: unsafe { BucketValue::contents_mut(self.open.value) },
            contained_in: self.open.contained_in,
            slots: &self.slots,
        })
    }

    #[cold]
    fn make(&mut self) {
        self.open.value = value::allocate(BucketValue::new(Bucket::new(&self.period))).as_ptr();
        self.open.is_new = true;
        self.open.is_unpublished = true;
        // SAFETY: this module owns the value, until `publish` stores or frees it.
        unsafe { self.take_handle(i64::MIN) };
    }

    /// # Safety
    /// The value of a key or a new one, which is not freed before this returns.
    unsafe fn take_handle(&mut self, now: i64) {
        // SAFETY: by the contract.
        let taken = unsafe { self.handle.take(self.open.value, now) };
        if taken == Some(Since::Changed) {
            self.containment.begin();
        }
        self.open.has_handle = taken.is_some();
    }

    /// Stores a new bucket under its key, unless foreign code has stored something there meanwhile.
    pub fn publish(&mut self, ctx: Ctx, guard: &mut WriteGuard, now: i64) {
        if !std::mem::take(&mut self.open.is_unpublished) {
            return;
        }
        let value = self.open.value;
        // SAFETY: made by `make`, and not passed on.
        let may_hold = unsafe { publish(ctx, guard, self.name(), value, self.expiry) };
        if may_hold {
            // SAFETY: the value of a key.
            unsafe { self.take_handle(now) };
        } else {
            self.handle.release();
            (self.open.value, self.open.has_handle) = (null_mut(), false);
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
    pub fn is_settled(&self) -> bool {
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
    pub fn follow(&mut self, guard: &WriteGuard, last: &mut LastPath) {
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
