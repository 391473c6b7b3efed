//! The tour of the README: every line of it, on a fresh server, replies what stands there. And the
//! README stays short.

use testkit::transcript::{commands, is_timeless, shown};
use testkit::Server;

const README: &str = include_str!("../../README.md");

fn tour() -> Vec<(String, Vec<String>)> {
    commands(README)
}

/// The first line of the tour that replies something else, if the minute has not changed meanwhile.
fn differs() -> Option<Result<(), String>> {
    let server = Server::start();
    let mut connection = server.connection();
    let minute = connection.now() / 60_000;
    let mut differs = Ok(());
    for (command, expected) in tour() {
        let reply = connection.run(&command);
        assert!(!reply.is_error(), "{command}: {reply:?}");
        if command.starts_with("KEYS") {
            assert_eq!(reply.array().len(), expected.len());
            continue;
        }
        let found = shown(&reply, 0);
        let found: Vec<&str> = found.lines().filter(|line| is_timeless(line)).collect();
        let expected: Vec<&String> = expected.iter().filter(|line| is_timeless(line)).collect();
        if found != expected && differs.is_ok() {
            differs = Err(format!("{command}: {found:#?}"));
        }
    }
    (connection.now() / 60_000 == minute).then_some(differs)
}

#[test]
fn the_tour_replies_what_stands_there() {
    assert!(tour().len() >= 18);
    let outcome = std::iter::repeat_with(differs).flatten().next();
    assert_eq!(outcome, Some(Ok(())));
}

#[test]
fn the_readme_has_at_most_1800_words() {
    let words = README.split_whitespace().count();
    assert!(words <= 1_800, "{words}");
}
