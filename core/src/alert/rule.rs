//! A rule, in the words of `ANALYTICS.ALERT site SET`:
//! `name metric window op threshold [CLEAR threshold] [FOR duration] [EVERY duration]
//! [REPEAT duration] [SEVERITY word]`.

use super::condition::{Condition, Op};
use crate::error::{shown, Error, Result};
use crate::memory::allocated;
use crate::query::metric::Metric;
use crate::schema::limits;
use crate::schema::{check_name, Names};
use crate::text::numeral::{parse_number, shown_number};
use crate::text::syntax::{once, unknown, Argument};
use crate::time::{Duration, Window, MINUTE, SECOND};

#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub name: Box<[u8]>,
    /// As it was given: it is parsed at every evaluation, for the site's settings may change.
    pub metric: Box<[u8]>,
    pub window: Window,
    pub condition: Condition,
    /// How long the condition has to hold before the rule fires.
    pub hold: Option<Duration>,
    pub every: Duration,
    pub repeat: Option<Duration>,
    pub severity: Box<[u8]>,
}

pub const CLEAR: Argument = Argument::number(c"threshold").behind(c"CLEAR").optional();
pub const FOR: Argument = Argument::text(c"duration").behind(c"FOR").optional();
pub const EVERY: Argument = Argument::text(c"duration").behind(c"EVERY").optional();
pub const REPEAT: Argument = Argument::text(c"duration").behind(c"REPEAT").optional();
pub const SEVERITY: Argument = Argument::text(c"word").behind(c"SEVERITY").optional();

/// The words behind `SET`.
pub const RULE: &[Argument] = &[
    Argument::text(c"name"),
    Argument::text(c"metric"),
    Argument::text(c"window"),
    Argument::text(c"op"),
    Argument::number(c"threshold"),
    CLEAR,
    FOR,
    EVERY,
    REPEAT,
    SEVERITY,
];

const OPTIONS: &[Argument] = &[CLEAR, FOR, EVERY, REPEAT, SEVERITY];
const DEFAULT_SEVERITY: &[u8] = b"warning";

impl Rule {
    /// The words behind `SET`. `names`: those that the metric may have.
    pub fn parse(words: &[&[u8]], names: Names) -> Result<Rule> {
        let [name, metric, window, op, threshold, options @ ..] = words else {
            return Err(Error::new(
                "SET needs a name, a metric, a window, an op and a threshold",
            ));
        };
        check_metric(metric, names)?;
        let window = Window::parse_moving(window)?;
        let op = Op::parse(op)?;
        let threshold = parse_threshold("threshold", threshold)?;

        let (mut clear, mut hold, mut every, mut repeat) = (None, None, None, None);
        let mut severity = None;
        let mut rest = options.iter().copied();
        while let Some(option) = rest.next() {
            let mut next = |what: &str| {
                rest.next().ok_or_else(|| {
                    Error::new(format!("{} needs a {what}", shown(option).to_uppercase()))
                })
            };
            if CLEAR.is(option) {
                let number = parse_threshold("CLEAR", next("threshold")?)?;
                once(&CLEAR, clear.replace(number).is_none())?;
            } else if FOR.is(option) {
                let length = parse_length("FOR", next("duration")?)?;
                once(&FOR, hold.replace(length).is_none())?;
            } else if EVERY.is(option) {
                let length = parse_length("EVERY", next("duration")?)?;
                once(&EVERY, every.replace(length).is_none())?;
            } else if REPEAT.is(option) {
                let length = parse_length("REPEAT", next("duration")?)?;
                once(&REPEAT, repeat.replace(length).is_none())?;
            } else if SEVERITY.is(option) {
                let word = next("word")?;
                once(&SEVERITY, severity.replace(word).is_none())?;
            } else {
                return Err(unknown(option, OPTIONS));
            }
        }
        let rule = Rule {
            name: (*name).into(),
            metric: (*metric).into(),
            condition: Condition::new(op, threshold, clear)?,
            hold,
            every: every.unwrap_or_else(|| default_pace(&window)),
            repeat,
            severity: severity.unwrap_or(DEFAULT_SEVERITY).into(),
            window,
        };
        rule.check().map_err(|(_, error)| error)?;
        Ok(rule)
    }

