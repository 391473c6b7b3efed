//! Every figure of the README is that of the page that it comes from.
//!
//! The rows of its tables are rows of `docs/speed.md`. A figure in a sentence stands between two texts,
//! and its page says the same between two texts of its own. A number that is neither is a failure, and so
//! is a number that differs.

const README: &str = include_str!("../../README.md");
const SPEED: &str = include_str!("../../docs/speed.md");

/// Rows of the README's table of events, and the row of the page that each is.
const EVENTS: [(&str, &str); 8] = [
    ("`PFADD` alone", "PFADD"),
    (
        "the pipeline that the module replaces",
        "pipeline: 3 PFADD, 3 EXPIRE, 3 HINCRBY",
    ),
    ("`TRACK site event user`", "TRACK, 3 arguments"),
    (
        "`TRACK ... AT ms DIM country FR`",
        "TRACK, 8 arguments: AT DIM",
    ),
    (
        "the same, on 1,000 sites at random",
        "TRACK, 8, on 1000 sites",
    ),
    (
        "`TRACK ... AT ms DIM country FR`, `appendonly yes`",
        "TRACK, 8, appendonly",
    ),
    ("`MTRACK` of 100 events", "MTRACK 100"),
    (
        "`TRACKJSON` of 100 events, 3 dimensions and 2 values each",
        "TRACKJSON 100: AT, 3 DIM, 2 VAL",
    ),
];

/// Numbers of the README that nothing measures or sets.
const NO_FIGURES: [&str; 1] = ["users in the last 24 hours"];

/// How many users the sketches have whose union the README speaks of.
const UNION_OF: &str = "50000";

/// What stands between two texts, each time that a number does.
pub fn between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    let ends = text
        .match_indices(before)
        .map(|(at, _)| &text[at + before.len()..]);
    let numbers = ends.filter_map(|rest| {
        let number = number_at_start(rest);
        (!number.is_empty() && rest[number.len()..].starts_with(after)).then_some(number)
    });
    numbers.collect()
}

fn number_at_start(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.');
    text[..end.unwrap_or(text.len())].trim_end_matches([',', '.'])
}

fn plain(number: &str) -> String {
    number.replace(',', "")
}

/// The part of the page that a bench prints.
pub fn part<'t>(page: &'t str, bench: &str) -> &'t str {
    let (_, rest) = page
        .split_once(&format!("<!-- {bench} -->"))
        .expect("the bench is on the page");
    let (part, _) = rest
        .split_once(&format!("<!-- end of {bench} -->"))
        .expect("it has an end");
    part
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// The row of a table whose first cell is this.
pub fn row<'t>(part: &'t str, label: &str) -> Option<Vec<&'t str>> {
    let rows = part.lines().filter(|line| line.starts_with('|')).map(cells);
    rows.into_iter().find(|cells| cells[0] == label)
}

/// The median of a row of the bench "core", with its unit: the third of four times.
fn median(page: &str, bench: &str, argument: &str) -> String {
    let part = part(page, "core");
    let of = |line: &str, name: &str| line.split_whitespace().any(|word| word == name);
    let mut lines = part.lines().skip_while(|line| !of(line, bench));
    let line = lines
        .find(|line| of(line, argument))
        .expect("a row of the bench");
    let words: Vec<&str> = line.split_whitespace().collect();
    let times = words
        .windows(2)
        .filter(|two| ["ns", "µs", "ms"].contains(&two[1]));
    times.map(|two| two.join(" ")).nth(2).expect("a median")
}

/// A figure of a sentence: the texts around it, and what it should be.
struct Claim {
    before: &'static str,
    after: &'static str,
    expected: String,
}

