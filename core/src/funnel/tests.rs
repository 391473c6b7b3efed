use super::attempt::{Attempts, Matched, Moment, Rules};
use super::entry::Layout;
use super::oracle::{attempts, Event};
use super::progress::{Progress, Terms};
use super::*;
use crate::codec::{Reader, Writer};
use crate::time::{HOUR, MINUTE, SECOND};
use crate::visitors::{Seed, ValueId, Visitor};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SEED: Seed = Seed([7, 11]);
const START: i64 = 1_764_000_000_000;

fn user(number: u64) -> Visitor {
    SEED.visitor(crate::hash::hash(&number.to_le_bytes()), None)
}

fn terms(within: i64, steps: u8, by: u8, most: usize) -> Terms {
    Terms {
        tag: 5,
        rules: Rules { within, steps, by },
        bits: 0,
        most,
    }
}

fn moment((time, steps, ends): Event) -> Moment {
    Moment {
        time,
        matched: Matched { steps, ends },
        by: [None; MOST_BY],
    }
}

/// What was counted of a user's attempts, from the changes alone: by the beginning of each.
#[derive(Default, Debug, PartialEq)]
struct Counted(BTreeMap<i64, Vec<i64>>);

impl Counted {
    fn add(&mut self, rises: [Option<Rise>; 2]) {
        for rise in rises.into_iter().flatten() {
            let gaps = self.0.entry(rise.anchor).or_default();
            assert_eq!(gaps.len(), usize::from(rise.from), "{rise:?}");
            gaps.push(rise.gap);
            gaps.resize(usize::from(rise.to), 0);
        }
    }

    fn of_oracle(events: &[Event], within: i64, steps: u8) -> Counted {
        let all = attempts(events, within, usize::from(steps));
        let gaps =
            |reached: &[(i64, i64)]| reached.iter().map(|(at, before)| at - before).collect();
        Counted(all.iter().map(|(anchor, it)| (*anchor, gaps(it))).collect())
    }
}

fn read(bytes: &[u8]) -> Result<Progress, crate::error::Corrupt> {
    let mut reader = Reader::new(bytes);
    let progress = Progress::decode(&mut reader)?;
    reader.finish().map(|()| progress)
}

fn stored(progress: &Progress) -> Vec<u8> {
    let mut writer = Writer::new();
    progress.encode(&mut writer);
    writer.into_bytes()
}

fn event_of(steps: u8) -> impl Strategy<Value = (i64, u8, bool)> {
    let mask = prop_oneof![
        3 => Just(1u8),
        6 => (0..steps).prop_map(|step| 1 << step),
        1 => any::<u8>(),
    ];
    let gap = prop_oneof![3 => 0..40i64, 1 => 0..200i64];
    (gap, mask, prop::bool::weighted(0.04))
}

/// Of one user: the time since the event before, the steps that an event is, and whether it ends chains.
type History = Vec<(i64, u8, bool)>;

