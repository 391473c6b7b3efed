//! A command accepts every form of its arguments that `COMMAND DOCS` describes, and no other option.

use std::collections::BTreeSet;

use testkit::command_docs::{commands, Argument, Command};
use testkit::{Arg, Connection, Reply, Server};

type Words = Vec<Vec<u8>>;

/// A word for an argument; a second one for an argument that is given again.
fn word(token: &str, name: &str, again: bool) -> Vec<u8> {
    let [first, second] = match (token, name) {
        (_, "site") => ["shop"; 2],
        ("AFTER", "id") => ["0-0"; 2],
        (_, "key") => ["restored"; 2],
        (_, "event") => ["view", "buy"],
        (_, "user" | "id" | "value") => ["ann", "bob"],
        ("AT", "ms") => ["2024-12-11T14:31:07Z", "1733927467000"],
        ("WHERE", "dimension") => ["event", "device"],
        ("PATH" | "BY", "dimension") => ["page", "section"],
        ("DIM", "name") | (_, "dimension") => ["country", "plan"],
        ("VAL", "name") => ["price", "size"],
        ("SET" | "DEL" | "GET" | "TEST" | "PAUSE" | "RESUME", "name") => ["busy"; 2],
        (_, "op") => [">"; 2],
        (_, "threshold") => ["5"; 2],
        (_, "word") => ["page"; 2],
        (_, "every") | ("EVERY", "duration") => ["1h"; 2],
        (_, "number") => ["9.99", "-1"],
        (_, "zone") => ["Europe/Paris"; 2],
        (_, "granularity") => ["hour", "day"],
        (_, "duration" | "age") => ["9d"; 2],
        (_, "a,b[,c[,d]]") => ["event,country", "event,country,plan"],
        ("VISITS", "timeout") => ["30m"; 2],
        ("RETURNING", "horizon") => ["90d"; 2],
        ("EXCLUDE", "condition") => ["event=refund", "event=logout"],
        // No two steps are alike: `call` makes them differ.
        ("STEP", "condition") => ["event=view"; 2],
        (_, "day" | "first-day") => ["2024-07-04"; 2],
        (_, "visitors") => ["50"; 2],
        (_, "stream") => ["log"; 2],
        (_, "rows" | "n" | "maxlen" | "count") => ["50"; 2],
        (_, "window") => ["24h"; 2],
        (_, "step") => ["1h"; 2],
        (_, "metric") => ["events", "users"],
        (_, "command") => ["track"; 2],
        (_, "time") => ["now"; 2],
        (_, "json") => [r#"{"event":"view","user_id":"ann"}"#; 2],
        // Sparse, and none of its registers is set: XZERO of all 16,384.
        (_, "hll") => return b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff".into(),
        ("SITE", "page") => return include_bytes!("../golden/site-v1-plain.bin").into(),
        ("IDS", "page") => return include_bytes!("../golden/ids-v1-hour.bin").into(),
        ("VISITORS", "page") => return include_bytes!("../golden/visitors-v1-few.bin").into(),
        ("PEOPLE", "page") => return include_bytes!("../golden/people-v1-few.bin").into(),
        ("BUCKET", "page") => {
            return include_bytes!("../golden/bucket-v1-minute-rich.bin").into();
        }
        _ => panic!("{token} {name}: give this test a word for it"),
    };
    if again { second } else { first }.into()
}

/// Where a sequence of arguments is so far.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    words: Words,
    token: String,
}

/// Every form of an argument that is given once.
fn once(argument: &Argument, before: &Path, again: bool) -> Vec<Path> {
    let mut path = before.clone();
    if let Some(token) = &argument.token {
        path.words.push(token.clone().into());
        path.token.clone_from(token);
    }
    match argument.kind.as_str() {
        "pure-token" => vec![path],
        "block" => sequence(&argument.parts, path, again),
        "oneof" => {
            let parts = argument.parts.iter();
            parts.flat_map(|part| once(part, &path, again)).collect()
        }
        _ => {
            let word = word(&path.token, &argument.name, again);
            path.words.push(word);
            vec![path]
        }
    }
}

