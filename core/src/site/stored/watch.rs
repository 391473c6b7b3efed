//! Alert rules with their states, and live metrics, as they are stored: in the order of their names.
//!
//! Lengths are milliseconds, a window is its text. A metric is a text, too, which is not parsed here:
//! whether it can be answered depends on settings that change.

use super::bounded::{Bytes, List};
use super::settings::refused;
use super::{Feeds, MoreWindows, Rules};
use crate::alert::live::{Feed, FeedWindow};
use crate::alert::watch::Watch;
use crate::alert::{Alarm, Condition, Op, Rule, State};
use crate::codec::corrupt;
use crate::error::Corrupt;
use crate::schema::limits::{METRIC, METRICS_PER_QUERY, NAME};
use crate::time::{is_supported, Duration, Window};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct StoredRule<'a> {
    #[serde(borrow)]
    pub name: Bytes<'a, NAME>,
    pub metric: Bytes<'a, METRIC>,
    pub window: Bytes<'a, WINDOW>,
    pub op: Bytes<'a, OP>,
    pub threshold: f64,
    pub clear: Option<f64>,
    pub hold: Option<u64>,
    pub every: u64,
    pub repeat: Option<u64>,
    pub severity: Bytes<'a, NAME>,
    pub paused: bool,
    pub state: StoredState,
}

#[derive(Serialize, Deserialize)]
pub enum StoredState {
    Ok,
    Pending { since: i64 },
    Firing { since: i64, sent: i64 },
}

#[derive(Serialize, Deserialize)]
pub struct StoredFeed<'a> {
    #[serde(borrow)]
    pub name: Bytes<'a, NAME>,
    pub every: u64,
    pub first: StoredWindow<'a>,
}

/// A window of live metrics.
#[derive(Serialize, Deserialize)]
pub struct StoredWindow<'a> {
    #[serde(borrow)]
    pub window: Bytes<'a, WINDOW>,
    pub metrics: List<Bytes<'a, METRIC>, METRICS_PER_QUERY>,
}

/// The windows of live metrics behind the first.
pub type Windows<'a> = List<StoredWindow<'a>, METRICS_PER_QUERY>;

const WINDOW: usize = 32;
const OP: usize = 16;

pub fn stored_rules(watch: &Watch) -> Rules<'_> {
    watch.alarms().iter().map(StoredRule::of).collect()
}

pub fn stored_feeds(watch: &Watch) -> Feeds<'_> {
    watch.feeds().iter().map(StoredFeed::of).collect()
}

/// The further windows of each of the live metrics; empty where none has any.
pub fn stored_windows(watch: &Watch) -> MoreWindows<'_> {
    let is_more = |feed: &Feed| feed.windows.len() > 1;
    let feeds = watch.feeds().iter();
    let feeds = feeds.filter(|_| watch.feeds().iter().any(is_more));
    feeds
        .map(|feed| feed.windows.iter().skip(1).map(StoredWindow::of).collect())
        .collect()
}

impl<'a> StoredRule<'a> {
    pub fn of(alarm: &'a Alarm) -> StoredRule<'a> {
        let rule = &alarm.rule;
        StoredRule {
            name: (*rule.name).into(),
            metric: (*rule.metric).into(),
            window: rule.window.to_string().into(),
            op: rule.condition.op().name().as_bytes().into(),
            threshold: rule.condition.threshold(),
            clear: rule.condition.clear(),
            hold: rule.hold.map(millis_of),
            every: millis_of(rule.every),
            repeat: rule.repeat.map(millis_of),
            severity: (*rule.severity).into(),
            paused: alarm.paused,
            state: match alarm.state {
                State::Ok => StoredState::Ok,
                State::Pending { since } => StoredState::Pending { since },
                State::Firing { since, sent } => StoredState::Firing { since, sent },
            },
        }
    }

    pub fn add_to(self, watch: &mut Watch) -> Result<(), Corrupt> {
        let op = Op::parse(self.op.get()).map_err(refused("op"))?;
        let condition = Condition::new(op, self.threshold, self.clear)
            .map_err(refused("threshold or clear"))?;
        let rule = Rule {
            name: self.name.boxed(),
            metric: self.metric.boxed(),
            window: checked_window(&self.window)?,
            condition,
            hold: self.hold.map(|it| duration(it, "for")).transpose()?,
            every: duration(self.every, "every")?,
            repeat: self.repeat.map(|it| duration(it, "repeat")).transpose()?,
            severity: self.severity.boxed(),
        };
        rule.check()
            .map_err(|(field, _)| corrupt(field, "not what a command accepts"))?;
        let state = self.state.checked()?;
        watch
            .check_room_for_rule(&rule.name)
            .map_err(refused("rules"))?;
        watch.set_alarm(Alarm {
            rule,
            paused: self.paused,
            state,
        });
        Ok(())
    }
}

impl StoredState {
    fn checked(self) -> Result<State, Corrupt> {
        let state = match self {
            StoredState::Ok => State::Ok,
            StoredState::Pending { since } => State::Pending { since },
            StoredState::Firing { since, sent } => State::Firing { since, sent },
        };
        let mut times = state.since().into_iter().chain(state.sent());
        match times.all(is_supported) {
            true => Ok(state),
            false => Err(corrupt("time of a state", "out of range")),
        }
    }
}

impl<'a> StoredFeed<'a> {
    fn of(feed: &'a Feed) -> StoredFeed<'a> {
        StoredFeed {
            name: (*feed.name).into(),
            every: millis_of(feed.every),
            first: feed
                .windows
                .first()
                .map_or_else(StoredWindow::none, StoredWindow::of),
        }
    }

    /// `further`: its windows behind the first.
    pub fn add_to(self, further: Windows, watch: &mut Watch) -> Result<(), Corrupt> {
        let windows = std::iter::once(self.first).chain(further);
        let feed = Feed {
            name: self.name.boxed(),
            every: duration(self.every, "every")?,
            windows: windows
                .map(StoredWindow::checked)
                .collect::<Result<_, _>>()?,
        };
        feed.check()
            .map_err(|(field, _)| corrupt(field, "not what a command accepts"))?;
        watch
            .check_room_for_feed(&feed.name)
            .map_err(refused("live metrics"))?;
        watch.set_feed(feed);
        Ok(())
    }
}

impl<'a> StoredWindow<'a> {
    fn of(window: &'a FeedWindow) -> StoredWindow<'a> {
        StoredWindow {
            window: window.window.to_string().into(),
            metrics: window.metrics.iter().map(|it| (**it).into()).collect(),
        }
    }

    fn none() -> StoredWindow<'a> {
        StoredWindow {
            window: String::new().into(),
            metrics: List::default(),
        }
    }

    fn checked(self) -> Result<FeedWindow, Corrupt> {
        Ok(FeedWindow {
            window: checked_window(&self.window)?,
            metrics: self.metrics.into_iter().map(Bytes::boxed).collect(),
        })
    }
}

fn checked_window(text: &Bytes<WINDOW>) -> Result<Window, Corrupt> {
    Window::parse_moving(text.get()).map_err(refused("window"))
}

/// Those of rules and live metrics are never months.
fn millis_of(length: Duration) -> u64 {
    length.as_millis().unwrap_or(0).unsigned_abs()
}

fn duration(millis: u64, field: &'static str) -> Result<Duration, Corrupt> {
    let length = i64::try_from(millis).ok().and_then(Duration::of_millis);
    length.ok_or(corrupt(field, "out of range"))
}
