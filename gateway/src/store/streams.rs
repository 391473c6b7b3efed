//! Streams of a site: their names, and their entries as values.

use super::reply::text;
use redis::Value;

/// `{shop}:events`; a name with a hash tag keeps it.
pub fn stream_of(site: &str, what: &str) -> String {
    let tagged = site
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .is_some_and(|(tag, _)| !tag.is_empty());
    if tagged {
        format!("{site}:{what}")
    } else {
        format!("{{{site}}}:{what}")
    }
}

/// The entries of `XREAD` or `XREADGROUP` of one stream: ids and fields.
pub fn entries(reply: Value) -> Vec<(String, Vec<Value>)> {
    let stream = match reply {
        Value::Map(streams) => streams.into_iter().next().map(|(_, entries)| entries),
        Value::Array(streams) => match streams.into_iter().next() {
            Some(Value::Array(stream)) => stream.into_iter().nth(1),
            _ => None,
        },
        _ => None,
    };
    stream.map(entry_list).unwrap_or_default()
}

/// The entries of `XRANGE` or `XCLAIM`. One that was deleted meanwhile is left out.
pub fn entry_list(reply: Value) -> Vec<(String, Vec<Value>)> {
    let Value::Array(entries) = reply else {
        return Vec::new();
    };
    let read = entries.into_iter().filter_map(|entry| match entry {
        Value::Array(entry) => {
            let mut entry = entry.into_iter();
            match (entry.next()?, entry.next()?) {
                (id, Value::Array(fields)) => Some((String::from(text(&id)?), fields)),
                _ => None,
            }
        }
        _ => None,
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_stand_in_the_slot_of_the_site() {
        assert_eq!(stream_of("shop", "events"), "{shop}:events");
        assert_eq!(stream_of("{eu}shop", "alerts"), "{eu}shop:alerts");
        assert_eq!(stream_of("a{}b", "alerts"), "{a{}b}:alerts");
    }
}
