//! Where the module's shared library is: the release build of the sources as they are now.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// `ANALYTICS_MODULE` names another library than the one built here.
pub fn module_file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| env::var_os("ANALYTICS_MODULE").map_or_else(build, PathBuf::from))
}

/// Cargo does not build a library for its tests in release mode; asked for a build that is there
/// already, it answers in a tenth of a second. So no test ever runs against yesterday's module.
fn build() -> PathBuf {
    let program = env::current_exe().expect("a running test has a file");
    // <target>/<profile>/deps/<program>
    let target = program
        .ancestors()
        .nth(3)
        .expect("cargo puts tests three folders deep");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--lib", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cargo build --release --lib failed"
    );
    target.join("release/libredis_analytics.so")
}
