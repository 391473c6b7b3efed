//! Any bytes as a stored partition of visitors: refused, or a partition that commands could have made.

#![no_main]

use analytics_core::hostile::visits::check_partition;
use analytics_core::visitors::Partition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let pages = [payload.to_vec()];
    if let Ok(partition) = Partition::decode(&pages) {
        assert!(partition.encode() == pages);
        check_partition(&partition);
    }
});
