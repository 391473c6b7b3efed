//! The tour of the README: every line of it, on a fresh server, replies what stands there. And the
//! README stays short.

use crate::reply::Reply;
use crate::server::Server;

pub const PROMPT: &str = "127.0.0.1:6379> ";

/// The commands of a page with the lines that stand below them.
pub fn commands(page: &str) -> Vec<(String, Vec<String>)> {
    let mut tour: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line.strip_prefix(PROMPT) {
            _ if line.starts_with("```") => inside = !inside,
            Some(command) => tour.push((command.to_owned(), Vec::new())),
            None if inside => {
                if let Some((_, reply)) = tour.last_mut() {
                    reply.push(line.to_owned());
                }
            }
            None => {}
        }
    }
    tour
}

const README: &str = include_str!("../../README.md");

fn tour() -> Vec<(String, Vec<String>)> {
    commands(README)
}

/// As `redis-cli` shows a reply, below `indent`.
pub fn shown(reply: &Reply, indent: usize) -> String {
    match reply {
        Reply::Int(n) => format!("(integer) {n}"),
        Reply::Bulk(bytes) => format!("\"{}\"", String::from_utf8_lossy(bytes)),
        Reply::Simple(text) => text.clone(),
        Reply::Nil => "(nil)".to_owned(),
        Reply::Error(line) => format!("(error) {line}"),
        Reply::Array(items) if items.is_empty() => "(empty array)".to_owned(),
        Reply::Array(items) => {
            let width = items.len().to_string().len();
            let lines = items.iter().zip(1..).map(|(item, number)| {
                format!("{number:>width$}) {}", shown(item, indent + width + 2))
            });
            let lines: Vec<String> = lines.collect();
            lines.join(&format!("\n{:indent$}", ""))
        }
        other => panic!("unexpected in the tour: {other:?}"),
    }
}

/// Times of today, and the order of keys, are another story on every run.
pub fn is_timeless(line: &str) -> bool {
    let number = line.rsplit("(integer) ").next().unwrap_or_default();
    number.len() < 13 && !line.contains('{')
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
