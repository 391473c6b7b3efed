//! Events out of JSON against the same events put together by hand.

use super::Events;
use crate::event::{Batch, Identity};
use crate::schema::{parse_options, Settings};
use crate::text::Text;
use crate::time::{parse_instant, Retention, Zone};
use proptest::prelude::*;
use serde_json::{json, Map, Value as Json};
use std::sync::Mutex;

const NOW: i64 = 1_733_927_467_000;

/// Memory that lasts as long as what is read, which borrows it. Its address is kept, so that a checker of
/// leaks finds it in use.
fn lasting(bytes: Vec<u8>) -> &'static mut [u8] {
    static ADDRESSES: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let bytes = bytes.leak();
    ADDRESSES.lock().unwrap().push(bytes.as_ptr().addr());
    bytes
}

pub(super) struct Found {
    pub(super) batch: Batch<'static>,
    identities: Vec<Identity<'static>>,
    timed: bool,
}

fn settings(options: &str, zone: &Zone) -> Settings {
    let words: Vec<&[u8]> = options.split(' ').map(str::as_bytes).collect();
    let words = if options.is_empty() { vec![] } else { words };
    let settings = Settings::new(zone.clone(), Retention::default(), 1_000);
    settings
        .with(&parse_options(&words).unwrap(), false, 0)
        .unwrap()
}

pub(super) fn read_by(json: &[u8], zone: &Zone, strict: bool) -> Result<Found, String> {
    read_with(json, &settings("", zone), strict)
}

fn read_with(json: &[u8], settings: &Settings, strict: bool) -> Result<Found, String> {
    let mut found = Found {
        batch: Batch::default(),
        identities: Vec::new(),
        timed: false,
    };
    let events = Events {
        json: lasting(json.to_vec()),
        buffer: lasting(vec![0; json.len()]),
        now: NOW,
        settings,
        strict,
        batch: &mut found.batch,
        identities: &mut found.identities,
    };
    found.timed = events.read().map_err(|error| error.to_string())?;
    assert_eq!(found.batch.events.len(), found.identities.len());
    Ok(found)
}

pub(super) fn read(json: &str) -> Result<Found, String> {
    read_by(json.as_bytes(), &Zone::UTC, false)
}

#[track_caller]
pub(super) fn refused(json: &str, parts: &[&str]) {
    let error = read(json).err().unwrap_or_else(|| panic!("{json} is read"));
    for part in parts {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
}

/// An event with these members besides its type and its user.
pub(super) fn with(members: &str) -> String {
    format!("{{\"event\":\"view\",\"user_id\":\"ann\",{members}}}")
}

#[test]
fn an_event_is_read_with_all_members() {
    let text = r#" { "event" : "purchase", "user_id": "ann", "timestamp": 1733927467123,
        "session_id": 77, "id": "order-\u0031", "context": {"library": ["x", {"a": 1}]}, "sent": null,
        "properties": {"country": "FR", "new": true, "old": false, "coupon": null, "revenue": 9.99,
                       "items": [{"sku": "5"}], "nested": {}, "d\u00e9j\u00e0": "v\nu", "n": -0} } "#
        .replace("v\nu", "v\\nu");
    let Found {
        batch,
        identities,
        timed,
    } = read(&text).unwrap();
    let mut expected = Batch::default();
    let mut event = expected.begin(1_733_927_467_123);
    event.set_kind(Text::new(b"purchase")).unwrap();
    event.set_user(b"ann").unwrap();
    event.set_session(b"77").unwrap();
    event.set_id(b"order-1").unwrap();
    for (name, value) in [
        ("country", "FR"),
        ("new", "true"),
        ("old", "false"),
        ("déjà", "v\nu"),
    ] {
        let name = Text::new(name.as_bytes());
        expected
            .add_dimension(&mut event, name, value.as_bytes())
            .unwrap();
    }
    for (name, number) in [("revenue", 9.99), ("n", 0.0)] {
        expected
            .add_value(&mut event, Text::new(name.as_bytes()), number)
            .unwrap();
    }
    expected.events.push(event);
    assert_eq!(format!("{batch:?}"), format!("{expected:?}"));
    let identity = Identity {
        user: b"ann",
        session: Some(b"77"),
        id: Some(b"order-1"),
    };
    assert_eq!((identities, timed), (vec![identity], true));
}

#[test]
fn what_is_null_or_missing_is_as_if_it_were_not_there() {
    let bare = read(&with("\"x\":1")).unwrap();
    let nulls = "\"timestamp\":null,\"session_id\":null,\"id\":null,\"properties\":null";
    let nulls = read(&with(nulls)).unwrap();
    assert_eq!(format!("{:?}", bare.batch), format!("{:?}", nulls.batch));
    assert_eq!(bare.batch.events[0].time, NOW);
    assert!(!bare.timed && !nulls.timed);
}

