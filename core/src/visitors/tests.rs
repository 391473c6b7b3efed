//! Partitions against a plain map from visitors to visits.

use super::entry::Layout;
use super::ids::{Seed, ValueId, Visitor};
use super::partition::{Observed, Partition, Previous, Terms};
use super::step::{Amounts, Moment, Row, Step, Visit};
use super::MOST_BY;
use crate::memory::allocated;
use crate::time::{DAY, HOUR, MINUTE};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

const SEED: Seed = Seed([1, 2]);
const TIMEOUT: i64 = 30 * MINUTE;

fn terms(path: bool, by: u8, most: usize) -> Terms {
    Terms {
        tag: 7,
        timeout: TIMEOUT,
        layout: Layout { path, by },
        keeps_paths: path,
        bits: 0,
        most,
    }
}

fn at(time: i64) -> Moment {
    Moment {
        time,
        passive: false,
        path: None,
        by: [None; MOST_BY],
    }
}

fn user(number: u64) -> Visitor {
    SEED.visitor(number, None)
}

fn observe<'p>(
    partition: &'p mut Partition,
    who: u64,
    moment: Moment,
    most: usize,
) -> Observed<'p> {
    let terms = terms(false, 0, most);
    partition.observe(user(who), &moment, None, i64::MAX, &terms)
}

fn sum(step: &Step) -> Amounts {
    let mut sum = Amounts::default();
    step.additions(1, |row, amounts| {
        if row == Row::Whole {
            sum = sum.plus(amounts);
        }
    });
    sum
}

#[test]
fn a_visit_ends_at_the_timeout_and_not_before() {
    for (gap, is_same) in [(TIMEOUT - 1, true), (TIMEOUT, false)] {
        let mut partition = Partition::new(&terms(false, 0, 100));
        observe(&mut partition, 1, at(0), 100);
        let step = observe(&mut partition, 1, at(gap), 100).step;
        assert_eq!(matches!(step, Step::Went { .. }), is_same, "{gap}");
        let expected = match is_same {
            true => Amounts {
                visits: 0,
                engaged: 1,
                time: gap,
                events: 1,
            },
            false => Amounts {
                visits: 1,
                engaged: 0,
                time: 0,
                events: 1,
            },
        };
        assert_eq!(sum(&step), expected);
    }
}

#[test]
fn a_visit_is_at_most_a_day_long() {
    let mut partition = Partition::new(&terms(false, 0, 100));
    let mut begun = 0;
    for event in 0..=2 * 24 * 6 {
        let step = observe(&mut partition, 1, at(event * 10 * MINUTE), 100).step;
        begun += i32::from(matches!(step, Step::Begun(_)));
    }
    assert_eq!(begun, 2);
}

#[test]
fn a_passive_event_makes_a_visit_longer_and_nothing_else() {
    let mut partition = Partition::new(&terms(false, 0, 100));
    let passive = |time| Moment {
        passive: true,
        ..at(time)
    };
    assert_eq!(
        observe(&mut partition, 1, passive(0), 100).step,
        Step::Nothing
    );
    assert!(partition.is_empty());
    observe(&mut partition, 1, at(0), 100);
    let step = observe(&mut partition, 1, passive(MINUTE), 100).step;
    assert_eq!(
        sum(&step),
        Amounts {
            visits: 0,
            engaged: 0,
            time: MINUTE,
            events: 1
        }
    );
    let step = observe(&mut partition, 1, at(2 * MINUTE), 100).step;
    assert_eq!(
        sum(&step),
        Amounts {
            visits: 0,
            engaged: 1,
            time: MINUTE,
            events: 1
        }
    );
}

#[test]
fn an_earlier_event_belongs_to_its_visit_within_the_timeout_and_is_late_else() {
    let mut partition = Partition::new(&terms(false, 0, 100));
    observe(&mut partition, 1, at(HOUR), 100);
    let step = observe(&mut partition, 1, at(HOUR - TIMEOUT + 1), 100).step;
    assert_eq!(
        sum(&step),
        Amounts {
            visits: 0,
            engaged: 1,
            time: 0,
            events: 1
        }
    );
    let step = observe(&mut partition, 1, at(HOUR - TIMEOUT), 100).step;
    assert_eq!(step, Step::Late);
}

