//! The oracle is plain code over the raw events.

use super::*;
use crate::bucket::Bucket;
use crate::event::RowKind;
use crate::event::EVENT;
use crate::event::{Facet, ResolvedEvent};
use crate::hash::hash;
use crate::sketch::hll::Member;
use crate::sketch::Number;
use crate::text::Text;
use crate::time::{cover, Granularity, Period, Retention, Sources, Zone, DAY, HOUR};
use proptest::prelude::*;
use std::collections::HashSet;

#[derive(Debug, Clone)]
struct Raw {
    time: i64,
    event: u8,
    user: u16,
    session: Option<u8>,
    latency: Option<f64>,
}

fn raw() -> impl Strategy<Value = Raw> {
    (
        0..DAY,
        0..4u8,
        0..500u16,
        prop::option::of(0..50u8),
        prop::option::of((-8..10_000i32).prop_map(|n| f64::from(n) / 8.0)),
    )
        .prop_map(|(time, event, user, session, latency)| Raw {
            time,
            event,
            user,
            session,
            latency,
        })
}

/// The buckets of a day in one granularity.
fn buckets(events: &[Raw], granularity: Granularity) -> Vec<(Period, Bucket)> {
    let mut buckets: Vec<(Period, Bucket)> = Vec::new();
    for raw in events {
        let period = Zone::UTC.period(granularity, raw.time).unwrap();
        let index = buckets.iter().position(|(it, _)| *it == period);
        let index = index.unwrap_or_else(|| {
            buckets.push((period, Bucket::new(&period)));
            buckets.len() - 1
        });
        let event = raw.event.to_string();
        let facet = Facet {
            kind: RowKind::Event,
            name: EVENT,
            value: Text::new(event.as_bytes()),
            users: true,
            capacity: 0,
        };
        let latency = raw.latency.map(Number::of);
        let occurrence = ResolvedEvent {
            counts_people: false,
            seen: None,
            user: Member::of(hash(&raw.user.to_le_bytes())),
            session: raw.session.map(|session| Member::of(hash(&[session]))),
            facets: &[facet],
            names: &[Text::new(b"latency")][..latency.iter().len()],
            numbers: latency.as_slice(),
        };
        let slot = period.slots(&Zone::UTC).of(raw.time);
        buckets[index].1.count_alone(&occurrence, slot, 100);
    }
    buckets
}

fn whole(period: &Period) -> Piece {
    Piece::whole(*period)
}

const METRICS: [&str; 13] = [
    "events",
    "events:rate",
    "users",
    "sessions",
    "latency:count",
    "latency:rate",
    "latency:sum",
    "latency:avg",
    "latency:min",
    "latency:max",
    "latency:p50",
    "latency:p99",
    "nothing:max",
];

/// The metrics of the site, then those of one type of event.
fn metrics() -> Vec<Metric> {
    let rows = ["", "@event=2"];
    let texts = rows
        .iter()
        .flat_map(|row| METRICS.map(|metric| format!("{metric}{row}")));
    texts
        .map(|text| Metric::parse(text.as_bytes(), None).unwrap())
        .collect()
}

fn folded(metrics: &[Metric], buckets: &[(Period, Bucket)]) -> Vec<Answer> {
    let mut fold = Fold::new(metrics);
    for (period, bucket) in buckets {
        fold.add(&whole(period), bucket);
    }
    fold.answers(86_400.0).collect()
}

/// The numbers that the metrics should be, in their order.
fn expected(events: &[&Raw]) -> Vec<Answer> {
    let mut latencies: Vec<f64> = events.iter().filter_map(|raw| raw.latency).collect();
    latencies.sort_by(f64::total_cmp);
    let sum: f64 = latencies.iter().sum();
    let count = |n: usize| Answer::Count(n as u64);
    let number = |number: Option<f64>| number.map_or(Answer::Nothing, Answer::Number);
    let n = latencies.len();
    let percentile = |p: usize| {
        let rank = (p * n).div_ceil(100).max(1);
        number(latencies.get(rank - 1).copied())
    };
    let users: HashSet<u16> = events.iter().map(|raw| raw.user).collect();
    let sessions: HashSet<u8> = events.iter().filter_map(|raw| raw.session).collect();
    vec![
        count(events.len()),
        Answer::Number(events.len() as f64 / 86_400.0),
        count(users.len()),
        count(sessions.len()),
        count(n),
        Answer::Number(n as f64 / 86_400.0),
        Answer::Number(sum),
        number((n > 0).then(|| sum / n as f64)),
        number(latencies.first().copied()),
        number(latencies.last().copied()),
        percentile(50),
        percentile(99),
        Answer::Nothing,
    ]
}

