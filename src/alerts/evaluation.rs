//! The evaluation of a site: first everything that is due is measured, with the site opened once, then
//! the changes of state take effect.

use std::collections::BTreeMap;
use std::time::Instant;

use super::effects::{self, Change};
use super::measure::{answers, measure_together, Measured};
use super::schedule::{none, schedule};
use super::write_permission;
use crate::api::call;
use crate::api::context::Ctx;
use crate::api::failure::Failure;
use crate::api::guard::ReadGuard;
use crate::api::key::Key;
use crate::api::string::OwnedString;
use crate::query::Query;
use crate::store::cluster;
use crate::store::site_value::SiteValue;
use crate::store::value;
use crate::{config, stats};
use analytics_core::alert::live::Feed;
use analytics_core::alert::watch::{Due, Item, Watch};
use analytics_core::alert::Rule;
use analytics_core::schema::keys::live_channel;

/// A tick of the timer, in which one site after the other is evaluated.
pub struct Tick {
    now: i64,
    deadline: Instant,
    /// Determined before the first write.
    may_write: Option<bool>,
    /// Whether there are subscriptions to patterns of channels. The server does not list them.
    has_patterns: Option<bool>,
}

pub enum Progress {
    Done,
    InPart,
}

impl Tick {
    pub fn new(now: i64, deadline: Instant) -> Tick {
        Tick {
            now,
            deadline,
            may_write: None,
            has_patterns: None,
        }
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn may_write(&mut self, ctx: Ctx) -> bool {
        *self
            .may_write
            .get_or_insert_with(|| write_permission::may_write(ctx))
    }

    /// Whether this channel may have subscribers.
    fn may_have_subscribers(&mut self, ctx: Ctx, guard: &ReadGuard, channel: &[u8]) -> bool {
        if config::is_sharded() {
            return subscribers(ctx, guard, b"SHARDNUMSUB", channel) > 0;
        }
        let by_pattern = self.has_patterns.get_or_insert_with(|| {
            let patterns = call::read_only(ctx, guard, c"PUBSUB", &[b"NUMPAT"]);
            patterns.is_some_and(|count| count.integer() > 0)
        });
        *by_pattern || subscribers(ctx, guard, b"NUMSUB", channel) > 0
    }
}

/// The number of subscribers of this channel on this node.
fn subscribers(ctx: Ctx, guard: &ReadGuard, subcommand: &[u8], channel: &[u8]) -> i64 {
    let counts = call::read_only(ctx, guard, c"PUBSUB", &[subcommand, channel]);
    counts.and_then(|counts| counts.integer_at(1)).unwrap_or(0)
}

pub fn evaluate(ctx: Ctx, due: &Due, tick: &mut Tick) -> Progress {
    ctx.select_db(due.key.db);
    let name = OwnedString::new(&due.key.site);
    let (changes, done) = measure_due(ctx, &name, due, tick);
    if !changes.is_empty() {
        if tick.may_write(ctx) {
            effects::apply(ctx, &name, &changes);
        } else {
            // The states stay, and change when they are due the next time.
            stats::ALERT_SKIPPED.add(changes.len() as u64);
        }
    }
    match done {
        Some(done) => {
            schedule().continue_later(due.key.clone(), done, tick.now);
            Progress::InPart
        }
        None => {
            let guard = ReadGuard::new();
            let key = Key::for_peeking(ctx, &guard, name.get());
            let site = value::read::<SiteValue>(key).ok().flatten();
            let watch = site.and_then(|site| site.site.watch()).unwrap_or(none());
            schedule().finish(due.key.clone(), watch, tick.now);
            Progress::Done
        }
    }
}

/// The changes of state, and how many items are done if the time did not suffice for all.
fn measure_due(
    ctx: Ctx,
    name: &OwnedString,
    due: &Due,
    tick: &mut Tick,
) -> (Vec<Change>, Option<usize>) {
    let mut changes = Vec::new();
    let guard = ReadGuard::new();
    let is_there = {
        let key = Key::for_peeking(ctx, &guard, name.get());
        matches!(value::find::<SiteValue>(&key), Ok(Some(_)))
    };
    if !is_there || !cluster::is_served(ctx, &guard, name.get()) {
        return (changes, None);
    }
    let Ok(query) = Query::of_site(ctx, name.get()) else {
        return (changes, None);
    };
    let Some(watch) = query.site().watch() else {
        return (changes, None);
    };
    // The results of rules that were measured together with an earlier one.
    let mut ahead = BTreeMap::new();
    for (place, item) in watch.items().enumerate().skip(due.done) {
        let pace = item.pace(&due.key.site);
        let Some(pace) = pace.filter(|pace| pace.is_due(due.done_until, tick.now)) else {
            continue;
        };
        // The first item is done even when the tick is over, so that every tick makes progress.
        if place > due.done && tick.is_over() {
            return (changes, Some(place));
        }
        match item {
            Item::Feed(feed) => publish(ctx, &query, feed, name.bytes(), tick),
            Item::Alarm(alarm) => {
                stats::ALERT_EVALUATIONS.add(1);
                let found = ahead.remove(&place).unwrap_or_else(|| {
                    let together = due_with_same_window(watch, &alarm.rule, due, place, tick.now);
                    let rules: Vec<&Rule> = together.iter().map(|(_, rule)| *rule).collect();
                    let found = measure_together(&query, &rules);
                    let places = together.iter().map(|(place, _)| *place);
                    ahead.extend(places.zip(found));
                    ahead.remove(&place).unwrap_or(Measured::Failure)
                });
                let measured = match found {
                    Measured::Value(measured) => measured,
                    Measured::Incomplete => {
                        stats::ALERT_SKIPPED.add(1);
                        continue;
                    }
                    Measured::Failure => {
                        stats::ALERT_FAILURES.add(1);
                        None
                    }
                };
                // The time at which it was due, not that of the timer: intervals stay even.
                let at = pace.last(tick.now);
                let (state, notice) = alarm.state.step(&alarm.rule, measured, at);
                if state != alarm.state {
                    changes.push(Change {
                        rule: alarm.rule.clone(),
                        state: Some(state),
                        notice,
                        value: measured,
                        time: query.now,
                    });
                }
            }
        }
    }
    (changes, None)
}

/// The rules from this place on that are due and have the window of this one.
fn due_with_same_window<'w>(
    watch: &'w Watch,
    rule: &Rule,
    due: &Due,
    place: usize,
    now: i64,
) -> Vec<(usize, &'w Rule)> {
    let is_due = |item: &Item| {
        let pace = item.pace(&due.key.site);
        pace.is_some_and(|pace| pace.is_due(due.done_until, now))
    };
    let items = watch.items().enumerate().skip(place);
    items
        .filter_map(|(place, item)| match item {
            Item::Alarm(alarm) if alarm.rule.window == rule.window && is_due(&item) => {
                Some((place, &alarm.rule))
            }
            _ => None,
        })
        .collect()
}

fn publish(ctx: Ctx, query: &Query, feed: &Feed, site: &[u8], tick: &mut Tick) {
    let channel = live_channel(site, &feed.name);
    if !tick.may_have_subscribers(ctx, query.guard(), &channel) {
        return;
    }
    match answers(query, feed) {
        Ok(answers) => {
            let message = feed.json(site, answers.into_iter(), query.now);
            if config::is_sharded() {
                ctx.publish_to_shard(&channel, &message);
            } else {
                ctx.publish(&channel, &message);
            }
            stats::LIVE_MESSAGES.add(1);
        }
        Err(Failure::TryAgain) => stats::ALERT_SKIPPED.add(1),
        Err(_) => stats::ALERT_FAILURES.add(1),
    }
}
