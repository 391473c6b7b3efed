//! Attempts by value at the capacity: each is in one row, with all of its steps.

use super::*;
use crate::text::Name;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SEED: Seed = Seed([3, 4]);
const STEPS: usize = 4;

/// An attempt begins, or reaches further steps.
#[derive(Debug, Clone)]
struct Go {
    user: u8,
    value: u8,
    begins: bool,
    weight: u64,
}

fn goes() -> impl Strategy<Value = Vec<Go>> {
    let value = (0.0f64..4.0).prop_map(|x| x.exp() as u8);
    let weight = prop_oneof![4 => Just(1u64), 1 => Just(4)];
    let go = (0..20u8, value, prop::bool::weighted(0.3), weight);
    let go = go.prop_map(|(user, value, begins, weight)| Go {
        user,
        value,
        begins,
        weight,
    });
    prop::collection::vec(go, 1..300)
}

proptest! {
    #[test]
    fn every_attempt_is_in_one_row_with_all_of_its_steps(goes in goes(), capacity in 1..6usize) {
        let axis = Axis::By(Name::new(b"country"));
        let mut counted = Counted::new(5, STEPS);
        // Of each user, the value and the beginning of the attempt, and how many steps it has reached.
        let mut open: BTreeMap<u8, (u8, i64, u8)> = BTreeMap::new();
        let mut all: BTreeMap<u8, Steps> = BTreeMap::new();
        let mut whole = Steps::default();
        for (time, go) in (0..).zip(&goes) {
            let known = open.get(&go.user).copied().filter(|_| !go.begins);
            let (value, beginning, from) = known.unwrap_or((go.value, time, 0));
            if usize::from(from) == STEPS {
                continue;
            }
            open.insert(go.user, (value, beginning, from + 1));
            let change = Change {
                beginning,
                slot: (beginning % 7) as u8,
                from,
                to: from + 1,
                gap: 1_000,
                weight: go.weight,
            };
            let text = [value];
            let rows = [(&axis, SEED.value(&text), (from == 0).then_some(&text[..]))];
            counted.add(&change, SEED, rows.into_iter(), capacity);
            let steps = Steps::reached(from, from + 1, go.weight);
            let sum = all.entry(value).or_default();
            *sum = sum.plus(steps);
            whole = whole.plus(steps);
        }
        prop_assert_eq!(counted.whole().total(), whole);
        let table = counted.table(Text::new(b"country")).unwrap();
        prop_assert!(table.rows().len() <= capacity);
        let mut sum = table.other().map(Cells::total).unwrap_or_default();
        for (at, row) in table.rows().iter().enumerate() {
            let steps = row.cells().total();
            sum = sum.plus(steps);
            let truth = all[&row.value()[0]];
            for step in 0..STEPS {
                prop_assert!(steps.at(step) <= truth.at(step));
            }
            // Who began is bounded.
            prop_assert!(steps.at(0) + table.error(at) >= truth.at(0));
        }
        prop_assert_eq!(sum, whole);
        for step in 1..STEPS {
            prop_assert_eq!(counted.gaps(step).unwrap().count(), whole.at(step));
        }
        let funnels = Funnels(vec![counted]);
        let mut writer = Writer::new();
        funnels.encode(&mut writer);
        let bytes = writer.into_bytes();
        let again = Funnels::decode(&mut Reader::new(&bytes), 60).unwrap();
        let mut writer = Writer::new();
        again.encode(&mut writer);
        prop_assert_eq!(writer.into_bytes(), bytes);
    }
}

#[test]
fn a_new_funnel_removes_what_is_not_counted_any_more() {
    let mut funnels = Funnels::default();
    for tag in [1, 2, 3] {
        funnels.get_or_insert(tag, 2, |_| true);
    }
    funnels.get_or_insert(4, 2, |tag| tag != 2);
    let tags: Vec<u64> = funnels.all().iter().map(Counted::tag).collect();
    assert_eq!(tags, [1, 3, 4]);
    assert!(funnels.get_or_insert(4, 3, |_| true).unwrap().steps() == 3);
    assert_eq!(funnels.all().len(), 3);
}

#[test]
fn steps_that_are_one_event_have_no_time_between_them() {
    let mut counted = Counted::new(1, STEPS);
    let change = |from, to, gap| Change {
        beginning: 0,
        slot: 0,
        from,
        to,
        gap,
        weight: 1,
    };
    for change in [change(0, 2, 0), change(2, 4, 9_000)] {
        counted.add(&change, SEED, std::iter::empty(), 10);
    }
    let seconds = |step| counted.gaps(step).unwrap().quantile(0.5).unwrap();
    assert_eq!(seconds(1), 0.0);
    assert!((seconds(2) - 9.0).abs() < 0.1);
    assert_eq!(seconds(3), 0.0);
    assert_eq!(counted.whole().total().all()[..STEPS], [1; STEPS]);
}
