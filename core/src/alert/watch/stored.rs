//! How alert rules and live metrics are stored with their site (`site/stored.rs`).
//!
//! ```text
//! rules:    n | n × rule                                       by name
//! rule:     name | metric | window | op | threshold | flags | [clear] | [for] | every | [repeat]
//!           | severity | state
//! op:       0 >, 1 >=, 2 <, 3 <=, 4 =, 5 change>, 6 change<
//! flags:    1 has clear, 2 has for, 4 has repeat, 8 is paused
//! state:    0 | 1 since | 2 since sent                         ok, pending, firing
//! feeds:    n | n × (name | every | window | m | m × metric)   by name
//! ```
//!
//! Durations are milliseconds. A window is its text; a metric, too, and it is not read here: whether
//! it can be answered depends on settings that change.

use super::Watch;
use crate::alert::live::Feed;
use crate::alert::{Alarm, Condition, Op, Rule, State, LEAST, LONGEST, OPS, SLOWEST};
use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;
use crate::schema::limits;
use crate::time::{is_supported, Duration, Window};

/// Which parts a site has: bits of one byte.
pub const RULES: u8 = 1;
pub const FEEDS: u8 = 2;

const CLEAR: u8 = 1;
const HOLD: u8 = 2;
const REPEAT: u8 = 4;
const PAUSED: u8 = 8;

const LONGEST_WINDOW: usize = 32;

impl Watch {
    /// The bits of the parts that there are.
    pub fn parts(&self) -> u8 {
        let rules = if self.alarms.is_empty() { 0 } else { RULES };
        rules | if self.feeds.is_empty() { 0 } else { FEEDS }
    }

    pub fn encode(&self, writer: &mut Writer) {
        if !self.alarms.is_empty() {
            writer.varint(self.alarms.len() as u64);
            self.alarms.iter().for_each(|it| encode_alarm(it, writer));
        }
        if !self.feeds.is_empty() {
            writer.varint(self.feeds.len() as u64);
            self.feeds.iter().for_each(|it| encode_feed(it, writer));
        }
    }

    /// The parts of which there are bits.
    pub fn decode(parts: u8, reader: &mut Reader) -> Result<Watch, Corrupt> {
        let mut watch = Watch::default();
        if parts & RULES != 0 {
            for _ in 0..count(reader, "rules", limits::RULES_PER_SITE, 16)? {
                let alarm = decode_alarm(reader)?;
                let last = watch.alarms.last();
                if last.is_some_and(|last| last.rule.name >= alarm.rule.name) {
                    return Err(corrupt("rules", "not in order"));
                }
                watch.alarms.push(alarm);
            }
        }
        if parts & FEEDS != 0 {
            for _ in 0..count(reader, "live metrics", limits::FEEDS_PER_SITE, 8)? {
                let feed = decode_feed(reader)?;
                let last = watch.feeds.last();
                if last.is_some_and(|last| last.name >= feed.name) {
                    return Err(corrupt("live metrics", "not in order"));
                }
                watch.feeds.push(feed);
            }
        }
        Ok(watch)
    }
}

fn encode_alarm(alarm: &Alarm, writer: &mut Writer) {
    let rule = &alarm.rule;
    writer.bytes(&rule.name);
    writer.bytes(&rule.metric);
    writer.bytes(rule.window.to_string().as_bytes());
    let op = OPS.iter().position(|(_, op)| *op == rule.condition.op());
    writer.u8(op.unwrap_or(0) as u8);
    writer.float(rule.condition.threshold());
    let bit = |bit: u8, is_set: bool| if is_set { bit } else { 0 };
    let clear = rule.condition.clear();
    writer.u8(bit(CLEAR, clear.is_some())
        | bit(HOLD, rule.hold.is_some())
        | bit(REPEAT, rule.repeat.is_some())
        | bit(PAUSED, alarm.paused));
    if let Some(clear) = clear {
        writer.float(clear);
    }
    for length in [rule.hold, Some(rule.every), rule.repeat]
        .into_iter()
        .flatten()
    {
        encode_length(length, writer);
    }
    writer.bytes(&rule.severity);
    match alarm.state {
        State::Ok => writer.u8(0),
        State::Pending { since } => {
            writer.u8(1);
            writer.signed(since);
        }
        State::Firing { since, sent } => {
            writer.u8(2);
            writer.signed(since);
            writer.signed(sent);
        }
    }
}

