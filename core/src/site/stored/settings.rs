//! The settings of a site, as they are stored. They are read as the changes that `ANALYTICS.CREATE`
//! would make, in its order.

use super::bounded::{Bytes, List};
use crate::codec::corrupt;
use crate::error::{Corrupt, Error};
use crate::schema::limits::{
    CUBES_PER_SITE, CUBE_NAME, DIMENSIONS_PER_SITE, FORGOTTEN_PER_SITE, NAME, VALUES_PER_SITE,
};
use crate::schema::options::{check_capacity, check_ids, check_log_entries, Rows};
use crate::schema::{cube_parts, dimension_name, value_name, Change, Settings, Undeclared};
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
    /// The place of the mode in `Undeclared::ALL`.
    pub undeclared: u8,
    pub event_users: bool,
    pub event_capacity: u64,
    pub log_entries: u64,
    pub log_age: Option<StoredDuration>,
    pub log_users: bool,
    pub dimensions: List<StoredRows<'a, NAME>, DIMENSIONS_PER_SITE>,
    pub cubes: List<StoredRows<'a, CUBE_NAME>, CUBES_PER_SITE>,
    pub values: List<Bytes<'a, NAME>, VALUES_PER_SITE>,
    pub learned_dimensions: List<Bytes<'a, NAME>, DIMENSIONS_PER_SITE>,
    pub learned_values: List<Bytes<'a, NAME>, VALUES_PER_SITE>,
    /// In order.
    pub forgotten: List<Bytes<'a, NAME>, FORGOTTEN_PER_SITE>,
}

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
    /// 0: the capacity of the site.
    pub capacity: u64,
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
            undeclared: settings.undeclared as u8,
            event_users: settings.event_users(),
            event_capacity: settings.event_capacity().into(),
            log_entries: settings.log.entries,
            log_age: settings.log.age.map(StoredDuration::of),
            log_users: settings.log.users,
            dimensions: declared
                .iter()
                .map(|it| StoredRows::of(&it.name, it.users, it.capacity))
                .collect(),
            cubes: settings
                .cubes()
                .iter()
                .map(|it| StoredRows::of(&it.name, it.users, it.capacity))
                .collect(),
            values: names(declared_values.iter().map(|it| &it.name)),
            learned_dimensions: sorted(learned.iter().map(|it| &it.name)),
            learned_values: sorted(learned_values.iter().map(|it| &it.name)),
            forgotten: names(settings.forgotten().iter()),
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
        let age = self.log_age.map(StoredDuration::checked).transpose()?;
        change(Change::Log { entries, age }, "log entries")?;
        change(Change::LogUsers(self.log_users), "log users")?;
        let event = Change::Dimension(Rows {
            name: Name::new(b"event"),
            users: self.event_users,
            capacity: own_capacity(self.event_capacity)?,
        });
        change(event, "users by event")?;
        for it in self.dimensions {
            let name = dimension_name(it.name.get()).map_err(refused("dimension"))?;
            let (users, capacity) = (it.users, own_capacity(it.capacity)?);
            let rows = Rows {
                name,
                users,
                capacity,
            };
            change(Change::Dimension(rows), "dimension")?;
        }
        for it in self.cubes {
            let parts = cube_parts(it.name.get()).map_err(refused("cube"))?;
            let (users, capacity) = (it.users, own_capacity(it.capacity)?);
            let cube = Change::Cube {
                parts,
                users,
                capacity,
            };
            change(cube, "cube")?;
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
        let undeclared = Undeclared::ALL.get(usize::from(self.undeclared));
        settings.undeclared = *undeclared.ok_or(corrupt("undeclared", "no mode"))?;
        for name in self.forgotten {
            let name = dimension_name(name.get()).map_err(refused("forgotten dimension"))?;
            let is_there = settings.dimension(name.text()).is_some()
                || settings.has_forgotten(name.bytes())
                || name.bytes() == b"event";
            if is_there {
                return Err(corrupt("forgotten dimension", "one that the site has"));
            }
            let added = settings.add_forgotten(&name);
            added.map_err(refused("forgotten dimension"))?;
        }
        settings.since = self.since.map(|since| since.unwrap_or(i64::MIN));
        settings.finish().map_err(refused("retention"))?;
        Ok(settings)
    }
}

const REFUSED: &str = "not what a command accepts";

/// That of a dimension or a cube: 0 for none.
fn own_capacity(stored: u64) -> Result<u32, Corrupt> {
    match stored {
        0 => Ok(0),
        rows => check_capacity(rows)
            .map(|rows| rows as u32)
            .map_err(refused("capacity")),
    }
}

pub fn refused(field: &'static str) -> impl Fn(Error) -> Corrupt {
    move |_| corrupt(field, REFUSED)
}

impl<'a, const MOST: usize> StoredRows<'a, MOST> {
    fn of(name: &'a Name, users: bool, capacity: u32) -> StoredRows<'a, MOST> {
        StoredRows {
            name: name.bytes().into(),
            users,
            capacity: capacity.into(),
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
        duration.ok_or(corrupt("length of time", "out of range"))
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
