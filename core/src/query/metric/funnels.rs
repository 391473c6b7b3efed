//! What is measured of a funnel: `funnel:name[:aggregate]`.
//!
//! | aggregate    |                                                                  |
//! |--------------|------------------------------------------------------------------|
//! | `users`      | who began, each attempt counted once                             |
//! | `step2` ...  | who reached this step                                            |
//! | `converted`  | who reached the last step; it is meant where there is no aggregate |
//! | `share`      | the share of those who began, from 0 to 1                        |
//!
//! All belong to the time at which an attempt began, and are kept by slot.

use super::Measure;
use crate::error::{shown, Error, Result};
use crate::funnel::MOST_STEPS;
use crate::schema::{Funnel, Names, Selector, FUNNEL_PREFIX};
use crate::text::nearest::did_you_mean;
use crate::visitors::Seed;

/// A funnel whose values are found by a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelSource {
    pub tag: u64,
    pub steps: u8,
    pub seed: Seed,
    /// Attempts that began before were not all counted.
    pub since: i64,
}

impl FunnelSource {
    /// `seed`: that of the site.
    pub fn of(funnel: &Funnel, seed: Seed) -> FunnelSource {
        FunnelSource {
            tag: funnel.tag(),
            steps: funnel.steps() as u8,
            seed,
            since: funnel.since(),
        }
    }
}

/// What is measured of a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunnelMeasure {
    Users,
    /// From 1.
    Step(u8),
    Converted,
    Share,
}

const NAMES: [(&[u8], FunnelMeasure); 3] = [
    (b"users", FunnelMeasure::Users),
    (b"converted", FunnelMeasure::Converted),
    (b"share", FunnelMeasure::Share),
];

impl FunnelMeasure {
    /// Whether the numbers of rows add up to the number of the whole.
    pub fn is_additive(self) -> bool {
        self != FunnelMeasure::Share
    }

    /// `step2`, and the names above, in any case. `steps`: how many the funnel has.
    fn parse(word: &[u8], steps: usize) -> Result<FunnelMeasure> {
        let named = |(name, _): &&(&[u8], _)| word.eq_ignore_ascii_case(name);
        if let Some((_, measure)) = NAMES.iter().find(named) {
            return Ok(*measure);
        }
        let digits = word
            .split_at_checked(4)
            .filter(|(head, _)| head.eq_ignore_ascii_case(b"step"));
        if let Some((_, [digit @ b'1'..=b'9'])) = digits {
            let step = digit - b'0';
            if usize::from(step) <= steps {
                return Ok(FunnelMeasure::Step(step));
            }
        }
        Err(Error::new(format!(
            "a funnel has no aggregate '{}', only users, converted, share and step1 to step{steps}{}",
            shown(word),
            did_you_mean(word, NAMES.iter().map(|(name, _)| *name))
        )))
    }
}

/// `text`: a term without a row. None where it is none of a funnel.
pub fn parse(text: &[u8], names: Names) -> Option<Result<Measure>> {
    let rest = text.strip_prefix(FUNNEL_PREFIX)?;
    let mut parts = rest.splitn(2, |byte| *byte == b':');
    let (name, aggregate) = (parts.next().unwrap_or_default(), parts.next());
    Some(measure(name, aggregate, names))
}

fn measure(name: &[u8], aggregate: Option<&[u8]>, names: Names) -> Result<Measure> {
    crate::schema::funnel::check_funnel_name(name)?;
    let of = |steps: usize| match aggregate {
        None => Ok(FunnelMeasure::Converted),
        Some(word) => FunnelMeasure::parse(word, steps),
    };
    let Some(site) = names.site() else {
        let source = FunnelSource {
            tag: 0,
            steps: MOST_STEPS as u8,
            seed: Seed([0; 2]),
            since: i64::MIN,
        };
        return Ok(Measure::Funnel(of(MOST_STEPS)?, source));
    };
    let known = site.funnels();
    let found = known.and_then(|(funnels, seed)| Some((funnels.get(name)?, seed)));
    let Some((funnel, seed)) = found else {
        let known = known.into_iter().flat_map(|(funnels, _)| funnels.list());
        let known: Vec<&[u8]> = known.map(Funnel::name).collect();
        let listed = match known.is_empty() {
            true => "none".to_owned(),
            false => String::from_utf8_lossy(&known.join(&b", "[..])).into_owned(),
        };
        return Err(Error::new(format!(
            "the site has no funnel '{}'; it has: {listed}{}",
            shown(name),
            did_you_mean(name, known.iter().copied())
        )));
    };
    let source = FunnelSource::of(funnel, seed);
    Ok(Measure::Funnel(of(funnel.steps())?, source))
}

/// A value of one of the dimensions of the funnel's `BY`. `tag`: that of the funnel.
pub fn parse_row(row: &[u8], tag: u64, names: Names) -> Result<Selector> {
    let funnels = names.site().and_then(|site| site.funnels());
    let mut list = funnels.into_iter().flat_map(|(funnels, _)| funnels.list());
    let funnel = list.find(|funnel| funnel.tag() == tag);
    Selector::parse_alone(row, names, "funnels", |name| {
        funnel.map_or(Ok(()), |funnel| check_by(funnel, name))
    })
}

/// Refuses a dimension that is not one of the funnel's `BY`.
pub fn check_by(funnel: &Funnel, dimension: &[u8]) -> Result<()> {
    let by = funnel.definition().by();
    if by.iter().any(|name| name.bytes() == dimension) {
        return Ok(());
    }
    let by: Vec<String> = by.iter().map(|name| shown(name.bytes())).collect();
    let by = match by.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    Err(Error::new(format!(
        "funnel '{}' is not counted by '{}', but by: {by}; see FUNNEL ... SET ... BY",
        shown(funnel.name()),
        shown(dimension)
    )))
}
