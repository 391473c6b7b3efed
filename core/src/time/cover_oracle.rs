//! Covers against the rule itself, checked instant by instant: what is kept there, which bucket answers
//! it, and whether a coarser one could.

use super::cover::MAX_PIECES;
use super::period_oracle::{instant, zone};
use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

/// A site, its clock and a window.
#[derive(Debug, Clone)]
struct Case {
    zone: Zone,
    retention: Retention,
    since: [i64; Granularity::COUNT],
    now: i64,
    window: Range,
    probes: Vec<i64>,
}

impl Case {
    fn sources(&self) -> Sources<'_> {
        Sources {
            zone: &self.zone,
            retention: &self.retention,
            since: self.since,
            now: self.now,
            observed: None,
        }
    }

    fn cover(&self) -> Cover {
        cover(self.window, &self.sources()).unwrap()
    }

    /// Whether there are complete buckets of this period.
    fn has(&self, period: &Period) -> bool {
        let since = self.since[period.granularity().index()];
        self.retention.is_kept(period, self.now, &self.zone) && period.start() >= since
    }

    fn period(&self, granularity: Granularity, ms: i64) -> Period {
        self.zone.period(granularity, ms).unwrap()
    }

    /// The periods that hold an instant, finest first.
    fn holders(&self, ms: i64) -> Vec<Period> {
        let periods = Granularity::ALL.map(|granularity| self.period(granularity, ms));
        { periods.into_iter() }.filter(|p| self.has(p)).collect()
    }

    /// The slot of a period that an instant is in.
    fn slot(&self, period: &Period, ms: i64) -> Range {
        let slots = period.slots(&self.zone);
        slots.bounds(slots.of(ms))
    }

    fn counted(&self, piece: &Piece) -> Range {
        let slots = piece.period.slots(&self.zone);
        let (first, last) = (
            slots.bounds(piece.first_slot),
            slots.bounds(piece.end_slot - 1),
        );
        Range::new(first.from, last.to)
    }

    /// Local midnights inside of a minute, which are no edge of a slot of an hour.
    fn has_offset_of_seconds(&self) -> bool {
        let day = |ms| self.period(Granularity::Day, ms).start() % MINUTE != 0;
        day(self.window.from) || day(self.window.to - 1)
    }
}

fn kept(granularity: Granularity) -> impl Strategy<Value = Option<Duration>> {
    let unit = [MINUTE, HOUR, DAY, WEEK, 30 * DAY][granularity.index()];
    let in_months = (1..15i32).prop_map(Duration::of_months);
    let most = 200 * DAY / unit;
    prop_oneof![
        2 => Just(None),
        3 => (1..=most.min(100)).prop_map(move |n| Duration::of_millis(n * unit)),
        2 => (1..=most).prop_map(move |n| Duration::of_millis(n * unit + 1)),
        1 => in_months,
    ]
}

pub fn retention() -> impl Strategy<Value = Retention> {
    let [minute, hour, day, week, month] = Granularity::ALL.map(kept);
    let some = (minute, hour, day, week, month).prop_map(|(minute, hour, day, week, month)| {
        let mut retention = Retention::default();
        for (granularity, kept) in { Granularity::ALL }
            .into_iter()
            .zip([minute, hour, day, week, month])
        {
            // Too many minutes for a bucket each: keep the default.
            let _ = retention.set(granularity, kept);
        }
        retention
    });
    prop_oneof![1 => Just(Retention::default()), 5 => some]
}

