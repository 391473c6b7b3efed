//! What the gateway counts of itself, for `GET /metrics`. Labels are bounded: sites appear only
//! where they opted in, paths as the router writes them, reasons and operations are words of the
//! code.

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The path as the router has it: `/api/v1/sites/{site}/get`.
    pub endpoint: String,
    pub method: &'static str,
    pub status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OperationLabels {
    pub operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EventLabels {
    pub site: String,
    pub event: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SiteLabels {
    pub site: String,
}

pub struct Metrics {
    pub requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    pub redis: Family<OperationLabels, Histogram, fn() -> Histogram>,
    pub dropped: Family<ReasonLabels, Counter>,
    pub events: Family<EventLabels, Counter>,
    pub page_views: Family<SiteLabels, Counter>,
    pub queue_events: Gauge,
    pub queue_bytes: Gauge,
    /// Batches sent again because it was not known whether Redis had counted them.
    pub retries: Counter,
    pub panics: Counter,
    registry: Registry,
}

fn request_seconds() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 10.0,
    ])
}

fn redis_seconds() -> Histogram {
    Histogram::new([
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0,
    ])
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            requests: Family::new_with_constructor(request_seconds),
            redis: Family::new_with_constructor(redis_seconds),
            dropped: Family::default(),
            events: Family::default(),
            page_views: Family::default(),
            queue_events: Gauge::default(),
            queue_bytes: Gauge::default(),
            retries: Counter::default(),
            panics: Counter::default(),
            registry: Registry::with_prefix("analytics"),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let seconds = Unit::Seconds;
        let registry = &mut self.registry;
        registry.register_with_unit(
            "request_duration",
            "Requests by path, method and status",
            seconds.clone(),
            self.requests.clone(),
        );
        registry.register_with_unit(
            "redis_operation_duration",
            "Round trips to Redis",
            seconds,
            self.redis.clone(),
        );
        registry.register(
            "dropped",
            "Events and requests that were not counted, by reason",
            self.dropped.clone(),
        );
        registry.register(
            "events",
            "Events taken, of sites that opted in",
            self.events.clone(),
        );
        registry.register(
            "page_views",
            "Page views taken, of sites that opted in",
            self.page_views.clone(),
        );
        registry.register(
            "queue_events",
            "Events that wait for Redis or are under way",
            self.queue_events.clone(),
        );
        registry.register(
            "queue_bytes",
            "Bytes of their commands",
            self.queue_bytes.clone(),
        );
        registry.register(
            "retries",
            "Batches that were sent again",
            self.retries.clone(),
        );
        registry.register(
            "panics",
            "Requests that failed by a fault of the gateway",
            self.panics.clone(),
        );
    }

    pub fn drop_event(&self, reason: &'static str) {
        self.drop_events(reason, 1);
    }

    pub fn drop_events(&self, reason: &'static str, count: u64) {
        self.dropped
            .get_or_create(&ReasonLabels { reason })
            .inc_by(count);
    }

    pub fn redis_took(&self, operation: &'static str, time: Duration) {
        self.redis
            .get_or_create(&OperationLabels { operation })
            .observe(time.as_secs_f64());
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
