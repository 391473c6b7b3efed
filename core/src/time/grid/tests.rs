//! Grids by example.

use super::super::{
    parse_instant, Duration, Retention, Window, DAY, HOUR, MAX_TIME, MINUTE, MIN_TIME,
};
use super::*;

/// A query of a site with events at all times.
struct Ask {
    zone: Zone,
    retention: Retention,
    now: i64,
}

impl Ask {
    fn new(zone: &str, now: &str) -> Ask {
        let zone = Zone::parse(zone.as_bytes()).unwrap();
        Ask {
            now: parse_instant("now", now.as_bytes(), &zone).unwrap(),
            retention: Retention::default(),
            zone,
        }
    }

    fn grid(&self, window: &str, step: &str, grain: Grain) -> Result<Grid> {
        let window = Window::parse(window.as_bytes(), &self.zone)?;
        let sources = Sources {
            zone: &self.zone,
            retention: &self.retention,
            since: [i64::MIN; Granularity::COUNT],
            now: self.now,
            observed: Some((MIN_TIME, MAX_TIME)),
        };
        let window = window.range(self.now, &self.zone)?;
        Grid::new(Step::parse(step.as_bytes())?, grain, window, &sources)
    }

    /// Points, buckets and their granularity, and the length of a point in the middle.
    fn sizes(&self, window: &str, step: &str, grain: Grain) -> (usize, usize, &str, String) {
        let grid = self.grid(window, step, grain).unwrap();
        let cell = grid.cells().nth(grid.len() / 2).unwrap();
        let granularity = grid.reads().next().unwrap().period.granularity();
        let length = Duration::of_millis(cell.len()).unwrap().to_string();
        (grid.len(), grid.reads().count(), granularity.name(), length)
    }
}

/// The starts of the cells, and the end of the last one.
fn edges_of(grid: &Grid) -> Vec<String> {
    let text = |ms: &i64| {
        let timestamp = jiff::Timestamp::from_millisecond(*ms).unwrap();
        timestamp.strftime("%m-%dT%H:%M").to_string()
    };
    grid.edges.iter().map(text).collect()
}

#[test]
fn a_day_in_paris_has_23_24_or_25_hours() {
    let paris = Ask::new("Europe/Paris", "2024-12-01");
    for (window, hours) in [
        ("2024-03-31..2024-04-01", 23),
        ("2024-07-04..2024-07-05", 24),
        ("2024-10-27..2024-10-28", 25),
    ] {
        let grid = paris.grid(window, "1h", Grain::Slot).unwrap();
        assert_eq!(grid.len(), hours);
        assert!(grid.cells().all(|cell| cell.len() == HOUR));
        assert_eq!(grid.reads().count(), 1);
    }
    let days = paris.grid("2024-10-26..2024-10-29", "1d", Grain::Bucket);
    let lengths: Vec<i64> = days.unwrap().cells().map(|day| day.len() / HOUR).collect();
    assert_eq!(lengths, [24, 25, 24]);
}

#[test]
fn several_hours_go_by_the_local_clock() {
    let paris = Ask::new("Europe/Paris", "2024-12-01");
    let edges = |window| edges_of(&paris.grid(window, "6h", Grain::Slot).unwrap());
    assert_eq!(
        edges("2024-03-31..2024-04-01"),
        [
            "03-30T23:00",
            "03-31T04:00",
            "03-31T10:00",
            "03-31T16:00",
            "03-31T22:00"
        ]
    );
    assert_eq!(
        edges("2024-10-27..2024-10-28"),
        [
            "10-26T22:00",
            "10-27T05:00",
            "10-27T11:00",
            "10-27T17:00",
            "10-27T23:00"
        ]
    );
}

#[test]
fn hours_of_whole_buckets_are_those_of_utc() {
    let kolkata = Ask::new("Asia/Kolkata", "2024-12-11T12:00");
    let edges = |step, grain| {
        edges_of(
            &kolkata
                .grid("2024-12-11T00:00..2024-12-11T02:00", step, grain)
                .unwrap(),
        )
    };
    assert_eq!(
        edges("1h", Grain::Slot),
        ["12-10T18:30", "12-10T19:30", "12-10T20:30"]
    );
    assert_eq!(
        edges("1h", Grain::Bucket),
        ["12-10T18:00", "12-10T19:00", "12-10T20:00", "12-10T21:00"]
    );
    assert_eq!(edges("12h", Grain::Slot), ["12-10T18:30", "12-11T06:30"]);
    assert_eq!(edges("12h", Grain::Bucket), ["12-10T18:00", "12-11T06:00"]);
}

