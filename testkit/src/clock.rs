//! Servers whose clock is wrong: a small library, preloaded, changes what they read.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use crate::server::is_valkey;

#[derive(Clone, Copy)]
pub struct Clock {
    /// Milliseconds ahead of the right time.
    pub ahead: i64,
    /// How many times as fast it runs.
    pub rate: u32,
}

impl Clock {
    pub const REAL: Clock = Clock { ahead: 0, rate: 1 };

    pub fn ahead(ahead: i64) -> Clock {
        Clock {
            ahead,
            ..Clock::REAL
        }
    }

    pub fn fast(rate: u32) -> Clock {
        Clock {
            rate,
            ..Clock::REAL
        }
    }

    pub fn set(self, server: &mut Command) {
        let (ahead, rate) = (self.ahead + all_ahead(), self.rate);
        if (ahead, rate) != (0, 1) {
            server.env("LD_PRELOAD", library());
            server.env("ANALYTICS_TEST_CLOCK", format!("{ahead} {rate}"));
        }
    }
}

/// By how much every server's clock is ahead, in milliseconds; `ANALYTICS_TEST_AHEAD` says it in seconds. For
/// a look at the tests in another hour of the day or on another day of the year.
fn all_ahead() -> i64 {
    static AHEAD: OnceLock<i64> = OnceLock::new();
    *AHEAD.get_or_init(|| {
        let seconds = std::env::var("ANALYTICS_TEST_AHEAD").unwrap_or_default();
        1_000 * seconds.parse::<i64>().unwrap_or(0)
    })
}

/// A clock that stands still until a test moves it, for as many servers as it is given to.
pub struct ManualClock {
    file: PathBuf,
    now: i64,
}

impl ManualClock {
    /// At the right time.
    pub fn new() -> ManualClock {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("analytics-clock-{}-{number}", std::process::id());
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut clock = ManualClock {
            file: std::env::temp_dir().join(name),
            now: since_epoch.expect("a time after 1970").as_millis() as i64 + all_ahead(),
        };
        std::fs::write(&clock.file, [0; 8]).expect("the temporary folder can be written to");
        clock.set(clock.now);
        clock
    }

    pub fn now(&self) -> i64 {
        self.now
    }

    pub fn set(&mut self, now: i64) {
        self.now = now;
        // In place: the servers have the file in their memory.
        let file = OpenOptions::new().write(true).open(&self.file);
        let written = file.and_then(|mut file| file.write_all(&now.to_le_bytes()));
        written.expect("the file of a clock can be written to");
        if is_valkey() {
            // It reads the clock every few milliseconds, and counts on by the processor's meanwhile.
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    pub fn step(&mut self, millis: i64) {
        self.set(self.now + millis);
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    pub fn apply_to(file: &Path, server: &mut Command) {
        server.env("LD_PRELOAD", library());
        server.env("ANALYTICS_TEST_CLOCK_FILE", file);
    }
}

impl Default for ManualClock {
    fn default() -> ManualClock {
        ManualClock::new()
    }
}

impl Drop for ManualClock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn library() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let program = std::env::current_exe().expect("a running test has a file");
        let file = program.with_file_name("clock.so");
        // Another run of the tests may be making it as well: the last one stays.
        let new = program.with_file_name(format!("clock.{}.so", std::process::id()));
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&new)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/clock.c"))
            .arg("-ldl")
            .status();
        assert!(status.is_ok_and(|status| status.success()), "cc failed");
        std::fs::rename(new, &file).expect("the library stays in its folder");
        file
    })
}
