//! An event of the demo, and how it is sent.

use redis::Cmd;

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub time: i64,
    pub name: &'static str,
    pub user: String,
    pub dimensions: Vec<(&'static str, String)>,
    pub values: Vec<(&'static str, f64)>,
    /// It makes a visit longer, and is no part of its path.
    pub passive: bool,
}

impl Event {
    /// The value of a dimension; the name is that of `event`.
    pub fn dimension(&self, name: &str) -> Option<&str> {
        if name == "event" {
            return Some(self.name);
        }
        let mut all = self.dimensions.iter();
        all.find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn value(&self, name: &str) -> Option<f64> {
        let mut all = self.values.iter();
        all.find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    fn append_to(&self, command: &mut Cmd) {
        command.arg("EVENT").arg(self.name).arg(&self.user);
        command.arg("AT").arg(self.time);
        for (name, value) in &self.dimensions {
            command.arg("DIM").arg(name).arg(value);
        }
        for (name, value) in &self.values {
            command.arg("VAL").arg(name).arg(*value);
        }
        if self.passive {
            command.arg("PASSIVE");
        }
    }
}

/// `ANALYTICS.MTRACK` of these.
pub fn mtrack(site: &str, events: &[Event]) -> Cmd {
    let mut command = redis::cmd("ANALYTICS.MTRACK");
    command.arg(site);
    for event in events {
        event.append_to(&mut command);
    }
    command
}
