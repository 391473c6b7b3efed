//! The options of `ANALYTICS.CREATE` and `ANALYTICS.ALTER`.

use crate::domain::error::{shown, Error, Result};
use crate::domain::limits;
use crate::domain::text::Name;
use crate::domain::time::{Duration, Granularity, Retention, Zone};

/// One setting to make or to change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Zone(Zone),
    /// None switches the granularity off.
    Retention(Granularity, Option<Duration>),
    Strict(bool),
    Capacity(usize),
    Dimension {
        name: Name,
        users: bool,
    },
    Cube {
        parts: Vec<Name>,
        users: bool,
    },
    Value(Name),
}

const OPTIONS: &str = "TZ zone, RETENTION granularity duration|off, DIM name [NOUSERS], \
    CUBE a,b[,c] [NOUSERS], VAL name, CAPACITY rows, STRICT, NOSTRICT";

pub fn parse_options(words: &[&[u8]]) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    let mut words = words.iter().copied().peekable();
    while let Some(option) = words.next() {
        let mut next = |what: &str| {
            words.next().ok_or_else(|| {
                Error::new(format!("{} needs a {what}", shown(option).to_uppercase()))
            })
        };
        let mut change = if option.eq_ignore_ascii_case(b"TZ") {
            Change::Zone(Zone::parse(next("time zone, as in TZ Europe/Paris")?)?)
        } else if option.eq_ignore_ascii_case(b"RETENTION") {
            let granularity = Granularity::parse(next("granularity")?)?;
            let kept = Retention::parse(granularity, next("duration or off")?)?;
            Change::Retention(granularity, kept)
        } else if option.eq_ignore_ascii_case(b"DIM") {
            let name = dimension_name(next("name")?)?;
            Change::Dimension { name, users: true }
        } else if option.eq_ignore_ascii_case(b"CUBE") {
            let parts = cube_parts(next("list of dimensions, as in CUBE event,country")?)?;
            Change::Cube { parts, users: true }
        } else if option.eq_ignore_ascii_case(b"VAL") {
            Change::Value(value_name(next("name")?)?)
        } else if option.eq_ignore_ascii_case(b"CAPACITY") {
            Change::Capacity(parse_capacity(next("number of rows")?)?)
        } else if option.eq_ignore_ascii_case(b"STRICT") {
            Change::Strict(true)
        } else if option.eq_ignore_ascii_case(b"NOSTRICT") {
            Change::Strict(false)
        } else {
            return Err(Error::new(format!(
                "unknown option '{}': the options are {OPTIONS}",
                shown(option)
            )));
        };
        if let Change::Dimension { users, .. } | Change::Cube { users, .. } = &mut change {
            let no_users = words.next_if(|word| word.eq_ignore_ascii_case(b"NOUSERS"));
            *users = no_users.is_none();
        }
        changes.push(change);
    }
    Ok(changes)
}

pub fn parse_capacity(word: &[u8]) -> Result<usize> {
    std::str::from_utf8(word)
        .ok()
        .and_then(|word| word.parse().ok())
        .filter(|rows| (1..=limits::DIMENSION_CAPACITY).contains(rows))
        .ok_or_else(|| {
            Error::new(format!(
                "CAPACITY '{}' is not a number of rows from 1 to {}",
                shown(word),
                limits::DIMENSION_CAPACITY
            ))
        })
}

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
    if [&b"events"[..], b"users", b"sessions"].contains(&name) {
        return Err(Error::new(format!(
            "value '{}': events, users and sessions are counted already; choose another name",
            shown(name)
        )));
    }
    Ok(())
}

pub fn check_name(what: &str, name: &[u8]) -> Result<()> {
    if name.is_empty() {
        return Err(Error::new(format!("the name of a {what} is empty")));
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
    if !(2..=3).contains(&parts.len()) || twice {
        return Err(Error::new(format!(
            "CUBE '{}' is not two or three different dimensions joined by commas",
            shown(list)
        )));
    }
    Ok(parts)
}
