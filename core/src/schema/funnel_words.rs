//! The words of a funnel: `name WITHIN duration STEP condition STEP condition ... [EXCLUDE condition]...
//! [BY dimension]...`.
//!
//! A condition is read as a row is (`selector.rs`), but nothing has to be declared: an `&` in front of any name
//! and `=` begins the next part, unless the value before it has a `?`.

use super::condition::{Condition, Pair};
use super::funnel::{check_by, check_within, Definition};
use super::selector::split;
use super::Names;
use crate::error::{shown, Error, Result};
use crate::text::syntax::{once, unknown, Argument};
use crate::text::Name;
use crate::time::Duration;

const WITHIN: Argument = Argument::text(c"duration").behind(c"WITHIN");
const STEP: Argument = Argument::text(c"condition").behind(c"STEP").multiple();
const EXCLUDE: Argument = Argument::text(c"condition")
    .behind(c"EXCLUDE")
    .optional()
    .multiple();
const BY: Argument = Argument::text(c"dimension")
    .behind(c"BY")
    .optional()
    .multiple();

/// The words behind `SET`.
pub const FUNNEL: &[Argument] = &[Argument::text(c"name"), WITHIN, STEP, EXCLUDE, BY];

const OPTIONS: &[Argument] = &[WITHIN, STEP, EXCLUDE, BY];

/// The words behind `SET`. `names`: those that conditions may have.
pub fn parse_funnel(words: &[&[u8]], names: Names) -> Result<Definition> {
    let [name, options @ ..] = words else {
        return Err(Error::new("SET needs the name of a funnel"));
    };
    let mut within = None;
    let (mut steps, mut excludes, mut by) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = options.iter().copied();
    while let Some(option) = rest.next() {
        let mut next = |what: &str| {
            rest.next().ok_or_else(|| {
                Error::new(format!("{} needs a {what}", shown(option).to_uppercase()))
            })
        };
        if WITHIN.is(option) {
            let length = parse_within(next("duration")?)?;
            once(&WITHIN, within.replace(length).is_none())?;
        } else if STEP.is(option) {
            steps.push(parse_condition(next("condition")?, names)?);
        } else if EXCLUDE.is(option) {
            excludes.push(parse_condition(next("condition")?, names)?);
        } else if BY.is(option) {
            let name = next("dimension")?;
            check_by(name)?;
            names.check_dimension(name)?;
            by.push(Name::new(name));
        } else {
            return Err(unknown(option, OPTIONS));
        }
    }
    let within = within.ok_or_else(|| {
        Error::new("a funnel needs WITHIN, the longest time from its first step to its last")
    })?;
    Definition::new(name, within, steps, excludes, by)
}

fn parse_condition(text: &[u8], names: Names) -> Result<Condition> {
    let of = |error| Error::new(format!("condition '{}': {error}", shown(text)));
    let parts = split(text, names.open()).map_err(|_| {
        Error::new(format!(
            "condition '{}' is not dimension=value, or several of them joined by &, such as \
             event=purchase&country=FR",
            shown(text)
        ))
    })?;
    let pairs: Vec<Pair> = parts
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    pairs
        .iter()
        .try_for_each(|(name, _)| names.check_dimension(name))
        .map_err(of)?;
    Condition::of_parts(text, &pairs).map_err(of)
}

fn parse_within(word: &[u8]) -> Result<i64> {
    let length = Duration::parse(word).map_err(|error| Error::new(format!("WITHIN: {error}")))?;
    let millis = length
        .as_millis()
        .ok_or_else(|| Error::new("WITHIN is not in months, as in WITHIN 7d"))?;
    check_within(millis)?;
    Ok(millis)
}
