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
    /// A declared pair or triple of dimensions.
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
}
