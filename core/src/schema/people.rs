//! What a site remembers of people: `RETURNING horizon [VISITORS n]`.

use super::funnel::{Definition, Funnels, SetFunnel};
use super::visits::check_visitors;
use crate::error::{Error, Result};
use crate::people::{Terms, LONGEST_HORIZON, SHORTEST_HORIZON};
use crate::time::{Duration, DAY};
use crate::visitors::{partitions_of, Seed, Visitor};

/// `RETURNING` as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenReturning {
    /// In milliseconds.
    pub horizon: i64,
    /// How many users are followed; None for the default.
    pub visitors: Option<u64>,
    /// Given in replication only.
    pub seed: Option<Seed>,
}

/// How users are spread over partitions, and what is remembered of them. A site has it as long as it remembers
/// anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    seed: Seed,
    visitors: u64,
    bits: u32,
    most: usize,
    returning: Option<Returning>,
    funnels: Funnels,
}

/// Who was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returning {
    /// In days.
    horizon: i32,
    /// All events from this time on were taken note of.
    since: i64,
    /// When it was switched on. It is a part of the tag, so that a later time begins anew.
    begun: i64,
    tag: u64,
}

impl GivenReturning {
    /// With what was not given. A site that remembers people already keeps its seed and its bound.
    pub fn fill(&mut self, before: Option<&People>, visitors: u64, seed: Seed) {
        let default = before.map_or(visitors, People::visitors);
        self.visitors.get_or_insert(default);
        let seed = before.map_or(seed, People::seed);
        self.seed.get_or_insert(seed);
    }
}

impl People {
    /// That remembers nothing yet.
    pub fn new(seed: Seed, visitors: u64) -> Result<People> {
        let visitors = check_visitors(visitors)?;
        let (bits, most) = partitions_of(visitors);
        Ok(People {
            seed,
            visitors,
            bits,
            most,
            returning: None,
            funnels: Funnels::default(),
        })
    }

    /// What a site remembers after this option. `since`: all events from then on are taken note of. `begun`:
    /// the time of the command.
    pub fn with_returning(
        before: Option<&People>,
        given: &GivenReturning,
        (since, begun): (i64, i64),
    ) -> Result<People> {
        let (Some(visitors), Some(seed)) = (given.visitors, given.seed) else {
            return Err(Error::new("RETURNING has no seed or bound"));
        };
        let horizon = check_horizon(given.horizon)?;
        let mut people = People::new(seed, visitors)?;
        let returning = before.and_then(|before| before.returning);
        if let Some(before) = before.filter(|before| before.bits != people.bits) {
            return Err(Error::new(format!(
                "VISITORS {visitors} would forget who was there: users are spread by VISITORS {}; \
                 RETURNING off forgets them first",
                before.visitors
            )));
        }
        people.funnels = before.map_or_else(Funnels::default, |it| it.funnels.clone());
        let (since, begun) = returning.map_or((since, begun), |it| (it.since, it.begun));
        people.returning = Some(Returning {
            horizon,
            since,
            begun,
            tag: people.tag(begun),
        });
        Ok(people)
    }

    /// Without who was there before. None where nothing is remembered then.
    pub fn without_returning(&self) -> Option<People> {
        let people = People {
            returning: None,
            ..self.clone()
        };
        people.remembers().then_some(people)
    }

    /// With people who were there before this time, when not all events were taken note of. None where that is
    /// known already.
    pub fn with_people_before(&self, time: i64) -> Option<People> {
        let mut people = self.clone();
        let returning = people.returning.as_mut()?;
        let is_later = time > returning.since;
        returning.since = time;
        is_later.then_some(people)
    }

    /// With a funnel, and what became of it. `since`: all events from then on are taken.
    pub fn with_funnel(&self, definition: Definition, since: i64) -> Result<(People, SetFunnel)> {
        let mut people = self.clone();
        let outcome = people
            .funnels
            .set(definition, since, self.seed, self.bits)?;
        Ok((people, outcome))
    }

    /// Without a funnel. None where nothing is remembered then.
    pub fn without_funnel(&self, name: &[u8]) -> Option<People> {
        let mut people = self.clone();
        people.funnels.remove(name);
        people.remembers().then_some(people)
    }

    pub fn remembers(&self) -> bool {
        self.returning.is_some() || !self.funnels.is_empty()
    }

