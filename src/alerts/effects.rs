//! What a change of a rule's state does: an entry of the stream `{site}:alerts`, the new state, and a
//! message. Replicas and the AOF are told all of it at once, as facts. The entry is the only step that
//! can fail, and comes first: where it does, nothing has happened.

use redis_module::raw::{self, RedisModuleString};

use crate::api::call;
use crate::api::guard::{Again, Outside, WriteGuard};
use crate::api::key::Key;
use crate::api::redis::{bytes_of, Ctx, Outcome, OwnedString};
use crate::store::cluster;
use crate::store::site_value::SiteValue;
use crate::store::value;
use crate::{config, stats};
use analytics_core::alert::{Message, Rule, Saying, State};
use analytics_core::error::{shown, Error};
use analytics_core::schema::keys::{alerts_channel, alerts_stream};

/// The stream keeps so many of the last entries.
pub const MOST_ENTRIES: usize = 10_000;

pub struct Change {
    pub rule: Rule,
    /// None for a rule that is gone.
    pub state: Option<State>,
    pub saying: Option<Saying>,
    pub value: Option<f64>,
    pub time: i64,
}

/// Of rules of one site. What cannot be done is left as it is, to be tried again.
pub fn apply(ctx: Ctx, site: &OwnedString, changes: &[Change]) {
    let name = bytes_of(site.raw());
    let mut outside = Outside::new();
    let mut is_changed = false;
    for change in changes {
        if append(ctx, &mut outside, site.raw(), change).is_err() {
            stats::ALERT_FAILURES.add(1);
            continue;
        }
        let Some(state) = change.state else { continue };
        set_state(ctx, site, &change.rule.name, state);
        publish(ctx, &mut outside, name, change);
        is_changed = true;
    }
    if is_changed {
        ctx.signal_modified(site.raw());
        ctx.notify(c"analytics.alert", site.raw());
    }
}

fn set_state(ctx: Ctx, site: &OwnedString, rule: &[u8], state: State) {
    let Ok(mut guard) = WriteGuard::new() else {
        return;
    };
    let key = Key::for_writing(ctx, &mut guard, site.raw());
    if let Ok(Some(value)) = value::write::<SiteValue>(key) {
        value.site.change_watch(|watch| {
            if let Some(alarm) = watch.alarm_mut(rule) {
                alarm.state = state;
            }
        });
    }
    let words = [&b"STATE"[..], rule].into_iter().map(OwnedString::new);
    let times = words_of(state);
    let words: Vec<OwnedString> = words
        .chain(times.iter().map(|word| OwnedString::new(word.as_bytes())))
        .collect();
    let mut strings = vec![site.raw()];
    strings.extend(words.iter().map(OwnedString::raw));
    ctx.replicate(c"ANALYTICS.ALERT", &strings);
}

/// As `ANALYTICS.ALERT site STATE rule` takes it.
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
        saying: change.saying?,
        value: change.value,
        time: change.time,
    })
}

/// Appends what there is to say to the stream. Nothing has happened where this fails.
pub fn append<G: Again>(
    ctx: Ctx,
    guard: &mut G,
    site: *mut RedisModuleString,
    change: &Change,
) -> Outcome {
    let Some(message) = message(change) else {
        return Ok(());
    };
    let stream = alerts_stream(bytes_of(site));
    let key = OwnedString::new(&stream);
    let kind = Key::for_reading(ctx, guard.again(), key.raw()).kind();
    let exists = kind != raw::REDISMODULE_KEYTYPE_EMPTY;
    if !exists {
        cluster::refuse_if_bucket_is_elsewhere(ctx, guard.again(), site, key.raw())?;
    }
    let is_stream = !exists || kind == raw::REDISMODULE_KEYTYPE_STREAM;
    let most = MOST_ENTRIES.to_string();
    let fields = message.fields();
    let mut words: Vec<&[u8]> = vec![&stream, b"MAXLEN", b"=", most.as_bytes(), b"*"];
    for (name, text) in &fields {
        words.extend([name.as_bytes(), text]);
    }
    let entry = is_stream
        .then(|| call::write(ctx, guard.again(), c"XADD", &words))
        .flatten();
    if entry.is_none() {
        return Err(Error::new(format!(
            "'{}' does not take the alerts of the site: it is no stream, or its ids are used up",
            shown(&stream)
        ))
        .into());
    }
    stats::ALERT_MESSAGES.add(1);
    Ok(())
}

/// Publishes what was said.
pub fn publish<G: Again>(ctx: Ctx, guard: &mut G, site: &[u8], change: &Change) {
    if let Some(message) = message(change) {
        let words = [&alerts_channel(site)[..], &message.json(site)];
        let command = if config::is_sharded() {
            c"SPUBLISH"
        } else {
            c"PUBLISH"
        };
        call::write(ctx, guard.again(), command, &words);
    }
}