fn case() -> impl Strategy<Value = Case> {
    let length = || prop_oneof![1..2 * MINUTE, 1..3 * HOUR, 1..3 * DAY, 1..150 * DAY];
    let ends = (length(), length(), 0..4u8);
    let since = prop::array::uniform5(prop_oneof![3 => Just(i64::MAX), 1 => length()]);
    let probes = prop::collection::vec(0.0..1.0, 20);
    let cases = (zone(), retention(), since, instant(), ends, probes).prop_map(
        |(zone, retention, since, now, (ago, length, end), probes)| {
            let now = now.clamp(MIN_TIME + 900 * DAY, MAX_TIME - 900 * DAY);
            let to_now = end == 0;
            let from = now - ago;
            let to = if to_now { now + 1 } else { from + length };
            let at = |part: f64| from + ((to - from) as f64 * part) as i64;
            Case {
                probes: { probes.into_iter() }.map(at).collect(),
                since: since.map(|ago: i64| if ago == i64::MAX { i64::MIN } else { now - ago }),
                window: Range::new(from, to),
                zone,
                retention,
                now,
            }
        },
    );
    // Few enough buckets to check each of them slowly.
    cases.prop_filter("many buckets", |case| {
        cover(case.window, &case.sources()).is_ok_and(|cover| cover.pieces.len() < 500)
    })
}

