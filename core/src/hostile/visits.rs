//! Payloads of visits: buckets that count them, and partitions of visits under way.

use super::setup::{one_page, site, TIME};
use crate::apply::{Beginnings, RowResolver, VisitBatch, VisitEvent};
use crate::bucket::Bucket;
use crate::codec::Page;
use crate::event::{Batch, Event};
use crate::query::answer::Answer;
use crate::query::fold::{spread_of, Fold};
use crate::query::metric::{Metric, VisitMeasure};
use crate::query::top::top_by_visits;
use crate::schema::Settings;
use crate::text::Text;
use crate::time::{Granularity, Period, Piece, MAX_TIME, MINUTE, MIN_TIME};
use crate::visitors::Partition;

const OPTIONS: &str = "VISITS 30m PATH page BY country BY event VISITORS 40 \
    SEED 00112233445566778899aabbccddeeff 40 DIM from";

pub fn settings(capacity: usize) -> Settings {
    site(OPTIONS, capacity).settings
}

/// A partition, and the bucket in which its visits began.
struct Made {
    settings: Settings,
    period: Period,
    bucket: Bucket,
    partition: Partition,
}

impl Made {
    fn new(granularity: Granularity, capacity: usize, events: u64) -> Made {
        let settings = settings(capacity);
        let terms = settings.visits.as_ref().unwrap().terms();
        let period = settings.zone.period(granularity, TIME).unwrap();
        let mut made = Made {
            bucket: Bucket::new(&period),
            partition: Partition::new(&terms),
            settings,
            period,
        };
        (0..events).for_each(|n| made.take(n, TIME + (n % 300) as i64 * 1_000));
        made
    }

    /// The `n`th of many different events.
    fn take(&mut self, n: u64, time: i64) {
        let visits = self.settings.visits.as_deref().unwrap();
        let texts = [format!("/{}", n % 13), format!("{}", n % 5)];
        let [page, country] = texts.each_ref().map(|text| Text::new(text.as_bytes()));
        let mut batch = Batch::default();
        let mut event: Event = batch.begin(time);
        event.set_kind(Text::new(b"view")).unwrap();
        event.set_user(&(n % 60).to_le_bytes()).unwrap();
        event.passive = n % 7 == 1;
        for (name, value) in [("page", page), ("country", country)]
            .iter()
            .take(n as usize % 3)
        {
            let name = Text::new(name.as_bytes());
            batch.add_dimension(&mut event, name, value.bytes).unwrap();
        }
        let visitor = visits.visitor_of(event.user, event.session);
        let visiting = VisitEvent::of(visits, visitor, &event, &batch);
        let terms = visits.terms();
        let (moment, path) = (&visiting.moment, visiting.path);
        let observed = self.partition.observe(visitor, moment, path, TIME, &terms);
        let mut changes = VisitBatch::default();
        changes.add(visits, &visiting, &observed, 0);
        if let Some(expiry) = self.partition.new_expiry(time, TIME, &terms) {
            self.partition.set_expiry(expiry);
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
        ("hour-visits", Granularity::Hour, 100, 60),
        ("week-visits-spilled", Granularity::Week, 3, 900),
    ];
    made.into_iter()
        .map(|(name, granularity, capacity, events)| {
            (
                name,
                one_page(Made::new(granularity, capacity, events).bucket.encode()),
            )
        })
        .collect()
}

pub fn partitions() -> Vec<(&'static str, Page)> {
    [("few", 30), ("sampled", 900)]
        .into_iter()
        .map(|(name, events)| {
            let made = Made::new(Granularity::Hour, 100, events);
            (name, one_page(made.partition.encode()))
        })
        .collect()
}

pub fn sites() -> Vec<(&'static str, Page)> {
    let site = site(OPTIONS, 100);
    vec![("visits", one_page(site.encode()))]
}

const METRICS: [&str; 8] = [
    "visits",
    "bounces:share",
    "visit-time:avg",
    "visit-events:sum",
    "visits:rate@entry=/1",
    "visits@exit=~other",
    "bounces@country=1",
    "visit-time:sum/visits",
];

/// All that may happen to a bucket once a payload was accepted for one.
pub fn check_bucket(bucket: Bucket) {
    for capacity in [2, 1_000] {
        let mut made = Made::new(Granularity::Hour, capacity, 0);
        made.bucket = bucket.clone();
        assert!(made.bucket.heap_bytes() > 0 && made.bucket.parts() > 0);
        ask(&made);
        for n in 0..40 {
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
    let mut fold = Fold::new(&metrics);
    let end_slot = made.period.slot_count();
    let finite = |x: f64| assert!(x.is_finite(), "{x}");
    for (first_slot, end_slot) in [(0, end_slot), (1, end_slot - 1)] {
        let piece = Piece::of_slots(made.period, first_slot, end_slot);
        fold.add_visits(&piece, &made.bucket);
        fold.add_visits(&piece, &made.bucket);
        fold.set_visit_seconds(60.0);
        fold.answers(60.0)
            .filter_map(Answer::number)
            .for_each(finite);
        if let Some(visits) = made.bucket.visits() {
            spread_of(&piece, visits).into_iter().for_each(finite);
        }
        let parts = [(piece, &made.bucket), (piece, &made.bucket)];
        for name in ["entry", "exit", "country"] {
            for measure in [
                VisitMeasure::Visits,
                VisitMeasure::BounceShare,
                VisitMeasure::TimeSum,
            ] {
                let ranking = top_by_visits(&parts, Text::new(name.as_bytes()), measure, 2, 60.0);
                for row in ranking.rows.iter().chain(&ranking.other) {
                    let numbers = [row.number, row.share, row.error].into_iter();
                    numbers.filter_map(Answer::number).for_each(finite);
                }
            }
        }
    }
}

/// All that may happen to a partition once a payload was accepted for one.
pub fn check_partition(partition: &Partition) {
    assert!(partition.parts() > 0 && partition.weight() > 0);
    assert!(partition.is_empty() || partition.heap_bytes() > 0);
    for time in [MIN_TIME, TIME + MINUTE, MAX_TIME] {
        let mut made = Made::new(Granularity::Hour, 100, 0);
        made.partition = partition.clone();
        for n in 0..40 {
            made.take(n, time);
        }
        let pages = made.partition.encode();
        let again = Partition::decode(&pages).unwrap_or_else(|corrupt| panic!("{corrupt}"));
        assert!(again.encode() == pages);
    }
}
