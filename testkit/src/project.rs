//! The project that is under test: its files, where cargo builds, and the module's shared library.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A file of the project.
pub fn project_file(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// The folder in which cargo builds: `<target>/<profile>/deps/<this program>`.
pub fn target_dir() -> PathBuf {
    let program = env::current_exe().expect("a running test has a file");
    let target = program.ancestors().nth(3);
    target
        .expect("cargo puts tests and benches three folders deep")
        .into()
}

/// The cargo that runs the tests.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Builds what the arguments select of the module's package, optimized: the file of this name under
/// `release`.
pub fn build_release(selection: &[&str], file: &str) -> PathBuf {
    let target = target_dir();
    let status = cargo()
        .args(["build", "--quiet", "--release"])
        .args(selection)
        .arg("--manifest-path")
        .arg(project_file("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cargo build --release {} failed",
        selection.join(" ")
    );
    target.join("release").join(file)
}

/// The module's shared library: the release build of the sources as they are now, unless
/// `ANALYTICS_MODULE` names another file.
///
/// Cargo does not build a library for its tests in release mode. Asked for a build that exists already,
/// it answers in a tenth of a second, so that no test runs against an old module.
pub fn module_file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let build = || build_release(&["--lib"], "libredis_analytics.so");
        env::var_os("ANALYTICS_MODULE").map_or_else(build, PathBuf::from)
    })
}

/// A module that does nothing, for what a call costs without one: `benches/noop`.
pub fn noop_module_file() -> PathBuf {
    build_release(&["--example", "noop"], "examples/libnoop.so")
}

/// The number in this environment variable, or the usual one: `make faults` asks for longer runs.
pub fn number_from_env(variable: &str, usual: u64) -> u64 {
    let number = env::var(variable).ok();
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or(usual)
}
