//! What a site counts of visits: `VISITS timeout [PATH dimension] [BY dimension]... [VISITORS n]`.

use super::limits;
use crate::error::{shown, Error, Result};
use crate::memory::allocated;
use crate::text::{Name, Text};
use crate::time::{Duration, SECOND};
use crate::visitors::{partitions_of, Layout, Seed, Terms, LONGEST, LONGEST_PATH, MOST_BY};
use crate::visitors::{Visitor, MOST_VISITORS};

const _: () = assert!(LONGEST_PATH == limits::DIMENSION_VALUE);

/// The dimensions that are derived from visits, where they have a `PATH`.
pub const ENTRY: &[u8] = b"entry";
pub const EXIT: &[u8] = b"exit";
/// The path before, a dimension of events.
pub const FROM: &[u8] = b"from";

/// The path before the first one of a visit.
pub const START: &[u8] = b"~start";

/// `VISITS` as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenVisits {
    pub timeout: i64,
    pub path: Option<Name>,
    pub by: Vec<Name>,
    /// None for the default.
    pub visitors: Option<u64>,
    /// Given in replication only.
    pub seed: Option<Seed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visits {
    timeout: i64,
    path: Option<Name>,
    by: Vec<Name>,
    visitors: u64,
    seed: Seed,
    /// Of all of the above but the number of visitors.
    tag: u64,
    bits: u32,
    most: usize,
    /// The site counts events by the path before.
    counts_from: bool,
}

impl GivenVisits {
    /// With what was not given. A site that counts visits already keeps its seed and its bound.
    pub fn fill(&mut self, before: Option<&Visits>, visitors: u64, seed: Seed) {
        let default = before.map_or(visitors, Visits::visitors);
        self.visitors.get_or_insert(default);
        let seed = before.map_or(seed, Visits::seed);
        self.seed.get_or_insert(seed);
    }
}

impl Visits {
    pub fn new(given: &GivenVisits) -> Result<Visits> {
        let (Some(visitors), Some(seed)) = (given.visitors, given.seed) else {
            return Err(Error::new("VISITS has no seed or bound"));
        };
        check_timeout(given.timeout)?;
        let visitors = check_visitors(visitors)?;
        if given.by.len() > MOST_BY {
            return Err(Error::new(format!("VISITS takes at most {MOST_BY} BY")));
        }
        for (at, name) in given.by.iter().enumerate() {
            if given.by.iter().take(at).any(|other| other == name) {
                let name = shown(name.bytes());
                return Err(Error::new(format!("VISITS BY '{name}' is given twice")));
            }
        }
        let derived = given.path.iter().chain(&given.by);
        for name in derived.filter(|_| given.path.is_some()) {
            if [ENTRY, EXIT, FROM].contains(&name.bytes()) {
                let name = shown(name.bytes());
                return Err(Error::new(format!(
                    "VISITS: '{name}' is derived from PATH; name another dimension"
                )));
            }
        }
        let (bits, most) = partitions_of(visitors);
        let mut visits = Visits {
            timeout: given.timeout,
            path: given.path.clone(),
            by: given.by.clone(),
            visitors,
            seed,
            tag: 0,
            bits,
            most,
            counts_from: false,
        };
        visits.tag = seed.tag(&visits.words().concat());
        Ok(visits)
    }

    pub fn timeout(&self) -> i64 {
        self.timeout
    }

    pub fn path(&self) -> Option<&Name> {
        self.path.as_ref()
    }

    pub fn by(&self) -> &[Name] {
        &self.by
    }

    /// The most visitors that are followed at a time.
    pub fn visitors(&self) -> u64 {
        self.visitors
    }

    pub fn seed(&self) -> Seed {
        self.seed
    }

    pub fn partitions(&self) -> u32 {
        1 << self.bits
    }

    #[inline]
    pub fn visitor_of(&self, user: u64, session: Option<u64>) -> Visitor {
        self.seed.visitor(user, session)
    }

