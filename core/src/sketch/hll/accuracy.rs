//! The error of estimates, beside that of `hyperloglogplus` on the same users.

use super::Sketch;
use hyperloglogplus::{HyperLogLog, HyperLogLogPlus};
use std::hash::{BuildHasher, Hasher};

/// SplitMix64: hashes without users.
pub(super) fn mixed(n: u64) -> u64 {
    let z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Passes the same hashes to the other sketch.
#[derive(Default, Clone)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl BuildHasher for AsItIs {
    type Hasher = AsItIs;
    fn build_hasher(&self) -> AsItIs {
        AsItIs(0)
    }
}

type Other = HyperLogLogPlus<u64, AsItIs>;

fn other() -> Other {
    HyperLogLogPlus::new(14, AsItIs(0)).unwrap()
}

/// Relative errors at one number of users, over many seeds.
#[derive(Default)]
struct Errors(Vec<f64>);

impl Errors {
    fn note(&mut self, estimate: f64, truth: u64) {
        self.0.push(estimate / truth as f64 - 1.0);
    }

    fn average(&self, of: impl Fn(f64) -> f64) -> f64 {
        self.0.iter().map(|error| of(*error)).sum::<f64>() / self.0.len() as f64
    }

    fn mean(&self) -> f64 {
        self.average(|error| error)
    }

    fn mean_absolute(&self) -> f64 {
        self.average(f64::abs)
    }

    fn standard(&self) -> f64 {
        self.average(|error| error * error).sqrt()
    }
}

fn line(users: u64, seeds: u64, ours: &Errors, theirs: &Errors) {
    let row = |errors: &Errors| {
        format!(
            "{:>8.3} {:>8.3} {:>8.3}",
            errors.mean() * 100.0,
            errors.mean_absolute() * 100.0,
            errors.standard() * 100.0
        )
    };
    println!("{users:>9} {seeds:>5}  {}    {}", row(ours), row(theirs));
}

fn title() {
    println!("error in %                this sketch              hyperloglogplus 0.4.1");
    println!("    users seeds      mean    |mean| standard        mean   |mean| standard");
}

/// Runs both sketches over every seed; the other one only over the first `their_seeds`.
fn measure(checkpoints: &[u64], seeds: u64, their_seeds: u64) -> Vec<(u64, Errors, Errors)> {
    let mut table: Vec<_> = checkpoints
        .iter()
        .map(|users| (*users, Errors::default(), Errors::default()))
        .collect();
    for seed in 0..seeds {
        let (mut ours, mut theirs, mut users) = (Sketch::new(), other(), 0);
        for (checkpoint, our_errors, their_errors) in &mut table {
            for n in users..*checkpoint {
                let hash = mixed(seed << 40 | n);
                ours.insert(hash);
                if seed < their_seeds {
                    theirs.insert(&hash);
                }
            }
            users = *checkpoint;
            our_errors.note(ours.estimate(), users);
            if seed < their_seeds {
                their_errors.note(theirs.count(), users);
            }
        }
    }
    title();
    for (users, ours, theirs) in &table {
        line(*users, seeds, ours, theirs);
    }
    table
}

/// An unoptimized build measures fewer seeds.
const RELEASE: bool = cfg!(not(debug_assertions));

#[test]
fn small_sets_are_counted_almost_exactly() {
    let sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1500, 2000, 2500];
    let seeds = if RELEASE { 1000 } else { 40 };
    for (users, ours, _) in measure(&sizes, seeds, seeds) {
        assert!(ours.mean_absolute() < 0.001, "{users}");
    }
}

#[test]
fn large_sets_are_as_close_as_registers_can_be() {
    let (sizes, seeds, their_seeds): (&[u64], _, _) = if RELEASE {
        (&[3000, 10_000, 100_000, 1_000_000], 400, 100)
    } else {
        (&[10_000, 100_000], 20, 2)
    };
    // Chance alone moves the mean by 0.81 % / sqrt(seeds), and the standard error by 0.7 of that.
    let chance = if RELEASE { 0.0 } else { 0.004 };
    for (users, ours, _) in measure(sizes, seeds, their_seeds) {
        assert!(ours.standard() <= 0.0085 + chance, "{users}");
        assert!(ours.mean().abs() <= 0.0015 + chance, "{users}");
    }
}
