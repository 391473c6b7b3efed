//! Buckets against plain lists of events.

use super::*;
use crate::apply::{BatchEvent, RowBatch};
use crate::bucket::tally::{Distinct, Tally};
use crate::bucket::Bucket;
use crate::codec::Page;
use crate::event::EVENT;
use crate::event::{Facet, ResolvedEvent, RowKind};
use crate::hash::hash;
use crate::memory::allocated;
use crate::schema::limits;
use crate::sketch::hll::Member;
use crate::sketch::hll::Sketch;
use crate::sketch::Number;
use crate::text::Text;
use crate::time::{Granularities, Granularity, Zone};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
struct RowEvents {
    slot: u8,
    kind: u8,
    user: u16,
    session: Option<u16>,
    country: Option<u8>,
    revenue: Option<i32>,
}

fn seen() -> impl Strategy<Value = RowEvents> {
    (
        0u8..60,
        0u8..12,
        0u16..300,
        prop::option::of(0u16..50),
        prop::option::of(0u8..40),
        prop::option::of(-10_000i32..10_000),
    )
        .prop_map(|(slot, kind, user, session, country, revenue)| RowEvents {
            slot,
            kind,
            user,
            session,
            country,
            revenue,
        })
}

const HOUR_OF_2024: i64 = 1_733_925_600_000;

fn empty() -> Bucket {
    Bucket::new(&Zone::UTC.period(Granularity::Hour, HOUR_OF_2024).unwrap())
}

fn occur(event: &RowEvents, count: impl FnOnce(&ResolvedEvent)) {
    let country = event.country.map(|country| match country {
        0 => "~other".to_owned(),
        _ => country.to_string(),
    });
    let kind = event.kind.to_string();
    let facet = |kind, name, value, users| Facet {
        kind,
        name,
        value,
        users,
        capacity: 0,
    };
    let kind = Text::new(kind.as_bytes());
    let mut facets = vec![facet(RowKind::Event, EVENT, kind, true)];
    if let Some(country) = &country {
        let (name, value) = (Text::new(b"country"), Text::new(country.as_bytes()));
        facets.push(facet(RowKind::Dimension, name, value, false));
        // The same text in another dimension.
        facets.push(facet(RowKind::Dimension, Text::new(b"birth"), value, true));
    }
    let revenue = event.revenue.map(|cents| f64::from(cents) / 100.0);
    let values = revenue.map(|x| (Text::new(b"revenue"), Number::of(x)));
    let (names, numbers): (Vec<_>, Vec<_>) = values
        .into_iter()
        .chain(
            event
                .user
                .is_multiple_of(3)
                .then_some((Text::new(b"a"), Number::of(1.0))),
        )
        .unzip();
    count(&ResolvedEvent {
        counts_people: false,
        seen: None,
        user: Member::of(hash(&event.user.to_le_bytes())),
        session: event
            .session
            .map(|session| Member::of(hash(&session.to_le_bytes()))),
        facets: &facets,
        names: &names,
        numbers: &numbers,
    });
}

fn bucket_of(events: &[RowEvents]) -> Bucket {
    bucket_with(events, 1_000)
}

fn bucket_with(events: &[RowEvents], capacity: usize) -> Bucket {
    let mut bucket = empty();
    for event in events {
        occur(event, |occurrence| {
            bucket.count_alone(occurrence, event.slot, capacity)
        });
    }
    bucket
}

const NESTED: [Granularity; 3] = [Granularity::Minute, Granularity::Hour, Granularity::Day];

fn nested() -> [Bucket; 3] {
    NESTED.map(|it| Bucket::new(&Zone::UTC.period(it, HOUR_OF_2024).unwrap()))
}

/// The terms of each bucket. All of them count the same events; by the bits of `links` a bucket is
/// contained in another one.
fn nested_terms(capacities: [usize; 3], links: u8) -> [ApplyTerms; 3] {
    [0, 1, 2].map(|position: usize| {
        let mut contained_in = Granularities::NONE;
        for (coarser, granularity) in NESTED.into_iter().enumerate().skip(position + 1) {
            if links & 1 << (position + coarser) != 0 {
                contained_in.add_if(true, granularity);
            }
        }
        let capacity = capacities[position];
        ApplyTerms {
            capacity,
            contained_in,
        }
    })
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> usize {
    items.collect::<BTreeSet<T>>().len()
}

fn per_slot<'e>(events: impl Iterator<Item = &'e RowEvents>) -> BTreeMap<i32, u64> {
    let mut slots = BTreeMap::new();
    for event in events {
        *slots.entry(i32::from(event.slot)).or_default() += 1;
    }
    slots
}

