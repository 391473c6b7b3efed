//! Which buckets an event comes too late for.

use super::origin::Origin;

/// The clock by which lateness is decided.
///
/// An AOF is treated as a master is: a bucket that is over by now is built again, for what follows in
/// the file may prolong it. If nothing does, Redis lets it expire.
#[derive(Debug, Clone, Copy)]
pub struct LatenessClock {
    /// None: a master has found that the events reach every granularity.
    pub clock: Option<i64>,
    pub now: i64,
}

impl LatenessClock {
    /// `clock`: the one that came with the events.
    pub fn new(origin: Origin, now: i64, clock: Option<i64>) -> LatenessClock {
        match origin {
            // A clock that a client gives can make events late, but not bring back what is over.
            Origin::Client => LatenessClock {
                clock: Some(clock.unwrap_or(now).max(now)),
                now,
            },
            Origin::Master => LatenessClock { clock, now },
        }
    }

    /// Whether an event is in time for a bucket with this expiry.
    #[inline]
    pub fn reaches(&self, expiry: i64) -> bool {
        self.clock.is_none_or(|clock| expiry > clock)
    }
}
