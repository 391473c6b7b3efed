//! Counters against a map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Map = BTreeMap<i32, u64>;

fn counted(adds: &[(i32, u64)]) -> (Counters, Map) {
    let (mut counters, mut map) = (Counters::new(), Map::new());
    for (position, n) in adds {
        counters.add(*position, *n);
        if *n > 0 {
            let count = map.entry(*position).or_default();
            *count = count.saturating_add(*n);
        }
    }
    (counters, map)
}

fn encoded(counters: &Counters) -> Vec<u8> {
    let mut writer = Writer::new();
    counters.encode(&mut writer);
    writer.into_bytes()
}

fn decoded(bytes: &[u8], min: i32, max: i32) -> Result<Counters, Corrupt> {
    let mut reader = Reader::new(bytes);
    let counters = Counters::decode(&mut reader, min, max)?;
    reader.finish()?;
    Ok(counters)
}

fn amounts() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..4u64,
        2 => 200..300u64,
        1 => 65_000..66_000u64,
        1 => 4_294_967_000..4_294_968_000u64,
        1 => Just(u64::MAX),
    ]
}

fn adds(positions: std::ops::Range<i32>) -> impl Strategy<Value = Vec<(i32, u64)>> {
    prop::collection::vec((positions, amounts()), 0..40)
}

proptest! {
    #[test]
    fn counters_count_like_a_map(adds in adds(-40..200), from in -50..210i32, to in -50..210i32) {
        let (counters, map) = counted(&adds);
        prop_assert!(counters.iter().eq(map.clone()));
        prop_assert_eq!(counters.first(), map.keys().next().copied());
        prop_assert_eq!(counters.last(), map.keys().last().copied());
        prop_assert_eq!(counters.is_empty(), map.is_empty());
        prop_assert_eq!(counters.len(), map.len());
        let saturating = |sum: u64, n: &u64| sum.saturating_add(*n);
        prop_assert_eq!(counters.total(), map.values().fold(0, saturating));
        for position in -60..220 {
            prop_assert_eq!(counters.get(position), map.get(&position).copied().unwrap_or(0));
        }
        let (from, to) = (from.min(to), from.max(to));
        prop_assert_eq!(counters.sum(from, to), map.range(from..to).map(|(_, n)| n).fold(0, saturating));
        prop_assert_eq!(counters.sum(to, from), 0);
        let mut running = 0u64;
        for (position, n) in &map {
            prop_assert_eq!(counters.at_rank(running.saturating_add(1)), Some(*position));
            running = running.saturating_add(*n);
            if running == u64::MAX {
                break;
            }
            prop_assert_eq!(counters.at_rank(running), Some(*position));
        }
    }

    #[test]
    fn merging_is_counting_both(a in adds(0..60), b in adds(-30..30)) {
        let (baseline, _) = counted(&[a.clone(), b.clone()].concat());
        let ((mut left, _), (right, _)) = (counted(&a), counted(&b));
        let mut backwards = right.clone();
        backwards.merge(&left);
        left.merge(&right);
        prop_assert_eq!(&left, &baseline);
        prop_assert_eq!(encoded(&backwards), encoded(&baseline));
        prop_assert!(left.0.width() <= baseline.0.width());
    }

    #[test]
    fn what_is_stored_is_read_back(adds in adds(-20..60), cut: prop::sample::Index) {
        let (counters, map) = counted(&adds);
        let bytes = encoded(&counters);
        prop_assert_eq!(decoded(&bytes, -20, 59), Ok(counters));
        if let (Some(first), Some(last)) = (map.keys().next(), map.keys().last()) {
            prop_assert!(decoded(&bytes, first + 1, 100).is_err());
            prop_assert!(decoded(&bytes, -100, last - 1).is_err());
        }
        prop_assert!(decoded(&bytes[..cut.index(bytes.len())], -20, 59).is_err());
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in prop::collection::vec(0..12u8, 0..12)) {
        if let Ok(counters) = decoded(&bytes, -5, 59) {
            prop_assert_eq!(encoded(&counters), bytes);
        }
    }
}

#[test]
fn counters_are_three_words_and_small_ones_allocate_nothing() {
    assert_eq!(size_of::<Counters>(), 24);
    let (few, _) = counted(&[(7, 3), (11, 200), (22, 1)]);
    assert_eq!(few.heap_bytes(), 0);
}

#[test]
fn an_hour_of_small_counts_takes_a_byte_a_slot() {
    let mut hour = Counters::new();
    for slot in 0..60 {
        hour.add(slot, 255);
    }
    assert_eq!(hour.heap_bytes(), 64);
    hour.add(30, 1);
    assert_eq!(hour.heap_bytes(), 128);
}

#[test]
fn counters_widen_no_more_than_the_largest_of_them_needs() {
    let (mut a, _) = counted(&[(1, 200)]);
    let (b, _) = counted(&[(2, 200)]);
    a.merge(&b);
    assert_eq!(a.0.width(), Width::One);
    a.merge(&b);
    assert_eq!(a.0.width(), Width::Two);
}

#[test]
fn the_ends_of_the_positions_are_positions() {
    for edge in [i32::MIN, i32::MAX] {
        let (counters, _) = counted(&[(edge, 1), (edge, 300)]);
        assert_eq!(counters.get(edge), 301);
        assert_eq!(counters.get(-1 - edge), 0);
        assert_eq!(counters.total(), 301);
        assert_eq!(
            (counters.first(), counters.last()),
            (Some(edge), Some(edge))
        );
        let mut near = counters.clone();
        near.add(if edge < 0 { edge + 20 } else { edge - 20 }, 1);
        near.merge(&counters);
        assert_eq!((near.span(), near.total()), (21, 603));
    }
}

#[test]
fn growing_at_both_ends_moves_the_window_seldom() {
    let mut counters = Counters::new();
    let mut moves = 0;
    for i in 0..10_000 {
        let position = if i % 2 == 0 { i } else { -i };
        if !counters.add_in_window(position, 1) {
            counters.add(position, 1);
            moves += 1;
        }
    }
    assert!(moves < 250, "{moves}");
}

#[test]
fn a_stored_count_has_one_form() {
    let (one, _) = counted(&[(5, 1), (8, 1), (9, 300)]);
    assert_eq!(encoded(&one), [3, 10, 0, 4, 1, 0xaa, 2]);
    assert_eq!(encoded(&Counters::new()), [0]);
    let problem = |bytes: &[u8]| decoded(bytes, 0, 59).unwrap_err().problem;
    assert_eq!(problem(&[61]), "out of range");
    assert_eq!(problem(&[2, 0]), "more items than bytes");
    assert_eq!(problem(&[1, 10, 2]), "a gap before the first");
    assert_eq!(problem(&[1, 120, 0]), "not in order");
    assert_eq!(problem(&[2, 118, 0, 0]), "not in order");
    assert_eq!(problem(&[1, 0, 1]), "truncated");
    assert_eq!(problem(&[1, 0, 0, 0]), "bytes after its end");
}
