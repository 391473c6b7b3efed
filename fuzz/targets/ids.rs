//! Any bytes as the stored ids of a site: refused, or ids that commands could have left.

#![no_main]

use analytics_core::hostile::use_of_ids;
use analytics_core::ids::RecentIds;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let pages = [payload.to_vec()];
    if let Ok(ids) = RecentIds::decode(&pages) {
        assert!(ids.encode() == pages);
        use_of_ids::check(&ids);
    }
});
