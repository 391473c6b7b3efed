//! Partitions against plain lists of events.

use super::entry::MOST_DAY;
use super::identities::Terms;
use super::{Noted, People};
use crate::memory::allocated;
use crate::time::{first_day_of, DayNumber, Granularity, DAY};
use crate::visitors::{partitions_of, Seed, Visitor};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SEED: Seed = Seed([1, 2]);

fn terms(horizon: i32, most: usize) -> Terms {
    Terms {
        tag: 7,
        horizon,
        bits: 0,
        most,
    }
}

fn user(number: u64) -> Visitor {
    SEED.visitor(number, None)
}

/// The days of a user's events that count, by the rules of the docs, as plainly as can be.
#[derive(Default)]
struct Plain {
    days: Vec<DayNumber>,
}

#[derive(Debug, PartialEq)]
enum Expected {
    Nothing,
    Late,
    /// New or not, and of day, week and month the age where it is the first event there.
    Seen(bool, [Option<i32>; 3]),
}

const PERIODS: [Granularity; 3] = [Granularity::Day, Granularity::Week, Granularity::Month];

impl Plain {
    fn take(&mut self, day: DayNumber, horizon: i32) -> Expected {
        let Some(last) = self.days.last().copied() else {
            self.days.push(day);
            return Expected::Seen(true, [Some(0); 3]);
        };
        if day == last {
            return Expected::Nothing;
        }
        if day < last {
            return Expected::Late;
        }
        if day - last > horizon {
            self.days = vec![day];
            return Expected::Seen(true, [Some(0); 3]);
        }
        let first = self.days[0];
        let ages = PERIODS.map(|granularity| {
            let of = |day| first_day_of(granularity, day);
            let is_first = self.days.iter().all(|before| of(*before) != of(day));
            is_first.then(|| of(day) - of(first))
        });
        self.days.push(day);
        Expected::Seen(false, ages)
    }
}

fn expected(noted: Noted) -> Expected {
    match noted {
        Noted::Nothing => Expected::Nothing,
        Noted::Late => Expected::Late,
        Noted::Seen(seen) => {
            let ages = PERIODS.map(|granularity| seen.age(granularity).map(i32::from));
            assert_eq!(seen.weight(), 1);
            Expected::Seen(seen.is_new(), ages)
        }
    }
}

/// A user, how many days after the event before, and how many days too late.
fn events() -> impl Strategy<Value = Vec<(u64, i32, i32)>> {
    let gap = prop_oneof![6 => Just(0), 4 => 0..3i32, 2 => 3..40i32, 1 => 60..130i32];
    let late = prop_oneof![8 => Just(0), 1 => 0..2i32];
    prop::collection::vec((0..70u64, gap, late), 1..600)
}

proptest! {
    #[test]
    fn a_partition_says_of_every_event_what_the_days_before_it_say(
        events in events(),
        horizon in prop_oneof![Just(31), Just(40), Just(100), Just(365)],
        start in -300_000..300_000i32,
    ) {
        let terms = terms(horizon, 1_000);
        let mut people = People::default();
        let mut plain: BTreeMap<u64, Plain> = BTreeMap::new();
        let mut day = start;
        for (number, (who, gap, late)) in events.iter().enumerate() {
            day += gap;
            let at = day - late;
            let found = expected(people.observe(user(*who), at, &terms));
            prop_assert_eq!(found, plain.entry(*who).or_default().take(at, horizon));
            if number % 40 == 0 {
                let pages = people.encode();
                prop_assert_eq!(&People::decode(&pages).unwrap(), &people);
            }
        }
    }

    #[test]
    fn a_broken_payload_is_refused_or_as_good_as_one_of_ours(
        users in prop::collection::vec((0..500u64, 0..900i32), 1..300),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let terms = terms(365, 150);
        let mut people = People::default();
        for (who, day) in users {
            people.observe(user(who), 19_000 + day, &terms);
        }
        people.set_expiry(12);
        let mut pages = people.encode();
        for (position, byte) in flips {
            let position = position.index(pages[0].len());
            pages[0][position] = byte;
        }
        if let Ok(mut read) = People::decode(&pages) {
            prop_assert_eq!(read.encode(), pages);
            for number in 0..300 {
                read.observe(user(number), 20_000, &terms);
                read.forget(user(number / 2), &terms);
                read.remember(user(number), (3, 19_999), &terms);
            }
            let pages = read.encode();
            prop_assert_eq!(People::decode(&pages).unwrap(), read);
        }
    }
}

/// Keys of few users may lie near each other, so that one step of growth makes no room.
#[test]
fn every_user_of_a_small_partition_is_new_once() {
    for first in (0..20_000).map(|number| number * 16) {
        let mut people = People::default();
        for who in first..first + 16 {
            let mut take = || people.observe(user(who), 20_000, &terms(365, 100));
            assert!(
                matches!(take(), Noted::Seen(seen) if seen.is_new()),
                "{who}"
            );
            assert_eq!(take(), Noted::Nothing, "{who}");
        }
    }
}

#[test]
fn a_partition_is_read_again_whoever_was_forgotten() {
    let terms = terms(365, 10_000);
    let mut people = People::default();
    for number in 0..2_000 {
        people.observe(user(number), 20_000, &terms);
    }
    for number in 0..2_000 {
        assert!(people.forget(user(number), &terms));
        if number % 16 == 0 || number > 1_900 {
            let again = People::decode(&people.encode());
            assert_eq!(again.as_ref(), Ok(&people), "{number}");
        }
    }
    assert!(people.heap_bytes() < 200);
}

