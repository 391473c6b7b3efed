//! What the answers need of a site's settings in the module: its zone, dimensions and cubes. Held in
//! memory for some seconds, so that a question is one command.

use crate::error::ApiResult;
use crate::metrics::Metrics;
use crate::store::{integer, list, map_of, text, Failure, Redis};
use crate::time;
use jiff::tz::TimeZone;
use quick_cache::sync::Cache;
use redis::{cmd, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SITES: usize = 10_000;
const FRESH: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Facts {
    pub zone: TimeZone,
    /// The time of the first event, in milliseconds.
    pub first_event: Option<i64>,
    pub dimensions: Vec<String>,
    /// Each by the names of its dimensions, joined by commas.
    pub cubes: Vec<String>,
}

impl Default for Facts {
    fn default() -> Facts {
        Facts {
            zone: TimeZone::UTC,
            first_event: None,
            dimensions: Vec::new(),
            cubes: Vec::new(),
        }
    }
}

pub struct FactsCache(Cache<String, (Instant, Arc<Facts>)>);

impl Default for FactsCache {
    fn default() -> FactsCache {
        FactsCache(Cache::new(SITES))
    }
}

impl FactsCache {
    /// They have changed.
    pub fn forget(&self, site: &str) {
        self.0.remove(site);
    }

    /// Those of the site; of one that has counted nothing yet, the zone is UTC.
    pub async fn of(&self, redis: &Redis, metrics: &Metrics, site: &str) -> ApiResult<Arc<Facts>> {
        if let Some((read, facts)) = self.0.get(site) {
            if read.elapsed() < FRESH {
                return Ok(facts);
            }
        }
        let begun = Instant::now();
        let reply = redis.query(cmd("ANALYTICS.INFO").arg(site)).await;
        metrics.redis_took("info", begun.elapsed());
        let facts = match reply {
            Ok(reply) => Arc::new(read(&reply)),
            Err(error) if error.failure == Failure::Refused => Arc::new(Facts::default()),
            Err(error) => return Err(error.into()),
        };
        let kept = (begun, Arc::clone(&facts));
        self.0.insert(String::from(site), kept);
        Ok(facts)
    }
}

fn read(info: &Value) -> Facts {
    let mut facts = Facts::default();
    for (name, value) in map_of(info) {
        match name {
            "timezone" => {
                if let Some(zone) = text(value).and_then(time::zone) {
                    facts.zone = zone;
                }
            }
            "first-event" => facts.first_event = integer(value),
            "dimensions" => facts.dimensions = names(value),
            "cubes" => facts.cubes = names(value),
            _ => {}
        }
    }
    facts
}

/// The names of a map, or of an array of rows that begin with theirs.
fn names(value: &Value) -> Vec<String> {
    if let Value::Map(pairs) = value {
        return pairs
            .iter()
            .filter_map(|(name, _)| text(name))
            .map(String::from)
            .collect();
    }
    let first = |row: &Value| match row {
        Value::Array(items) => items.first().and_then(text).map(String::from),
        one => text(one).map(String::from),
    };
    list(value).iter().filter_map(first).collect()
}

impl Facts {
    /// `(users@country=FR&page=/a)`: in parentheses a `/` of a value divides nothing.
    pub fn metric(&self, measure: &str, pairs: &[(&str, &str)]) -> String {
        match pairs {
            [] => String::from(measure),
            pairs => format!("({measure}@{})", self.selector(pairs)),
        }
    }

    /// `country=FR&page=/a`, so that no value is read as a further dimension: in front of the name
    /// of a dimension an `&` that belongs to the value is doubled.
    fn selector(&self, pairs: &[(&str, &str)]) -> String {
        let mut out = String::new();
        for (place, (name, value)) in pairs.iter().enumerate() {
            if place > 0 {
                out.push('&');
            }
            out.push_str(name);
            out.push('=');
            self.append_value(&mut out, value);
        }
        out
    }

    fn append_value(&self, out: &mut String, value: &str) {
        let mut rest = value;
        while let Some(at) = rest.find('&') {
            let (before, from) = rest.split_at(at);
            let after = from.trim_start_matches('&');
            let (run, _) = from.split_at(from.len() - after.len());
            out.push_str(before);
            out.push_str(run);
            let begins = |name: &str| {
                after
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('='))
            };
            if begins("event") || self.dimensions.iter().any(|name| begins(name)) {
                out.push('&');
            }
            rest = after;
        }
        out.push_str(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_of_a_row_stands_in_parentheses() {
        let facts = Facts::default();
        let metric = |pairs: &[(&str, &str)]| facts.metric("users", pairs);
        assert_eq!(metric(&[]), "users");
        assert_eq!(metric(&[("page", "/api/users")]), "(users@page=/api/users)");
    }

    #[test]
    fn a_value_that_looks_like_a_further_dimension_is_escaped() {
        let facts = Facts {
            dimensions: vec![String::from("country")],
            ..Facts::default()
        };
        let selector = |value| facts.selector(&[("page", value), ("event", "view")]);
        assert_eq!(selector("/a"), "page=/a&event=view");
        assert_eq!(selector("/a?x=1&y=2"), "page=/a?x=1&y=2&event=view");
        assert_eq!(
            selector("/a?b&country=FR"),
            "page=/a?b&&country=FR&event=view"
        );
        assert_eq!(
            selector("/a?b&&event=x&"),
            "page=/a?b&&&event=x&&event=view"
        );
    }
}
