//! The content of an alert: an entry of `{site}:alerts`, as JSON and as sentences.

use crate::store::text;
use crate::time::iso;
use jiff::tz::TimeZone;
use redis::Value;
use serde_json::{json, Map, Value as Json};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alert {
    pub site: String,
    pub rule: String,
    pub state: String,
    pub metric: String,
    pub window: String,
    pub op: String,
    pub severity: String,
    pub threshold: String,
    /// Empty when the rule was cancelled.
    pub value: String,
    pub time: i64,
}

impl Alert {
    /// The fields and values of an entry in turn.
    pub fn of_entry(site: &str, fields: &[Value]) -> Alert {
        let mut alert = Alert {
            site: String::from(site),
            ..Alert::default()
        };
        for pair in fields.chunks_exact(2) {
            let [field, value] = pair else { continue };
            let value = match value {
                Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                _ => continue,
            };
            match text(field) {
                Some("rule") => alert.rule = value,
                Some("state") => alert.state = value,
                Some("metric") => alert.metric = value,
                Some("window") => alert.window = value,
                Some("op") => alert.op = value,
                Some("severity") => alert.severity = value,
                Some("threshold") => alert.threshold = value,
                Some("value") => alert.value = value,
                Some("time") => alert.time = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        alert
    }

    /// As the module publishes it.
    pub fn json(&self) -> Json {
        let number = |text: &str| text.parse::<f64>().ok().map_or(Json::Null, Json::from);
        let mut object = Map::new();
        for (name, value) in [
            ("site", &self.site),
            ("rule", &self.rule),
            ("state", &self.state),
            ("metric", &self.metric),
            ("window", &self.window),
            ("op", &self.op),
            ("severity", &self.severity),
        ] {
            object.insert(String::from(name), Json::from(value.as_str()));
        }
        object.insert(String::from("threshold"), number(&self.threshold));
        object.insert(String::from("value"), number(&self.value));
        object.insert(String::from("time"), Json::from(self.time));
        Json::Object(object)
    }

    pub fn subject(&self) -> String {
        let Alert {
            site, rule, state, ..
        } = self;
        format!("[{state}] {site}: {rule}")
    }

    pub fn sentence(&self) -> String {
        let measured = match self.value.as_str() {
            "" => String::new(),
            value => format!(": {value}"),
        };
        format!(
            "{} over {}{measured} (rule: {} {})",
            self.metric, self.window, self.op, self.threshold
        )
    }

    /// The body of an e-mail.
    pub fn letter(&self) -> String {
        format!(
            "Site: {}\nRule: {}\nState: {}\nSeverity: {}\n{}\nTime: {}\n",
            self.site,
            self.rule,
            self.state,
            self.severity,
            self.sentence(),
            iso(self.time, &TimeZone::UTC),
        )
    }

    /// Slack reads three characters as its own.
    pub fn slack(&self) -> Json {
        let text = format!("*{}*\n{}", self.subject(), self.sentence());
        let text = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        json!({"text": text})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_json_a_letter_and_a_message() {
        let words = [
            "rule",
            "slow",
            "state",
            "firing",
            "value",
            "901.5",
            "threshold",
            "800",
            "window",
            "5m",
            "severity",
            "page",
            "metric",
            "latency:p95",
            "op",
            ">",
            "time",
            "1796029237758",
        ];
        let fields: Vec<Value> = words
            .iter()
            .map(|word| Value::BulkString(word.as_bytes().to_vec()))
            .collect();
        let alert = Alert::of_entry("shop", &fields);
        assert_eq!(
            alert.json(),
            json!({"site": "shop", "rule": "slow", "state": "firing", "value": 901.5,
                "threshold": 800.0, "window": "5m", "severity": "page", "metric": "latency:p95",
                "op": ">", "time": 1_796_029_237_758_i64})
        );
        assert_eq!(alert.subject(), "[firing] shop: slow");
        let slack = alert.slack();
        assert_eq!(
            slack["text"],
            "*[firing] shop: slow*\nlatency:p95 over 5m: 901.5 (rule: &gt; 800)"
        );
        assert!(alert.letter().contains("Severity: page\n"));
        let cancelled = Alert {
            value: String::new(),
            ..alert
        };
        assert_eq!(cancelled.json()["value"], Json::Null);
    }
}
