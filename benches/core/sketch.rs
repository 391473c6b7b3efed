//! Distinct counts, beside `hyperloglogplus` with as many registers.

use std::hash::{BuildHasherDefault, Hasher};

use analytics_core::codec::{Reader, Writer};
use analytics_core::sketch::hll::{Sketch, Union};
use divan::{black_box, counter::ItemsCount, Bencher};
use hyperloglogplus::{HyperLogLog, HyperLogLogPlus};

use testkit::Random;

/// Hashes are given: both sketches are measured without a hash function.
#[derive(Default)]
struct Given(u64);

impl Hasher for Given {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let bytes = bytes
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        self.0 = bytes;
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

type Other = HyperLogLogPlus<u64, BuildHasherDefault<Given>>;

/// Sparse, at the end of sparse, dense.
const USERS: [usize; 4] = [10, 500, 2_500, 50_000];

fn hashes(count: usize) -> Vec<u64> {
    let mut random = Random::new(42);
    (0..count).map(|_| random.below(u64::MAX)).collect()
}

fn sketch(hashes: &[u64]) -> Sketch {
    let mut sketch = Sketch::new();
    hashes.iter().for_each(|hash| {
        sketch.insert(*hash);
    });
    sketch
}

fn other(hashes: &[u64]) -> Other {
    let mut sketch = Other::new(14, BuildHasherDefault::default()).expect("a precision it takes");
    hashes.iter().for_each(|hash| sketch.insert(hash));
    sketch
}

/// All users into an empty sketch, a user at a time.
#[divan::bench(args = USERS)]
fn insert_new(bencher: Bencher, users: usize) {
    let hashes = hashes(users);
    let bencher = bencher.counter(ItemsCount::new(users));
    bencher.bench(|| sketch(black_box(&hashes)));
}

#[divan::bench(args = USERS)]
fn insert_new_hyperloglogplus(bencher: Bencher, users: usize) {
    let hashes = hashes(users);
    let bencher = bencher.counter(ItemsCount::new(users));
    bencher.bench(|| other(black_box(&hashes)));
}

/// Users that are in already.
#[divan::bench(args = USERS)]
fn insert_known(bencher: Bencher, users: usize) {
    let hashes = hashes(users);
    let mut sketch = sketch(&hashes);
    let bencher = bencher.counter(ItemsCount::new(users));
    bencher.bench_local(|| hashes.iter().filter(|hash| sketch.insert(**hash)).count());
}

#[divan::bench(args = USERS)]
fn insert_known_hyperloglogplus(bencher: Bencher, users: usize) {
    let hashes = hashes(users);
    let mut sketch = other(&hashes);
    let bencher = bencher.counter(ItemsCount::new(users));
    bencher.bench_local(|| hashes.iter().for_each(|hash| sketch.insert(hash)));
}

/// So many users each, half of them in both.
fn pair(users: usize) -> (Vec<u64>, Vec<u64>) {
    let hashes = hashes(users + users / 2);
    (hashes[..users].to_vec(), hashes[users / 2..].to_vec())
}

/// What a query does with one more bucket.
#[divan::bench(args = USERS)]
fn union(bencher: Bencher, users: usize) {
    let (one, two) = pair(users);
    let (one, two) = (sketch(&one), sketch(&two));
    let start = || {
        let mut union = Union::new();
        union.add(&one);
        union
    };
    bencher
        .with_inputs(start)
        .bench_local_refs(|union| union.add(black_box(&two)));
}

#[divan::bench(args = USERS)]
fn union_hyperloglogplus(bencher: Bencher, users: usize) {
    let (one, two) = pair(users);
    let (one, two) = (other(&one), other(&two));
    bencher.with_inputs(|| one.clone()).bench_local_refs(|one| {
        one.merge(black_box(&two))
            .expect("both have the same precision");
    });
}

/// What `UNIQUE` over a day of dense hours does with them.
const HOURS: usize = 24;

#[divan::bench]
fn union_and_estimate_of_24_dense(bencher: Bencher) {
    let all = hashes(10_000 + HOURS * 2_500);
    let hour = |hour: usize| sketch(&all[hour * 2_500..][..10_000]);
    let sketches: Vec<Sketch> = (0..HOURS).map(hour).collect();
    let mut union = Union::new();
    bencher.bench_local(|| {
        union.clear();
        black_box(&sketches).iter().for_each(|it| union.add(it));
        union.estimate()
    });
}

/// The least time for that: their registers are read once.
#[divan::bench]
fn read_memory_of_24_dense(bencher: Bencher) {
    let registers: Vec<Box<[u64; 1_024]>> =
        (0..HOURS).map(|n| Box::new([n as u64; 1_024])).collect();
    bencher.bench_local(|| {
        let words = black_box(&registers).iter().flat_map(|it| it.iter());
        words.fold(0u64, |sum, word| sum.wrapping_add(*word))
    });
}

#[divan::bench(args = USERS)]
fn estimate(bencher: Bencher, users: usize) {
    let sketch = sketch(&hashes(users));
    bencher.bench(|| black_box(&sketch).estimate());
}

#[divan::bench(args = USERS)]
fn estimate_hyperloglogplus(bencher: Bencher, users: usize) {
    let mut sketch = other(&hashes(users));
    bencher.bench_local(|| black_box(&mut sketch).count());
}

#[divan::bench(args = USERS)]
fn encode(bencher: Bencher, users: usize) {
    let sketch = sketch(&hashes(users));
    bencher.bench(|| {
        let mut writer = Writer::new();
        black_box(&sketch).encode(&mut writer);
        writer.into_bytes()
    });
}

#[divan::bench(args = USERS)]
fn decode(bencher: Bencher, users: usize) {
    let mut writer = Writer::new();
    sketch(&hashes(users)).encode(&mut writer);
    let bytes = writer.into_bytes();
    bencher.bench(|| Sketch::decode(&mut Reader::new(black_box(&bytes))));
}
