//! A bucket of a site's directory: its key, its period and expiry, and the handle on its value.

use super::open_bucket::OpenBucket;
use crate::api::string::{OwnedString, StringRef};
use crate::store::containment::ContainmentRecord;
use crate::store::handle::Handle;
use analytics_core::apply::Span;
use analytics_core::bucket::Bucket;
use analytics_core::schema::keys::BucketName;
use analytics_core::schema::Settings;
use analytics_core::time::{Granularity, Period, Slots};

pub struct BucketRef {
    pub period: Period,
    pub expiry: i64,
    pub handle: Handle<Bucket>,
    /// Of the handle.
    pub containment: ContainmentRecord,
    /// The state of the present command.
    pub open: OpenBucket,
    pub(super) slots: Slots,
    pub(super) name: OwnedString,
}

impl BucketRef {
    /// None when the site does not keep this granularity.
    pub fn new(site: &[u8], settings: &Settings, period: Period) -> Option<BucketRef> {
        let expiry = settings.retention.expiry(&period, &settings.zone)?;
        let name = BucketName::new(site, period.granularity(), &period.label());
        Some(BucketRef {
            slots: period.slots(&settings.zone),
            expiry,
            handle: Handle::default(),
            containment: ContainmentRecord::default(),
            open: OpenBucket::default(),
            name: OwnedString::new(name.bytes()),
            period,
        })
    }

    #[inline]
    pub fn granularity(&self) -> Granularity {
        self.period.granularity()
    }

    pub fn name(&self) -> StringRef<'_> {
        self.name.get()
    }

    /// The slot of the bucket in which an event of this time counts.
    #[inline]
    pub fn slot(&self, time: i64) -> u8 {
        self.slots.of(time)
    }

    /// The slot of all events of these times, if it is one slot.
    pub fn common_slot(&self, span: Span) -> Option<u8> {
        let slot = self.slot(span.first);
        (slot == self.slot(span.last)).then_some(slot)
    }
}
