//! The schedule against a check of every instant.

use super::*;
use crate::schema::{Names, Settings};
use crate::time::{Duration, Retention, Zone};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn site() -> Settings {
    Settings::new(Zone::UTC, Retention::default(), 1_000)
}

fn words(line: &str) -> Vec<&[u8]> {
    line.split_ascii_whitespace().map(str::as_bytes).collect()
}

fn rule(line: &str) -> Rule {
    Rule::parse(&words(line), Names::all(Some(&site()))).unwrap()
}

fn feed(line: &str) -> Feed {
    Feed::parse(&words(line), Names::all(Some(&site()))).unwrap()
}

fn key(db: i32, name: &str) -> SiteKey {
    SiteKey {
        db,
        site: Arc::from(name.as_bytes()),
    }
}

#[test]
fn the_words_of_live_metrics_include_the_window() {
    for (line, resolved) in [
        ("main 5s events", "main 5s WINDOW 5s events"),
        (
            "main 60s window TODAY events users",
            "main 1m WINDOW today events users",
        ),
        (
            "main 5s events WINDOW 1h users events Window 7d users",
            "main 5s WINDOW 5s events WINDOW 1h users events WINDOW 1w users",
        ),
    ] {
        let feed = feed(line);
        let shown = String::from_utf8(feed.words().join(&b' ')).unwrap();
        assert_eq!(shown, resolved);
        assert_eq!(
            Feed::parse(&words(&shown), Names::all(Some(&site()))),
            Ok(feed)
        );
    }
    for (line, says) in [
        ("main 5s", "window '5s' needs a metric"),
        ("main", "SET needs"),
        ("main 5s WINDOW 5m", "window '5m' needs a metric"),
        ("main 5s WINDOW", "WINDOW needs a window"),
        (
            "main 5s events WINDOW 1d users users",
            "'users' is given twice",
        ),
        (
            "main 5s events WINDOW 2024-01-01..now users",
            "does not go with the clock",
        ),
        ("main 5s events events", "'events' is given twice"),
        ("main 5ms events", "every '5ms' is not from 1s to 1d"),
        ("main 5s evnts:", "metric 'evnts:'"),
    ] {
        let error = Feed::parse(&words(line), Names::all(Some(&site())))
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{line}: {error}");
    }
}

#[test]
fn the_numbers_of_rules_and_live_metrics_are_bounded() {
    let mut watch = Watch::default();
    for n in 0..limits::RULES_PER_SITE {
        watch.check_room_for_rule(b"x").unwrap();
        watch.set_rule(rule(&format!("r{n:03} events 5m > 1")));
    }
    let error = watch.check_room_for_rule(b"x").unwrap_err().to_string();
    assert!(
        error.contains("rule 'x'") && error.contains("at most 100"),
        "{error}"
    );
    watch.check_room_for_rule(b"r007").unwrap();
    for n in 0..limits::FEEDS_PER_SITE {
        watch.set_feed(feed(&format!("f{n} 5s events")));
    }
    let error = watch.check_room_for_feed(b"x").unwrap_err().to_string();
    assert!(
        error.contains("live metric 'x'") && error.contains("at most 32"),
        "{error}"
    );
    assert!(watch.alarms().is_sorted_by_key(|it| it.rule.name.clone()));
    assert!(watch.remove_feed(b"f3") && !watch.remove_feed(b"f3"));
    assert!(watch.remove_rule(b"r003").is_some() && watch.alarm(b"r003").is_none());
    assert_eq!(watch.counts().rules, 99);
}

#[test]
fn after_the_clock_was_set_back_every_site_is_due() {
    let mut watch = Watch::default();
    watch.set_rule(rule("r events 5m > 1 EVERY 10s"));
    let mut schedule = Schedule::new();
    schedule.set(key(0, "shop"), &watch, 1_000_000_000);
    schedule.rewind(5_000);
    let due = schedule.take(5_000).unwrap();
    assert!(schedule.take(i64::MAX).is_none(), "it is being visited");
    schedule.finish(due.key, &watch, 5_000);
    assert!(schedule.next().is_some_and(|next| next <= 15_000));
}

#[test]
fn what_is_paused_is_never_due() {
    let mut watch = Watch::default();
    watch.set_rule(rule("r events 5m > 1"));
    watch.alarm_mut(b"r").unwrap().paused = true;
    let mut schedule = Schedule::new();
    schedule.set(key(0, "shop"), &watch, 0);
    assert_eq!((schedule.sites(), schedule.next()), (1, None));
    watch.alarm_mut(b"r").unwrap().paused = false;
    schedule.set(key(0, "shop"), &watch, 0);
    assert!(schedule.next().is_some());
}

