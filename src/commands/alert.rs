//! `ANALYTICS.ALERT site SET|DEL|GET|LIST|TEST|PAUSE|RESUME ...`, and `ANALYTICS.ALERT_RO` for the verbs
//! that only read.
//!
//! A master replicates changes of state as `STATE rule ok|pending since|firing since sent`.

use std::ffi::CStr;

use super::site::{change_watch, names, site_to_change, with_watch};
use crate::alerts::effects;
use crate::alerts::effects::Change;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::WriteGuard;
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::ingest::origin::Origin;
use crate::ingest::replicate;
use crate::query::Query;
use crate::{alerts, stats};
use analytics_core::alert::{Alarm, Notice, Rule, State, RULE};
use analytics_core::error::{shown, Error};
use analytics_core::text::numeral::{parse_integer, shown_number};
use analytics_core::text::syntax::{unknown, Argument};
use analytics_core::time::is_supported;

pub const ALERT: Command = Command {
    name: c"analytics.alert",
    summary: c"Sets, lists and tests the alert rules of a site",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of rules; TEST as ANALYTICS.GET",
    tips: None,
    access: Access::ReadWrite,
    is_fast: false,
    arguments: &[
        Argument::SITE,
        Argument::one_of(c"verb", &[SET, DEL, GET, LIST, TEST, PAUSE, RESUME]),
    ],
    run: entry!(alert),
};

pub const ALERT_RO: Command = Command {
    name: c"analytics.alert_ro",
    summary: c"Lists and tests the alert rules of a site",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of rules; TEST as ANALYTICS.GET",
    tips: None,
    access: Access::Read,
    is_fast: false,
    arguments: &[
        Argument::SITE,
        Argument::one_of(c"verb", &[GET, LIST, TEST]),
    ],
    run: entry!(alert_ro),
};

/// The keyspace event.
const EVENT: &CStr = c"analytics.alert";

const SET: Argument = Argument::block(c"rule", RULE).behind(c"SET");
const DEL: Argument = Argument::text(c"name").behind(c"DEL");
const GET: Argument = Argument::text(c"name").behind(c"GET");
const LIST: Argument = Argument::token(c"list", c"LIST");
const TEST: Argument = Argument::text(c"name").behind(c"TEST");
const PAUSE: Argument = Argument::text(c"name").behind(c"PAUSE");
const RESUME: Argument = Argument::text(c"name").behind(c"RESUME");
/// Used in replication only.
const STATE: Argument = Argument::text(c"name").behind(c"STATE").internal();

pub fn alert(ctx: Ctx, words: Words) -> Outcome {
    let verb = words.required(2)?;
    if SET.is(verb) {
        set(ctx, words)
    } else if DEL.is(verb) {
        delete(ctx, words)
    } else if PAUSE.is(verb) || RESUME.is(verb) {
        pause(ctx, words, PAUSE.is(verb))
    } else if STATE.is(verb) && Origin::of(ctx) == Origin::Master {
        state(ctx, words)
    } else {
        read(ctx, words, &[SET, DEL, GET, LIST, TEST, PAUSE, RESUME])
    }
}

pub fn alert_ro(ctx: Ctx, words: Words) -> Outcome {
    read(ctx, words, &[GET, LIST, TEST])
}

fn read(ctx: Ctx, words: Words, accepted: &[Argument]) -> Outcome {
    let verb = words.required(2)?;
    if GET.is(verb) {
        get(ctx, words)
    } else if LIST.is(verb) {
        list(ctx, words)
    } else if TEST.is(verb) {
        test(ctx, words)
    } else {
        Err(unknown(verb, accepted).into())
    }
}

fn set(ctx: Ctx, words: Words) -> Outcome {
    let mut guard = WriteGuard::new()?;
    let value = site_to_change(ctx, words, &mut guard)?;
    let rule = Rule::parse(&words.from(3).to_vec(), names(ctx, &value.site.settings))?;
    let known = value.site.watch().unwrap_or(alerts::schedule::none());
    known.check_room_for_rule(&rule.name)?;
    let cancelled = known.alarm(&rule.name).and_then(|alarm| {
        let (_, notice) = alarm.with_rule(rule.clone());
        cancellation(ctx, alarm, notice)
    });
    cancel(ctx, words, &mut guard, cancelled)?;
    let resolved = [vec![b"SET".to_vec()], rule.words()].concat();
    replicate::in_words(ctx, c"ANALYTICS.ALERT", words.string(1)?, &resolved);
    change_watch(ctx, words, guard, EVENT, |watch| watch.set_rule(rule))?;
    ctx.reply_ok();
    Ok(())
}

