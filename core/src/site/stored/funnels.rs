//! The funnels of a site, as they are stored: in the order in which they were made.

use super::bounded::{Bytes, List};
use super::settings::refused;
use crate::codec::corrupt;
use crate::error::Corrupt;
use crate::funnel::{MOST_BY, MOST_STEPS};
use crate::schema::funnel::{Definition, MOST_EXCLUDES};
use crate::schema::limits::{DIMENSIONS_PER_CUBE, DIMENSION_VALUE, FUNNELS_PER_SITE, METRIC, NAME};
use crate::schema::{Condition, Funnel, Funnels};
use crate::text::Name;
use crate::visitors::Seed;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct StoredFunnels<'a> {
    /// The number of the funnel that was made last.
    pub last: u64,
    #[serde(borrow)]
    pub list: List<StoredFunnel<'a>, FUNNELS_PER_SITE>,
}

#[derive(Serialize, Deserialize)]
pub struct StoredFunnel<'a> {
    #[serde(borrow)]
    pub name: Bytes<'a, NAME>,
    pub within: u64,
    pub steps: List<StoredCondition<'a>, MOST_STEPS>,
    pub excludes: List<StoredCondition<'a>, MOST_EXCLUDES>,
    pub by: List<Bytes<'a, NAME>, MOST_BY>,
    /// None: all events.
    pub since: Option<i64>,
    pub number: u64,
}

#[derive(Serialize, Deserialize)]
pub struct StoredCondition<'a> {
    #[serde(borrow)]
    pub text: Bytes<'a, METRIC>,
    pub parts: List<StoredPart<'a>, DIMENSIONS_PER_CUBE>,
}

#[derive(Serialize, Deserialize)]
pub struct StoredPart<'a> {
    #[serde(borrow)]
    pub name: Bytes<'a, NAME>,
    pub value: Bytes<'a, DIMENSION_VALUE>,
}

impl<'a> StoredFunnels<'a> {
    pub fn of(funnels: &'a Funnels) -> StoredFunnels<'a> {
        StoredFunnels {
            last: funnels.last(),
            list: funnels.list().iter().map(StoredFunnel::of).collect(),
        }
    }

    /// `bits`: those of the partitions of the site.
    pub fn checked(self, seed: Seed, bits: u32) -> Result<Funnels, Corrupt> {
        let list = self.list.into_iter().map(|it| it.checked(seed, bits));
        Funnels::of(list.collect::<Result<_, _>>()?, self.last).map_err(refused("funnels"))
    }
}

impl<'a> StoredFunnel<'a> {
    fn of(funnel: &'a Funnel) -> StoredFunnel<'a> {
        let definition = funnel.definition();
        StoredFunnel {
            name: definition.name().into(),
            within: definition.within().unsigned_abs(),
            steps: definition.steps().iter().map(StoredCondition::of).collect(),
            excludes: { definition.excludes().iter() }
                .map(StoredCondition::of)
                .collect(),
            by: { definition.by().iter() }
                .map(|name| name.bytes().into())
                .collect(),
            since: Some(funnel.since()).filter(|since| *since != i64::MIN),
            number: funnel.number(),
        }
    }

    fn checked(self, seed: Seed, bits: u32) -> Result<Funnel, Corrupt> {
        let steps = self.steps.into_iter().map(StoredCondition::checked);
        let excludes = self.excludes.into_iter().map(StoredCondition::checked);
        let by = self.by.into_iter().map(|name| Name::new(name.get()));
        let definition = Definition::new(
            self.name.get(),
            i64::try_from(self.within).unwrap_or(0),
            steps.collect::<Result<_, _>>()?,
            excludes.collect::<Result<_, _>>()?,
            by.collect(),
        );
        let definition = definition.map_err(refused("funnel"))?;
        if self
            .since
            .is_some_and(|since| !crate::time::is_supported(since))
        {
            return Err(corrupt("beginning of a funnel", "out of range"));
        }
        let since = self.since.unwrap_or(i64::MIN);
        Ok(Funnel::new(definition, since, self.number, seed, bits))
    }
}

impl<'a> StoredCondition<'a> {
    fn of(condition: &'a Condition) -> StoredCondition<'a> {
        let part = |(name, value): (&'a [u8], &'a [u8])| StoredPart {
            name: name.into(),
            value: value.into(),
        };
        StoredCondition {
            text: condition.text().into(),
            parts: condition.pairs().map(part).collect(),
        }
    }

    fn checked(self) -> Result<Condition, Corrupt> {
        let parts: Vec<StoredPart> = self.parts.into_iter().collect();
        let pairs = parts.iter().map(|part| (part.name.get(), part.value.get()));
        let pairs: Vec<(&[u8], &[u8])> = pairs.collect();
        Condition::of_parts(self.text.get(), &pairs).map_err(refused("condition of a funnel"))
    }
}
