//! The descriptions of the commands: `COMMAND DOCS`, `ANALYTICS.HELP` and docs/commands.md are one text, and
//! the README names each.

use testkit::command_docs::{commands, line};
use testkit::{cmd, Reply, Server};

/// The first column of the table of commands.
fn on_the_page() -> Vec<String> {
    let page = include_str!("../../docs/commands.md");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `ANALYTICS."));
    let lines = rows.map(|row| {
        let (line, _) = row.split_once("` |").expect("a first column");
        format!("ANALYTICS.{}", line.replace("\\|", "|"))
    });
    lines.collect()
}

#[test]
fn the_page_of_commands_equals_command_docs() {
    let server = Server::start();
    let documented = commands(&mut server.connection());
    let mut documented: Vec<String> = documented
        .iter()
        .map(|(name, command)| format!("{name} {}", line(&command.arguments)))
        .collect();
    let mut found = on_the_page();
    documented.sort();
    found.sort();
    assert_eq!(found, documented);
}

#[test]
fn the_readme_names_every_command() {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("\n## Commands\n").expect("is there");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let words = rows.flat_map(|row| row.split('`'));
    let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_uppercase());
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let named: Vec<String> = words
        .filter(|word| is_name(word) && is_word(word))
        .map(|word| format!("ANALYTICS.{word}"))
        .collect();
    let documented = commands(&mut Server::start().connection());
    let mut documented: Vec<String> = documented.into_keys().collect();
    let mut sorted = named.clone();
    sorted.sort();
    documented.sort();
    assert_eq!(sorted, documented);
}

#[test]
fn help_equals_command_docs() {
    let server = Server::start();
    let mut connection = server.connection();
    for resp3 in [false, true] {
        if resp3 {
            connection.hello3();
        }
        let help = connection.run("ANALYTICS.HELP");
        let (title, help) = help.array().split_first().expect("a title");
        assert_eq!(*title, "ANALYTICS.<command> [<arg> ...]. Commands are:");
        let documented = commands(&mut connection);
        assert_eq!(help.len(), 2 * documented.len());
        for (name, command) in &documented {
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

#[test]
fn a_mistyped_word_is_answered_with_the_nearest() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.TRACK shop view ann VAL revenue 1")
        .int();
    for (line, meant) in [
        ("TRACK shop view ann SESION 1", "SESSION"),
        ("MTRACK shop EVNT view ann", "EVENT"),
        ("MTRACK shop EVENT view ann VALL x 1", "VAL"),
        ("MTRACK shop EVENT view ann EVETN view ann", "EVENT"),
        ("CREATE new RETENTON day 5d", "RETENTION"),
        ("CREATE new DIM country NOUSER", "NOUSERS"),
        ("CREATE new RETENTION minuets 5d", "minute"),
        ("CREATE new TZ Europe/Pari", "Europe/Paris"),
        ("ALTER shop STRIKT", "STRICT"),
        ("UNIQUE shop yesteday", "yesterday"),
        ("UNIQUE shop 5min", "5m"),
        ("RANGE shop 24Hours 1hour events", "24h"),
        ("RANGE shop 24h 1hour events", "1h"),
        ("CREATE new RETENTION minute 30days", "30d"),
        ("GET shop lastweek events", "last-week"),
        ("GET shop 1h evnets", "events"),
        ("GET shop 1h revenu", "revenue"),
        ("GET shop 1h revenue:summ", "sum"),
        ("GET shop 1h events:cuont", "count"),
        ("GET shop 1h users:uniqe", "unique"),
        ("RANGE shop 1h atuo events", "auto"),
        ("TOP shop 1h event LIMT 5", "LIMIT"),
        ("TOP shop 1h event BY usres", "users"),
        ("HELP trakc", "track"),
    ] {
        let reply = connection.run(&format!("ANALYTICS.{line}"));
        let end = format!("did you mean {meant}?");
        assert!(reply.error().ends_with(&end), "{line}: {reply:?}");
    }
}

#[test]
fn flags_and_keys_say_what_a_command_does() {
    let server = Server::start();
    let mut connection = server.connection();
    let commands = commands(&mut connection);
    for name in commands.keys() {
        let info = connection.run(&format!("COMMAND INFO {name}"));
        let info = info.at(0);
        let flags = info.at(2).texts();
        let has = |flag: &str| flags.contains(&flag);
        assert!(has("module"));
        if name == "ANALYTICS.HELP" {
            assert!(has("loading") && has("stale") && !has("readonly") && !has("write"));
            continue;
        }
        assert_ne!(has("readonly"), has("write"), "{name}");
        // What only removes is not refused when memory is short.
        let is_removal = ["ANALYTICS.DROP", "ANALYTICS.FORGET"].contains(&name.as_str());
        assert_eq!(has("denyoom"), has("write") && !is_removal, "{name}");
        let keys = info.at(8).array();
        let reads_a_stream = name == "ANALYTICS.REPLAY";
        assert_eq!(keys.len(), 1 + usize::from(reads_a_stream));
        let key_flags = keys[0].get("flags").texts();
        let expected: &[&str] = match (has("readonly"), is_removal) {
            (true, _) => &["RO", "access"],
            (_, true) => &["RW", "delete"],
            _ if ["ANALYTICS.ALERT", "ANALYTICS.LIVE", "ANALYTICS.FUNNEL"].contains(&&name[..]) => {
                &["RW", "access", "update"]
            }
            _ => &["RW", "update"],
        };
        assert_eq!(key_flags, expected, "{name}");
        let words = "x ".repeat(info.at(1).int().unsigned_abs() as usize - 2);
        let keys = connection.run(&format!("COMMAND GETKEYS {name} shop {words}"));
        let expected = ["shop", "x"];
        assert_eq!(
            keys.texts(),
            expected[..1 + usize::from(reads_a_stream)],
            "{name}"
        );
    }
    let is_fast = |name: &str| {
        let info = server.connection().run(&format!("COMMAND INFO {name}"));
        info.at(0).at(2).texts().contains(&"fast")
    };
    assert!(is_fast("ANALYTICS.TRACK"));
    assert!(!is_fast("ANALYTICS.MTRACK") && !is_fast("ANALYTICS.GET"));
}
