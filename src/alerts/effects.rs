//! The effects of a change of a rule's state: an entry of the stream `{site}:alerts`, the new state, and a
//! message. All of it is replicated at once, as resolved facts. The entry is the only step that can fail,
//! and comes first: if it fails, nothing has changed.

use redis_module::raw;

use crate::api::call;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::{Again, Outside, WriteGuard};
use crate::api::key::Key;
use crate::api::string::{OwnedString, StringRef};
use crate::store::cluster;
use crate::store::site_value::SiteValue;
use crate::store::value;
use crate::{config, stats};
use analytics_core::alert::{Message, Notice, Rule, State};
use analytics_core::error::{shown, Error};
use analytics_core::schema::keys::{alerts_channel, alerts_stream};

/// The stream keeps this many of the latest entries.
const MAX_ENTRIES: usize = 10_000;

pub struct Change {
    pub rule: Rule,
    /// None for a rule that is removed or replaced.
    pub state: Option<State>,
    pub notice: Option<Notice>,
    pub value: Option<f64>,
    pub time: i64,
}

/// Applies changes of rules of one site. A change whose entry fails is skipped, and found again later.
pub fn apply(ctx: Ctx, site: &OwnedString, changes: &[Change]) {
    let name = site.bytes();
    // Changes that are skipped are found again later.
    let Some(mut outside) = Outside::new() else {
        return;
    };
    let mut is_changed = false;
    for change in changes {
        if append(ctx, &mut outside, site.get(), change).is_err() {
            stats::ALERT_FAILURES.add(1);
            continue;
        }
        let Some(state) = change.state else { continue };
        if !set_state(ctx, site, &change.rule.name, state) {
            stats::ALERT_FAILURES.add(1);
            continue;
        }
        publish(ctx, &mut outside, name, change);
        is_changed = true;
    }
    if is_changed {
        ctx.signal_modified(site.get());
        ctx.notify(c"analytics.alert", site.get());
    }
}

/// False where there is no such site any more.
fn set_state(ctx: Ctx, site: &OwnedString, rule: &[u8], state: State) -> bool {
    let Ok(mut guard) = WriteGuard::new() else {
        return false;
    };
    let key = Key::for_writing(ctx, &mut guard, site.get());
    let Ok(Some(value)) = value::write::<SiteValue>(key) else {
        return false;
    };
    value.site.change_watch(|watch| {
        if let Some(alarm) = watch.alarm_mut(rule) {
            alarm.state = state;
        }
    });
    let words = [&b"STATE"[..], rule].into_iter().map(OwnedString::new);
    let times = words_of(state);
    let words: Vec<OwnedString> = words
        .chain(times.iter().map(|word| OwnedString::new(word.as_bytes())))
        .collect();
    let mut strings = vec![site.get()];
    strings.extend(words.iter().map(OwnedString::get));
    ctx.replicate(c"ANALYTICS.ALERT", &strings);
    true
}

/// The arguments of `ANALYTICS.ALERT site STATE rule`.
fn words_of(state: State) -> Vec<String> {
    let times = match state {
        State::Ok => vec![],
        State::Pending { since } => vec![since],
        State::Firing { since, sent } => vec![since, sent],
    };
    let times = times.into_iter().map(|time| time.to_string());
    [state.name().to_owned()].into_iter().chain(times).collect()
}

fn message(change: &Change) -> Option<Message<'_>> {
    Some(Message {
        rule: &change.rule,
        notice: change.notice?,
        value: change.value,
        time: change.time,
    })
}

/// Appends the message of a change to the stream, if it has one. If this fails, nothing has changed.
pub fn append<G: Again>(ctx: Ctx, guard: &mut G, site: StringRef, change: &Change) -> Outcome {
    let Some(message) = message(change) else {
        return Ok(());
    };
    let stream = alerts_stream(site.bytes());
    let key = OwnedString::new(&stream);
    let kind = Key::for_reading(ctx, guard.again(), key.get()).kind();
    let exists = kind != raw::REDISMODULE_KEYTYPE_EMPTY;
    if !exists {
        cluster::refuse_if_key_is_elsewhere(ctx, guard.again(), site, key.get())?;
    }
    let is_stream = !exists || kind == raw::REDISMODULE_KEYTYPE_STREAM;
    let most = MAX_ENTRIES.to_string();
    let fields = message.fields();
    let mut words: Vec<&[u8]> = vec![&stream, b"MAXLEN", b"=", most.as_bytes(), b"*"];
    for (name, text) in &fields {
        words.extend([name.as_bytes(), text]);
    }
    let entry = is_stream
        .then(|| call::replicated(ctx, guard.again(), c"XADD", &words))
        .flatten();
    if entry.is_none() {
        return Err(Error::new(format!(
            "cannot store the alert: '{}' is not a stream, or its ids are used up",
            shown(&stream)
        ))
        .into());
    }
    stats::ALERT_MESSAGES.add(1);
    Ok(())
}

/// Publishes the message of a change, if it has one.
pub fn publish<G: Again>(ctx: Ctx, guard: &mut G, site: &[u8], change: &Change) {
    if let Some(message) = message(change) {
        let words = [&alerts_channel(site)[..], &message.json(site)];
        let command = match config::is_sharded() {
            true => c"SPUBLISH",
            false => c"PUBLISH",
        };
        call::replicated(ctx, guard.again(), command, &words);
    }
}
