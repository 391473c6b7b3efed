//! Percentiles of numbers between 0.1 and 1,000, as latencies are.

use analytics_core::sketch::quantiles::Quantiles;
use divan::{black_box, counter::ItemsCount, Bencher};
use testkit::Random;

const NUMBERS: usize = 10_000;

fn numbers() -> Vec<f64> {
    let mut random = Random::new(42);
    (0..NUMBERS)
        .map(|_| 10f64.powf(random.below(4_000) as f64 / 1_000.0 - 1.0))
        .collect()
}

fn sketch(numbers: &[f64]) -> Quantiles {
    let mut sketch = Quantiles::new();
    numbers.iter().for_each(|number| sketch.insert(*number));
    sketch
}

#[divan::bench]
fn insert(bencher: Bencher) {
    let numbers = numbers();
    let mut sketch = sketch(&numbers);
    let bencher = bencher.counter(ItemsCount::new(NUMBERS));
    bencher.bench_local(|| {
        for number in &numbers {
            sketch.insert(black_box(*number));
        }
    });
}

/// The number of sketches that are merged into an empty one: the minutes of an hour.
#[divan::bench(args = [1, 60])]
fn merge(bencher: Bencher, sketches: usize) {
    let parts: Vec<Quantiles> = numbers().chunks(NUMBERS / sketches).map(sketch).collect();
    let bencher = bencher.counter(ItemsCount::new(sketches));
    bencher.bench(|| {
        let mut whole = Quantiles::new();
        parts.iter().for_each(|part| whole.merge(black_box(part)));
        whole
    });
}

#[divan::bench]
fn p95(bencher: Bencher) {
    let sketch = sketch(&numbers());
    bencher.bench(|| black_box(&sketch).quantile(0.95));
}