#[test]
fn a_payload_cut_short_is_refused() {
    let mut people = People::default();
    for number in 0..9 {
        people.observe(user(number), 20_000, &terms(365, 100));
    }
    let pages = people.encode();
    for len in 0..pages[0].len() {
        assert!(
            People::decode(&[pages[0][..len].to_vec()]).is_err(),
            "{len}"
        );
    }
}

#[test]
fn past_the_bound_those_who_are_followed_count_for_all() {
    const MOST: usize = 1_000;
    let terms = terms(365, MOST);
    let mut people = People::default();
    let mut new = 0;
    for number in 0..30_000 {
        if let Noted::Seen(seen) = people.observe(user(number), 20_000, &terms) {
            new += seen.weight();
        }
        assert!(people.identities(&terms).unwrap().len() <= MOST, "{number}");
    }
    let weight = people.identities(&terms).unwrap().weight();
    assert!((32..=128).contains(&weight), "{weight}");
    assert!((25_000..35_000).contains(&new), "{new}");
    // The next day they are seen again, and count for as many.
    let seen = (0..30_000).map(|number| people.observe(user(number), 20_001, &terms));
    let seen = seen.map(|noted| match noted {
        Noted::Seen(seen) => {
            assert!(!seen.is_new());
            seen.weight()
        }
        _ => 0,
    });
    let seen: u64 = seen.sum();
    assert!((25_000..35_000).contains(&seen), "{seen}");
}

#[test]
fn those_beyond_the_horizon_leave_before_a_table_grows() {
    let terms = terms(31, 100_000);
    let mut people = People::default();
    for number in 0..100_000 {
        people.observe(user(number), (number / 10) as DayNumber, &terms);
    }
    let len = people.identities(&terms).unwrap().len();
    assert!(len < 800, "{len}");
}

#[test]
fn a_day_decades_later_moves_the_base_and_one_decades_before_is_late() {
    let terms = terms(365, 100);
    let mut people = People::default();
    people.observe(user(1), 0, &terms);
    let (far, before) = (3 * MOST_DAY, -MOST_DAY);
    assert_eq!(people.observe(user(2), before, &terms), Noted::Late);
    for day in [far, far + MOST_DAY / 2 + 1] {
        let noted = people.observe(user(1), day, &terms);
        assert!(matches!(noted, Noted::Seen(seen) if seen.is_new()), "{day}");
        assert_eq!(People::decode(&people.encode()).unwrap(), people);
    }
}

#[test]
fn the_earlier_first_day_of_a_user_is_kept() {
    let terms = terms(365, 100);
    let mut people = People::default();
    assert!(people.remember(user(1), (100, 130), &terms));
    assert!(!people.remember(user(1), (110, 120), &terms));
    assert!(people.remember(user(1), (90, 120), &terms));
    let Noted::Seen(seen) = people.observe(user(1), 140, &terms) else {
        panic!("nothing seen");
    };
    assert!(!seen.is_new());
    assert_eq!(seen.age(Granularity::Day), Some(50));
    assert!(people.forget(user(1), &terms));
    assert!(!people.forget(user(1), &terms));
    let noted = people.observe(user(1), 141, &terms);
    assert!(matches!(noted, Noted::Seen(seen) if seen.is_new()));
}

#[test]
fn what_was_remembered_under_another_tag_is_not_gone_on_with() {
    let before = terms(365, 100);
    let mut people = People::default();
    people.observe(user(1), 1, &before);
    let now = Terms { tag: 8, ..before };
    let noted = people.observe(user(1), 2, &now);
    assert!(matches!(noted, Noted::Seen(seen) if seen.is_new()));
    assert!(people.identities(&before).is_none());
}

#[test]
fn the_expiry_is_late_enough_and_seldom_moves() {
    let mut people = People::default();
    let (kept, mut moves) = (365 * DAY, 0);
    for day in 0..365 {
        let time = day * DAY;
        if let Some(expiry) = people.new_expiry(time - DAY, time, kept) {
            people.set_expiry(expiry);
            moves += 1;
        }
        assert!(people.expiry() >= time + kept);
        assert!(people.expiry() <= time + kept + 8 * DAY);
    }
    assert!((45..=53).contains(&moves), "{moves}");
}

/// A part of the partitions, each with as many users as where there are ten million.
#[test]
fn ten_million_users_take_ten_bytes_each_at_most() {
    const PART: u64 = 64;
    let (bits, most) = partitions_of(10_000_000);
    assert_eq!(bits, 11);
    let terms = Terms {
        tag: 7,
        horizon: 365,
        bits: bits - PART.trailing_zeros(),
        most,
    };
    let mut partitions = vec![People::default(); 1 << terms.bits];
    let (users, mut largest) = (10_000_000 / PART, 0);
    for number in 0..users {
        let visitor = user(number);
        let people = &mut partitions[visitor.partition(terms.bits) as usize];
        people.observe(visitor, 20_000, &terms);
        largest = largest.max(people.heap_bytes());
    }
    let bytes: usize = partitions.iter().map(People::heap_bytes).sum();
    let own = partitions.len() * allocated(size_of::<People>());
    let each = (bytes + own) as f64 / users as f64;
    assert!(each <= 10.0, "{each} bytes a user");
    assert!(largest <= 128 << 10, "{largest}");
    let kept = partitions.iter().map(|it| it.identities(&terms).unwrap());
    assert!(kept.clone().all(|it| it.weight() == 1));
    assert_eq!(kept.map(|it| it.len() as u64).sum::<u64>(), users);
}