/// Hashes of few visitors may lie near each other, so that one step of growth makes no room.
#[test]
fn every_visitor_of_a_small_partition_is_counted() {
    for first in (0..20_000).map(|number| number * 16) {
        let mut partition = Partition::new(&terms(false, 0, 100));
        for who in first..first + 16 {
            let step = observe(&mut partition, who, at(0), 100).step;
            assert!(matches!(step, Step::Begun(_)), "{first} {who}: {step:?}");
        }
        assert_eq!(partition.len(), 16);
    }
}

/// Many visitors and few in turn, with gaps in which all visits end: the table grows and shrinks.
#[test]
fn a_partition_of_any_size_is_a_map_of_visits_and_is_read_again() {
    let terms = terms(false, 0, 100_000);
    let mut partition = Partition::new(&terms);
    let mut model: HashMap<u64, Visit> = HashMap::new();
    let mut random = 1u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    let mut time = DAY;
    for number in 0..60_000 {
        if number % 2_500 == 0 {
            time += [0, MINUTE, TIMEOUT, 2 * HOUR][next(4) as usize];
        }
        let visitors = [20, 300, 2_000, 9_000][(number / 1_700) % 4];
        time += next(600) as i64;
        let (who, moment) = (user(next(visitors)), at(time));
        let expected = Step::of(model.get(&who.bits()), &moment, TIMEOUT);
        let observed = partition.observe(who, &moment, None, i64::MAX, &terms);
        assert_eq!((observed.step, observed.weight), (expected, 1), "{number}");
        if let Some(visit) = expected.visit() {
            model.insert(who.bits(), *visit);
        }
        if number % 499 == 0 {
            let pages = partition.encode();
            assert_eq!(
                Partition::decode(&pages).as_ref(),
                Ok(&partition),
                "{number}"
            );
        }
    }
}

#[test]
fn entry_and_exit_follow_the_path() {
    let terms = terms(true, 1, 100);
    let mut partition = Partition::new(&terms);
    let [home, cart] = [&b"/"[..], b"/cart"];
    let mut rows: BTreeMap<Row, Amounts> = BTreeMap::new();
    let mut go = |time, path: Option<&'static [u8]>, by: &[u8]| {
        let mut moment = at(time);
        moment.path = path.map(|path| SEED.path(path));
        moment.by[0] = Some(SEED.value(by));
        let observed = partition.observe(user(1), &moment, path, i64::MAX, &terms);
        observed.step.additions(1, |row, amounts| {
            let sum = rows.entry(row).or_default();
            *sum = sum.plus(amounts);
        });
        match observed.previous {
            Some(Previous::Path(path)) => Some(path.to_vec()),
            Some(Previous::Nothing) => Some(b"~start".to_vec()),
            Some(Previous::Unknown) => Some(b"~other".to_vec()),
            None => None,
        }
    };
    assert_eq!(go(0, None, b"FR"), None);
    assert_eq!(go(1_000, Some(home), b"DE"), Some(b"~start".to_vec()));
    assert_eq!(go(3_000, Some(cart), b"DE"), Some(home.to_vec()));
    assert_eq!(go(4_000, Some(cart), b"DE"), Some(cart.to_vec()));
    assert_eq!(go(2_000, Some(home), b"DE"), None, "not in order");
    let all = Amounts {
        visits: 1,
        engaged: 1,
        time: 4_000,
        events: 5,
    };
    rows.retain(|_, amounts| !amounts.is_zero());
    let expected = [
        Row::Whole,
        Row::By(0, SEED.value(b"FR")),
        Row::Entry(SEED.path(home)),
        Row::Exit(SEED.path(cart)),
    ];
    assert_eq!(rows, expected.into_iter().map(|row| (row, all)).collect());
}

#[derive(Debug, Clone)]
struct Event {
    user: u64,
    gap: i64,
    passive: bool,
    path: Option<u8>,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let gap = prop_oneof![
        4 => 0..2 * MINUTE,
        1 => -40 * MINUTE..0,
        1 => Just(TIMEOUT - 1),
        1 => Just(TIMEOUT),
    ];
    let event = (0..60u64, gap, any::<bool>(), prop::option::of(0..4u8));
    let event = event.prop_map(|(user, gap, passive, path)| Event {
        user,
        gap,
        passive,
        path,
    });
    prop::collection::vec(event, 1..400)
}