/// Replies whether there was such a rule.
fn delete(ctx: Ctx, words: Words) -> Outcome {
    let name = name_of_rule(&words)?;
    let mut guard = WriteGuard::new()?;
    let value = site_to_change(ctx, words, &mut guard)?;
    let Some(alarm) = value.site.watch().and_then(|watch| watch.alarm(name)) else {
        ctx.reply_integer(0);
        return Ok(());
    };
    let notice = alarm.state.is_firing().then_some(Notice::Cancelled);
    let cancelled = cancellation(ctx, alarm, notice);
    cancel(ctx, words, &mut guard, cancelled)?;
    ctx.replicate_verbatim();
    change_watch(ctx, words, guard, EVENT, |watch| watch.remove_rule(name))?;
    ctx.reply_integer(1);
    Ok(())
}

/// The message that a firing rule ends without being resolved. Replicas receive the entry of the stream.
fn cancellation(ctx: Ctx, alarm: &Alarm, notice: Option<Notice>) -> Option<Change> {
    let is_due = notice.is_some() && Origin::of(ctx) == Origin::Client;
    is_due.then(|| Change {
        rule: alarm.rule.clone(),
        state: None,
        notice,
        value: None,
        time: ctx.now(),
    })
}

fn cancel(ctx: Ctx, words: Words, guard: &mut WriteGuard, change: Option<Change>) -> Outcome {
    if let Some(change) = change {
        effects::append(ctx, guard, words.string(1)?, &change)?;
        effects::publish(ctx, guard, words.required(1)?, &change);
    }
    Ok(())
}

fn pause(ctx: Ctx, words: Words, paused: bool) -> Outcome {
    let name = name_of_rule(&words)?;
    let mut guard = WriteGuard::new()?;
    let value = site_to_change(ctx, words, &mut guard)?;
    let known = value.site.watch().and_then(|watch| watch.alarm(name));
    let Some(known) = known else {
        return Err(no_rule(name).into());
    };
    if known.paused != paused {
        ctx.replicate_verbatim();
        change_watch(ctx, words, guard, EVENT, |watch| {
            if let Some(alarm) = watch.alarm_mut(name) {
                alarm.paused = paused;
                alarm.state = alarm.state.paused();
            }
        })?;
    }
    ctx.reply_ok();
    Ok(())
}

fn state(ctx: Ctx, words: Words) -> Outcome {
    let name = words.required(3)?;
    let state = parse_state(words.from(4))?;
    let mut guard = WriteGuard::new()?;
    let value = site_to_change(ctx, words, &mut guard)?;
    let known = value.site.watch().and_then(|watch| watch.alarm(name));
    known.ok_or_else(|| no_rule(name))?;
    ctx.replicate_verbatim();
    change_watch(ctx, words, guard, EVENT, |watch| {
        if let Some(alarm) = watch.alarm_mut(name) {
            alarm.state = state;
        }
    })?;
    ctx.reply_ok();
    Ok(())
}

fn parse_state(words: Words) -> Outcome<State> {
    let time = |place| {
        let time = words.get(place).and_then(parse_integer);
        time.filter(|time| is_supported(*time))
    };
    let kind = words.get(0).unwrap_or_default().to_ascii_lowercase();
    let state = match (&kind[..], words.len(), time(1), time(2)) {
        (b"ok", 1, ..) => Some(State::Ok),
        (b"pending", 2, Some(since), _) => Some(State::Pending { since }),
        (b"firing", 3, Some(since), Some(sent)) => Some(State::Firing { since, sent }),
        _ => None,
    };
    let state = state.ok_or_else(|| {
        Error::new(
            "STATE needs a rule and ok, pending since, or firing since sent, in milliseconds",
        )
    });
    Ok(state?)
}

