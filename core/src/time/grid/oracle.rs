//! Grids against the rule itself, checked event by event.

use super::super::cover_oracle::retention;
use super::super::period_oracle::{instant, zone};
use super::super::{Period, Piece, Retention, DAY, HOUR, MAX_TIME, MINUTE, MIN_TIME};
use super::step::Pace;
use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    zone: Zone,
    retention: Retention,
    since: [i64; Granularity::COUNT],
    now: i64,
    window: Range,
    step: Step,
    grain: Grain,
    /// In order.
    events: Vec<i64>,
}

impl Case {
    fn sources(&self) -> Sources<'_> {
        Sources {
            zone: &self.zone,
            retention: &self.retention,
            since: self.since,
            now: self.now,
            observed: Some(match self.events[..] {
                [] => (i64::MAX, i64::MIN),
                [first, .., last] => (first, last),
                [only] => (only, only),
            }),
        }
    }

    fn grid(&self) -> Result<Grid> {
        Grid::new(self.step, self.grain, self.window, &self.sources())
    }

    fn has(&self, period: &Period) -> bool {
        let since = self.since[period.granularity().index()];
        self.retention.is_kept(period, self.now, &self.zone) && period.start() >= since
    }

    fn bounds(&self, piece: &Piece) -> Range {
        let slots = piece.period.slots(&self.zone);
        let last = slots.bounds(piece.end_slot - 1);
        Range::new(slots.bounds(piece.first_slot).from, last.to)
    }

    /// Whether a bucket or slot of this granularity holds the event and is inside of this cell.
    fn has_exactly(&self, granularity: Granularity, event: i64, cell: Range) -> bool {
        let period = self.zone.period(granularity, event).unwrap();
        let slots = period.slots(&self.zone);
        let unit = match self.grain {
            Grain::Slot => slots.bounds(slots.of(event)),
            Grain::Bucket => period.range(),
        };
        self.has(&period) && cell.from <= unit.from && unit.to <= cell.to
    }
}

fn step() -> impl Strategy<Value = Step> {
    let number = prop_oneof![3 => Just(1), 2 => 2..13u32, 1 => 1..100u32];
    let unit = prop::sample::select(&["s", "m", "h", "h", "d", "d", "w", "mo", "y"][..]);
    let step = (number, unit).prop_map(|(number, unit)| format!("{number}{unit}"));
    prop_oneof![5 => step, 1 => Just("auto".to_owned())]
        .prop_map(|text| Step::parse(text.as_bytes()).unwrap())
}

fn case() -> impl Strategy<Value = Case> {
    let length = || prop_oneof![1..2 * MINUTE, 1..3 * HOUR, 1..3 * DAY, 1..400 * DAY];
    let ends = (length(), length(), 0..4u8);
    let since = prop::array::uniform5(prop_oneof![3 => Just(i64::MAX), 1 => length()]);
    let grain = prop::sample::select(&[Grain::Slot, Grain::Bucket][..]);
    let events = prop::collection::vec(-0.3..1.3f64, 0..12);
    let asked = (step(), grain, ends, events);
    (zone(), retention(), since, instant(), asked).prop_map(
        |(zone, retention, since, now, (step, grain, (ago, length, end), events))| {
            let now = now.clamp(MIN_TIME + 900 * DAY, MAX_TIME - 900 * DAY);
            let from = now - ago;
            let to = if end == 0 { now + 1 } else { from + length };
            let at = |part: f64| from + ((to - from) as f64 * part) as i64;
            let mut events: Vec<i64> = events.into_iter().map(at).collect();
            events.sort_unstable();
            Case {
                since: since.map(|ago: i64| if ago == i64::MAX { i64::MIN } else { now - ago }),
                window: Range::new(from, to),
                zone,
                retention,
                now,
                step,
                grain,
                events,
            }
        },
    )
}

