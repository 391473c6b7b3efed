//! The people of events: finds the partitions of their users, and takes note of each event. Whether a user
//! is new is counted with the event.

use super::directory::SiteDirectory;
use super::partitions::UsedPartitions;
use super::pending_people::Observed;
use super::visits::RunningCommand;
use crate::api::guard::WriteGuard;
use analytics_core::event::Batch;
use analytics_core::people::People;
use analytics_core::schema::{self, Settings};
use analytics_core::time::DayNumber;
use analytics_core::visitors::Visitor;

/// The people of the events of one command.
#[derive(Default)]
pub struct DirectPeople {
    pub partitions: UsedPartitions,
    /// Of every event; empty where the site remembers nobody.
    visitors: Vec<Visitor>,
}

impl DirectPeople {
    /// Keeps the memory for another command.
    pub fn clear(&mut self) {
        self.partitions.clear();
        self.visitors.clear();
    }

    /// Finds the partitions of all users. Looks at no key.
    pub fn find_partitions(
        &mut self,
        directory: &mut SiteDirectory,
        people: &schema::People,
        batch: &Batch,
        command: RunningCommand,
    ) {
        if people.returning().is_none() {
            return;
        }
        for event in &batch.events {
            let visitor = people.visitor(event.user);
            self.visitors.push(visitor);
            let number = people.partition_of(visitor);
            if directory.begin::<People>(number, command.number, command.clock.now) {
                self.partitions.push(number);
            }
        }
    }

    /// Takes note of the event of this number, which counts, on this day.
    #[inline]
    pub fn observe(
        &mut self,
        guard: &WriteGuard,
        directory: &mut SiteDirectory,
        settings: &Settings,
        number: usize,
        (time, day): (i64, DayNumber),
        command: RunningCommand,
    ) -> Observed {
        let (people, visitor) = (settings.people.as_deref(), self.visitors.get(number));
        let (Some(people), Some(visitor)) = (people, visitor) else {
            return Observed::default();
        };
        let Some(terms) = people.terms() else {
            return Observed::default();
        };
        let number = people.partition_of(*visitor);
        let Some(partition) = directory.people.get_mut(number) else {
            return Observed::default();
        };
        let contents = partition.partition_mut(guard, People::default);
        let observed = Observed::from(contents.observe(*visitor, day, &terms));
        if observed.seen.is_some() {
            let clock = command.clock.of_event(time);
            let expiry = contents.new_expiry(time, clock, people.kept());
            partition.changed(guard, expiry);
        }
        observed
    }
}
