//! What a site declares: names, settings, options, cubes, and the limits of all of them. No state.

mod condition;
mod cube;
pub mod funnel;
mod funnel_words;
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

pub use condition::Condition;
pub use cube::Cube;
pub use funnel::{Funnel, Funnels};
pub use funnel_words::{parse_funnel, FUNNEL};
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
pub use subjects::{FUNNEL_PREFIX, SUBJECTS};
pub use visit_options::{SEED, VISITS};
pub use visits::Visits;
