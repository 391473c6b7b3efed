//! Where the module that does nothing is, built from `benches/noop`.

use std::env;
use std::path::PathBuf;
use std::process::Command;

pub fn noop_file() -> PathBuf {
    let program = env::current_exe().expect("a running bench has a file");
    // <target>/<profile>/deps/<program>
    let target = program
        .ancestors()
        .nth(3)
        .expect("cargo puts benches three folders deep");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--example", "noop"])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .arg("--target-dir")
        .arg(target)
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cargo build --release --example noop failed"
    );
    target.join("release/examples/libnoop.so")
}
