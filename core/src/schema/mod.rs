//! What a site declares: names, settings, options, cubes, and the limits of all of them. No state.

mod cube;
pub mod keys;
pub mod limits;
mod name_rules;
mod names;
pub mod options;
pub mod people;
mod returning_options;
mod row;
pub(crate) mod selector;
pub(crate) mod settings;
mod subjects;
mod visit_options;
pub mod visits;

pub use cube::Cube;
pub use name_rules::{
    check_dimension_name, check_name, check_value_name, cube_parts, dimension_name, value_name,
};
pub use names::Names;
pub use options::{parse_alter, parse_capacity, parse_options, Change};
pub use people::People;
pub use returning_options::{PEOPLE, RETURNING};
pub use row::{capacity_or, Facet, RowKind, EVENT};
pub use selector::{check_of_visits, no_users, Selector};
pub use settings::{Dimension, Log, Settings, Undeclared};
pub use subjects::SUBJECTS;
pub use visit_options::{SEED, VISITS};
pub use visits::Visits;