/// The number of steps, the duration, and the events of each user.
fn histories() -> impl Strategy<Value = (u8, i64, Vec<History>)> {
    (2..=8u8, prop_oneof![Just(1i64), Just(60), Just(100)]).prop_flat_map(|(steps, within)| {
        let user = prop::collection::vec(event_of(steps), 0..40);
        (
            Just(steps),
            Just(within),
            prop::collection::vec(user, 1..30),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The events of all users in the order of time, through one partition.
    #[test]
    fn what_is_counted_event_by_event_is_what_the_whole_lists_say((steps, within, users) in histories()) {
        let terms = terms(within, steps, 0, 100_000);
        let mut events: Vec<(i64, usize, u8, bool)> = Vec::new();
        for (number, gaps) in users.iter().enumerate() {
            let mut time = START;
            for (gap, mask, ends) in gaps {
                time += gap;
                events.push((time, number, *mask, *ends));
            }
        }
        events.sort_by_key(|(time, ..)| *time);
        let mut progress = Progress::new(&terms);
        let mut counted: Vec<Counted> = users.iter().map(|_| Counted::default()).collect();
        for (place, (time, number, mask, ends)) in events.iter().enumerate() {
            let moment = moment((*time, *mask, *ends));
            let observed = progress.observe(user(*number as u64), &moment, *time, &terms);
            prop_assert!(!observed.is_late);
            counted[*number].add(observed.rises);
            if place % 97 == 0 {
                let bytes = stored(&progress);
                let again = read(&bytes).unwrap();
                prop_assert_eq!(stored(&again), bytes);
                progress = again;
            }
        }
        for (number, counted) in counted.iter().enumerate() {
            let own = events.iter().filter(|event| event.1 == number);
            let own: Vec<Event> = own.map(|(time, _, mask, ends)| (*time, *mask, *ends)).collect();
            prop_assert_eq!(counted, &Counted::of_oracle(&own, within, steps), "{:?}", own);
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written(
        (steps, within, users) in histories(),
        scale in prop_oneof![Just(1i64), Just(60 * MINUTE), Just(LONGEST / 100)],
        by in 0..=4u8,
    ) {
        let within = within * scale;
        let rules = Rules { within, steps, by };
        let layout = Layout::of(&rules);
        for gaps in &users {
            let mut time = START;
            let mut known: Option<Attempts> = None;
            for (number, (gap, mask, ends)) in gaps.iter().enumerate() {
                time += gap * scale;
                let mut moment = moment((time, *mask, *ends));
                for (place, value) in moment.by.iter_mut().take(by.into()).enumerate() {
                    *value = ValueId::stored((number + place) as u64 % 3);
                }
                let step = super::attempt::Step::of(known.as_ref(), &moment, &rules);
                if let super::attempt::Step::Taken(attempts, _) = step {
                    prop_assert!(attempts.are_possible(&rules));
                    let entry = layout.write(9, &attempts);
                    let again = layout.read(entry.bytes()).unwrap();
                    prop_assert!(again.are_possible(&rules));
                    prop_assert_eq!(again.current.anchor, attempts.current.anchor);
                    prop_assert_eq!(again.previous.is_some(), attempts.previous.is_some());
                    let rewritten = layout.write(9, &again);
                    prop_assert_eq!(rewritten.bytes(), entry.bytes());
                    known = Some(again);
                }
            }
        }
    }
}

#[test]
fn an_event_earlier_than_the_last_step_is_late() {
    let terms = terms(HOUR, 3, 0, 100);
    let mut progress = Progress::new(&terms);
    let mut take = |time: i64, steps: u8| {
        let moment = moment((START + time, steps, false));
        progress.observe(user(1), &moment, i64::MAX, &terms)
    };
    assert!(!take(10, 1).is_late);
    assert!(!take(20, 2).is_late);
    let before = take(15, 4);
    assert!(before.is_late && before.rises == [None; 2] && !before.is_changed);
    let third = take(20, 4);
    assert_eq!(
        third.rises[1].map(|rise| (rise.from, rise.to, rise.gap)),
        Some((2, 3, 0))
    );
}

/// The second attempt begins while a chain of the first may still go on: one event is a step of both.
#[test]
fn a_step_may_be_one_of_two_attempts() {
    let terms = terms(10, 3, 0, 100);
    let mut progress = Progress::new(&terms);
    let events = [(0, 1), (8, 1), (11, 1), (12, 2), (13, 4)];
    let mut counted = Counted::default();
    for (time, steps) in events {
        let moment = moment((START + time, steps, false));
        counted.add(progress.observe(user(1), &moment, i64::MAX, &terms).rises);
    }
    let expected = [(START, vec![0, 4, 1]), (START + 11, vec![0, 1, 1])];
    assert_eq!(counted, Counted(expected.into_iter().collect()));
}

#[test]
fn other_terms_begin_anew() {
    let mut first = terms(HOUR, 3, 0, 100);
    let mut progress = Progress::new(&first);
    progress.observe(user(1), &moment((START, 1, false)), START, &first);
    assert_eq!(progress.len(), 1);
    first.tag = 6;
    assert_eq!(progress.beginnings(user(1), &first), [None; 2]);
    let observed = progress.observe(user(1), &moment((START, 2, false)), START, &first);
    assert!(observed.rises == [None; 2] && progress.is_empty());
}

#[test]
fn attempts_that_are_over_make_room() {
    let terms = terms(HOUR, 3, 0, 1_000_000);
    let mut progress = Progress::new(&terms);
    for n in 0..100_000u64 {
        let time = START + n as i64 * 10_000;
        progress.observe(user(n), &moment((time, 1, false)), time, &terms);
    }
    // An hour has 360 of them.
    assert!((360..1_000).contains(&progress.len()), "{}", progress.len());
}

/// Of many more users than a partition takes, those that are followed stand for the others.
#[test]
fn beyond_the_bound_half_of_the_users_count_for_two() {
    let terms = terms(HOUR, 2, 0, 1_000);
    let mut progress = Progress::new(&terms);
    let mut sums = [0i64; 2];
    let users = 20_000u64;
    for step in [1, 2] {
        for n in 0..users {
            let moment = moment((START + i64::from(step), step, false));
            let observed = progress.observe(user(n), &moment, START + 5, &terms);
            for rise in observed.rises.into_iter().flatten() {
                for step in rise.from..rise.to {
                    sums[usize::from(step)] += observed.weight;
                }
            }
            assert!(progress.len() <= 1_000);
        }
    }
    assert!(progress.weight() >= 16, "{}", progress.weight());
    for sum in sums {
        let ratio = sum as f64 / users as f64;
        assert!((0.8..1.25).contains(&ratio), "{sums:?}");
    }
}

/// One user begins after the other. Of a hundred, 60, 35, 22 and 12 get to the further steps, and one in twenty
/// is at the first step twice.
fn fill(progress: &mut Progress, users: u64, terms: &Terms) {
    let mut events: Vec<(i64, u64, u8)> = Vec::new();
    for n in 0..users {
        let begins = START + n as i64 * SECOND;
        let steps = [(0, 100), (1, 60), (2, 35), (3, 22), (4, 12)];
        let steps = { steps.into_iter() }.filter(|(_, part)| n % 100 < *part);
        events.extend(steps.map(|(step, _)| (begins + step * MINUTE, n, 1 << step)));
        events.extend((n % 20 == 0).then_some((begins + 500, n, 1)));
    }
    events.sort_unstable();
    for (time, n, steps) in events {
        let moment = moment((time, steps, false));
        progress.observe(user(n), &moment, time, terms);
    }
}

#[test]
fn a_user_of_a_funnel_of_five_steps_takes_at_most_24_bytes() {
    // The bytes for a user depend on how full the tables are: partitions of different sizes.
    let (mut bytes, mut users) = (0, 0);
    for most in [4_000, 4_400, 4_900, 5_400, 6_000, 6_600, 7_300, 8_100] {
        let terms = terms(7 * DAY, 5, 0, 10_000);
        let mut progress = Progress::new(&terms);
        fill(&mut progress, most, &terms);
        assert_eq!(progress.len() as u64, most);
        bytes += progress.heap_bytes();
        users += progress.len();
    }
    let each = bytes as f64 / users as f64;
    assert!(each <= 24.0, "{each}");
    assert!(each >= 16.0, "less than entries take: {each}");
}

/// Many users and few in turn, with gaps in which all attempts end: the tables grow and shrink.
#[test]
fn the_progress_of_any_number_of_users_is_read_again() {
    let terms = terms(HOUR, 5, 1, 100_000);
    let mut progress = Progress::new(&terms);
    let mut random = 1u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    let mut time = START;
    for number in 0..40_000 {
        if number % 2_500 == 0 {
            time += [0, MINUTE, HOUR, 30 * HOUR][next(4) as usize];
        }
        let users = [20, 300, 2_000, 9_000][(number / 1_700) % 4];
        time += next(600) as i64;
        let step = next(8).min(4) as u8;
        let mut moment = moment((time, 1 << step, next(50) == 0));
        moment.by = [ValueId::stored(1 + next(9)); MOST_BY];
        progress.observe(user(next(users)), &moment, time, &terms);
        if number % 499 == 0 {
            let bytes = stored(&progress);
            let again = read(&bytes).map(|again| stored(&again));
            assert!(again.is_ok_and(|again| again == bytes), "{number}");
        }
    }
}
