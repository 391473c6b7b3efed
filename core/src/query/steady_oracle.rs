//! Steady traffic, one new user with every event, in zones whose clocks change and with granularities off or
//! gone: `COMPARE` of any window finds no change, and each of its windows the events, users and percentiles of
//! its length, or says nothing.

use super::fold::Fold;
use super::metric::{Measure, Metric};
use super::window_accuracy::Random;
use super::window_oracle::{metrics, numbers, Event, World};
use crate::time::{
    Cover, Duration, Granularity, Range, Retention, Window, Zone, DAY, HOUR, MINUTE, WEEK,
};

const ZONES: [&str; 9] = [
    "UTC",
    "Asia/Kathmandu",
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Chatham",
    "Antarctica/Troll",
    "Asia/Kolkata",
];

/// Days on which clocks change in some of the zones, and one on which they do not.
const DAYS: [&str; 6] = [
    "2024-03-10",
    "2024-03-31",
    "2024-04-07",
    "2024-10-06",
    "2024-11-03",
    "2024-07-15",
];

const WORDS: [&str; 16] = [
    "30m",
    "1h",
    "95m",
    "2h",
    "6h",
    "24h",
    "3d",
    "7d",
    "30d",
    "today",
    "yesterday",
    "this-week",
    "last-week",
    "this-month",
    "last-month",
    "range",
];

/// How far apart events are.
const STEP: i64 = 10 * MINUTE;
const SPAN: i64 = 70 * DAY;

fn retention(random: &mut Random) -> Retention {
    let mut retention = Retention::default();
    let kept: [(Granularity, [i64; 3]); 5] = [
        (Granularity::Minute, [0, HOUR, 26 * HOUR]),
        (Granularity::Hour, [0, 30 * HOUR, 60 * DAY]),
        (Granularity::Day, [0, 20 * DAY, 400 * DAY]),
        (Granularity::Week, [0, 5 * WEEK, 104 * WEEK]),
        (Granularity::Month, [0, 120 * DAY, 1_000 * DAY]),
    ];
    for (granularity, durations) in kept {
        if random.below(2) == 0 {
            let kept = *random.pick(&durations);
            let kept = (kept > 0).then(|| Duration::of_millis(kept)).flatten();
            // Not everything may be off.
            let _ = retention.set(granularity, kept);
        }
    }
    retention
}

/// The value of the `n`th event: any run of them is spread evenly from 1 to 1,000.
fn value(n: i64) -> f64 {
    1.0 + ((n * 61_803_399) % 100_000_007) as f64 / 100_000_007.0 * 999.0
}

/// The users of all buckets that are read.
fn outer(world: &World, cover: &Cover) -> f64 {
    let fold = world.fold(cover, Fold::new(&[Metric::of_site(Measure::Users)]));
    fold.users().map_or(0.0, |users| users.outer)
}

/// How many windows were compared.
fn look_at(random: &mut Random) -> usize {
    let zone = Zone::parse(random.pick(&ZONES).as_bytes()).unwrap();
    let day = random.pick(&DAYS).as_bytes();
    let day = Window::parse(day, &zone).unwrap();
    let day = day.range(4_000_000_000_000, &zone).unwrap().from;
    let now = day + 12 * HOUR + random.below(5 * DAY) - 2 * DAY;
    let mut world = World::new(zone, retention(random));
    let first = (now - SPAN).div_euclid(STEP);
    world.now = now;
    for n in first..=now.div_euclid(STEP) {
        world.add(Event {
            time: n * STEP,
            user: n as u64,
            session: n as u64,
            value: value(n - first),
        });
    }
    let metrics = metrics();
    let mut compared = 0;
    for word in WORDS {
        let [range, before] = match word {
            "range" => {
                let length = *random.pick(&[3 * HOUR, 25 * HOUR, 9 * DAY]);
                let from = now - length - random.below(8 * DAY);
                [
                    Range::new(from, from + length),
                    Range::new(from - length, from),
                ]
            }
            word => {
                let window = Window::parse(word.as_bytes(), &world.zone).unwrap();
                let range = window.range(now, &world.zone).unwrap();
                [range, window.before(now, &world.zone).unwrap()]
            }
        };
        let covers = [range, before].map(|range| world.cover(range));
        let begins_inside = range.from.min(before.from) > first * STEP;
        if !begins_inside || !covers.iter().all(|cover| cover.is_comparable) {
            continue;
        }
        compared += 1;
        for (range, cover) in [range, before].into_iter().zip(&covers) {
            let fold = world.fold(cover, Fold::new(&metrics).trimmed());
            let found = numbers(&fold);
            let expected = range.len() as f64 / STEP as f64;
            let what = || format!("{word} {range:?} in {:?} at {now}: {found:?}", world.zone);
            // The sketches of all buckets that are read are near exact up to 2,560 users.
            let distinct = |all: f64| 3.1 + if all > 2_500.0 { 0.027 * all } else { 0.0 };
            let distinct = distinct(outer(&world, cover));
            let allowed = [2.6, distinct, distinct, 2.6];
            for (place, allowed) in allowed.into_iter().enumerate() {
                let off = (found[place] - expected).abs();
                assert!(
                    off <= allowed,
                    "{place} off by {off} of {expected}: {}",
                    what()
                );
            }
            for (place, percentile) in [(5, 500.0), (6, 950.0)] {
                // So many values lie between two neighbours of a run at most, and a bin is 1 % wide at each side.
                let allowed = 0.015 * percentile + 3_000.0 / expected.max(1.0);
                let off = (found[place] - percentile).abs();
                assert!(off <= allowed, "{place} off by {off}: {}", what());
            }
        }
    }
    compared
}

#[test]
fn steady_traffic_has_no_change_where_clocks_change_and_buckets_are_gone() {
    // `make faults` looks at more of them.
    let worlds = std::env::var("ANALYTICS_STEADY_WORLDS");
    let worlds: usize = worlds.map_or(3, |worlds| worlds.parse().unwrap());
    let mut random = Random(17);
    let compared: usize = (0..worlds).map(|_| look_at(&mut random)).sum();
    assert!(compared > 5 * worlds, "{compared}");
}
