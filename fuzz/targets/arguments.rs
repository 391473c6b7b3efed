//! Any bytes as an argument of a command: accepted, or refused with an error of one line.

#![no_main]

use std::sync::LazyLock;

use analytics_core::error::Result;
use analytics_core::query::metric::{Measure, Metric, Selector};
use analytics_core::query::top::Axis;
use analytics_core::schema::keys::check_site_name;
use analytics_core::schema::{parse_capacity, parse_options, Names, Settings};
use analytics_core::time::{
    cover, parse_instant, Duration, Grain, Granularity, Grid, Range, Retention, Sources, Step,
    Window, Zone,
};
use libfuzzer_sys::fuzz_target;

/// 2024-12-11T14:31:07Z.
const NOW: i64 = 1_733_927_467_000;

static SITE: LazyLock<Settings> = LazyLock::new(|| {
    let options = "TZ Europe/Paris DIM plan NOUSERS CUBE event,country VAL price";
    settings(
        &options
            .as_bytes()
            .split(|byte| *byte == b' ')
            .collect::<Vec<_>>(),
    )
    .unwrap()
});

fn settings(options: &[&[u8]]) -> Result<Settings> {
    let changes = parse_options(options)?;
    Settings::new(Zone::UTC, Retention::default(), 1_000).with(&changes, false, NOW)
}

fn line<T>(parsed: Result<T>) -> Option<T> {
    parsed
        .map_err(|error| {
            let line = error.to_string();
            assert!(!line.is_empty() && line.len() < 1_000, "{line}");
            assert!(!line.contains(char::is_control), "{line}");
        })
        .ok()
}

fuzz_target!(|input: &[u8]| {
    let words: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    line(settings(&words)).map(|made| {
        // The options that are replicated make the same site.
        let options = made.options();
        let options: Vec<&[u8]> = options.iter().map(Vec::as_slice).collect();
        assert_eq!(settings(&options).unwrap().options(), made.options());
    });
    for word in words {
        line(Metric::parse(word, Some(&SITE)));
        line(Metric::parse(word, None));
        line(Measure::parse(word, Names::of(Some(&SITE))));
        line(Selector::parse(word, Names::of(Some(&SITE))));
        line(Axis::parse(word, &[], Names::of(Some(&SITE))));
        line(parse_instant("AT", word, &SITE.zone));
        line(Duration::parse(word));
        line(Granularity::parse(word));
        line(parse_capacity(word));
        line(check_site_name(word));
        let step = line(Step::parse(word)).unwrap_or_else(|| Step::parse(b"auto").unwrap());
        let window = line(Window::parse(word, &SITE.zone));
        let ranges = window.map(|it| [it.range(NOW, &SITE.zone), it.before(NOW, &SITE.zone)]);
        for range in ranges.into_iter().flatten().filter_map(line) {
            read(range, step);
        }
    }
});

fn read(range: Range, step: Step) {
    let sources = Sources {
        zone: &SITE.zone,
        retention: &SITE.retention,
        since: SITE.since,
        now: NOW,
        observed: Some((NOW - 1_000_000, NOW)),
    };
    line(cover(range, &sources));
    line(Grid::new(step, Grain::Slot, range, &sources));
    line(Grid::new(step, Grain::Bucket, range, &sources));
}
