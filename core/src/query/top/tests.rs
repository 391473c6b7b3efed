//! The oracle counts the raw events.

use super::*;
use crate::event::RowKind;
use crate::event::{Facet, ResolvedEvent};
use crate::hash::hash;
use crate::schema::{parse_options, Names, Settings};
use crate::sketch::hll::{Member, Union};
use crate::sketch::Number;
use crate::text::Text;
use crate::time::{Granularity, Period, Retention, Zone, DAY, HOUR};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

#[derive(Debug, Clone)]
struct Raw {
    time: i64,
    page: u32,
    user: u16,
    /// In eighths, so that sums are exact.
    revenue: Option<f64>,
}

fn raw(pages: f64) -> impl Strategy<Value = Raw> {
    let revenue = prop::option::of((1..800i32).prop_map(|n| f64::from(n) / 8.0));
    let page = (0.0..pages).prop_map(|x| x.exp() as u32);
    (0..DAY, page, 0..300u16, revenue).prop_map(|(time, page, user, revenue)| Raw {
        time,
        page,
        user,
        revenue,
    })
}

fn name(page: u32) -> Vec<u8> {
    format!("/{page:04}").into_bytes()
}

fn hours(events: &[Raw], capacity: usize) -> Vec<(Period, Bucket)> {
    let mut buckets: BTreeMap<i64, (Period, Bucket)> = BTreeMap::new();
    for raw in events {
        let period = Zone::UTC.period(Granularity::Hour, raw.time).unwrap();
        let entry = buckets.entry(period.start());
        let (_, bucket) = entry.or_insert_with(|| (period, Bucket::new(&period)));
        let page = name(raw.page);
        let facet = Facet {
            kind: RowKind::Dimension,
            name: Text::new(b"page"),
            value: Text::new(&page),
            users: true,
            capacity: 0,
        };
        let revenue = raw.revenue.map(Number::of);
        let occurrence = ResolvedEvent {
            counts_people: false,
            seen: None,
            user: Member::of(hash(&raw.user.to_le_bytes())),
            session: None,
            facets: &[facet],
            names: &[Text::new(b"revenue")][..revenue.iter().len()],
            numbers: revenue.as_slice(),
        };
        bucket.count_alone(&occurrence, period.slots(&Zone::UTC).of(raw.time), capacity);
    }
    buckets.into_values().collect()
}

/// All of the buckets but the first minutes of the first hour.
fn parts(buckets: &[(Period, Bucket)], first_slot: u8) -> Vec<(Piece, &Bucket)> {
    let piece = |period: &Period| {
        let first_slot = if period.start() == 0 { first_slot } else { 0 };
        Piece::of_slots(*period, first_slot, period.slot_count())
    };
    let parts = buckets
        .iter()
        .map(|(period, bucket)| (piece(period), bucket));
    parts.collect()
}

fn ask<'b>(parts: &[(Piece, &'b Bucket)], by: &str, limit: usize) -> Ranking<'b> {
    let measure = Measure::parse(by.as_bytes(), Names::of(None)).unwrap();
    top(
        parts,
        &Axis::of(b"page", Names::of(None)),
        &measure,
        limit,
        86_400.0,
    )
}

