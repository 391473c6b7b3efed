//! The settings of a site: its time zone, the retention of each granularity, its dimensions, cubes and
//! values.

use crate::error::{shown, Error, Result};
use crate::memory::allocated;
use crate::schema::limits;
use crate::text::{Name, Text};
use crate::time::{Duration, Granularity, Retention, Zone};

use super::options::{Change, Rows};
use super::visits::{GivenVisits, Visits, ENTRY, EXIT, FROM};
use super::{Cube, RowKind};

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub zone: Zone,
    pub retention: Retention,
    /// A granularity that was switched on later is complete for the periods that start from then on.
    pub since: [i64; Granularity::COUNT],
    pub undeclared: Undeclared,
    /// Rows that a bucket keeps of each dimension.
    pub capacity: usize,
    /// How many ids of recent events are remembered at most.
    pub ids: usize,
    pub log: Log,
    /// What is counted of visits.
    pub visits: Option<Box<Visits>>,
    event_users: bool,
    event_capacity: u32,
    dimensions: Vec<Dimension>,
    cubes: Vec<Cube>,
    values: Vec<Value>,
    /// Dimensions that are not counted until they are declared again, in order. Few sites have any.
    forgotten: Box<[Name]>,
}

/// What becomes of dimensions and values that were not declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undeclared {
    /// The site has them from then on.
    #[default]
    Learn,
    /// They are left out, and the event counts without them.
    Ignore,
    /// The event is refused.
    Refuse,
}

impl Undeclared {
    pub const ALL: [Undeclared; 3] = [Undeclared::Learn, Undeclared::Ignore, Undeclared::Refuse];

    pub fn name(self) -> &'static str {
        match self {
            Undeclared::Learn => "learn",
            Undeclared::Ignore => "ignore",
            Undeclared::Refuse => "refuse",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    pub name: Name,
    /// Whether distinct users and sessions are counted for its values.
    pub users: bool,
    /// Declared by an option, and not learned from an event.
    pub declared: bool,
    /// Rows that a bucket keeps of it; 0 is as many as the site says.
    pub capacity: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub name: Name,
    pub declared: bool,
}

/// The event log of a site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Log {
    /// The least number of last events that the stream keeps; 0 is any number.
    pub entries: u64,
    /// How long it keeps them at least. Without a number and a length there is no log.
    pub age: Option<Duration>,
    /// Whether users, sessions and ids are written as they are, in place of their hashes.
    pub users: bool,
}

impl Log {
    pub fn is_on(&self) -> bool {
        self.entries > 0 || self.age.is_some()
    }
}

impl Settings {
    pub fn new(zone: Zone, retention: Retention, capacity: usize) -> Settings {
        Settings {
            zone,
            retention,
            since: [i64::MIN; Granularity::COUNT],
            undeclared: Undeclared::Learn,
            capacity,
            ids: limits::USUAL_IDS,
            log: Log::default(),
            visits: None,
            event_users: true,
            event_capacity: 0,
            dimensions: Vec::new(),
            cubes: Vec::new(),
            values: Vec::new(),
            forgotten: Box::default(),
        }
    }

    /// Whether dimensions and values that were not declared are refused.
    pub fn is_strict(&self) -> bool {
        self.undeclared == Undeclared::Refuse
    }

    /// The rows that a bucket keeps of the types of events; 0 is as many as the site says.
    pub fn event_capacity(&self) -> u32 {
        self.event_capacity
    }

    /// The dimensions that are not counted until they are declared again.
    pub fn forgotten(&self) -> &[Name] {
        &self.forgotten
    }

    pub fn has_forgotten(&self, name: &[u8]) -> bool {
        self.forgotten.iter().any(|it| it.bytes() == name)
    }

    /// Whether events may have names that are left out.
    #[inline]
    pub fn ignores_names(&self) -> bool {
        match self.undeclared {
            Undeclared::Learn => !self.forgotten.is_empty(),
            Undeclared::Ignore => true,
            Undeclared::Refuse => false,
        }
    }

    /// Whether a dimension of an event is left out.
    pub fn ignores_dimension(&self, name: Text) -> bool {
        match self.undeclared {
            Undeclared::Ignore => self.dimension(name).is_none(),
            Undeclared::Learn => self.has_forgotten(name.bytes),
            Undeclared::Refuse => false,
        }
    }

    pub fn ignores_value(&self, name: Text) -> bool {
        self.undeclared == Undeclared::Ignore && !self.has_value(name)
    }

    /// Whether distinct users are counted for each type of event.
    pub fn event_users(&self) -> bool {
        self.event_users
    }

    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    pub fn cubes(&self) -> &[Cube] {
        &self.cubes
    }

    pub fn values(&self) -> &[Value] {
        &self.values
    }

