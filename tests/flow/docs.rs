//! Every command line of the documents: those of redis-cli run on a server, those of redis.conf start
//! one, those of a shell name targets and files that there are, no link leads nowhere, and no page uses a
//! word that only the code's authors would understand.
//!
//! A document's lines run in order, on one server of its own. In a block without a language, a line
//! behind the prompt is run and the reply below it compared as in the README's tour; a line that begins
//! with a command's name is run and must not fail. A synopsis (`[...]`) is no command line.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::project::project_file;
use testkit::transcript::{is_timeless, shown, PROMPT};
use testkit::{cmd, Arg, Connection, Reply, Server};

struct Block<'t> {
    language: &'t str,
    lines: Vec<&'t str>,
}

fn documents() -> Vec<PathBuf> {
    let folder = fs::read_dir(project_file("docs")).expect("the documents");
    let files = folder.map(|entry| entry.expect("a file").path());
    let mut files: Vec<PathBuf> = files
        .filter(|file| file.extension().is_some_and(|ending| ending == "md"))
        .collect();
    files.sort();
    files.extend([
        project_file("README.md"),
        project_file("examples/README.md"),
    ]);
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a document in UTF-8")
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(language), None) => {
                open = Some(Block {
                    language,
                    lines: Vec::new(),
                });
            }
            (None, Some(mut block)) => {
                block.lines.push(line);
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

/// The words of a line as redis-cli takes it apart: quotes keep blanks in one word.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "a quote is not closed: {line}");
    words.extend(word);
    words
}

fn run(connection: &mut Connection, line: &str) -> Reply {
    let words = words(line);
    let words: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
    connection.call(&words)
}

fn is_synopsis(line: &str) -> bool {
    line.contains(['[', '|']) || line.contains("...")
}

/// Whether the first word is a command of the server, in capital letters as documents write them.
fn is_command(connection: &mut Connection, line: &str) -> bool {
    let first = line.split(' ').next().unwrap_or_default();
    let is_name = first
        .chars()
        .all(|c| c.is_ascii_uppercase() || ".-_".contains(c));
    is_name && !first.is_empty() && !cmd!(connection, "COMMAND", "INFO", first).at(0).is_nil()
}

/// Runs the lines of a block; what one of them replied that does not stand there.
fn run_lines(connection: &mut Connection, lines: &[&str]) -> Result<(), String> {
    let mut lines = lines.iter().peekable();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix(PROMPT) {
            let reply = run(connection, command);
            let mut expected = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with(PROMPT)) {
                expected.push(*line);
            }
            let is_refused = expected.iter().any(|line| line.starts_with("(error)"));
            if reply.is_error() != is_refused {
                return Err(format!("{command}: {reply:?}"));
            }
            let found = match &reply {
                Reply::Error(line) => format!("(error) {line}"),
                reply => shown(reply, 0),
            };
            let found: Vec<&str> = found.lines().filter(|line| is_timeless(line)).collect();
            expected.retain(|line| is_timeless(line));
            if found != expected {
                return Err(format!("{command}: {found:#?}"));
            }
        } else if is_command(connection, line) && !is_synopsis(line) {
            let reply = run(connection, line);
            if reply.is_error() {
                return Err(format!("{line}: {reply:?}"));
            }
        }
    }
    Ok(())
}

/// The first line of a document that does something else, if the minute has not changed meanwhile.
fn differs(file: &Path) -> Option<Result<(), String>> {
    let server = Server::start();
    let mut connection = server.connection();
    let minute = connection.now() / 60_000;
    let text = read(file);
    let blocks = blocks(&text);
    let mut blocks = blocks
        .iter()
        .filter(|block| ["", "redis"].contains(&block.language));
    let outcome = blocks.try_for_each(|block| run_lines(&mut connection, &block.lines));
    (connection.now() / 60_000 == minute).then_some(outcome)
}

#[test]
fn every_line_for_redis_cli_works() {
    // The README's own are its tour: flow::readme.
    for file in documents()
        .iter()
        .filter(|file| !file.ends_with("README.md"))
    {
        let outcome = std::iter::repeat_with(|| differs(file)).flatten().next();
        assert_eq!(outcome, Some(Ok(())), "{}", file.display());
    }
}

#[test]
fn every_line_for_redis_conf_starts_a_server() {
    for file in documents() {
        for block in blocks(&read(&file)) {
            if block.language != "conf" {
                continue;
            }
            let master = Server::start();
            let mut options = Server::with();
            for line in block.lines {
                let line = line.split(" #").next().unwrap_or_default().trim();
                let Some((name, value)) = line.split_once(' ') else {
                    assert!(line.is_empty(), "{}: {line}", file.display());
                    continue;
                };
                let port = master.port().to_string();
                options = match name {
                    "#" => options,
                    // The module under test, and a master that there is.
                    "loadmodule" => options,
                    "replicaof" => options.config(name, &format!("127.0.0.1 {port}")),
                    _ => options.config(name, value.trim()),
                };
            }
            options.start();
        }
    }
}

