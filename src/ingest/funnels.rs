//! The funnels of the events of one command: finds the partitions of their users and the buckets in which their
//! attempts began, takes note of each event, and adds what it changes to those buckets.

use super::apply::apply_to_beginnings;
use super::directory::SiteDirectory;
use super::partitions::UsedPartitions;
use super::visits::{DirectVisits, RunningCommand};
use crate::api::guard::WriteGuard;
use analytics_core::apply::{Beginnings, FunnelBatch, FunnelEvent};
use analytics_core::event::Batch;
use analytics_core::people::People;
use analytics_core::schema::Settings;
use analytics_core::visitors::Visitor;

#[derive(Default)]
pub struct DirectFunnels<'c> {
    /// In the order of the events.
    attempting: Vec<MatchedEvent<'c>>,
    batch: FunnelBatch,
}

/// An event that is something to a funnel.
#[derive(Clone, Copy)]
struct MatchedEvent<'c> {
    /// The number of the event.
    event: usize,
    /// The place of the funnel among those of the site.
    funnel: usize,
    visitor: Visitor,
    attempting: FunnelEvent<'c>,
}

impl<'c> DirectFunnels<'c> {
    /// Keeps the memory for another command.
    pub fn clear(&mut self) {
        self.attempting.clear();
        self.batch.clear();
    }

    /// Finds the partitions of the users of all events that are something to a funnel. Looks at no key.
    pub fn find_partitions(
        &mut self,
        directory: &mut SiteDirectory,
        partitions: &mut UsedPartitions,
        settings: &Settings,
        batch: &Batch<'c>,
        command: RunningCommand,
    ) {
        let (Some(people), Some((funnels, seed))) = (&settings.people, settings.funnels()) else {
            return;
        };
        for (number, event) in batch.events.iter().enumerate() {
            for (place, funnel) in funnels.list().iter().enumerate() {
                let Some(attempting) = FunnelEvent::of(funnel, seed, event, batch) else {
                    continue;
                };
                let visitor = people.visitor(event.user);
                let partition = people.partition_of(visitor);
                if directory.begin::<People>(partition, command.number, command.clock.now) {
                    partitions.push(partition);
                }
                self.attempting.push(MatchedEvent {
                    event: number,
                    funnel: place,
                    visitor,
                    attempting,
                });
            }
        }
    }

    /// Finds the buckets of all attempts that events may raise: those under way, and those that they begin.
    pub fn find_beginnings(
        &self,
        guard: &WriteGuard,
        directory: &mut SiteDirectory,
        settings: &Settings,
        visits: &mut DirectVisits,
        command: RunningCommand,
    ) {
        let (Some(people), Some((funnels, _))) = (&settings.people, settings.funnels()) else {
            return;
        };
        for given in &self.attempting {
            let Some(funnel) = funnels.list().get(given.funnel) else {
                continue;
            };
            let partition = directory.people.get(people.partition_of(given.visitor));
            let partition = partition.and_then(|it| it.partition(guard));
            let progress = partition.and_then(|it| it.funnel(funnel.tag()));
            let terms = people.funnel_terms(funnel);
            let under_way = progress.map(|it| it.beginnings(given.visitor, &terms));
            let begins = given.attempting.begins();
            let times = under_way.into_iter().flatten().flatten().chain(begins);
            times.for_each(|time| visits.use_path(directory, settings, time, command));
        }
    }

    /// Takes note of the event of this number, which counts. Returns whether it was too late for a funnel.
    #[inline]
    pub fn observe(
        &mut self,
        guard: &WriteGuard,
        directory: &mut SiteDirectory,
        settings: &Settings,
        visits: &DirectVisits,
        number: usize,
        command: RunningCommand,
    ) -> bool {
        if self.attempting.is_empty() {
            return false;
        }
        let first = self.attempting.partition_point(|it| it.event < number);
        let mut is_late = false;
        for place in first..self.attempting.len() {
            match self.attempting.get(place).copied() {
                Some(given) if given.event == number => {
                    is_late |=
                        self.observe_one(guard, directory, settings, visits, &given, command);
                }
                _ => break,
            }
        }
        is_late
    }

    fn observe_one(
        &mut self,
        guard: &WriteGuard,
        directory: &mut SiteDirectory,
        settings: &Settings,
        visits: &DirectVisits,
        given: &MatchedEvent<'c>,
        command: RunningCommand,
    ) -> bool {
        let (Some(people), Some((funnels, seed))) = (&settings.people, settings.funnels()) else {
            return false;
        };
        let number = people.partition_of(given.visitor);
        let partition = directory.people.get_mut(number);
        let (Some(partition), Some(funnel)) = (partition, funnels.list().get(given.funnel)) else {
            return false;
        };
        let (moment, terms) = (&given.attempting.moment, people.funnel_terms(funnel));
        let clock = command.clock.of_event(moment.time);
        let contents = partition.partition_mut(guard, People::default);
        let Some(progress) = contents.funnel_mut(&terms, |tag| funnels.has(tag)) else {
            return false;
        };
        let observed = progress.observe(given.visitor, moment, clock, &terms);
        if observed.is_changed {
            let expiry = contents.new_expiry(moment.time, clock, people.kept());
            partition.changed(guard, expiry);
        }
        let all = (funnels, seed);
        self.batch
            .add(all, given.funnel, &given.attempting, &observed, |time| {
                visits.path_of(directory, settings, time, command)
            });
        observed.is_late
    }

    /// Adds what has changed to the buckets in which attempts began.
    pub fn apply(
        &mut self,
        guard: &WriteGuard,
        directory: &mut SiteDirectory,
        visits: &DirectVisits,
        capacity: usize,
    ) {
        let buckets = (visits.used(), &mut directory.buckets[..]);
        let buckets_of = |path| visits.buckets_of(path);
        apply_to_beginnings(&mut self.batch, guard, buckets, buckets_of, capacity);
    }
}
