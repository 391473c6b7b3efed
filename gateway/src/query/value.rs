//! Replies of the module as JSON, and the few steps into them that answers take.

use crate::store::text;
use redis::Value;
use serde_json::{Map, Value as Json};

/// As it is: maps become objects, counts whole numbers, what was not measured null.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Int(whole) => Json::from(*whole),
        Value::Double(number) => Json::from(*number),
        Value::Boolean(bool) => Json::from(*bool),
        Value::Array(items) | Value::Set(items) => items.iter().map(json).collect(),
        Value::Map(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| (word(name), json(value)));
            Json::Object(pairs.collect::<Map<_, _>>())
        }
        Value::BulkString(bytes) => Json::from(String::from_utf8_lossy(bytes)),
        other => text(other).map_or(Json::Null, Json::from),
    }
}

/// A text, though it may be no UTF-8.
pub fn word(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => text(other).map(String::from).unwrap_or_default(),
    }
}

pub fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

pub fn map_of(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let pairs: &[(Value, Value)] = match value {
        Value::Map(pairs) => pairs,
        _ => &[],
    };
    pairs
        .iter()
        .filter_map(|(name, value)| Some((text(name)?, value)))
}

pub fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    map_of(value).find_map(|(known, value)| (known == name).then_some(value))
}
