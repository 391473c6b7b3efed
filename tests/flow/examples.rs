//! The programs of `examples/`: every one runs as it stands, against a server and against a cluster,
//! and all of them print the same.

use std::env;
use std::process::Command;

use testkit::programs::{point_at, prepared, printed, program, run};
use testkit::project::{project_file, target_dir};
use testkit::{Cluster, Server};

const PRINTED: &str = "\
counted 4 of 5 events
3 users in the last 24 hours
events 4, revenue 59.90, p95 latency 132
events by minute add up to 4
top pages: /hats 2 (67%), /shoes 1 (33%)
active in the last 5 minutes: 3
";

/// Runs it against that server twice: it leaves nothing behind that the next run would find.
fn prints_the_same(command: impl Fn() -> Option<Command>) {
    let server = Server::start();
    let cluster = Cluster::of_masters(3);
    let places = [
        (&server, false),
        (&server, false),
        (&cluster.nodes[0], true),
        (&cluster.nodes[1], true),
    ];
    for (server, is_cluster) in places {
        let Some(mut command) = command() else { return };
        point_at(&mut command, server, is_cluster);
        assert_eq!(printed(command), PRINTED, "in a cluster: {is_cluster}");
    }
    assert!(server.connection().keys().is_empty());
}

#[test]
fn redis_py() {
    prints_the_same(|| program("examples/redis_py.py"));
}

#[test]
fn ioredis() {
    prints_the_same(|| program("examples/ioredis.mjs"));
}

#[test]
fn node_redis() {
    prints_the_same(|| program("examples/node_redis.mjs"));
}

#[test]
fn phpredis() {
    prints_the_same(|| program("examples/phpredis.php"));
}

#[test]
fn redis_rs() {
    // There already when every test is run, but not when only these are.
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--example", "redis_rs", "--target-dir"])
        .arg(target_dir())
        .current_dir(project_file(""));
    let built = cargo.status().expect("cargo can be run");
    assert!(built.success(), "the example does not build");
    prints_the_same(|| Some(Command::new(target_dir().join("debug/examples/redis_rs"))));
}

/// The program in Python of the README, and what its comments say that it prints.
fn of_the_readme() -> (String, String) {
    let readme = include_str!("../../README.md");
    let program = readme
        .split_once("```python\n")
        .and_then(|(_, rest)| rest.split_once("```"));
    let (program, _) = program.expect("a program in Python");
    let printed = program.lines().filter(|line| line.starts_with("print("));
    let printed = printed.map(|line| line.split_once("  # ").expect("what it prints").1);
    let printed: Vec<String> = printed.map(|line| format!("{line}\n")).collect();
    (program.to_owned(), printed.concat())
}

#[test]
fn the_snippet_of_the_readme() {
    let Some(python) = prepared("python") else {
        return;
    };
    let server = Server::start();
    let (program, expected) = of_the_readme();
    assert_eq!(program.matches("redis.Redis(").count(), 1);
    let here = format!("redis.Redis(port={}, ", server.port());
    let mut command = Command::new(python);
    command
        .arg("-c")
        .arg(program.replace("redis.Redis(", &here));
    assert_eq!(printed(command), expected);
    assert_eq!(expected.lines().count(), 2);
}

#[test]
fn an_example_without_its_server_says_so() {
    let Some(mut command) = program("examples/redis_py.py") else {
        return;
    };
    command.env("REDIS_PORT", "1");
    let output = run(command);
    assert!(!output.status.success());
}