    #[inline]
    pub fn partition_of(&self, visitor: Visitor) -> u32 {
        visitor.partition(self.bits)
    }

    pub(super) fn set_counts_from(&mut self, is_declared: bool) {
        self.counts_from = is_declared && self.path.is_some();
    }

    /// Whether the dimension `from` is derived for events.
    #[inline]
    pub fn counts_from(&self) -> bool {
        self.counts_from
    }

    #[inline]
    pub fn terms(&self) -> Terms {
        Terms {
            tag: self.tag,
            timeout: self.timeout,
            layout: Layout {
                path: self.path.is_some(),
                by: self.by.len() as u8,
            },
            keeps_paths: self.counts_from,
            bits: self.bits,
            most: self.most,
        }
    }

    /// Whether visits are counted for the values of this dimension.
    pub fn counts_by(&self, dimension: Text) -> bool {
        self.is_derived(dimension) || self.by.iter().any(|name| name.is(dimension))
    }

    /// Whether it is `entry` or `exit`, of a site with a path.
    pub fn is_derived(&self, dimension: Text) -> bool {
        self.path.is_some() && [ENTRY, EXIT].contains(&dimension.bytes)
    }

    /// The dimensions for whose values visits are counted.
    pub fn dimensions(&self) -> impl Iterator<Item = &[u8]> {
        let derived = [ENTRY, EXIT].into_iter().filter(|_| self.path.is_some());
        self.by.iter().map(Name::bytes).chain(derived)
    }

    /// As it is given.
    pub fn words(&self) -> Vec<Vec<u8>> {
        let timeout = Duration::of_millis(self.timeout);
        let timeout = timeout.map_or(String::new(), |timeout| timeout.to_string());
        let mut words = vec![timeout.into_bytes()];
        if let Some(path) = &self.path {
            words.extend([b"PATH".to_vec(), path.bytes().to_vec()]);
        }
        for name in &self.by {
            words.extend([b"BY".to_vec(), name.bytes().to_vec()]);
        }
        words.extend([b"VISITORS".to_vec(), self.visitors.to_string().into_bytes()]);
        words
    }

    /// The option as it is replicated.
    pub fn options(&self) -> Vec<Vec<u8>> {
        let mut words = vec![b"VISITS".to_vec()];
        words.extend(self.words());
        words.extend(self.seed_words());
        words
    }

    /// What is replicated behind the option as it was given: its seed and bound.
    pub fn seed_words(&self) -> [Vec<u8>; 3] {
        let visitors = self.visitors.to_string().into_bytes();
        [b"SEED".to_vec(), self.seed.hex(), visitors]
    }

    pub fn heap_bytes(&self) -> usize {
        let names = self.path.iter().chain(&self.by);
        let names: usize = names.map(|name| allocated(name.bytes().len())).sum();
        allocated(self.by.capacity() * size_of::<Name>()) + names
    }
}

fn check_timeout(timeout: i64) -> Result<()> {
    if (SECOND..=LONGEST).contains(&timeout) {
        return Ok(());
    }
    Err(Error::new(
        "the timeout of VISITS is from 1s to 24h, as in VISITS 30m",
    ))
}

pub fn check_visitors(visitors: u64) -> Result<u64> {
    if (1..=MOST_VISITORS).contains(&visitors) {
        return Ok(visitors);
    }
    Err(Error::new(format!(
        "VISITORS '{visitors}' is not a number from 1 to {MOST_VISITORS}"
    )))
}

/// 32 hexadecimal digits.
pub fn parse_seed(word: &[u8]) -> Result<Seed> {
    let half = |digits: Option<&[u8]>| {
        let digits = std::str::from_utf8(digits?).ok()?;
        let is_plain = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u64::from_str_radix(digits, 16).ok().filter(|_| is_plain)
    };
    match (half(word.get(..16)), half(word.get(16..))) {
        (Some(a), Some(b)) => Ok(Seed([a, b])),
        _ => Err(Error::new("SEED is not 32 hexadecimal digits")),
    }
}
