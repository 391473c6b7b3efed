//! The settings of a site: its time zone, the retention of each granularity, its dimensions, cubes and
//! values.

mod change;
mod declare;
mod options;

pub use declare::forgotten;

use crate::error::{shown, Error, Result};
use crate::memory::allocated;
use crate::schema::limits;
use crate::text::{Name, Text};
use crate::time::{Duration, Granularity, Retention, Zone};
use crate::visitors::Seed;

use super::funnel::Funnels;
use super::people::People;
use super::visits::Visits;
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
    /// What is remembered of people.
    pub people: Option<Box<People>>,
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
    /// Rows that a bucket keeps of it; 0 is the capacity of the site.
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
            people: None,
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

    /// The rows that a bucket keeps of the types of events; 0 is the capacity of the site.
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

    /// Whether events of the site have the derived dimension `from`.
    #[inline]
    pub fn counts_from(&self) -> bool {
        self.visits
            .as_ref()
            .is_some_and(|visits| visits.counts_from())
    }

    /// The funnels of the site, and the seed that their users and values are hashed with. None where there are
    /// none.
    #[inline]
    pub fn funnels(&self) -> Option<(&Funnels, Seed)> {
        let people = self.people.as_ref()?;
        Some((people.funnels(), people.seed())).filter(|(funnels, _)| !funnels.is_empty())
    }

    /// Whether the site remembers who was there before.
    #[inline]
    pub fn counts_people(&self) -> bool {
        let people = self.people.as_ref();
        people.is_some_and(|people| people.returning().is_some())
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
        let people = self.people.as_ref();
        let people = people.map_or(0, |it| allocated(size_of::<People>()) + it.heap_bytes());
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
            + people
    }

    /// How long a granularity is kept, as it is given and shown.
    pub fn retention_text(&self, granularity: Granularity) -> String {
        let kept = self.retention.get(granularity);
        kept.map_or("off".to_owned(), |kept| kept.to_string())
    }
}
