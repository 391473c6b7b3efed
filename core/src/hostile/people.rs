//! Payloads of people: buckets that count who is new and who returns, and partitions of users.

use super::setup::{one_page, site, TIME};
use crate::apply::RowResolver;
use crate::bucket::Bucket;
use crate::codec::Page;
use crate::event::{Batch, Event};
use crate::people::{Noted, People};
use crate::query::answer::Answer;
use crate::query::fold::{excess_of, Fold};
use crate::query::metric::Metric;
use crate::query::retention::{cohorts, sampling};
use crate::schema::Settings;
use crate::text::Text;
use crate::time::{Granularity, Period, Piece, DAY, MAX_TIME, MIN_TIME};

const OPTIONS: &str = "RETURNING 90d VISITORS 40 PEOPLESEED 00112233445566778899aabbccddeeff 40 \
    DIM country DIM quiet NOUSERS";

/// A partition, and a bucket in whose period its users were seen.
struct Made {
    settings: Settings,
    period: Period,
    bucket: Bucket,
    people: People,
}

impl Made {
    fn new(granularity: Granularity, events: u64) -> Made {
        let settings = site(OPTIONS, 4).settings;
        let period = settings.zone.period(granularity, TIME).unwrap();
        let mut made = Made {
            bucket: Bucket::new(&period),
            people: People::default(),
            settings,
            period,
        };
        for n in 0..events {
            // Most users came before, on one of sixty days.
            if n % 4 > 0 {
                made.note(n, TIME - (1 + n as i64 % 60) * DAY);
            }
        }
        (0..events).for_each(|n| made.take(n));
        made
    }

    fn note(&mut self, n: u64, time: i64) -> Option<Noted> {
        let people = self.settings.people.as_deref().unwrap();
        let terms = people.terms().unwrap();
        let visitor = people.visitor(n % 300);
        let day = self.settings.zone.period(Granularity::Day, time)?;
        let noted = self.people.observe(visitor, day.first_day(), &terms);
        if let Some(expiry) = self.people.new_expiry(time, TIME, people.kept()) {
            self.people.set_expiry(expiry);
        }
        Some(noted)
    }

    /// The `n`th of many different events.
    fn take(&mut self, n: u64) {
        let seen = match self.note(n, TIME) {
            Some(Noted::Seen(seen)) => Some(seen),
            _ => None,
        };
        let mut batch = Batch::default();
        let mut event: Event = batch.begin(TIME);
        event.set_kind(Text::new(b"view")).unwrap();
        event.set_user(&(n % 300).to_le_bytes()).unwrap();
        let country = [b'0' + (n % 9) as u8];
        for name in ["country", "quiet"].iter().take(n as usize % 3) {
            let name = Text::new(name.as_bytes());
            batch.add_dimension(&mut event, name, &country).unwrap();
        }
        let bucket = &mut self.bucket;
        let slot = (n % 6) as u8;
        let mut resolver = RowResolver::default();
        resolver.resolve_rows(&self.settings, &event, &batch, (None, seen), |resolved| {
            bucket.count_alone(resolved, slot, 4);
        });
    }
}

/// With the names under which `tests/golden` keeps them.
pub fn buckets() -> Vec<(&'static str, Page)> {
    let made = [
        ("minute-people", Granularity::Minute, 9),
        ("day-people", Granularity::Day, 30),
        ("month-people-sampled", Granularity::Month, 200),
    ];
    made.into_iter()
        .map(|(name, granularity, events)| {
            let made = Made::new(granularity, events);
            (name, one_page(made.bucket.encode()))
        })
        .collect()
}

pub fn partitions() -> Vec<(&'static str, Page)> {
    [("few", 20), ("sampled", 200)]
        .into_iter()
        .map(|(name, events)| {
            let made = Made::new(Granularity::Day, events);
            (name, one_page(made.people.encode()))
        })
        .collect()
}

pub fn sites() -> Vec<(&'static str, Page)> {
    vec![("people", one_page(site(OPTIONS, 100).encode()))]
}

const METRICS: [&str; 6] = [
    "users:new",
    "users:returning",
    "users:new:share@country=1",
    "users:new:rate@country=~other",
    "users:returning:share",
    "users:new/users",
];

/// All that may happen to a bucket once a payload was accepted for one.
pub fn check_bucket(bucket: Bucket) {
    let mut made = Made::new(bucket.granularity(), 0);
    made.bucket = bucket;
    assert!(made.bucket.heap_bytes() > 0 && made.bucket.parts() > 0);
    ask(&made);
    (0..40).for_each(|n| made.take(n));
    ask(&made);
    let pages = made.bucket.encode();
    let again = Bucket::decode(&pages).unwrap_or_else(|corrupt| panic!("{corrupt}"));
    assert!(again.encode() == pages);
}

fn ask(made: &Made) {
    let metrics = METRICS.map(|it| Metric::parse(it.as_bytes(), Some(&made.settings)).unwrap());
    let mut fold = Fold::new(&metrics);
    let end_slot = made.period.slot_count();
    let finite = |x: f64| assert!(x.is_finite(), "{x}");
    for (first_slot, end_slot) in [(0, end_slot), (1, end_slot - 1)] {
        let piece = Piece::of_slots(made.period, first_slot, end_slot);
        fold.add(&piece, &made.bucket);
        fold.add(&piece, &made.bucket);
        let answers = fold.answers(60.0);
        answers.filter_map(Answer::number).for_each(finite);
        finite(excess_of(&piece, &made.bucket));
    }
    let (granularity, range) = (made.period.granularity(), made.period.range());
    let asked = cohorts(&made.settings, granularity, range, range.to - 1).unwrap();
    let buckets = vec![Some(&made.bucket); asked.periods.len()];
    asked.rows(&made.settings, &buckets, range.to);
    finite(sampling(&buckets, asked.count));
}

/// All that may happen to a partition once a payload was accepted for one.
pub fn check_partition(people: &People) {
    assert!(people.parts() > 0);
    for time in [MIN_TIME, TIME, MAX_TIME] {
        let mut made = Made::new(Granularity::Hour, 0);
        made.people = people.clone();
        for n in 0..60 {
            made.note(n, time);
        }
        let site = made.settings.people.as_deref().unwrap();
        let terms = site.terms().unwrap();
        made.people.forget(site.visitor(3), &terms);
        made.people.remember(site.visitor(4), (-700_000, 5), &terms);
        let pages = made.people.encode();
        let again = People::decode(&pages).unwrap_or_else(|corrupt| panic!("{corrupt}"));
        assert!(again.encode() == pages);
    }
}
