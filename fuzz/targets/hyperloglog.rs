//! Any bytes as a HyperLogLog string of Redis: refused, or a sketch with an estimate.

#![no_main]

use analytics_core::sketch::hll::Sketch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|string: &[u8]| {
    if let Ok(mut sketch) = Sketch::from_redis(string) {
        assert!(sketch.estimate().is_finite());
        let again = Sketch::from_redis(&sketch.to_redis());
        assert!(again.is_ok_and(|again| again == sketch));
        let mut other = Sketch::new();
        assert!(other.import(&sketch) != sketch.is_empty() && !other.import(&sketch));
        sketch.insert(0x1234_5678_9abc_def0);
        sketch.merge(&sketch.clone());
    }
});
