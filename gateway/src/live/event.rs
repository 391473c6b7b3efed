//! An event as listeners are shown it: read from a command that Redis has confirmed, from the site's
//! log, or from another gateway; written as the JSON of the web socket.

use crate::enrich::{Enrich, Rotation};
use crate::sites::Site;
use crate::time::iso;
use jiff::tz::TimeZone;
use redis::Value;
use serde::{Deserialize, Serialize};
use serde_json::{json, Map, Value as Json};

/// The form in which gateways pass events on to each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveEvent {
    pub name: String,
    /// The user's id, or a hash of it where the log has no more.
    pub user: String,
    pub time: i64,
    pub dimensions: Vec<(String, String)>,
    pub values: Vec<(String, f64)>,
    /// How many events it stands for, itself among them.
    pub sampled: u64,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(bytes: &[u8]) -> Option<f64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

impl LiveEvent {
    /// The site and the events of a `TRACK` or `MTRACK`.
    pub fn of_command<'a>(
        words: impl Iterator<Item = &'a [u8]>,
    ) -> Option<(&'a [u8], Vec<LiveEvent>)> {
        let mut words = words.peekable();
        let many = match words.next()? {
            b"ANALYTICS.TRACK" => false,
            b"ANALYTICS.MTRACK" => true,
            _ => return None,
        };
        let site = words.next()?;
        let mut events = Vec::new();
        loop {
            if many && words.next_if_eq(&b"EVENT".as_slice()).is_none() {
                break;
            }
            let mut event = LiveEvent {
                name: text(words.next()?),
                user: text(words.next()?),
                sampled: 1,
                ..LiveEvent::default()
            };
            while let Some(word) = words.next_if(|word| *word != b"EVENT") {
                match word {
                    b"AT" => event.time = number(words.next()?)? as i64,
                    b"ID" | b"SESSION" => drop(words.next()?),
                    b"DIM" => {
                        let pair = (text(words.next()?), text(words.next()?));
                        event.dimensions.push(pair);
                    }
                    b"VAL" => {
                        let pair = (text(words.next()?), number(words.next()?)?);
                        event.values.push(pair);
                    }
                    _ => {}
                }
            }
            events.push(event);
            if !many {
                break;
            }
        }
        Some((site, events))
    }

    /// An entry of the log: its fields and values in turn.
    pub fn of_entry(fields: &[Value]) -> Option<LiveEvent> {
        let mut event = LiveEvent {
            sampled: 1,
            ..LiveEvent::default()
        };
        for pair in fields.chunks_exact(2) {
            let [Value::BulkString(field), Value::BulkString(value)] = pair else {
                return None;
            };
            match field.as_slice() {
                b"event" => event.name = text(value),
                b"user" | b"user-hash" => event.user = text(value),
                b"time" => event.time = number(value)? as i64,
                other => {
                    if let Some(name) = other.strip_prefix(b"dim:") {
                        event.dimensions.push((text(name), text(value)));
                    } else if let Some(name) = other.strip_prefix(b"val:") {
                        event.values.push((text(name), number(value)?));
                    }
                }
            }
        }
        (!event.name.is_empty()).then_some(event)
    }

    /// What listeners get. The user's id is hashed under the salt of the day, which all gateways
    /// share, unless the site shows ids as they came; without a salt there is none.
    pub fn json(&self, site: &Site, zone: &TimeZone, enrich: &Enrich) -> String {
        let visitor = if site.clear_ids {
            Some(self.user.clone())
        } else {
            let parts = [site.name.as_bytes(), b"live", self.user.as_bytes()];
            let now = crate::time::now_ms();
            enrich.salts.visitor(Rotation::Daily, &parts, now)
        };
        let mut page = None;
        let mut data = Map::new();
        for (name, value) in &self.dimensions {
            if name == "page" {
                page = Some(value);
            } else {
                data.insert(name.clone(), Json::from(value.as_str()));
            }
        }
        for (name, value) in &self.values {
            data.insert(name.clone(), Json::from(*value));
        }
        let mut event = json!({
            "type": self.name,
            "visitor_id": visitor,
            "timestamp": self.time,
            "time": iso(self.time, zone),
            "page_url": page,
            "data": data,
        });
        if let (true, Some(members)) = (self.sampled > 1, event.as_object_mut()) {
            members.insert(String::from("sampled"), Json::from(self.sampled));
        }
        event.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Event;
    use redis::{cmd, Arg, Cmd};

    fn words(command: &Cmd) -> Vec<Vec<u8>> {
        let words = command.args_iter().map(|arg| match arg {
            Arg::Simple(word) => word.to_vec(),
            _ => Vec::new(),
        });
        words.collect()
    }

    #[test]
    fn commands_are_read_as_they_were_written_whatever_the_texts() {
        let event = |name: &str| Event {
            name: String::from(name),
            user: String::from("EVENT"),
            session: Some(String::from("DIM")),
            id: String::from("EVENT"),
            time: 1_796_029_237_758,
            passive: true,
            dimensions: vec![(String::from("EVENT"), String::from("EVENT"))],
            values: vec![(String::from("AT"), 5.5)],
        };
        let expected = |name: &str| LiveEvent {
            name: String::from(name),
            user: String::from("EVENT"),
            time: 1_796_029_237_758,
            dimensions: vec![(String::from("EVENT"), String::from("EVENT"))],
            values: vec![(String::from("AT"), 5.5)],
            sampled: 1,
        };
        let mut one = cmd("ANALYTICS.TRACK");
        one.arg("shop");
        event("EVENT").append_to(&mut one, true);
        let mut many = cmd("ANALYTICS.MTRACK");
        many.arg("shop");
        for name in ["EVENT", "b"] {
            many.arg("EVENT");
            event(name).append_to(&mut many, true);
        }
        for (command, names) in [(one, vec!["EVENT"]), (many, vec!["EVENT", "b"])] {
            let words = words(&command);
            let read = LiveEvent::of_command(words.iter().map(Vec::as_slice));
            let (site, events) = read.expect("is read");
            assert_eq!(site, b"shop");
            let expected: Vec<LiveEvent> = names.into_iter().map(expected).collect();
            assert_eq!(events, expected);
        }
        assert!(LiveEvent::of_command([b"PING".as_slice()].into_iter()).is_none());
    }
}
