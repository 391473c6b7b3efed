//! Any bytes for a bucket: refused, or as good as one that commands made.

#![no_main]
#![allow(dead_code)] // The unit tests use more of what is shared with them.

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use redis_analytics::domain;

#[path = "../../src/hostile/corpus.rs"]
mod corpus;
#[path = "../../src/hostile/use_of_bucket.rs"]
mod use_of_bucket;

use corpus::Kind;
use domain::bucket::Bucket;

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let buckets = corpus::buckets().into_iter();
    buckets.map(|(_, kind, _)| kind).collect()
});

fuzz_target!(|payload: &[u8]| {
    let pages = [payload.to_vec()];
    if let Ok(bucket) = Bucket::decode(&pages) {
        assert!(bucket.encode() == pages);
        let kind = KINDS.iter().find(|kind| bucket.is_of(&kind.period));
        use_of_bucket::check(bucket, kind.unwrap_or(&KINDS[0]));
    }
});
