//! Where the hostile module is, built from `tests/hostile`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// `ANALYTICS_HOSTILE_MODULE` names another library than the one built here.
pub fn hostile_file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| env::var_os("ANALYTICS_HOSTILE_MODULE").map_or_else(build, PathBuf::from))
}

/// In the profile of the tests, which has most of it built.
fn build() -> PathBuf {
    let program = env::current_exe().expect("a running test has a file");
    // <target>/<profile>/deps/<program>
    let profile = program
        .ancestors()
        .nth(2)
        .expect("cargo puts tests three folders deep");
    let target = profile.parent().expect("a profile is in a folder");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--example", "hostile"])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .arg("--target-dir")
        .arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cargo build --example hostile failed"
    );
    profile.join("examples/libhostile.so")
}