    /// Checks what does not depend on the site, and names the field that is wrong. Whether a site has the
    /// metric is not checked, for its settings may change.
    pub fn check(&self) -> std::result::Result<(), (&'static str, Error)> {
        let of = |field| move |error| (field, error);
        check_name("rule", &self.name).map_err(of("rule"))?;
        check_metric_length(&self.metric).map_err(of("rule's metric"))?;
        for (field, option, length) in
            [("for", "FOR", self.hold), ("repeat", "REPEAT", self.repeat)]
        {
            if let Some(length) = length {
                check_length(option, length, MIN_LENGTH, MAX_LENGTH).map_err(of(field))?;
            }
        }
        check_every("EVERY", self.every).map_err(of("every"))?;
        check_name("severity", &self.severity).map_err(of("severity"))
    }

    /// The words that make the same rule, whatever the defaults are elsewhere.
    pub fn words(&self) -> Vec<Vec<u8>> {
        let mut words = vec![
            self.name.to_vec(),
            self.metric.to_vec(),
            self.window.to_string().into_bytes(),
            self.condition.op().name().into(),
            shown_number(self.condition.threshold()).into_bytes(),
        ];
        let clear = self.condition.clear().map(shown_number);
        let durations = [
            ("FOR", self.hold),
            ("EVERY", Some(self.every)),
            ("REPEAT", self.repeat),
        ];
        let durations = durations.map(|(name, length)| (name, length.map(|it| it.to_string())));
        for (name, text) in [("CLEAR", clear)].into_iter().chain(durations) {
            if let Some(text) = text {
                words.extend([name.into(), text.into_bytes()]);
            }
        }
        words.extend([b"SEVERITY".to_vec(), self.severity.to_vec()]);
        words
    }

    /// Whether this rule fires exactly when the other one does.
    pub fn fires_like(&self, other: &Rule) -> bool {
        self.metric == other.metric
            && self.window == other.window
            && self.condition == other.condition
            && self.hold == other.hold
    }

    pub fn heap_bytes(&self) -> usize {
        [&self.name, &self.metric, &self.severity]
            .map(|text| allocated(text.len()))
            .iter()
            .sum()
    }
}

const MIN_LENGTH: i64 = SECOND;
/// The longest FOR and REPEAT.
const MAX_LENGTH: i64 = 366 * 24 * 60 * MINUTE;
/// The longest EVERY.
const MAX_EVERY: i64 = 24 * 60 * MINUTE;

/// A thirtieth of the window, but at least ten seconds and at most a minute; a minute for a window
/// that is a word.
fn default_pace(window: &Window) -> Duration {
    let length = window.length().and_then(|it| it.as_millis());
    let millis = length.map_or(MINUTE, |it| (it / 30).clamp(10 * SECOND, MINUTE));
    // Whole seconds; a minute is always a duration.
    Duration::of_millis(millis / SECOND * SECOND).unwrap_or(Duration::MINUTE)
}

/// Refuses a metric that is none, or has other names than these.
pub fn check_metric(metric: &[u8], names: Names) -> Result<()> {
    check_metric_length(metric)?;
    Metric::parse_named(metric, names).map(|_| ())
}

/// Refuses a metric that is empty or too long to be kept.
pub fn check_metric_length(metric: &[u8]) -> Result<()> {
    match metric.len() {
        0 => Err(Error::new("metric '': a metric is not empty")),
        1..=limits::METRIC => Ok(()),
        _ => Err(Error::new(format!(
            "metric '{}' has more than {} bytes",
            shown(metric),
            limits::METRIC
        ))),
    }
}

/// How often a rule is evaluated, or live metrics are published.
pub fn check_every(option: &str, length: Duration) -> Result<()> {
    check_length(option, length, MIN_LENGTH, MAX_EVERY)
}

fn check_length(option: &str, length: Duration, least: i64, most: i64) -> Result<()> {
    let millis = length.as_millis();
    if millis.is_some_and(|millis| (least..=most).contains(&millis)) {
        return Ok(());
    }
    let shown_limit =
        |millis| Duration::of_millis(millis).map_or(String::new(), |it| it.to_string());
    Err(Error::new(format!(
        "{option} '{length}' is not from {} to {}",
        shown_limit(least),
        shown_limit(most)
    )))
}

fn parse_length(option: &str, word: &[u8]) -> Result<Duration> {
    Duration::parse(word).map_err(|error| Error::new(format!("{option}: {error}")))
}

fn parse_threshold(option: &str, word: &[u8]) -> Result<f64> {
    parse_number(word)
        .ok_or_else(|| Error::new(format!("{option} '{}' is not a finite number", shown(word))))
}
