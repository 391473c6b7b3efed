//! A visit to a site: what is due there is measured first, all of it from one opening of the site,
//! and what that changes is done then.

use std::collections::BTreeMap;
use std::time::Instant;

use super::effects::{self, Change};
use super::measure::{answers, measure_together, Found};
use super::{allowed, none, schedule};
use crate::api::call;
use crate::api::guard::ReadGuard;
use crate::api::key::Key;
use crate::api::redis::{bytes_of, Ctx, Failure, OwnedString};
use crate::query::Query;
use crate::store::cluster;
use crate::store::site_value::SiteValue;
use crate::store::value;
use crate::{config, stats};
use analytics_core::alert::live::Feed;
use analytics_core::alert::watch::{Due, Item, Watch};
use analytics_core::alert::Rule;
use analytics_core::schema::keys::live_channel;

/// What is the same for all visits of a tick.
pub struct Round {
    now: i64,
    deadline: Instant,
    /// Asked when there is something to write for the first time.
    may_write: Option<bool>,
    /// Whether anybody listens to patterns of channels: which, the server does not tell.
    patterns: Option<bool>,
}

pub enum Visited {
    Done,
    InPart,
}

impl Round {
    pub fn new(now: i64, deadline: Instant) -> Round {
        Round {
            now,
            deadline,
            may_write: None,
            patterns: None,
        }
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn may_write(&mut self, ctx: Ctx) -> bool {
        *self
            .may_write
            .get_or_insert_with(|| allowed::takes_writes(ctx))
    }

    /// Whether somebody may be listening to this channel.
    fn has_listeners(&mut self, ctx: Ctx, guard: &ReadGuard, channel: &[u8]) -> bool {
        if config::is_sharded() {
            return listeners(ctx, guard, b"SHARDNUMSUB", channel) > 0;
        }
        let by_pattern = self.patterns.get_or_insert_with(|| {
            let patterns = call::ask(ctx, guard, c"PUBSUB", &[b"NUMPAT"]);
            patterns.is_some_and(|count| count.integer() > 0)
        });
        *by_pattern || listeners(ctx, guard, b"NUMSUB", channel) > 0
    }
}

/// How many listen to this channel here.
fn listeners(ctx: Ctx, guard: &ReadGuard, question: &[u8], channel: &[u8]) -> i64 {
    let counts = call::ask(ctx, guard, c"PUBSUB", &[question, channel]);
    counts.and_then(|counts| counts.integer_at(1)).unwrap_or(0)
}

pub fn visit(ctx: Ctx, due: &Due, round: &mut Round) -> Visited {
    ctx.select_db(due.place.db);
    let name = OwnedString::new(&due.place.site);
    let (changes, done) = look(ctx, &name, due, round);
    if !changes.is_empty() {
        if round.may_write(ctx) {
            effects::apply(ctx, &name, &changes);
        } else {
            // They stay as they are, and are found again when they are due the next time.
            stats::ALERT_SKIPPED.add(changes.len() as u64);
        }
    }
    match done {
        Some(done) => {
            schedule().carry_on(due.place.clone(), done, round.now);
            Visited::InPart
        }
        None => {
            let guard = ReadGuard::new();
            let key = Key::for_peeking(ctx, &guard, name.raw());
            let site = value::read::<SiteValue>(key).ok().flatten();
            let watch = site.and_then(|site| site.site.watch()).unwrap_or(none());
            schedule().done(due.place.clone(), watch, round.now);
            Visited::Done
        }
    }
}

/// What is to change, and how many items are done if there was no time for all.
fn look(
    ctx: Ctx,
    name: &OwnedString,
    due: &Due,
    round: &mut Round,
) -> (Vec<Change>, Option<usize>) {
    let mut changes = Vec::new();
    let guard = ReadGuard::new();
    let is_there = {
        let key = Key::for_peeking(ctx, &guard, name.raw());
        matches!(value::find::<SiteValue>(&key), Ok(Some(_)))
    };
    if !is_there || !cluster::is_served(ctx, &guard, name.raw()) {
        return (changes, None);
    }
    let Ok(query) = Query::of(ctx, name.raw()) else {
        return (changes, None);
    };
    let Some(watch) = query.site().watch() else {
        return (changes, None);
    };
    // What was measured together with a rule before.
    let mut ahead = BTreeMap::new();
    for (place, item) in watch.items().enumerate().skip(due.done) {
        let pace = item.pace(&due.place.site);
        let Some(pace) = pace.filter(|pace| pace.is_due(due.seen, round.now)) else {
            continue;
        };
        // The first one is done even when the tick is late: every visit comes further.
        if place > due.done && round.is_over() {
            return (changes, Some(place));
        }
        match item {
            Item::Feed(feed) => publish(ctx, &query, feed, bytes_of(name.raw()), round),
            Item::Alarm(alarm) => {
                stats::ALERT_EVALUATIONS.add(1);
                let found = ahead.remove(&place).unwrap_or_else(|| {
                    let together = together(watch, &alarm.rule, due, place, round.now);
                    let rules: Vec<&Rule> = together.iter().map(|(_, rule)| *rule).collect();
                    let found = measure_together(&query, &rules);
                    let places = together.iter().map(|(place, _)| *place);
                    ahead.extend(places.zip(found));
                    ahead.remove(&place).unwrap_or(Found::Failure)
                });
                let measured = match found {
                    Found::Value(measured) => measured,
                    Found::Elsewhere => {
                        stats::ALERT_SKIPPED.add(1);
                        continue;
                    }
                    Found::Failure => {
                        stats::ALERT_FAILURES.add(1);
                        None
                    }
                };
                // By when it was due, and not by how late the timer is: paces stay even.
                let at = pace.last(round.now);
                let (state, saying) = alarm.state.step(&alarm.rule, measured, at);
                if state != alarm.state {
                    changes.push(Change {
                        rule: alarm.rule.clone(),
                        state: Some(state),
                        saying,
                        value: measured,
                        time: query.now,
                    });
                }
            }
        }
    }
    (changes, None)
}

/// The rules that are due from this place on and have the window of this one.
fn together<'w>(
    watch: &'w Watch,
    rule: &Rule,
    due: &Due,
    place: usize,
    now: i64,
) -> Vec<(usize, &'w Rule)> {
    let is_due = |item: &Item| {
        let pace = item.pace(&due.place.site);
        pace.is_some_and(|pace| pace.is_due(due.seen, now))
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

fn publish(ctx: Ctx, query: &Query, feed: &Feed, site: &[u8], round: &mut Round) {
    let channel = live_channel(site, &feed.name);
    if !round.has_listeners(ctx, query.guard(), &channel) {
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
