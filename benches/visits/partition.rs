//! The longest step of one partition of visitors, of people and of a funnel: it takes every growth of its tables,
//! and gives up half of its users at the bound. In processor time of the thread, which pauses of the machine do
//! not lengthen.

use analytics_core::funnel::{self, Matched, Progress, Rules};
use analytics_core::people::{self, People};
use analytics_core::visitors::{self, partitions_of, Layout, Moment, Partition, Seed, Visitor};

use crate::verdict;

/// Of `analytics.visitor-capacity`, and ten times that.
const CAPACITY: u64 = 1_000_000;
const MOST: u64 = 10_000_000;
/// In microseconds.
const LIMIT: f64 = 2_000.0;
const ROUNDS: usize = 3;
const SEED: Seed = Seed([1, 2]);
const BEGIN: i64 = 1_700_000_000_000;
const DAY: i64 = 86_400_000;

/// The numbers of so many users that one partition gets three times its part, and what they are followed by.
type Users = Vec<(u64, Visitor)>;

fn users_of_one(capacity: u64) -> (u32, usize, Users) {
    let (bits, most) = partitions_of(capacity);
    let all = (0..3 * capacity).map(|number| (number, SEED.visitor(number, None)));
    let own = all.filter(|(_, visitor)| visitor.partition(bits) == 0);
    (bits, most, own.collect())
}

pub fn run() {
    println!("| an event in a partition that grows, and at its bound halves | mean, us | longest, us, the least of {ROUNDS} rounds | target |");
    println!("|---|---|---|---|");
    for (name, path, by) in [
        ("visits", false, 0),
        ("visits, `PATH`, two `BY`", true, 2),
        ("visits, `PATH`, four `BY`", true, 4),
    ] {
        let layout = Layout { path, by };
        row(name, CAPACITY, |bits, most, users, steps| {
            visits(layout, bits, most, users, steps);
        });
    }
    row("people", CAPACITY, people);
    row("people, of ten million", MOST, people);
    for (name, by) in [("funnel of five steps", 0), ("the same, two `BY`", 2)] {
        row(name, CAPACITY, |bits, most, users, steps| {
            funnel(by, bits, most, users, steps);
        });
    }
}

fn row(name: &str, capacity: u64, play: impl Fn(u32, usize, &Users, &mut Steps)) {
    let (bits, most, users) = users_of_one(capacity);
    let rounds = (0..ROUNDS).map(|_| {
        let mut steps = Steps::default();
        play(bits, most, &users, &mut steps);
        (steps.sum / steps.count, steps.longest)
    });
    let (mean, longest) = rounds.fold((f64::INFINITY, f64::INFINITY), |least, round| {
        (least.0.min(round.0), least.1.min(round.1))
    });
    let is_met = verdict(longest <= LIMIT);
    println!("| {name} | {mean:.2} | {longest:.0} | {LIMIT}: {is_met} |");
}

/// What events take, in microseconds.
#[derive(Default)]
struct Steps {
    sum: f64,
    count: f64,
    longest: f64,
}

impl Steps {
    fn measure<T>(&mut self, step: impl FnOnce() -> T) -> T {
        let begun = thread_time();
        let result = step();
        let time = thread_time() - begun;
        self.sum += time;
        self.count += 1.0;
        self.longest = self.longest.max(time);
        result
    }
}

fn visits(layout: Layout, bits: u32, most: usize, users: &Users, steps: &mut Steps) {
    let terms = visitors::Terms {
        tag: 7,
        timeout: 1_800_000,
        layout,
        keeps_paths: layout.path,
        bits,
        most,
    };
    let mut partition = Partition::new(&terms);
    for (number, visitor) in users {
        let text = format!("/page/{}", number % 997);
        let moment = Moment {
            time: BEGIN + *number as i64 / 2,
            passive: false,
            path: layout.path.then(|| SEED.path(text.as_bytes())),
            by: [Some(SEED.value(b"search")); visitors::MOST_BY],
        };
        let path = layout.path.then_some(text.as_bytes());
        steps.measure(|| {
            partition.observe(*visitor, &moment, path, i64::MAX, &terms);
        });
    }
    assert!(partition.weight() > 1);
}

fn people(bits: u32, most: usize, users: &Users, steps: &mut Steps) {
    let terms = people::Terms {
        tag: 7,
        horizon: 365,
        bits,
        most,
    };
    let mut people = People::default();
    for (_, visitor) in users {
        steps.measure(|| people.observe(*visitor, 20_000, &terms));
    }
    assert!(people.identities(&terms).is_some_and(|it| it.weight() > 1));
}

/// Of a hundred users, so many take the first step, the second and so on, each some users after the one before.
const PARTS: [usize; 5] = [100, 60, 35, 22, 12];
const BETWEEN: usize = 200;

fn funnel(by: u8, bits: u32, most: usize, users: &Users, steps: &mut Steps) {
    let terms = funnel::Terms {
        tag: 7,
        rules: Rules {
            within: 7 * DAY,
            steps: PARTS.len() as u8,
            by,
        },
        bits,
        most,
    };
    let mut progress = Progress::new(&terms);
    for newest in 0..users.len() {
        for (step, part) in PARTS.iter().enumerate() {
            let place = newest.checked_sub(step * BETWEEN);
            let Some((_, visitor)) = place.filter(|it| it % 100 < *part).map(|it| users[it]) else {
                continue;
            };
            let moment = funnel::Moment {
                time: BEGIN + 1_000 * newest as i64,
                matched: Matched {
                    steps: 1 << step,
                    ends: false,
                },
                by: [Some(SEED.value(b"search")); funnel::MOST_BY],
            };
            steps.measure(|| progress.observe(visitor, &moment, i64::MAX, &terms));
        }
    }
    assert!(progress.weight() > 1);
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
