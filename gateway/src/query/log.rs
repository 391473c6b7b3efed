//! The latest events of a site, from the stream that the module writes them to (`LOG`), and the latest
//! messages of its alert rules, from another.

use crate::alerts::message::Alert;
use crate::sites::{key::hex, Site};
use crate::store::{list, stream_of, word};
use crate::time;
use jiff::tz::TimeZone;
use redis::{cmd, Cmd, Value};
use serde::Serialize;
use serde_json::{Map, Number, Value as Json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// How far back a page may begin: entries in front of it are read and skipped.
pub const DEEPEST: usize = 10_000;

/// One event of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedEvent {
    /// Of the entry in the stream.
    pub id: String,
    pub event: String,
    /// As it came where the site shows it (`clear_ids`), else a hash of it.
    pub user: String,
    /// In the zone of the site.
    pub time: String,
    pub time_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[schema(value_type = Object)]
    pub dimensions: Map<String, Json>,
    #[schema(value_type = Object)]
    pub values: Map<String, Json>,
}

pub fn command(site: &str, limit: usize, offset: usize) -> Cmd {
    latest(&stream_of(site, "events"), limit.saturating_add(offset))
}

/// The latest entries of a stream.
pub fn latest(stream: &str, limit: usize) -> Cmd {
    let mut command = cmd("XREVRANGE");
    command.arg(stream).arg("+").arg("-");
    command.arg("COUNT").arg(limit);
    command
}

/// The messages of alert rules, latest first.
pub fn alerts(reply: &Value, site: &Site, zone: &TimeZone) -> Json {
    let entries = list(reply).iter().filter_map(|entry| match list(entry) {
        [_, fields] => Some(Alert::of_entry(&site.name, list(fields))),
        _ => None,
    });
    let rows = entries.map(|alert| {
        let mut row = alert.json();
        if let Some(members) = row.as_object_mut() {
            members.remove("site");
            members.remove("time");
            let iso = Json::from(time::iso(alert.time, zone));
            members.insert(String::from("time"), iso);
            members.insert(String::from("time_ms"), Json::from(alert.time));
        }
        row
    });
    rows.collect()
}

/// The entries behind the offset.
pub fn read(reply: &Value, site: &Site, offset: usize, zone: &TimeZone) -> Vec<LoggedEvent> {
    let entries = list(reply).iter().skip(offset);
    entries.map(|entry| event(entry, site, zone)).collect()
}

fn event(entry: &Value, site: &Site, zone: &TimeZone) -> LoggedEvent {
    let (id, fields) = match list(entry) {
        [id, fields] => (word(id), fields),
        _ => (String::new(), &Value::Nil),
    };
    let mut event = LoggedEvent {
        id,
        event: String::new(),
        user: String::new(),
        time: String::new(),
        time_ms: 0,
        session: None,
        dimensions: Map::new(),
        values: Map::new(),
    };
    for pair in list(fields).chunks_exact(2) {
        let [name, value] = pair else { continue };
        let (name, value) = (word(name), word(value));
        match name.as_str() {
            "event" => event.event = value,
            "user" => event.user = shown(value, site),
            "user-hash" => event.user = value,
            "session" => event.session = Some(shown(value, site)),
            "session-hash" => event.session = Some(value),
            "time" => {
                event.time_ms = value.parse().unwrap_or_default();
                event.time = time::iso(event.time_ms, zone);
            }
            _ => {
                if let Some(dimension) = name.strip_prefix("dim:") {
                    event
                        .dimensions
                        .insert(String::from(dimension), value.into());
                } else if let Some(known) = name.strip_prefix("val:") {
                    let number = value.parse().ok().and_then(Number::from_f64);
                    let number = number.map_or(Json::Null, Json::Number);
                    event.values.insert(String::from(known), number);
                }
            }
        }
    }
    event
}

/// The id of a user or session as listeners see it.
pub fn shown(id: String, site: &Site) -> String {
    if site.clear_ids {
        return id;
    }
    let mut hash = Sha256::new();
    hash.update(site.name.as_bytes());
    hash.update([0]);
    hash.update(id.as_bytes());
    let digest = hash.finalize();
    hex(digest.get(..8).unwrap_or_default())
}
