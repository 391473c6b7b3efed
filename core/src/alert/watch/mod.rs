//! The alert rules and live metrics of a site, and when each of them is due.

mod pace;
mod schedule;
#[cfg(test)]
mod tests;

pub use pace::Pace;
pub use schedule::{Counts, Due, Schedule, SiteKey};

use super::live::Feed;
use crate::alert::{Alarm, Notice, Rule};
use crate::error::{shown, Error, Result};
use crate::memory::allocated;
use crate::schema::limits;

/// Both in the order of their names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Watch {
    alarms: Vec<Alarm>,
    feeds: Vec<Feed>,
}

/// A rule to evaluate, or live metrics to publish, when it is due.
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
        let index = self.find_alarm(name).ok()?;
        self.alarms.get(index)
    }

    pub fn alarm_mut(&mut self, name: &[u8]) -> Option<&mut Alarm> {
        let index = self.find_alarm(name).ok()?;
        self.alarms.get_mut(index)
    }

    fn find_alarm(&self, name: &[u8]) -> std::result::Result<usize, usize> {
        self.alarms.binary_search_by(|it| (*it.rule.name).cmp(name))
    }

    fn find_feed(&self, name: &[u8]) -> std::result::Result<usize, usize> {
        self.feeds.binary_search_by(|it| (*it.name).cmp(name))
    }

    /// Refuses a rule of a new name when there are as many as a site may have.
    pub fn check_room_for_rule(&self, name: &[u8]) -> Result<()> {
        room(
            "rule",
            name,
            self.find_alarm(name).is_ok(),
            self.alarms.len(),
            limits::RULES_PER_SITE,
        )
    }

    pub fn check_room_for_feed(&self, name: &[u8]) -> Result<()> {
        room(
            "live metric",
            name,
            self.find_feed(name).is_ok(),
            self.feeds.len(),
            limits::FEEDS_PER_SITE,
        )
    }

    /// Sets a rule. Gives what a message is to report of the rule that had this name, if anything.
    pub fn set_rule(&mut self, rule: Rule) -> Option<Notice> {
        match self.find_alarm(&rule.name) {
            Ok(index) => {
                let known = self.alarms.get_mut(index)?;
                let (alarm, notice) = known.with_rule(rule);
                *known = alarm;
                notice
            }
            Err(index) => {
                self.alarms.insert(index, Alarm::new(rule));
                None
            }
        }
    }

    /// Sets a rule with its state.
    pub fn set_alarm(&mut self, alarm: Alarm) {
        match self.find_alarm(&alarm.rule.name) {
            Ok(index) => {
                if let Some(known) = self.alarms.get_mut(index) {
                    *known = alarm;
                }
            }
            Err(index) => self.alarms.insert(index, alarm),
        }
    }

    pub fn has_feed(&self, name: &[u8]) -> bool {
        self.find_feed(name).is_ok()
    }

    pub fn remove_rule(&mut self, name: &[u8]) -> Option<Alarm> {
        let index = self.find_alarm(name).ok()?;
        Some(self.alarms.remove(index))
    }

    pub fn set_feed(&mut self, feed: Feed) {
        match self.find_feed(&feed.name) {
            Ok(index) => {
                if let Some(known) = self.feeds.get_mut(index) {
                    *known = feed;
                }
            }
            Err(index) => self.feeds.insert(index, feed),
        }
    }

    /// Returns whether there was one.
    pub fn remove_feed(&mut self, name: &[u8]) -> bool {
        let index = self.find_feed(name);
        index.is_ok_and(|index| {
            self.feeds.remove(index);
            true
        })
    }

    /// All that may become due, always in the same order.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let alarms = self.alarms.iter().map(Item::Alarm);
        alarms.chain(self.feeds.iter().map(Item::Feed))
    }

    /// When the first of its items is due after `since`.
    pub fn next_due(&self, site: &[u8], since: i64) -> Option<i64> {
        let paces = self.items().filter_map(|item| item.pace(site));
        paces.map(|pace| pace.next(since)).min()
    }

    pub fn counts(&self) -> Counts {
        Counts {
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
