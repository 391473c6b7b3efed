//! When something that recurs is due: instants that follow from the interval and the site's name alone,
//! without a record of the last time. Sites are spread over the interval; what one site has of the
//! same pace is due together, so that it is answered from buckets that were opened once.

use crate::hash::hash;
use crate::time::Duration;

#[derive(Debug, Clone, Copy)]
pub struct Pace {
    every: i64,
    phase: i64,
}

impl Pace {
    /// None for a length that is not fixed.
    pub fn new(every: Duration, site: &[u8]) -> Option<Pace> {
        let every = every.as_millis()?;
        let phase = i64::try_from(hash(site).checked_rem(u64::try_from(every).ok()?)?).ok()?;
        Some(Pace { every, phase })
    }

    /// The first instant after this one at which it is due.
    pub fn next(self, after: i64) -> i64 {
        let elapsed = after.saturating_sub(self.phase).rem_euclid(self.every);
        after.saturating_add(self.every - elapsed)
    }

    /// The last instant up to this one at which it was due.
    pub fn last(self, until: i64) -> i64 {
        let elapsed = until.saturating_sub(self.phase).rem_euclid(self.every);
        until.saturating_sub(elapsed)
    }

    /// Whether it became due after `since`, up to and with `now`.
    pub fn is_due(self, since: i64, now: i64) -> bool {
        self.next(since) <= now
    }
}
