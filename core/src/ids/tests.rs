use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

fn id(n: u32) -> Fingerprint {
    Fingerprint::of(&n.to_le_bytes())
}

/// An id arrives: returns whether it counts.
fn arrive(ids: &mut RecentIds, n: u32, now: i64, capacity: usize) -> bool {
    let is_new = !ids.contains(id(n), now);
    if is_new {
        ids.insert(id(n), now, capacity);
    }
    is_new
}

fn stored_again(ids: &RecentIds) -> RecentIds {
    let pages = ids.encode();
    let read = RecentIds::decode(&pages).unwrap();
    assert!(read.encode() == pages);
    read
}

const LAST: i64 = KEPT + QUARTER;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Arrivals are up to 20 minutes apart, around the borders of periods, too.
    #[test]
    fn an_id_counts_once_in_the_hour_after_its_first_arrival(
        arrivals in prop::collection::vec((0u32..12, prop_oneof![
            0..1_000i64, 0..20 * MINUTE, Just(QUARTER), Just(QUARTER - 1), Just(1)
        ]), 1..400),
        start in prop_oneof![Just(0i64), Just(-7 * HOUR - 1), 0..HOUR],
    ) {
        let (mut ids, mut now) = (RecentIds::default(), start);
        let mut counted: HashMap<u32, i64> = HashMap::new();
        for (n, later) in arrivals {
            now += later;
            let before = counted.get(&n).map(|first| now - first);
            let counts = arrive(&mut ids, n, now, limits::USUAL_IDS);
            match before {
                None => prop_assert!(counts),
                Some(age) if age <= KEPT => prop_assert!(!counts, "{} ms later", age),
                Some(age) if age >= LAST => prop_assert!(counts, "{} ms later", age),
                Some(_) => {}
            }
            if counts {
                counted.insert(n, now);
                prop_assert!(ids.expiry() > now + KEPT && ids.expiry() <= now + LAST);
            }
            prop_assert_eq!(ids.forgotten(), 0);
            ids = stored_again(&ids);
        }
    }

    #[test]
    fn beyond_the_capacity_the_last_three_quarters_of_it_are_remembered(
        capacity in 1usize..300,
        arrivals in prop::collection::vec(0..30_000i64, 1..1_000),
    ) {
        let (mut ids, mut now) = (RecentIds::default(), 0);
        let mut times = Vec::new();
        for (n, later) in arrivals.into_iter().enumerate() {
            now += later;
            prop_assert!(arrive(&mut ids, n as u32, now, capacity));
            times.push(now);
            let remembered = ids.remembered(now);
            prop_assert!(remembered <= capacity);
            // Up to an eighth may be the room of the last set, and an eighth goes at a time.
            let sure = capacity.saturating_sub(2 * capacity.div_ceil(PARTS)).max(1);
            let last = times.iter().enumerate().rev().take(sure);
            for (n, time) in last.filter(|(_, time)| now - **time <= KEPT) {
                prop_assert!(ids.contains(id(n as u32), now), "{n} of {time}");
            }
            let over = times.iter().filter(|time| now - **time >= LAST).count();
            let gone = times.len() - remembered;
            prop_assert!(ids.forgotten() as usize <= gone);
            prop_assert!(gone <= ids.forgotten() as usize + over + times.iter()
                .filter(|time| (KEPT..LAST).contains(&(now - **time))).count());
        }
        stored_again(&ids);
    }

    #[test]
    fn a_clock_that_jumps_takes_no_memory_and_the_last_arrivals_are_remembered(
        arrivals in prop::collection::vec(-100 * HOUR..100 * HOUR, 1..300),
        capacity in 1usize..100,
    ) {
        let mut ids = RecentIds::default();
        for (n, now) in arrivals.into_iter().enumerate() {
            prop_assert!(arrive(&mut ids, n as u32, now, capacity));
            prop_assert!(ids.contains(id(n as u32), now));
            prop_assert!(ids.contains(id(n as u32), now + KEPT));
            prop_assert!(ids.contains(id(n as u32), now - KEPT));
            prop_assert!(ids.sets.len() <= MOST_SETS && ids.len() <= capacity);
            prop_assert!(ids.sets.iter().all(|set| set.ids.len() > 0));
            ids = stored_again(&ids);
        }
    }
}

#[test]
fn a_smaller_capacity_holds_from_the_next_set_on() {
    let mut ids = RecentIds::default();
    for n in 0..1_000 {
        arrive(&mut ids, n, 0, 1_000);
    }
    assert_eq!((ids.remembered(0), ids.forgotten()), (1_000, 0));
    arrive(&mut ids, 1_000, 0, 80);
    assert!(ids.remembered(0) <= 80);
    assert_eq!(ids.remembered(0) + ids.forgotten() as usize, 1_001);
    assert!(ids.contains(id(1_000), 0));
    assert_eq!(ids.since(0), Some(0));
    assert_eq!(ids.since(LAST), None);
}

#[test]
fn a_payload_is_refused_unless_commands_could_have_made_it() {
    let mut ids = RecentIds::default();
    for n in 0..20 {
        arrive(&mut ids, n, i64::from(n) * QUARTER / 2, 1_000);
    }
    let page = ids.encode().concat();
    assert!(RecentIds::decode(&[&page[..]]).is_ok());
    for end in 0..page.len() {
        assert!(RecentIds::decode(&[&page[..end]]).is_err(), "{end}");
    }
    let problem = |page: &[u8]| RecentIds::decode(&[page]).unwrap_err().to_string();
    assert!(problem(&[VERSION + 1]).contains("version"));
    assert!(problem(&[VERSION, 0, 0]).contains("none"));
    assert!(problem(&[VERSION, 0, 17]).contains("sets of ids"));
    assert!(problem(&[VERSION, 0, 1, 2, 0]).contains("start"));
    assert!(problem(&[VERSION, 0, 1, 0, 0]).contains("none"));
}

/// More than a page holds.
#[test]
fn many_ids_are_pages_that_are_read_again() {
    let mut ids = RecentIds::default();
    for n in 0..140_000 {
        arrive(&mut ids, n, i64::from(n), limits::USUAL_IDS);
    }
    assert_eq!(ids.remembered(0), 140_000);
    let pages = ids.encode();
    assert!(pages.len() > 1);
    let again = stored_again(&ids);
    assert!((0..140_000).all(|n| again.contains(id(n), 0)));
    // A table is at least three eighths full, and the pointers to its shards are few.
    let each = ids.heap_bytes() / 140_000;
    assert!((16..48).contains(&each), "{each}");
}
