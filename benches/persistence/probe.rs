//! How long a second client waits for its PING during an action of the server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::Server;

const BETWEEN_PINGS: Duration = Duration::from_micros(100);

/// The longest wait, in milliseconds.
pub fn longest_pause(server: &Server, during: impl FnOnce()) -> f64 {
    let is_over = AtomicBool::new(false);
    let mut connection = server.connection();
    thread::scope(|scope| {
        let probe = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !is_over.load(Ordering::Acquire) {
                let start = Instant::now();
                connection.run("PING");
                longest = longest.max(start.elapsed());
                thread::sleep(BETWEEN_PINGS);
            }
            longest
        });
        // The first PING is sent before the action begins.
        thread::sleep(Duration::from_millis(20));
        during();
        is_over.store(true, Ordering::Release);
        probe.join().expect("the probe ends").as_secs_f64() * 1e3
    })
}
