//! Where events of a site go: the key of the bucket of each period, its slots, when it expires.

use std::rc::Rc;

use redis_module::raw;

use super::bucket_value::Hold;
use super::redis::OwnedString;
use crate::domain::error::{shown, Error, Result};
use crate::domain::memory::allocated;
use crate::domain::site::keys::{check_site_name, BucketName};
use crate::domain::site::Settings;
use crate::domain::time::{Granularity, Period, Slots};

/// All that is to be known of a bucket before its key is opened.
pub struct Place {
    pub period: Period,
    pub slots: Slots,
    pub expiry: i64,
    pub hold: Hold,
    name: OwnedString,
}

impl Place {
    /// None when the site does not keep this granularity, or the calendar ends there.
    pub fn new(
        site: &[u8],
        settings: &Settings,
        granularity: Granularity,
        time: i64,
    ) -> Option<Place> {
        let period = settings.zone.period(granularity, time)?;
        Place::of(site, settings, period)
    }

    pub fn of(site: &[u8], settings: &Settings, period: Period) -> Option<Place> {
        let expiry = settings.retention.expiry(&period, &settings.zone)?;
        let name = BucketName::new(site, period.granularity(), period.label().as_str());
        Some(Place {
            slots: period.slots(&settings.zone),
            expiry,
            hold: Hold::none(),
            name: OwnedString::new(name.bytes()),
            period,
        })
    }

    pub fn name(&self) -> *mut raw::RedisModuleString {
        self.name.raw()
    }
}

/// The places that were asked for last, two of each granularity, kept beside a site from one command
/// to the next: around a full minute, events of both minutes come in.
#[derive(Default)]
pub struct BucketKeys {
    /// The name under which they were made: a site may be renamed.
    site: Box<[u8]>,
    recent: [[Option<Rc<Place>>; 2]; Granularity::COUNT],
}

impl BucketKeys {
    /// Before anything else in a command: forgets the places of another name, and refuses a name
    /// that cannot be a site's.
    #[inline]
    pub fn serve(&mut self, site: &[u8]) -> Result<()> {
        if *self.site == *site && !site.is_empty() {
            return Ok(());
        }
        check_site_name(site)?;
        *self = BucketKeys {
            site: site.into(),
            recent: Default::default(),
        };
        Ok(())
    }

    /// The buckets are looked up again before they are used, by whatever site.
    pub fn let_go(&self) {
        let places = self.recent.iter().flatten().flatten();
        places.for_each(|place| place.hold.release());
    }

    /// Time zone or retention have changed.
    pub fn forget(&mut self) {
        self.recent = Default::default();
    }

    #[inline]
    pub fn place(
        &mut self,
        settings: &Settings,
        granularity: Granularity,
        time: i64,
    ) -> Option<Rc<Place>> {
        let [last, other] = self.recent.get_mut(granularity.index())?;
        if let Some(place) = last.as_ref().filter(|place| place.period.contains(time)) {
            return Some(Rc::clone(place));
        }
        std::mem::swap(last, other);
        if let Some(place) = last.as_ref().filter(|place| place.period.contains(time)) {
            return Some(Rc::clone(place));
        }
        let place = Rc::new(Place::new(&self.site, settings, granularity, time)?);
        *last = Some(Rc::clone(&place));
        Some(place)
    }

    pub fn bytes(&self) -> usize {
        let name = size_of::<usize>() * 2 + self.site.len() + 40;
        let place = allocated(size_of::<Place>() + 2 * size_of::<usize>()) + allocated(name);
        let places = self.recent.iter().flatten().flatten();
        allocated(self.site.len())
            + places
                .map(|it| place + it.slots.heap_bytes())
                .sum::<usize>()
    }
}

/// The refusal of a bucket that does not hold the period of its name.
pub fn renamed(name: &[u8]) -> Error {
    Error::new(format!(
        "bucket '{}' holds another period: it was renamed, or made under another time zone; delete \
         it to go on",
        shown(name)
    ))
}
