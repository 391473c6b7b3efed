//! Any bytes as a stored site: refused, or a site that commands could have made.

#![no_main]

use analytics_core::hostile::use_of_site;
use libfuzzer_sys::fuzz_target;

use analytics_core::site::Site;

fuzz_target!(|payload: &[u8]| {
    let pages = [payload.to_vec()];
    if let Ok(site) = Site::decode(&pages) {
        assert!(site.encode() == pages);
        use_of_site::check(&site);
    }
});
