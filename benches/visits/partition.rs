//! The longest step of one partition: it takes every growth of its table, and gives up half of its visitors at the
//! bound. In processor time of the thread, which pauses of the machine do not lengthen.

use analytics_core::visitors::{partitions_of, Layout, Moment, Partition, Seed, Terms, MOST_BY};

use crate::verdict;

const CAPACITY: u64 = 1_000_000;
/// So many that one partition gets more than its part.
const VISITORS: u64 = 3 * CAPACITY;
const SEED: Seed = Seed([1, 2]);
const LIMIT: f64 = 2_000.0;
const ROUNDS: usize = 3;

pub fn run() {
    println!("| an event in a partition that grows, and at its bound halves | mean, us | longest, us, the least of {ROUNDS} rounds | target |");
    println!("|---|---|---|---|");
    for (name, path, by) in [
        ("bare", false, 0),
        ("PATH, two BY", true, 2),
        ("PATH, four BY", true, 4),
    ] {
        let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| steps(Layout { path, by })).collect();
        let mean = rounds
            .iter()
            .map(|round| round.0)
            .fold(f64::INFINITY, f64::min);
        let longest = rounds
            .iter()
            .map(|round| round.1)
            .fold(f64::INFINITY, f64::min);
        println!(
            "| {name} | {mean:.2} | {longest:.0} | {LIMIT}: {} |",
            verdict(longest <= LIMIT)
        );
    }
}

/// The mean and the longest time of an event, in microseconds.
fn steps(layout: Layout) -> (f64, f64) {
    let (bits, most) = partitions_of(CAPACITY);
    let terms = Terms {
        tag: 7,
        timeout: 1_800_000,
        layout,
        keeps_paths: layout.path,
        bits,
        most,
    };
    let mut partition = Partition::new(&terms);
    let visitors = (0..VISITORS).map(|number| (number, SEED.visitor(number, None)));
    let own = visitors.filter(|(_, visitor)| visitor.partition(bits) == 0);
    let (mut sum, mut longest, mut count) = (0.0, 0.0_f64, 0);
    for (number, visitor) in own {
        let text = format!("/page/{}", number % 997);
        let moment = Moment {
            time: 1_700_000_000_000 + number as i64 / 2,
            passive: false,
            path: layout.path.then(|| SEED.path(text.as_bytes())),
            by: [Some(SEED.value(b"search")); MOST_BY],
        };
        let path = layout.path.then_some(text.as_bytes());
        let begun = thread_time();
        partition.observe(visitor, &moment, path, i64::MAX, &terms);
        let time = thread_time() - begun;
        sum += time;
        longest = longest.max(time);
        count += 1;
    }
    (sum / f64::from(count), longest)
}

/// Processor time of this thread, in microseconds.
fn thread_time() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes the time to the place that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}
