//! The commands of docs/gateway.md and docs/gateway-live.md, run by the shell as they stand there; and
//! the table of crates, which has all that the gateway depends on.

use crate::gateway::{site, Gateway};
use crate::redis_server::RedisServer;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn page(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(name)).expect("the page is there")
}

/// The lines of the blocks of shell commands, but for those of make, which README's test runs.
fn commands(page: &str) -> Vec<&str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && !line.starts_with("make ") {
            lines.push(line);
        }
    }
    lines
}

/// A shell in which `analytics-gateway` is the binary and Redis the one of the test.
fn run(redis: &RedisServer, line: &str, key: &str) -> String {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_analytics-gateway"));
    let folder = binary.parent().expect("is in a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .args(["-c", line])
        .env("PATH", format!("{folder}:{path}"))
        .env(
            "ANALYTICS_GATEWAY_REDIS__URLS",
            format!("[\"{}\"]", redis.url()),
        )
        .env("ANALYTICS_GATEWAY_ALERTS__SMTP", "smtp://127.0.0.1")
        .env("ANALYTICS_GATEWAY_ALERTS__FROM", "a@example.com")
        .env("KEY", key)
        .output()
        .expect("bash is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said} {error}");
    said
}

#[test]
fn every_command_of_the_gateway_page_does_what_it_says() {
    let redis = RedisServer::start();
    let (key, _) = site(&redis, "demo", &["--public", "true"]);
    let gateway = Gateway::start(&redis);
    let page = page("docs/gateway.md");
    let lines = commands(&page);
    assert!(lines.len() >= 8, "{lines:?}");
    let mut shown = String::new();
    for line in lines {
        let line = line.replace("http://127.0.0.1:8080", &gateway.url());
        // `--remove ID` stands in a comment: the same command with the id that was just listed.
        let said = run(&redis, &line, &key);
        if line.starts_with("curl") {
            let answer: Value = serde_json::from_str(&said).expect("is JSON");
            assert_eq!(answer.get("error"), None, "{line} {answer}");
            shown = said;
        } else if line.contains("site key shop --label till") {
            assert!(said.starts_with("wk_"), "{said}");
        } else if line.contains("site token") {
            assert!(said.starts_with("rt_"), "{said}");
        } else if line.contains("key shop --list") {
            assert!(said.contains("till"), "{said}");
            let id = said.split_whitespace().next().expect("has an id");
            run(
                &redis,
                &format!("analytics-gateway site key shop --remove {id}"),
                &key,
            );
            assert!(!run(&redis, &line, &key).contains("till"));
        }
    }
    let shown: Value = serde_json::from_str(&shown).expect("a question is the last");
    assert_eq!(shown["metrics"]["events"], 1, "{shown}");
    assert!(!run(&redis, "analytics-gateway site list", &key).contains("shop"));
}

#[test]
fn every_command_of_the_live_page_does_what_it_says() {
    let redis = RedisServer::start();
    site(&redis, "shop", &[]);
    let page = page("docs/gateway-live.md");
    let lines = commands(&page);
    assert!(lines.len() >= 5, "{lines:?}");
    let list = "analytics-gateway site alerts shop";
    for line in lines {
        let listed = run(&redis, list, "");
        let id = listed.split_whitespace().next().unwrap_or("none");
        run(&redis, &line.replace("5f1c0a...", id), "");
    }
    let listed = run(&redis, list, "");
    assert_eq!(
        listed.lines().count(),
        2,
        "three were made, one removed: {listed}"
    );
}

#[test]
fn every_crate_of_the_gateway_is_in_the_table_with_its_reason() {
    let manifest = page("gateway/Cargo.toml");
    let mut section = "";
    let mut crates = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if let (true, Some((name, _))) =
            (section.ends_with("dependencies]"), line.split_once(" = "))
        {
            crates.insert(name);
        }
    }
    let page = page("docs/gateway.md");
    let (_, table) = page
        .split_once("\n## Crates\n")
        .expect("the section is there");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let named: BTreeSet<&str> = rows
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(crates.len() > 20, "{crates:?}");
    assert_eq!(crates, named);
}

/// The text about a bench, and the table that it printed.
fn measured<'p>(page: &'p str, heading: &str, bench: &str) -> (String, &'p str) {
    let (_, section) = page.split_once(heading).expect("there is such a section");
    let section = section.split("\n## ").next().unwrap_or(section);
    let marks = [
        format!("<!-- {bench} -->"),
        format!("<!-- end of {bench} -->"),
    ];
    let (before, rest) = section.split_once(&marks[0]).expect("the table begins");
    let (table, after) = rest.split_once(&marks[1]).expect("the table ends");
    (format!("{before}{after}"), table)
}

#[test]
fn figures_of_the_text_are_those_that_the_bench_printed() {
    for (name, heading, bench, least) in [
        ("docs/gateway.md", "## How fast", "load", 1),
        (
            "docs/gateway-live.md",
            "### What listeners cost",
            "listeners",
            0,
        ),
    ] {
        let page = page(name);
        let (text, table) = measured(&page, heading, bench);
        let printed: BTreeSet<&str> = table
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .collect();
        let mut figures = 0;
        // What is wanted is not measured.
        for line in text.lines().filter(|line| !line.starts_with("Goals: ")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            for pair in words.windows(2) {
                let unit = pair[1].trim_end_matches(['.', ',', ':', ';', ')']);
                if ["µs", "ms", "MB"].contains(&unit) {
                    let number = pair[0].trim_start_matches('(');
                    assert!(printed.contains(number), "{name}: {number} {unit}: {line}");
                    figures += 1;
                }
            }
        }
        assert!(figures >= least, "{name}");
        assert!(table.lines().count() > 3, "{name}: {table}");
    }
}