/// By page: events, users, sum of the revenue.
fn truth(events: &[&Raw]) -> BTreeMap<Vec<u8>, [f64; 3]> {
    let mut users: BTreeMap<u32, HashSet<u16>> = BTreeMap::new();
    let mut truth: BTreeMap<Vec<u8>, [f64; 3]> = BTreeMap::new();
    for raw in events {
        let [count, unique, revenue] = truth.entry(name(raw.page)).or_default();
        users.entry(raw.page).or_default().insert(raw.user);
        *count += 1.0;
        *unique = users[&raw.page].len() as f64;
        *revenue += raw.revenue.unwrap_or(0.0);
    }
    truth
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn under_capacity_rows_are_exact(
        events in prop::collection::vec(raw(4.0), 0..600),
        limit in 1..80usize,
        first_slot in 0..60u8,
    ) {
        let buckets = hours(&events, 1_000);
        let inside = |raw: &&Raw| raw.time >= i64::from(first_slot) * HOUR / 60;
        let cut: Vec<&Raw> = events.iter().filter(inside).collect();
        let all: Vec<&Raw> = events.iter().collect();
        for (place, by) in ["events", "users", "revenue:sum"].into_iter().enumerate() {
            // Users are not kept by slot.
            let counted = if by == "users" { &all } else { &cut };
            let truth = truth(counted);
            let mut expected: Vec<(f64, &[u8])> =
                truth.iter().map(|(page, numbers)| (numbers[place], &**page)).collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));

            let parts = parts(&buckets, first_slot);
            let ranking = ask(&parts, by, limit);
            let rows: Vec<(f64, &[u8])> =
                ranking.rows.iter().map(|row| (row.number.number().unwrap(), row.value)).collect();
            prop_assert_eq!(&rows[..], &expected[..limit.min(expected.len())]);
            prop_assert_eq!(ranking.other.is_some(), expected.len() > limit);

            let outside = ranking.other.as_ref().and_then(|other| other.number.number());
            let rest: Vec<&[u8]> = expected.iter().skip(limit).map(|(_, page)| *page).collect();
            let whole = match by {
                "users" => {
                    let of = |raw: &&&Raw| rest.contains(&&*name(raw.page));
                    let others: HashSet<u16> = all.iter().filter(of).map(|raw| raw.user).collect();
                    prop_assert_eq!(outside.unwrap_or(0.0), others.len() as f64);
                    all.iter().map(|raw| raw.user).collect::<HashSet<_>>().len() as f64
                }
                _ => {
                    let others: f64 = expected.iter().skip(limit).map(|(n, _)| n).sum();
                    prop_assert_eq!(outside.unwrap_or(0.0), others);
                    expected.iter().map(|(n, _)| n).sum()
                }
            };
            let exact = if by == "users" { Answer::Nothing } else if by == "events" { Answer::Count(0) } else { Answer::Number(0.0) };
            for row in ranking.rows.iter().chain(&ranking.other) {
                prop_assert_eq!(row.share, ratio(row.number, Answer::Number(whole)));
                prop_assert_eq!(row.error, exact);
            }
        }
    }

    #[test]
    fn beyond_capacity_rows_bound_the_truth_and_add_up(
        events in prop::collection::vec(raw(6.0), 1..1_500),
        capacity in 1..40usize,
        limit in 1..60usize,
        first_slot in 0..60u8,
    ) {
        let buckets = hours(&events, capacity);
        let inside = |raw: &&Raw| raw.time >= i64::from(first_slot) * HOUR / 60;
        let cut: Vec<&Raw> = events.iter().filter(inside).collect();
        let truth = truth(&cut);
        let parts = parts(&buckets, first_slot);
        let ranking = ask(&parts, "events", limit);
        let count = |answer: Answer| answer.number().unwrap();
        let rows = ranking.rows.iter().chain(&ranking.other);
        prop_assert_eq!(rows.clone().map(|row| count(row.number)).sum::<f64>(), cut.len() as f64);
        if !cut.is_empty() {
            let shares: f64 = rows.map(|row| count(row.share)).sum();
            prop_assert!((shares - 1.0).abs() < 1e-9);
        }
        for row in &ranking.rows {
            let truth = truth.get(row.value).map_or(0.0, |numbers| numbers[0]);
            let seen = count(row.number);
            prop_assert!(seen <= truth && truth <= seen + count(row.error));
        }
        if let Some(other) = &ranking.other {
            let shown: Vec<&[u8]> = ranking.rows.iter().map(|row| row.value).collect();
            let outside = |(page, _): &(&Vec<u8>, _)| !shown.contains(&&***page);
            let truth: f64 = truth.iter().filter(outside).map(|(_, numbers)| numbers[0]).sum();
            let seen = count(other.number);
            prop_assert!(truth <= seen && seen <= truth + count(other.error));
        }
    }
}

/// Pages of some users in a few hours: only of the largest are sketches dense.
fn pages_of_users() -> Vec<(Period, Bucket)> {
    let mut events = Vec::new();
    for page in 0..40u32 {
        let users = if page % 13 == 0 {
            2_000 + 600 * page
        } else {
            3 * page
        };
        for n in 0..users {
            events.push((page, n / 2 + 17 * page, i64::from(n % 3) * HOUR));
        }
    }
    let mut buckets: BTreeMap<i64, (Period, Bucket)> = BTreeMap::new();
    for (page, user, time) in events {
        let period = Zone::UTC.period(Granularity::Hour, time).unwrap();
        let entry = buckets.entry(period.start());
        let (_, bucket) = entry.or_insert_with(|| (period, Bucket::new(&period)));
        let (page, user) = (name(page), Member::of(hash(&user.to_le_bytes())));
        let facet = Facet {
            kind: RowKind::Dimension,
            name: Text::new(b"page"),
            value: Text::new(&page),
            users: true,
            capacity: 0,
        };
        let occurrence = ResolvedEvent {
            counts_people: false,
            seen: None,
            user,
            session: Some(user),
            facets: &[facet],
            names: &[],
            numbers: &[],
        };
        bucket.count_alone(&occurrence, 0, 30);
    }
    buckets.into_values().collect()
}

