//! A partition: what is remembered of the users whose hashes begin with the same bits.

use super::identities::{Identities, Noted, Terms};
use crate::funnel::{self, Progress};
use crate::memory::allocated;
use crate::time::{DayNumber, DAY};
use crate::visitors::Visitor;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// Where the site remembers who was there before.
    pub(super) identities: Option<Identities>,
    /// How far they are in funnels, in no order.
    pub(super) funnels: Vec<Progress>,
    /// When its key expires.
    pub(super) expiry: i64,
}

/// The expiry of a key is put off by so much more than is necessary, so that this is rare.
const AHEAD: i64 = 7 * DAY;

impl People {
    pub fn expiry(&self) -> i64 {
        self.expiry
    }

    pub fn set_expiry(&mut self, expiry: i64) {
        self.expiry = expiry;
    }

    /// When the key has to expire after something of this time, which is remembered for so long: None where
    /// the expiry that it has is late enough. `clock`: the time by which it was accepted.
    #[inline]
    pub fn new_expiry(&self, time: i64, clock: i64, kept: i64) -> Option<i64> {
        let needed = time.max(clock).saturating_add(kept);
        (needed > self.expiry).then(|| needed.saturating_add(AHEAD))
    }

    /// Who is remembered under these terms.
    pub fn identities(&self, terms: &Terms) -> Option<&Identities> {
        self.identities.as_ref().filter(|it| it.is_of(terms))
    }

    /// Takes note of an event of this day.
    #[inline]
    pub fn observe(&mut self, visitor: Visitor, day: DayNumber, terms: &Terms) -> Noted {
        self.identities_mut(day, terms).observe(visitor, day, terms)
    }

    /// Remembers a user from elsewhere, by the first day and one of the last ones with an event.
    pub fn remember(
        &mut self,
        visitor: Visitor,
        days: (DayNumber, DayNumber),
        terms: &Terms,
    ) -> bool {
        self.identities_mut(days.1, terms)
            .remember(visitor, days, terms)
    }

    /// Removes all that is remembered of a user. False where it is nothing.
    pub fn forget(&mut self, visitor: Visitor, terms: &Terms) -> bool {
        let identities = self.identities.as_mut().filter(|it| it.is_of(terms));
        identities.is_some_and(|it| it.forget(visitor, terms))
    }

    /// How far users are in a funnel.
    #[inline]
    pub fn funnel(&self, tag: u64) -> Option<&Progress> {
        self.funnels.iter().find(|it| it.tag() == tag)
    }

    /// The same, for writing. Where it is new, all that the site does not count any more is dropped:
    /// `is_current`.
    #[inline]
    pub fn funnel_mut(
        &mut self,
        terms: &funnel::Terms,
        is_current: impl Fn(u64) -> bool,
    ) -> Option<&mut Progress> {
        let found = self.funnels.iter().position(|it| it.tag() == terms.tag);
        let at = found.unwrap_or_else(|| {
            self.funnels.retain(|it| is_current(it.tag()));
            self.funnels.reserve_exact(1);
            self.funnels.push(Progress::new(terms));
            self.funnels.len() - 1
        });
        self.funnels.get_mut(at)
    }

    /// Removes how far a user is in a funnel. False where there is nothing.
    pub fn forget_in_funnel(&mut self, visitor: Visitor, terms: &funnel::Terms) -> bool {
        let mut funnels = self.funnels.iter_mut();
        let progress = funnels.find(|it| it.tag() == terms.tag);
        progress.is_some_and(|it| it.forget(visitor, terms))
    }

    /// Those under these terms: others are dropped.
    #[inline]
    fn identities_mut(&mut self, day: DayNumber, terms: &Terms) -> &mut Identities {
        let identities = self
            .identities
            .get_or_insert_with(|| Identities::new(terms, day));
        if !identities.is_of(terms) {
            *identities = Identities::new(terms, day);
        }
        identities
    }

    /// About the number of its allocations.
    pub fn parts(&self) -> usize {
        let funnels: usize = self.funnels.iter().map(Progress::parts).sum();
        1 + usize::from(self.identities.is_some()) + funnels
    }

    /// What it occupies, itself not included.
    pub fn heap_bytes(&self) -> usize {
        let funnels: usize = self.funnels.iter().map(Progress::heap_bytes).sum();
        self.identities.as_ref().map_or(0, Identities::heap_bytes)
            + allocated(self.funnels.capacity() * size_of::<Progress>())
            + funnels
    }
}
