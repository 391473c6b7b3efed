//! The option `RETURNING` of `ANALYTICS.CREATE` and `ANALYTICS.ALTER`.

use super::people::{parse_horizon, GivenReturning};
use super::visit_options::{parse_visitors, VISITORS};
use crate::error::{Error, Result};
use crate::text::syntax::{once, Argument};
use std::iter::Peekable;

pub const RETURNING: Argument = Argument::one_of(
    c"returning",
    &[
        Argument::block(c"remembered", &[HORIZON, VISITORS]),
        Argument::token(c"off", c"off"),
    ],
)
.behind(c"RETURNING")
.optional();

const HORIZON: Argument = Argument::text(c"horizon");

/// Used in replication only, behind `RETURNING`: the seed of the hashes, and the default of `VISITORS`.
pub const PEOPLE: Argument = Argument::block(
    c"people",
    &[Argument::text(c"hex"), Argument::integer(c"visitors")],
)
.behind(c"PEOPLESEED")
.optional()
.internal();

/// What comes behind `RETURNING`.
pub(super) fn parse_returning<'w>(
    horizon: &[u8],
    words: &mut Peekable<impl Iterator<Item = &'w [u8]>>,
) -> Result<Option<GivenReturning>> {
    let Some(horizon) = parse_horizon(horizon)? else {
        return Ok(None);
    };
    let mut given = GivenReturning {
        horizon,
        visitors: None,
        seed: None,
    };
    while words.next_if(|word| VISITORS.is(word)).is_some() {
        let word = words
            .next()
            .ok_or_else(|| Error::new("VISITORS of RETURNING needs a number behind it"))?;
        once(&VISITORS, given.visitors.is_none())?;
        given.visitors = Some(parse_visitors(word)?);
    }
    Ok(Some(given))
}
