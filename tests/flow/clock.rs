//! Servers whose clock is wrong: a small library, preloaded, changes what they read.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

#[derive(Clone, Copy)]
pub struct Clock {
    /// Milliseconds before the right one.
    pub ahead: i64,
    /// How many times as fast it runs.
    pub rate: u32,
}

impl Clock {
    pub const RIGHT: Clock = Clock { ahead: 0, rate: 1 };

    pub fn ahead(ahead: i64) -> Clock {
        Clock {
            ahead,
            ..Clock::RIGHT
        }
    }

    pub fn fast(rate: u32) -> Clock {
        Clock {
            rate,
            ..Clock::RIGHT
        }
    }

    pub fn set(self, server: &mut Command) {
        let Clock { ahead, rate } = self;
        if (ahead, rate) != (0, 1) {
            server.env("LD_PRELOAD", library());
            server.env("ANALYTICS_TEST_CLOCK", format!("{ahead} {rate}"));
        }
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
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/flow/clock.c"))
            .arg("-ldl")
            .status();
        assert!(status.is_ok_and(|status| status.success()), "cc failed");
        std::fs::rename(new, &file).expect("the library stays in its folder");
        file
    })
}
