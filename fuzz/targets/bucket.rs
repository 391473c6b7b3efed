//! Any bytes as a stored bucket: refused, or a bucket that commands could have made.

#![no_main]

use std::sync::LazyLock;

use analytics_core::hostile::{corpus, use_of_bucket};
use libfuzzer_sys::fuzz_target;

use analytics_core::bucket::Bucket;
use corpus::Kind;

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
