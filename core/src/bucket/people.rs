//! Who was seen in the period of a bucket, where the site remembers who was there before.
//!
//! In buckets of days, weeks and months, users are counted by the period of their first event, when they are
//! seen for the first time in the period: the cells of their cohorts. Buckets of all granularities
//! hold whether every event of theirs was taken note of.
//!
//! ```text
//! stored:  complete 1 | excess | n | n × (age | users)      ages ascending, in days; no users are 0
//! ```

use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;
use crate::memory::allocated;
use crate::people::{Age, Seen, LONGEST_HORIZON};
use crate::time::Granularity;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// Every event of the bucket was taken note of, and no users were imported.
    is_complete: bool,
    /// By which the error of sampling is estimated: for every new user who counts for `w`, `w * (w - 1)`.
    excess: u64,
    /// Users by the days from the beginning of the period of their first event to that of the bucket.
    cohorts: Vec<(Age, u32)>,
}

/// An age and a number of users, each of a byte at least.
const LEAST_BYTES: usize = 2;

/// More than the periods of days of any horizon: entries of a table may be older for those who kept coming.
const MOST_COHORTS: usize = 1 << 14;
const _: () = assert!(MOST_COHORTS > LONGEST_HORIZON as usize);

impl People {
    pub fn new(is_complete: bool) -> People {
        People {
            is_complete,
            excess: 0,
            cohorts: Vec::new(),
        }
    }

    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Some event or user of the bucket was not taken note of.
    pub fn set_incomplete(&mut self) {
        self.is_complete = false;
    }

    /// The sum over all new users by which the error of sampling is estimated.
    pub fn excess(&self) -> u64 {
        self.excess
    }

    /// The users whose first event was in the period that began so many days before that of the bucket.
    pub fn cohort(&self, age: Age) -> u64 {
        let found = self.cohorts.binary_search_by_key(&age, |(age, _)| *age);
        let found = found.ok().and_then(|at| self.cohorts.get(at));
        found.map_or(0, |(_, users)| u64::from(*users))
    }

    /// The users whose first event was in an earlier period.
    pub fn returning(&self) -> u64 {
        let cohorts = self.cohorts.iter().filter(|(age, _)| *age > 0);
        cohorts.map(|(_, users)| u64::from(*users)).sum()
    }

    /// Counts the user of an event.
    pub fn add(&mut self, seen: Seen, granularity: Granularity) {
        let weight = seen.weight();
        if seen.is_new() {
            let excess = weight.saturating_mul(weight - 1);
            self.excess = self.excess.saturating_add(excess);
        }
        let Some(age) = seen.age(granularity) else {
            return;
        };
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        match self.cohorts.binary_search_by_key(&age, |(age, _)| *age) {
            Ok(at) => {
                if let Some((_, users)) = self.cohorts.get_mut(at) {
                    *users = users.saturating_add(weight);
                }
            }
            Err(at) => {
                if self.cohorts.len() == self.cohorts.capacity() {
                    self.cohorts.reserve_exact(1 + self.cohorts.len() / 8);
                }
                self.cohorts.insert(at, (age, weight));
            }
        }
    }

    /// What it occupies, itself included.
    pub fn bytes(&self) -> usize {
        allocated(size_of::<People>())
            + allocated(self.cohorts.capacity() * size_of::<(Age, u32)>())
    }

    pub fn encode(&self, writer: &mut Writer) {
        writer.u8(self.is_complete.into());
        writer.varint(self.excess);
        writer.varint(self.cohorts.len() as u64);
        for (age, users) in &self.cohorts {
            writer.varint((*age).into());
            writer.varint((*users).into());
        }
    }

    pub fn decode(reader: &mut Reader, granularity: Granularity) -> Result<People, Corrupt> {
        let is_complete = match reader.u8("complete")? {
            0 => false,
            1 => true,
            _ => return Err(corrupt("complete", "neither 0 nor 1")),
        };
        let mut people = People::new(is_complete);
        people.excess = reader.varint("excess")?;
        let count = reader.count("cohorts", MOST_COHORTS, LEAST_BYTES)?;
        if count > 0 && granularity < Granularity::Day {
            return Err(corrupt("cohorts", "in a minute or an hour"));
        }
        people.cohorts.reserve_exact(count);
        for _ in 0..count {
            let age = reader.varint_to("age of a cohort", (Age::MAX - 1).into())? as Age;
            let users = reader.varint_to("users of a cohort", u32::MAX.into())? as u32;
            let last = people.cohorts.last();
            if users == 0 || last.is_some_and(|(before, _)| *before >= age) {
                return Err(corrupt("cohort", "without users, or not in order"));
            }
            people.cohorts.push((age, users));
        }
        Ok(people)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::{Noted, Terms};
    use crate::visitors::Seed;

    /// A year of days on which somebody of every earlier day returns.
    #[test]
    fn the_cohorts_of_a_day_take_four_kibibytes_at_most() {
        let terms = Terms {
            tag: 0,
            horizon: 365,
            bits: 0,
            most: 8_192,
        };
        let mut users = crate::people::People::default();
        let mut people = People::new(true);
        let visitor = |day: i32| Seed([1, 2]).visitor(day as u64, None);
        for day in 0..365 {
            users.observe(visitor(day), day, &terms);
        }
        for day in 0..365 {
            if let Noted::Seen(seen) = users.observe(visitor(day), 365, &terms) {
                people.add(seen, Granularity::Day);
            }
        }
        assert_eq!(people.returning(), 365);
        assert_eq!(people.cohort(1), 1);
        assert!(people.bytes() <= 4 << 10, "{}", people.bytes());
        let mut writer = Writer::new();
        people.encode(&mut writer);
        let bytes = writer.into_bytes();
        let read = People::decode(&mut Reader::new(&bytes), Granularity::Day).unwrap();
        assert_eq!(read, people);
        assert!(People::decode(&mut Reader::new(&bytes), Granularity::Hour).is_err());
    }
}