#[derive(Debug, Clone)]
enum Deed {
    Note(i32, usize, Vec<i64>),
    Forget(i32, usize),
    Flush(Option<i32>),
    Swap(i32, i32),
    Rename(usize, usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    let name = 0..4usize;
    let db = 0..3i32;
    prop_oneof![
        4 => (db.clone(), name.clone(), prop::collection::vec(1..30i64, 0..4))
            .prop_map(|(db, name, paces)| Deed::Note(db, name, paces)),
        1 => (db.clone(), name.clone()).prop_map(|(db, name)| Deed::Forget(db, name)),
        1 => prop::option::of(db.clone()).prop_map(Deed::Flush),
        1 => (db.clone(), db).prop_map(|(a, b)| Deed::Swap(a, b)),
        1 => (name.clone(), name).prop_map(|(a, b)| Deed::Rename(a, b)),
    ]
}

fn watch_of(paces: &[i64]) -> Watch {
    let mut watch = Watch::default();
    for (n, pace) in paces.iter().enumerate() {
        let mut rule = rule(&format!("r{n} events 5m > 1"));
        rule.every = Duration::of_millis(pace * 1_000).unwrap();
        watch.set_rule(rule);
    }
    watch
}

proptest! {
    /// Every pace is due once in its length, for every site, at the same instants.
    #[test]
    fn a_pace_recurs(every in 1..100_000i64, name: [u8; 4], after in -1_000_000..1_000_000i64) {
        let pace = Pace::new(Duration::of_millis(every).unwrap(), &name).unwrap();
        let next = pace.next(after);
        prop_assert!(after < next && next <= after + every);
        prop_assert_eq!(pace.next(next), next + every);
        prop_assert_eq!(pace.next(next - 1), next);
        prop_assert!(pace.is_due(after, next) && !pace.is_due(after, next - 1));
        prop_assert!(pace.next(i64::MAX) == i64::MAX || pace.next(i64::MIN) > i64::MIN);
    }

    /// The schedule holds what is there, and hands out a site whenever something of it became due
    /// since the last time, and not otherwise.
    #[test]
    fn the_schedule_agrees_with_a_scan_of_all_sites(
        deeds in prop::collection::vec((deed(), 0..20_000i64), 1..40),
    ) {
        let mut schedule = Schedule::new();
        // Of every site what it is watched for, and when it was last looked at.
        let mut all: BTreeMap<SiteKey, (Watch, i64)> = BTreeMap::new();
        let mut now = 1_000_000;
        let name = |name: usize| ["a", "b", "c", "d"][name];
        for (deed, later) in deeds {
            match deed {
                Deed::Note(db, site, paces) => {
                    let (key, watch) = (key(db, name(site)), watch_of(&paces));
                    schedule.set(key.clone(), &watch, now);
                    let seen = all.remove(&key).map_or(now, |(_, seen)| seen);
                    if !watch.is_empty() {
                        all.insert(key, (watch, seen));
                    }
                }
                Deed::Forget(db, site) => {
                    schedule.remove(&key(db, name(site)));
                    all.remove(&key(db, name(site)));
                }
                Deed::Flush(db) => {
                    schedule.flush(db);
                    all.retain(|key, _| db.is_some_and(|db| key.db != db));
                }
                Deed::Swap(a, b) => {
                    schedule.swap(a, b);
                    let moved = std::mem::take(&mut all).into_iter().map(|(mut key, it)| {
                        key.db = if key.db == a { b } else if key.db == b { a } else { key.db };
                        (key, it)
                    });
                    all = moved.collect();
                }
                Deed::Rename(from, to) => {
                    if let Some((watch, _)) = all.remove(&key(0, name(from))) {
                        schedule.remove(&key(0, name(from)));
                        schedule.remove(&key(0, name(to)));
                        schedule.set(key(0, name(to)), &watch, now);
                        all.insert(key(0, name(to)), (watch, now));
                    }
                }
            }
            now += later;
            let mut due: Vec<SiteKey> = all
                .iter()
                .filter(|(key, (watch, seen))| {
                    watch.items().any(|it| it.pace(&key.site).unwrap().is_due(*seen, now))
                })
                .map(|(key, _)| key.clone())
                .collect();
            let mut found = Vec::new();
            while let Some(visit) = schedule.take(now) {
                let (watch, seen) = all.get_mut(&visit.key).unwrap();
                prop_assert_eq!(visit.done_until, *seen);
                *seen = now;
                schedule.finish(visit.key.clone(), watch, now);
                found.push(visit.key);
            }
            due.sort();
            found.sort();
            prop_assert_eq!(found, due);
            prop_assert_eq!(schedule.sites(), all.len());
            let rules = all.values().map(|(watch, _)| watch.counts().rules);
            prop_assert_eq!(schedule.counts().rules, rules.sum::<u64>());
        }
    }
}