fn check(tally: &Tally, events: &[&RowEvents], bucket: &Bucket, users: bool) {
    let slots: BTreeMap<i32, u64> = tally.slots().iter().collect();
    assert_eq!(slots, per_slot(events.iter().copied()));
    assert_eq!(tally.events(), events.len() as u64);
    let counted = if users {
        distinct(events.iter().map(|it| it.user))
    } else {
        0
    };
    assert_eq!(tally.users().estimate().round() as usize, counted);
    let sessions = if users {
        distinct(events.iter().filter_map(|it| it.session))
    } else {
        0
    };
    let sketch = tally.sessions().map_or(0.0, |sessions| sessions.estimate());
    assert_eq!(sketch.round() as usize, sessions);

    let numbers: Vec<i32> = events.iter().filter_map(|it| it.revenue).collect();
    let measured = bucket
        .value(Text::new(b"revenue"))
        .and_then(|id| tally.measured(id));
    let Some(measured) = measured else {
        assert!(numbers.is_empty());
        return;
    };
    let summary = measured.slots.total();
    assert_eq!(summary.count(), numbers.len() as u64);
    assert_eq!(measured.quantiles.count(), numbers.len() as u64);
    let cents = |x: Option<&i32>| x.map(|cents| f64::from(*cents) / 100.0);
    assert_eq!(summary.min(), cents(numbers.iter().min()));
    assert_eq!(summary.max(), cents(numbers.iter().max()));
    let sum = f64::from(numbers.iter().sum::<i32>()) / 100.0;
    assert!((summary.sum() - sum).abs() <= 1e-9 * numbers.len() as f64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_events_of_a_call_count_as_they_would_one_by_one(
        events in prop::collection::vec(seen(), 0..150),
        here in 0u16..300,
        capacity in prop_oneof![1usize..20, Just(1_000)],
    ) {
        let mut all = RowBatch::default();
        for (number, event) in (0..).zip(&events) {
            occur(event, |occurrence| all.add(number, 0, occurrence));
        }
        all.sort();
        let is_here = |event: &BatchEvent| events[event.path as usize].user < here;
        let (mut together, mut apart) = (empty(), empty());
        let terms = ApplyTerms { capacity, contained_in: Granularities::NONE };
        let mut share = ApplyScratch::default();
        share.begin(&all, [Granularity::Hour].into_iter().collect());
        // Those that are not here count in another bucket.
        let slot = |event: &BatchEvent| events[event.path as usize].slot;
        let mut elsewhere = empty();
        for (bucket, goes_there) in [(&mut elsewhere, false), (&mut together, true)] {
            let each = |event: &BatchEvent| (is_here(event) == goes_there).then(|| slot(event));
            if share.fill_each(&all, each) {
                bucket.count_batch(&all, &mut share, &terms);
            }
        }
        for (position, event) in all.events().iter().enumerate() {
            if is_here(event) {
                apart.count_of_batch(&all, position, slot(event), &terms, &mut share);
            }
        }
        let counted: Vec<RowEvents> = events.iter().filter(|it| it.user < here).cloned().collect();
        let expected = bucket_with(&counted, capacity).encode();
        let others: Vec<RowEvents> = events.iter().filter(|it| it.user >= here).cloned().collect();
        prop_assert_eq!(elsewhere.encode(), bucket_with(&others, capacity).encode());
        prop_assert_eq!(together.encode(), expected.clone());
        prop_assert_eq!(apart.encode(), expected);
    }

    #[test]
    fn a_user_in_a_finer_bucket_is_in_the_coarser_ones(
        before in prop::collection::vec(seen(), 0..30),
        calls in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(seen(), 1..4),
                prop::collection::vec(seen(), 1..40),
            ],
            1..25,
        ),
        links: u8,
        ways in prop::collection::vec((0u8..3, 0u8..8), 25),
        capacities in prop::array::uniform3(prop_oneof![1usize..20, Just(1_000)]),
    ) {
        let (mut ours, mut plain) = (nested(), nested());
        let terms = nested_terms(capacities, links);
        // The coarser ones are older.
        for event in &before {
            for bucket in ours[1..].iter_mut().chain(&mut plain[1..]) {
                occur(event, |it| bucket.count_alone(it, event.slot, 1_000));
            }
        }
        // The same few come again and again.
        let calls: Vec<Vec<RowEvents>> = calls.into_iter().map(|call| call.into_iter().map(|event| RowEvents {
            user: event.user % 15,
            session: event.session.map(|it| it % 5),
            ..event
        }).collect()).collect();
        let mut share = ApplyScratch::default();
        // A bucket that contains no finer one does not need all events: it may be absent at times.
        let may_be_away = |position: usize| (0..position).all(|finer| links & 1 << (position + finer) == 0);
        for (call, (path, away)) in calls.iter().zip(ways) {
            let is_here = |position: usize| away & 1 << position == 0 || !may_be_away(position);
            let mut all = RowBatch::default();
            for (number, event) in (0..).zip(call) {
                occur(event, |occurrence| all.add(number, 0, occurrence));
            }
            all.sort();
            share.begin(&all, NESTED.into_iter().collect());
            // Of all or of each.
            let common = call[0].slot.is_multiple_of(2).then_some(call[0].slot);
            let call: Vec<RowEvents> = call.iter().map(|event| RowEvents {
                slot: common.unwrap_or(event.slot),
                ..event.clone()
            }).collect();
            let slot = |event: &BatchEvent| call[event.path as usize].slot;
            if path == 0 {
                for event in &call {
                    let mut sure = [KnownIn::default(); limits::ROWS_PER_EVENT];
                    for (position, (bucket, terms)) in ours.iter_mut().zip(&terms).enumerate() {
                        if is_here(position) {
                            occur(event, |it| bucket.count_event(it, event.slot, terms, &mut sure));
                        }
                    }
                }
            } else {
                for (position, (bucket, terms)) in ours.iter_mut().zip(&terms).enumerate() {
                    if !is_here(position) {
                        continue;
                    }
                    if path == 1 || bucket.granularity() != Granularity::Minute {
                        match common {
                            Some(slot) => share.fill(&all, slot),
                            None => assert!(share.fill_each(&all, |event| Some(slot(event)))),
                        }
                        bucket.count_batch(&all, &mut share, terms);
                    } else {
                        for (position, event) in all.events().iter().enumerate() {
                            bucket.count_of_batch(&all, position, slot(event), terms, &mut share);
                        }
                    }
                }
            }
            for (position, (bucket, capacity)) in plain.iter_mut().zip(capacities).enumerate() {
                for event in call.iter().filter(|_| is_here(position)) {
                    occur(event, |it| bucket.count_alone(it, event.slot, capacity));
                }
            }
        }
        for (bucket, expected) in ours.iter().zip(&plain) {
            prop_assert_eq!(bucket.encode(), expected.encode(), "{:?}", bucket.granularity());
        }
    }

    #[test]
    fn every_row_holds_what_its_events_add(events in prop::collection::vec(seen(), 1..400)) {
        let bucket = bucket_of(&events);
        check(bucket.total(), &events.iter().collect::<Vec<_>>(), &bucket, true);
        let kinds = bucket.breakdown(RowKind::Event, EVENT).unwrap();
        prop_assert_eq!(kinds.rows().len(), distinct(events.iter().map(|it| it.kind)));
        for row in kinds.rows() {
            let kind: u8 = std::str::from_utf8(row.value()).unwrap().parse().unwrap();
            let of_kind: Vec<&RowEvents> = events.iter().filter(|it| it.kind == kind).collect();
            check(&row.tally, &of_kind, &bucket, true);
        }
        let Some(countries) = bucket.breakdown(RowKind::Dimension, Text::new(b"country")) else {
            prop_assert!(events.iter().all(|it| it.country.is_none()));
            return Ok(());
        };
        for row in countries.rows() {
            let country = std::str::from_utf8(row.value()).unwrap().parse().ok();
            let of_country: Vec<&RowEvents> = events.iter().filter(|it| it.country == country).collect();
            check(&row.tally, &of_country, &bucket, false);
        }
    }

    #[test]
    fn the_order_of_events_does_not_matter(
        events in prop::collection::vec(seen(), 1..200),
        turn: usize,
    ) {
        let mut shuffled = events.clone();
        shuffled.rotate_left(turn % events.len());
        shuffled.reverse();
        prop_assert_eq!(bucket_of(&events).encode(), bucket_of(&shuffled).encode());
    }

    #[test]
    fn stored_and_read_again_it_is_the_same(
        events in prop::collection::vec(seen(), 1..300),
    ) {
        let bucket = bucket_of(&events);
        let pages = bucket.encode();
        let read = Bucket::decode(&pages).unwrap();
        prop_assert_eq!(read.encode(), pages);
    }

    #[test]
    fn imports_come_in_any_order_and_once(
        events in prop::collection::vec(seen(), 0..20),
        imports in prop::collection::vec((0u8..4, 0u64..400, 1u64..300, any::<bool>()), 1..6),
        turn: usize,
    ) {
        let import = |bucket: &mut Bucket, (country, first, count, is_user): (u8, u64, u64, bool)| {
            let mut native = Sketch::new();
            (first..first + count).for_each(|user| {
                native.insert(hash(&user.to_le_bytes()));
            });
            let native = Sketch::from_redis(&native.to_redis()).unwrap();
            let what = if is_user { Distinct::Users } else { Distinct::Sessions };
            let value = [country];
            let facet = Facet {
                kind: RowKind::Dimension,
                name: Text::new(b"country"),
                value: Text::new(&value),
                users: country < 3, capacity: 0 };
            bucket.import(&[facet], what, &native, 1_000)
        };
        let mut bucket = bucket_of(&events);
        let mut turned = bucket.clone();
        let before = bucket.total().events();
        for it in &imports {
            import(&mut bucket, *it);
            prop_assert!(!import(&mut bucket, *it));
        }
        let mut order = imports.clone();
        order.rotate_left(turn % imports.len());
        order.reverse();
        for it in order {
            import(&mut turned, it);
        }
        let pages = bucket.encode();
        prop_assert_eq!(&turned.encode(), &pages);
        prop_assert_eq!(bucket.total().events(), before);
        prop_assert_eq!(Bucket::decode(&pages).unwrap().encode(), pages);
    }

    #[test]
    fn a_broken_payload_is_refused_or_as_good_as_one_of_ours(
        events in prop::collection::vec(seen(), 1..20),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut pages = bucket_of(&events).encode();
        for (position, byte) in flips {
            let position = position.index(pages[0].len());
            pages[0][position] = byte;
        }
        if let Ok(bucket) = Bucket::decode(&pages) {
            prop_assert_eq!(bucket.encode(), pages);
        }
    }
}

