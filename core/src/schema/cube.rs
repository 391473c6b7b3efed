//! A cube: two to four dimensions whose combinations of values are counted, and its cells, one for each
//! combination.

use super::limits;
use crate::memory::allocated;
use crate::text::{Name, Text};

/// Declared dimensions that are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cube {
    /// The dimensions' names, joined by commas.
    pub name: Name,
    parts: Vec<Part>,
    pub users: bool,
    /// Rows that a bucket keeps of it; 0 is the capacity of the site.
    pub capacity: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Event,
    Dimension(Name),
}

impl Cube {
    pub fn new(parts: &[Name], users: bool, capacity: u32) -> Cube {
        let names: Vec<&[u8]> = parts.iter().map(Name::bytes).collect();
        Cube {
            name: Name::new(&names.join(&b","[..])),
            parts: parts
                .iter()
                .map(|name| match name.bytes() {
                    b"event" => Part::Event,
                    _ => Part::Dimension(name.clone()),
                })
                .collect(),
            users,
            capacity,
        }
    }

    pub(super) fn has_the_dimensions_of(&self, other: &Cube) -> bool {
        self.parts.len() == other.parts.len()
            && self.parts.iter().all(|part| other.parts.contains(part))
    }

    /// Its dimensions, in the order of a cell's values.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(|part| match part {
            Part::Event => b"event",
            Part::Dimension(name) => name.bytes(),
        })
    }

    /// The values of a cell that `write_cell` has written.
    pub fn values_of(cell: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut rest = cell;
        std::iter::from_fn(move || {
            let (len, after) = rest.split_first_chunk::<2>()?;
            let len = usize::from(u16::from_le_bytes(*len));
            let (value, after) = after.split_at_checked(len)?;
            rest = after;
            Some(value)
        })
    }

    /// Whether `write_cell` may have written this for so many dimensions.
    pub fn is_cell(cell: &[u8], dimensions: usize) -> bool {
        let values = || Cube::values_of(cell);
        values().count() == dimensions
            && values().all(|value| value.len() <= limits::DIMENSION_VALUE)
            && values().map(|value| 2 + value.len()).sum::<usize>() == cell.len()
    }

    /// Appends the cell of an event: of each dimension the length of its value (two bytes, little-endian) and
    /// the value. Returns false for an event without one of the dimensions, which is in no cell.
    pub fn write_cell(&self, event: Text, dimensions: &[(Text, Text)], cell: &mut Vec<u8>) -> bool {
        self.parts.iter().all(|part| {
            let value = match part {
                Part::Event => Some(event),
                Part::Dimension(name) => dimensions
                    .iter()
                    .find(|(given, _)| name.is(*given))
                    .map(|(_, value)| *value),
            };
            if let Some(value) = value {
                cell.extend_from_slice(&(value.bytes.len() as u16).to_le_bytes());
                cell.extend_from_slice(value.bytes);
            }
            value.is_some()
        })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        allocated(self.name.bytes().len())
            + allocated(self.parts.capacity() * size_of::<Part>())
            + self.name.bytes().len()
    }
}
