//! The way of events behind the adapters: drafts are completed or dropped, and counted by Redis.

use super::event::{Draft, Event};
use super::pipeline::{self, Context};
use super::sink::{Refusal, Sink};
use super::source::Source;
use crate::config::Acknowledge;
use crate::error::ApiResult;
use crate::sites::Site;
use crate::state::AppState;
use crate::store::Redis;
use axum::extract::FromRef;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// What the handlers of events have. Cheap to clone.
#[derive(Clone)]
pub struct Ingest(Arc<Parts>);

pub struct Parts {
    pub state: AppState,
    sink: Sink,
}

impl Deref for Ingest {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Ingest> for AppState {
    fn from_ref(ingest: &Ingest) -> AppState {
        ingest.state.clone()
    }
}

/// What became of the events of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// That Redis counted; where the answer does not wait for it, that were put into the queue.
    pub counted: u64,
    /// That a step of the pipeline dropped.
    pub dropped: u64,
}

impl Ingest {
    /// With connections for events, and a queue for each of so many workers.
    pub fn new(state: &AppState, redis: Redis, workers: usize) -> Ingest {
        let metrics = Arc::clone(&state.metrics);
        let sink = Sink::new(&state.config.ingest, redis, metrics, workers);
        let state = state.clone();
        Ingest(Arc::new(Parts { state, sink }))
    }

    /// Completes the drafts and has them counted. With `Refusal::Whole` a draft that is not valid
    /// fails the request and nothing counts; else it is dropped, and the others count.
    pub async fn take(
        &self,
        site: &Site,
        source: &Source,
        drafts: Vec<Draft>,
        refusal: Refusal,
    ) -> ApiResult<Taken> {
        self.state.limits.take_key(&site.name)?;
        let context = Context {
            site,
            source,
            enrich: &self.state.enrich,
        };
        let mut events: Vec<Event> = Vec::with_capacity(drafts.len());
        let mut taken = Taken::default();
        let many = drafts.len() > 1;
        for (index, draft) in drafts.into_iter().enumerate() {
            match pipeline::complete(draft, &context) {
                Ok(event) => events.push(event),
                Err(reason) => {
                    self.state.metrics.drop_event(reason.word());
                    let fails = refusal == Refusal::Whole && !reason.is_unwanted();
                    if fails || reason.passes() {
                        return Err(reason.error(many.then_some(index)));
                    }
                    taken.dropped += 1;
                }
            }
        }
        let names: Vec<String> = if site.prometheus {
            events.iter().map(|event| event.name.clone()).collect()
        } else {
            Vec::new()
        };
        taken.counted = match self.state.config.ingest.acknowledge {
            Acknowledge::Counted => self.sink.count(&site.name, events, refusal).await?,
            Acknowledge::Queued => {
                let count = events.len() as u64;
                self.sink.queue(&site.name, events)?;
                count
            }
        };
        for name in names {
            self.state.metrics.count_event(&site.name, &name);
        }
        Ok(taken)
    }

    /// Waits until nothing is in the queue, at most so long.
    pub async fn drained(&self, most: Duration) {
        let until = tokio::time::Instant::now() + most;
        while self.sink.waiting() > 0 && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let left = self.sink.waiting();
        if left > 0 {
            tracing::error!(left, "events were not counted before the end");
        }
    }

    /// Looks what the module can do, again and again until it answers.
    pub async fn probe(&self) {
        while let Err(error) = self.sink.probe().await {
            tracing::warn!(%error, "the module does not answer");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
