//! Replies as plain values: integers, doubles, texts and maps, in either protocol.

use redis::Value;

pub fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        other => text(other)?.parse().ok(),
    }
}

/// None for null and for what is no number.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        other => text(other)?.parse().ok(),
    }
}

pub fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

/// A map as either protocol replies it.
pub fn pairs(reply: Value) -> Vec<(Value, Value)> {
    match reply {
        Value::Map(pairs) => pairs,
        Value::Array(flat) => {
            let mut flat = flat.into_iter();
            let mut pairs = Vec::new();
            while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
                pairs.push((name, value));
            }
            pairs
        }
        _ => Vec::new(),
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