#[test]
fn an_array_may_be_empty() {
    for text in ["[]", " [ ] ", "\u{feff}[]"] {
        let found = read(text).unwrap();
        assert!(found.batch.events.is_empty() && found.timed);
    }
}

#[test]
fn ten_thousand_events_and_no_more() {
    let events = |count: usize| format!("[{}]", vec![with("\"id\":1"); count].join(","));
    assert_eq!(read(&events(10_000)).unwrap().batch.events.len(), 10_000);
    refused(
        &events(10_001),
        &["event 10001 at byte", "at most 10000 events"],
    );
}

#[test]
fn a_number_of_any_length_names_a_user_as_it_is_written() {
    for user in ["0", "-7", "12345678901234567890123"] {
        let found = read(&format!("{{\"event\":\"a\",\"user_id\":{user}}}")).unwrap();
        assert_eq!(found.identities[0].user, user.as_bytes());
    }
}

fn property() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        (-1e12..1e12f64).prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
        Just(json!([1, {"a": []}])),
    ]
}

fn event() -> impl Strategy<Value = Json> {
    let id = || {
        prop_oneof![
            Just(Json::Null),
            any::<u64>().prop_map(Json::from),
            ".{1,9}".prop_map(Json::from)
        ]
    };
    let properties = prop::collection::btree_map("[a-d é\"\\\\]{1,3}", property(), 0..8);
    let time = prop_oneof![
        Just(Json::Null),
        (100_000_000_000i64..9_999_999_999_999).prop_map(Json::from),
        Just(json!("2024-07-04T10:30:00Z")),
    ];
    (".{1,9}", ".{1,9}", time, id(), id(), properties).prop_map(|(event, user, time, session, id, properties)| {
        let properties: Map<String, Json> = properties.into_iter().collect();
        json!({"event": event, "user_id": user, "timestamp": time, "session_id": session, "id": id,
               "properties": properties, "other": 5})
    })
}

fn text_of(json: &Json) -> Vec<u8> {
    let text = json.as_str().map(str::to_owned);
    text.unwrap_or_else(|| json.to_string()).into_bytes()
}

/// The same by way of serde_json.
fn expected(events: &[Json]) -> Batch<'static> {
    let mut batch = Batch::default();
    for json in events {
        let time = &json["timestamp"];
        let iso = time
            .as_str()
            .map(|text| parse_instant("AT", text.as_bytes(), &Zone::UTC).unwrap());
        let mut event = batch.begin(iso.or(time.as_i64()).unwrap_or(NOW));
        event
            .set_kind(Text::new(lasting(text_of(&json["event"]))))
            .unwrap();
        event.set_user(&text_of(&json["user_id"])).unwrap();
        if !json["session_id"].is_null() {
            event.set_session(&text_of(&json["session_id"])).unwrap();
        }
        if !json["id"].is_null() {
            event.set_id(&text_of(&json["id"])).unwrap();
        }
        for (name, value) in json["properties"].as_object().unwrap() {
            let name = Text::new(lasting(name.as_bytes().to_vec()));
            match value {
                Json::Number(number) => {
                    let number = number.as_f64().unwrap() + 0.0;
                    batch.add_value(&mut event, name, number).unwrap();
                }
                Json::String(_) | Json::Bool(_) => {
                    let value = lasting(text_of(value));
                    batch.add_dimension(&mut event, name, value).unwrap();
                }
                _ => {}
            }
        }
        batch.events.push(event);
    }
    batch
}

