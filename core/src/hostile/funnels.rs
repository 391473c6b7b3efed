//! Payloads of funnels: buckets that count them, partitions of attempts under way, and sites that have some.

use super::setup::{one_page, TIME};
use crate::apply::{Beginnings, FunnelBatch, FunnelEvent, RowResolver};
use crate::bucket::Bucket;
use crate::codec::Page;
use crate::event::{Batch, Event};
use crate::people::People;
use crate::query::answer::Answer;
use crate::query::fold::{funnel_by, Fold, FunnelFold};
use crate::query::metric::{FunnelSource, Metric};
use crate::schema::{self, parse_funnel, Names, Settings};
use crate::site::Site;
use crate::text::Text;
use crate::time::{Granularity, Period, Piece, Retention, Zone, MAX_TIME, MINUTE, MIN_TIME};
use crate::visitors::{Seed, Visitor};

const SEED: Seed = Seed([7, 9]);

const WORDS: [&str; 2] = [
    "buy WITHIN 10m STEP event=view&page=/1 STEP event=cart STEP event=pay EXCLUDE event=stop BY country BY page",
    "slow WITHIN 60d STEP event=view STEP event=cart STEP event=cart&page=/2",
];

pub fn settings(capacity: usize, users: u64) -> Settings {
    let settings = Settings::new(Zone::UTC, Retention::default(), capacity);
    let mut people = schema::People::new(SEED, users).unwrap();
    for (number, words) in WORDS.iter().enumerate() {
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        let definition = parse_funnel(&words, Names::of(None)).unwrap();
        let since = [i64::MIN, TIME][number];
        people = people.with_funnel(definition, since).unwrap().0;
    }
    settings.with_people(Some(people)).unwrap()
}

const VALUES: [&[u8]; 7] = [b"/0", b"/1", b"/2", b"/3", b"/4", b"/5", b"/6"];

/// A partition, and the bucket in which its attempts began.
struct Made {
    settings: Settings,
    period: Period,
    bucket: Bucket,
    people: People,
}

impl Made {
    fn new(granularity: Granularity, capacity: usize, users: u64, events: u64) -> Made {
        let settings = settings(capacity, users);
        let period = settings.zone.period(granularity, TIME).unwrap();
        let mut made = Made {
            bucket: Bucket::new(&period),
            people: People::default(),
            settings,
            period,
        };
        (0..events).for_each(|n| made.take(n, TIME + n as i64 * 1_000));
        made
    }

    /// The `n`th of many different events.
    fn take(&mut self, n: u64, time: i64) {
        let mut batch = Batch::default();
        let mut event: Event = batch.begin(time);
        let kinds: [&[u8]; 6] = [b"view", b"view", b"cart", b"view", b"pay", b"stop"];
        event
            .set_kind(Text::new(kinds[(n % 41 % 6) as usize]))
            .unwrap();
        event.set_user(&(n % 60).to_le_bytes()).unwrap();
        for (name, value) in [("page", n % 3), ("country", n % 7)] {
            let (name, value) = (Text::new(name.as_bytes()), VALUES[value as usize]);
            batch.add_dimension(&mut event, name, value).unwrap();
        }
        let people = self.settings.people.as_deref().unwrap();
        let (funnels, seed) = self.settings.funnels().unwrap();
        let visitor: Visitor = people.visitor(event.user);
        let mut changes = FunnelBatch::default();
        for (place, funnel) in funnels.list().iter().enumerate() {
            let Some(attempting) = FunnelEvent::of(funnel, seed, &event, &batch) else {
                continue;
            };
            let terms = people.funnel_terms(funnel);
            let progress = self
                .people
                .funnel_mut(&terms, |tag| funnels.has(tag))
                .unwrap();
            let _ = progress.beginnings(visitor, &terms);
            let observed = progress.observe(visitor, &attempting.moment, TIME, &terms);
            changes.add((funnels, seed), place, &attempting, &observed, |_| 0);
        }
        if let Some(expiry) = self.people.new_expiry(time, TIME, people.kept()) {
            self.people.set_expiry(expiry);
        }
        let (bucket, capacity) = (&mut self.bucket, self.settings.capacity);
        RowResolver::default().resolve_rows(
            &self.settings,
            &event,
            &batch,
            (None, None),
            |resolved| {
                bucket.count_alone(resolved, (n % 6) as u8, capacity);
            },
        );
        changes.apply(bucket, capacity, |_, _| Some((n % 6) as u8));
    }
}

/// With the names under which `tests/golden` keeps them.
pub fn buckets() -> Vec<(&'static str, Page)> {
    let made = [
        ("hour-funnels", Granularity::Hour, 100, 1_000, 150),
        ("week-funnels-spilled", Granularity::Week, 3, 20, 900),
    ];
    made.into_iter()
        .map(|(name, granularity, capacity, users, events)| {
            let made = Made::new(granularity, capacity, users, events);
            (name, one_page(made.bucket.encode()))
        })
        .collect()
}

pub fn partitions() -> Vec<(&'static str, Page)> {
    [("funnels", 1_000, 150), ("funnels-sampled", 20, 900)]
        .into_iter()
        .map(|(name, users, events)| {
            let made = Made::new(Granularity::Hour, 100, users, events);
            (name, one_page(made.people.encode()))
        })
        .collect()
}

