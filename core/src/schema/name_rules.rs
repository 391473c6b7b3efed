//! The names that a site may give its dimensions, values and cubes.

use super::limits;
use super::subjects::{FUNNEL_PREFIX, SUBJECTS};
use crate::error::{shown, Error, Result};
use crate::text::Name;

/// The name of a dimension, `event` included. `=`, `&` and `,` are the grammar of metrics and cubes.
pub fn dimension_name(name: &[u8]) -> Result<Name> {
    check_dimension_name(name)?;
    Ok(Name::new(name))
}

pub fn check_dimension_name(name: &[u8]) -> Result<()> {
    check_name("dimension", name)?;
    if name.iter().any(|byte| b",=&".contains(byte)) {
        return Err(Error::new(format!(
            "dimension '{}': a name may not contain , = or &",
            shown(name)
        )));
    }
    Ok(())
}

/// The name of a value: not one of the built-in subjects of a metric, and without their `@`.
pub fn value_name(name: &[u8]) -> Result<Name> {
    check_value_name(name)?;
    Ok(Name::new(name))
}

pub fn check_value_name(name: &[u8]) -> Result<()> {
    check_name("value", name)?;
    if name.contains(&b'@') {
        return Err(Error::new(format!(
            "value '{}': a name may not contain @",
            shown(name)
        )));
    }
    if SUBJECTS.contains(&name) || name.starts_with(FUNNEL_PREFIX) {
        return Err(Error::new(format!(
            "value '{}': this is counted already; choose another name",
            shown(name)
        )));
    }
    Ok(())
}

pub fn check_name(what: &str, name: &[u8]) -> Result<()> {
    if name.is_empty() {
        return Err(Error::new(format!("{what} '': a name is not empty")));
    }
    if name.len() > limits::NAME {
        return Err(Error::new(format!(
            "{what} '{}': a name has at most {} bytes",
            shown(name),
            limits::NAME
        )));
    }
    Ok(())
}

pub fn cube_parts(list: &[u8]) -> Result<Vec<Name>> {
    let parts: Vec<Name> = list
        .split(|byte| *byte == b',')
        .map(dimension_name)
        .collect::<Result<_>>()?;
    let twice = parts
        .iter()
        .enumerate()
        .any(|(i, part)| parts.iter().skip(i + 1).any(|other| part == other));
    if !(2..=limits::DIMENSIONS_PER_CUBE).contains(&parts.len()) || twice {
        return Err(Error::new(format!(
            "CUBE '{}' is not two to four different dimensions joined by commas",
            shown(list)
        )));
    }
    Ok(parts)
}

/// A dimension and its value, or `event` and a type.
pub(super) fn check_part(name: &[u8], value: &[u8]) -> Result<()> {
    if name == b"event" {
        return check_name("event", value);
    }
    check_dimension_name(name)?;
    if value.len() > limits::DIMENSION_VALUE {
        return Err(Error::new(format!(
            "dimension '{}': a value has at most {} bytes",
            shown(name),
            limits::DIMENSION_VALUE
        )));
    }
    Ok(())
}