#[test]
fn weeks_months_quarters_and_years_begin_with_the_calendar() {
    let utc = Ask::new("UTC", "2025-03-05T12:00");
    let first = |step| {
        edges_of(
            &utc.grid("2025-03-04..2025-03-05", step, Grain::Slot)
                .unwrap(),
        )
    };
    assert_eq!(first("1w"), ["03-03T00:00", "03-10T00:00"]);
    assert_eq!(first("7d"), first("1w"));
    assert_eq!(first("1mo"), ["03-01T00:00", "04-01T00:00"]);
    assert_eq!(first("3mo"), ["01-01T00:00", "04-01T00:00"]);
    assert_eq!(first("1y"), ["01-01T00:00", "01-01T00:00"]);
}

#[test]
fn a_cover_opens_few_buckets() {
    let utc = Ask::new("UTC", "2024-12-11T14:30:20");
    let sizes = |window, step, grain| utc.sizes(window, step, grain);
    for (window, step, grain, points, buckets, granularity) in [
        ("60s", "1s", Grain::Slot, 61, 2, "minute"),
        ("24h", "1m", Grain::Slot, 1441, 25, "hour"),
        ("7d", "1h", Grain::Slot, 169, 8, "day"),
        ("365d", "1h", Grain::Slot, 8761, 366, "day"),
        ("365d", "1d", Grain::Slot, 366, 13, "month"),
        ("3y", "1w", Grain::Slot, 158, 37, "month"),
        ("1h", "1m", Grain::Bucket, 61, 61, "minute"),
        ("24h", "1h", Grain::Bucket, 25, 25, "hour"),
        ("7d", "6h", Grain::Bucket, 29, 172, "hour"),
        ("365d", "1d", Grain::Bucket, 366, 366, "day"),
        ("104w", "1w", Grain::Bucket, 105, 105, "week"),
        ("1y", "3mo", Grain::Bucket, 5, 15, "month"),
    ] {
        let (found_points, found, name, _) = sizes(window, step, grain);
        assert_eq!(
            (found_points, found, name),
            (points, buckets, granularity),
            "{window} {step}"
        );
    }
}

#[test]
fn auto_makes_about_a_hundred_points_of_what_is_kept() {
    let utc = Ask::new("UTC", "2024-12-11T14:30:20");
    for (window, grain, points, length) in [
        ("60s", Grain::Slot, 61, "1s"),
        ("1h", Grain::Slot, 121, "30s"),
        ("24h", Grain::Slot, 97, "15m"),
        ("7d", Grain::Slot, 85, "2h"),
        ("30d", Grain::Slot, 121, "6h"),
        ("90d", Grain::Slot, 91, "1d"),
        ("1y", Grain::Slot, 53, "1w"),
        ("3y", Grain::Slot, 80, "2w"),
        ("1h", Grain::Bucket, 61, "1m"),
        ("24h", Grain::Bucket, 25, "1h"),
        ("30d", Grain::Bucket, 31, "1d"),
        ("3y", Grain::Bucket, 37, "30d"),
    ] {
        let (found, _, _, step) = utc.sizes(window, "auto", grain);
        assert_eq!((found, step.as_str()), (points, length), "{window}");
    }
}

