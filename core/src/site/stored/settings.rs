//! The settings of a site, as they are stored. They are read as the changes that `ANALYTICS.CREATE`
//! would make, in its order.

use super::bounded::{Bytes, List};
use crate::codec::corrupt;
use crate::error::{Corrupt, Error};
use crate::schema::limits::{CUBES_PER_SITE, DIMENSIONS_PER_SITE, NAME, VALUES_PER_SITE};
use crate::schema::options::{check_capacity, check_ids, check_log_entries, cube_parts};
use crate::schema::options::{dimension_name, value_name};
use crate::schema::{Change, Settings};
use crate::text::Name;
use crate::time::{Duration, Granularity, Retention, Zone};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct StoredSettings<'a> {
    #[serde(borrow)]
    pub zone: Bytes<'a, NAME>,
    /// None: the granularity is off.
    pub retention: [Option<StoredDuration>; Granularity::COUNT],
    /// None: complete from the beginning.
    pub since: [Option<i64>; Granularity::COUNT],
    pub capacity: u64,
    pub ids: u64,
    pub strict: bool,
    pub event_users: bool,
    pub log_entries: u64,
    pub log_users: bool,
    pub dimensions: List<StoredRows<'a, NAME>, DIMENSIONS_PER_SITE>,
    pub cubes: List<StoredRows<'a, CUBE>, CUBES_PER_SITE>,
    pub values: List<Bytes<'a, NAME>, VALUES_PER_SITE>,
    pub learned_dimensions: List<Bytes<'a, NAME>, DIMENSIONS_PER_SITE>,
    pub learned_values: List<Bytes<'a, NAME>, VALUES_PER_SITE>,
}

/// The names of three dimensions, and commas between them.
const CUBE: usize = 3 * NAME + 2;

#[derive(Serialize, Deserialize)]
pub enum StoredDuration {
    Millis(u64),
    Months(u32),
}

/// A declared dimension or cube.
#[derive(Serialize, Deserialize)]
pub struct StoredRows<'a, const MOST: usize> {
    #[serde(borrow)]
    pub name: Bytes<'a, MOST>,
    pub users: bool,
}

impl<'a> StoredSettings<'a> {
    pub fn of(settings: &'a Settings) -> StoredSettings<'a> {
        let dimensions = settings.dimensions().iter();
        let values = settings.values().iter();
        let (declared, learned): (Vec<_>, Vec<_>) = dimensions.partition(|it| it.declared);
        let (declared_values, learned_values): (Vec<_>, Vec<_>) =
            values.partition(|it| it.declared);
        StoredSettings {
            zone: settings.zone.name().as_bytes().into(),
            retention: Granularity::ALL.map(|granularity| {
                let kept = settings.retention.get(granularity)?;
                Some(StoredDuration::of(kept))
            }),
            since: settings
                .since
                .map(|since| (since != i64::MIN).then_some(since)),
            capacity: settings.capacity as u64,
            ids: settings.ids as u64,
            strict: settings.strict,
            event_users: settings.event_users(),
            log_entries: settings.log.entries,
            log_users: settings.log.users,
            dimensions: declared
                .iter()
                .map(|it| StoredRows::of(&it.name, it.users))
                .collect(),
            cubes: settings
                .cubes()
                .iter()
                .map(|it| StoredRows::of(&it.name, it.users))
                .collect(),
            values: names(declared_values.iter().map(|it| &it.name)),
            learned_dimensions: sorted(learned.iter().map(|it| &it.name)),
            learned_values: sorted(learned_values.iter().map(|it| &it.name)),
        }
    }

    pub fn checked(self) -> Result<Settings, Corrupt> {
        let zone =
            Zone::parse(self.zone.get()).map_err(|_| corrupt("time zone", "not one of IANA's"))?;
        let capacity = check_capacity(self.capacity).map_err(refused("capacity"))?;
        let mut settings = Settings::new(zone, Retention::default(), capacity);
        settings.ids = check_ids(self.ids).map_err(refused("ids"))?;
        let mut change = |change: Change, field| {
            settings
                .change(&change, false, 0)
                .map_err(|_| corrupt(field, REFUSED))
        };
        for (granularity, kept) in Granularity::ALL.into_iter().zip(self.retention) {
            let kept = kept.map(StoredDuration::checked).transpose()?;
            change(Change::Retention(granularity, kept), "retention")?;
        }
        let entries = check_log_entries(self.log_entries).map_err(refused("log entries"))?;
        change(Change::Log(entries), "log entries")?;
        change(Change::LogUsers(self.log_users), "log users")?;
        let event = Change::Dimension {
            name: Name::new(b"event"),
            users: self.event_users,
        };
        change(event, "users by event")?;
        for it in self.dimensions {
            let name = dimension_name(it.name.get()).map_err(refused("dimension"))?;
            let users = it.users;
            change(Change::Dimension { name, users }, "dimension")?;
        }
        for it in self.cubes {
            let parts = cube_parts(it.name.get()).map_err(refused("cube"))?;
            let users = it.users;
            change(Change::Cube { parts, users }, "cube")?;
        }
        for name in self.values {
            let name = value_name(name.get()).map_err(refused("value"))?;
            change(Change::Value(name), "value")?;
        }
        for name in self.learned_dimensions {
            let name = dimension_name(name.get()).map_err(refused("learned dimension"))?;
            let learned = settings.learn(&[(name.text(), name.text())], &[]);
            learned.map_err(refused("learned dimension"))?;
        }
        for name in self.learned_values {
            let name = value_name(name.get()).map_err(refused("learned value"))?;
            let learned = settings.learn(&[], &[(name.text(), 0.0)]);
            learned.map_err(refused("learned value"))?;
        }
        // After the names that were learned before the site became strict.
        settings.strict = self.strict;
        settings.since = self.since.map(|since| since.unwrap_or(i64::MIN));
        settings.retention.check().map_err(refused("retention"))?;
        Ok(settings)
    }
}

const REFUSED: &str = "not what a command accepts";

pub fn refused(field: &'static str) -> impl Fn(Error) -> Corrupt {
    move |_| corrupt(field, REFUSED)
}

impl<'a, const MOST: usize> StoredRows<'a, MOST> {
    fn of(name: &'a Name, users: bool) -> StoredRows<'a, MOST> {
        StoredRows {
            name: name.bytes().into(),
            users,
        }
    }
}

impl StoredDuration {
    fn of(duration: Duration) -> StoredDuration {
        match duration.as_months() {
            Some(months) => StoredDuration::Months(months.unsigned_abs()),
            None => StoredDuration::Millis(duration.as_millis().unwrap_or(0).unsigned_abs()),
        }
    }

    fn checked(self) -> Result<Duration, Corrupt> {
        let duration = match self {
            StoredDuration::Millis(millis) => {
                i64::try_from(millis).ok().and_then(Duration::of_millis)
            }
            StoredDuration::Months(months) => {
                i32::try_from(months).ok().and_then(Duration::of_months)
            }
        };
        duration.ok_or(corrupt("retention", "out of range"))
    }
}

fn names<'a, const MOST: usize>(
    names: impl Iterator<Item = &'a Name>,
) -> List<Bytes<'a, NAME>, MOST> {
    names.map(|name| name.bytes().into()).collect()
}

fn sorted<'a, const MOST: usize>(
    learned: impl Iterator<Item = &'a Name>,
) -> List<Bytes<'a, NAME>, MOST> {
    let mut learned: Vec<&Name> = learned.collect();
    learned.sort_unstable_by_key(|name| name.bytes());
    names(learned.into_iter())
}
