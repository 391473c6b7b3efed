//! The people of waiting events. Partitions take note of an event when it comes; whether its user is new is
//! counted with the event, and waits with it.

use redis_module::raw::RedisModuleString;

use super::lateness::LatenessClock;
use super::partitions::Partitions;
use super::path_cache::PathCache;
use analytics_core::event::Event;
use analytics_core::people::{Noted, People, Seen};
use analytics_core::schema::{self, Funnels};
use analytics_core::time::DayNumber;
use analytics_core::visitors::{Seed, Visitor};

/// What is counted of the user of an event, and whether the event is of a day before the last one of the user.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observed {
    pub seen: Option<Seen>,
    pub is_late: bool,
}

impl From<Noted> for Observed {
    #[inline]
    fn from(noted: Noted) -> Observed {
        Observed {
            seen: match noted {
                Noted::Seen(seen) => Some(seen),
                Noted::Nothing | Noted::Late => None,
            },
            is_late: noted == Noted::Late,
        }
    }
}

/// Where the people of a site are.
pub struct PeoplePlace<'p> {
    pub people: &'p schema::People,
    pub partitions: &'p mut Partitions<People>,
    /// Those of the beginnings of attempts.
    pub paths: &'p PathCache,
}

impl<'p> PeoplePlace<'p> {
    /// The funnels of the site, and the seed that users and values are hashed with.
    #[inline]
    pub fn funnels(&self) -> Option<(&'p Funnels, Seed)> {
        let funnels = self.people.funnels();
        (!funnels.is_empty()).then(|| (funnels, self.people.seed()))
    }

    /// Who an event is of.
    #[inline]
    pub fn visitor(&self, event: &Event) -> Visitor {
        self.people.visitor(event.user)
    }

    /// The partition of a user, and its key.
    #[inline]
    pub fn find(
        &mut self,
        visitor: Visitor,
        now: i64,
    ) -> Option<(&mut People, *mut RedisModuleString)> {
        let number = self.people.partition_of(visitor);
        // SAFETY: no other reference to a partition is alive while a call is checked or added.
        unsafe { self.partitions.find(number, now) }
    }

    /// Whether an event of this time and user may wait: there is a handle on the partition, whose expiry stays.
    #[inline]
    pub fn accepts(&mut self, visitor: Visitor, time: i64, clock: LatenessClock) -> bool {
        let kept = self.people.kept();
        let by = clock.of_event(time);
        self.find(visitor, clock.now)
            .is_some_and(|(people, _)| people.new_expiry(time, by, kept).is_none())
    }

    /// Takes note of an accepted event of this day. Returns the key of its partition, too, where something
    /// changed.
    #[inline]
    pub fn add(
        &mut self,
        visitor: Visitor,
        day: DayNumber,
        now: i64,
    ) -> (Observed, Option<*mut RedisModuleString>) {
        let Some(terms) = self.people.terms() else {
            return Default::default();
        };
        let Some((people, name)) = self.find(visitor, now) else {
            return Default::default();
        };
        let observed = Observed::from(people.observe(visitor, day, &terms));
        (observed, observed.seen.map(|_| name))
    }
}