fn is_near(answer: Answer, truth: Answer, tolerance: f64) -> bool {
    match (answer, truth) {
        (Answer::Number(a), Answer::Number(b)) => (a - b).abs() <= tolerance * b.abs(),
        _ => answer == truth,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Of every two metrics, of whichever rows.
    #[test]
    fn a_ratio_divides_the_numbers_of_its_terms(events in prop::collection::vec(raw(), 0..60)) {
        let rows = ["", "@event=2"];
        let texts = rows.iter().flat_map(|row| METRICS.map(|metric| format!("{metric}{row}")));
        let texts: Vec<String> = texts.collect();
        let all: Vec<&Raw> = events.iter().collect();
        let some: Vec<&Raw> = events.iter().filter(|raw| raw.event == 2).collect();
        let truth = [expected(&all), expected(&some)].concat();
        let buckets = buckets(&events, Granularity::Hour);
        for (of, truth_of) in texts.iter().zip(&truth) {
            let metrics = texts.iter().map(|per| format!("({of})/({per})"));
            let metrics = metrics.map(|it| Metric::parse(it.as_bytes(), None).unwrap());
            let answers = folded(&metrics.collect::<Vec<_>>(), &buckets);
            for (answer, per) in answers.iter().zip(&truth) {
                let expected = match (truth_of.number(), per.number()) {
                    (Some(of), Some(per)) if per != 0.0 => Answer::Number(of / per),
                    _ => Answer::Nothing,
                };
                prop_assert!(is_near(*answer, expected, 0.021), "{of}: {answer:?}, not {expected:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn answers_are_those_of_the_raw_events(events in prop::collection::vec(raw(), 0..400)) {
        let metrics = metrics();
        let all: Vec<&Raw> = events.iter().collect();
        let some: Vec<&Raw> = events.iter().filter(|raw| raw.event == 2).collect();
        let truth = [expected(&all), expected(&some)].concat();
        for granularity in [Granularity::Hour, Granularity::Day, Granularity::Month] {
            let answers = folded(&metrics, &buckets(&events, granularity));
            for ((answer, truth), metric) in answers.iter().zip(&truth).zip(&metrics) {
                let is_percentile = metric.widens() && !metric.of.measure.is_distinct();
                let tolerance = if is_percentile { 0.01 } else { 0.0 };
                prop_assert!(is_near(*answer, *truth, tolerance), "{metric:?}: {answer:?}, not {truth:?}");
            }
        }
    }

    #[test]
    fn coarse_is_merged_fine(events in prop::collection::vec(raw(), 1..400)) {
        let metrics = metrics();
        let fine = folded(&metrics, &buckets(&events, Granularity::Hour));
        prop_assert_eq!(&fine, &folded(&metrics, &buckets(&events, Granularity::Day)));
        prop_assert_eq!(&fine, &folded(&metrics, &buckets(&events, Granularity::Week)));
    }

    #[test]
    fn slots_hold_what_was_counted_in_them(
        events in prop::collection::vec(raw(), 1..300),
        first in 0..24u8,
        len in 1..24u8,
    ) {
        let end = (first + len).min(24);
        let day = buckets(&events, Granularity::Day);
        let hours = i64::from(first) * HOUR..i64::from(end) * HOUR;
        let inside: Vec<&Raw> = events.iter().filter(|raw| hours.contains(&raw.time)).collect();
        let all: Vec<&Raw> = events.iter().collect();
        let (truth, outer) = (expected(&inside), expected(&all));
        let metrics = metrics();
        let mut fold = Fold::new(&metrics);
        // What was there before is forgotten.
        fold.add(&whole(&day[0].0), &day[0].1);
        fold.clear();
        let piece = of_the_day(Range::new(hours.start, hours.end));
        prop_assert_eq!(piece.slots(), first..end);
        fold.add(&piece, &day[0].1);
        let part = inside.len() as f64 / events.len() as f64;
        for (place, (answer, metric)) in fold.answers(86_400.0).zip(&metrics).enumerate() {
            let (truth, outer) = match metric.of.row {
                None => (truth[place], outer[place]),
                Some(_) => continue,
            };
            if metric.of.measure.is_distinct() {
                let (answer, outer) = (answer.number().unwrap(), outer.number().unwrap());
                prop_assert!((answer - part * outer).abs() <= 0.51, "{metric:?}: {answer}");
            } else if metric.widens() {
                let bounds = (inside.iter()).filter_map(|raw| raw.latency);
                let (min, max) = bounds.fold((f64::MAX, f64::MIN), |(a, b), x| (x.min(a), x.max(b)));
                match answer {
                    Answer::Number(answer) => prop_assert!(min <= answer && answer <= max),
                    nothing => prop_assert_eq!(nothing, truth),
                }
            } else {
                prop_assert_eq!(answer, truth, "{:?}", metric);
            }
        }
    }
}

/// The piece of a cover of part of the first day, where nothing but days is kept.
fn of_the_day(window: Range) -> Piece {
    let mut retention = Retention::default();
    for granularity in Granularity::ALL {
        if granularity != Granularity::Day {
            retention.set(granularity, None).unwrap();
        }
    }
    let sources = Sources {
        zone: &Zone::UTC,
        retention: &retention,
        since: [i64::MIN; 5],
        now: 2 * DAY,
        observed: None,
    };
    cover(window, &sources).unwrap().pieces[0]
}

#[test]
fn without_a_bucket_counts_are_zero_and_numbers_nothing() {
    let answers = folded(&metrics(), &[]);
    assert_eq!(answers[..METRICS.len()], expected(&[]));
    assert_eq!(answers[5], Answer::Number(0.0));
    assert_eq!(answers[6], Answer::Number(0.0));
}

#[test]
fn a_percentile_is_within_the_measured_range() {
    let raw = Raw {
        time: 0,
        event: 2,
        user: 1,
        session: None,
        latency: Some(123.4),
    };
    let metrics = [Metric::parse(b"latency:p95@event=2", None).unwrap()];
    let answers = folded(&metrics, &buckets(&[raw], Granularity::Minute));
    assert_eq!(answers, [Answer::Number(123.4)]);
}

#[test]
fn rates_are_per_second_that_has_passed() {
    let counts = Range::new(0, 60_000);
    assert_eq!(seconds(counts, 1_000_000), 60.0);
    assert_eq!(seconds(counts, 29_999), 30.0);
    assert_eq!(seconds(counts, -5), 60.0);
    assert_eq!(seconds(Range::new(5, 5), 10), 0.0);
    assert_eq!(rate(5, 0.0), Answer::Number(0.0));
    assert_eq!(rate(5, 10.0), Answer::Number(0.5));
}

#[test]
fn a_ratio_over_zero_or_over_nothing_is_nothing() {
    let number = Answer::Number;
    assert_eq!(ratio(Answer::Count(3), Answer::Count(4)), number(0.75));
    assert_eq!(ratio(Answer::Count(0), Answer::Count(4)), number(0.0));
    assert_eq!(ratio(number(-1.0), number(-4.0)), number(0.25));
    for zero in [Answer::Count(0), number(0.0), number(-0.0), Answer::Nothing] {
        assert_eq!(ratio(Answer::Count(3), zero), Answer::Nothing);
        assert_eq!(ratio(zero, zero), Answer::Nothing);
    }
    assert_eq!(ratio(Answer::Nothing, Answer::Count(3)), Answer::Nothing);
    assert_eq!(ratio(number(1e300), number(1e-300)), number(f64::MAX));
}

#[test]
fn the_change_is_relative_to_what_was_before() {
    let of = |now: f64, before: f64| change(Answer::Number(now), Answer::Number(before));
    assert_eq!(of(150.0, 100.0), Answer::Number(50.0));
    assert_eq!(of(0.0, 100.0), Answer::Number(-100.0));
    assert_eq!(of(-50.0, -100.0), Answer::Number(50.0));
    assert_eq!(of(1.0, 0.0), Answer::Nothing);
    assert_eq!(of(1e300, 1e-300), Answer::Number(f64::MAX));
    assert_eq!(
        change(Answer::Count(3), Answer::Count(2)),
        Answer::Number(50.0)
    );
    assert_eq!(change(Answer::Nothing, Answer::Count(2)), Answer::Nothing);
    assert_eq!(change(Answer::Count(2), Answer::Nothing), Answer::Nothing);
}
