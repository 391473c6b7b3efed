//! One for each site that has listeners on this gateway: it makes every message once, and all
//! listeners get the same bytes. It never waits for a listener: the channel reports to a listener that
//! it is too far behind, and that listener is closed.

use super::event::LiveEvent;
use super::hubs::Live;
use super::log::Cursor;
use super::sampler::Sampler;
use super::stats::Stats;
use crate::store::{integer, pairs, text, StoreError};
use axum::extract::ws::Utf8Bytes;
use jiff::tz::TimeZone;
use redis::cmd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{interval, MissedTickBehavior};

/// How far behind a listener may be: five seconds of the most events that there can be.
const BEHIND: usize = 256;
const QUEUE: usize = 1_024;
const POLL: Duration = Duration::from_millis(100);

/// What a listener is given. Cloning shares the bytes.
#[derive(Debug, Clone)]
pub enum Frame {
    /// An event.
    Event(Utf8Bytes),
    Figures(Utf8Bytes),
    /// Comes with every heartbeat, and also while there is none: time to look after the connection.
    Tick,
    /// The gateway stops.
    Close,
}

pub struct Hub {
    pub site: String,
    pub stats: Stats,
    frames: broadcast::Sender<Frame>,
    events: mpsc::Sender<Vec<LiveEvent>>,
}

/// What the hub's task holds.
struct Work {
    hub: Arc<Hub>,
    sampler: Sampler,
    zone: TimeZone,
    /// Where the site's log is read, if it has one.
    cursor: Option<Cursor>,
    events: mpsc::Receiver<Vec<LiveEvent>>,
}

impl Hub {
    /// The hub, and its task, which ends when no listener is left.
    pub fn start(live: &Live, site: &str) -> Arc<Hub> {
        let (frames, _) = broadcast::channel(BEHIND);
        let (sender, receiver) = mpsc::channel(QUEUE);
        let hub = Arc::new(Hub {
            site: String::from(site),
            stats: Stats::default(),
            frames,
            events: sender,
        });
        let work = Work {
            hub: Arc::clone(&hub),
            sampler: Sampler::default(),
            zone: TimeZone::UTC,
            cursor: None,
            events: receiver,
        };
        tokio::spawn(work.run(live.clone()));
        hub
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Frame> {
        self.frames.subscribe()
    }

    pub fn listeners(&self) -> usize {
        self.frames.receiver_count()
    }

    pub fn send(&self, frame: Frame) {
        // Without listeners there is nothing to do.
        let _ = self.frames.send(frame);
    }

    /// Events that gateways had counted.
    pub fn pass(&self, events: Vec<LiveEvent>) {
        let _ = self.events.try_send(events);
    }
}

impl Work {
    async fn run(mut self, live: Live) {
        let mut beats = interval(live.state.config.live.heartbeat);
        let mut polls = interval(POLL);
        for ticks in [&mut beats, &mut polls] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        // The first tick is at once; the listener that comes first has its figures by then.
        beats.tick().await;
        self.look(&live).await;
        loop {
            tokio::select! {
                events = self.events.recv() => {
                    // A site's log has them all.
                    if let (Some(events), None) = (events, &self.cursor) {
                        self.show(&live, events);
                    }
                }
                _ = polls.tick() => self.poll(&live).await,
                _ = beats.tick() => {
                    if live.remove_if_idle(&self.hub) {
                        return;
                    }
                    self.beat(&live).await;
                }
            }
        }
    }

    async fn beat(&mut self, live: &Live) {
        match self
            .hub
            .stats
            .message(&live.state, &self.hub.site, "heartbeat")
            .await
        {
            Ok(text) => self.hub.send(Frame::Figures(text)),
            Err(error) => tracing::debug!(error = %error.message, "no heartbeat"),
        }
        self.hub.send(Frame::Tick);
        self.look(live).await;
    }

    /// Looks at the settings of the module: the zone, and whether there is a log.
    async fn look(&mut self, live: &Live) {
        if let Err(error) = self.try_look(live).await {
            tracing::debug!(%error, "the site's settings cannot be read");
        }
        if self.cursor.is_none() {
            live.tap().announce(&self.hub.site);
        }
    }

    async fn try_look(&mut self, live: &Live) -> Result<(), StoreError> {
        let site = &self.hub.site;
        let info = live
            .state
            .redis
            .query(cmd("ANALYTICS.INFO").arg(site))
            .await?;
        let mut has_log = false;
        for (name, value) in pairs(info) {
            match text(&name) {
                Some("timezone") => {
                    let zone = text(&value).and_then(crate::time::zone);
                    self.zone = zone.unwrap_or(TimeZone::UTC);
                }
                Some("log") => has_log = integer(&value).unwrap_or(0) > 0,
                _ => {}
            }
        }
        if !has_log {
            self.cursor = None;
        } else if self.cursor.is_none() {
            self.cursor = Some(Cursor::at_end(&live.state.redis, site).await?);
        }
        Ok(())
    }

    async fn poll(&mut self, live: &Live) {
        if let Some(cursor) = &mut self.cursor {
            match cursor.read(&live.state.redis).await {
                Ok((events, skipped)) => {
                    self.sampler.skip(skipped);
                    self.show(live, events);
                }
                Err(error) => tracing::debug!(%error, "the log cannot be read"),
            }
        }
        if let Some(event) = self.sampler.flush(Instant::now()) {
            self.send(live, &event);
        }
    }

    fn show(&mut self, live: &Live, events: Vec<LiveEvent>) {
        for event in events {
            if let Some(event) = self.sampler.offer(event, Instant::now()) {
                self.send(live, &event);
            }
        }
    }

    fn send(&self, live: &Live, event: &LiveEvent) {
        if let Some(site) = live.state.sites.snapshot().site(&self.hub.site) {
            let json = event.json(site, &self.zone, &live.state.enrich);
            self.hub.send(Frame::Event(json.into()));
        }
    }
}
