//! The axis of `TOP`: the dimension or the dimensions whose values it lists, such as `country` or
//! `event,country`, and the values that others are held at (`WHERE`).
//!
//! One dimension with nothing held is the breakdown of that dimension. Otherwise all of them together have
//! to be a cube of the site: the rows are its cells, of which some are admitted.

use crate::bucket::Bucket;
use crate::error::{shown, Error, Result};
use crate::query::moved::most_events;
use crate::schema::{check_dimension_name, no_users, Cube, Names, RowKind, Selector, EVENT};
use crate::text::{Name, Text};
use crate::time::Piece;

#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub(super) kind: RowKind,
    pub(super) name: Name,
    /// Of a cube, in the order of the query: the position of each listed dimension in a cell.
    order: Vec<usize>,
    /// Of a cube: the positions that are held, and at what.
    held: Vec<Held>,
    users: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Held {
    position: usize,
    /// The value, as a row of its own dimension.
    row: Selector,
}

impl Axis {
    /// `listed`: names of dimensions, separated by commas. `held`: other dimensions, each with a value.
    pub fn parse(listed: &[u8], held: &[(&[u8], &[u8])], known: Names) -> Result<Axis> {
        let listed: Vec<&[u8]> = listed.split(|byte| *byte == b',').collect();
        let rows = held
            .iter()
            .map(|(name, value)| Selector::of(name, value, known))
            .collect::<Result<Vec<Selector>>>()?;
        let names: Vec<&[u8]> = listed
            .iter()
            .copied()
            .chain(held.iter().map(|(name, _)| *name))
            .collect();
        for name in names.iter().filter(|name| **name != b"event") {
            check_dimension_name(name)?;
            known.check_dimension(name)?;
        }
        if let [name] = names.as_slice() {
            return Ok(Axis::of(name, known));
        }
        let Some(site) = known.site() else {
            return Ok(Axis::of(&names.join(&b","[..]), known));
        };
        for (place, name) in names.iter().enumerate() {
            if names.iter().take(place).any(|before| before == name) {
                let name = shown(name);
                return Err(Error::new(format!("dimension '{name}' is given twice")));
            }
        }
        let cube = site.cube_of(&names)?;
        let position = |name: &[u8]| cube.names().position(|it| it == name);
        let held = held.iter().zip(rows);
        let held = held.filter_map(|((name, _), row)| {
            Some(Held {
                position: position(name)?,
                row,
            })
        });
        Ok(Axis {
            kind: RowKind::Cube,
            name: cube.name.clone(),
            order: listed.iter().filter_map(|name| position(name)).collect(),
            held: held.collect(),
            users: cube.users,
        })
    }

    /// A dimension.
    pub fn of(name: &[u8], known: Names) -> Axis {
        let is_event = name == b"event";
        let text = if is_event { EVENT } else { Text::new(name) };
        let site = known.site();
        let dimension = site.and_then(|site| site.dimension(text));
        Axis {
            kind: if is_event {
                RowKind::Event
            } else {
                RowKind::Dimension
            },
            name: Name::from(text),
            order: Vec::new(),
            held: Vec::new(),
            users: match is_event {
                true => site.is_none_or(|site| site.event_users()),
                false => dimension.is_none_or(|it| it.users),
            },
        }
    }

    /// Refuses an axis whose users are not counted.
    pub fn check_users(&self) -> Result<()> {
        match (self.users, self.kind) {
            (true, _) => Ok(()),
            (_, RowKind::Event) => Err(no_users("dimension", b"event")),
            (_, RowKind::Dimension) => Err(no_users("dimension", self.name.bytes())),
            (_, RowKind::Cube) => Err(no_users("cube", self.name.bytes())),
        }
    }

    /// Whether its rows are cells of a cube.
    pub fn is_cube(&self) -> bool {
        self.kind == RowKind::Cube
    }

    /// Whether several dimensions are listed, so that a row has a value of each.
    pub fn lists_several(&self) -> bool {
        self.order.len() > 1
    }

    pub(super) fn is_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether a row of the breakdown is on the axis.
    pub(super) fn admits(&self, row: &[u8]) -> bool {
        self.held.iter().all(|held| {
            let value = Cube::values_of(row).nth(held.position);
            value == Some(held.row.value().bytes)
        })
    }

    /// The values of a row, in the order in which the dimensions were named.
    pub fn values_of<'b>(&self, row: &'b [u8]) -> Vec<&'b [u8]> {
        if !self.is_cube() {
            return vec![row];
        }
        let values: Vec<&[u8]> = Cube::values_of(row).collect();
        let value = |index: &usize| values.get(*index).copied();
        self.order.iter().filter_map(value).collect()
    }

    /// Writes what is the same for the rows of any axis that lists the same dimensions.
    pub(super) fn write_key(&self, row: &[u8], key: &mut Vec<u8>) {
        key.clear();
        let mut write = |value: &[u8]| {
            key.extend_from_slice(&(value.len() as u64).to_le_bytes());
            key.extend_from_slice(value);
        };
        if !self.is_cube() {
            return write(row);
        }
        for position in &self.order {
            write(Cube::values_of(row).nth(*position).unwrap_or_default());
        }
    }

    /// The most events that the axis can have in a piece, by what the bucket has of the held values;
    /// None where it does not say.
    pub(super) fn most_events(&self, piece: &Piece, bucket: &Bucket) -> Option<u64> {
        let most = |held: &Held| most_events(piece, bucket, &held.row);
        self.held.iter().filter_map(most).min()
    }
}
