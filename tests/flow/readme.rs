//! The tour of the README: every line of it, on a fresh server, replies what stands there. And the
//! README stays short.

use testkit::transcript::{commands, is_timeless, shown};
use testkit::{cmd, Reply, Server};

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

/// A reply in RESP3, as `redis-cli --json` shows it.
fn json(reply: &Reply) -> String {
    let list = |items: &[Reply]| items.iter().map(json).collect::<Vec<_>>().join(",");
    match reply {
        Reply::Int(number) => number.to_string(),
        Reply::Double(number) => number.to_string(),
        Reply::Bulk(bytes) => format!("\"{}\"", String::from_utf8_lossy(bytes)),
        Reply::Array(items) => format!("[{}]", list(items)),
        Reply::Map(_) => {
            let fields = reply.fields();
            let fields = fields
                .iter()
                .map(|(name, value)| format!("\"{name}\":{}", json(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        other => panic!("unexpected: {other:?}"),
    }
}

#[test]
fn what_explain_says_of_an_interpolated_answer_stands_there() {
    let server = Server::start();
    let mut connection = server.connection();
    let of_past = tour().into_iter().map(|(command, _)| command);
    for command in of_past.filter(|command| command.contains(" past ")) {
        assert!(!connection.run(&command).is_error(), "{command}");
    }
    let (_, rest) = README
        .split_once("`ANALYTICS.EXPLAIN past ")
        .expect("the tour explains");
    let (window, rest) = rest.split_once('`').expect("a window");
    let (_, rest) = rest.split_once("```json\n").expect("JSON");
    let (shown, _) = rest.split_once("\n```").expect("its end");
    connection.hello3();
    let explained = cmd!(connection, "ANALYTICS.EXPLAIN", "past", window);
    assert_eq!(json(&explained), shown);
}
