//! Which buckets an event is too late for.

use super::origin::Origin;

/// The clock by which lateness is decided.
///
/// An AOF is treated like a master: a bucket that has expired is built again, because a later command of
/// the file may prolong it. If none does, Redis lets it expire.
#[derive(Debug, Clone, Copy, Default)]
pub struct LatenessClock {
    /// None: the master has decided that the events are in time for every granularity.
    pub clock: Option<i64>,
    pub now: i64,
}

impl LatenessClock {
    /// `clock`: the one in the command, which a client's does not have.
    pub fn new(origin: Origin, now: i64, clock: Option<i64>) -> LatenessClock {
        let clock = match origin {
            Origin::Client => Some(now),
            Origin::Master => clock,
        };
        LatenessClock { clock, now }
    }

    /// When the events arrived at the master.
    pub fn arrival(&self) -> i64 {
        self.clock.unwrap_or(self.now)
    }

    /// The time by which it is decided what an event of this time does to its user.
    #[inline]
    pub fn of_event(&self, time: i64) -> i64 {
        self.clock.unwrap_or(time)
    }

    /// Whether an event is in time for a bucket with this expiry.
    #[inline]
    pub fn is_in_time_for(&self, expiry: i64) -> bool {
        self.clock.is_none_or(|clock| expiry > clock)
    }
}
