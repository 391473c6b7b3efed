//! The message of a rule: the fields of an entry of the stream, and the same as JSON.

use super::rule::Rule;
use super::state::Notice;
use crate::event::json::Object;
use crate::text::numeral::shown_number;

pub struct Message<'r> {
    pub rule: &'r Rule,
    pub notice: Notice,
    /// None: nothing was measured, for the rule was taken away.
    pub value: Option<f64>,
    pub time: i64,
}

impl Message<'_> {
    /// In this order; a value that was not measured is empty.
    pub fn fields(&self) -> [(&'static str, Vec<u8>); 9] {
        let rule = self.rule;
        let value = self.value.map(shown_number).unwrap_or_default();
        [
            ("rule", rule.name.to_vec()),
            ("state", self.notice.name().into()),
            ("value", value.into()),
            ("threshold", shown_number(rule.condition.threshold()).into()),
            ("window", rule.window.to_string().into()),
            ("time", self.time.to_string().into()),
            ("severity", rule.severity.to_vec()),
            ("metric", rule.metric.to_vec()),
            ("op", rule.condition.op().name().into()),
        ]
    }

    pub fn json(&self, site: &[u8]) -> Vec<u8> {
        let mut object = Object::new();
        object.text("site", site);
        for (name, text) in self.fields() {
            match name {
                "value" => object.number(name, self.value),
                "threshold" | "time" => object.raw(name, &text),
                _ => object.text(name, &text),
            }
        }
        object.finish()
    }
}
