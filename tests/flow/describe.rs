//! What the module says of its commands: `COMMAND DOCS`, `ANALYTICS.HELP` and the README's reference
//! are one text.

use std::collections::BTreeMap;

use crate::client::Connection;
use crate::reply::Reply;
use crate::server::Server;

/// An argument as `COMMAND DOCS` tells of it.
struct Argument {
    name: String,
    kind: String,
    token: Option<String>,
    optional: bool,
    multiple: bool,
    parts: Vec<Argument>,
}

impl Argument {
    fn of(reply: &Reply) -> Argument {
        let fields = reply.fields();
        let field = |name: &str| fields.iter().find(|(field, _)| *field == name);
        let text = |name: &str| field(name).map(|(_, value)| value.text().to_owned());
        let flags = field("flags").map_or(Vec::new(), |(_, flags)| flags.texts());
        Argument {
            name: text("name").expect("a name"),
            kind: text("type").expect("a type"),
            token: text("token"),
            optional: flags.contains(&"optional"),
            multiple: flags.contains(&"multiple"),
            parts: field("arguments").map_or(Vec::new(), |(_, parts)| arguments(parts)),
        }
    }

    fn once(&self) -> String {
        let inner = match self.kind.as_str() {
            "pure-token" => String::new(),
            "block" => line(&self.parts),
            "oneof" => self
                .parts
                .iter()
                .map(Argument::once)
                .collect::<Vec<_>>()
                .join("|"),
            _ => self.name.clone(),
        };
        let words = [self.token.clone().unwrap_or_default(), inner];
        words.join(" ").trim().to_owned()
    }

    fn shown(&self) -> String {
        let once = self.once();
        let head = self.token.as_ref().unwrap_or(&self.name);
        match (self.optional, self.multiple) {
            (false, false) => once,
            (false, true) => format!("{once} [{head} ...]"),
            (true, false) => format!("[{once}]"),
            (true, true) => format!("[{once}]..."),
        }
    }
}

fn arguments(reply: &Reply) -> Vec<Argument> {
    reply.array().iter().map(Argument::of).collect()
}

fn line(arguments: &[Argument]) -> String {
    let shown: Vec<String> = arguments.iter().map(Argument::shown).collect();
    shown.join(" ")
}

/// The commands by their names, as `COMMAND DOCS` tells of them: the line and the summary.
fn documented(connection: &mut Connection) -> BTreeMap<String, (String, String)> {
    let names = connection.run("COMMAND LIST FILTERBY MODULE analytics");
    let described = names.texts().into_iter().map(|name| {
        let docs = connection.run(&format!("COMMAND DOCS {name}"));
        let docs = docs.get(name);
        for field in ["complexity", "since", "arguments"] {
            assert!(
                docs.fields().iter().any(|(it, _)| *it == field),
                "{name}: {field}"
            );
        }
        let line = format!(
            "{} {}",
            name.to_uppercase(),
            line(&arguments(docs.get("arguments")))
        );
        (line, docs.get("summary").text().to_owned())
    });
    let by_name = |(line, summary): (String, String)| {
        let name = line.split(' ').next().unwrap_or_default().to_owned();
        (name, (line, summary))
    };
    described.map(by_name).collect()
}

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
    let mut connection = server.connection();
    let documented = documented(&mut connection);
    let mut expected: Vec<String> = documented.into_values().map(|(line, _)| line).collect();
    let mut found = in_the_readme();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
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
        let help = help.texts();
        assert_eq!(help[0], "ANALYTICS.<command> [<arg> ...]. Commands are:");
        let mut told: Vec<(&str, &str)> = help[1..].chunks(2).map(|two| (two[0], two[1])).collect();
        told.sort();
        let documented = documented(&mut connection);
        let expected: Vec<(String, String)> = documented
            .values()
            .map(|(line, summary)| (line.clone(), format!("    {summary}.")))
            .collect();
        let expected: Vec<(&str, &str)> = expected
            .iter()
            .map(|(line, summary)| (line.as_str(), summary.as_str()))
            .collect();
        let mut sorted = expected.clone();
        sorted.sort();
        assert_eq!(told, sorted);
        for (name, (line, summary)) in &documented {
            let short = name.to_lowercase();
            let short = short.strip_prefix("analytics.").expect("a command of ours");
            for name in [name.as_str(), short] {
                let help = connection.run(&format!("ANALYTICS.HELP {name}"));
                assert_eq!(help.at(0).text(), line);
                assert_eq!(help.at(1).text(), format!("    {summary}."));
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