/// Left out where that is allowed, in every form, and again.
fn forms_of(argument: &Argument, before: &Path, again: bool) -> Vec<Path> {
    let forms = once(argument, before, again);
    let mut all = forms.clone();
    if argument.optional {
        all.push(before.clone());
    }
    // The pages of a value are as many as it has.
    if argument.multiple && !again && argument.name != "page" {
        let fullest = forms.iter().max_by_key(|form| form.words.len());
        all.extend(fullest.iter().flat_map(|form| once(argument, form, true)));
    }
    all
}

/// Every form of every two arguments beside the shortest form of the others, and the longest form of all:
/// every form beside every other would be too many.
fn sequence(arguments: &[Argument], before: Path, again: bool) -> Vec<Path> {
    let pairs =
        (0..arguments.len()).flat_map(|second| (0..=second).map(move |first| [first, second]));
    let beside_the_shortest = pairs.flat_map(|pair| {
        combine(arguments, &before, again, |place, forms| {
            match pair.contains(&place) {
                true => forms,
                false => forms.into_iter().min_by_key(length).into_iter().collect(),
            }
        })
    });
    let longest = combine(arguments, &before, again, |_, forms| {
        forms.into_iter().max_by_key(length).into_iter().collect()
    });
    let all: BTreeSet<Path> = beside_the_shortest.chain(longest).collect();
    all.into_iter().collect()
}

fn length(path: &Path) -> usize {
    path.words.len()
}

/// The arguments one after the other, of each the forms that `choose` leaves.
fn combine(
    arguments: &[Argument],
    before: &Path,
    again: bool,
    choose: impl Fn(usize, Vec<Path>) -> Vec<Path>,
) -> Vec<Path> {
    let places = arguments.iter().enumerate();
    places.fold(vec![before.clone()], |paths, (place, argument)| {
        let next = paths
            .iter()
            .flat_map(|path| choose(place, forms_of(argument, path, again)));
        next.collect()
    })
}

fn all(name: &str, arguments: &[Argument]) -> Vec<Words> {
    let start = Path {
        words: vec![name.into()],
        token: String::new(),
    };
    let paths = sequence(arguments, start, false);
    paths.into_iter().map(|path| path.words).collect()
}

/// Only what must be there.
fn least(name: &str, command: &Command) -> Words {
    let mut all = all(name, &command.arguments);
    all.sort_by_key(Vec::len);
    all.swap_remove(0)
}

fn call(connection: &mut Connection, words: &Words) -> Reply {
    // What the command works on is there, or is not.
    connection.run("FLUSHALL").ok();
    match words[0].as_slice() {
        b"ANALYTICS.CREATE" => {}
        // A zone is fixed once an event is in.
        b"ANALYTICS.ALTER" => connection.run("ANALYTICS.CREATE shop").ok(),
        _ => {
            connection
                .run(
                    "ANALYTICS.CREATE shop RETURNING 90d CUBE event,country CUBE country,plan CUBE event,plan \
                     CUBE event,device,country CUBE event,device,plan",
                )
                .ok();
            let event = "ANALYTICS.TRACK shop view ann DIM country FR DIM plan pro VAL price 1";
            connection.run(event).int();
            let rule = "ANALYTICS.ALERT shop SET busy events 1h < 0";
            connection.run(rule).ok();
            let funnel =
                "ANALYTICS.FUNNEL shop SET busy WITHIN 1d STEP event=view STEP event=buy BY page";
            connection.run(funnel).ok();
            let entry = "XADD log 1-1 event view user ann time 1733927467000";
            connection.run(entry).text();
        }
    }
    let words = with_different_steps(words);
    let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
    connection.call(&args)
}

fn with_different_steps(words: &Words) -> Words {
    let mut different = words.clone();
    for place in 1..words.len() {
        if words[place - 1].eq_ignore_ascii_case(b"STEP") && words[place].starts_with(b"event=") {
            different[place].extend(format!("&page=/{place}").bytes());
        }
    }
    different
}

fn shown(words: &Words) -> String {
    let words = words.iter().map(|word| word.escape_ascii().to_string());
    words.collect::<Vec<_>>().join(" ")
}

/// What is to be forgotten may not be there, or not any more; and one step is no funnel.
fn is_accepted(reply: &Reply) -> bool {
    let accepted = [
        "has no such dimension",
        "a funnel has from 2 to 8 STEP, not 1",
    ];
    !reply.is_error() || accepted.iter().any(|it| reply.error().contains(it))
}

