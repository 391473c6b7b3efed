//! What the module says of its commands: `COMMAND DOCS`, `ANALYTICS.HELP` and the README's reference
//! are one text.

use crate::documented::{commands, line};
use crate::reply::Reply;
use crate::server::Server;

/// The first column of the README's table of commands.
fn in_the_readme() -> Vec<String> {
    let readme = include_str!("../../README.md");
    let rows = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `ANALYTICS."));
    let lines = rows.map(|row| {
        let (line, _) = row.split_once("` |").expect("a first column");
        format!("ANALYTICS.{}", line.replace("\\|", "|"))
    });
    lines.collect()
}

#[test]
fn the_readme_is_what_the_server_is_told() {
    let server = Server::start();
    let told = commands(&mut server.connection());
    let mut told: Vec<String> = told
        .iter()
        .map(|(name, command)| format!("{name} {}", line(&command.arguments)))
        .collect();
    let mut found = in_the_readme();
    told.sort();
    found.sort();
    assert_eq!(found, told);
}

#[test]
fn help_is_what_the_server_is_told() {
    let server = Server::start();
    let mut connection = server.connection();
    for resp3 in [false, true] {
        if resp3 {
            connection.hello3();
        }
        let help = connection.run("ANALYTICS.HELP");
        let (title, help) = help.array().split_first().expect("a title");
        assert_eq!(*title, "ANALYTICS.<command> [<arg> ...]. Commands are:");
        let told = commands(&mut connection);
        assert_eq!(help.len(), 2 * told.len());
        for (name, command) in &told {
            let syntax = format!("{name} {}", line(&command.arguments));
            let summary = format!("    {}.", command.summary);
            let has = |two: &[Reply]| two[0] == syntax.as_str() && two[1] == summary.as_str();
            assert!(help.chunks(2).any(has), "{syntax}");
            let (_, short) = name.split_once('.').expect("a command of ours");
            for name in [name, &short.to_lowercase()] {
                let help = connection.run(&format!("ANALYTICS.HELP {name}"));
                assert!(has(help.array()), "{help:?}");
            }
        }
    }
}

#[test]
fn help_suggests_the_nearest_command() {
    let server = Server::start();
    let mut connection = server.connection();
    for (word, error) in [
        ("trakc", "ERR there is no command 'trakc'; ANALYTICS.HELP lists all; did you mean track?"),
        ("ANALYTICS.UNIQE", "ERR there is no command 'ANALYTICS.UNIQE'; ANALYTICS.HELP lists all; did you mean unique?"),
        ("xyz", "ERR there is no command 'xyz'; ANALYTICS.HELP lists all"),
    ] {
        assert_eq!(connection.run(&format!("ANALYTICS.HELP {word}")).error(), error);
    }
    let wrong = connection.run("ANALYTICS.HELP track more");
    assert!(wrong.error().contains("wrong number"), "{wrong:?}");
    let bytes = cmd!(connection, "ANALYTICS.HELP", [0u8, 13, 10, 255]);
    assert!(bytes.error().contains("'\\x00\\r\\n\\xff'"), "{bytes:?}");
}
