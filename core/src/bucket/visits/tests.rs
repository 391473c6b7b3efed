//! Tables at their capacity: every visit is in one row, whatever is added to it later.

use super::*;
use crate::bucket::Bucket;
use crate::time::{Granularity, Zone, DAY};
use crate::visitors::ValueId;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SEED: Seed = Seed([3, 4]);

fn id(value: u8) -> ValueId {
    SEED.path(&[value])
}

const ONE: Amounts = Amounts {
    visits: 1,
    engaged: 0,
    time: 0,
    events: 1,
};

fn minus(amounts: Amounts) -> Amounts {
    Amounts {
        visits: -amounts.visits,
        engaged: -amounts.engaged,
        time: -amounts.time,
        events: -amounts.events,
    }
}

/// Adds rows of entries and exits.
fn add<'t>(
    visits: &mut Visits,
    change: &Change,
    rows: impl Iterator<Item = (&'t Axis, Addition<'t>)>,
    capacity: usize,
) {
    let rows = rows.map(|(axis, addition)| (axis.order().0, axis, addition));
    visits.add(change, rows, &mut TablePlaces::default(), capacity);
}

/// A visit begins, stays, or goes to another exit.
#[derive(Debug, Clone)]
struct Go {
    visitor: u8,
    to: u8,
    begins: bool,
    out_of_order: i64,
}

fn goes() -> impl Strategy<Value = Vec<Go>> {
    let to = (0.0f64..4.0).prop_map(|x| x.exp() as u8);
    let late = prop_oneof![3 => Just(0i64), 1 => 0..40i64];
    let go = (0..20u8, to, prop::bool::weighted(0.3), late);
    let go = go.prop_map(|(visitor, to, begins, out_of_order)| Go {
        visitor,
        to,
        begins,
        out_of_order,
    });
    prop::collection::vec(go, 1..300)
}

fn counted(visits: &Visits, value: u8) -> i64 {
    let table = visits.table(Text::new(b"exit"));
    let row = table.and_then(|table| table.row(id(value), &[value]));
    row.map_or(0, |row| row.cells().total().visits)
}

proptest! {
    #[test]
    fn at_the_capacity_every_visit_is_in_one_row(goes in goes(), capacity in 1usize..12) {
        let mut visits = Visits::new(Visits::tag_of(SEED));
        // Of each visitor: when the visit began, and its exit.
        let mut under_way: BTreeMap<u8, (i64, u8)> = BTreeMap::new();
        let mut truth: BTreeMap<u8, i64> = BTreeMap::new();
        let mut all = 0;
        for (time, go) in (0i64..).zip(&goes) {
            let before = under_way.get(&go.visitor).copied().filter(|_| !go.begins);
            let beginning = before.map_or(time - go.out_of_order, |(beginning, _)| beginning);
            under_way.insert(go.visitor, (beginning, go.to));
            let addition = |value: u8, amounts, has_text: bool| Addition {
                id: id(value),
                text: has_text.then(|| std::slice::from_ref(&VALUES[usize::from(value)])),
                beginning,
                slot: 3,
                amounts,
            };
            let mut rows = Vec::new();
            match before {
                None => {
                    rows.push((&Axis::Exit, addition(go.to, ONE, true)));
                    *truth.entry(go.to).or_default() += 1;
                    all += 1;
                }
                Some((_, exit)) if exit != go.to => {
                    rows.push((&Axis::Exit, addition(exit, minus(ONE), false)));
                    rows.push((&Axis::Exit, addition(go.to, ONE, true)));
                    *truth.entry(exit).or_default() -= 1;
                    *truth.entry(go.to).or_default() += 1;
                }
                Some((_, exit)) => rows.push((&Axis::Exit, addition(exit, Amounts::default(), false))),
            }
            let change = Change {
                beginning,
                is_new: before.is_none(),
                slot: 3,
                whole: if before.is_none() { ONE } else { Amounts::default() },
                spread: Spread::default(),
            };
            add(&mut visits, &change, rows.into_iter(), capacity);
            if time % 50 == 0 {
                visits = again(&visits);
            }
        }
        let table = visits.table(Text::new(b"exit")).unwrap();
        prop_assert!(table.rows().len() <= capacity);
        let rows: i64 = table.rows().iter().map(|row| row.cells().total().visits).sum();
        let other = table.other().map_or(0, |other| other.total().visits);
        prop_assert_eq!(rows + other, all);
        prop_assert_eq!(visits.whole().total().visits, all);
        for (value, visits_of_value) in truth {
            let here = counted(&visits, value);
            let row = table.rows().iter().position(|row| row.value() == [value]);
            let error = row.map_or(table.floor(), |row| table.error(row)) as i64;
            prop_assert!(here >= 0 && here <= visits_of_value, "{} of {}", here, visits_of_value);
            prop_assert!(visits_of_value <= here + error, "{} and {}", here, error);
        }
        prop_assert!(other >= 0);
    }
}

static VALUES: [u8; 256] = {
    let mut values = [0; 256];
    let mut at = 0;
    while at < 256 {
        values[at] = at as u8;
        at += 1;
    }
    values
};

