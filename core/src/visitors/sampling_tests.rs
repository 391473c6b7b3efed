//! Beyond the bound: sums over the visitors that are followed, against those over all, in the standard errors
//! that are named.

use super::*;

const TIMEOUT: i64 = 30 * crate::time::MINUTE;
const VISITORS: u64 = 40_000;
const CAPACITY: u64 = 2_000;

/// Visits, bounces, milliseconds and events.
type Sums = [i128; 4];

fn sums(amounts: &Amounts) -> Sums {
    [
        amounts.visits,
        amounts.visits - amounts.engaged,
        amounts.time,
        amounts.events,
    ]
    .map(i128::from)
}

/// The events of a visitor: how many, and the seconds between two of them.
fn events_of(visitor: u64) -> (u64, i64) {
    let mixed = visitor.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    (1 + mixed % 4, 1 + (mixed / 7 % 200) as i64)
}

/// What is counted of so many visitors that come at once, all of them, and the squares of the errors.
fn play(seed: Seed) -> (Sums, Sums, [f64; 4]) {
    let (bits, most) = partitions_of(CAPACITY);
    let terms = Terms {
        tag: 1,
        timeout: TIMEOUT,
        layout: Layout { path: false, by: 0 },
        keeps_paths: false,
        bits,
        most,
    };
    let mut partitions: Vec<Partition> = (0..1 << bits).map(|_| Partition::new(&terms)).collect();
    let (mut counted, mut truth) = (Amounts::default(), [0; 4]);
    let mut spread = Spread::default();
    for number in 0..VISITORS {
        let visitor = seed.visitor(number, None);
        let partition = &mut partitions[visitor.partition(bits) as usize];
        let (events, gap) = events_of(number);
        for event in 0..events as i64 {
            // In the order of their visitors: each visit lasts some minutes, and none has ended at the end.
            let time = (number * 600_000 / VISITORS) as i64 + event * gap * 1_000;
            let moment = Moment {
                time,
                passive: false,
                path: None,
                by: [None; MOST_BY],
            };
            let observed = partition.observe(visitor, &moment, None, i64::MAX, &terms);
            observed.step.additions(observed.weight, |row, amounts| {
                assert_eq!(row, Row::Whole);
                counted = counted.plus(amounts);
            });
            spread = spread.plus(observed.step.spread(observed.weight));
        }
        let time = (events as i64 - 1) * gap * 1_000;
        let visit = [1, i128::from(events == 1), time.into(), events.into()];
        truth
            .iter_mut()
            .zip(visit)
            .for_each(|(sum, one)| *sum += one);
    }
    assert!(partitions.iter().all(|partition| partition.weight() >= 16));
    let squares = [spread.visits, spread.bounces, spread.time, spread.events];
    (sums(&counted), truth, squares.map(|square| square as f64))
}

#[test]
fn beyond_the_capacity_sums_are_within_three_of_the_errors_that_are_named() {
    let mut squares = 0.0;
    let mut figures = 0.0;
    for seed in 1..=5 {
        let (counted, truth, errors) = play(Seed([seed, 99]));
        for ((counted, truth), square) in counted.into_iter().zip(truth).zip(errors) {
            let off = (counted - truth) as f64 / square.sqrt();
            assert!(off.abs() <= 3.0, "{counted}, not {truth}: {off} errors");
            squares += off * off;
            figures += 1.0;
        }
    }
    // The errors are those that are named, and not much smaller.
    let usual = (squares / figures).sqrt();
    assert!((0.4..1.6).contains(&usual), "{usual}");
}
