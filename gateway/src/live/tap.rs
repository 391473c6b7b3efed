//! What this gateway has had counted, for listeners of sites without a log: seen where Redis has
//! confirmed it, passed on to all gateways on one channel of Redis, and only while some listener of
//! any gateway wants it.

use super::event::LiveEvent;
use super::sampler::Sampler;
use crate::store::{integer, Observer, Redis};
use redis::{cmd, Arg, Cmd, Value};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub const CHANNEL: &str = "analytics-gateway:live";
/// After so long without an announcement the events of a site are not passed on.
const WANTED: Duration = Duration::from_secs(15);
const FLUSH: Duration = Duration::from_millis(100);
const QUEUE: usize = 4_096;

/// What gateways send to each other.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Message {
    /// A gateway has listeners of the site.
    Wanted(String),
    Events(String, Vec<LiveEvent>),
}

struct Want {
    until: Instant,
    sampler: Sampler,
}

/// The observer of the connection for events.
pub struct Tap {
    /// Whether any site is wanted, so that nothing is looked at if none is.
    open: AtomicBool,
    wanted: Mutex<HashMap<String, Want>>,
    sender: mpsc::Sender<Message>,
}

impl Tap {
    /// With the messages that are to be published, for `publish`.
    pub fn new() -> (Arc<Tap>, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let tap = Tap {
            open: AtomicBool::new(false),
            wanted: Mutex::default(),
            sender,
        };
        (Arc::new(tap), receiver)
    }

    fn wanted(&self) -> MutexGuard<'_, HashMap<String, Want>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Some gateway has listeners of the site.
    pub fn want(&self, site: String) {
        let until = Instant::now() + WANTED;
        let mut wanted = self.wanted();
        let want = wanted.entry(site).or_insert_with(|| Want {
            until,
            sampler: Sampler::default(),
        });
        want.until = until;
        self.open.store(true, Ordering::Relaxed);
    }

    /// Announces that this gateway has listeners of the site.
    pub fn announce(&self, site: &str) {
        let _ = self.sender.try_send(Message::Wanted(String::from(site)));
    }

    /// Listeners see less rather than have the counting wait: what does not fit is left out.
    fn pass(&self, site: &str, events: Vec<LiveEvent>) {
        if !events.is_empty() {
            let message = Message::Events(String::from(site), events);
            let _ = self.sender.try_send(message);
        }
    }

    fn flush(&self) {
        let now = Instant::now();
        let mut wanted = self.wanted();
        wanted.retain(|_, want| now < want.until);
        self.open.store(!wanted.is_empty(), Ordering::Relaxed);
        for (site, want) in wanted.iter_mut() {
            self.pass(site, want.sampler.flush(now).into_iter().collect());
        }
    }
}

impl Observer for Tap {
    /// A command of whose events some counted is passed on; one of which none did is not, for its
    /// events had been seen before.
    fn confirmed(&self, command: &Cmd, reply: &Value) {
        if !self.open.load(Ordering::Relaxed) || integer(reply).unwrap_or(0) <= 0 {
            return;
        }
        let words = || {
            command.args_iter().map_while(|arg| match arg {
                Arg::Simple(word) => Some(word),
                _ => None,
            })
        };
        let site = words()
            .nth(1)
            .and_then(|site| std::str::from_utf8(site).ok());
        let Some(site) = site else { return };
        let mut wanted = self.wanted();
        let Some(want) = wanted.get_mut(site) else {
            return;
        };
        if let Some((_, events)) = LiveEvent::of_command(words()) {
            let now = Instant::now();
            let sampler = &mut want.sampler;
            let passed = events.into_iter().filter_map(|e| sampler.offer(e, now));
            self.pass(site, passed.collect());
        }
    }
}

/// Publishes what the tap passes on, for as long as the process lives. While Redis is away nothing
/// is counted that could be shown.
pub async fn publish(tap: Arc<Tap>, mut messages: mpsc::Receiver<Message>, redis: Redis) {
    let mut ticks = tokio::time::interval(FLUSH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            message = messages.recv() => match message {
                Some(message) => message,
                None => return,
            },
            _ = ticks.tick() => {
                tap.flush();
                continue;
            }
        };
        let Ok(json) = serde_json::to_string(&message) else {
            continue;
        };
        let published = redis.query(cmd("PUBLISH").arg(CHANNEL).arg(json)).await;
        if let Err(error) = published {
            tracing::debug!(%error, "an event is not shown");
        }
    }
}
