//! The option `VISITS` of `ANALYTICS.CREATE` and `ANALYTICS.ALTER`.

use super::name_rules::dimension_name;
use super::visits::{check_visitors, GivenVisits};
use crate::error::{shown, Error, Result};
use crate::text::numeral::parse_integer;
use crate::text::syntax::{once, Argument};
use crate::time::Duration;
use std::iter::Peekable;

pub const VISITS: Argument = Argument::one_of(
    c"visits",
    &[
        Argument::block(c"counted", &[TIMEOUT, PATH, BY, VISITORS]),
        Argument::token(c"off", c"off"),
    ],
)
.behind(c"VISITS")
.optional();

const TIMEOUT: Argument = Argument::text(c"timeout");
const PATH: Argument = Argument::text(c"dimension").behind(c"PATH").optional();
const BY: Argument = Argument::text(c"dimension")
    .behind(c"BY")
    .optional()
    .multiple();
pub(super) const VISITORS: Argument = Argument::integer(c"visitors")
    .behind(c"VISITORS")
    .optional();

/// Used in replication only, behind `VISITS`: the seed of the hashes, and the default of `VISITORS`.
pub const SEED: Argument = Argument::block(
    c"seed",
    &[Argument::text(c"hex"), Argument::integer(c"visitors")],
)
.behind(c"SEED")
.optional()
.internal();

/// What comes behind `VISITS`.
pub(super) fn parse_visits<'w>(
    timeout: &[u8],
    words: &mut Peekable<impl Iterator<Item = &'w [u8]>>,
) -> Result<Option<GivenVisits>> {
    if timeout.eq_ignore_ascii_case(b"off") {
        return Ok(None);
    }
    let millis = Duration::parse(timeout)?.as_millis();
    let mut given = GivenVisits {
        timeout: millis
            .ok_or_else(|| Error::new("the timeout of VISITS is no number of months"))?,
        path: None,
        by: Vec::new(),
        visitors: None,
        seed: None,
    };
    let is_part = |word: &&[u8]| [PATH, BY, VISITORS].iter().any(|part| part.is(word));
    while let Some(part) = words.next_if(is_part) {
        let word = words.next().ok_or_else(|| {
            let part = shown(part).to_uppercase();
            Error::new(format!("{part} of VISITS needs a word behind it"))
        })?;
        if PATH.is(part) {
            once(&PATH, given.path.is_none())?;
            given.path = Some(dimension_name(word)?);
        } else if BY.is(part) {
            given.by.push(dimension_name(word)?);
        } else {
            once(&VISITORS, given.visitors.is_none())?;
            given.visitors = Some(parse_visitors(word)?);
        }
    }
    Ok(Some(given))
}

pub(super) fn parse_visitors(word: &[u8]) -> Result<u64> {
    let visitors = parse_integer(word).and_then(|visitors| u64::try_from(visitors).ok());
    match visitors {
        Some(visitors) => check_visitors(visitors),
        None => Err(Error::new(format!(
            "VISITORS '{}' is not a number",
            shown(word)
        ))),
    }
}
