//! Whole buckets: what an event costs in one, and its stored form.

use analytics_core::bucket::Bucket;
use analytics_core::event::{Facet, ResolvedEvent, RowKind, EVENT};
use analytics_core::hash::hash;
use analytics_core::sketch::hll::Member;
use analytics_core::sketch::Number;
use analytics_core::text::Text;
use analytics_core::time::{Granularity, Zone};
use divan::{black_box, counter::BytesCount, Bencher};
use testkit::Random;

const NOW: i64 = 1_733_927_412_345;
const CAPACITY: usize = 1_000;

#[derive(Debug, Clone, Copy)]
enum Content {
    OneUser,
    /// 500 users at the site's level.
    Sparse,
    /// 10,000 users at the site's level.
    Dense,
    /// 500 users, 80 rows with users, two values.
    Rich,
}

const CONTENTS: [Content; 4] = [
    Content::OneUser,
    Content::Sparse,
    Content::Dense,
    Content::Rich,
];

impl Content {
    fn users(self) -> u64 {
        match self {
            Content::OneUser => 1,
            Content::Sparse | Content::Rich => 500,
            Content::Dense => 10_000,
        }
    }

    fn bucket(self) -> Bucket {
        let period = Zone::UTC
            .period(Granularity::Hour, NOW)
            .expect("an hour of the calendar");
        let mut bucket = Bucket::new(&period);
        let mut random = Random::new(42);
        for user in 0..self.users() {
            record(
                &mut bucket,
                &mut random,
                user,
                matches!(self, Content::Rich),
            );
        }
        bucket
    }
}

fn record(bucket: &mut Bucket, random: &mut Random, user: u64, is_rich: bool) {
    let words = [10, 20, 50].map(|values| format!("value{}", random.below(values)));
    let [kind, country, page] = words.each_ref().map(|word| Text::new(word.as_bytes()));
    let facet = |kind, name, value| Facet {
        kind,
        name,
        value,
        users: is_rich,
        capacity: 0,
    };
    let facets = [
        facet(
            RowKind::Event,
            EVENT,
            if is_rich { kind } else { Text::new(b"view") },
        ),
        facet(RowKind::Dimension, Text::new(b"country"), country),
        facet(RowKind::Dimension, Text::new(b"page"), page),
    ];
    let names = [Text::new(b"revenue"), Text::new(b"latency")];
    let numbers = [
        Number::of(random.below(10_000) as f64 / 100.0),
        Number::of(random.below(1_000) as f64),
    ];
    let occurrence = ResolvedEvent {
        counts_people: false,
        seen: None,
        user: Member::of(hash(format!("user{user}").as_bytes())),
        session: None,
        facets: if is_rich { &facets } else { &facets[..1] },
        names: if is_rich { &names } else { &[] },
        numbers: if is_rich { &numbers } else { &[] },
    };
    bucket.count_alone(&occurrence, (user % 60) as u8, CAPACITY);
}

/// An event of a user and rows that are in the bucket.
#[divan::bench(args = CONTENTS)]
fn record_event(bencher: Bencher, content: Content) {
    let mut bucket = content.bucket();
    let facets = [Facet {
        kind: RowKind::Event,
        name: EVENT,
        value: Text::new(b"view"),
        users: true,
        capacity: 0,
    }];
    let occurrence = ResolvedEvent {
        counts_people: false,
        seen: None,
        user: Member::of(hash(b"user0")),
        session: None,
        facets: &facets,
        names: &[],
        numbers: &[],
    };
    bencher.bench_local(|| bucket.count_alone(black_box(&occurrence), 7, CAPACITY));
}

fn bytes_of(bucket: &Bucket) -> usize {
    size_of::<Bucket>() + bucket.heap_bytes()
}

/// Bytes are those of the bucket in memory.
#[divan::bench(args = CONTENTS)]
fn encode(bencher: Bencher, content: Content) {
    let bucket = content.bucket();
    let bencher = bencher.counter(BytesCount::new(bytes_of(&bucket)));
    bencher.bench(|| black_box(&bucket).encode());
}

#[divan::bench(args = CONTENTS)]
fn decode(bencher: Bencher, content: Content) {
    let bucket = content.bucket();
    let pages = bucket.encode();
    let bencher = bencher.counter(BytesCount::new(bytes_of(&bucket)));
    bencher.bench(|| Bucket::decode(black_box(&pages)));
}

#[divan::bench(args = CONTENTS)]
fn drop(bencher: Bencher, content: Content) {
    let bucket = content.bucket();
    bencher
        .with_inputs(|| bucket.clone())
        .bench_values(std::mem::drop);
}