fn claims(speed: &str) -> Vec<Claim> {
    let reference = include_str!("../../docs/reference.md");
    let settings = include_str!("../../redis.conf");
    let setup = include_str!("../../scripts/setup");
    let package = include_str!("../../Cargo.toml");
    let claim = |before, after, page: &str, page_before: &str, page_after: &str| {
        let found = between(page, page_before, page_after);
        assert_eq!(found.len(), 1, "{page_before}: {found:?}");
        Claim {
            before,
            after,
            expected: plain(found[0]),
        }
    };
    let union = |after, bench| Claim {
        before: if bench == "union" {
            "takes "
        } else {
            " here and "
        },
        after,
        expected: median(speed, bench, UNION_OF)
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    vec![
        claim(
            "rustup.rs) ",
            " or later",
            package,
            "rust-version = \"",
            "\"",
        ),
        Claim {
            before: "server of Redis ",
            after: " or later",
            expected: format!("{}.0", between(setup, "oldest_redis=", "\n").concat()),
        },
        claim(
            "near exact up to ",
            " users",
            reference,
            "hash collisions up to ",
            " users",
        ),
        claim(
            "standard error of ",
            " % beyond",
            reference,
            "standard error of ",
            " % beyond",
        ),
        claim(
            "Percentiles are within ",
            " %",
            reference,
            "Percentiles are within ",
            " %",
        ),
        claim(
            "A dimension keeps ",
            " values a bucket",
            settings,
            "\nanalytics.dimension-capacity ",
            "\n",
        ),
        claim(
            "AMD EPYC, Redis ",
            ", pipelined",
            include_str!("../../docs/alerts.md"),
            "AMD EPYC, Redis ",
            ")",
        ),
        claim(
            "question, a site of ",
            " users",
            speed,
            "\nA site of ",
            " users",
        ),
        claim(
            "one event of one user takes ",
            " bytes",
            speed,
            "| as sites are by default | ",
            " |",
        ),
        claim(
            "A site of ",
            " users a day takes",
            speed,
            "| a site of ",
            " users a day, retention full",
        ),
        Claim {
            before: "users a day takes ",
            after: " MB at site level",
            expected: row(
                part(speed, "memory"),
                "site level, one event a user and day",
            )
            .expect("a row")[6]
                .to_owned(),
        },
        Claim {
            before: "A union at ",
            after: " users",
            expected: UNION_OF.to_owned(),
        },
        union(" ns here", "union"),
        union(" µs there", "union_hyperloglogplus"),
    ]
}

/// Where a number begins and how it reads, in text that is no code, no link and no row of a command.
fn numbers(readme: &str) -> Vec<(usize, &str)> {
    let (mut numbers, mut at, mut is_code) = (Vec::new(), 0, false);
    for line in readme.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if line.starts_with("```") {
            is_code = !is_code;
        }
        if is_code || line.starts_with("```") || line.starts_with("| `ANALYTICS.") {
            continue;
        }
        let (mut is_span, mut is_link, mut last, mut skip) = (false, false, ' ', 0);
        for (place, c) in line.char_indices() {
            match c {
                '`' => is_span = !is_span,
                '(' if last == ']' => is_link = true,
                ')' => is_link = false,
                _ => {}
            }
            let is_start = c.is_ascii_digit() && !last.is_ascii_alphanumeric() && place >= skip;
            if is_start && !is_span && !is_link {
                let number = number_at_start(&line[place..]);
                skip = place + number.len();
                numbers.push((start + place, number));
            }
            last = c;
        }
    }
    numbers
}

/// What a row of the README's tables should say behind its label; none of a row that is no measurement.
fn expected(label: &str, speed: &str) -> Option<Option<Vec<String>>> {
    let texts = |cells: Vec<&str>| {
        cells
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<String>>()
    };
    let question = || {
        let words = label.strip_prefix('`')?.strip_suffix('`')?;
        let (command, rest) = words.split_once(' ').unwrap_or((words, ""));
        Some(format!("{command} site {rest}").trim().to_owned())
    };
    if let Some((_, name)) = EVENTS.iter().find(|(shown, _)| *shown == label) {
        let found = row(part(speed, "load"), name);
        return Some(found.map(|cells| texts(vec![cells[1], cells[3], cells[4]])));
    }
    if let Some(keys) = label.strip_prefix("`PFCOUNT` of ") {
        let found = row(part(speed, "queries"), keys);
        return Some(found.map(|cells| texts(vec![cells[2]])));
    }
    let found = row(part(speed, "queries"), &question()?);
    Some(found.map(|cells| texts(vec![cells[1]])))
}

/// Every figure of the README that is not what its page says.
fn differences(readme: &str, speed: &str) -> Vec<String> {
    let mut differences = Vec::new();
    let mut known: Vec<(usize, usize)> = Vec::new();
    let mut note = |at: usize, length: usize| known.push((at, at + length));
    for claim in claims(speed) {
        let found = between(readme, claim.before, claim.after);
        match found[..] {
            [number] => {
                note(
                    number.as_ptr() as usize - readme.as_ptr() as usize,
                    number.len(),
                );
                if plain(number) != claim.expected {
                    let (before, expected) = (claim.before, claim.expected);
                    differences.push(format!("'{before}{number}': its page says {expected}"));
                }
            }
            _ => differences.push(format!(
                "'{}' stands there {} times",
                claim.before,
                found.len()
            )),
        }
    }
    for text in NO_FIGURES {
        for (at, text) in readme.match_indices(text) {
            note(at, text.len());
        }
    }
    let speed_section = readme.split_once("\n## Speed").map_or("", |(_, rest)| rest);
    let tables = speed_section.split("\n## ").next().unwrap_or_default();
    for line in tables.lines().filter(|line| line.starts_with("| ")) {
        let found = cells(line);
        let is_head = ["per event"].contains(&found[0]) || found[0].starts_with("question,");
        if is_head {
            continue;
        }
        let at = line.as_ptr() as usize - readme.as_ptr() as usize;
        let expected = expected(found[0], speed).flatten();
        let shown: Vec<String> = found[1..].iter().map(|cell| plain(cell)).collect();
        match expected {
            Some(expected) if expected == shown => note(at, line.len()),
            Some(expected) => {
                note(at, line.len());
                differences.push(format!("{}: docs/speed.md says {expected:?}", found[0]));
            }
            None => differences.push(format!("{}: no such row in docs/speed.md", found[0])),
        }
    }
    for (at, number) in numbers(readme) {
        if !known.iter().any(|(from, to)| (*from..*to).contains(&at)) {
            let line = readme[at..].lines().next().unwrap_or_default();
            differences.push(format!("{number}: no page is named for '{line}'"));
        }
    }
    differences
}

