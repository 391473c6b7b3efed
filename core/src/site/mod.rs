//! A site: a tenant's settings, the counters of its events, its rules and live metrics.

mod stored;
#[cfg(test)]
mod tests;

use super::error::Result;
use super::event::{Batch, Fingerprint};
use super::memory::allocated;
use super::text::Text;
use super::time::{MAX_TIME, MIN_TIME};
use crate::alert::watch::Watch;
use crate::schema::{limits, Settings};

#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    pub settings: Settings,
    events: u64,
    /// The earliest and the latest time of an event.
    observed: Option<(i64, i64)>,
    /// From the first to the last time of which users or sessions were imported.
    imported: Option<(i64, i64)>,
    /// Its event log was on when an event counted: the stream of this name is its own.
    has_logged: bool,
    /// A rule of it was firing: the stream of alerts is its own.
    has_alerted: bool,
    /// Where the last replays of streams ended, the latest at the end. Most sites have none.
    #[allow(clippy::box_collection)]
    replays: Option<Box<Vec<Replayed>>>,
    /// Most sites have none.
    watch: Option<Box<Watch>>,
}

/// Where the last replay of a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// Of the name of the stream.
    pub stream: Fingerprint,
    /// The id of the last entry that was read.
    pub last: (u64, u64),
}

impl Site {
    pub fn new(settings: Settings) -> Site {
        Site {
            settings,
            events: 0,
            observed: None,
            imported: None,
            has_logged: false,
            has_alerted: false,
            replays: None,
            watch: None,
        }
    }

    /// Alert rules and live metrics, if there are any.
    pub fn watch(&self) -> Option<&Watch> {
        self.watch.as_deref()
    }

    /// Changes them. Nothing is kept of them when they are empty afterwards.
    pub fn change_watch<T>(&mut self, change: impl FnOnce(&mut Watch) -> T) -> T {
        let watch = self.watch.get_or_insert_default();
        let outcome = change(watch);
        let mut alarms = watch.alarms().iter();
        self.has_alerted |= alarms.any(|alarm| alarm.state.is_firing());
        if watch.is_empty() {
            self.watch = None;
        }
        outcome
    }

    /// What the site occupies, itself included.
    pub fn bytes(&self) -> usize {
        let watch = self.watch.as_ref();
        allocated(size_of::<Site>())
            + self.settings.heap_bytes()
            + self.replays.as_ref().map_or(0, |it| {
                allocated(size_of::<Vec<Replayed>>())
                    + allocated(it.capacity() * size_of::<Replayed>())
            })
            + watch.map_or(0, |it| allocated(size_of::<Watch>()) + it.heap_bytes())
    }

    /// Where the last replay of this stream ended.
    pub fn replayed(&self, stream: Fingerprint) -> Option<(u64, u64)> {
        let mut all = self.replays().iter();
        let found = all.find(|it| it.stream == stream);
        found.map(|it| it.last)
    }

    pub fn replays(&self) -> &[Replayed] {
        self.replays.as_deref().map_or(&[], Vec::as_slice)
    }

    /// A replay of a stream has ended. Of more streams than a site keeps, the one that was replayed longest
    /// ago is left out.
    pub fn set_replayed(&mut self, replayed: Replayed) {
        let replays = self.replays.get_or_insert_default();
        replays.retain(|it| it.stream != replayed.stream);
        if replays.len() >= limits::REPLAYS_PER_SITE {
            replays.remove(0);
        }
        replays.push(replayed);
    }

    /// Whether it has written to its event log.
    pub fn has_logged(&self) -> bool {
        self.has_logged
    }

    /// Whether it has written to its stream of alerts.
    pub fn has_alerted(&self) -> bool {
        self.has_alerted
    }

    /// How many events were counted.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The earliest and the latest time of an event.
    pub fn observed(&self) -> Option<(i64, i64)> {
        self.observed
    }

    /// The earliest and the latest time of an event or an import.
    pub fn span(&self) -> Option<(i64, i64)> {
        match (self.observed, self.imported) {
            (Some((first, last)), Some((from, to))) => Some((first.min(from), last.max(to))),
            (observed, imported) => observed.or(imported),
        }
    }

    /// Users or sessions of these times were imported.
    pub fn import(&mut self, first: i64, last: i64) {
        let (first, last) = (first.max(MIN_TIME), last.min(MAX_TIME - 1));
        self.imported = Some(match self.imported {
            None => (first, last),
            Some((from, to)) => (first.min(from), last.max(to)),
        });
    }

    #[inline]
    pub fn count(&mut self, time: i64) {
        self.events = self.events.saturating_add(1);
        self.has_logged |= self.settings.log.is_on();
        self.observed = Some(match self.observed {
            None => (time, time),
            Some((first, last)) => (first.min(time), last.max(time)),
        });
    }

    /// The settings with the dimensions and values that a batch is the first to name: None if there
    /// are none, or why the batch is refused.
    #[inline]
    pub fn settings_for(&self, batch: &Batch) -> Result<Option<Box<Settings>>> {
        self.settings.check_derived(&batch.dimensions)?;
        let (mut dimensions, mut values) = (batch.dimensions.iter(), batch.values.iter());
        if dimensions.all(|(name, _)| self.settings.dimension(*name).is_some())
            && values.all(|(name, _)| self.settings.has_value(*name))
        {
            return Ok(None);
        }
        let mut settings = Box::new(self.settings.clone());
        settings.learn(&batch.dimensions, &batch.values)?;
        Ok(Some(settings))
    }

    /// Adds an event's new dimensions and values.
    pub fn learn(&mut self, dimensions: &[(Text, Text)], values: &[(Text, f64)]) {
        // `settings_for` has checked that there is room.
        let _ = self.settings.learn(dimensions, values);
    }
}
