//! Sketches against sorted lists of numbers.

use proptest::prelude::*;

use super::side::Form;
use super::*;

fn sketch(numbers: &[f64]) -> Quantiles {
    let mut sketch = Quantiles::new();
    for x in numbers {
        sketch.insert(*x);
    }
    sketch
}

fn encoded(sketch: &Quantiles) -> Vec<u8> {
    let mut writer = Writer::new();
    sketch.encode(&mut writer);
    writer.into_bytes()
}

fn decoded(bytes: &[u8]) -> Result<Quantiles, Corrupt> {
    let mut reader = Reader::new(bytes);
    let sketch = Quantiles::decode(&mut reader)?;
    reader.finish()?;
    Ok(sketch)
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn take(&mut self, n: usize, draw: impl Fn(&mut Numbers) -> f64) -> Vec<f64> {
        (0..n).map(|_| draw(self)).collect()
    }
}

fn distributions(n: usize) -> Vec<Vec<f64>> {
    let mut numbers = Numbers(42);
    vec![
        numbers.take(n, |r| (r.normal() + 4.0).exp()),
        numbers.take(n, |r| (5.0 * r.normal()).exp()),
        numbers.take(n, |r| r.uniform() * 1000.0),
        numbers.take(n, |_| 123.4),
        numbers.take(n, |r| r.normal()),
        numbers.take(n, |r| (r.uniform() * 5.0).floor() - 2.0),
        numbers.take(n, |r| 10f64.powf(r.uniform() * 600.0 - 300.0)),
        numbers.take(n, |r| {
            (r.uniform() - 0.5).signum() * 10f64.powf(r.uniform() * 616.0 - 308.0)
        }),
        numbers.take(n, |r| if r.uniform() < 0.5 { 1e-300 } else { 1e300 }),
    ]
}

#[test]
fn every_quantile_is_within_one_percent() {
    for n in [1, 2, 10, 100, 2000] {
        for mut numbers in distributions(n) {
            let sketch = sketch(&numbers);
            numbers.sort_by(f64::total_cmp);
            assert_eq!(sketch.count(), n as u64);
            for permille in (0..=1000).step_by(if n < 100 { 1 } else { 9 }) {
                let rank = (permille * n).div_ceil(1000).max(1);
                let exact = numbers[rank - 1];
                let found = sketch.quantile(permille as f64 / 1000.0).unwrap();
                let error = (found - exact).abs();
                assert!(
                    error <= exact.abs() * (1.0 / 129.0 + 1e-12),
                    "{found} for {exact}"
                );
            }
        }
    }
}

#[test]
fn parts_merge_to_the_sketch_of_the_whole() {
    for numbers in distributions(600) {
        let whole = sketch(&numbers);
        for size in [1, 7, 300] {
            let parts: Vec<Quantiles> = numbers.chunks(size).map(sketch).collect();
            let (mut forwards, mut backwards) = (Quantiles::new(), Quantiles::new());
            parts.iter().for_each(|part| forwards.merge(part));
            parts.iter().rev().for_each(|part| backwards.merge(part));
            let mut at_once = Quantiles::new();
            let (few, more) = parts.split_at(parts.len() / 3);
            at_once.merge_all(few.iter());
            at_once.merge_all(more.iter());
            assert_eq!(encoded(&at_once), encoded(&whole));
            assert_eq!(encoded(&forwards), encoded(&whole));
            assert_eq!(encoded(&backwards), encoded(&whole));
            assert_eq!(decoded(&encoded(&whole)), Ok(forwards));
        }
    }
}

#[test]
fn the_seventh_percentile_of_a_hundred_is_the_seventh() {
    let numbers: Vec<f64> = (1..=100).map(|x| 2f64.powi(x)).collect();
    let sketch = sketch(&numbers);
    for (rank, x) in (1..).zip(&numbers) {
        let found = sketch.quantile(f64::from(rank) / 100.0).unwrap();
        assert!((found / x - 1.0).abs() < 0.01, "{rank}");
    }
}

#[test]
fn numbers_far_apart_take_no_window() {
    let mut sketch = sketch(&[1e-300, 1e300, -1e300, 0.0]);
    assert!(sketch.heap_bytes() <= 48);
    for i in 0..1000 {
        sketch.insert(1.01f64.powi(i));
    }
    assert!(sketch.heap_bytes() <= 8 * 1004, "{}", sketch.heap_bytes());
    assert!(matches!(sketch.above.0, Form::List(_)));
}

