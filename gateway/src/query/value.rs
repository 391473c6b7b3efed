//! Replies of the module as JSON.

use crate::store::{text, word};
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
