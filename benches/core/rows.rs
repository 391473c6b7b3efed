//! The heavy values of a dimension: a table of 1,000 rows, with values that are known, few or all new.

use analytics_core::bucket::Breakdown;
use analytics_core::event::RowKind;
use analytics_core::sketch::hll::Member;
use analytics_core::text::Text;
use divan::{black_box, counter::ItemsCount, Bencher};
use testkit::Random;

const CAPACITY: usize = 1_000;
const EVENTS: usize = 50_000;

/// How the values of events are chosen.
#[derive(Debug, Clone, Copy)]
enum Values {
    /// All have a row.
    Known,
    /// The heavy ones have: half of the events carry one of a hundred values, the others any of a million.
    Skewed,
    /// None has, ever.
    New,
}

fn values(values: Values) -> Vec<String> {
    let mut random = Random::new(42);
    (0..EVENTS)
        .map(|n| match values {
            Values::Known => format!("/page/{}", random.below(CAPACITY as u64)),
            Values::Skewed if n % 2 == 0 => format!("/page/{}", random.below(100)),
            Values::Skewed => format!("/page/{}", random.below(1_000_000)),
            Values::New => format!("/page/{n}"),
        })
        .collect()
}

#[divan::bench(args = [Values::Known, Values::Skewed, Values::New], sample_count = 20)]
fn record(bencher: Bencher, choice: Values) {
    record_values(bencher, choice, true);
}

#[divan::bench(args = [Values::Known, Values::Skewed, Values::New], sample_count = 20)]
fn record_nousers(bencher: Bencher, choice: Values) {
    record_values(bencher, choice, false);
}

fn record_values(bencher: Bencher, choice: Values, users: bool) {
    let values = values(choice);
    let texts: Vec<Text> = values
        .iter()
        .map(|value| Text::new(value.as_bytes()))
        .collect();
    let full = || {
        let mut breakdown = Breakdown::new(RowKind::Dimension, Text::new(b"page"));
        record_all(&mut breakdown, &texts, users);
        breakdown
    };
    bencher
        .counter(ItemsCount::new(EVENTS))
        .with_inputs(full)
        .bench_local_refs(|breakdown| record_all(breakdown, black_box(&texts), users));
}

fn record_all(breakdown: &mut Breakdown, texts: &[Text], users: bool) {
    for (n, text) in texts.iter().enumerate() {
        let user = Member::of(text.hash ^ (n as u64 % 50));
        breakdown.count(*text, CAPACITY, |tally| {
            tally.count((n % 60) as u8);
            if users {
                tally.insert_user(user);
            }
        });
    }
}