#[test]
fn a_sketch_returns_to_a_window_when_its_gap_is_filled() {
    let mut sketch = sketch(&[1.0, 1e6]);
    assert!(matches!(sketch.above.0, Form::List(_)));
    for i in 0..2000 {
        sketch.insert(1.01f64.powi(i % 1400));
    }
    assert!(matches!(sketch.above.0, Form::Window(_)));
}

#[test]
fn a_sketch_of_one_value_allocates_nothing() {
    let mut sketch = Quantiles::new();
    for _ in 0..70_000 {
        sketch.insert(0.25);
    }
    assert_eq!(sketch.heap_bytes(), 0);
    assert!(size_of::<Quantiles>() <= 40);
}

#[test]
fn counts_saturate() {
    let mut sketch = Quantiles::new();
    for position in [5, 5, 6, 100_000, 100_000] {
        sketch.add(position, u64::MAX);
        assert_eq!(sketch.count(), u64::MAX);
        assert!(sketch.quantile(0.5).is_some());
    }
    let twice = &mut sketch.clone();
    twice.merge(&sketch);
    assert_eq!(*twice, sketch);
    assert_eq!(decoded(&encoded(&sketch)), Ok(sketch));
}

#[test]
fn what_is_no_number_is_not_counted() {
    let mut sketch = sketch(&[f64::NAN]);
    assert_eq!((sketch.count(), sketch.quantile(0.5)), (0, None));
    sketch.insert(f64::INFINITY);
    assert!(sketch.quantile(0.5).is_some_and(f64::is_finite));
    assert_eq!(sketch.quantile(f64::NAN), None);
    assert_eq!(sketch.quantile(-7.0), sketch.quantile(7.0));
}

#[test]
fn positions_beyond_the_largest_number_are_refused() {
    let mut writer = Writer::new();
    stored::encode(
        2,
        [(bin::MIN, 1), (bin::MAX + 1, 1)].into_iter(),
        &mut writer,
    );
    let refused = decoded(&writer.into_bytes()).unwrap_err();
    assert_eq!(
        (refused.field, refused.problem),
        ("counter", "not in order")
    );
}

#[test]
fn few_bytes_never_decode_to_a_large_sketch() {
    let mut writer = Writer::new();
    let bins: Vec<_> = (bin::MIN..=bin::MAX)
        .step_by(63)
        .map(|bin| (bin, 1))
        .collect();
    stored::encode(bins.len(), bins.into_iter(), &mut writer);
    let bytes = writer.into_bytes();
    let sketch = decoded(&bytes).unwrap();
    assert!(sketch.heap_bytes() <= 5 * bytes.len());
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        if let Ok(sketch) = decoded(&bytes) {
            prop_assert_eq!(encoded(&sketch), bytes);
        }
    }

    #[test]
    fn any_sketches_merge_alike(
        a in prop::collection::vec((prop_oneof![0..40i32, bin::MIN..=bin::MAX], 1..400u64), 0..40),
        b in prop::collection::vec((prop_oneof![0..300i32, bin::MIN..=bin::MAX], 1..400u64), 0..40),
    ) {
        let sketch = |bins: &[(i32, u64)]| {
            let mut sketch = Quantiles::new();
            bins.iter().for_each(|(position, n)| sketch.add(*position, *n));
            sketch
        };
        let (mut left, mut right) = (sketch(&a), sketch(&b));
        let old = left.clone();
        left.merge(&right);
        right.merge(&old);
        let baseline = encoded(&sketch(&[a, b].concat()));
        prop_assert_eq!(encoded(&left), &baseline[..]);
        prop_assert_eq!(encoded(&right), &baseline[..]);
        prop_assert_eq!(decoded(&baseline), Ok(left));
    }
}

#[test]
fn one_large_count_does_not_make_all_the_others_wide() {
    // As many as a window may have holes for, as long as its counters are narrow.
    let far = |n: u64| {
        let mut sketch = Quantiles::new();
        for bin in 1..=1_000 {
            sketch.add(16 * bin, 1);
        }
        sketch.add(16 * 500, n);
        sketch
    };
    for count in [0xff, 0xffff, 0xffff_ffff, u64::MAX] {
        for half in [count, count / 2] {
            let mut sketch = far(half);
            sketch.merge(&far(half));
            assert!(sketch.heap_bytes() <= 40 * 1_000, "{}", sketch.heap_bytes());
            assert_eq!(decoded(&encoded(&sketch)), Ok(sketch));
        }
    }
}
