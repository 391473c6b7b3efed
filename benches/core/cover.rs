//! Planning which buckets answer a window, in UTC and in a zone with daylight saving.

use analytics_core::time::{cover, Granularity, Retention, Sources, Window, Zone};
use divan::{black_box, Bencher};

/// 2024-12-11T14:30:12.345Z: a window that ends now has edges at every granularity.
const NOW: i64 = 1_733_927_412_345;

const WINDOWS: [&str; 6] = ["5m", "24h", "7d", "30d", "365d", "this-month"];

fn plan(bencher: Bencher, zone: &[u8], window: &str) {
    let zone = Zone::parse(zone).expect("a zone there is");
    let window = Window::parse(window.as_bytes(), &zone).expect("a window");
    let retention = Retention::default();
    bencher.bench(|| {
        let sources = Sources {
            zone: &zone,
            retention: &retention,
            since: [i64::MIN; Granularity::COUNT],
            now: NOW,
            observed: None,
        };
        let range = black_box(window).range(NOW, &zone);
        range.and_then(|range| cover(range, &sources))
    });
}

#[divan::bench(args = WINDOWS)]
fn utc(bencher: Bencher, window: &str) {
    plan(bencher, b"UTC", window);
}

#[divan::bench(args = WINDOWS)]
fn paris(bencher: Bencher, window: &str) {
    plan(bencher, b"Europe/Paris", window);
}
