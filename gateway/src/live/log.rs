//! The events of a site that logs them: `{site}:events`, read from where it was left, a few times a
//! second. All clients' events are there, also of those that do not use a gateway.
//!
//! It is read without blocking: a command that blocks would need a connection for each site, and to
//! be moved with its slot in a cluster; this one goes over the connection that there is.

use super::event::LiveEvent;
use crate::store::{entries, integer, pairs, stream_of, text, Redis, StoreError};
use redis::cmd;

/// Entries that are read at once; if there are more, what lies between is counted and skipped.
const MOST: usize = 100;

/// Where reading goes on.
#[derive(Debug)]
pub struct Cursor {
    key: String,
    id: String,
    /// Entries that the stream had ever had at this place.
    added: i64,
}

/// The id of the last entry, and how many there have ever been.
async fn end_of(redis: &Redis, key: &str) -> Result<(String, i64), StoreError> {
    let mut info = cmd("XINFO");
    info.arg("STREAM").arg(key);
    let fields = match redis.query(&info).await {
        Ok(reply) => pairs(reply),
        // No event has been logged yet.
        Err(error) if error.message().contains("no such key") => Vec::new(),
        Err(error) => return Err(error),
    };
    let field = |name: &str| {
        let found = fields.iter().find(|(field, _)| text(field) == Some(name));
        found.map(|(_, value)| value)
    };
    let id = field("last-generated-id").and_then(text).unwrap_or("0-0");
    let added = field("entries-added").and_then(integer).unwrap_or(0);
    Ok((String::from(id), added))
}

impl Cursor {
    /// At the end of the log.
    pub async fn at_end(redis: &Redis, site: &str) -> Result<Cursor, StoreError> {
        let key = stream_of(site, "events");
        let (id, added) = end_of(redis, &key).await?;
        Ok(Cursor { key, id, added })
    }

    /// What has come since, and how many events were skipped because there are too many.
    pub async fn read(&mut self, redis: &Redis) -> Result<(Vec<LiveEvent>, u64), StoreError> {
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(MOST).arg("STREAMS");
        read.arg(&self.key).arg(&self.id);
        let entries = entries(redis.query(&read).await?);
        if let Some((id, _)) = entries.last() {
            self.id.clone_from(id);
        }
        self.added += entries.len() as i64;
        let full = entries.len() >= MOST;
        let events = entries
            .iter()
            .filter_map(|(_, fields)| LiveEvent::of_entry(fields));
        let events = events.collect();
        let mut skipped = 0;
        if full {
            let (id, added) = end_of(redis, &self.key).await?;
            skipped = u64::try_from(added - self.added).unwrap_or(0);
            (self.id, self.added) = (id, added);
        }
        Ok((events, skipped))
    }
}
