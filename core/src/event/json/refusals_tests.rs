//! What JSON of events is refused, and what its error names.

use super::events_tests::{read, read_by, refused, with};
use crate::time::Zone;

#[test]
fn what_is_wrong_is_named() {
    let user = "\"user_id\":\"ann\"";
    for (event, parts) in [
        (format!("{{{user}}}"), &["at byte 1: ", "no event"][..]),
        (
            "{\"event\":\"view\",\"properties\":{}}".to_owned(),
            &["at byte 1: ", "no user_id"],
        ),
        (
            format!("{{\"event\":5,{user}}}"),
            &["event is 5", "a string"],
        ),
        (format!("{{\"event\":\"\",{user}}}"), &["event", "empty"]),
        (
            format!("{{\"event\":{{}},{user}}}"),
            &["event is an object", "a string"],
        ),
        ("{\"user_id\":\"\"}".to_owned(), &["user", "empty"]),
        (
            "{\"user_id\":1.0}".to_owned(),
            &["at byte 11: user_id is 1.0", "a whole number"],
        ),
        ("{\"user_id\":true}".to_owned(), &["user_id is a boolean"]),
        (with("\"session_id\":[]"), &["session_id is an array"]),
        (with("\"id\":1e5"), &["id is 1e5", "a whole number"]),
        (
            with("\"timestamp\":17339274670"),
            &["at byte 44: timestamp 17339274670", "either"],
        ),
        (
            with("\"timestamp\":\"x\""),
            &["timestamp 'x' is not a time"],
        ),
        (with("\"timestamp\":true"), &["timestamp is a boolean"]),
        (
            with("\"properties\":\"x\""),
            &["properties is a string", "an object"],
        ),
        (
            with("\"event\":\"again\""),
            &["'event', which is also 'event_type', is given twice"],
        ),
        (with("\"id\":null,\"id\":5"), &["'id' is given twice"]),
        (
            with("\"userId\":\"x\""),
            &["unknown member 'userId'", "write 'user_id'"],
        ),
        (with("\"Session-ID\":{}"), &["write 'session_id'"]),
        (with("\"Timestamp\":5"), &["write 'timestamp'"]),
        (with("\"properties\":{\"\":\"x\"}"), &["dimension", "empty"]),
        (
            with("\"properties\":{\"event\":\"x\"}"),
            &["'event' is built in"],
        ),
        (
            with("\"properties\":{\"users\":5}"),
            &["value 'users'", "counted already"],
        ),
        (with("\"properties\":{\"a,b\":\"x\"}"), &["dimension 'a,b'"]),
        (
            with("\"properties\":{\"a\":\"x\",\"a\":true}"),
            &["dimension 'a' is given twice"],
        ),
        (
            with("\"properties\":{\"a\":5,\"a\":6}"),
            &["value 'a' is given twice"],
        ),
        (
            with("\"properties\":{\"a\":5,\"a\":\"6\"}"),
            &["property 'a' is given twice"],
        ),
        (
            with("\"properties\":{\"a\":\"5\",\"a\":6}"),
            &["property 'a' is given twice"],
        ),
        (
            with("\"properties\":{\"a\":1e400}"),
            &["value 'a': 1e400 is beyond"],
        ),
        (with("\"properties\":{\"a\":[1,}"), &["expected a value"]),
    ] {
        refused(&event, parts);
        let good = with("\"id\":5");
        refused(
            &format!("[{good},{good},{event},{good}]"),
            &["event 3 at byte ", parts[parts.len() - 1]],
        );
    }
}

#[test]
fn unexpected_text_around_events_is_named() {
    let event = with("\"id\":1");
    for (text, error) in [
        (
            "".to_owned(),
            "at byte 0: expected an event object or an array of them and found the end",
        ),
        (
            "  \"x".to_owned(),
            "at byte 2: expected an event object or an array of them and found '\"'",
        ),
        (
            "\u{feff}5".to_owned(),
            "at byte 3: expected an event object or an array of them and found '5'",
        ),
        (
            format!("{event}\n{event}"),
            &format!(
                "at byte {}: expected the end of the JSON and found '{{'",
                event.len() + 1
            ),
        ),
        (
            format!("[{event}]x"),
            &format!(
                "at byte {}: expected the end of the JSON and found 'x'",
                event.len() + 2
            ),
        ),
        (
            "[[]]".to_owned(),
            "event 1 at byte 1: an event is an array: expected an object",
        ),
        (
            format!("[{event}, null]"),
            &format!(
                "event 2 at byte {}: an event is null: expected an object",
                event.len() + 3
            ),
        ),
        (
            format!("[{event},]"),
            &format!(
                "event 2 at byte {}: expected a value and found ']'",
                event.len() + 2
            ),
        ),
    ] {
        assert_eq!(read(&text).err().as_deref(), Some(error));
    }
}

#[test]
fn only_a_strict_site_refuses_what_it_cannot_count() {
    let json = with("\"context\":{\"a\":[]},\"properties\":{\"items\":[1],\"b\":null}");
    assert!(read(&json).unwrap().batch.dimensions.is_empty());
    let error = read_by(json.as_bytes(), &Zone::UTC, true).err().unwrap();
    assert!(error.contains("properties.items is an array: expected a string, a number, a boolean or null on a strict site"), "{error}");
    let nested = with("\"context\":{\"a\":[]},\"properties\":{\"b\":null}");
    assert!(read_by(nested.as_bytes(), &Zone::UTC, true).is_ok());
}
