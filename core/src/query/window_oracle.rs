//! Windows against the raw events: every kind of window, at random instants, in odd zones, with any
//! granularities off or gone.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::fold::{Answer, Fold};
use super::metric::Metric;
use crate::bucket::Bucket;
use crate::event::ResolvedEvent;
use crate::hash::hash;
use crate::sketch::hll::Member;
use crate::sketch::Number;
use crate::text::Text;
use crate::time::cover_oracle::retention;
use crate::time::period_oracle::zone;
use crate::time::{
    cover, Cover, Granularity, Period, Piece, Range, Retention, Sources, Window, Zone, DAY, HOUR,
    MINUTE, SECOND, WEEK,
};

#[derive(Debug, Clone, Copy)]
pub struct Event {
    pub time: i64,
    pub user: u64,
    pub session: u64,
    pub value: f64,
}

/// The buckets of a site, and the events that went into them.
pub struct World {
    pub zone: Zone,
    pub retention: Retention,
    pub now: i64,
    pub events: Vec<Event>,
    buckets: HashMap<(Granularity, i64), Bucket>,
}

impl World {
    pub fn new(zone: Zone, retention: Retention) -> World {
        World {
            zone,
            retention,
            now: i64::MIN,
            events: Vec::new(),
            buckets: HashMap::new(),
        }
    }

    pub fn add(&mut self, event: Event) {
        self.events.push(event);
        for granularity in Granularity::ALL {
            if self.retention.get(granularity).is_none() {
                continue;
            }
            let period = self.zone.period(granularity, event.time).unwrap();
            let bucket = self.buckets.entry((granularity, period.start()));
            let bucket = bucket.or_insert_with(|| Bucket::new(&period));
            let resolved = ResolvedEvent {
                counts_people: false,
                seen: None,
                user: Member::of(hash(&event.user.to_le_bytes())),
                session: Some(Member::of(hash(&event.session.to_be_bytes()))),
                facets: &[],
                names: &[Text::new(b"latency")],
                numbers: &[Number::of(event.value)],
            };
            let slot = period.slots(&self.zone).of(event.time);
            bucket.count_alone(&resolved, slot, 10);
        }
    }

    fn bucket(&self, period: &Period) -> Option<&Bucket> {
        let is_kept = self.retention.is_kept(period, self.now, &self.zone);
        let bucket = self.buckets.get(&(period.granularity(), period.start()));
        bucket.filter(|_| is_kept)
    }

    pub fn cover(&self, window: Range) -> Cover {
        let times = self.events.iter().map(|event| event.time);
        let first = times.clone().min().unwrap_or(i64::MAX);
        let sources = Sources {
            zone: &self.zone,
            retention: &self.retention,
            since: [i64::MIN; Granularity::COUNT],
            now: self.now,
            observed: Some((first, times.max().unwrap_or(i64::MIN))),
        };
        cover(window, &sources).unwrap()
    }

    pub fn fold(&self, cover: &Cover, mut fold: Fold) -> Fold {
        for piece in &cover.pieces {
            if let Some(bucket) = self.bucket(&piece.period) {
                fold.add(piece, bucket);
            }
        }
        fold
    }

