//! Events that count, but were too late for what is remembered of their users.

use crate::stats;
use crate::store::site_value::SiteValue;

/// How many were too late for visits, for people, and for funnels.
#[derive(Debug, Default)]
pub struct LateCounts {
    pub visits: u64,
    pub people: u64,
    pub funnels: u64,
}

impl LateCounts {
    #[inline]
    pub fn count(&self, site: &mut SiteValue) {
        if self.visits > 0 {
            site.dropped.late_for_visits += self.visits;
            stats::VISITS_LATE.add(self.visits);
        }
        if self.people > 0 {
            site.dropped.late_for_people += self.people;
            stats::PEOPLE_LATE.add(self.people);
        }
        if self.funnels > 0 {
            site.dropped.late_for_funnels += self.funnels;
            stats::FUNNELS_LATE.add(self.funnels);
        }
    }
}