fn no_rule(name: &[u8]) -> Error {
    Error::new(format!("the site has no rule '{}'", shown(name)))
}

fn name_of_rule<'c>(words: &Words<'c>) -> Outcome<&'c [u8]> {
    if words.len() > 4 {
        return Err(Failure::WrongArity);
    }
    words.required(3)
}

fn get(ctx: Ctx, words: Words) -> Outcome {
    let name = name_of_rule(&words)?;
    with_watch(ctx, words, |watch| {
        match watch.alarm(name) {
            Some(alarm) => reply_alarm(ctx, alarm),
            None => ctx.reply_null(),
        }
        Ok(())
    })
}

fn list(ctx: Ctx, words: Words) -> Outcome {
    if words.len() > 3 {
        return Err(Failure::WrongArity);
    }
    with_watch(ctx, words, |watch| {
        ctx.reply_array(watch.alarms().len());
        watch.alarms().iter().for_each(|it| reply_alarm(ctx, it));
        Ok(())
    })
}

fn reply_alarm(ctx: Ctx, alarm: &Alarm) {
    let rule = &alarm.rule;
    ctx.reply_map(14);
    reply_text(ctx, "name", &rule.name);
    reply_text(ctx, "metric", &rule.metric);
    reply_text(ctx, "window", rule.window.to_string().as_bytes());
    reply_text(ctx, "op", rule.condition.op().name().as_bytes());
    reply_text(
        ctx,
        "threshold",
        shown_number(rule.condition.threshold()).as_bytes(),
    );
    reply_optional(ctx, "clear", rule.condition.clear().map(shown_number));
    reply_optional(ctx, "for", rule.hold.map(|it| it.to_string()));
    reply_text(ctx, "every", rule.every.to_string().as_bytes());
    reply_optional(ctx, "repeat", rule.repeat.map(|it| it.to_string()));
    reply_text(ctx, "severity", &rule.severity);
    ctx.reply_bytes(b"paused");
    ctx.reply_integer(alarm.paused.into());
    reply_text(ctx, "state", alarm.state.name().as_bytes());
    reply_time(ctx, "since", alarm.state.since());
    reply_time(ctx, "sent", alarm.state.sent());
}

fn reply_text(ctx: Ctx, name: &str, text: &[u8]) {
    ctx.reply_bytes(name.as_bytes());
    ctx.reply_bytes(text);
}

fn reply_optional(ctx: Ctx, name: &str, text: Option<String>) {
    ctx.reply_bytes(name.as_bytes());
    match text {
        Some(text) => ctx.reply_bytes(text.as_bytes()),
        None => ctx.reply_null(),
    }
}

fn reply_time(ctx: Ctx, name: &str, time: Option<i64>) {
    ctx.reply_bytes(name.as_bytes());
    match time {
        Some(time) => ctx.reply_integer(time),
        None => ctx.reply_null(),
    }
}

/// The present value of the rule, and the state that an evaluation would give it now.
fn test(ctx: Ctx, words: Words) -> Outcome {
    let name = name_of_rule(&words)?;
    let query = Query::start(ctx, words)?;
    let alarm = query.site().watch().and_then(|watch| watch.alarm(name));
    let alarm = alarm.ok_or_else(|| no_rule(name))?;
    let measured = alerts::measure(&query, &alarm.rule)?;
    let (state, notice) = alarm.state.step(&alarm.rule, measured, query.now);
    stats::ALERT_EVALUATIONS.add(1);

    ctx.reply_map(5);
    ctx.reply_bytes(b"value");
    match measured {
        Some(value) => ctx.reply_double(value),
        None => ctx.reply_null(),
    }
    ctx.reply_bytes(b"holds");
    let holds = measured.is_some_and(|value| alarm.rule.condition.holds(value));
    ctx.reply_integer(holds.into());
    reply_text(ctx, "state", alarm.state.name().as_bytes());
    reply_text(ctx, "next-state", state.name().as_bytes());
    reply_optional(ctx, "says", notice.map(|notice| notice.name().to_owned()));
    Ok(())
}