/// What differs between the cells of a length, by the labels of the calendar.
fn cell_key(length: Length, grain: Grain, ms: i64, zone: &Zone) -> (i64, i64) {
    let period = |granularity| zone.period(granularity, ms).unwrap();
    let first_day = |granularity| i64::from(period(granularity).first_day);
    let day = period(Granularity::Day);
    match length.pace() {
        Pace::Even(step) => (ms.div_euclid(step), 0),
        Pace::Hours(1) if grain == Grain::Bucket => (ms.div_euclid(HOUR), 0),
        Pace::Hours(1) => (day.start(), (ms - day.start()) / HOUR),
        Pace::Hours(_) => (0, 0),
        Pace::Days(days) => (first_day(Granularity::Day).div_euclid(days.into()), 0),
        Pace::Weeks(weeks) => {
            let monday = first_day(Granularity::Week) - 4;
            (monday.div_euclid(i64::from(weeks) * 7), 0)
        }
        Pace::Months(months) => {
            let label = period(Granularity::Month).label().to_string();
            let (year, month) = label.split_once('-').unwrap();
            let number = |text: &str| text.parse::<i64>().unwrap();
            let index = 12 * number(year) + number(month) - 1;
            (index.div_euclid(months.into()), 0)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_event_counts_in_the_cell_that_it_is_in(case in case()) {
        let Ok(grid) = case.grid() else { return Ok(()) };
        let cells: Vec<Range> = grid.cells().collect();
        let mut shares: Vec<(usize, Range)> = Vec::new();
        let mut last_read = i64::MIN;
        for read in grid.reads() {
            prop_assert!(case.has(&read.period));
            prop_assert!(read.period.start() >= last_read);
            last_read = read.period.end();
            for (cell, piece) in read.shares() {
                prop_assert!(case.grain == Grain::Slot || piece.is_whole());
                prop_assert_eq!(piece.period, read.period);
                shares.push((cell, case.bounds(&piece)));
            }
        }
        for pair in shares.windows(2) {
            prop_assert!(pair[0].0 <= pair[1].0 && pair[0].1.to <= pair[1].1.from);
        }
        for (cell, share) in &shares {
            prop_assert!(cells[*cell].from <= share.from && share.to <= cells[*cell].to);
        }
        for event in &case.events {
            let sharing = shares.iter().filter(|(_, share)| share.contains(*event));
            let found: Vec<usize> = sharing.map(|(cell, _)| *cell).collect();
            let expected = cells.iter().position(|cell| cell.contains(*event));
            // What surrounds the window in its outermost cells may be gone.
            if case.window.contains(*event) || !found.is_empty() {
                prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{}", event);
            }
        }
    }

    #[test]
    fn cells_hold_the_window_without_holes(case in case()) {
        let Ok(grid) = case.grid() else { return Ok(()) };
        let cells: Vec<Range> = grid.cells().collect();
        prop_assert!(!grid.is_empty() && cells.len() == grid.len() && cells.len() <= MAX_POINTS);
        prop_assert!(cells[0].contains(case.window.from));
        prop_assert!(cells[cells.len() - 1].contains(case.window.to - 1));
        for pair in cells.windows(2) {
            prop_assert!(pair[0].from < pair[0].to && pair[0].to == pair[1].from);
        }
    }

    #[test]
    fn cells_are_those_of_the_calendar(case in case()) {
        let Some(length) = case.step.0 else { return Ok(()) };
        let cells = edges(length, case.grain, case.window, &mut case.zone.local());
        let Ok(cells) = cells else { return Ok(()) };
        let key = |ms| cell_key(length, case.grain, ms, &case.zone);
        if let Pace::Hours(2..) = length.pace() {
            return Ok(());
        }
        for pair in cells.windows(2).take(500) {
            let inside = [pair[0].max(MIN_TIME), (pair[1] - 1).clamp(MIN_TIME, MAX_TIME)];
            prop_assert_eq!(key(inside[0]), key(inside[1]));
            if pair[1] <= MAX_TIME {
                prop_assert_ne!(key(inside[0]), key(pair[1]));
            }
        }
    }

    #[test]
    fn what_is_refused_no_granularity_could_answer(case in case()) {
        let (Err(error), Some(length)) = (case.grid(), case.step.0) else { return Ok(()) };
        let edges = edges(length, case.grain, case.window, &mut case.zone.local());
        let error = error.to_string();
        let is_bound = |bound: &str| error.contains(bound);
        let Some(edges) = edges.ok().filter(|_| !is_bound("100000 buckets")) else {
            prop_assert!(["20000 points", "100000 buckets", "kept"].into_iter().any(is_bound));
            return Ok(());
        };
        let span = case.events.first().zip(case.events.last());
        let (first, last) = span.map_or((i64::MAX, i64::MIN), |(first, last)| (*first, *last));
        if first.max(case.window.from) > last.min(case.window.to - 1) {
            // Nothing has to be kept. A step that no granularity ever answers is refused all the same.
            prop_assert!(is_bound("finer"), "{}", error);
            for granularity in Granularity::ALL {
                let finest = Length::finest(granularity, case.grain);
                let is_on = case.retention.get(granularity).is_some();
                prop_assert!(!is_on || length.at_most() < finest.at_most(), "{}", error);
            }
            return Ok(());
        }
        let from = case.window.from.max(first);
        let hours = (0..48).map(|hour| from + hour * HOUR);
        let probes = edges.iter().flat_map(|edge| [edge - 1, *edge]).chain(hours);
        let to = edges[edges.len() - 1].min(MAX_TIME);
        let probes: Vec<i64> = probes.filter(|probe| from <= *probe && *probe < to).collect();
        let untold = Granularity::ALL.into_iter().all(|granularity| {
            probes.iter().any(|probe| {
                let cell = edges.windows(2).find(|pair| (pair[0]..pair[1]).contains(probe)).unwrap();
                !case.has_exactly(granularity, *probe, Range::new(cell[0], cell[1]))
            })
        });
        prop_assert!(untold, "{}", error);
    }
}
