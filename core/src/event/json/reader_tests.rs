//! Against serde_json as the oracle: the same texts accepted, the same strings, the same doubles.

use super::number::number;
use super::reader::{Reader, Value, DEPTH};
use super::text::{quoted, unescape};
use proptest::prelude::*;
use serde_json::Value as Json;

/// Whether all of it is one value, and if not, where and why.
fn check(text: &[u8]) -> Result<(), (usize, String)> {
    let mut reader = Reader::new(text);
    let read = reader.value().and_then(|value| reader.skip(&value));
    read.and_then(|()| reader.end())
        .map_err(|fault| (fault.at, fault.error.to_string()))
}

/// The text between two quotes, unescaped.
fn resolved(text: &[u8]) -> Option<Vec<u8>> {
    let (string, rest) = quoted(text).ok()?;
    let mut buffer = vec![0; text.len()];
    let (resolved, _) = unescape(string.raw, &mut buffer)?;
    assert!(string.escaped || resolved == string.raw);
    rest.is_empty().then(|| resolved.to_vec())
}

/// Every character as an escape.
fn escaped(text: &str) -> String {
    let units = text.encode_utf16();
    units.map(|unit| format!("\\u{unit:04X}")).collect()
}

fn has_surrogate(text: &[u8]) -> bool {
    text.windows(3).any(|it| it.eq_ignore_ascii_case(b"\\ud"))
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        "[a-z\\\\\"\u{0}-\u{30}]{0,20}".prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::vec((".{0,9}", inner), 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Agrees with serde_json, except that serde_json refuses half pairs of surrogates, and numbers that no
/// double holds.
fn assert_agrees(text: &[u8]) {
    let theirs = serde_json::from_slice::<Json>(text);
    let out_of_range = |error: &serde_json::Error| error.to_string().starts_with("number out of");
    if has_surrogate(text) || theirs.as_ref().is_err_and(out_of_range) {
        let _ = check(text);
        return;
    }
    let ours = check(text);
    let shown = text.escape_ascii();
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{shown}: {ours:?} {theirs:?}");
}

proptest! {
    #[test]
    fn what_serde_json_writes_is_read(value in json()) {
        prop_assert_eq!(check(value.to_string().as_bytes()), Ok(()));
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(check(pretty.as_bytes()), Ok(()));
        prop_assert_eq!(check(format!("\u{feff} \r\n\t{value} ").as_bytes()), Ok(()));
    }

    #[test]
    fn what_is_broken_is_refused_alike(
        value in json(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(
            b"{}[]\",:\\u0129.eE+- \n\0tfna\x7f\x80\xc3\xa9\xff".to_vec()), 0..3), 0..4),
    ) {
        let mut text = value.to_string().into_bytes();
        for (position, byte, change) in changes {
            let position = position.index(text.len());
            match change {
                0 => text.insert(position, byte),
                1 => text[position] = byte,
                _ if text.len() > 1 => drop(text.remove(position)),
                _ => {}
            }
        }
        assert_agrees(&text);
    }

    #[test]
    fn a_text_of_marks_is_read_alike(text in "[\\[\\]{}\",:\\\\ua0-9.eE+ -]{0,12}") {
        assert_agrees(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused(text: Vec<u8>) {
        assert_agrees(&text);
        let _ = (resolved(&text), number(&text));
    }

    #[test]
    fn strings_are_the_same(text: String, plain in "[ -~é🎉]{0,40}") {
        for text in [&text, &plain] {
            let written = serde_json::to_string(text).unwrap();
            prop_assert_eq!(resolved(&written.as_bytes()[1..]), Some(text.as_bytes().to_vec()));
            let written = format!("{}\"", escaped(text));
            prop_assert_eq!(resolved(written.as_bytes()), Some(text.as_bytes().to_vec()));
        }
    }

    #[test]
    fn a_string_ends_at_its_quote_whatever_it_contains(
        before in "[ !#-\\[\\]-~]{0,20}", stop in prop::sample::select(b"\"\\\0\x1f\n".to_vec()), after: Vec<u8>,
    ) {
        let text = [before.as_bytes(), &[stop], &after].concat();
        match quoted(&text) {
            Ok((string, rest)) if stop == b'"' => {
                prop_assert_eq!((string.raw, rest), (before.as_bytes(), &after[..]));
                prop_assert!(!string.escaped);
            }
            Ok((string, _)) => prop_assert!(stop == b'\\' && string.escaped),
            Err(broken) => prop_assert!(stop != b'"' && broken.left <= after.len() + 1),
        }
    }

    #[test]
    fn numbers_are_the_same_bit_for_bit(
        text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        short in "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,6})?(e-?[0-9]{1,2})?",
        any: f64,
    ) {
        for text in [text, short, format!("{any:e}"), format!("{any}")] {
            let Ok((ours, [])) = number(text.as_bytes()) else {
                prop_assert!(!any.is_finite());
                continue;
            };
            prop_assert_eq!(ours.text, text.as_bytes());
            let expected = text.parse::<f64>().unwrap() + 0.0;
            prop_assert_eq!(ours.value().to_bits(), expected.to_bits(), "{}", text);
            match serde_json::from_str::<Json>(&text) {
                Ok(theirs) => {
                    let theirs = theirs.as_f64().unwrap() + 0.0;
                    prop_assert_eq!(ours.value().to_bits(), theirs.to_bits(), "{}", text);
                }
                Err(_) => prop_assert!(ours.value().is_infinite()),
            }
        }
    }

    #[test]
    fn the_digits_before_the_point_and_their_number(
        whole in 1u64..1 << 50, fraction in "[0-9]{0,25}", moved in -3i64..4,
    ) {
        let text = format!("{whole}.{fraction}0e{moved}");
        let (number, _) = number(text.as_bytes()).unwrap();
        let digits = format!("{whole}{fraction}000");
        let positions = (whole.to_string().len() as i64 + moved).max(0);
        prop_assert_eq!(number.whole_digits(), positions);
        let expected = digits[..positions as usize].parse().unwrap_or(0);
        prop_assert_eq!(number.scaled(0), Some(expected), "{}", text);
    }
}

#[test]
fn faults_have_a_position_and_a_problem() {
    for (text, at, problem) in [
        ("", 0, "expected a value and found the end"),
        (" [1, ", 5, "expected a value and found the end"),
        ("[1 2]", 3, "expected ',' or ']' and found '2'"),
        ("[1,]", 3, "expected a value and found ']'"),
        ("{1:2}", 1, "expected a member in quotes or '}' and found '1'"),
        ("{\"a\":1,}", 7, "expected a member in quotes and found '}'"),
        ("{\"a\" 1}", 5, "expected ':' and found '1'"),
        ("{\"a\":1 \"b\"}", 7, "expected ',' or '}' and found '\"'"),
        ("{\"a\":}", 5, "expected a value and found '}'"),
        ("[nul]", 1, "expected a value and found 'n'"),
        ("[01]", 2, "expected a digit of a number, as JSON has it, and found '1'"),
        ("-", 1, "expected a digit of a number, as JSON has it, and found the end"),
        ("1.e5", 2, "expected a digit of a number, as JSON has it, and found 'e'"),
        ("1e+", 3, "expected a digit of a number, as JSON has it, and found the end"),
        ("\"abc", 4, "a string does not end"),
        ("\"ab\ncdefghij\"", 3, "a control character in a string is to be escaped"),
        ("\"12345678\\x\"", 10, "an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four hexadecimal digits"),
        ("\"\\u12g4\"", 3, "\\u needs four hexadecimal digits"),
        ("[1] ]", 4, "expected the end of the JSON and found ']'"),
        ("\u{1}", 0, "expected a value and found '\\x01'"),
    ] {
        let expected = Err((at, problem.to_owned()));
        assert_eq!(check(text.as_bytes()), expected, "{text}");
    }
    let broken = [&b"[\"abcdefghi"[..], b"\xc3\x28", b"jklmnop\"]"].concat();
    assert_eq!(
        check(&broken),
        Err((11, "a string is not UTF-8".to_owned()))
    );
}

#[test]
fn half_a_surrogate_pair_is_the_replacement_character() {
    for (text, expected) in [
        ("\\uD83D\\uDE00", "😀"),
        ("\\ud83d", "\u{fffd}"),
        ("\\ude00x", "\u{fffd}x"),
        ("\\ud83d\\ud83d\\ude00", "\u{fffd}😀"),
        ("\\ud83d\\n", "\u{fffd}\n"),
        ("\\ud83d\\u0041", "\u{fffd}A"),
        ("\\ude00\\ud83d", "\u{fffd}\u{fffd}"),
        ("\\uDBFF\\uDFFF\\u0000", "\u{10ffff}\0"),
    ] {
        let found = resolved(format!("{text}\"").as_bytes());
        assert_eq!(found, Some(expected.as_bytes().to_vec()), "{text}");
    }
}

#[test]
fn a_buffer_that_is_too_short_is_an_error() {
    let raw = b"ab\\n\\u00e9c";
    for len in 0..20 {
        let mut buffer = vec![0; len];
        let text = unescape(raw, &mut buffer).map(|(text, left)| (text.to_vec(), left.len()));
        let expected = ("ab\né\u{63}".as_bytes().to_vec(), len.saturating_sub(6));
        assert_eq!(text, (len >= 6).then_some(expected), "{len}");
    }
}

#[test]
fn nesting_has_an_end() {
    let nested = |levels: usize| {
        let open = "[{\"a\":".repeat(levels / 2) + if levels % 2 == 1 { "[" } else { "1" };
        let close = if levels % 2 == 1 { "]" } else { "" }.to_owned() + &"}]".repeat(levels / 2);
        open + &close
    };
    let most = DEPTH as usize;
    for levels in [1, 2, 3, most - 1, most] {
        assert_eq!(check(nested(levels).as_bytes()), Ok(()), "{levels}");
        assert_agrees(nested(levels).as_bytes());
    }
    for text in [
        nested(most + 1),
        "[".repeat(1 << 20),
        "{\"\":".repeat(1 << 20),
    ] {
        let (_, problem) = check(text.as_bytes()).unwrap_err();
        assert_eq!(problem, "more than 64 levels of nesting");
    }
}

#[test]
fn values_are_read_by_their_types() {
    let read = |text: &'static str| Reader::new(text.as_bytes()).value().ok();
    assert_eq!(read("null"), Some(Value::Null));
    assert_eq!(read(" true"), Some(Value::Bool(true)));
    assert_eq!(read("false "), Some(Value::Bool(false)));
    assert_eq!(read("[]"), Some(Value::Array));
    assert_eq!(read("{}"), Some(Value::Object));
    for (text, whole) in [("5", true), ("-0", true), ("5.0", false), ("5e0", false)] {
        assert!(
            matches!(read(text), Some(Value::Number(it)) if it.whole == whole),
            "{text}"
        );
    }
}