    /// With funnels that were stored.
    pub fn with_funnels(self, funnels: Funnels) -> People {
        People { funnels, ..self }
    }

    pub fn funnels(&self) -> &Funnels {
        &self.funnels
    }

    /// The number of partitions is `1 << bits`.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The terms of a funnel.
    #[inline]
    pub fn funnel_terms(&self, funnel: &super::Funnel) -> crate::funnel::Terms {
        funnel.terms(self.bits, self.most)
    }

    pub fn heap_bytes(&self) -> usize {
        self.funnels.heap_bytes()
    }

    fn tag(&self, begun: i64) -> u64 {
        let begun = begun.to_le_bytes();
        self.seed
            .tag(&[b"returning ", &begun[..], &self.bits.to_le_bytes()[..]].concat())
    }

    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The most users that are followed at a time.
    pub fn visitors(&self) -> u64 {
        self.visitors
    }

    pub fn returning(&self) -> Option<&Returning> {
        self.returning.as_ref()
    }

    pub fn partitions(&self) -> u32 {
        1 << self.bits
    }

    /// Who a user is, by the hash of its id.
    #[inline]
    pub fn visitor(&self, user: u64) -> Visitor {
        self.seed.visitor(user, None)
    }

    #[inline]
    pub fn partition_of(&self, visitor: Visitor) -> u32 {
        visitor.partition(self.bits)
    }

    /// The terms of who was there before, where that is remembered.
    #[inline]
    pub fn terms(&self) -> Option<Terms> {
        let returning = self.returning?;
        Some(Terms {
            tag: returning.tag,
            horizon: returning.horizon,
            bits: self.bits,
            most: self.most,
        })
    }

    /// How long after an event something is remembered of its user, in milliseconds.
    #[inline]
    pub fn kept(&self) -> i64 {
        let returning = self.returning;
        let returning = returning.map_or(0, |it| (i64::from(it.horizon) + 1) * DAY);
        returning.max(self.funnels.longest())
    }

    /// As the option is given.
    pub fn words(&self) -> Vec<Vec<u8>> {
        let horizon = self.returning.as_ref().map(Returning::horizon_text);
        vec![
            horizon.unwrap_or_default().into_bytes(),
            b"VISITORS".to_vec(),
            self.visitors.to_string().into_bytes(),
        ]
    }

    /// The option as it is replicated.
    pub fn options(&self) -> Vec<Vec<u8>> {
        let mut words = vec![b"RETURNING".to_vec()];
        words.extend(self.words());
        words.extend(self.seed_words());
        words
    }

    /// What is replicated behind the option as it was given: its seed and bound.
    pub fn seed_words(&self) -> [Vec<u8>; 3] {
        let visitors = self.visitors.to_string().into_bytes();
        [b"PEOPLESEED".to_vec(), self.seed.hex(), visitors]
    }
}

impl Returning {
    /// In days.
    pub fn horizon(&self) -> i32 {
        self.horizon
    }

    /// As it is given.
    pub fn horizon_text(&self) -> String {
        format!("{}d", self.horizon)
    }

    /// All events from this time on were taken note of. `i64::MIN`: all events.
    pub fn since(&self) -> i64 {
        self.since
    }

    /// When it was switched on.
    pub fn begun(&self) -> i64 {
        self.begun
    }
}

fn check_horizon(millis: i64) -> Result<i32> {
    let days = i32::try_from(millis / DAY)
        .ok()
        .filter(|_| millis % DAY == 0);
    let days = days.filter(|days| (SHORTEST_HORIZON..=LONGEST_HORIZON).contains(days));
    days.ok_or_else(|| {
        Error::new(format!(
            "the horizon of RETURNING is from {SHORTEST_HORIZON}d to {LONGEST_HORIZON}d in whole days, as in \
             RETURNING 365d"
        ))
    })
}

/// What comes behind `RETURNING`, in milliseconds; None for `off`.
pub fn parse_horizon(word: &[u8]) -> Result<Option<i64>> {
    if word.eq_ignore_ascii_case(b"off") {
        return Ok(None);
    }
    let millis = Duration::parse(word)?.as_millis().ok_or_else(|| {
        Error::new("the horizon of RETURNING is in days, not in months, as in RETURNING 365d")
    })?;
    check_horizon(millis)?;
    Ok(Some(millis))
}