#[test]
fn a_payload_cut_short_is_refused() {
    let event = RowEvents {
        slot: 1,
        kind: 2,
        user: 3,
        session: Some(4),
        country: Some(5),
        revenue: Some(6),
    };
    let pages = bucket_of(&[event]).encode();
    for len in 0..pages[0].len() {
        assert!(
            Bucket::decode(&[pages[0][..len].to_vec()]).is_err(),
            "{len}"
        );
    }
    assert!(Bucket::decode::<Page>(&[]).is_err());
    let twice = [pages[0].clone(), pages[0].clone()];
    assert!(Bucket::decode(&twice).is_err());
}

#[test]
fn one_user_costs_bytes() {
    let period = Zone::UTC.period(Granularity::Minute, HOUR_OF_2024).unwrap();
    let mut bucket = Bucket::new(&period);
    let facets = [Facet {
        kind: RowKind::Event,
        name: EVENT,
        value: Text::new(b"purchase"),
        users: true,
        capacity: 0,
    }];
    let occurrence = ResolvedEvent {
        counts_people: false,
        seen: None,
        user: Member::of(hash(b"user42")),
        session: None,
        facets: &facets,
        names: &[],
        numbers: &[],
    };
    bucket.count_alone(&occurrence, 5, 1_000);
    let bytes = allocated(size_of::<Bucket>()) + bucket.heap_bytes();
    assert!(bytes <= 300, "{bytes}");
}
