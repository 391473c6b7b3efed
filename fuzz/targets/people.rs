//! Any bytes as a stored partition of people and funnels: refused, or a partition that commands could have made.

#![no_main]

use analytics_core::hostile::{funnels, people};
use analytics_core::people::People;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let pages = [payload.to_vec()];
    if let Ok(partition) = People::decode(&pages) {
        assert!(partition.encode() == pages);
        people::check_partition(&partition);
        funnels::check_partition(&partition);
    }
});
