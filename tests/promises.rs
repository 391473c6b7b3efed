//! `docs/promises.md` names a test for every promise, as one asks for it: `flow::` and a name for
//! `cargo test --test flow`, other names for a unit test of a crate of the workspace.

use testkit::project::{cargo, project_file, target_dir};

const PAGE: &str = include_str!("../docs/promises.md");
const FLOW: &str = "flow::";

/// What stands between backticks and is a path.
fn names() -> Vec<&'static str> {
    let spans = PAGE.split('`').skip(1).step_by(2);
    spans
        .filter(|span| span.contains("::") && *span != FLOW)
        .collect()
}

/// The names of all tests of these programs, which cargo has built for this run already.
fn tests(programs: &[&str]) -> Vec<String> {
    let listed = cargo()
        .args(["test", "--quiet", "--workspace"])
        .args(["--exclude", "analytics-gateway", "--manifest-path"])
        .arg(project_file("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_dir())
        .args(programs)
        .args(["--", "--list", "--format", "terse"])
        .output()
        .expect("cargo can be run");
    let errors = String::from_utf8_lossy(&listed.stderr);
    assert!(listed.status.success(), "{errors}");
    let lines = String::from_utf8(listed.stdout).expect("names are text");
    let tests: Vec<String> = lines
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect();
    assert!(tests.len() > 100, "{lines}");
    tests
}

/// Every name is that of a test or of a module of tests.
fn assert_all_exist<'n>(names: impl Iterator<Item = &'n str>, tests: &[String]) {
    let mut found = 0;
    for name in names {
        let wanted = format!("::{}::", name.trim_end_matches("::"));
        let exists = tests
            .iter()
            .any(|test| format!("::{test}::").contains(&wanted));
        assert!(exists, "docs/promises.md: no test {name}");
        found += 1;
    }
    assert!(found >= 4, "the page names only {found} tests");
}

#[test]
fn every_flow_test_that_the_page_names_exists() {
    let names = names();
    let names = names.iter().filter_map(|name| name.strip_prefix(FLOW));
    assert_all_exist(names, &tests(&["--test", "flow"]));
}

#[test]
fn every_unit_test_that_the_page_names_exists() {
    let names = names();
    let names = names.iter().filter(|name| !name.starts_with(FLOW));
    assert_all_exist(names.copied(), &tests(&["--lib", "--bins"]));
}

#[test]
fn every_row_of_the_page_names_a_test() {
    let rows = PAGE.lines().filter(|line| line.starts_with('|'));
    let rows: Vec<&str> = rows
        .filter(|row| !row.starts_with("| promise") && !row.starts_with("|---"))
        .collect();
    assert!(rows.len() > 15, "{rows:?}");
    for row in rows {
        assert!(names().iter().any(|name| row.contains(name)), "{row}");
    }
}