    #[inline]
    pub fn dimension(&self, name: Text) -> Option<&Dimension> {
        self.dimensions.iter().find(|it| it.name.is(name))
    }

    /// Whether a cube may name this dimension.
    fn declares(&self, name: &Name) -> bool {
        let known = self.dimension(name.text());
        name.bytes() == b"event" || known.is_some_and(|known| known.declared)
    }

    fn not_declared<'n>(
        &self,
        what: &str,
        name: Text,
        known: impl Iterator<Item = &'n Name>,
    ) -> Error {
        let (name, known) = (shown(name.bytes), listed(known));
        let site = match self.undeclared {
            Undeclared::Ignore => "ignores what is not",
            _ => "is strict",
        };
        Error::new(format!(
            "{what} '{name}' is not declared and the site {site}; it has: {known}"
        ))
    }

    /// The cube of these dimensions, in any order.
    pub fn cube_of(&self, names: &[&[u8]]) -> Result<&Cube> {
        let is_it = |cube: &&Cube| {
            cube.names().count() == names.len() && cube.names().all(|name| names.contains(&name))
        };
        self.cubes.iter().find(is_it).ok_or_else(|| {
            let asked = shown(&names.join(&b","[..]));
            let declared: Vec<String> = self
                .cubes
                .iter()
                .map(|cube| shown(cube.name.bytes()))
                .collect();
            let declared = match declared.as_slice() {
                [] => "none".to_owned(),
                cubes => cubes.join(" "),
            };
            Error::new(format!(
                "'{asked}' is not a cube of this site, which has: {declared}; ANALYTICS.ALTER with \
                 CUBE {asked} counts it from then on"
            ))
        })
    }

    #[inline]
    pub fn has_value(&self, name: Text) -> bool {
        self.values.iter().any(|value| value.name.is(name))
    }

    /// Whether a number of this name is the value of a dimension: the site declares one, and no value.
    #[inline]
    pub fn counts_numbers_as_dimension(&self, name: Text) -> bool {
        let is_declared = self.dimension(name).is_some_and(|known| known.declared);
        is_declared && !self.values.iter().any(|it| it.declared && it.name.is(name))
    }

    /// Adds the dimensions and values that are new, up to the first for which there is no room.
    #[cold]
    pub(crate) fn learn(
        &mut self,
        dimensions: &[(Text, Text)],
        values: &[(Text, f64)],
    ) -> Result<()> {
        for (name, _) in dimensions {
            if self.dimension(*name).is_none() {
                self.learn_dimension(*name)?;
            }
        }
        for (name, _) in values {
            if !self.has_value(*name) {
                self.learn_value(*name)?;
            }
        }
        Ok(())
    }

    fn learn_dimension(&mut self, name: Text) -> Result<()> {
        if self.undeclared != Undeclared::Learn {
            let known = self.dimensions.iter().map(|it| &it.name);
            return Err(self.not_declared("dimension", name, known));
        }
        if self.has_forgotten(name.bytes) {
            return Err(forgotten(name.bytes));
        }
        if name.bytes == b"event" {
            return Err(Error::new("dimension 'event' is built in"));
        }
        if self.dimensions.len() >= limits::DIMENSIONS_PER_SITE {
            return Err(one_too_many(
                "dimension",
                name.bytes,
                limits::DIMENSIONS_PER_SITE,
            ));
        }
        self.dimensions.push(Dimension {
            name: Name::from(name),
            users: true,
            declared: false,
            capacity: 0,
        });
        Ok(())
    }

    fn learn_value(&mut self, name: Text) -> Result<()> {
        if self.undeclared != Undeclared::Learn {
            let known = self.values.iter().map(|it| &it.name);
            return Err(self.not_declared("value", name, known));
        }
        if self.values.len() >= limits::VALUES_PER_SITE {
            return Err(one_too_many("value", name.bytes, limits::VALUES_PER_SITE));
        }
        self.values.push(Value {
            name: Name::from(name),
            declared: false,
        });
        Ok(())
    }

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

    /// To be called when all changes are made: refuses settings that contradict each other.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.retention.check()?;
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
        let mut coarse = Granularity::ALL.into_iter().skip(1);
        if !coarse.any(|granularity| self.retention.get(granularity).is_some()) {
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

    /// Whether events of the site have the derived dimension `from`.
    #[inline]
    pub fn counts_from(&self) -> bool {
        self.visits
            .as_ref()
            .is_some_and(|visits| visits.counts_from())
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

    fn declare_dimension(&mut self, rows: &Rows, counted: bool) -> Result<()> {
        let (name, users) = (&rows.name, rows.users);
        let dimension = Dimension {
            name: name.clone(),
            users,
            declared: true,
            capacity: rows.capacity,
        };
        if let Some(position) = self.dimensions.iter().position(|it| it.name == *name) {
            let known = self.dimensions.remove(position);
            keeps_users(&shown(name.bytes()), known.users, users, counted)?;
            // A declared one keeps its position, a learned one becomes the last of the declared.
            let end = self.dimensions.iter().filter(|it| it.declared).count();
            let position = if known.declared { position } else { end };
            self.dimensions.insert(position, dimension);
            return Ok(());
        }
        if self.dimensions.len() >= limits::DIMENSIONS_PER_SITE {
            return Err(one_too_many(
                "DIM",
                name.bytes(),
                limits::DIMENSIONS_PER_SITE,
            ));
        }
        let end = self.dimensions.iter().filter(|it| it.declared).count();
        self.dimensions.insert(end, dimension);
        if self.has_forgotten(name.bytes()) {
            let mut forgotten = std::mem::take(&mut self.forgotten).into_vec();
            forgotten.retain(|it| it != name);
            self.forgotten = forgotten.into();
        }
        Ok(())
    }

    /// Ends counting a dimension and its cubes. Its name is not learned again.
    fn forget(&mut self, name: &Name) -> Result<()> {
        if name.bytes() == b"event" {
            return Err(Error::new(
                "FORGET DIM 'event': the type of events is built in",
            ));
        }
        if self.dimension(name.text()).is_none() {
            let known = self.dimensions.iter().map(|it| &it.name);
            return Err(Error::new(format!(
                "FORGET DIM '{}': the site has no such dimension; it has: {}",
                shown(name.bytes()),
                listed(known)
            )));
        }
        self.dimensions.retain(|it| it.name != *name);
        self.cubes
            .retain(|cube| !cube.names().any(|part| part == name.bytes()));
        self.add_forgotten(name)
    }

    pub(crate) fn add_forgotten(&mut self, name: &Name) -> Result<()> {
        if self.forgotten.len() >= limits::FORGOTTEN_PER_SITE {
            return Err(one_too_many(
                "FORGET DIM",
                name.bytes(),
                limits::FORGOTTEN_PER_SITE,
            ));
        }
        let mut forgotten = std::mem::take(&mut self.forgotten).into_vec();
        forgotten.push(name.clone());
        forgotten.sort_by(|a, b| a.bytes().cmp(b.bytes()));
        self.forgotten = forgotten.into();
        Ok(())
    }

    fn declare_value(&mut self, name: &Name) -> Result<()> {
        let value = Value {
            name: name.clone(),
            declared: true,
        };
        if let Some(position) = self.values.iter().position(|it| it.name == *name) {
            if !self.values.remove(position).declared {
                let end = self.values.iter().filter(|it| it.declared).count();
                self.values.insert(end, value);
            } else {
                self.values.insert(position, value);
            }
            return Ok(());
        }
        if self.values.len() >= limits::VALUES_PER_SITE {
            return Err(one_too_many("VAL", name.bytes(), limits::VALUES_PER_SITE));
        }
        let end = self.values.iter().filter(|it| it.declared).count();
        self.values.insert(end, value);
        Ok(())
    }

    /// A cube declares its dimensions too, those that are not yet.
    fn declare_cube(
        &mut self,
        parts: &[Name],
        users: bool,
        capacity: u32,
        counted: bool,
    ) -> Result<()> {
        let cube = Cube::new(parts, users, capacity);
        if let Some(known) = self.cubes.iter_mut().find(|it| it.name == cube.name) {
            keeps_users(&shown(cube.name.bytes()), known.users, users, counted)?;
            (known.users, known.capacity) = (users, capacity);
            return Ok(());
        }
        if let Some(known) = self.cubes.iter().find(|it| it.has_the_dimensions_of(&cube)) {
            return Err(Error::new(format!(
                "CUBE '{}' is there already as '{}'",
                shown(cube.name.bytes()),
                shown(known.name.bytes())
            )));
        }
        if self.cubes.len() >= limits::CUBES_PER_SITE {
            return Err(one_too_many(
                "CUBE",
                cube.name.bytes(),
                limits::CUBES_PER_SITE,
            ));
        }
        for part in parts {
            if !self.declares(part) {
                let known = self.dimension(part.text());
                let rows = Rows {
                    name: part.clone(),
                    users: known.is_none_or(|known| known.users),
                    capacity: 0,
                };
                self.declare_dimension(&rows, counted)?;
            }
        }
        self.cubes.push(cube);
        Ok(())
    }

    /// Every breakdown that an event of this site can be counted in, apart from `event`.
    pub fn cubes_and_dimensions(&self) -> impl Iterator<Item = (RowKind, Text<'_>)> {
        let cubes = self
            .cubes
            .iter()
            .map(|cube| (RowKind::Cube, cube.name.text()));
        let dimensions = self
            .dimensions
            .iter()
            .map(|it| (RowKind::Dimension, it.name.text()));
        dimensions.chain(cubes)
    }

    pub fn heap_bytes(&self) -> usize {
        let text = |name: &Name| allocated(name.bytes().len());
        let visits = self.visits.as_ref();
        let visits = visits.map_or(0, |it| allocated(size_of::<Visits>()) + it.heap_bytes());
        allocated(self.dimensions.capacity() * size_of::<Dimension>())
            + allocated(self.cubes.capacity() * size_of::<Cube>())
            + allocated(self.values.capacity() * size_of::<Value>())
            + self
                .dimensions
                .iter()
                .map(|it| text(&it.name))
                .sum::<usize>()
            + self.cubes.iter().map(Cube::heap_bytes).sum::<usize>()
            + self.values.iter().map(|it| text(&it.name)).sum::<usize>()
            + allocated(size_of_val(&*self.forgotten))
            + self.forgotten.iter().map(text).sum::<usize>()
            + visits
    }

    /// How long a granularity is kept, as it is given and shown.
    pub fn retention_text(&self, granularity: Granularity) -> String {
        let kept = self.retention.get(granularity);
        kept.map_or("off".to_owned(), |kept| kept.to_string())
    }

    /// The arguments of `ANALYTICS.CREATE` that make a site with these settings.
    pub fn options(&self) -> Vec<Vec<u8>> {
        let mut words: Vec<Vec<u8>> = vec![b"TZ".to_vec(), self.zone.name().into()];
        for granularity in Granularity::ALL {
            words.push(b"RETENTION".to_vec());
            words.push(granularity.name().into());
            words.push(self.retention_text(granularity).into_bytes());
        }
        words.extend([b"CAPACITY".to_vec(), self.capacity.to_string().into_bytes()]);
        words.extend([b"IDS".to_vec(), self.ids.to_string().into_bytes()]);
        let mut declare = |option: &[u8], name: &[u8], users: bool, capacity: u32| {
            words.extend([option.to_vec(), name.to_vec()]);
            if !users {
                words.push(b"NOUSERS".to_vec());
            }
            if capacity > 0 {
                words.extend([b"CAPACITY".to_vec(), capacity.to_string().into_bytes()]);
            }
        };
        if !self.event_users || self.event_capacity > 0 {
            declare(b"DIM", b"event", self.event_users, self.event_capacity);
        }
        for dimension in self.dimensions.iter().filter(|it| it.declared) {
            declare(
                b"DIM",
                dimension.name.bytes(),
                dimension.users,
                dimension.capacity,
            );
        }
        for cube in &self.cubes {
            declare(b"CUBE", cube.name.bytes(), cube.users, cube.capacity);
        }
        for value in self.values.iter().filter(|it| it.declared) {
            declare(b"VAL", value.name.bytes(), true, 0);
        }
        if self.undeclared != Undeclared::Learn {
            let name = self.undeclared.name();
            words.extend([b"UNDECLARED".to_vec(), name.as_bytes().to_vec()]);
        }
        if self.log.is_on() {
            words.push(b"LOG".to_vec());
            words.extend(self.log.age.map(|age| age.to_string().into_bytes()));
            if self.log.entries > 0 {
                words.push(self.log.entries.to_string().into_bytes());
            }
        }
        if self.log.users {
            words.extend([b"LOGUSERS".to_vec(), b"yes".to_vec()]);
        }
        if let Some(visits) = &self.visits {
            words.extend(visits.options());
        }
        words
    }
}

fn derived(name: &[u8]) -> Error {
    Error::new(format!(
        "dimension '{}' is derived from VISITS ... PATH on this site; name yours otherwise",
        shown(name)
    ))
}

/// Users that were not counted cannot be counted later: a dimension may stop, but not start again.
fn keeps_users(name: &str, before: bool, after: bool, counted: bool) -> Result<()> {
    if counted && after && !before {
        return Err(Error::new(format!(
            "'{name}' is NOUSERS and has counted events: the users of those are not known any more"
        )));
    }
    Ok(())
}

/// The error for a dimension that a site has had.
pub fn forgotten(name: &[u8]) -> Error {
    let name = shown(name);
    Error::new(format!(
        "dimension '{name}' was forgotten; ANALYTICS.ALTER with DIM {name} counts it from then on"
    ))
}

fn listed<'n>(known: impl Iterator<Item = &'n Name>) -> String {
    let known: Vec<String> = known.map(|name| shown(name.bytes())).collect();
    match known.as_slice() {
        [] => "none".to_owned(),
        known => known.join(", "),
    }
}

fn one_too_many(option: &str, name: &[u8], limit: usize) -> Error {
    Error::new(format!(
        "{option} '{}' is one too many: a site has at most {limit}",
        shown(name)
    ))
}
