//! Servers whose clock is wrong: a small library, preloaded, shifts what they read.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// How many milliseconds a server's clock is ahead of the right one.
#[derive(Clone, Copy, Default)]
pub struct Clock(i64);

impl Clock {
    pub fn ahead(milliseconds: i64) -> Clock {
        Clock(milliseconds)
    }

    pub fn set(self, server: &mut Command) {
        if self.0 != 0 {
            server.env("LD_PRELOAD", library());
            server.env("ANALYTICS_TEST_CLOCK", self.0.to_string());
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
