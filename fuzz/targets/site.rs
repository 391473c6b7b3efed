//! Any bytes for a site: refused, or as good as one that commands made.

#![no_main]
#![allow(dead_code)] // The unit tests use more of what is shared with them.

use libfuzzer_sys::fuzz_target;
use redis_analytics::domain;

#[path = "../../src/hostile/corpus.rs"]
mod corpus;
#[path = "../../src/hostile/use_of_site.rs"]
mod use_of_site;

use domain::site::Site;

fuzz_target!(|payload: &[u8]| {
    let pages = [payload.to_vec()];
    if let Ok(site) = Site::decode(&pages) {
        assert!(site.encode() == pages);
        use_of_site::check(&site);
    }
});
