//! Cohorts: the users of the periods in which they came for the first time, and how many of them came back.

use crate::bucket::tally::Tally;
use crate::bucket::Bucket;
use crate::error::{Error, Result};
use crate::people::Age;
use crate::schema::{limits, People, Settings};
use crate::time::{Granularity, Period, Range};

/// The periods of a question.
pub struct Cohorts {
    /// From the first cohort to the present period.
    pub periods: Vec<Period>,
    /// How many of them are cohorts: those at the front.
    pub count: usize,
}

/// A period in which users came for the first time. None where a number is unknown.
#[derive(Debug, PartialEq, Eq)]
pub struct Cohort {
    pub start: i64,
    pub users: Option<u64>,
    /// Of each period after it, how many of them were seen in it.
    pub returned: Vec<Option<u64>>,
}

/// The periods that begin in a window, and those after them up to now.
pub fn cohorts(
    settings: &Settings,
    granularity: Granularity,
    window: Range,
    now: i64,
) -> Result<Cohorts> {
    let zone = &settings.zone;
    let first = zone.period(granularity, window.from);
    let first = first.and_then(|first| match first.start() < window.from {
        true => first.next(zone),
        false => Some(first),
    });
    let all = std::iter::successors(first, |period| period.next(zone));
    let mut cohorts = Cohorts {
        periods: Vec::new(),
        count: 0,
    };
    let mut cells = 0usize;
    for period in all.take_while(|period| period.start() <= now) {
        cells += cohorts.count;
        if cells > limits::CELLS_PER_RETENTION {
            return Err(Error::new(format!(
                "more than {} numbers: ask for a shorter window, or for weeks or months",
                limits::CELLS_PER_RETENTION
            )));
        }
        cohorts.count += usize::from(period.start() < window.to);
        cohorts.periods.push(period);
    }
    Ok(cohorts)
}

impl Cohorts {
    /// `buckets`: those of the periods.
    pub fn rows(&self, settings: &Settings, buckets: &[Option<&Bucket>], now: i64) -> Vec<Cohort> {
        let known: Vec<Known> = { self.periods.iter().zip(buckets) }
            .map(|(period, bucket)| Known::of(settings, period, *bucket, now))
            .collect();
        let cohorts = self.periods.iter().zip(0..).take(self.count);
        let rows = cohorts.map(|(cohort, at)| {
            let later = self.periods.iter().zip(&known).skip(at);
            let mut counts = later.map(|(period, known)| {
                let age = period.first_day() - cohort.first_day();
                known.users(Age::try_from(age).unwrap_or(Age::MAX))
            });
            Cohort {
                start: cohort.start(),
                users: counts.next().flatten(),
                returned: counts.collect(),
            }
        });
        rows.collect()
    }
}

/// What is known of the users of a period.
enum Known<'b> {
    Nothing,
    /// Nobody was there.
    Nobody,
    Bucket(&'b crate::bucket::people::People),
}

impl<'b> Known<'b> {
    fn of(settings: &Settings, period: &Period, bucket: Option<&'b Bucket>, now: i64) -> Known<'b> {
        let Some(bucket) = bucket else {
            let returning = settings.people.as_deref().and_then(People::returning);
            let since = returning.map_or(i64::MAX, |it| it.since());
            let is_kept = settings.retention.is_kept(period, now, &settings.zone);
            let granularity = period.granularity().index();
            let kept_since = settings.since.get(granularity).copied().unwrap_or(i64::MIN);
            return match is_kept && period.start() >= since.max(kept_since) {
                true => Known::Nobody,
                false => Known::Nothing,
            };
        };
        match bucket.people() {
            Some(people) if people.is_complete() => Known::Bucket(people),
            None if is_empty(bucket.total()) => Known::Nobody,
            _ => Known::Nothing,
        }
    }

    fn users(&self, age: Age) -> Option<u64> {
        match self {
            Known::Nothing => None,
            Known::Nobody => Some(0),
            Known::Bucket(people) => Some(people.cohort(age)),
        }
    }
}

/// Whether nobody was there. Without events there may be users that were imported.
fn is_empty(tally: &Tally) -> bool {
    tally.events() == 0 && tally.users().is_empty()
}

/// The part of the new users of these buckets that was followed, on average.
pub fn sampling(buckets: &[Option<&Bucket>], count: usize) -> f64 {
    let buckets = buckets.iter().take(count).flatten();
    let (mut users, mut excess) = (0.0, 0.0);
    for bucket in buckets {
        users += new_users(bucket) as f64;
        excess += bucket.people().map_or(0, |people| people.excess()) as f64;
    }
    match users > 0.0 {
        true => 1.0 / (1.0 + excess / users),
        false => 1.0,
    }
}

/// The new users of a bucket.
pub fn new_users(bucket: &Bucket) -> u64 {
    let new_users = bucket.total().new_users();
    new_users.map_or(0, |new_users| new_users.total())
}
