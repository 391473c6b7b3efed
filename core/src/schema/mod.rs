//! What a site declares: names, settings, options, cubes, and the limits of all of them. No state.

pub mod keys;
pub mod limits;
pub mod options;
pub(crate) mod settings;

pub use options::{
    check_dimension_name, check_name, check_value_name, cube_parts, parse_capacity, parse_options,
    Change,
};
pub use settings::{Cube, Dimension, Settings};