fn decode_alarm(reader: &mut Reader) -> Result<Alarm, Corrupt> {
    let name = text(reader, "rule", limits::NAME)?;
    let metric = text(reader, "rule's metric", limits::METRIC)?;
    let window = decode_window(reader)?;
    let op: Option<&(&str, Op)> = OPS.get(usize::from(reader.u8("op")?));
    let (_, op) = op.ok_or(corrupt("op", "unknown"))?;
    let threshold = reader.float("threshold")?;
    let flags = reader.u8("rule flags")?;
    if flags & !(CLEAR | HOLD | REPEAT | PAUSED) != 0 {
        return Err(corrupt("rule flags", "unknown bits"));
    }
    let clear = match flags & CLEAR {
        0 => None,
        _ => Some(reader.float("clear")?),
    };
    let condition = Condition::new(*op, threshold, clear)
        .map_err(|_| corrupt("clear", "on the wrong side of the threshold"))?;
    let hold = match flags & HOLD {
        0 => None,
        _ => Some(decode_length(reader, "for", LONGEST)?),
    };
    let every = decode_length(reader, "every", SLOWEST)?;
    let repeat = match flags & REPEAT {
        0 => None,
        _ => Some(decode_length(reader, "repeat", LONGEST)?),
    };
    let severity = text(reader, "severity", limits::NAME)?;
    let state = decode_state(reader)?;
    Ok(Alarm {
        rule: Rule {
            name,
            metric,
            window,
            condition,
            hold,
            every,
            repeat,
            severity,
        },
        paused: flags & PAUSED != 0,
        state,
    })
}

fn decode_state(reader: &mut Reader) -> Result<State, Corrupt> {
    let kind = reader.u8("state")?;
    let mut time = || match reader.signed("time of a state")? {
        time if is_supported(time) => Ok(time),
        _ => Err(corrupt("time of a state", "out of range")),
    };
    match kind {
        0 => Ok(State::Ok),
        1 => Ok(State::Pending { since: time()? }),
        2 => Ok(State::Firing {
            since: time()?,
            sent: time()?,
        }),
        _ => Err(corrupt("state", "unknown")),
    }
}

fn encode_feed(feed: &Feed, writer: &mut Writer) {
    writer.bytes(&feed.name);
    encode_length(feed.every, writer);
    writer.bytes(feed.window.to_string().as_bytes());
    writer.varint(feed.metrics.len() as u64);
    feed.metrics.iter().for_each(|metric| writer.bytes(metric));
}

fn decode_feed(reader: &mut Reader) -> Result<Feed, Corrupt> {
    let name = text(reader, "live metric", limits::NAME)?;
    let every = decode_length(reader, "every", SLOWEST)?;
    let window = decode_window(reader)?;
    let mut metrics: Vec<Box<[u8]>> = Vec::new();
    for _ in 0..count(reader, "metrics", limits::METRICS_PER_QUERY, 2)? {
        let metric = text(reader, "metric", limits::METRIC)?;
        if metrics.contains(&metric) {
            return Err(corrupt("metric", "twice"));
        }
        metrics.push(metric);
    }
    Ok(Feed {
        name,
        every,
        window,
        metrics,
    })
}

/// At least one: a part without anything is not written.
fn count(
    reader: &mut Reader,
    field: &'static str,
    max: usize,
    item_bytes: usize,
) -> Result<usize, Corrupt> {
    match reader.count(field, max, item_bytes)? {
        0 => Err(corrupt(field, "none")),
        count => Ok(count),
    }
}

fn text(reader: &mut Reader, field: &'static str, max: usize) -> Result<Box<[u8]>, Corrupt> {
    match reader.bytes(field, max)? {
        [] => Err(corrupt(field, "empty")),
        text => Ok(text.into()),
    }
}

fn encode_length(length: Duration, writer: &mut Writer) {
    writer.varint(length.as_millis().unwrap_or(0) as u64);
}

fn decode_length(reader: &mut Reader, field: &'static str, most: i64) -> Result<Duration, Corrupt> {
    let millis = reader.varint_to(field, most as u64)? as i64;
    let length = Duration::of_millis(millis).filter(|_| millis >= LEAST);
    length.ok_or(corrupt(field, "out of range"))
}

fn decode_window(reader: &mut Reader) -> Result<Window, Corrupt> {
    let text = reader.bytes("window", LONGEST_WINDOW)?;
    let window = Window::parse_moving(text).map_err(|_| corrupt("window", "none that moves"))?;
    if window.to_string().as_bytes() != text {
        return Err(corrupt("window", "not in its shortest form"));
    }
    Ok(window)
}
