//! A funnel, which is given (`funnel_words.rs`) as
//! `name WITHIN duration STEP condition STEP condition ... [EXCLUDE condition]... [BY dimension]...`.

use super::condition::Condition;
use super::name_rules::{check_dimension_name, check_name};
use crate::error::{shown, Error, Result};
use crate::funnel::{
    Matched, Rules, Terms, LEAST_STEPS, LONGEST, MOST_BY, MOST_FUNNELS, MOST_STEPS,
};
use crate::memory::allocated;
use crate::text::{Name, Text};
use crate::time::{Duration, SECOND};
use crate::visitors::Seed;

/// The most conditions of `EXCLUDE`.
pub const MOST_EXCLUDES: usize = 8;

/// A funnel as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    name: Name,
    within: i64,
    steps: Vec<Condition>,
    excludes: Vec<Condition>,
    by: Vec<Name>,
}

/// A funnel that a site counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funnel {
    definition: Definition,
    /// All events from this time on were taken. `i64::MIN`: all events.
    since: i64,
    /// No other funnel of the site has had it.
    number: u64,
    /// What was counted under another tag is not its own.
    tag: u64,
}

impl Definition {
    pub fn new(
        name: &[u8],
        within: i64,
        steps: Vec<Condition>,
        excludes: Vec<Condition>,
        by: Vec<Name>,
    ) -> Result<Definition> {
        check_funnel_name(name)?;
        check_within(within)?;
        if !(LEAST_STEPS..=MOST_STEPS).contains(&steps.len()) {
            return Err(Error::new(format!(
                "a funnel has from {LEAST_STEPS} to {MOST_STEPS} STEP, not {}",
                steps.len()
            )));
        }
        if excludes.len() > MOST_EXCLUDES || by.len() > MOST_BY {
            return Err(Error::new(format!(
                "a funnel has at most {MOST_EXCLUDES} EXCLUDE and {MOST_BY} BY"
            )));
        }
        let conditions: Vec<&Condition> = steps.iter().chain(&excludes).collect();
        for (place, condition) in conditions.iter().enumerate() {
            let mut before = conditions.iter().take(place);
            if before.any(|before| before.is_same(condition)) {
                return Err(Error::new(format!(
                    "condition '{}' is given twice: one event would meet both",
                    shown(condition.text())
                )));
            }
        }
        for (place, name) in by.iter().enumerate() {
            check_by(name.bytes())?;
            if by.iter().take(place).any(|before| before == name) {
                let name = shown(name.bytes());
                return Err(Error::new(format!("BY '{name}' is given twice")));
            }
        }
        Ok(Definition {
            name: Name::new(name),
            within,
            steps,
            excludes,
            by,
        })
    }

    pub fn name(&self) -> &[u8] {
        self.name.bytes()
    }

    /// From the first step to the last, in milliseconds.
    pub fn within(&self) -> i64 {
        self.within
    }

    /// The same as it is given.
    pub fn within_text(&self) -> String {
        let within = Duration::of_millis(self.within);
        within.map_or(String::new(), |within| within.to_string())
    }

    pub fn steps(&self) -> &[Condition] {
        &self.steps
    }

    pub fn excludes(&self) -> &[Condition] {
        &self.excludes
    }

    pub fn by(&self) -> &[Name] {
        &self.by
    }

    /// The words behind `SET`.
    pub fn words(&self) -> Vec<Vec<u8>> {
        let within = self.within_text();
        let mut words = vec![
            self.name().to_vec(),
            b"WITHIN".to_vec(),
            within.into_bytes(),
        ];
        let conditions = { self.steps.iter() }
            .map(|step| (&b"STEP"[..], step.text()))
            .chain(self.excludes.iter().map(|it| (&b"EXCLUDE"[..], it.text())))
            .chain(self.by.iter().map(|name| (&b"BY"[..], name.bytes())));
        for (token, text) in conditions {
            words.extend([token.to_vec(), text.to_vec()]);
        }
        words
    }

    /// Whether it counts the same as another one.
    pub fn is_same(&self, other: &Definition) -> bool {
        let are = |a: &[Condition], b: &[Condition]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b))
        };
        self.within == other.within
            && are(&self.steps, &other.steps)
            && are(&self.excludes, &other.excludes)
            && self.by == other.by
    }

    /// Which steps an event of this type and these dimensions is, and whether it ends chains.
    #[inline]
    pub fn matched(&self, kind: Text, dimensions: &[(Text, Text)]) -> Matched {
        let mut steps = 0;
        for (number, step) in self.steps.iter().enumerate() {
            steps |= u8::from(step.is_met(kind, dimensions)) << number;
        }
        let mut excludes = self.excludes.iter();
        Matched {
            steps,
            ends: excludes.any(|it| it.is_met(kind, dimensions)),
        }
    }

    /// Whether a condition or a `BY` is of this dimension.
    pub fn needs(&self, dimension: &[u8]) -> bool {
        let mut conditions = self.steps.iter().chain(&self.excludes);
        self.by.iter().any(|name| name.bytes() == dimension)
            || conditions.any(|it| it.pairs().any(|(name, _)| name == dimension))
    }

    fn heap_bytes(&self) -> usize {
        let conditions: usize = { self.steps.iter() }
            .chain(&self.excludes)
            .map(Condition::heap_bytes)
            .sum();
        let names = self.by.iter().chain([&self.name]);
        let names: usize = names.map(|name| allocated(name.bytes().len())).sum();
        allocated(self.steps.capacity() * size_of::<Condition>())
            + allocated(self.excludes.capacity() * size_of::<Condition>())
            + allocated(self.by.capacity() * size_of::<Name>())
            + conditions
            + names
    }
}

