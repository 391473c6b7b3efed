//! The buckets that the events of a command go to: each is opened once, and made only for an event that
//! counts.

use std::rc::Rc;

use super::gathered::Stop;
use crate::api::key::Key;
use crate::api::redis::{bytes_of, Ctx, Outcome};
use crate::stats;
use crate::store::bucket_value::BucketValue;
use crate::store::keys::{renamed, Place};
use crate::store::nest::{Holds, Settled};
use crate::store::types::Type;
use analytics_core::apply::ApplyTerms;
use analytics_core::bucket::Bucket;
use analytics_core::error::{shown, Error};
use analytics_core::event::RowKind;
use analytics_core::event::EVENT;
use analytics_core::schema::Settings;
use analytics_core::time::{Granularities, Granularity};

/// A bucket that events of this command go to.
pub struct Target<'c> {
    pub place: Rc<Place>,
    /// Unless the site holds on to the bucket.
    key: Option<Key<'c>>,
    /// Null until the bucket is made.
    bucket: *mut BucketValue,
    /// The site holds on to it.
    is_held: bool,
    /// Nothing was counted in it yet.
    is_new: bool,
    /// The coarser granularities whose bucket has counted everything that this one has.
    pub around: Granularities,
    now: i64,
    pub changed: bool,
}

impl<'c> Target<'c> {
    /// Changes nothing.
    #[inline]
    pub fn open(
        ctx: Ctx<'c>,
        settings: &Settings,
        place: Rc<Place>,
        now: i64,
    ) -> Outcome<Target<'c>> {
        let target = match place.hold.value(now) {
            Some(bucket) => Target {
                bucket,
                is_held: true,
                ..Target::absent(place, now)
            },
            None => Target::look_up(ctx, place, now)?,
        };
        if let Some(bucket) = target.bucket() {
            check_room(bucket, &target.place, settings)?;
        }
        Ok(target)
    }

    #[inline]
    fn absent(place: Rc<Place>, now: i64) -> Target<'c> {
        Target {
            place,
            key: None,
            bucket: std::ptr::null_mut(),
            is_held: false,
            is_new: false,
            around: Granularities::NONE,
            now,
            changed: false,
        }
    }

    #[inline(never)]
    fn look_up(ctx: Ctx<'c>, place: Rc<Place>, now: i64) -> Outcome<Target<'c>> {
        let mut target = Target::absent(place, now);
        let key = Key::for_writing(ctx, target.place.name());
        let bucket = key.value_ptr()?;
        target.key = Some(key);
        if let Some(bucket) = bucket {
            // SAFETY: the value of an open key, to which this command has no reference.
            unsafe { BucketValue::before_writing(bucket) };
            target.bucket = bucket;
            if let Some(bucket) = target.bucket() {
                check_period(bucket, &target.place)?;
            }
            target.hold();
        }
        Ok(target)
    }

    /// With another expiry than its own, the key is opened every time: Redis knows whether it is over.
    fn hold(&mut self) {
        let Some(key) = &self.key else { return };
        if key.expiry() == Some(self.place.expiry) && !key.counts_uses() {
            self.is_held = self.place.hold.take(self.bucket, self.now);
        }
    }

    #[inline]
    pub fn granularity(&self) -> Granularity {
        self.place.period.granularity()
    }

    /// None until it is made.
    #[inline]
    pub fn bucket(&self) -> Option<&Bucket> {
        // SAFETY: the value of a key, open or held, which nothing else touches during the command.
        unsafe { self.bucket.as_ref() }.map(|value| &**value)
    }

    #[inline]
    pub fn bucket_or_new(&mut self) -> &mut Bucket {
        if self.bucket.is_null() {
            self.make_bucket();
        }
        self.changed = true;
        // SAFETY: what was not found is open for writing, so that it is not null now; and it is the
        // value of a key which nothing else touches during the command.
        unsafe { &mut *self.bucket }
    }

    #[inline]
    pub fn is_held(&self) -> bool {
        self.is_held
    }

    /// The number of the hold on it, or 0.
    #[inline]
    pub fn hold_number(&self) -> u64 {
        match self.is_held {
            true => self.place.hold.nest.number(),
            false => 0,
        }
    }

    /// Whether it is held, and was settled before.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.is_held && !self.is_new
    }

    /// Before an event is counted here and in the buckets of these holds.
    #[inline]
    pub fn settle(&mut self, holds: &Holds) -> Granularities {
        const NONE: Holds = [0; Granularity::COUNT];
        let holds = if self.is_held { holds } else { &NONE };
        let is_new = std::mem::take(&mut self.is_new);
        let nest = &self.place.hold.nest;
        nest.settle(self.granularity(), holds, is_new)
    }

    /// The same, when the buckets of all coarser granularities are those that were settled last.
    #[inline]
    pub fn settle_next(&mut self, settled: &mut Settled) {
        self.bucket_or_new();
        self.around = self.settle(&settled.holds);
        settled.turn_to(self.granularity(), self.hold_number(), self.around);
    }

    #[cold]
    fn make_bucket(&mut self) {
        if let Some(key) = &self.key {
            self.bucket = key.set(BucketValue::new(Bucket::new(&self.place.period)));
            key.expire_at(self.place.expiry);
            self.is_new = true;
            self.hold();
            stats::BUCKETS.add(1);
        }
    }
}

impl Stop for Target<'_> {
    #[inline]
    fn place(&self) -> &Place {
        &self.place
    }

    #[inline]
    fn count(&mut self, capacity: usize, count: impl FnOnce(&mut Bucket, &ApplyTerms)) {
        let terms = ApplyTerms {
            capacity,
            contained_in: self.around,
        };
        count(self.bucket_or_new(), &terms);
    }
}

/// A bucket may have been renamed or copied here, or be left over from an earlier site of this name.
pub fn check(bucket: &Bucket, place: &Place, settings: &Settings) -> Outcome {
    check_period(bucket, place)?;
    check_room(bucket, place, settings)
}

fn check_period(bucket: &Bucket, place: &Place) -> Outcome {
    if bucket.is_of(&place.period) {
        Ok(())
    } else {
        Err(renamed(bytes_of(place.name())).into())
    }
}

#[inline]
fn check_room(bucket: &Bucket, place: &Place, settings: &Settings) -> Outcome {
    if bucket.has_room() {
        Ok(())
    } else {
        check_room_for_names(bucket, place, settings)
    }
}

#[cold]
fn check_room_for_names(bucket: &Bucket, place: &Place, settings: &Settings) -> Outcome {
    let breakdowns = settings.cubes_and_dimensions();
    let breakdowns = breakdowns.chain([(RowKind::Event, EVENT)]);
    let values = settings.values().iter().map(|value| value.name.text());
    if bucket.has_room_for(breakdowns, values) {
        return Ok(());
    }
    Err(Error::new(format!(
        "bucket '{}' holds the dimensions or values of several earlier sites, and has no room for \
         more; delete it to go on",
        shown(bytes_of(place.name()))
    ))
    .into())
}
