//! Remembers users from a list (`SEED`), and counts no event.

use super::partitions::{Partitions, UsedPartitions};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::string::StringRef;
use crate::store::cluster;
use analytics_core::people::{People, Terms};
use analytics_core::schema;
use analytics_core::time::DayNumber;
use analytics_core::visitors::Visitor;

/// A user, the first day with an event, and one of the last.
pub type Remembered = (Visitor, (DayNumber, DayNumber));

/// The partitions of users that are to be remembered.
pub struct Remembering<'s> {
    people: &'s schema::People,
    partitions: Partitions<People>,
    used: UsedPartitions,
    now: i64,
}

/// They are used by one command.
const COMMAND: u64 = 1;

impl<'s> Remembering<'s> {
    /// Opens the partitions of these users. Changes nothing.
    pub fn open(
        ctx: Ctx,
        guard: &mut WriteGuard,
        site: StringRef,
        people: &'s schema::People,
        users: &[Remembered],
    ) -> Outcome<Remembering<'s>> {
        let mut all = Remembering {
            people,
            partitions: Partitions::default(),
            used: UsedPartitions::default(),
            now: ctx.now(),
        };
        for (visitor, _) in users {
            let number = people.partition_of(*visitor);
            if all.partitions.begin(site.bytes(), number, COMMAND, all.now) {
                all.used.push(number);
            }
        }
        all.used.open(ctx, guard, &mut all.partitions, all.now)?;
        if let Some(missing) = all.used.missing(guard, &all.partitions) {
            cluster::refuse_if_key_is_elsewhere(ctx, guard, site, missing)?;
        }
        Ok(all)
    }

    /// Remembers them by this clock; returns of how many something changed. No foreign code runs.
    pub fn remember(
        &mut self,
        guard: &WriteGuard,
        users: &[Remembered],
        terms: &Terms,
        clock: i64,
    ) -> usize {
        let mut changed = 0;
        for (visitor, days) in users {
            let number = self.people.partition_of(*visitor);
            let Some(partition) = self.partitions.get_mut(number) else {
                continue;
            };
            let contents = partition.partition_mut(guard, People::default);
            if contents.remember(*visitor, *days, terms) {
                let expiry = contents.new_expiry(clock, clock, self.people.kept());
                partition.changed(guard, expiry);
                changed += 1;
            }
        }
        changed
    }

    /// Gives new partitions their keys, and signals those that have changed.
    pub fn publish(mut self, ctx: Ctx, guard: &mut WriteGuard) {
        self.used
            .publish(ctx, guard, &mut self.partitions, self.now);
    }
}