    /// The weight of every event in percentiles, by the raw events: those that a cut bucket alone counts
    /// share what its slots count.
    fn weights(&self, cover: &Cover) -> Vec<f64> {
        let mut pieces: Vec<&Piece> = cover.pieces.iter().collect();
        pieces.retain(|piece| self.bucket(&piece.period).is_some());
        pieces.sort_by_key(|piece| piece.period.granularity());
        let mut weights = vec![0.0; self.events.len()];
        let mut done: Vec<&Piece> = Vec::new();
        for piece in &pieces {
            let slots = piece.period.slots(&self.zone);
            let is_in = |event: &Event| piece.period.contains(event.time);
            let is_counted =
                |event: &Event| is_in(event) && piece.slots().contains(&slots.of(event.time));
            // What is inside of it counts by itself.
            let is_alone = |event: &Event| {
                !done.iter().any(|finer| {
                    finer.period.contains(event.time)
                        && piece.period.start() <= finer.period.start()
                        && finer.period.end() <= piece.period.end()
                        && piece.period.granularity() > finer.period.granularity()
                })
            };
            // What a longer bucket counts of this one, because midnight is inside an hour, counts here.
            let is_lent = |event: &Event| {
                is_in(event)
                    && pieces.iter().any(|longer| {
                        let slots = longer.period.slots(&self.zone);
                        !longer.is_whole()
                            && longer.period.granularity() > piece.period.granularity()
                            && longer.period.contains(event.time)
                            && longer.slots().contains(&slots.of(event.time))
                    })
            };
            let is_borrowed = |event: &Event| {
                !piece.is_whole()
                    && done.iter().any(|shorter| {
                        shorter.number() > 0
                            && !shorter.is_whole()
                            && shorter.period.contains(event.time)
                    })
            };
            let alone = |event: &Event| is_in(event) && is_alone(event);
            let counted = { self.events.iter() }
                .filter(|event| {
                    (is_counted(event) || is_lent(event)) && alone(event) && !is_borrowed(event)
                })
                .count() as f64;
            let residue = { self.events.iter() }.filter(|event| alone(event)).count();
            let part = match residue {
                0 => 0.0,
                residue => (counted / residue as f64).min(1.0),
            };
            for (weight, event) in weights.iter_mut().zip(&self.events) {
                *weight += if alone(event) { part } else { 0.0 };
            }
            done.push(piece);
        }
        weights
    }
}

/// The metrics that an oracle asks for.
pub fn metrics() -> Vec<Metric> {
    let texts = [
        "events",
        "users",
        "sessions",
        "latency:count",
        "latency:sum",
        "latency:p50",
        "latency:p95",
    ];
    texts
        .map(|text| Metric::parse(text.as_bytes(), None).unwrap())
        .into()
}

pub fn numbers(fold: &Fold) -> Vec<f64> {
    let answers = fold.answers(60.0).map(Answer::number);
    answers.map(|number| number.unwrap_or(f64::NAN)).collect()
}

/// The number up to which there is this part of the weight.
fn weighted(mut numbers: Vec<(f64, f64)>, q: f64) -> f64 {
    numbers.retain(|(_, weight)| *weight > 1e-9);
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = numbers.iter().map(|(_, weight)| weight).sum();
    let mut passed = 0.0;
    let found = numbers.iter().find(|(_, weight)| {
        passed += weight;
        passed >= q * total * (1.0 - 1e-9)
    });
    found
        .or(numbers.last())
        .map_or(f64::NAN, |(number, _)| *number)
}

/// Zones have moved by seconds only before 1972: this is later.
const NOW: i64 = 1_733_900_000_000;

const WINDOWS: [&str; 12] = [
    "5m",
    "68m",
    "75m",
    "2h",
    "24h",
    "26h",
    "170h",
    "7d",
    "30d",
    "today",
    "this-week",
    "yesterday",
];

fn window() -> impl Strategy<Value = (String, i64, i64)> {
    let length = prop_oneof![
        MINUTE..10 * MINUTE,
        HOUR..5 * HOUR,
        DAY..3 * DAY,
        WEEK..60 * DAY
    ];
    (
        prop::sample::select(&WINDOWS[..]),
        length,
        0..80 * DAY,
        0..3u8,
    )
        .prop_map(|(word, length, ago, kind)| match kind {
            0 => (String::new(), length, ago),
            1 => (String::new(), length, ago % (2 * HOUR)),
            _ => (word.to_owned(), 0, 0),
        })
}