/// What `make` and cargo know by name.
fn targets(file: &str, before: &str, after: &str) -> Vec<String> {
    let text = read(&project_file(file));
    let lines = text.lines();
    lines
        .filter_map(|line| line.strip_prefix(before)?.split_once(after))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Looks at a line for a shell, the comment cut off.
fn check_shell_line(line: &str) {
    const TOOLS: [&str; 16] = [
        "analytics-gateway",
        "apt-get",
        "cargo",
        "cp",
        "curl",
        "echo",
        "git",
        "make",
        "npm",
        "pip",
        "redis-cli",
        "redis-server",
        "rustup",
        "sudo",
        "systemctl",
        "tar",
    ];
    for command in line.split("&&").flat_map(|part| part.split("| ")) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let words = words.strip_prefix(&["sudo"]).unwrap_or(&words);
        // VARIABLE=value before the command.
        let start = words.iter().position(|word| !word.contains('='));
        let words = &words[start.unwrap_or(words.len())..];
        match words {
            [] => {}
            ["make", rest @ ..] => {
                let known = targets("Makefile", "", ":");
                for target in rest.iter().filter(|word| !word.contains('=')) {
                    assert!(known.iter().any(|name| name == target), "make {target}");
                }
            }
            ["cargo", "bench", "--bench", name, ..] => {
                let known = targets("Cargo.toml", "name = \"", "\"");
                assert!(known.iter().any(|known| known == name), "{line}");
            }
            [tool, ..] => {
                let is_known =
                    TOOLS.contains(tool) || tool.contains('/') || tool.starts_with("python");
                assert!(is_known, "nothing is known of {tool}: {line}");
            }
        }
        for word in words {
            let path = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '/' && c != '_');
            let ours = [
                "scripts/",
                "examples/",
                "tests/",
                "docs/",
                "core/",
                "src/",
                "benches/",
            ];
            if ours.iter().any(|folder| path.starts_with(folder)) {
                assert!(project_file(path).exists(), "{path}: {line}");
            }
        }
    }
}

#[test]
fn every_line_for_a_shell_names_what_there_is() {
    let mut checked = 0;
    // The lines of the HTTP API are run by the tests of the gateway.
    for file in documents()
        .iter()
        .filter(|file| !file.ends_with("http-api.md"))
    {
        for block in blocks(&read(file)) {
            if ["sh", "bash", "shell", "console"].contains(&block.language) {
                for line in block.lines {
                    let line = line.trim().trim_start_matches("$ ");
                    check_shell_line(line.split('#').next().unwrap_or_default());
                    checked += 1;
                }
            }
        }
    }
    assert!(checked >= 5, "{checked}");
}

/// The place on a page that a link to a heading names.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Every relative link of a page leads to a file that is there, and to a heading that it has. Gives
/// how many there are.
pub fn check_links(file: &Path) -> usize {
    let text = read(file);
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let links: Vec<&str> = links.filter(|link| !link.contains("://")).collect();
    for link in &links {
        let (path, heading) = link.split_once('#').unwrap_or((link, ""));
        let folder = file.parent().expect("a folder");
        let target = match path {
            "" => file.to_owned(),
            path => folder.join(path),
        };
        assert!(target.exists(), "{}: {link}", file.display());
        let headings = |page: String| {
            let lines = page.lines().filter(|line| line.starts_with('#'));
            let lines = lines.map(|line| anchor(line.trim_start_matches('#').trim()));
            lines.collect::<Vec<String>>()
        };
        let is_there = heading.is_empty() || headings(read(&target)).contains(&heading.to_owned());
        assert!(is_there, "{}: {link}", file.display());
    }
    links.len()
}

#[test]
fn no_link_leads_nowhere() {
    for file in documents() {
        check_links(&file);
    }
}

#[test]
fn no_page_uses_a_private_metaphor() {
    const METAPHORS: [&str; 10] = [
        "tray", "trays", "lane", "lanes", "desk", "nest", "news", "settled", "told", "heard",
    ];
    let mut pages = documents();
    pages.extend(["CHANGELOG.md", "redis.conf", "Makefile"].map(project_file));
    for page in pages {
        let text = read(&page).to_lowercase();
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        let found = words.find(|word| METAPHORS.contains(word));
        assert_eq!(found, None, "{}", page.display());
    }
}