impl Funnel {
    /// `bits`: those of the partitions of the site.
    pub fn new(definition: Definition, since: i64, number: u64, seed: Seed, bits: u32) -> Funnel {
        let tag = [number.to_le_bytes(), u64::from(bits).to_le_bytes()].concat();
        Funnel {
            tag: seed.tag(&[b"funnel ", &tag[..]].concat()),
            definition,
            since,
            number,
        }
    }

    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    pub fn name(&self) -> &[u8] {
        self.definition.name()
    }

    pub fn since(&self) -> i64 {
        self.since
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn tag(&self) -> u64 {
        self.tag
    }

    pub fn steps(&self) -> usize {
        self.definition.steps.len()
    }

    /// `bits` and `most`: those of the partitions of the site.
    #[inline]
    pub fn terms(&self, bits: u32, most: usize) -> Terms {
        Terms {
            tag: self.tag,
            rules: Rules {
                within: self.definition.within,
                steps: self.definition.steps.len() as u8,
                by: self.definition.by.len() as u8,
            },
            bits,
            most,
        }
    }

    pub fn heap_bytes(&self) -> usize {
        self.definition.heap_bytes()
    }
}

/// Letters, digits, `-`, `_` and `.`: metrics have the name between colons.
pub fn check_funnel_name(name: &[u8]) -> Result<()> {
    check_name("funnel", name)?;
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    if name.iter().all(is_plain) {
        return Ok(());
    }
    Err(Error::new(format!(
        "funnel '{}': a name has only letters, digits, - _ and .",
        shown(name)
    )))
}

pub(super) fn check_by(name: &[u8]) -> Result<()> {
    match name {
        b"event" => Ok(()),
        name => check_dimension_name(name),
    }
}

pub(super) fn check_within(millis: i64) -> Result<()> {
    if (SECOND..=LONGEST).contains(&millis) {
        return Ok(());
    }
    Err(Error::new("WITHIN is from 1s to 90d, as in WITHIN 7d"))
}

/// The funnels of a site, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Funnels {
    list: Vec<Funnel>,
    /// The number of the funnel that was made last.
    last: u64,
}

/// What `SET` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetFunnel {
    Made,
    /// There was another one of this name: it begins anew.
    Changed,
    /// It was there already.
    Same,
}

impl Funnels {
    /// What was stored.
    pub fn of(list: Vec<Funnel>, last: u64) -> Result<Funnels> {
        let mut numbers = list.iter().map(Funnel::number);
        let mut names: Vec<&[u8]> = list.iter().map(Funnel::name).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() != list.len()
            || list.len() > MOST_FUNNELS
            || !list.is_sorted_by(|a, b| a.number < b.number)
            || numbers.any(|number| number == 0 || number > last)
        {
            return Err(Error::new("funnels are too many, or not different"));
        }
        Ok(Funnels { list, last })
    }

    pub fn list(&self) -> &[Funnel] {
        &self.list
    }

    /// Whether one of them has this tag.
    pub fn has(&self, tag: u64) -> bool {
        self.list.iter().any(|funnel| funnel.tag == tag)
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The number of the funnel that was made last.
    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn get(&self, name: &[u8]) -> Option<&Funnel> {
        self.list.iter().find(|funnel| funnel.name() == name)
    }

    /// The longest duration of any, 0 where there are none.
    #[inline]
    pub fn longest(&self) -> i64 {
        let durations = self.list.iter().map(|funnel| funnel.definition.within);
        durations.max().unwrap_or(0)
    }

    /// What `SET` with this definition would do, or why it is refused.
    pub fn outcome(&self, definition: &Definition) -> Result<SetFunnel> {
        match self.get(definition.name()) {
            Some(known) if known.definition.is_same(definition) => Ok(SetFunnel::Same),
            Some(_) => Ok(SetFunnel::Changed),
            None if self.list.len() >= MOST_FUNNELS => Err(Error::new(format!(
                "a site has at most {MOST_FUNNELS} funnels; DEL removes one"
            ))),
            None => Ok(SetFunnel::Made),
        }
    }

    /// `since`: all events from then on are taken.
    pub fn set(
        &mut self,
        definition: Definition,
        since: i64,
        seed: Seed,
        bits: u32,
    ) -> Result<SetFunnel> {
        let outcome = self.outcome(&definition)?;
        if outcome != SetFunnel::Same {
            self.remove(definition.name());
            self.last = self.last.saturating_add(1);
            let funnel = Funnel::new(definition, since, self.last, seed, bits);
            self.list.reserve_exact(1);
            self.list.push(funnel);
        }
        Ok(outcome)
    }

    /// False where there is none of this name.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let before = self.list.len();
        self.list.retain(|funnel| funnel.name() != name);
        self.list.len() < before
    }

    pub fn heap_bytes(&self) -> usize {
        let each: usize = self.list.iter().map(Funnel::heap_bytes).sum();
        allocated(self.list.capacity() * size_of::<Funnel>()) + each
    }
}