pub fn sites() -> Vec<(&'static str, Page)> {
    let site = Site::new(settings(100, 1_000));
    vec![("funnels", one_page(site.encode()))]
}

const METRICS: [&str; 6] = [
    "funnel:buy",
    "funnel:buy:users",
    "funnel:buy:share@country=/1",
    "funnel:buy:step2@page=~other",
    "funnel:slow:step3",
    "funnel:slow:users/funnel:buy:users",
];

/// All that may happen to a bucket once a payload was accepted for one.
pub fn check_bucket(bucket: Bucket) {
    for capacity in [2, 1_000] {
        let mut made = Made::new(Granularity::Hour, capacity, 1_000, 0);
        made.bucket = bucket.clone();
        assert!(made.bucket.heap_bytes() > 0 && made.bucket.parts() > 0);
        ask(&made);
        for n in 0..60 {
            made.take(n, TIME + n as i64);
            made.take(n, TIME + MINUTE + n as i64);
        }
        ask(&made);
        let pages = made.bucket.encode();
        let again = Bucket::decode(&pages).unwrap_or_else(|corrupt| panic!("{corrupt}"));
        assert!(again.encode() == pages);
    }
}

fn ask(made: &Made) {
    let metrics = METRICS.map(|it| Metric::parse(it.as_bytes(), Some(&made.settings)).unwrap());
    let end_slot = made.period.slot_count();
    let finite = |x: f64| assert!(x.is_finite(), "{x}");
    let (funnels, seed) = made.settings.funnels().unwrap();
    for (first_slot, end_slot) in [(0, end_slot), (1, end_slot - 1)] {
        let piece = Piece::of_slots(made.period, first_slot, end_slot);
        let mut fold = Fold::new(&metrics);
        fold.add_visits(&piece, &made.bucket);
        fold.answers(60.0)
            .filter_map(Answer::number)
            .for_each(finite);
        for funnel in funnels.list() {
            let source = FunnelSource {
                tag: funnel.tag(),
                steps: funnel.steps() as u8,
                seed,
                since: funnel.since(),
            };
            let mut fold = FunnelFold::new(source);
            fold.add(&piece, &made.bucket);
            fold.add(&piece, &made.bucket);
            finite(fold.sampling());
            for step in fold.steps() {
                let numbers = [step.share, step.share_of_before, step.median, step.p90];
                numbers
                    .into_iter()
                    .filter_map(Answer::number)
                    .for_each(finite);
                finite(step.error);
            }
            let parts = [(piece, &made.bucket), (piece, &made.bucket)];
            for name in ["country", "page", "event"] {
                let (rows, other) = funnel_by(&parts, source, Text::new(name.as_bytes()), 2);
                assert!(rows.len() <= 2);
                for row in rows.iter().chain(&other) {
                    row.share(funnel.steps())
                        .number()
                        .into_iter()
                        .for_each(finite);
                }
            }
        }
    }
}

/// All that may happen to a partition once a payload was accepted for one.
pub fn check_partition(people: &People) {
    assert!(people.parts() > 0);
    for time in [MIN_TIME, TIME + MINUTE, MAX_TIME - MINUTE] {
        let mut made = Made::new(Granularity::Hour, 100, 1_000, 0);
        made.people = people.clone();
        for n in 0..60 {
            made.take(n, time + n as i64 * 1_000);
        }
        let all = made.settings.people.as_deref().unwrap();
        for funnel in all.funnels().list() {
            let terms = all.funnel_terms(funnel);
            for n in 0..60u64 {
                let visitor = all.visitor(crate::hash::hash(&n.to_le_bytes()));
                made.people.forget_in_funnel(visitor, &terms);
            }
        }
        for n in 0..20 {
            made.take(n, time + MINUTE - 1);
        }
        let pages = made.people.encode();
        let again = People::decode(&pages).unwrap_or_else(|corrupt| panic!("{corrupt}"));
        assert!(again.encode() == pages);
    }
}

/// Attempts of other rules than those of the settings, which a payload may have.
#[test]
fn attempts_of_any_rules_are_stored_and_read() {
    use crate::codec::{Reader, Writer};
    use crate::funnel::{Matched, Moment, Progress, Rules, Terms, MOST_BY};
    for (steps, by, within) in [(2, 0, 1), (8, 4, 90 * 86_400_000), (5, 1, 3_600_000)] {
        let rules = Rules { within, steps, by };
        let terms = Terms {
            tag: 3,
            rules,
            bits: 0,
            most: 100,
        };
        let mut progress = Progress::new(&terms);
        for n in 0..2_000u64 {
            let moment = Moment {
                time: TIME + n as i64 * (within / 50 + 1),
                matched: Matched {
                    steps: 1 << (n * n % u64::from(steps)),
                    ends: n % 97 == 0,
                },
                by: [SEED.value(&[n as u8 % 5]).into(); MOST_BY],
            };
            let visitor = SEED.visitor(n % 40, None);
            progress.observe(visitor, &moment, MAX_TIME, &terms);
        }
        assert!(!progress.is_empty());
        let mut writer = Writer::new();
        progress.encode(&mut writer);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        let again = Progress::decode(&mut reader).unwrap();
        reader.finish().unwrap();
        let mut writer = Writer::new();
        again.encode(&mut writer);
        assert_eq!(writer.into_bytes(), bytes);
    }
}