#[test]
fn distinct_counts_are_those_of_plain_unions() {
    let buckets = pages_of_users();
    let parts = parts(&buckets, 0);
    for (by, what) in [("users", Distinct::Users), ("sessions", Distinct::Sessions)] {
        for limit in [1, 2, 3, 10, 25, 100] {
            let ranking = ask(&parts, by, limit);
            let shown: Vec<&[u8]> = ranking.rows.iter().map(|row| row.value).collect();
            let mut unions: BTreeMap<&[u8], Union> = BTreeMap::new();
            let mut outside = Union::new();
            for (_, bucket) in &parts {
                let pages = bucket
                    .breakdown(RowKind::Dimension, Text::new(b"page"))
                    .unwrap();
                let rows = pages.rows().iter().map(|row| (row.value(), &row.tally));
                for (value, tally) in rows.chain(pages.other().map(|other| (OTHER, other))) {
                    let sketch = tally.distinct(what).unwrap();
                    if !shown.contains(&value) {
                        outside.add(sketch);
                    }
                    if value != OTHER {
                        unions.entry(value).or_default().add(sketch);
                    }
                }
            }
            let count = |union: &Union| union.estimate().round() as u64;
            let mut expected: Vec<(u64, &[u8])> = unions
                .iter()
                .map(|(value, union)| (count(union), *value))
                .collect();
            expected.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
            expected.truncate(limit);
            let rows: Vec<(u64, &[u8])> = { ranking.rows.iter() }
                .map(|row| (row.number.number().unwrap() as u64, row.value))
                .collect();
            assert_eq!(rows, expected);
            let other = ranking.other.map(|other| other.number);
            assert_eq!(other, Some(Answer::Count(count(&outside))));
        }
    }
}

#[test]
fn what_was_not_measured_is_last_and_shares_are_of_events() {
    let event = |page, revenue| Raw {
        time: 0,
        page,
        user: 1,
        revenue,
    };
    let events = [
        event(1, None),
        event(2, Some(4.0)),
        event(2, Some(8.0)),
        event(3, Some(10.0)),
    ];
    let buckets = hours(&events, 10);
    let parts = parts(&buckets, 0);
    let ranking = ask(&parts, "revenue:avg", 10);
    let row = |page, number, share| Ranked {
        value: page,
        number,
        share: Answer::Number(share),
        error: Answer::Number(0.0),
        with: Vec::new(),
    };
    let expected = [
        row(b"/0003", Answer::Number(10.0), 0.25),
        row(b"/0002", Answer::Number(6.0), 0.5),
        row(b"/0001", Answer::Nothing, 0.25),
    ];
    assert_eq!(ranking.rows, expected);
    assert_eq!(ranking.other, None);
    let other = ask(&parts, "revenue:max", 1).other.unwrap();
    assert_eq!((other.number, other.value), (Answer::Number(8.0), OTHER));
    assert_eq!(ask(&parts, "weight:sum", 9).rows[0].share, Answer::Nothing);
    assert_eq!(ask(&[], "events", 9), Ranking::default());
}

#[test]
fn a_cube_is_listed_in_the_order_that_is_asked_for() {
    let words = [&b"CUBE"[..], b"event,country", b"DIM", b"page", b"NOUSERS"];
    let changes = parse_options(&words).unwrap();
    let settings = Settings::new(Zone::UTC, Retention::default(), 10);
    let settings = settings.with(&changes, false, 0).unwrap();
    let axis = |text: &str| Axis::parse(text.as_bytes(), &[], Names::of(Some(&settings)));
    let cell = b"\x03\0buy\x02\0FR";
    let values = |text| axis(text).unwrap().values_of(cell);
    assert_eq!(values("event,country"), [&b"buy"[..], b"FR"]);
    assert_eq!(values("country,event"), [&b"FR"[..], b"buy"]);
    assert!(axis("event").unwrap().check_users().is_ok());
    for (text, part) in [
        (
            "page,country",
            "'page,country' is not a cube of this site, which has: event,country",
        ),
        ("country,country", "is given twice"),
        ("a=b", "may not contain"),
        ("", "empty"),
        ("page,", "empty"),
    ] {
        let message = axis(text).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let message = axis("page").unwrap().check_users().unwrap_err().to_string();
    assert!(message.starts_with("dimension 'page' is declared NOUSERS"));
    assert!(Axis::parse(b"a,b,c", &[], Names::of(None)).is_ok());
}
