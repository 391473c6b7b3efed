//! The axis of `TOP`: the dimension or cube whose values it lists, such as `country` or `event,country`.

use crate::error::Result;
use crate::schema::{check_dimension_name, no_users, Cube, Names, RowKind, Settings, EVENT};
use crate::text::{Name, Text};

#[derive(Debug, Clone)]
pub struct Axis {
    pub(super) kind: RowKind,
    pub(super) name: Name,
    /// Of a cube, in the order of the query: the position of each dimension in a cell.
    order: Vec<usize>,
    users: bool,
}

impl Axis {
    pub fn parse(text: &[u8], known: Names) -> Result<Axis> {
        let names: Vec<&[u8]> = text.split(|byte| *byte == b',').collect();
        for name in names.iter().filter(|name| **name != b"event") {
            check_dimension_name(name)?;
            known.check_dimension(name)?;
        }
        match (names.as_slice(), known.site()) {
            ([name], site) => Ok(Axis::of(name, site)),
            (names, Some(site)) => Ok(Axis::of_cube(names, site.cube_of(names)?)),
            (_, None) => Ok(Axis::of(text, None)),
        }
    }

    /// A dimension.
    pub fn of(name: &[u8], site: Option<&Settings>) -> Axis {
        let is_event = name == b"event";
        let text = if is_event { EVENT } else { Text::new(name) };
        let known = site.and_then(|site| site.dimension(text));
        Axis {
            kind: if is_event {
                RowKind::Event
            } else {
                RowKind::Dimension
            },
            name: Name::from(text),
            order: Vec::new(),
            users: match is_event {
                true => site.is_none_or(Settings::event_users),
                false => known.is_none_or(|known| known.users),
            },
        }
    }

    fn of_cube(names: &[&[u8]], cube: &Cube) -> Axis {
        let index = |name: &&[u8]| cube.names().position(|it| it == *name);
        Axis {
            kind: RowKind::Cube,
            name: cube.name.clone(),
            order: names.iter().filter_map(index).collect(),
            users: cube.users,
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

    pub fn is_cube(&self) -> bool {
        self.kind == RowKind::Cube
    }

    /// The values of a cell of a cube, in the order in which its dimensions were named.
    pub fn values_of<'b>(&self, cell: &'b [u8]) -> Vec<&'b [u8]> {
        let values: Vec<&[u8]> = Cube::values_of(cell).collect();
        let value = |index: &usize| values.get(*index).copied();
        self.order.iter().filter_map(value).collect()
    }
}