fn again(visits: &Visits) -> Visits {
    let mut writer = Writer::new();
    visits.encode(&mut writer);
    let pages = writer.into_pages();
    let mut reader = Reader::new(&pages[0]);
    let read = Visits::decode(&mut reader, 60).unwrap();
    reader.finish().unwrap();
    let mut again = Writer::new();
    read.encode(&mut again);
    assert_eq!(again.into_pages(), pages);
    read
}

#[test]
fn a_bucket_that_was_made_anew_takes_nothing_of_visits_before() {
    let mut visits = Visits::new(Visits::tag_of(SEED));
    let change = |beginning, is_new| Change {
        beginning,
        is_new,
        slot: 0,
        whole: ONE,
        spread: Spread::default(),
    };
    add(&mut visits, &change(100, true), std::iter::empty(), 10);
    add(&mut visits, &change(99, false), std::iter::empty(), 10);
    assert_eq!(visits.whole().total(), ONE);
    add(&mut visits, &change(100, false), std::iter::empty(), 10);
    assert_eq!(visits.whole().total().visits, 2);
}

#[test]
fn rows_are_found_by_another_seed() {
    let mut visits = Visits::new(Visits::tag_of(SEED));
    let change = Change {
        beginning: 5,
        is_new: true,
        slot: 0,
        whole: ONE,
        spread: Spread::default(),
    };
    let addition = |seed: Seed, value: &'static [u8]| Addition {
        id: seed.path(value),
        text: Some(value),
        beginning: 5,
        slot: 0,
        amounts: ONE,
    };
    for number in 0..20 {
        let value = &VALUES[number..=number];
        add(
            &mut visits,
            &change,
            std::iter::once((&Axis::Entry, addition(SEED, value))),
            100,
        );
    }
    let other = Seed([8, 9]);
    visits.use_seed(other, Visits::tag_of(other));
    add(
        &mut visits,
        &change,
        std::iter::once((&Axis::Entry, addition(other, &VALUES[7..=7]))),
        100,
    );
    let table = visits.table(Text::new(b"entry")).unwrap();
    assert_eq!(table.rows().len(), 20);
    let row = table.row(other.path(&[7]), &[7]).unwrap();
    assert_eq!(row.cells().total().visits, 2);
    let values: BTreeSet<&[u8]> = table.rows().iter().map(Row::value).collect();
    assert_eq!(values.len(), 20);
}

#[test]
fn a_bucket_without_visits_is_stored_as_before() {
    let period = Zone::UTC.period(Granularity::Day, DAY).unwrap();
    let mut bucket = Bucket::new(&period);
    let without = bucket.encode();
    assert_eq!(without[0][0], 1);
    let mut visits = Visits::new(Visits::tag_of(SEED));
    let change = Change {
        beginning: DAY,
        is_new: true,
        slot: 0,
        whole: ONE,
        spread: Spread::default(),
    };
    add(&mut visits, &change, std::iter::empty(), 10);
    *bucket.visits_mut() = Some(Box::new(visits));
    let with = bucket.encode();
    assert_eq!(with[0][0], 2);
    assert_eq!(with[0].len(), without[0].len() + 8 + 4 + 4 + 1 + 5 + 1 + 1);
}

#[test]
fn two_values_of_one_id_share_a_row() {
    let mut table = Table::new(Axis::Exit);
    let add = |table: &mut Table, value: u8| {
        let addition = Addition {
            id: id(value),
            text: Some(&VALUES[usize::from(value)..=usize::from(value)]),
            beginning: 1,
            slot: 0,
            amounts: ONE,
        };
        table.add(&addition, 100, 0);
    };
    (0..30).rev().for_each(|value| add(&mut table, value));
    table.change_ids(|_, value| id(value[0] % 7));
    assert_eq!(table.rows().len(), 7);
    for value in 0..7u8 {
        let row = table.row(id(value), &[value]).unwrap();
        let expected = (0..30).filter(|it| it % 7 == value).count() as i64;
        assert_eq!(row.cells().total().visits, expected);
    }
}

#[test]
fn a_row_of_a_wrong_id_is_found_again() {
    let mut visits = Visits::new(Visits::tag_of(SEED));
    let change = Change {
        beginning: 5,
        is_new: true,
        slot: 0,
        whole: ONE,
        spread: Spread::default(),
    };
    let addition = |id: ValueId| Addition {
        id,
        text: Some(&VALUES[3..=3]),
        beginning: 5,
        slot: 0,
        amounts: ONE,
    };
    let row = std::iter::once((&Axis::Exit, addition(id(4))));
    add(&mut visits, &change, row, 10);
    let mut read = again(&visits);
    read.use_seed(SEED, Visits::tag_of(SEED));
    let row = std::iter::once((&Axis::Exit, addition(id(3))));
    add(&mut read, &change, row, 10);
    let table = read.table(Text::new(b"exit")).unwrap();
    assert_eq!(table.rows().len(), 1);
    again(&read);
}
