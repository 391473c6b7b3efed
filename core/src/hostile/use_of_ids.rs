//! All that may happen to the ids of a site once a payload was accepted for them.

use super::setup::TIME;
use crate::event::Fingerprint;
use crate::ids::RecentIds;
use crate::time::{MAX_TIME, MIN_TIME};

pub fn check(ids: &RecentIds) {
    let before = ids.encode();
    assert!(ids.heap_bytes() > 0 && ids.parts() > 0);
    for now in [MIN_TIME, TIME, MAX_TIME - 1] {
        let mut copy = ids.clone();
        for (n, capacity) in [1, 40, 10_000_000].into_iter().enumerate() {
            let id = Fingerprint::of(&n.to_le_bytes());
            copy.insert(id, now, capacity);
            assert!(copy.contains(id, now));
            assert!(copy.remembered(now) > 0 && copy.since(now).is_some());
            let _ = (copy.expiry(), copy.forgotten());
            let pages = copy.encode();
            assert!(RecentIds::decode(&pages).is_ok_and(|again| again.encode() == pages));
        }
    }
    assert!(ids.encode() == before);
}
