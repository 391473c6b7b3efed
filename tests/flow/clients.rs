//! Client libraries against live servers: RESP2 and RESP3, one by one, in pipelines and in
//! transactions, alone and in a cluster. A program of `tests/clients` sends the requests of a file and
//! prints every reply; the same requests, sent over the bare protocol to a server of their own, say
//! what each reply is to be.
//!
//! The file is sections, each for a connection of its own, the words of its requests in hex:
//!
//! ```text
//! ## 3 pipeline
//! :414e414c59544943532e545241434b :73686f70 ...
//! ```
//!
//! A reply is a line: `nil`, `i` an integer, `d` the bits of a double, `t` the bytes of a text, `b` 0 or
//! 1, `e` an error without its `ERR`, `[...]` an array, `{...}` a map.

use std::fmt::Write;
use std::fs;

use testkit::programs::{point_at, printed, program};
use testkit::{Arg, Cluster, Connection, Reply, Server};

use crate::redis_rs;

pub type Request = Vec<Vec<u8>>;

/// What goes over one connection.
pub struct Section {
    pub protocol: u8,
    pub mode: &'static str,
    pub requests: Vec<Request>,
}

/// What a client library hides of a reply.
#[derive(Clone, Copy, Default)]
struct Blind {
    /// Whether a number was an integer, and its last bits.
    to_kinds_of_numbers: bool,
    /// What an error said, unless it was alone.
    to_errors: bool,
    /// Bytes of a transaction's replies that are not UTF-8.
    to_bytes: bool,
    /// RESP3.
    to_protocol_3: bool,
    /// Pipelines in a cluster.
    to_pipelines: bool,
    /// What is in a pipeline in a cluster beside an error.
    beside_errors: bool,
}

/// Events of three days ago and questions about them, so that the replies are the same at any time.
fn requests(site: &str, now: i64) -> Vec<Request> {
    let time = now - 3 * testkit::calendar::DAY;
    let window = format!("{}..{}", time - 7_200_000, time + 3_600_000);
    let asked: [&[&[u8]]; 24] = [
        &[b"CREATE", b"CUBE", b"event,country", b"VAL", b"price"],
        &[b"CREATE"],
        &[
            b"TRACK", b"view", b"ann", b"AT", b"$", b"DIM", b"country", b"FR",
        ],
        &[
            b"TRACK", b"buy", b"ann", b"AT", b"$", b"VAL", b"price", b"-3.25", b"ID", b"one",
        ],
        &[
            b"TRACK", b"buy", b"ann", b"AT", b"$", b"VAL", b"price", b"-3.25", b"ID", b"one",
        ],
        &[
            b"TRACK",
            b"view",
            b"\0\r\n\xff\xfe",
            b"AT",
            b"$",
            b"DIM",
            b"page",
            b"/\0\r\n\xc3\x28",
        ],
        &[b"TRACK", b"view", b"", b"AT", b"$"],
        &[
            b"TRACK", b"view", b"bob", b"AT", b"$", b"VAL", b"price", b"much",
        ],
        &[
            b"MTRACK", b"EVENT", b"view", b"bob", b"AT", b"$", b"DIM", b"country", b"DE", b"EVENT",
            b"buy", b"cleo", b"AT", b"$", b"VAL", b"price", b"1e300", b"SESSION", b"s",
        ],
        &[
            b"MTRACK", b"EVENT", b"view", b"bob", b"EVENT", b"view", b"bob", b"AT", b"never",
        ],
        &[b"ALTER", b"DIM", b"plan", b"NOUSERS"],
        &[b"UNIQUE", b"@"],
        &[b"UNIQUE", b"@", b"country", b"FR"],
        &[b"UNIQUE", b"24x"],
        &[
            b"GET",
            b"@",
            b"events",
            b"users",
            b"sessions",
            b"price:avg",
            b"price:p50",
            b"none:max",
            b"events:rate",
        ],
        &[b"GET", b"@", b"events:nonsense"],
        &[b"RANGE", b"@", b"1h", b"events", b"price:min"],
        &[b"TOP", b"@", b"page"],
        &[
            b"TOP",
            b"@",
            b"event,country",
            b"BY",
            b"users",
            b"LIMIT",
            b"1",
        ],
        &[b"COMPARE", b"@", b"events", b"price:max"],
        &[b"DASHBOARD"],
        &[b"EXPLAIN", b"@"],
        &[b"INFO"],
        &[b"UNIQUE"],
    ];
    let word = |word: &[u8]| match word {
        b"$" => time.to_string().into_bytes(),
        b"@" => window.clone().into_bytes(),
        _ => word.to_vec(),
    };
    let request = |words: &&[&[u8]]| {
        let (command, rest) = words.split_first().expect("a command");
        let command = [b"ANALYTICS.", *command].concat();
        let head = [command, site.as_bytes().to_vec()];
        head.into_iter()
            .chain(rest.iter().map(|w| word(w)))
            .collect()
    };
    asked.iter().map(request).collect()
}

