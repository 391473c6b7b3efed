//! All that may happen to a bucket once a payload was accepted for one.

use super::corpus::{import, record, Kind};
use crate::bucket::tally::Distinct;
use crate::bucket::Bucket;
use crate::query::fold::{Answer, Fold};
use crate::query::metric::{Measure, Metric};
use crate::query::top::{top, Axis};
use crate::schema::Names;
use crate::time::{cover, Granularity, Piece, Range, Retention, Sources};

const METRICS: [&str; 16] = [
    "events",
    "events:rate",
    "users",
    "sessions",
    "price:sum",
    "price:avg",
    "price:min",
    "price:max",
    "price:rate",
    "ms:p0",
    "ms:p50",
    "price:p99.9",
    "events@event=1",
    "users@event=0&country=1",
    "price:p95@country=1",
    "ms:avg@plan=~other",
];

pub fn check(mut bucket: Bucket, kind: &Kind) {
    ask(&bucket, kind);
    // Events go to no bucket of another period.
    if !bucket.is_of(&kind.period) {
        return;
    }
    let before = bucket.encode();
    let copy = bucket.clone();
    assert!(bucket.heap_bytes() > 0 && bucket.parts() > 0);
    for n in [0, 3, 5, 11, 50] {
        record(&mut bucket, kind, n);
    }
    import(&mut bucket, kind, Distinct::Users, 20..30);
    import(&mut bucket, kind, Distinct::Sessions, 20..31);
    let pages = bucket.encode();
    match Bucket::decode(&pages) {
        Ok(again) => assert!(again.encode() == pages, "{before:02x?}"),
        Err(corrupt) => panic!("{corrupt} after more events in {before:02x?}"),
    }
    assert!(copy.encode() == before);
}

fn ask(bucket: &Bucket, kind: &Kind) {
    let settings = Some(&kind.site.settings);
    let metrics = METRICS
        .iter()
        .filter_map(|it| Metric::parse(it.as_bytes(), settings).ok());
    let metrics: Vec<Metric> = metrics.collect();
    for (piece, trims) in pieces(kind) {
        let mut fold = Fold::new(&metrics);
        if trims {
            fold = fold.trimmed();
        }
        // Twice, so that it is merged as well.
        fold.add(&piece, bucket);
        fold.add(&piece, bucket);
        let finite = |x: f64| assert!(x.is_finite(), "{x}: {:02x?}", bucket.encode());
        fold.answers(60.0)
            .filter_map(Answer::number)
            .for_each(finite);
        let parts = [(piece, bucket), (piece, bucket)];
        for axis in ["event", "country", "event,country", "country,event"] {
            let Ok(axis) = Axis::parse(axis.as_bytes(), &[], Names::of(settings)) else {
                continue;
            };
            for measure in ["events", "users", "price:p50"] {
                let measure = Measure::parse(measure.as_bytes(), Names::all(settings)).unwrap();
                for row in top(&parts, &axis, &measure, 2, 60.0).rows {
                    let numbers = [row.number, row.share, row.error].into_iter();
                    numbers.filter_map(Answer::number).for_each(finite);
                    axis.values_of(row.value);
                }
            }
        }
    }
}

/// The whole bucket, and what a cover takes of it for a window inside of it.
fn pieces(kind: &Kind) -> Vec<(Piece, bool)> {
    let mut retention = Retention::default();
    for granularity in Granularity::ALL {
        if granularity != kind.period.granularity() {
            retention.set(granularity, None).unwrap();
        }
    }
    let sources = Sources {
        zone: &kind.site.settings.zone,
        retention: &retention,
        since: [i64::MIN; 5],
        now: kind.period.end(),
        observed: None,
    };
    let (start, end) = (kind.period.start(), kind.period.end());
    let third = (end - start) / 3;
    let windows = [(start, end), (start + third + 1, end - third)];
    let pieces = windows.iter().flat_map(|(from, to)| {
        let cover = cover(Range::new(*from, *to), &sources).unwrap();
        [false, true].map(|trims| (cover.pieces[0], trims))
    });
    pieces.collect()
}