/// The text with the digit at this place made another one.
pub fn mutated(text: &str, at: usize) -> String {
    let other = if text[at..].starts_with('7') {
        "3"
    } else {
        "7"
    };
    [&text[..at], other, &text[at + 1..]].concat()
}

#[test]
fn every_figure_of_the_readme_is_that_of_its_page() {
    let none: [String; 0] = [];
    assert_eq!(differences(README, SPEED), none);
}

#[test]
fn a_figure_that_is_changed_in_the_readme_is_found() {
    let numbers: Vec<usize> = numbers(README).into_iter().map(|(at, _)| at).collect();
    assert!(numbers.len() > 40, "{numbers:?}");
    assert!(differences(README, SPEED).is_empty());
    let all_of = NO_FIGURES.map(|text| README.find(text).map(|at| at..at + text.len()));
    for at in numbers {
        if all_of.iter().flatten().any(|place| place.contains(&at)) {
            continue;
        }
        let line = README[at..].lines().next().unwrap_or_default();
        assert!(
            !differences(&mutated(README, at), SPEED).is_empty(),
            "{line}"
        );
    }
}

#[test]
fn a_figure_that_is_measured_anew_is_found() {
    let figures = EVENTS.map(|(_, name)| format!("| {name} | "));
    let more = [
        "| UNIQUE site 24h | ",
        "| DASHBOARD site | ",
        "| as sites are by default | ",
    ];
    let starts = figures.iter().map(String::as_str).chain(more);
    for start in starts {
        let part = if more[2] == start { "memory" } else { "load" };
        let part = if more[..2].contains(&start) {
            "queries"
        } else {
            part
        };
        let from = SPEED
            .find(&format!("<!-- {part} -->"))
            .expect("the bench is on the page");
        let at = SPEED[from..].find(start).expect("a row") + from + start.len();
        assert_eq!(differences(README, &mutated(SPEED, at)).len(), 1, "{start}");
    }
}

/// What `scripts/page-speed` wrote into the page of the page is within the limits that it measures with,
/// and the page names these limits.
#[test]
fn the_page_is_as_quick_as_its_limits_say() {
    let page = include_str!("../../docs/page.md");
    let script = include_str!("../../scripts/page-speed");
    let limit = |name: &str| {
        let after = if name == "share" { "}" } else { "," };
        let found = between(script, &format!("\"{name}\": "), after);
        assert_eq!(found.len(), 1, "{name}");
        plain(found[0]).parse::<f64>().expect("a number")
    };
    let (first, all, share) = (limit("first"), limit("all"), 100.0 * limit("share"));
    let named = between(page, "the limits are ", " ms");
    assert_eq!(named, [first.to_string()]);
    assert_eq!(
        plain(between(page, "300 ms, ", " ms and")[0]),
        all.to_string()
    );
    assert_eq!(between(page, "ms and ", " %"), [share.to_string()]);
    let part = part(page, "page-speed");
    for (label, unit, most) in [
        ("first contentful paint of a first visit", " ms", first),
        ("all panels of a first visit", " ms", all),
        ("first contentful paint", " ms", first),
        ("all panels of the last 28 days", " ms", all),
        ("all panels of the last 12 months", " ms", all),
        ("50 open pages, of a core of the gateway", " %", share),
    ] {
        let row = row(part, label).expect(label);
        let number = row[1].strip_suffix(unit).expect(label);
        let number: f64 = plain(number).parse().expect("a number");
        assert!(0.0 < number && number < most, "{label}: {number}");
    }
    let users = between(part, "a site of ", " users");
    let users: f64 = plain(users[0]).parse().expect("a number");
    assert!(users > 950_000.0, "{users}");
}

/// The rows of the page about visits that are rows of the bench, and those that are not.
fn rows_of_visits(visits: &str, speed: &str) -> (Vec<String>, Vec<String>) {
    let (_, section) = visits
        .split_once("## What it costs")
        .expect("the page has a section about it");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    let measured: Vec<&str> = part(speed, "visits").lines().collect();
    rows.map(str::to_owned)
        .partition(|row| measured.contains(&row.as_str()))
}

#[test]
fn every_figure_of_the_page_about_visits_is_one_of_the_bench() {
    let visits = include_str!("../../docs/visits.md");
    let (same, others) = rows_of_visits(visits, SPEED);
    assert!(same.len() > 12, "{same:?}");
    let none: [String; 0] = [];
    assert_eq!(others, none);
    // A figure that is measured anew is found, in each row.
    let figures = { same.iter() }.filter(|row| row.contains(|c: char| c.is_ascii_digit()));
    for row in figures {
        let from = SPEED.find("<!-- visits -->").expect("the bench is there");
        let at = SPEED[from..].find(row.as_str()).expect("the row") + from;
        let digit = row.rfind(|c: char| c.is_ascii_digit()).expect("a digit");
        let (_, others) = rows_of_visits(visits, &mutated(SPEED, at + digit));
        assert!(!others.is_empty(), "{row}");
    }
}