/// Whether an event of this time counts in one of the pieces.
fn counts(case: &Case, cover: &Cover, event: i64) -> usize {
    let counted = |piece: &&Piece| case.counted(piece).contains(event);
    cover.pieces.iter().filter(counted).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn beyond_all_events_a_window_may_reach_as_far_as_buckets_do(
        case in case(),
        events in prop::collection::vec(-0.3..1.3f64, 1..6),
    ) {
        let Range { from, to } = case.window;
        let at = |part: &f64| from + ((to - from) as f64 * part) as i64;
        let events: Vec<i64> = events.iter().map(at).collect();
        let first = *events.iter().min().unwrap();
        let last = *events.iter().max().unwrap();
        let plain = case.cover();
        let sources = Sources { observed: Some((first, last)), ..case.sources() };
        let clever = cover(case.window, &sources).unwrap();
        for event in events {
            let once = counts(&case, &clever, event);
            prop_assert!(once <= 1);
            if case.window.contains(event) {
                prop_assert!(once >= counts(&case, &plain, event), "lost {event}");
            } else if once == 1 {
                // Widened only as far as it would be without.
                prop_assert!(
                    clever.counts.contains(event) && (first < from || last >= to),
                    "{event} is outside"
                );
            }
        }
    }

    #[test]
    fn every_instant_that_anything_holds_counts_once(case in case()) {
        let cover = case.cover();
        let counted: Vec<Range> = cover.pieces.iter().map(|piece| case.counted(piece)).collect();
        for pair in counted.windows(2) {
            prop_assert!(pair[0].to <= pair[1].from, "{:?}", pair);
        }
        for piece in &cover.pieces {
            prop_assert!(case.has(&piece.period), "{:?}", piece);
            prop_assert!(piece.first_slot < piece.end_slot);
            prop_assert!(piece.end_slot <= piece.period.slot_count());
        }
        if case.has_offset_of_seconds() {
            return Ok(());
        }
        let edges = counted.iter().flat_map(|range| [range.from - 1, range.from, range.to - 1, range.to]);
        let probes = case.probes.iter().copied().chain(edges.take(60));
        for probe in probes.filter(|probe| case.window.contains(*probe)) {
            let serving = counted.iter().filter(|range| range.contains(probe)).count();
            prop_assert_eq!(serving, usize::from(!case.holders(probe).is_empty()), "at {}", probe);
        }
    }

    #[test]
    fn an_edge_is_widened_to_the_finest_slot_that_holds_it(case in case()) {
        let cover = case.cover();
        if case.has_offset_of_seconds() {
            return Ok(());
        }
        if let Some(finest) = case.holders(case.window.from).first() {
            prop_assert_eq!(cover.counts.from, case.slot(finest, case.window.from).from);
        }
        let last = case.window.to - 1;
        let holders = case.holders(last);
        if let Some(finest) = holders.first() {
            let served = holders.iter().find(|holder| case.slot(holder, last).to == cover.counts.to);
            prop_assert!(served.is_some());
            // Anything coarser serves it only where its slot began before the finest was kept.
            let coarser = case.slot(served.unwrap(), last);
            let began = coarser.from.max(case.window.from);
            let mut kept_then = case.holders(began).into_iter().map(|p| p.granularity());
            prop_assert!(
                case.slot(finest, last).to == cover.counts.to
                    || !kept_then.any(|granularity| granularity == finest.granularity())
            );
        }
    }

    #[test]
    fn the_ranges_are_those_of_the_pieces(case in case()) {
        let cover = case.cover();
        let counted: Vec<Range> = cover.pieces.iter().map(|piece| case.counted(piece)).collect();
        let (Some(first), Some(last)) = (counted.first(), counted.last()) else {
            prop_assert!(cover.counts.is_empty() && cover.users.is_empty());
            return Ok(());
        };
        prop_assert_eq!(cover.counts, Range::new(first.from, last.to));
        let users = Range::new(
            cover.pieces.iter().map(|piece| piece.period.start()).min().unwrap(),
            cover.pieces.iter().map(|piece| piece.period.end()).max().unwrap(),
        );
        prop_assert_eq!(cover.users, users);
    }

    #[test]
    fn nothing_is_left_to_a_finer_bucket_that_a_coarser_one_could_answer(case in case()) {
        let cover = case.cover();
        for piece in &cover.pieces {
            let counted = case.counted(piece);
            let coarser = Granularity::ALL.into_iter().filter(|g| *g > piece.period.granularity());
            for period in coarser.map(|granularity| case.period(granularity, counted.from)) {
                let inside = case.window.from <= period.start() && period.end() <= case.window.to;
                // Weeks and months cross: part of it may be taken by something coarser still.
                let is_taken = || cover.pieces.iter().any(|other| {
                    let counted = case.counted(other);
                    other.period.granularity() > period.granularity()
                        && counted.from < period.end()
                        && period.start() < counted.to
                });
                prop_assert!(!inside || !case.has(&period) || is_taken(), "{:?} could serve {:?}", period, piece);
            }
            // Slots are for what holds no whole bucket.
            let inside = case.window.from <= piece.period.start() && piece.period.end() <= case.window.to;
            if !piece.is_whole() && inside && !case.has_offset_of_seconds() {
                let others = cover.pieces.iter().map(|other| case.counted(other));
                let taken = others.filter(|other| *other != counted).any(|other| {
                    other.from < piece.period.end() && piece.period.start() < other.to
                });
                prop_assert!(taken, "{:?} alone in its period", piece);
            }
        }
    }

    #[test]
    fn no_bucket_is_read_twice(case in case()) {
        let mut read = HashSet::new();
        for piece in case.cover().pieces {
            prop_assert!(read.insert((piece.period.granularity(), piece.period.start())), "{:?}", piece);
        }
    }

    #[test]
    fn buckets_beyond_all_events_are_not_listed(case in case(), ends in (0.0..1.0, 0.0..1.0)) {
        let at = |part: f64| case.window.from + (case.window.len() as f64 * (2.0 * part - 0.5)) as i64;
        let (first, last) = (at(f64::min(ends.0, ends.1)), at(f64::max(ends.0, ends.1)));
        let some = cover(case.window, &Sources { observed: Some((first, last)), ..case.sources() }).unwrap();
        for piece in &some.pieces {
            prop_assert!(piece.period.end() > first && piece.period.start() <= last, "{:?}", piece);
        }
    }
}

/// The pieces as text, as of a day in 2024.
fn pieces(zone: &str, window: &str, now: &str) -> Vec<String> {
    let zone = Zone::parse(zone.as_bytes()).unwrap();
    let now = parse_instant("now", now.as_bytes(), &zone).unwrap();
    let window = Window::parse(window.as_bytes(), &zone).unwrap();
    let case = Case {
        retention: Retention::default(),
        since: [i64::MIN; 5],
        now,
        window: window.range(now, &zone).unwrap(),
        zone,
        probes: vec![],
    };
    let text = |piece: &Piece| match piece.is_whole() {
        true => piece.period.label().to_string(),
        false => format!("{} {:?}", piece.period.label(), piece.slots()),
    };
    case.cover().pieces.iter().map(text).collect()
}