proptest! {
    /// Without a bound, and as long as no event is older than the timeout, what a partition has dropped
    /// makes no difference.
    #[test]
    fn a_partition_is_a_map_of_visits(events in events(), path: bool, by in 0..5u8) {
        let terms = terms(path, by, 1_000);
        let mut partition = Partition::new(&terms);
        let mut model = HashMap::new();
        let mut time = DAY;
        for (number, event) in events.iter().enumerate() {
            time += event.gap.max(0);
            let mut moment = at(time + event.gap.clamp(-5 * MINUTE, 0));
            moment.passive = event.passive;
            moment.path = event.path.filter(|_| path).map(|path| SEED.path(&[path]));
            for (position, value) in moment.by.iter_mut().enumerate().take(by.into()) {
                *value = Some(SEED.value(&[event.user as u8, position as u8]));
            }
            let who = user(event.user);
            let known = model.get(&who.bits());
            let expected = Step::of(known, &moment, TIMEOUT);
            let beginning = known.filter(|it| it.has(moment.time, TIMEOUT)).map(|it| it.start);
            prop_assert_eq!(partition.beginning(who, moment.time, &terms), beginning);
            let text = event.path.map(|path| [path]);
            let text = text.as_ref().map(|text| &text[..]);
            let observed = partition.observe(who, &moment, text, i64::MAX, &terms);
            prop_assert_eq!((observed.step, observed.weight), (expected, 1));
            if let Some(visit) = expected.visit() {
                model.insert(who.bits(), *visit);
            }
            if number % 40 == 0 {
                let pages = partition.encode();
                prop_assert_eq!(&Partition::decode(&pages).unwrap(), &partition);
            }
        }
    }

    #[test]
    fn a_broken_payload_is_refused_or_as_good_as_one_of_ours(
        events in events(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let terms = terms(true, 2, 1_000);
        let mut partition = Partition::new(&terms);
        for (number, event) in events.iter().enumerate() {
            let mut moment = at(number as i64 * 1_000);
            moment.path = event.path.map(|path| SEED.path(&[path]));
            let text = event.path.map(|path| [path]);
            let text = text.as_ref().map(|text| &text[..]);
            partition.observe(user(event.user), &moment, text, i64::MAX, &terms);
        }
        let mut pages = partition.encode();
        for (position, byte) in flips {
            let position = position.index(pages[0].len());
            pages[0][position] = byte;
        }
        if let Ok(mut read) = Partition::decode(&pages) {
            prop_assert_eq!(read.encode(), pages);
            for number in 0..300 {
                read.observe(user(number), &at(DAY), None, i64::MAX, &terms);
            }
            let pages = read.encode();
            prop_assert_eq!(Partition::decode(&pages).unwrap(), read);
        }
    }
}

#[test]
fn a_payload_cut_short_is_refused() {
    let mut partition = Partition::new(&terms(true, 2, 100));
    for number in 0..9 {
        let terms = terms(true, 2, 100);
        partition.observe(user(number), &at(0), None, i64::MAX, &terms);
    }
    let pages = partition.encode();
    for len in 0..pages[0].len() {
        assert!(
            Partition::decode(&[pages[0][..len].to_vec()]).is_err(),
            "{len}"
        );
    }
}

#[test]
fn past_the_bound_those_who_are_followed_count_for_all() {
    const MOST: usize = 1_000;
    let mut partition = Partition::new(&terms(false, 0, MOST));
    let mut visits = 0;
    for number in 0..30_000 {
        let observed = observe(&mut partition, number, at(number as i64), MOST);
        observed
            .step
            .additions(observed.weight, |_, amounts| visits += amounts.visits);
        assert!(partition.len() <= MOST, "{number}");
    }
    assert!((32..=128).contains(&partition.weight()));
    assert!((25_000..35_000).contains(&visits), "{visits}");
    // When they are gone, all are followed again.
    for number in 0..200_000 {
        observe(
            &mut partition,
            number,
            at(DAY + 100_000 * number as i64),
            MOST,
        );
    }
    assert_eq!(partition.weight(), 1);
}

#[test]
fn ended_visits_leave_before_a_table_grows() {
    let mut partition = Partition::new(&terms(false, 0, 100_000));
    for number in 0..100_000 {
        observe(&mut partition, number, at(number as i64 * MINUTE), 100_000);
    }
    assert!(partition.len() < 200, "{}", partition.len());
}

#[test]
fn what_was_counted_under_other_settings_is_not_gone_on_with() {
    let before = terms(false, 0, 100);
    let mut partition = Partition::new(&before);
    partition.observe(user(1), &at(0), None, 0, &before);
    let now = Terms {
        tag: 8,
        ..terms(true, 1, 100)
    };
    assert_eq!(partition.beginning(user(1), 1, &now), None);
    let observed = partition.observe(user(1), &at(1), None, 0, &now);
    assert!(matches!(observed.step, Step::Begun(_)));
    assert_eq!(partition.len(), 1);
}

/// A partition that is restored under the key of another one, or has other values under the same tag.
#[test]
fn visits_of_another_partition_or_layout_are_dropped_and_what_follows_is_read_again() {
    let own = Terms {
        bits: 4,
        ..terms(true, 1, 100)
    };
    let other_layout = Terms {
        layout: Layout { path: false, by: 3 },
        ..own
    };
    let users = |number| {
        (0..500)
            .map(user)
            .filter(move |it| it.partition(4) == number)
    };
    for (before, number) in [(own, 5), (other_layout, 3), (Terms { bits: 3, ..own }, 3)] {
        let mut partition = Partition::new(&before);
        for who in users(number) {
            partition.observe(who, &at(0), None, 0, &before);
        }
        assert!(partition.len() > 10);
        let mut read = Partition::decode(&partition.encode()).unwrap();
        for (place, who) in users(3).enumerate() {
            let step = read.observe(who, &at(1), None, 1, &own).step;
            assert!(matches!(step, Step::Begun(_)));
            assert_eq!(read.len(), place + 1);
            assert_eq!(Partition::decode(&read.encode()).as_ref(), Ok(&read));
        }
    }
}

#[test]
fn the_expiry_is_late_enough_and_seldom_moves() {
    let terms = terms(false, 0, 100);
    let mut partition = Partition::new(&terms);
    let mut moves = 0;
    for time in (0..DAY).step_by(1_000) {
        if let Some(expiry) = partition.new_expiry(time - 7 * DAY, time, &terms) {
            partition.set_expiry(expiry);
            moves += 1;
        }
        assert!(partition.expiry() >= time + TIMEOUT);
        assert!(partition.expiry() <= time + 2 * TIMEOUT);
    }
    assert_eq!(moves, 48);
}

#[test]
fn a_visit_takes_the_bytes_that_the_docs_say() {
    for (path, by, fixed) in [(false, 0, 32), (true, 2, 52)] {
        let terms = terms(path, by, 8_192);
        let mut partition = Partition::new(&terms);
        let (mut worst, mut largest) = (0, 0);
        for number in 0..8_192u64 {
            let mut moment = at(number as i64);
            moment.path = path.then(|| SEED.path(b"/"));
            partition.observe(user(number), &moment, Some(b"/"), i64::MAX, &terms);
            if number == 7_811 {
                worst = partition.heap_bytes() / 7_812;
            }
            largest = largest.max(allocated(partition.heap_bytes()));
        }
        assert!(worst <= fixed, "{worst} bytes a visit");
        assert!(largest <= 512 << 10, "{largest}");
    }
}

#[test]
fn visitors_are_spread_and_their_hashes_are_keyed() {
    let mut partitions = [0; 16];
    for number in 0..16_000 {
        partitions[user(number).partition(4) as usize] += 1;
    }
    assert!(
        partitions.iter().all(|len| (850..1_150).contains(len)),
        "{partitions:?}"
    );
    assert_ne!(user(1), SEED.visitor(1, Some(1)));
    assert_ne!(user(1), Seed([1, 3]).visitor(1, None));
    assert_ne!(SEED.tag(b"a"), SEED.tag(b"b"));
    let ids: std::collections::HashSet<ValueId> = (0..10_000u32)
        .map(|number| SEED.path(&number.to_le_bytes()))
        .collect();
    assert_eq!(ids.len(), 10_000);
}