/// A transaction is not begun with a command that has too few words, which is the last one.
fn of_mode(mode: &str, mut requests: Vec<Request>) -> Vec<Request> {
    if mode == "transaction" {
        requests.pop();
    }
    requests
}

fn sections(modes: &[&'static str], now: i64) -> Vec<Section> {
    let both = [2, 3].into_iter();
    let sections = both.flat_map(|protocol| modes.iter().map(move |mode| (protocol, *mode)));
    let section = |(protocol, mode)| Section {
        protocol,
        mode,
        requests: of_mode(mode, requests(&format!("resp{protocol}:{mode}"), now)),
    };
    sections.map(section).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn file(sections: &[Section]) -> String {
    let mut file = String::new();
    for section in sections {
        file += &format!("## {} {}\n", section.protocol, section.mode);
        for request in &section.requests {
            let words: Vec<String> = request
                .iter()
                .map(|word| format!(":{}", hex(word)))
                .collect();
            file += &(words.join(" ") + "\n");
        }
    }
    file
}

pub fn joined(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(" ")
}

pub fn shown_text(text: &[u8]) -> String {
    format!("t{}", hex(text))
}

pub fn shown_double(number: f64) -> String {
    format!("d{:016x}", number.to_bits())
}

pub fn shown_error(line: &str) -> String {
    format!(
        "e{}",
        hex(line.strip_prefix("ERR ").unwrap_or(line).as_bytes())
    )
}

/// To 14 digits.
fn rounded(number: f64) -> f64 {
    format!("{number:.13e}").parse().expect("a number")
}

/// The line of a reply as a library shows it that is blind to something.
fn shown(reply: &Reply, blind: Blind) -> String {
    let show = |reply: &Reply| shown(reply, blind);
    match reply {
        Reply::Nil => "nil".to_owned(),
        Reply::Int(number) if blind.to_kinds_of_numbers => shown_double(*number as f64),
        Reply::Double(number) if blind.to_kinds_of_numbers => shown_double(rounded(*number)),
        Reply::Int(number) => format!("i{number}"),
        Reply::Double(number) => shown_double(*number),
        Reply::Bool(truth) => format!("b{}", i32::from(*truth)),
        Reply::Bulk(bytes) if blind.to_bytes => {
            shown_text(String::from_utf8_lossy(bytes).as_bytes())
        }
        Reply::Bulk(bytes) => shown_text(bytes),
        Reply::Simple(text) => shown_text(text.as_bytes()),
        Reply::Error(line) => shown_error(line),
        Reply::Array(items) => format!("[{}]", joined(items.iter().map(show))),
        Reply::Map(pairs) => {
            let pairs = pairs.iter().map(|(k, v)| show(k) + " " + &show(v));
            format!("{{{}}}", joined(pairs))
        }
        other => panic!("unexpected of the module: {other:?}"),
    }
}

/// What is to be printed, by a server that sees the same requests over the bare protocol.
fn expected(sections: &[Section], blind: Blind) -> Vec<String> {
    let server = Server::start();
    let mut lines = Vec::new();
    for section in sections {
        let blind = Blind {
            to_bytes: blind.to_bytes && section.mode == "transaction",
            ..blind
        };
        let mut connection = server.connection();
        if section.protocol == 3 && !blind.to_protocol_3 {
            connection.hello3();
        }
        for request in &section.requests {
            let reply = send(&mut connection, request);
            let is_hidden = blind.to_errors && section.mode != "single" && reply.is_error();
            lines.push(match is_hidden {
                true => shown(&Reply::Nil, blind),
                false => shown(&reply, blind),
            });
        }
    }
    lines
}

/// What is refused changes nothing: the other replies stay as they are.
fn leave_out_errors(section: &mut Section) {
    let server = Server::start();
    let mut connection = server.connection();
    let requests = &mut section.requests;
    requests.retain(|request| !send(&mut connection, request).is_error());
}

fn send(connection: &mut Connection, request: &Request) -> Reply {
    let words: Vec<&dyn Arg> = request.iter().map(|word| word as &dyn Arg).collect();
    connection.call(&words)
}

fn assert_agrees(sections: &[Section], printed: &str, blind: Blind, place: &str) {
    let expected = expected(sections, blind);
    let requests = sections.iter().flat_map(|section| {
        let requests = section.requests.iter();
        requests.map(move |request| (section, request))
    });
    let printed: Vec<&str> = printed.lines().collect();
    assert_eq!(printed.len(), expected.len(), "{place}: {printed:#?}");
    for (((section, request), found), expected) in requests.zip(printed).zip(expected) {
        let request = request.join(&b' ');
        let (protocol, mode) = (section.protocol, section.mode);
        let request = request.escape_ascii();
        assert_eq!(
            found, expected,
            "{place}: {mode}, RESP{protocol}: {request}"
        );
    }
}

/// Runs it alone, with every mode, and in a cluster of three, whose sites lie on several nodes.
fn agrees(blind: Blind, run: impl Fn(&Server, bool, &[Section]) -> Option<String>) {
    let server = Server::start();
    let now = server.connection().now();
    let alone = sections(&["single", "pipeline", "transaction"], now);
    let Some(printed) = run(&server, false, &alone) else {
        return;
    };
    assert_agrees(&alone, &printed, blind, "alone");

    let cluster = Cluster::of_masters(3);
    let modes: &[&str] = match blind.to_pipelines {
        true => &["single"],
        false => &["single", "pipeline"],
    };
    let mut spread = sections(modes, now);
    if blind.beside_errors {
        spread.iter_mut().for_each(leave_out_errors);
    }
    let Some(printed) = run(&cluster.nodes[0], true, &spread) else {
        return;
    };
    assert_agrees(&spread, &printed, blind, "in a cluster");
    let used = (0..3).filter(|place| !cluster.connection(*place).keys().is_empty());
    assert!(used.count() > 1, "all sites lie on one node");
}

fn program_agrees(path: &str, blind: Blind) {
    agrees(blind, |server, is_cluster, sections| {
        let mut command = program(path)?;
        let name = if is_cluster { "cluster" } else { "alone" };
        let requests = server.dir().join(name);
        fs::write(&requests, file(sections)).expect("the folder can be written to");
        command.arg(requests);
        point_at(&mut command, server, is_cluster);
        Some(printed(command))
    });
}

#[test]
fn redis_py() {
    program_agrees("tests/clients/redis_py.py", Blind::default());
}

#[test]
fn ioredis() {
    let blind = Blind {
        to_kinds_of_numbers: true,
        ..Blind::default()
    };
    program_agrees("tests/clients/ioredis.mjs", blind);
}

#[test]
fn node_redis() {
    let blind = Blind {
        to_kinds_of_numbers: true,
        to_bytes: true,
        ..Blind::default()
    };
    program_agrees("tests/clients/node_redis.mjs", blind);
}

#[test]
fn phpredis() {
    let blind = Blind {
        to_errors: true,
        to_protocol_3: true,
        to_pipelines: true,
        ..Blind::default()
    };
    program_agrees("tests/clients/phpredis.php", blind);
}

#[test]
fn redis_rs() {
    let blind = Blind {
        beside_errors: true,
        ..Blind::default()
    };
    agrees(blind, |server, is_cluster, sections| {
        Some(redis_rs::replies(server.port(), is_cluster, sections).join("\n"))
    });
}
