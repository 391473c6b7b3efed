//! What a site is watched for: its alert rules and its live metrics, and when each of them is due.

mod pace;
mod schedule;
#[cfg(test)]
mod tests;

pub use pace::Pace;
pub use schedule::{Census, Due, Place, Schedule};

use super::live::Feed;
use crate::alert::{Alarm, Rule, Saying};
use crate::error::{shown, Error, Result};
use crate::memory::allocated;
use crate::schema::limits;

/// Both in the order of their names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Watch {
    alarms: Vec<Alarm>,
    feeds: Vec<Feed>,
}

/// One thing to be looked at when it is due.
#[derive(Debug, Clone, Copy)]
pub enum Item<'w> {
    Alarm(&'w Alarm),
    Feed(&'w Feed),
}

impl Watch {
    pub const fn new() -> Watch {
        Watch {
            alarms: Vec::new(),
            feeds: Vec::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.alarms.is_empty() && self.feeds.is_empty()
    }

    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    pub fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    pub fn alarm(&self, name: &[u8]) -> Option<&Alarm> {
        let place = self.place_of_alarm(name).ok()?;
        self.alarms.get(place)
    }

    pub fn alarm_mut(&mut self, name: &[u8]) -> Option<&mut Alarm> {
        let place = self.place_of_alarm(name).ok()?;
        self.alarms.get_mut(place)
    }

    fn place_of_alarm(&self, name: &[u8]) -> std::result::Result<usize, usize> {
        self.alarms.binary_search_by(|it| (*it.rule.name).cmp(name))
    }

    fn place_of_feed(&self, name: &[u8]) -> std::result::Result<usize, usize> {
        self.feeds.binary_search_by(|it| (*it.name).cmp(name))
    }

    /// Whether a rule of this name may be set.
    pub fn has_room_for_rule(&self, name: &[u8]) -> Result<()> {
        room(
            "rule",
            name,
            self.place_of_alarm(name).is_ok(),
            self.alarms.len(),
            limits::RULES_PER_SITE,
        )
    }

    pub fn has_room_for_feed(&self, name: &[u8]) -> Result<()> {
        room(
            "live metric",
            name,
            self.place_of_feed(name).is_ok(),
            self.feeds.len(),
            limits::FEEDS_PER_SITE,
        )
    }

    /// What is to be said of the rule that had this name, if anything.
    pub fn set_rule(&mut self, rule: Rule) -> Option<Saying> {
        match self.place_of_alarm(&rule.name) {
            Ok(place) => {
                let known = self.alarms.get_mut(place)?;
                let (alarm, saying) = known.becomes(rule);
                *known = alarm;
                saying
            }
            Err(place) => {
                self.alarms.insert(place, Alarm::new(rule));
                None
            }
        }
    }

    /// Sets a rule with its state.
    pub fn set_alarm(&mut self, alarm: Alarm) {
        match self.place_of_alarm(&alarm.rule.name) {
            Ok(place) => {
                if let Some(known) = self.alarms.get_mut(place) {
                    *known = alarm;
                }
            }
            Err(place) => self.alarms.insert(place, alarm),
        }
    }

    pub fn remove_rule(&mut self, name: &[u8]) -> Option<Alarm> {
        let place = self.place_of_alarm(name).ok()?;
        Some(self.alarms.remove(place))
    }

    pub fn set_feed(&mut self, feed: Feed) {
        match self.place_of_feed(&feed.name) {
            Ok(place) => {
                if let Some(known) = self.feeds.get_mut(place) {
                    *known = feed;
                }
            }
            Err(place) => self.feeds.insert(place, feed),
        }
    }

    /// Whether there was one.
    pub fn remove_feed(&mut self, name: &[u8]) -> bool {
        let place = self.place_of_feed(name);
        place.is_ok_and(|place| {
            self.feeds.remove(place);
            true
        })
    }

    /// All that may become due, always in the same order.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let alarms = self.alarms.iter().map(Item::Alarm);
        alarms.chain(self.feeds.iter().map(Item::Feed))
    }

    /// When something of it is due next, after what was due at `seen`.
    pub fn next_due(&self, site: &[u8], seen: i64) -> Option<i64> {
        let paces = self.items().filter_map(|item| item.pace(site));
        paces.map(|pace| pace.next(seen)).min()
    }

    pub fn census(&self) -> Census {
        Census {
            rules: self.alarms.len() as u64,
            feeds: self.feeds.len() as u64,
            firing: self.alarms.iter().filter(|it| it.state.is_firing()).count() as u64,
        }
    }

    pub fn heap_bytes(&self) -> usize {
        let alarms: usize = self.alarms.iter().map(|it| it.rule.heap_bytes()).sum();
        let feeds: usize = self.feeds.iter().map(Feed::heap_bytes).sum();
        allocated(self.alarms.capacity() * size_of::<Alarm>())
            + allocated(self.feeds.capacity() * size_of::<Feed>())
            + alarms
            + feeds
    }
}

impl Item<'_> {
    /// None for what is paused.
    pub fn pace(&self, site: &[u8]) -> Option<Pace> {
        match self {
            Item::Alarm(alarm) if alarm.paused => None,
            Item::Alarm(alarm) => Pace::new(alarm.rule.every, site),
            Item::Feed(feed) => Pace::new(feed.every, site),
        }
    }
}

fn room(what: &str, name: &[u8], is_known: bool, count: usize, limit: usize) -> Result<()> {
    if is_known || count < limit {
        return Ok(());
    }
    Err(Error::new(format!(
        "{what} '{}' is one too many: a site has at most {limit}",
        shown(name)
    )))
}