#[test]
fn the_error_of_a_step_that_is_too_fine_names_the_finest() {
    let utc = Ask::new("UTC", "2024-12-11T14:30:20");
    for (window, step, grain, message) in [
        ("24h", "1s", Grain::Slot, "step 1s is finer than what is still kept of all the window: the finest is 1m"),
        ("8d", "30m", Grain::Slot, "step 30m is finer than what is still kept of all the window: the finest is 1h"),
        ("3y", "6h", Grain::Slot, "step 6h is finer than what is still kept of all the window: the finest is 1d"),
        ("24h", "1m", Grain::Bucket, "step 1m is finer than what is still kept of all the window: the finest for distinct counts and percentiles is 1h"),
        ("3y", "1w", Grain::Bucket, "step 1w is finer than what is still kept of all the window: the finest for distinct counts and percentiles is 1mo"),
        ("24h", "90s", Grain::Slot, "step 90s cuts through what is still kept of all the window: 1m is one that does not"),
        ("100w", "1mo", Grain::Bucket, "ok"),
        ("7d", "1m", Grain::Slot, "ok"),
        ("5y", "1y", Grain::Slot, "window begins with events that are not kept any more, in any step: it may begin at 2021-12-01T00:00Z"),
        ("5y", "auto", Grain::Bucket, "window begins with events that are not kept any more, in any step: it may begin at 2021-12-01T00:00Z"),
    ] {
        let grid = utc.grid(window, step, grain);
        let found = grid.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
        assert_eq!(found, message);
    }
    let mut long = Ask::new("UTC", "2024-12-11T14:30:20");
    let kept = Duration::parse(b"30d").unwrap();
    long.retention.set(Granularity::Hour, Some(kept)).unwrap();
    let error = long.grid("14d", "1m", Grain::Slot).unwrap_err();
    assert_eq!(
        error.to_string(),
        "step 1m cuts the window into more than 20000 points: ask for a longer one, or auto"
    );
}

#[test]
fn times_without_events_need_not_be_kept() {
    let utc = Ask::new("UTC", "2024-12-11T14:30:20");
    let observed = |step: &str, grain: Grain, first: i64, last: i64| {
        let sources = Sources {
            zone: &utc.zone,
            retention: &utc.retention,
            since: [i64::MIN; Granularity::COUNT],
            now: utc.now,
            observed: Some((utc.now - first, utc.now - last)),
        };
        let window = Range::new(utc.now - 2 * HOUR, utc.now + 1);
        let step = Step::parse(step.as_bytes()).unwrap();
        Grid::new(step, grain, window, &sources).map(|grid| (grid.len(), grid.reads().count()))
    };
    let events = |first: i64, last: i64| observed("1s", Grain::Slot, first, last);
    // The first event is not older than seconds are, or the last one older than the window.
    assert_eq!(events(50 * MINUTE, 0), Ok((7201, 51)));
    assert_eq!(events(400 * DAY, 3 * HOUR), Ok((7201, 0)));
    assert!(events(70 * MINUTE, 0).is_err());
    // No bucket ever has users second by second, whether there are any or not.
    let users = |step: &str| observed(step, Grain::Bucket, 400 * DAY, 3 * HOUR);
    assert_eq!(users("1m"), Ok((121, 0)));
    assert_eq!(
        users("59s").unwrap_err().to_string(),
        "step 59s is finer than what is still kept of all the window: the finest for distinct counts and percentiles is 1m"
    );
}

#[test]
fn the_ends_of_the_calendar_are_ordinary() {
    let window = Range::new(MIN_TIME, MAX_TIME + 1);
    for name in ["UTC", "America/Juneau", "Pacific/Apia"] {
        let zone = Zone::parse(name.as_bytes()).unwrap();
        let ask = Ask {
            zone,
            retention: Retention::default(),
            now: MAX_TIME,
        };
        let sources = Sources {
            zone: &ask.zone,
            retention: &ask.retention,
            since: [i64::MIN; Granularity::COUNT],
            now: ask.now,
            observed: Some((MAX_TIME - 5 * DAY, MAX_TIME)),
        };
        for (step, points) in [
            ("1y", 9999),
            ("7y", 1429),
            ("1000y", 10),
            ("366000d", 11),
            ("52285w", 11),
            ("8783999h", 11),
            ("auto", 100),
        ] {
            for grain in [Grain::Slot, Grain::Bucket] {
                let step = Step::parse(step.as_bytes()).unwrap();
                let grid = Grid::new(step, grain, window, &sources);
                assert_eq!(grid.map(|grid| grid.len()), Ok(points), "{name} {step:?}");
            }
        }
    }
}
