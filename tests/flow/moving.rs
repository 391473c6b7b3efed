//! `docs/moving.md`: every command that stands there replies what stands there.

use testkit::transcript::{commands, shown};
use testkit::{Arg, Server};

/// Words between blanks, or between quotation marks.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(place, part)| match place % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// The first command that replies something else, unless the day has changed meanwhile.
fn differs() -> Option<Result<(), String>> {
    let server = Server::start();
    let mut connection = server.connection();
    let day = connection.now() / 86_400_000;
    let mut differs = Ok(());
    for (command, expected) in commands(include_str!("../../docs/moving.md")) {
        let words = words(&command);
        let words: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        let found = shown(&connection.call(&words), 0);
        if found != expected.join("\n") && differs.is_ok() {
            differs = Err(format!("{command}: {found}"));
        }
    }
    (connection.now() / 86_400_000 == day).then_some(differs)
}

#[test]
fn the_commands_reply_what_stands_there() {
    assert!(commands(include_str!("../../docs/moving.md")).len() >= 10);
    let outcome = std::iter::repeat_with(differs).flatten().next();
    assert_eq!(outcome, Some(Ok(())));
}

#[test]
fn every_option_of_the_script_is_documented() {
    let page = include_str!("../../docs/moving.md");
    let script = include_str!("../../scripts/migrate");
    let options = script.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("add(\"")?;
        rest.split('"').next()
    });
    let options: Vec<&str> = options.collect();
    assert!(options.len() > 5, "{options:?}");
    for option in options {
        assert!(page.contains(option), "{option}");
    }
}
