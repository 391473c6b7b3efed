//! Any bytes as the body of a `TRACKJSON`: accepted, or refused with an error of one line; and never
//! accepted where serde_json refuses it as JSON.

#![no_main]

use analytics_core::event::json::{Events, Reader};
use analytics_core::event::Batch;
use analytics_core::schema::Settings;
use analytics_core::time::{Retention, Zone};
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;

/// 2024-12-11T14:31:07Z.
const NOW: i64 = 1_733_927_467_000;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The result of serde_json: `None` for texts on which it is stricter, those with halves of surrogate
/// pairs or numbers beyond a double.
fn oracle(text: &[u8]) -> Option<Result<Json, serde_json::Error>> {
    if text.windows(3).any(|it| it.eq_ignore_ascii_case(b"\\ud")) {
        return None;
    }
    let read = serde_json::from_slice(text);
    let is_range = |error: &serde_json::Error| error.to_string().starts_with("number out of");
    (!read.as_ref().is_err_and(is_range)).then_some(read)
}

fn check_grammar(text: &[u8], theirs: &Result<Json, serde_json::Error>) {
    let mut reader = Reader::new(text);
    let read = reader.value().and_then(|value| reader.skip(&value));
    match read.and_then(|()| reader.end()) {
        Ok(()) => assert!(theirs.is_ok()),
        Err(fault) => {
            assert!(fault.at <= text.len());
            let deep = fault.error.to_string().contains("levels of nesting");
            assert!(theirs.is_err() || deep, "{}", fault.error);
        }
    }
}

fuzz_target!(|text: &[u8]| {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let theirs = oracle(text);
    if let Some(theirs) = theirs
        .as_ref()
        .filter(|_| !text.starts_with(BYTE_ORDER_MARK))
    {
        check_grammar(text, theirs);
    }
    let (mut batch, mut identities) = (Batch::default(), Vec::new());
    let mut buffer = vec![0; text.len()];
    let events = Events {
        json: text,
        buffer: &mut buffer,
        now: NOW,
        settings: &Settings::new(Zone::UTC, Retention::default(), 1_000),
        strict: text.len() % 2 == 0,
        batch: &mut batch,
        identities: &mut identities,
    };
    match events.read() {
        Err(error) => {
            let line = error.to_string();
            assert!(!line.is_empty() && line.len() < 1_000, "{line}");
            assert!(!line.contains(char::is_control), "{line}");
        }
        Ok(_) => {
            assert_eq!(batch.events.len(), identities.len());
            let Some(theirs) = theirs else { return };
            let theirs = match theirs.unwrap() {
                Json::Array(events) => events,
                event => vec![event],
            };
            assert_eq!(batch.events.len(), theirs.len());
            for (event, theirs) in batch.events.iter().zip(&theirs) {
                assert_eq!(
                    theirs["event"].as_str().unwrap().as_bytes(),
                    event.kind.bytes
                );
                for (name, number) in batch.values_of(event) {
                    let name = std::str::from_utf8(name.bytes).unwrap();
                    let theirs = theirs["properties"][name].as_f64().unwrap() + 0.0;
                    assert_eq!(theirs.to_bits(), number.to_bits());
                }
            }
        }
    }
});
