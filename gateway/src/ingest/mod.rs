//! Events in. An adapter for each protocol reads a body into drafts (`native.rs`, and so on), the
//! pipeline completes or drops each (`pipeline.rs`), and the sink has Redis count them (`sink.rs`).

mod body;
mod classic;
mod event;
mod failures;
mod native;
mod pipeline;
mod plausible;
mod posthog;
mod properties;
mod reason;
mod script;
mod segment;
mod sink;
mod skew;
mod source;
mod unpack;

pub use event::{Draft, Event};
pub use reason::Reason;
pub use sink::Refusal;
pub use source::Source;

use crate::config::{Acknowledge, Config};
use crate::enrich::Enrich;
use crate::error::{ApiError, ApiResult};
use crate::http::Limits;
use crate::metrics::Metrics;
use crate::sites::Site;
use crate::state::AppState;
use crate::store::Redis;
use pipeline::Context;
use sink::Sink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;

pub struct Ingest {
    sink: Sink,
    limits: Limits,
    metrics: Arc<Metrics>,
    enrich: Enrich,
    acknowledge: Acknowledge,
    draining: AtomicBool,
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
    pub fn new(config: &Config, redis: Redis, metrics: Arc<Metrics>) -> Ingest {
        Ingest {
            sink: Sink::new(&config.ingest, redis, Arc::clone(&metrics)),
            limits: Limits::new(&config.limits),
            metrics,
            enrich: Enrich::new(&config.enrich),
            acknowledge: config.ingest.acknowledge,
            draining: AtomicBool::new(false),
        }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
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
        self.limits.take_key(&site.name)?;
        let context = Context {
            site,
            source,
            enrich: &self.enrich,
        };
        let mut events = Vec::with_capacity(drafts.len());
        let mut taken = Taken::default();
        let many = drafts.len() > 1;
        for (index, draft) in drafts.into_iter().enumerate() {
            match pipeline::complete(draft, &context) {
                Ok(event) => events.push(event),
                Err(reason) => {
                    self.metrics.drop_event(reason.word());
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
        taken.counted = match self.acknowledge {
            Acknowledge::Counted => self.sink.count(&site.name, events, refusal).await?,
            Acknowledge::Queued => {
                let count = events.len() as u64;
                self.sink.queue(&site.name, events)?;
                count
            }
        };
        for name in names {
            self.metrics.count_event(&site.name, &name);
        }
        Ok(taken)
    }

    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
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

    pub fn enrich(&self) -> &Enrich {
        &self.enrich
    }

    /// Looks what the module can do, again and again until it answers.
    pub async fn probe(&self) {
        while let Err(error) = self.sink.probe().await {
            tracing::warn!(%error, "the module does not answer");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Which of a body's events was wrong, for the message.
fn numbered(error: ApiError, index: Option<usize>) -> ApiError {
    match (index, &error.field) {
        (Some(index), Some(field)) => ApiError {
            field: Some(format!("[{index}].{field}").into()),
            ..error
        },
        _ => error,
    }
}

/// The paths that take events.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(native::routes())
        .merge(classic::routes())
        .merge(plausible::routes())
        .merge(segment::routes())
        .merge(posthog::routes())
        .merge(script::routes())
}
