//! Dimensions, values and cubes: declared by an option, learned from an event, or forgotten.

use super::{Dimension, Settings, Undeclared, Value};
use crate::error::{shown, Error, Result};
use crate::schema::options::Rows;
use crate::schema::{limits, Cube};
use crate::text::{Name, Text};

impl Settings {
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

    pub(super) fn declare_dimension(&mut self, rows: &Rows, counted: bool) -> Result<()> {
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
    pub(super) fn forget(&mut self, name: &Name) -> Result<()> {
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
        let funnels = self.funnels();
        let mut funnels = funnels.into_iter().flat_map(|(funnels, _)| funnels.list());
        if let Some(funnel) = funnels.find(|it| it.definition().needs(name.bytes())) {
            return Err(Error::new(format!(
                "FORGET DIM '{}': funnel '{}' needs it; DEL the funnel first",
                shown(name.bytes()),
                shown(funnel.name())
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

    pub(super) fn declare_value(&mut self, name: &Name) -> Result<()> {
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
    pub(super) fn declare_cube(
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
}

/// Users that were not counted cannot be counted later: a dimension may stop, but not start again.
pub(super) fn keeps_users(name: &str, before: bool, after: bool, counted: bool) -> Result<()> {
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