fn world(zone: Zone, retention: Retention, now: i64, returning: u64, ages: &[(f64, u32)]) -> World {
    let mut world = World::new(zone, retention);
    world.now = now;
    // As many in the last hour as in the last day, and so on.
    const SPANS: [i64; 5] = [HOUR, 3 * HOUR, 30 * HOUR, 9 * DAY, 80 * DAY];
    for (n, (age, value)) in (0u64..).zip(ages) {
        let span = SPANS[n as usize % SPANS.len()];
        world.add(Event {
            time: now - (age * span as f64) as i64,
            user: if returning > 0 {
                u64::from(*value) % returning
            } else {
                n
            },
            session: n / 3,
            value: f64::from(*value) + 1.0,
        });
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_a_window_answers_is_what_its_range_holds(
        zone in zone(),
        retention in retention(),
        offset in 0..400 * DAY,
        returning in prop_oneof![Just(0u64), 1..60u64],
        ages in prop::collection::vec((0.0..1.0f64, 0..100_000u32), 1..250),
        windows in prop::collection::vec(window(), 6),
    ) {
        let now = NOW + offset;
        let world = world(zone, retention, now, returning, &ages);
        for (word, length, ago) in windows {
            let window = match word.is_empty() {
                true => Range::new(now - ago - length, now - ago),
                false => Window::parse(word.as_bytes(), &world.zone).unwrap().range(now, &world.zone).unwrap(),
            };
            let cover = world.cover(window);
            check(&world, &cover, returning == 0)?;
        }
    }
}

fn check(world: &World, cover: &Cover, once: bool) -> Result<(), TestCaseError> {
    let fold = world.fold(cover, Fold::new(&metrics()));
    let found = numbers(&fold);
    let slots = |piece: &Piece| piece.period.slots(&world.zone);
    let counted = |event: &&Event| {
        cover.pieces.iter().any(|piece| {
            let slots = slots(piece);
            (piece.period.contains(event.time)) && piece.slots().contains(&slots.of(event.time))
        })
    };
    let inside: Vec<&Event> = world.events.iter().filter(counted).collect();
    // Every event of the range that is kept, and no other.
    prop_assert!(inside.iter().all(|event| cover.counts.contains(event.time)));
    prop_assert_eq!(found[0], inside.len() as f64);
    prop_assert_eq!(found[3], inside.len() as f64);
    let sum: f64 = inside.iter().map(|event| event.value).sum();
    prop_assert!((found[4] - sum).abs() <= 1e-9 * sum);

    let whole = |piece: &&Piece| !piece.reaches_outside();
    let of = |pieces: &[&Piece], event: &&&Event| {
        let has = |piece: &&Piece| {
            piece.period.contains(event.time) && world.bucket(&piece.period).is_some()
        };
        pieces.iter().any(has)
    };
    let all: Vec<&Piece> = cover.pieces.iter().collect();
    let inner: Vec<&Piece> = cover.pieces.iter().filter(whole).collect();
    let events: Vec<&Event> = world.events.iter().collect();
    for (place, key) in [
        (1, (|event: &Event| event.user) as fn(&Event) -> u64),
        (2, |event| event.session),
    ] {
        let distinct = |pieces: &[&Piece]| {
            let events = events.iter().filter(|event| of(pieces, event));
            events
                .map(|event| key(event))
                .collect::<BTreeSet<u64>>()
                .len() as f64
        };
        let (least, most) = (distinct(&inner), distinct(&all));
        prop_assert!(
            least - 0.51 <= found[place] && found[place] <= most + 0.51,
            "{} of {least}..{most}",
            found[place]
        );
        let truth: BTreeSet<u64> = inside.iter().map(|event| key(event)).collect();
        if inner.len() == all.len() {
            prop_assert!((found[place] - truth.len() as f64).abs() < 0.51);
        } else if once && place == 1 {
            // Who appears once appears with an event: the part of an edge is that of its events.
            prop_assert!(
                (found[1] - truth.len() as f64).abs() <= 1.0,
                "{} of {}",
                found[1],
                truth.len()
            );
        }
    }

    let weights = world.weights(cover);
    let total: f64 = weights.iter().sum();
    prop_assert!(
        (total - found[3]).abs() < 1e-6 * total.max(1.0),
        "{total} of {}",
        found[3]
    );
    for (place, q) in [(5, 0.5), (6, 0.95)] {
        let numbers = world
            .events
            .iter()
            .zip(&weights)
            .map(|(event, weight)| (event.value, *weight));
        let numbers: Vec<(f64, f64)> = numbers.collect();
        // Shares of a weight do not add up to exactly one half.
        let [low, high] = [q - 1e-6, q + 1e-6].map(|q| weighted(numbers.clone(), q));
        let values = inside.iter().map(|event| event.value);
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let greatest = values.fold(0.0, f64::max);
        if inside.is_empty() {
            prop_assert!(found[place].is_nan());
        } else {
            let low = 0.99 * low.max(least).min(greatest);
            let high = 1.01 * high.max(least).min(greatest);
            prop_assert!(
                low <= found[place] && found[place] <= high,
                "{} of {low}..{high}",
                found[place]
            );
        }
    }
    // Where no bucket is cut, that is the percentile of the events themselves.
    if cover.pieces.iter().all(Piece::is_whole) {
        for (weight, event) in weights.iter().zip(&world.events) {
            let expected = f64::from(u8::from(counted(&event)));
            prop_assert!((weight - expected).abs() < 1e-9);
        }
    }
    Ok(())
}

/// One new user with every event, so many a minute.
fn steady(days: i64, a_minute: i64) -> World {
    let mut world = World::new(Zone::UTC, Retention::default());
    let start = NOW - NOW.rem_euclid(DAY) - days * DAY;
    world.now = start;
    let step = MINUTE / a_minute;
    for n in 0..days * DAY / step {
        world.add(Event {
            time: start + n * step + 7 * SECOND,
            user: n as u64,
            session: n as u64,
            value: 1.0,
        });
    }
    world
}

#[test]
fn steady_traffic_does_not_change() {
    let mut world = steady(16, 1);
    let mut next = world.events.len() as i64;
    let midnight = NOW - NOW.rem_euclid(DAY);
    let metrics = metrics();
    let mut compared = 0;
    // How many minutes apart from the first ones are looked at: `make faults` looks at each.
    let stride = std::env::var("ANALYTICS_STEADY_STRIDE");
    let stride: i64 = stride.map_or(11, |stride| stride.parse().unwrap());
    for minute in 0..24 * 60 {
        // At odd seconds, too.
        let now = midnight + minute * MINUTE + (minute % 7) * 8_500;
        while midnight + (next - 16 * 24 * 60) * MINUTE + 7 * SECOND <= now {
            let time = midnight + (next - 16 * 24 * 60) * MINUTE + 7 * SECOND;
            world.add(Event {
                time,
                user: next as u64,
                session: next as u64,
                value: 1.0,
            });
            next += 1;
        }
        world.now = now;
        if minute % stride != 0 && minute > 20 {
            continue;
        }
        for word in ["30m", "1h", "2h", "24h", "7d", "today"] {
            let window = Window::parse(word.as_bytes(), &world.zone).unwrap();
            let range = window.range(now, &world.zone).unwrap();
            let before = window.before(now, &world.zone).unwrap();
            let covers = [range, before].map(|range| world.cover(range));
            if !covers.iter().all(|cover| cover.is_comparable) {
                assert_eq!(word, "today");
                assert!(minute < 2, "{minute}");
                continue;
            }
            let [now, before] =
                covers.map(|cover| numbers(&world.fold(&cover, Fold::new(&metrics).trimmed())));
            for (place, metric) in [(0, "events"), (1, "users"), (2, "sessions"), (3, "count")] {
                let change = (now[place] - before[place]).abs();
                let allowed = 1.01
                    + if before[place] > 2_000.0 {
                        0.017 * before[place]
                    } else {
                        0.0
                    };
                assert!(
                    change <= allowed,
                    "{metric} {word} at {minute}: {} after {}",
                    now[place],
                    before[place]
                );
            }
            compared += 1;
        }
    }
    assert!(compared > 800, "{compared}");
}
