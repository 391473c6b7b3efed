//! Events as a web collector sends them: the JSON of the words of a `TRACK`.

use std::fmt::Write;

/// A text between quotes; everything that is no letter or digit of ASCII is an escape when `escapes`.
pub fn quoted(text: &str, escapes: bool) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character < ' ' || escapes && !character.is_ascii_alphanumeric() => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    write!(quoted, "\\u{unit:04x}").expect("a string takes all");
                }
            }
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

/// The words behind the site, or behind `EVENT`: type, user, options. A time in milliseconds or `*`
/// stays what it is, every other text becomes a string, and what is behind `VAL` stands as it is.
pub fn json_of<W: AsRef<str>>(words: &[W], escapes: bool) -> String {
    let quoted = |text: &str| quoted(text, escapes);
    let (mut members, mut properties) = (Vec::new(), Vec::new());
    let mut rest = words.iter().map(AsRef::as_ref);
    let mut next = || rest.next();
    for name in ["event", "user_id"] {
        let text = next().expect("an event has a type and a user");
        members.push(format!("\"{name}\":{}", quoted(text)));
    }
    while let Some(option) = next() {
        let text = next().expect("options come with a text");
        match option {
            "AT" if text == "*" => members.push("\"timestamp\": null".to_owned()),
            "AT" if text.parse::<i64>().is_ok() => members.push(format!("\"timestamp\":{text}")),
            "AT" => members.push(format!("\"timestamp\":{}", quoted(text))),
            "SESSION" => members.push(format!("\"session_id\":{}", quoted(text))),
            "ID" => members.push(format!("\"id\":{}", quoted(text))),
            "DIM" | "VAL" => {
                let value = next().expect("a property has a value");
                let value = match option {
                    "DIM" => quoted(value),
                    _ => value.to_owned(),
                };
                properties.push(format!("{} : {value}", quoted(text)));
            }
            other => panic!("no option {other}"),
        }
    }
    members.insert(
        members.len() / 2,
        format!("\"properties\":{{{}}}", properties.join(", ")),
    );
    format!("{{{}}}", members.join(","))
}
