//! Settings as the arguments that make them.

use super::{Settings, Undeclared};
use crate::time::Granularity;

impl Settings {
    /// The arguments of `ANALYTICS.CREATE` that make a site with these settings.
    pub fn options(&self) -> Vec<Vec<u8>> {
        let mut words: Vec<Vec<u8>> = vec![b"TZ".to_vec(), self.zone.name().into()];
        for granularity in Granularity::ALL {
            words.push(b"RETENTION".to_vec());
            words.push(granularity.name().into());
            words.push(self.retention_text(granularity).into_bytes());
        }
        words.extend([b"CAPACITY".to_vec(), self.capacity.to_string().into_bytes()]);
        words.extend([b"IDS".to_vec(), self.ids.to_string().into_bytes()]);
        let mut declare = |option: &[u8], name: &[u8], users: bool, capacity: u32| {
            words.extend([option.to_vec(), name.to_vec()]);
            if !users {
                words.push(b"NOUSERS".to_vec());
            }
            if capacity > 0 {
                words.extend([b"CAPACITY".to_vec(), capacity.to_string().into_bytes()]);
            }
        };
        if !self.event_users || self.event_capacity > 0 {
            declare(b"DIM", b"event", self.event_users, self.event_capacity);
        }
        for dimension in self.dimensions.iter().filter(|it| it.declared) {
            declare(
                b"DIM",
                dimension.name.bytes(),
                dimension.users,
                dimension.capacity,
            );
        }
        for cube in &self.cubes {
            declare(b"CUBE", cube.name.bytes(), cube.users, cube.capacity);
        }
        for value in self.values.iter().filter(|it| it.declared) {
            declare(b"VAL", value.name.bytes(), true, 0);
        }
        if self.undeclared != Undeclared::Learn {
            let name = self.undeclared.name();
            words.extend([b"UNDECLARED".to_vec(), name.as_bytes().to_vec()]);
        }
        if self.log.is_on() {
            words.push(b"LOG".to_vec());
            words.extend(self.log.age.map(|age| age.to_string().into_bytes()));
            if self.log.entries > 0 {
                words.push(self.log.entries.to_string().into_bytes());
            }
        }
        if self.log.users {
            words.extend([b"LOGUSERS".to_vec(), b"yes".to_vec()]);
        }
        if let Some(visits) = &self.visits {
            words.extend(visits.options());
        }
        if let Some(people) = &self.people {
            if people.returning().is_some() {
                words.extend(people.options());
            }
        }
        words
    }
}
