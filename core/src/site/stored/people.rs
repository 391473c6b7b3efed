//! What a site remembers of people, as it is stored. It is read as the option of `ANALYTICS.CREATE`.

use super::settings::refused;
use crate::error::Corrupt;
use crate::schema::people::{GivenReturning, People};
use crate::time::DAY;
use crate::visitors::Seed;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct StoredPeople {
    pub visitors: u64,
    pub seed: [u64; 2],
    pub returning: Option<StoredReturning>,
}

#[derive(Serialize, Deserialize)]
pub struct StoredReturning {
    /// In days.
    pub horizon: u32,
    /// None: all events.
    pub since: Option<i64>,
    pub begun: i64,
}

impl StoredPeople {
    pub fn of(people: &People) -> StoredPeople {
        StoredPeople {
            visitors: people.visitors(),
            seed: people.seed().0,
            returning: people.returning().map(|returning| StoredReturning {
                horizon: returning.horizon().unsigned_abs(),
                since: Some(returning.since()).filter(|since| *since != i64::MIN),
                begun: returning.begun(),
            }),
        }
    }

    pub fn checked(self) -> Result<People, Corrupt> {
        let (seed, visitors) = (Seed(self.seed), self.visitors);
        let Some(returning) = self.returning else {
            // Of a site that has funnels.
            return People::new(seed, visitors).map_err(refused("people"));
        };
        let given = GivenReturning {
            horizon: i64::from(returning.horizon) * DAY,
            visitors: Some(visitors),
            seed: Some(seed),
        };
        let times = (returning.since.unwrap_or(i64::MIN), returning.begun);
        People::with_returning(None, &given, times).map_err(refused("people"))
    }
}
