//! Changes of settings, as `ANALYTICS.CREATE` and `ANALYTICS.ALTER` make them: all or none.

use super::declare::keeps_users;
use super::Settings;
use crate::error::{shown, Error, Result};
use crate::schema::options::{Change, Rows};
use crate::schema::people::{GivenReturning, People};
use crate::schema::visits::{GivenVisits, Visits, ENTRY, EXIT, FROM};
use crate::text::{Name, Text};
use crate::time::Granularity;

impl Settings {
    /// The settings with these changes. `counted`: whether the site has counted events, by the
    /// clock `now`.
    pub fn with(&self, changes: &[Change], counted: bool, now: i64) -> Result<Settings> {
        let mut settings = self.clone();
        for change in changes {
            settings.change(change, counted, now)?;
        }
        settings.finish()?;
        Ok(settings)
    }

    /// With other people that it remembers.
    pub fn with_people(&self, people: Option<People>) -> Result<Settings> {
        let mut settings = self.clone();
        settings.people = people.map(Box::new);
        settings.finish()?;
        Ok(settings)
    }

    /// To be called when all changes are made: refuses settings that contradict each other.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.retention.check()?;
        let mut coarse = Granularity::ALL.into_iter().skip(1);
        let has_coarse = coarse.any(|granularity| self.retention.get(granularity).is_some());
        if self.funnels().is_some() && !has_coarse {
            return Err(Error::new(
                "funnels are counted in hours, days, weeks and months: RETENTION must leave one of these on",
            ));
        }
        let Some(visits) = &mut self.visits else {
            return Ok(());
        };
        let mut counted = visits.path().into_iter().chain(visits.by());
        let is_there = |name: &&Name| {
            name.bytes() == b"event" || self.dimensions.iter().any(|it| it.name == **name)
        };
        if let Some(name) = counted.find(|name| !is_there(name)) {
            return Err(Error::new(format!(
                "VISITS are counted by '{}': change VISITS first",
                shown(name.bytes())
            )));
        }
        if !has_coarse {
            return Err(Error::new(
                "VISITS are counted in hours, days, weeks and months: RETENTION must leave one of these on",
            ));
        }
        for dimension in self.dimensions.iter().filter(|_| visits.path().is_some()) {
            let name = dimension.name.bytes();
            if [ENTRY, EXIT].contains(&name) || name == FROM && !dimension.declared {
                return Err(derived(name));
            }
        }
        let mut names = self.dimensions.iter().map(|it| it.name.bytes());
        visits.set_counts_from(names.any(|name| name == FROM));
        Ok(())
    }

    /// Refuses dimensions that the site derives itself.
    pub(crate) fn check_derived(&self, dimensions: &[(Text, Text)]) -> Result<()> {
        let visits = self.visits.as_ref();
        if visits.is_none_or(|visits| visits.path().is_none()) {
            return Ok(());
        }
        let is_derived = |name: &[u8]| [ENTRY, EXIT, FROM].contains(&name);
        match dimensions.iter().find(|(name, _)| is_derived(name.bytes)) {
            Some((name, _)) => Err(derived(name.bytes)),
            None => Ok(()),
        }
    }

    fn set_visits(&mut self, given: &Option<GivenVisits>, counted: bool) -> Result<()> {
        let Some(given) = given else {
            self.visits = None;
            return Ok(());
        };
        let visits = Visits::new(given)?;
        for name in visits.path().into_iter().chain(visits.by()) {
            if !self.declares(name) {
                let known = self.dimension(name.text());
                let rows = Rows {
                    name: name.clone(),
                    users: known.is_none_or(|known| known.users),
                    capacity: known.map_or(0, |known| known.capacity),
                };
                self.declare_dimension(&rows, counted)?;
            }
        }
        self.visits = Some(Box::new(visits));
        Ok(())
    }

    /// `now`: when all events from then on are taken note of.
    fn set_returning(
        &mut self,
        given: &Option<GivenReturning>,
        counted: bool,
        now: i64,
    ) -> Result<()> {
        let since = if counted { now } else { i64::MIN };
        let people = given.as_ref().map(|given| {
            People::with_returning(self.people.as_deref(), given, (since, now)).map(Box::new)
        });
        let without = || self.people.as_ref()?.without_returning().map(Box::new);
        self.people = match people.transpose()? {
            Some(people) => Some(people),
            None => without(),
        };
        Ok(())
    }

    /// One of the changes of `with`, which checks at the end that some granularity is kept.
    pub(crate) fn change(&mut self, change: &Change, counted: bool, now: i64) -> Result<()> {
        match change {
            Change::Zone(zone) if counted && *zone != self.zone => Err(Error::new(format!(
                "TZ is fixed once the first event is in: the days of this site are those of {}",
                self.zone.name()
            ))),
            Change::Zone(zone) => {
                self.zone = zone.clone();
                Ok(())
            }
            Change::Retention(granularity, kept) => {
                // A longer retention does not restore what has expired or was never kept.
                let complete = match self.retention.kept_from(*granularity, now, &self.zone) {
                    _ if !counted => i64::MIN,
                    Some(kept_from) => kept_from,
                    None => now,
                };
                if let Some(since) = self.since.get_mut(granularity.index()) {
                    *since = complete.max(*since);
                }
                self.retention.set(*granularity, *kept)
            }
            Change::Undeclared(undeclared) => {
                self.undeclared = *undeclared;
                Ok(())
            }
            Change::Capacity(rows) => {
                self.capacity = *rows;
                Ok(())
            }
            Change::Ids(most) => {
                self.ids = *most;
                Ok(())
            }
            Change::Log { entries, age } => {
                (self.log.entries, self.log.age) = (*entries, *age);
                Ok(())
            }
            Change::LogUsers(users) => {
                self.log.users = *users;
                Ok(())
            }
            Change::Visits(given) => self.set_visits(given, counted),
            Change::Returning(given) => self.set_returning(given, counted, now),
            Change::Dimension(Rows {
                name,
                users,
                capacity,
            }) if name.bytes() == b"event" => {
                keeps_users("event", self.event_users, *users, counted)?;
                (self.event_users, self.event_capacity) = (*users, *capacity);
                Ok(())
            }
            Change::Dimension(rows) => self.declare_dimension(rows, counted),
            Change::Cube {
                parts,
                users,
                capacity,
            } => self.declare_cube(parts, *users, *capacity, counted),
            Change::Forget(name) => self.forget(name),
            Change::Value(name) => self.declare_value(name),
        }
    }
}

fn derived(name: &[u8]) -> Error {
    Error::new(format!(
        "dimension '{}' is derived from VISITS ... PATH on this site; name yours otherwise",
        shown(name)
    ))
}