proptest! {
    #[test]
    fn events_are_those_that_serde_json_reads(events in prop::collection::vec(event(), 0..5), pretty: bool) {
        let json = Json::from(events.clone());
        let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
        let found = read(&text.unwrap()).unwrap();
        prop_assert_eq!(format!("{:?}", found.batch), format!("{:?}", expected(&events)));
        for (identity, event) in found.identities.iter().zip(&events) {
            prop_assert_eq!(identity.user, &text_of(&event["user_id"])[..]);
            let given = |name: &str| Some(text_of(&event[name])).filter(|_| !event[name].is_null());
            prop_assert_eq!(identity.session.map(<[u8]>::to_vec), given("session_id"));
            prop_assert_eq!(identity.id.map(<[u8]>::to_vec), given("id"));
        }
        prop_assert_eq!(found.timed, events.iter().all(|event| !event["timestamp"].is_null()));
    }

    #[test]
    fn a_body_that_is_cut_off_is_refused(event in event(), position: prop::sample::Index) {
        let text = Json::from(vec![event]).to_string();
        let cut = &text.as_bytes()[..position.index(text.len())];
        prop_assert!(read_by(cut, &Zone::UTC, false).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused_with_one_line(
        text: Vec<u8>, event in event(), position: prop::sample::Index, byte: u8,
    ) {
        let mut changed = event.to_string().into_bytes();
        let position = position.index(changed.len());
        changed[position] = byte;
        for text in [text, changed] {
            if let Err(error) = read_by(&text, &Zone::UTC, true) {
                prop_assert!(error.len() < 500 && !error.contains(char::is_control), "{}", error);
            }
        }
    }
}

#[test]
fn other_names_of_members_are_read_alike() {
    let one =
        read(r#"{"event":"view","user_id":7,"page_url":"/a\u002fb","properties":{"n":5,"c":"x"}}"#);
    let other = read(
        r#"{"event_data":{"n":5,"c":"x"},"visitor_id":7,"event_type":"view","page_url":"/a/b"}"#,
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.identities, other.identities);
    assert_eq!(
        one.batch.events[0].kind.bytes,
        other.batch.events[0].kind.bytes
    );
    assert_eq!(one.batch.events[0].user, other.batch.events[0].user);
    let sorted = |found: &Found| {
        let event = &found.batch.events[0];
        let mut dimensions: Vec<_> = found.batch.dimensions_of(event).to_vec();
        dimensions.sort_by_key(|(name, _)| name.bytes);
        let bytes = dimensions
            .iter()
            .map(|(name, value)| (name.bytes, value.bytes));
        bytes.collect::<Vec<_>>()
    };
    assert_eq!(sorted(&one), [(&b"c"[..], &b"x"[..]), (b"page", b"/a/b")]);
    assert_eq!(sorted(&one), sorted(&other));
    for (json, parts) in [
        (with(r#""event_type":"x""#), &["'event'", "given twice"][..]),
        (with(r#""visitor_id":5"#), &["'user_id'", "given twice"]),
        (
            with(r#""properties":{},"event_data":{}"#),
            &["'properties'", "given twice"],
        ),
        (
            with(r#""page_url":"/a","page_url":"/a""#),
            &["'page_url' is given twice"],
        ),
        (
            with(r#""page_url":"/a","properties":{"page":"/b"}"#),
            &["'page' is given twice"],
        ),
        (
            with(r#""properties":{"page":5},"page_url":"/a""#),
            &["'page' is given twice"],
        ),
        (with(r#""page_url":5"#), &["page_url is 5", "a string"]),
        (
            with(r#""pageUrl":"/a""#),
            &["'pageUrl'", "write 'page_url'"],
        ),
        (with(r#""eventData":{}"#), &["write 'event_data'"]),
        (
            r#"{"eventType":"view","user_id":5}"#.to_owned(),
            &["write 'event_type'"],
        ),
        (
            r#"{"event":"view","visitorId":5}"#.to_owned(),
            &["write 'visitor_id'"],
        ),
    ] {
        refused(&json, parts);
    }
    // Members that are not read may occur twice; null is as if it were missing.
    assert!(read(&with(r#""other":1,"other":[2],"page_url":null"#)).is_ok());
}

#[test]
fn a_number_is_a_dimension_where_the_site_declares_it_as_one() {
    let json = with(r#""properties":{"status":404,"n":1.50,"both":7}"#);
    let cases = [
        ("", vec![], vec!["status", "n", "both"]),
        (
            "DIM status DIM n DIM both VAL both",
            vec![("status", "404"), ("n", "1.50")],
            vec!["both"],
        ),
        (
            "CUBE status,event",
            vec![("status", "404")],
            vec!["n", "both"],
        ),
    ];
    for (options, dimensions, values) in cases {
        let settings = settings(options, &Zone::UTC);
        let found = read_with(json.as_bytes(), &settings, true).unwrap();
        let event = &found.batch.events[0];
        let given = found.batch.dimensions_of(event).iter();
        let given: Vec<_> = given
            .map(|(name, value)| (name.bytes, value.bytes))
            .collect();
        let dimensions: Vec<_> = dimensions
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        assert_eq!(given, dimensions, "{options}");
        let given = found
            .batch
            .values_of(event)
            .iter()
            .map(|(name, _)| name.bytes);
        let values: Vec<&[u8]> = values.iter().map(|name| name.as_bytes()).collect();
        assert_eq!(given.collect::<Vec<_>>(), values, "{options}");
    }
    // A learned dimension does not change what its numbers are.
    let mut learned = settings("", &Zone::UTC);
    let status = Text::new(b"status");
    learned.learn(&[(status, status)], &[]).unwrap();
    let found = read_with(json.as_bytes(), &learned, false).unwrap();
    assert_eq!(found.batch.values_of(&found.batch.events[0]).len(), 3);
}
