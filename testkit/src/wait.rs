//! How long anything may take, and waiting for a condition.

use std::thread;
use std::time::{Duration, Instant};

use crate::project::number_from_env;

/// How long one reply, one start or one wait may take. Under valgrind everything takes longer:
/// `ANALYTICS_TEST_TIME_LIMIT` sets it in seconds.
pub fn time_limit() -> Duration {
    Duration::from_secs(number_from_env("ANALYTICS_TEST_TIME_LIMIT", 30))
}

/// Polls a condition until it is true, for at most the time limit.
#[track_caller]
pub fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + time_limit();
    while !is_true() {
        assert!(
            Instant::now() < deadline,
            "waited {:?} in vain until {what}",
            time_limit()
        );
        thread::sleep(Duration::from_millis(5));
    }
}
