//! What a site counts of visits, as it is stored. It is read as the option of `ANALYTICS.CREATE`.

use super::bounded::{Bytes, List};
use super::settings::refused;
use crate::codec::corrupt;
use crate::error::Corrupt;
use crate::schema::dimension_name;
use crate::schema::limits::NAME;
use crate::schema::visits::GivenVisits;
use crate::schema::{Change, Settings, Visits};
use crate::text::Name;
use crate::visitors::{Seed, MOST_BY};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct StoredVisits<'a> {
    pub timeout: u64,
    #[serde(borrow)]
    pub path: Option<Bytes<'a, NAME>>,
    pub by: List<Bytes<'a, NAME>, MOST_BY>,
    pub visitors: u64,
    pub seed: [u64; 2],
}

impl<'a> StoredVisits<'a> {
    pub fn of(visits: &'a Visits) -> StoredVisits<'a> {
        StoredVisits {
            timeout: visits.timeout().unsigned_abs(),
            path: visits.path().map(|path| path.bytes().into()),
            by: visits.by().iter().map(|name| name.bytes().into()).collect(),
            visitors: visits.visitors(),
            seed: visits.seed().0,
        }
    }

    /// To settings that have all of their dimensions.
    pub fn add_to(self, settings: &mut Settings) -> Result<(), Corrupt> {
        let name = |name: &[u8]| -> Result<Name, Corrupt> {
            dimension_name(name).map_err(refused("visits"))
        };
        let path = self.path.map(|path| name(path.get())).transpose()?;
        let by = { self.by.into_iter() }.map(|by| name(by.get()));
        let given = GivenVisits {
            timeout: i64::try_from(self.timeout).unwrap_or(0),
            path,
            by: by.collect::<Result<_, _>>()?,
            visitors: Some(self.visitors),
            seed: Some(Seed(self.seed)),
        };
        let names = settings.dimensions().len();
        let change = settings.change(&Change::Visits(Some(given)), false, 0);
        change.map_err(refused("visits"))?;
        if settings.dimensions().len() != names {
            return Err(corrupt("visits", "of a dimension that is not declared"));
        }
        settings.finish().map_err(refused("visits"))
    }
}
