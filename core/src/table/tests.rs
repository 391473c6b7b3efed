//! Tables against a plain map, and against the layout that follows from their entries.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A key of 40 bits in the first 5 bytes, and what is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wide(usize);

/// As full as can be: only keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dense;

const BITS: u32 = 40;

fn word(entry: &[u8]) -> u64 {
    u64::from_le_bytes(*entry.first_chunk().unwrap()) & ((1 << BITS) - 1)
}

impl Shape for Wide {
    const BEHIND: usize = 64;
    const SMALLEST: usize = 0;

    fn width(&self) -> usize {
        self.0
    }

    fn key(entry: &[u8]) -> u64 {
        word(entry)
    }

    fn place(&self, key: u64) -> u64 {
        key << (64 - BITS)
    }
}

impl Shape for Dense {
    const BEHIND: usize = 128;
    const SMALLEST: usize = 64;

    fn width(&self) -> usize {
        8
    }

    fn key(entry: &[u8]) -> u64 {
        word(entry)
    }

    fn place(&self, key: u64) -> u64 {
        key << (64 - BITS)
    }

    fn most(slots: usize) -> usize {
        slots - slots / 32
    }
}

/// Keys that are spread, or near each other.
fn key(number: u64, is_near: bool) -> u64 {
    match is_near {
        true => (1 << BITS) - 1 - number,
        false => crate::hash::hash(&number.to_le_bytes()) >> (64 - BITS) | 1,
    }
}

fn entry<S: Shape>(shape: S, key: u64, value: u8) -> Vec<u8> {
    let mut entry = vec![0; shape.width()];
    entry[..8].copy_from_slice(&(key | u64::from(value) << BITS).to_le_bytes());
    if let Some(last) = entry[8..].last_mut() {
        *last = value;
    }
    entry
}

/// Whether each entry is as near its place as those before it allow, and the table is one that is read again.
fn check<S: Shape + PartialEq + std::fmt::Debug>(table: &Table<S>) {
    let slots = table.slots() as u64;
    let mut filling = Filling::for_reading(table.shape(), slots, table.len()).expect("slots");
    for entry in table.iter() {
        assert!(filling.push(entry), "an entry has no room");
    }
    assert_eq!(&filling.finish(), table);
}

fn play<S: Shape + PartialEq + std::fmt::Debug>(
    shape: S,
    operations: &[(u64, u8, u8)],
    is_near: bool,
) {
    let mut table = Table::new(shape);
    let mut plain: BTreeMap<u64, u8> = BTreeMap::new();
    for (place, (number, operation, value)) in operations.iter().enumerate() {
        let key = key(*number, is_near);
        match operation {
            0..3 => assert_eq!(table.remove(key), plain.remove(&key).is_some()),
            3 => {
                let is_kept = |key: u64| key % 5 != u64::from(value % 5);
                table.retain(|entry| is_kept(S::key(entry)));
                plain.retain(|key, _| is_kept(*key));
            }
            _ => {
                if table.is_full() {
                    table.grow();
                }
                let is_put = table.put(&entry(shape, key, *value));
                assert!(is_put || is_near);
                if is_put {
                    plain.insert(key, *value);
                }
            }
        }
        if is_near {
            // No table has room for many keys of one place: some are dropped when it shrinks.
            plain.retain(|key, _| table.find(*key).is_some());
        }
        assert_eq!(table.len(), plain.len());
        assert_eq!(table.find(key).is_some(), plain.contains_key(&key));
        if place % 8 == 0 {
            check(&table);
        }
    }
    let all: Vec<Vec<u8>> = table.iter().map(<[u8]>::to_vec).collect();
    let expected: Vec<Vec<u8>> = { plain.iter() }
        .map(|(key, value)| entry(shape, *key, *value))
        .collect();
    assert_eq!(all, expected);
    for (key, value) in &plain {
        let (slot, found) = table.find(*key).unwrap();
        assert_eq!(found, entry(shape, *key, *value));
        let other = entry(shape, *key, value ^ 1);
        table.write(slot, &other);
        assert_eq!(table.find(*key), Some((slot, &other[..])));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Entries come and go, in any order.
    #[test]
    fn a_table_holds_what_was_put_and_not_removed(
        operations in prop::collection::vec((0..300u64, 0..16u8, any::<u8>()), 0..600),
        width in 8..60usize,
        is_near: bool,
    ) {
        play(Wide(width), &operations, is_near);
        play(Dense, &operations, is_near);
    }
}

#[test]
fn a_table_of_any_number_of_entries_is_read_again_and_is_seldom_sparse() {
    for width in [8, 13, 24, 44, 173] {
        let mut table = Table::new(Wide(width));
        for number in 0..3_000 {
            if table.is_full() {
                assert!(table.grow());
            }
            assert!(table.put(&entry(Wide(width), key(number, false), 1)));
            if number % 7 == 0 {
                check(&table);
            }
        }
        for number in 0..3_000 {
            assert!(table.remove(key(number, false)));
            if number % 7 == 0 || number > 2_900 {
                check(&table);
            }
        }
        assert!(table.heap_bytes() <= allocated(2 * width), "{width}");
    }
}

/// No seed makes such keys, but a payload may have them.
#[test]
fn keys_that_share_a_place_are_put_or_refused_and_the_table_is_read_again() {
    for (first, step) in [
        (1, 1),
        ((1 << BITS) - 500, 1),
        (1 << 39, 1),
        ((1 << BITS) - 1, 0),
    ] {
        let mut table = Table::new(Dense);
        let mut put = 0;
        for number in 0..400 {
            let key = first + step * number;
            if table.is_full() {
                table.grow();
            }
            put += usize::from(step == 1 && table.put(&entry(Dense, key, 0)));
            check(&table);
        }
        assert_eq!(table.len(), put);
        for left in [10, 100, 300, 390] {
            table.retain(|entry| word(entry) > first + left);
            check(&table);
        }
    }
}

#[test]
fn slots_that_no_table_has_are_not_read() {
    for slots in [3, 9, 1_001, u64::from(u32::MAX), 1 << 32, u64::MAX] {
        assert!(Filling::for_reading(Dense, slots, 3).is_none(), "{slots}");
    }
    // So few entries have a smaller table.
    assert!(Filling::for_reading(Dense, 1_024, 400).is_none());
    assert!(Filling::for_reading(Dense, 1_024, 500).is_some());
    assert!(Filling::for_reading(Dense, 1_024, 1_025).is_none());
}
