//! `docs/promises.md` names a test for every promise, as one asks for it: `flow::` and a name for
//! `cargo test --test flow`, other names for `cargo test --lib`. Part of both programs, and each looks
//! for its own.

use std::process::Command;

const PAGE: &str = include_str!("../../docs/promises.md");
const IS_FLOW: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"flow");

/// What stands between backticks and is a path.
fn names() -> Vec<&'static str> {
    let spans = PAGE.split('`').skip(1).step_by(2);
    spans
        .filter(|span| span.contains("::") && *span != "flow::")
        .collect()
}

/// All tests of this program.
fn tests() -> String {
    let program = std::env::current_exe().expect("a running test has a file");
    let listed = Command::new(program)
        .args(["--list", "--format", "terse"])
        .output()
        .expect("it lists its tests");
    String::from_utf8(listed.stdout).expect("names are text")
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let tests = tests();
    assert!(tests.lines().count() > 100, "{tests}");
    let mut found = 0;
    for name in names() {
        let name = match (IS_FLOW, name.strip_prefix("flow::")) {
            (true, Some(name)) => name,
            (false, None) => name,
            _ => continue,
        };
        let name = name.trim_end_matches("::");
        let is_it = |test: &str| {
            let path = format!("::{}::", test.trim_end_matches(": test"));
            path.contains(&format!("::{name}::"))
        };
        assert!(tests.lines().any(is_it), "docs/promises.md: no test {name}");
        found += 1;
    }
    assert!(found >= 4, "the page names only {found} tests");
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
