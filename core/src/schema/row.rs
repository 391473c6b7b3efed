//! The rows that an event counts in, besides the whole of its site.

use crate::text::Text;

/// The built-in dimension has a table of its own kind, without a name.
pub const EVENT: Text<'static> = Text {
    bytes: b"",
    hash: 0,
};

/// What a breakdown breaks events down by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKind {
    /// The built-in dimension: the event's type.
    Event,
    Dimension,
    /// Declared dimensions that are counted together.
    Cube,
}

/// One row that an event is counted in: a value of a dimension, or a cell of a cube.
#[derive(Debug, Clone, Copy)]
pub struct Facet<'a> {
    pub kind: RowKind,
    /// Of the dimension or the cube.
    pub name: Text<'a>,
    pub value: Text<'a>,
    /// Whether distinct users are counted there.
    pub users: bool,
    /// Rows that a bucket keeps of the breakdown; 0 is the capacity of the site.
    pub capacity: u32,
}

impl Facet<'_> {
    /// `of_site`: the capacity of the site.
    #[inline]
    pub fn capacity_or(&self, of_site: usize) -> usize {
        capacity_or(self.capacity, of_site)
    }
}

#[inline]
pub fn capacity_or(own: u32, of_site: usize) -> usize {
    match own {
        0 => of_site,
        own => own as usize,
    }
}