#[test]
fn every_form_of_the_arguments_is_accepted() {
    let server = Server::start();
    let mut connection = server.connection();
    for (name, command) in commands(&mut connection) {
        for words in all(&name, &command.arguments) {
            let reply = call(&mut connection, &words);
            assert!(is_accepted(&reply), "{}: {reply:?}", shown(&words));
        }
    }
}

#[test]
fn options_are_taken_in_any_order_and_any_case() {
    let server = Server::start();
    let mut connection = server.connection();
    for (name, mut command) in commands(&mut connection) {
        if options(&command).is_empty() {
            continue;
        }
        let first = command.arguments.iter().position(|it| it.optional);
        command.arguments[first.unwrap_or(0)..].reverse();
        if first.is_none()
            || command
                .arguments
                .iter()
                .any(|it| it.multiple && !it.optional)
        {
            continue;
        }
        for mut words in all(&name, &command.arguments) {
            let tokens = tokens(&command.arguments);
            for word in &mut words {
                if tokens.contains(&String::from_utf8_lossy(word).into_owned()) {
                    word.make_ascii_lowercase();
                }
            }
            let reply = call(&mut connection, &words);
            assert!(is_accepted(&reply), "{}: {reply:?}", shown(&words));
        }
    }
}

/// Those that an option begins with, at any depth.
fn tokens(arguments: &[Argument]) -> BTreeSet<String> {
    let own = arguments.iter().filter_map(|it| it.token.clone());
    let inner = arguments.iter().flat_map(|it| tokens(&it.parts));
    own.chain(inner).collect()
}

/// The arguments that begin with a token, without those that are known by their position.
fn options(command: &Command) -> Vec<&Argument> {
    let is_choice =
        |it: &Argument| it.kind == "oneof" && it.parts.iter().all(|it| it.token.is_some());
    let optional: Vec<&Argument> = command.arguments.iter().filter(|it| it.optional).collect();
    // Where one of them is known by its position, all are.
    match optional
        .iter()
        .all(|it| it.token.is_some() || is_choice(it))
    {
        true => optional,
        false => Vec::new(),
    }
}

#[test]
fn an_option_that_is_not_to_be_repeated_is_refused_when_it_is() {
    let server = Server::start();
    let mut connection = server.connection();
    let mut refused = 0;
    for (name, command) in commands(&mut connection) {
        for option in options(&command).into_iter().filter(|it| !it.multiple) {
            let start = Path {
                words: least(&name, &command),
                ..Path::default()
            };
            for form in once(option, &start, false) {
                for twice in once(option, &form, true) {
                    let reply = call(&mut connection, &twice.words);
                    let line = shown(&twice.words);
                    assert!(
                        reply.error().ends_with(" is given twice"),
                        "{line}: {reply:?}"
                    );
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 10);
}

#[test]
fn an_option_of_another_command_is_refused_and_the_own_ones_are_named() {
    let server = Server::start();
    let mut connection = server.connection();
    let commands = commands(&mut connection);
    let all = commands.values().flat_map(|it| tokens(&it.arguments));
    let all: BTreeSet<String> = all.chain(["NOSUCH".to_owned()]).collect();
    let mut refused = 0;
    for (name, command) in &commands {
        let accepted: Vec<String> = options(command).iter().map(|it| it.once()).collect();
        let own = tokens(&command.arguments);
        if accepted.is_empty() {
            continue;
        }
        for token in all.iter().filter(|it| !own.contains(*it)) {
            let mut words = least(name, command);
            words.extend([token.clone().into(), b"1".into(), b"1".into()]);
            let reply = call(&mut connection, &words);
            let error = match takes_more_words(command) {
                true => "ERR metric '".to_owned(),
                false => format!(
                    "ERR unknown option '{token}': expected {}",
                    accepted.join(", ")
                ),
            };
            let line = shown(&words);
            assert!(reply.error().contains(&error), "{line}: {reply:?}");
            refused += 1;
        }
    }
    assert!(refused > 40);
}

/// Whether a word behind its arguments is one more of them, as with the metrics of a query.
fn takes_more_words(command: &Command) -> bool {
    let mut words = command.arguments.iter().filter(|it| !it.optional);
    words
        .next_back()
        .is_some_and(|it| it.multiple && it.token.is_none())
}