#[test]
fn a_window_is_the_coarsest_buckets_inside_and_finer_ones_at_its_edges() {
    assert_eq!(
        pieces(
            "UTC",
            "2024-10-30..2024-12-11T02:03:04.5",
            "2024-12-11T02:30"
        ),
        [
            "2024-10-30",
            "2024-10-31",
            "2024-11",
            "2024-12-01",
            "2024-W49",
            "2024-12-09",
            "2024-12-10",
            "2024-12-11T00",
            "2024-12-11T01",
            "2024-12-11T02:00",
            "2024-12-11T02:01",
            "2024-12-11T02:02",
            "2024-12-11T02:03 0..5",
        ]
    );
}

#[test]
fn where_minutes_are_gone_an_hour_answers_with_its_minutes() {
    assert_eq!(
        pieces(
            "UTC",
            "2024-12-10T10:17:30..2024-12-10T12:00:10",
            "2024-12-11T02:30"
        ),
        [
            "2024-12-10T10 17..60",
            "2024-12-10T11",
            "2024-12-10T12 0..1"
        ]
    );
}

#[test]
fn a_day_that_begins_inside_an_hour_includes_it() {
    assert_eq!(
        pieces(
            "Asia/Kolkata",
            "2024-12-10T23:00..2024-12-12T01:00",
            "2024-12-13T12:00"
        ),
        [
            "2024-12-10T17 30..60",
            "2024-12-10T18 0..30",
            "2024-12-11",
            "2024-12-11T18 30..60",
            "2024-12-11T19 0..30"
        ]
    );
}

fn sources<'a>(zone: &'a Zone, retention: &'a Retention, now: i64) -> Sources<'a> {
    Sources {
        zone,
        retention,
        since: [i64::MIN; 5],
        now,
        observed: None,
    }
}

#[test]
fn a_week_that_crosses_months_is_one_bucket() {
    assert_eq!(
        pieces("UTC", "2024-09-30..2024-10-07", "2024-12-13T12:00"),
        ["2024-W40"]
    );
}

#[test]
fn hours_take_over_from_days_where_a_slot_of_the_day_ends() {
    // In Kolkata the slots of a day begin at half past; hours are kept from 12:00 UTC on.
    assert_eq!(
        pieces(
            "Asia/Kolkata",
            "2024-12-06T17:00..2024-12-06T20:00",
            "2024-12-13T17:35"
        ),
        [
            "2024-12-06 17..18",
            "2024-12-06T12 30..60",
            "2024-12-06T13",
            "2024-12-06T14 0..30"
        ]
    );
}

#[test]
fn a_window_older_than_everything_is_empty() {
    let retention = Retention::default();
    let now = 1_720_000_000_000;
    let utc = Zone::UTC;
    let sources = sources(&utc, &retention, now);
    let long_ago = cover(Range::new(0, DAY), &sources).unwrap();
    assert!(long_ago.pieces.is_empty() && long_ago.counts.is_empty() && long_ago.users.is_empty());
    let backwards = cover(Range::new(now, now - 1), &sources).unwrap();
    assert!(backwards.pieces.is_empty());
}

#[test]
fn the_number_of_buckets_is_bounded() {
    let mut retention = Retention::default();
    for granularity in Granularity::ALL {
        retention.set(granularity, None).unwrap();
    }
    retention
        .set(Granularity::Minute, Duration::of_millis(DAY))
        .unwrap();
    let now = 1_720_000_000_000;
    let utc = Zone::UTC;
    let mut sources = sources(&utc, &retention, now);
    let all = Range::ALL;
    let refused = cover(all, &sources).unwrap_err().to_string();
    assert_eq!(
        refused,
        format!("window reads more than {MAX_PIECES} buckets: ask for a shorter one")
    );
    sources.observed = Some((0, now));
    assert_eq!(cover(all, &sources).unwrap().pieces.len(), 1441);
}
